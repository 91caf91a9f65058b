"""Whose a resource is: each kind's grammar × how much of our identity its name proves."""

import pytest

from glbc.model.compute import NetworkEndpointGroup, Spec
from glbc.model.graph import Ownership
from glbc.model.keys import GLOBAL, Kind, ResourceKey, Scope, zone
from glbc.model.kinds import ROWS
from glbc.naming import Namer, Scheme
from glbc.ownership import GRAMMAR, ownership_of

OWNED, ADOPTABLE, FOREIGN = Ownership.OWNED, Ownership.ADOPTABLE, Ownership.FOREIGN
UID, KUBE_SYSTEM = "16f2a1b3c4d5e6f7", "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11"
OURS = Namer(UID, KUBE_SYSTEM)
THEIRS = Namer("0123456789abcdef", "11111111-2222-3333-4444-555555555555")
LEGACY = Namer("", KUBE_SYSTEM)
LONG = ("n" * 40, "w" * 40)  # a v1 name that is cut: the uid is gone
INGRESS = '{"kubernetes.io/ingress-name": "shop/web"}'
SERVICE = (
    '{"kubernetes.io/service-name":"shop/gone",'
    r'"kubernetes.io/service-port":"\u0026ServiceBackendPort{Name:http,Number:0,}"}'
)

# kind, how a Namer names it, descriptions that fit, descriptions that do not
KINDS = (
    (
        Kind.HEALTH_CHECK,
        lambda namer, _at: namer.backend(30080),
        (
            "Default kubernetes L7 Loadbalancing health check.",
            "Default kubernetes L7 Loadbalancing health check for NEG.",
            "Default kubernetes L7 Loadbalancing health check for Regional XLB.",
            "Kubernetes L7 health check generated with readiness probe settings.",
            '{\n    "k8sCluster": "/locations/z",\n    "k8sResource": "/namespaces/n",\n    "config": ""}',
        ),
        ("", "mine", "Default kubernetes L7 Loadbalancing health check", '{"k8sCluster": "c"}'),
    ),
    (
        Kind.BACKEND_SERVICE,
        lambda namer, _at: namer.backend(30080),
        (SERVICE, SERVICE[:-1] + ',"x-features":["HTTP2"]}'),
        ("", "mine", INGRESS, '{"kubernetes.io/service-name":"shop"}'),
    ),
    (
        Kind.INSTANCE_GROUP,
        lambda namer, _at: namer.instance_group(),
        ("",),
        ("mine",),
    ),
    (
        Kind.URL_MAP,
        lambda namer, at: namer.frontend(*at).url_map,
        ("",),
        ("mine", INGRESS),
    ),
    (
        Kind.TARGET_HTTP_PROXY,
        lambda namer, at: namer.frontend(*at).http_proxy,
        (INGRESS, INGRESS.replace(": ", ":")),
        ("", "mine", SERVICE),
    ),
    (
        Kind.TARGET_HTTPS_PROXY,
        lambda namer, at: namer.frontend(*at).https_proxy,
        (INGRESS,),
        ("", "mine"),
    ),
    (
        Kind.FORWARDING_RULE,
        lambda namer, at: namer.frontend(*at).http_rule,
        (INGRESS,),
        ("", "mine", '{"kubernetes.io/service-name":"shop/web"}'),
    ),
    (
        Kind.ADDRESS,
        lambda namer, at: namer.frontend(*at).address,
        ("",),
        ("mine",),
    ),
    (
        Kind.SSL_CERTIFICATE,
        lambda namer, at: namer.certificate(*at, b"crt"),
        ("",),
        ("mine",),
    ),
    (
        Kind.FIREWALL,
        lambda namer, _at: namer.firewall(),
        ("GCE L7 firewall rule",),
        ("", "mine"),
    ),
)
AT = {
    "v1": (Scheme.V1, "shop", "web"),
    "v2": (Scheme.V2, "shop", "web"),
}


def _judged(kind, name, description, namer=OURS, known=()):
    scope = zone("us-central1-a") if kind == Kind.INSTANCE_GROUP else GLOBAL
    spec = ROWS[kind].spec(description=description)
    return ownership_of(ResourceKey("p", kind, scope, name), spec, namer, frozenset(known))


@pytest.mark.parametrize("scheme", AT)
@pytest.mark.parametrize(
    ("kind", "named", "fitting", "odd"), [pytest.param(*row, id=row[0]) for row in KINDS]
)
def test_full_identity_and_grammar_decide(kind, named, fitting, odd, scheme) -> None:
    name = named(OURS, AT[scheme])
    assert {OWNED} == {_judged(kind, name, text) for text in fitting}
    assert {ADOPTABLE} == {_judged(kind, name, text) for text in odd}


@pytest.mark.parametrize("scheme", AT)
@pytest.mark.parametrize(
    ("kind", "named", "fitting", "odd"), [pytest.param(*row, id=row[0]) for row in KINDS]
)
def test_another_clusters_name_is_foreign(kind, named, fitting, odd, scheme) -> None:
    name = named(THEIRS, AT[scheme])
    assert {FOREIGN} == {_judged(kind, name, text) for text in (*fitting, *odd)}


@pytest.mark.parametrize(
    ("kind", "named", "fitting", "odd"), [pytest.param(*row, id=row[0]) for row in KINDS]
)
def test_a_legacy_name_proves_nothing(kind, named, fitting, odd) -> None:
    name = named(LEGACY, AT["v1"])
    assert {FOREIGN} == {_judged(kind, name, text) for text in fitting}
    assert {FOREIGN} == {_judged(kind, name, text, LEGACY) for text in fitting}


FRONT_ENDS = [row for row in KINDS if row[0] in {"urlMaps", "targetHttpProxies", "forwardingRules"}]


@pytest.mark.parametrize(
    ("kind", "named", "fitting", "odd"), [pytest.param(*row, id=row[0]) for row in FRONT_ENDS]
)
@pytest.mark.parametrize(
    ("namer", "at"),
    [
        pytest.param(OURS, (Scheme.V1, *LONG), id="a cut name"),
        pytest.param(LEGACY, (Scheme.V1, "shop", "web"), id="a legacy name"),
    ],
)
def test_a_name_without_identity_is_ours_only_when_an_ingress_has_it(
    kind, named, fitting, odd, namer, at
) -> None:
    name = named(namer, at)
    assert _judged(kind, name, fitting[0], namer) == FOREIGN
    assert _judged(kind, name, fitting[0], namer, {name}) == OWNED
    assert _judged(kind, name, odd[0], namer, {name}) == ADOPTABLE


def test_partial_identity_is_ours_only_when_an_ingress_has_it() -> None:
    name = OURS.frontend(Scheme.V1, "n" * 20, "w" * 20).url_map
    assert len(name) == 63  # cut inside the uid
    assert _judged(Kind.URL_MAP, name, "") == FOREIGN
    assert _judged(Kind.URL_MAP, name, "", known={name}) == OWNED


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(Kind.URL_MAP, "my-map", id="a name of another form"),
        pytest.param(Kind.URL_MAP, OURS.instance_group(), id="our name in the wrong collection"),
        pytest.param(Kind.INSTANCE, OURS.instance_group(), id="a kind that we never make"),
        pytest.param("backendBuckets", OURS.backend(1), id="a kind that we do not know"),
        pytest.param(Kind.NETWORK_ENDPOINT_GROUP, OURS.neg("shop", "web", 80), id="a NEG"),
        pytest.param(Kind.URL_MAP, "Not A Name", id="no name at all"),
    ],
)
def test_everything_else_is_foreign(kind: str, name: str) -> None:
    key = ResourceKey("p", kind, Scope("global"), name)
    assert ownership_of(key, Spec(), OURS, ()) == FOREIGN


def test_a_description_that_was_never_set_is_empty() -> None:
    key = ResourceKey("p", Kind.URL_MAP, GLOBAL, OURS.frontend(*AT["v2"]).url_map)
    assert ownership_of(key, Spec(), OURS, ()) == OWNED


def test_every_managed_kind_has_a_grammar() -> None:
    judged = {row[0] for row in KINDS} | {Kind.NETWORK_ENDPOINT_GROUP}
    assert set(ROWS) == set(GRAMMAR) == judged


def _of_neg(cluster: str) -> str:
    return f'{{"cluster-uid":"{cluster}","namespace":"shop","service-name":"web","port":"80"}}'


@pytest.mark.parametrize("name", [OURS.neg("shop", "web", 80), "my-own-name"])
@pytest.mark.parametrize(
    ("description", "expected"),
    [
        pytest.param(_of_neg(OURS.kube_system_uid), OWNED, id="our cluster"),
        pytest.param(_of_neg("another"), FOREIGN, id="another cluster"),
        pytest.param("", FOREIGN, id="nobody"),
        pytest.param("mine", FOREIGN, id="a person"),
    ],
)
def test_an_endpoint_group_is_whose_its_description_says(
    name: str, description: str, expected: Ownership
) -> None:
    key = ResourceKey("p", Kind.NETWORK_ENDPOINT_GROUP, zone("z"), name)
    spec = NetworkEndpointGroup(description=description, network_endpoint_type="GCE_VM_IP_PORT")
    assert ownership_of(key, spec, OURS, ()) == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        pytest.param("shop/web", OWNED, id="the Service that the name is of"),
        pytest.param("shop/other", FOREIGN, id="another Service"),
    ],
)
def test_a_backend_of_endpoints_is_ours_when_name_and_description_agree(
    service: str, expected: Ownership
) -> None:
    key = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, OURS.neg("shop", "web", 8080))
    description = SERVICE.replace("shop/gone", service)
    assert ownership_of(key, Spec(description=description), OURS, ()) == expected


def test_a_name_whose_port_was_cut_is_known_again() -> None:
    service = "checkout-service-frontend"
    name = OURS.neg("production", service, 8080)
    assert "-808-" in name
    assert OURS.is_neg_of(name, "production", service)
    assert not OURS.is_neg_of(name, "production", "checkout-service-frontenD")
