"""Ingress to resources: the worked example in full, and each choice of the way there by a table."""

from typing import Any

import msgspec
import pytest

from fakes import build
from glbc.config import Config
from glbc.model.compute import BackendService, HostRule, PathMatcher, PathRule, UrlMap
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Graph, Resource
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, parse_link
from glbc.model.loadbalancer import Backend
from glbc.model.views import Hints, Ingress, IngressBackend, Snapshot
from glbc.naming import FINALIZER_V1, FINALIZER_V2, Namer, Scheme, path_matcher
from glbc.translate.annotations import ALLOW_HTTP, CLASS, flag
from glbc.translate.backend import World, resolve
from glbc.translate.classes import class_finding, is_ours
from glbc.translate.desired import Desired, needs_finalizer, translate
from glbc.translate.ingress import scheme_for
from tests.golden.cases import KUBE_SYSTEM, UID, config_of, sent, snapshot_of

NAMER = Namer(UID, KUBE_SYSTEM)
CONFIG = config_of()
G = "https://www.googleapis.com/compute/v1/projects/p/"
DEFAULT = build.service("kube-system/default-http-backend", "http=80->30000")
WEB = build.service("shop/web", "http=80->30080")
API = build.service("shop/api", "8080->30081")
NODE = build.node("n1", project="p")
WORLD = (NODE, DEFAULT, WEB, API)
USER = ObjectRef("Ingress", "shop", "web")
MAP = ResourceKey("p", Kind.URL_MAP, GLOBAL, NAMER.frontend(Scheme.V2, "shop", "web").url_map)


def _desired(
    *manifests: build.Manifest, hints: Hints | None = None, config: Config = CONFIG
) -> Desired:
    return translate(snapshot_of(manifests), hints or Hints(), NAMER, config)


def _ingress(manifest: build.Manifest, address: str = "") -> Ingress:
    ips = [{"ip": address}] if address else []
    return msgspec.convert({**manifest, "status": {"loadBalancer": {"ingress": ips}}}, Ingress)


def _bodies(desired: Desired) -> dict[str, dict[str, Any]]:
    return {f"{node.key.kind}/{node.key.name}": sent(node) for node in desired.graph}


def _backend(node_port: int) -> ResourceKey:
    return ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, NAMER.backend(node_port))


def _map(desired: Desired, key: ResourceKey = MAP) -> UrlMap:
    spec = desired.graph[key].spec
    assert isinstance(spec, UrlMap)
    return spec


def _routes(desired: Desired, host: str = "*") -> dict[str, str]:
    """The path rules of a host: path to the node port in the backend's name."""
    (matcher,) = (m for m in _map(desired).path_matchers if m.name == path_matcher(host))
    return {rule.paths[0]: _port(rule.service.to.name) for rule in matcher.path_rules}


def _port(name: str) -> str:
    return name.removeprefix("k8s-be-").removesuffix(f"--{UID}")


def _live(default: int, routes: dict[str, int], host: str = "*") -> Hints:
    """Hints of a URL map that serves these routes now."""
    rules = tuple(
        PathRule(paths=(path,), service=Ref(_backend(port))) for path, port in routes.items()
    )
    matcher = PathMatcher(
        name=path_matcher(host), default_service=Ref(_backend(default)), path_rules=rules
    )
    live = UrlMap(
        default_service=Ref(_backend(default)),
        host_rules=(HostRule(hosts=(host,), path_matcher=matcher.name),),
        path_matchers=(matcher,),
    )
    return Hints(url_maps={MAP: live})


# The worked example ------------------------------------------------------------------------------

WORKED = (
    NODE,
    build.service("shop/front", "80->30301"),
    build.service("shop/api", "8080->30302"),
    build.service("shop/dflt", "http=80->30303"),
    build.ingress(
        "shop/web",
        {
            "a.example.com": [("/*", "front:80", "ImplementationSpecific"), ("/api", "api:8080")],
            "b.example.com": [("/x", "front:80", "Exact")],
        },
        default="dflt:http",
    ),
)
L = "aer32pk4-shop-web-jkv47h8u"
BS = "global/backendServices/k8s-be-"


def _check(port: int) -> dict[str, Any]:
    return {
        "name": f"k8s-be-{port}--16f2a1b3c4d5e6f7",
        "checkIntervalSec": 60,
        "timeoutSec": 60,
        "healthyThreshold": 1,
        "unhealthyThreshold": 10,
        "type": "HTTP",
        "description": "Default kubernetes L7 Loadbalancing health check.",
        "httpHealthCheck": {"port": port, "requestPath": "/"},
    }


def _service(port: int, service: str, reference: str) -> dict[str, Any]:
    return {
        "name": f"k8s-be-{port}--16f2a1b3c4d5e6f7",
        "protocol": "HTTP",
        "port": port,
        "portName": f"port{port}",
        "healthChecks": [f"{G}global/healthChecks/k8s-be-{port}--16f2a1b3c4d5e6f7"],
        "logConfig": {"enable": True, "sampleRate": 1},
        "description": f'{{"kubernetes.io/service-name":"{service}","kubernetes.io/service-port":'
        f'"\\u0026ServiceBackendPort{{{reference},}}"}}',
        "backends": [
            {
                "group": f"{G}zones/us-central1-a/instanceGroups/k8s-ig--16f2a1b3c4d5e6f7",
                "balancingMode": "RATE",
                "maxRatePerInstance": 1,
            }
        ],
    }


def test_the_worked_example_is_what_upstream_sends() -> None:
    dflt = f"{BS}30303--16f2a1b3c4d5e6f7"
    assert _bodies(_desired(*WORKED)) == {
        "instanceGroups/k8s-ig--16f2a1b3c4d5e6f7": {
            "name": "k8s-ig--16f2a1b3c4d5e6f7",
            "namedPorts": [
                {"name": "port30301", "port": 30301},
                {"name": "port30302", "port": 30302},
                {"name": "port30303", "port": 30303},
            ],
            "instances": [f"{G}zones/us-central1-a/instances/n1"],
        },
        "healthChecks/k8s-be-30301--16f2a1b3c4d5e6f7": _check(30301),
        "healthChecks/k8s-be-30302--16f2a1b3c4d5e6f7": _check(30302),
        "healthChecks/k8s-be-30303--16f2a1b3c4d5e6f7": _check(30303),
        "backendServices/k8s-be-30301--16f2a1b3c4d5e6f7": _service(
            30301, "shop/front", "Name:,Number:80"
        ),
        "backendServices/k8s-be-30302--16f2a1b3c4d5e6f7": _service(
            30302, "shop/api", "Name:,Number:8080"
        ),
        "backendServices/k8s-be-30303--16f2a1b3c4d5e6f7": _service(
            30303, "shop/dflt", "Name:http,Number:0"
        ),
        f"urlMaps/k8s2-um-{L}": {
            "name": f"k8s2-um-{L}",
            "defaultService": dflt,
            "hostRules": [
                {
                    "hosts": ["a.example.com"],
                    "pathMatcher": "hostfd7093adaa663688ce5f4e060a1830ca",
                },
                {
                    "hosts": ["b.example.com"],
                    "pathMatcher": "host386f51195d5b0f9c91ce0535aa0a80c9",
                },
            ],
            "pathMatchers": [
                {
                    "name": "hostfd7093adaa663688ce5f4e060a1830ca",
                    "defaultService": dflt,
                    "pathRules": [
                        {"paths": ["/*"], "service": f"{BS}30301--16f2a1b3c4d5e6f7"},
                        {"paths": ["/api"], "service": f"{BS}30302--16f2a1b3c4d5e6f7"},
                        {"paths": ["/api/*"], "service": f"{BS}30302--16f2a1b3c4d5e6f7"},
                    ],
                },
                {
                    "name": "host386f51195d5b0f9c91ce0535aa0a80c9",
                    "defaultService": dflt,
                    "pathRules": [{"paths": ["/x"], "service": f"{BS}30301--16f2a1b3c4d5e6f7"}],
                },
            ],
        },
        f"targetHttpProxies/k8s2-tp-{L}": {
            "name": f"k8s2-tp-{L}",
            "description": '{"kubernetes.io/ingress-name": "shop/web"}',
            "urlMap": f"global/urlMaps/k8s2-um-{L}",
        },
        f"forwardingRules/k8s2-fr-{L}": {
            "name": f"k8s2-fr-{L}",
            "description": '{"kubernetes.io/ingress-name": "shop/web"}',
            "IPProtocol": "TCP",
            "portRange": "80-80",
            "target": f"{G}global/targetHttpProxies/k8s2-tp-{L}",
        },
        "firewalls/k8s-fw-l7--16f2a1b3c4d5e6f7": {
            "name": "k8s-fw-l7--16f2a1b3c4d5e6f7",
            "description": "GCE L7 firewall rule",
            "network": f"{G}global/networks/default",
            "sourceRanges": ["130.211.0.0/22", "35.191.0.0/16"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["30000-32767"]}],
            "targetTags": ["gke-node"],
        },
    }


def test_no_string_of_a_description_needs_another_escape() -> None:
    """Upstream compares a backend service's description byte for byte: Go escapes `&`, `<`, `>`."""
    ingress = build.ingress("shop/web", default="web:80")
    ingress["spec"]["defaultBackend"]["service"]["port"] = {"name": "<&>"}
    service = build.service("shop/web", "<&>=80->30080")
    text = _desired(NODE, service, ingress).graph[_backend(30080)].spec.description
    assert isinstance(text, str)
    assert r"\u0026ServiceBackendPort{Name:\u003c\u0026\u003e,Number:0,}" in text


def test_every_origin_is_of_a_field_that_is_set() -> None:
    for node in _desired(*WORKED).graph:
        spec = node.spec
        odd = [
            field for field in node.origin if getattr(spec, field, msgspec.UNSET) is msgspec.UNSET
        ]
        assert not odd, node.key


# Whose an Ingress is -----------------------------------------------------------------------------

CLASSES = (
    build.ingress_class("ours"),
    build.ingress_class("nginx", "k8s.io/ingress-nginx"),
    build.ingress_class("gce", "ingress.gcp.kubernetes.io/gce"),
    build.ingress_class("empty", ""),
)


@pytest.mark.parametrize(
    ("legacy", "by_spec", "served", "ours", "told"),
    [
        pytest.param(None, "", False, True, "", id="no class at all is ours"),
        pytest.param("", "", False, True, "", id="an empty annotation is no class"),
        pytest.param("gce", "", False, True, "", id="annotation gce"),
        pytest.param("gce", "nginx", False, True, "ClassesDisagree", id="the annotation wins"),
        pytest.param("mine", "", False, True, "", id="the configured extra class"),
        pytest.param(
            "nginx", "ours", False, False, "ClassesDisagree", id="the annotation wins, away from us"
        ),
        pytest.param("nginx", "", True, False, "", id="another annotation, served so far"),
        pytest.param("", "ours", False, True, "", id="an IngressClass of ours"),
        pytest.param("", "nginx", False, False, "", id="an IngressClass of others"),
        pytest.param("", "nginx", True, False, "", id="an IngressClass of others, served so far"),
        pytest.param(
            "", "typo", False, False, "IngressClassNotFound", id="an IngressClass that is missing"
        ),
        pytest.param(
            "", "typo", True, True, "IngressClassNotFound", id="a missing IngressClass, served"
        ),
        pytest.param("", "gce", False, False, "ClassNotServed", id="our name, another controller"),
        pytest.param("", "empty", False, False, "", id="an IngressClass without a controller"),
        pytest.param("GCE", "", False, False, "ClassNotServed", id="almost our annotation"),
        pytest.param("gce-internal", "", False, False, "ClassNotServed", id="internal"),
        pytest.param("gce-multi-cluster", "", False, False, "ClassNotServed", id="multi-cluster"),
    ],
)
def test_whose_an_ingress_is(
    legacy: str | None, by_spec: str, served: bool, ours: bool, told: str
) -> None:
    manifest = build.ingress(
        "shop/web",
        annotations={} if legacy is None else {CLASS: legacy},
        class_name=by_spec,
        finalizers=[FINALIZER_V2] if served else [],
    )
    ingress, snapshot = _ingress(manifest), snapshot_of([*CLASSES, manifest])
    config = config_of(ingress_class="mine")
    assert ours == is_ours(ingress, snapshot, config)
    finding = class_finding(ingress, snapshot, config)
    assert told == (finding.reason if finding else "")
    desired = translate(snapshot, Hints(), NAMER, config)
    assert ours == ("shop/web" in desired.served)
    assert desired.leaving == ({"shop/web"} if served and not ours else set())


def test_no_class_is_missed_while_not_all_are_seen() -> None:
    manifest = build.ingress("shop/web", class_name="later")
    snapshot = snapshot_of([manifest], complete=["Ingress", "Service", "Node"])
    assert class_finding(_ingress(manifest), snapshot, CONFIG) is None


@pytest.mark.parametrize("finalizers", [[FINALIZER_V1], [FINALIZER_V2]], ids=["v1", "v2"])
def test_a_deleted_ingress_wants_nothing_and_leaves(finalizers: list[str]) -> None:
    manifest = build.ingress("shop/web", default="web:80", finalizers=finalizers)
    manifest["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    desired = _desired(*WORLD, manifest)
    assert (len(desired.graph), desired.leaving, desired.served) == (0, {"shop/web"}, {})


# Which scheme ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finalizers", "address", "v1_map", "new", "expected"),
    [
        pytest.param([], "", False, "v2", Scheme.V2, id="a new Ingress is v2"),
        pytest.param([], "", False, "v1", Scheme.V1, id="a new Ingress as configured"),
        pytest.param([FINALIZER_V1], "", False, "v2", Scheme.V1, id="the v1 finalizer"),
        pytest.param([FINALIZER_V2], "1.2.3.4", True, "v1", Scheme.V2, id="the v2 finalizer"),
        pytest.param(
            [FINALIZER_V1, FINALIZER_V2], "", False, "v1", Scheme.V2, id="v2 wins over v1"
        ),
        pytest.param([], "1.2.3.4", True, "v2", Scheme.V1, id="an address and a v1 URL map"),
        pytest.param([], "1.2.3.4", False, "v2", Scheme.V2, id="an address alone"),
        pytest.param([], "", True, "v2", Scheme.V2, id="a v1 URL map alone"),
        pytest.param(["other/hold"], "", False, "v2", Scheme.V2, id="finalizers of others"),
    ],
)
def test_the_scheme_of_an_ingress(
    finalizers: list[str], address: str, v1_map: bool, new: str, expected: Scheme
) -> None:
    name = NAMER.frontend(Scheme.V1, "shop", "web").url_map
    key = ResourceKey("p", Kind.URL_MAP, GLOBAL, name)
    hints = Hints(url_maps={key: UrlMap()} if v1_map else {})
    ingress = _ingress(build.ingress("shop/web", finalizers=finalizers), address)
    assert expected is scheme_for(ingress, NAMER, hints, config_of(new_ingress_scheme=new))


@pytest.mark.parametrize(
    ("finalizers", "expected"),
    [
        pytest.param([], True, id="none yet"),
        pytest.param([FINALIZER_V2], False, id="there"),
        pytest.param(["other/hold"], True, id="only somebody else's"),
    ],
)
def test_who_needs_a_finalizer(finalizers: list[str], expected: bool) -> None:
    manifest = build.ingress("shop/web", default="web:80", finalizers=finalizers)
    served = _desired(*WORLD, manifest).served["shop/web"]
    assert expected == needs_finalizer(_ingress(manifest), served)


# Backends ----------------------------------------------------------------------------------------

HEADLESS = build.service("shop/headless", "80", kind="ClusterIP")
HEADLESS["spec"]["clusterIP"] = "None"
SERVICES = snapshot_of(
    (
        DEFAULT,
        build.service("shop/web", "http=80->30080", "admin=81->30082"),
        build.service("shop/inner", "80", kind="ClusterIP"),
        build.service("shop/lb", "80->30083", kind="LoadBalancer"),
        build.service("shop/no-allocation", "80", kind="LoadBalancer"),
        build.service("shop/elsewhere", kind="ExternalName"),
        build.service("shop/elsewhere-80", "80", kind="ExternalName"),
        build.service("shop/bare"),
        HEADLESS,
    )
)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param("web:80", ("", 80, 30080), id="by number"),
        pytest.param("web:http", ("http", 0, 30080), id="by name"),
        pytest.param("web:admin", ("admin", 0, 30082), id="the port with that name"),
        pytest.param("lb:80", ("", 80, 30083), id="a LoadBalancer has node ports too"),
    ],
)
def test_service_ports_that_are_there(target: str, expected: tuple[str, int, int]) -> None:
    reference = msgspec.convert(build.backend(target), IngressBackend)
    found = resolve(reference, USER, "here", World(SERVICES, Hints(), CONFIG))
    assert isinstance(found, Backend)
    assert expected == (found.port_name, found.port_number, found.node_port)
    assert (found.protocol, found.check.path) == ("HTTP", "/")
    assert found.origin == "ingress shop/web here"


@pytest.mark.parametrize(
    ("reference", "reason", "message", "hint"),
    [
        pytest.param(
            build.backend("gone:80"),
            "ServiceNotFound",
            "service shop/gone does not exist",
            "create it, or name another one",
            id="no such Service",
        ),
        pytest.param(
            build.backend("web:90"),
            "ServicePortNotFound",
            "service shop/web has no port 90",
            "name one that it has: http:80, admin:81",
            id="no such number",
        ),
        pytest.param(
            build.backend("web:https"),
            "ServicePortNotFound",
            "service shop/web has no port https",
            "name one that it has: http:80, admin:81",
            id="no such name",
        ),
        pytest.param(
            {"service": {"name": "web"}},
            "ServicePortNotFound",
            "service shop/web has no port 0",
            "name one that it has: http:80, admin:81",
            id="no port named at all",
        ),
        pytest.param(
            build.backend("bare:80"),
            "ServicePortNotFound",
            "service shop/bare has no port 80",
            "give it ports",
            id="a Service without ports",
        ),
        pytest.param(
            build.backend("elsewhere:80"),
            "ExternalNameService",
            "service shop/elsewhere is of type ExternalName, which has no node port",
            "name a Service of type NodePort",
            id="a name of somewhere else",
        ),
        pytest.param(
            build.backend("elsewhere-80:80"),
            "ExternalNameService",
            "service shop/elsewhere-80 is of type ExternalName, which has no node port",
            "name a Service of type NodePort",
            id="a name of somewhere else, with ports",
        ),
        pytest.param(
            build.backend("headless:80"),
            "HeadlessService",
            "service shop/headless is headless, so it has no node port",
            'annotate it with cloud.google.com/neg: {"ingress": true}, or make another Service of '
            "type NodePort for the same pods",
            id="a headless Service",
        ),
        pytest.param(
            build.backend("inner:80"),
            "NoNodePort",
            "service shop/inner of type ClusterIP has no node port for 80",
            'annotate the Service with cloud.google.com/neg: {"ingress": true}, or set its type to '
            "NodePort",
            id="a ClusterIP Service",
        ),
        pytest.param(
            build.backend("no-allocation:80"),
            "NoNodePort",
            "service shop/no-allocation of type LoadBalancer has no node port for 80",
            'annotate the Service with cloud.google.com/neg: {"ingress": true}, or set its type to '
            "NodePort",
            id="a LoadBalancer without node ports",
        ),
        pytest.param(
            {"resource": {"kind": "Bucket", "name": "files"}},
            "BackendNotAService",
            "the backend is not a service",
            "use backend.service; resource backends are not supported",
            id="a resource",
        ),
        pytest.param(
            {},
            "BackendNotAService",
            "the backend is not a service",
            "use backend.service; resource backends are not supported",
            id="nothing",
        ),
    ],
)
def test_service_ports_that_are_not(
    reference: dict[str, Any], reason: str, message: str, hint: str
) -> None:
    backend = msgspec.convert(reference, IngressBackend)
    found = resolve(backend, USER, "here", World(SERVICES, Hints(), CONFIG))
    assert found == Finding(USER, reason, "here", message, hint)


# What keeps serving ------------------------------------------------------------------------------

BROKEN = build.ingress("shop/web", {"": [("/", "web:80"), ("/gone", "gone:80", "Exact")]})


@pytest.mark.parametrize(
    ("hints", "target", "kept", "says"),
    [
        pytest.param(Hints(), "30000", set(), "the default backend serves it", id="never served"),
        pytest.param(
            _live(30000, {"/gone": 30777}),
            "30777",
            {"30777"},
            f"{_backend(30777).name} keeps serving it",
            id="its last good target",
        ),
        pytest.param(
            _live(30111, {"/gone": 30111}),
            "30000",
            set(),
            "the default backend serves it",
            id="the default of before is no last good target",
        ),
        pytest.param(
            _live(30000, {"/other": 30777}),
            "30000",
            set(),
            "the default backend serves it",
            id="another path's target is not its own",
        ),
        pytest.param(
            _live(30000, {"/gone": 30777}, host="a.example.com"),
            "30000",
            set(),
            "the default backend serves it",
            id="nor another host's",
        ),
    ],
)
def test_a_path_whose_backend_is_broken(
    hints: Hints, target: str, kept: set[str], says: str
) -> None:
    desired = _desired(*WORLD, BROKEN, hints=hints)
    assert _routes(desired) == {"/*": "30080", "/gone": target}
    held = {_port(key.name) for key in desired.keep if key.kind == Kind.BACKEND_SERVICE}
    assert held == kept
    (finding,) = desired.findings
    assert finding.message == f"service shop/gone does not exist; {says}"
    assert MAP in desired.consulted


def test_a_refused_backend_is_wanted_still_and_serves_nothing() -> None:
    ingress = build.ingress("shop/web", {"": [("/", "web:80"), ("/api", "api:8080", "Exact")]})
    desired = _desired(*WORLD, ingress, hints=Hints(refused=frozenset({_backend(30081)})))
    assert _routes(desired) == {"/*": "30080", "/api": "30000"}
    assert _backend(30081) in desired.graph
    assert [finding.reason for finding in desired.findings] == ["BackendRefused"]


def test_a_refused_default_backend_leaves_the_front_end_as_it_is() -> None:
    refused = Hints(refused=frozenset({_backend(30000)}))
    desired = _desired(*WORLD, build.ingress("shop/web"), hints=refused)
    assert not desired.served["shop/web"].programmed
    assert MAP in desired.keep
    assert _backend(30000) in desired.graph
    assert [finding.severity for finding in desired.findings] == [Severity.ERROR]


@pytest.mark.parametrize(
    ("hints", "expected", "kept"),
    [
        pytest.param(Hints(), "30000", False, id="the system default serves"),
        pytest.param(_live(30777, {}), "30777", True, id="the last good one serves"),
        pytest.param(_live(30000, {}), "30000", False, id="which the system default may be"),
    ],
)
def test_a_broken_default_backend_of_its_own(hints: Hints, expected: str, kept: bool) -> None:
    desired = _desired(
        *WORLD, build.ingress("shop/web", {"": [("/", "web:80")]}, default="gone:80"), hints=hints
    )
    default = _map(desired).default_service
    assert isinstance(default, Ref)
    assert _port(default.to.name) == expected
    assert (default.to in desired.graph, default.to in desired.keep) == (not kept, kept)
    assert _routes(desired) == {"/*": "30080"}


def test_a_refused_group_does_not_hold_up_the_other_zones() -> None:
    group = parse_link(f"zones/us-central1-b/instanceGroups/{NAMER.instance_group()}", "p")
    desired = _desired(
        *WORLD,
        build.node("n2", "us-central1-b", project="p"),
        build.ingress("shop/web", default="web:80"),
        hints=Hints(refused=frozenset({group})),
    )
    backend = desired.graph[_backend(30080)].spec
    assert isinstance(backend, BackendService)
    assert [entry.group.to.scope for entry in backend.backends or ()] == ["zones/us-central1-a"]
    assert group in desired.graph


def test_last_good_targets_keep_their_nodes_when_nothing_else_serves() -> None:
    desired = _desired(NODE, build.ingress("shop/web", default="gone:80"), hints=_live(30777, {}))
    assert {str(node.key.kind) for node in desired.graph} >= {"instanceGroups", "firewalls"}
    assert _backend(30777) in desired.keep


# What is left as it is ---------------------------------------------------------------------------


def _kinds(keys: frozenset[ResourceKey]) -> set[str]:
    return {f"{key.kind}:{key.name[:7]}" for key in keys}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({}, {"addresses:k8s2-fr"}, id="the managed address, always"),
        pytest.param(
            {"tls": [{"secretName": "crt"}]},
            {"addresses:k8s2-fr", "targetHttpsProxies:k8s2-ts", "forwardingRules:k8s2-fs"},
            id="an HTTPS front end that is asked for",
        ),
    ],
)
def test_what_this_version_cannot_say_is_kept(parts: dict[str, Any], expected: set[str]) -> None:
    ingress = build.ingress("shop/web", default="web:80")
    ingress["spec"].update(parts)
    assert expected == _kinds(_desired(*WORLD, ingress).keep)


def test_http_that_is_switched_off_is_not_served() -> None:
    ingress = build.ingress("shop/web", default="web:80", annotations={ALLOW_HTTP: "false"})
    desired = _desired(*WORLD, ingress)
    assert not {Kind.FORWARDING_RULE, Kind.TARGET_HTTP_PROXY} & {n.key.kind for n in desired.graph}
    assert [finding.reason for finding in desired.findings] == ["HttpNotAllowed"]


def test_an_ingress_whose_name_makes_no_names_gets_no_finalizer() -> None:
    """What can never exist can never be confirmed gone: its finalizer would stay for ever."""
    desired = _desired(*WORLD, build.ingress("shop/my.web", default="web:80"))
    assert (dict(desired.served), len(desired.graph)) == ({}, 0)
    assert {str(key.kind) for key in desired.keep} == {"firewalls"}
    assert [finding.reason for finding in desired.findings] == ["InvalidName"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((text, True) for text in ("1", "t", "T", "TRUE", "true", "True")),
        *((text, False) for text in ("0", "f", "F", "FALSE", "false", "False")),
        *((text, True) for text in ("", "no", "False ", "tRUE", "2")),
    ],
)
def test_booleans_are_read_as_go_reads_them(value: str, expected: bool) -> None:
    meta = _ingress(build.ingress("shop/web", annotations={ALLOW_HTTP: value})).metadata
    assert expected is flag(meta, ALLOW_HTTP, default=True)


# Sharing -----------------------------------------------------------------------------------------


def test_a_shared_service_is_one_backend_of_both() -> None:
    desired = _desired(
        *WORLD,
        build.ingress("shop/b", default="web:80"),
        build.ingress("shop/a", {"": [("/", "web:http")]}),
    )
    shared = desired.graph[_backend(30080)]
    assert [str(owner) for owner in shared.wanted_by] == ["ingress shop/a", "ingress shop/b"]


def test_what_a_later_rule_replaces_is_not_wanted() -> None:
    ingress = build.ingress("shop/web")
    rules = [
        build.ingress("shop/x", {"a.example.com": [("/old", "api:8080")]})["spec"]["rules"][0],
        build.ingress("shop/x", {"a.example.com": [("/new", "web:80")]})["spec"]["rules"][0],
    ]
    ingress["spec"]["rules"] = rules
    desired = _desired(*WORLD, ingress)
    assert _routes(desired, "a.example.com") == {"/new": "30080", "/new/*": "30080"}
    assert _backend(30081) not in desired.graph


def test_what_a_later_path_replaces_is_not_looked_at() -> None:
    """Else its finding would say that a target serves it which is another path's."""
    paths = [("/a", "gone:80", "Exact"), ("/a", "web:80", "Exact")]
    desired = _desired(*WORLD, build.ingress("shop/web", {"": paths}))
    assert _routes(desired) == {"/a": "30080"}
    assert [finding.reason for finding in desired.findings] == ["DuplicatePath"]


@pytest.mark.parametrize(
    ("older", "younger"),
    [
        pytest.param("a/b-c", "a-b/c", id="names are joined by dashes"),
        pytest.param(f"n/{'w' * 60}2", f"n/{'w' * 60}1", id="names are cut"),
    ],
)
def test_of_two_ingresses_with_the_same_names_the_older_is_served(older: str, younger: str) -> None:
    first, second = (build.ingress(name, finalizers=[FINALIZER_V1]) for name in (older, younger))
    first["metadata"]["creationTimestamp"] = "2026-01-02T03:04:05Z"
    second["metadata"]["creationTimestamp"] = "2026-01-02T03:04:06Z"
    desired = _desired(NODE, DEFAULT, second, first)
    assert set(desired.served) == {older}
    (finding,) = desired.findings
    assert (f"ingress {younger}", "NameCollision") == (str(finding.object), finding.reason)


def test_nobody_wants_anything_of_an_empty_cluster() -> None:
    desired = translate(Snapshot(), Hints(), NAMER, CONFIG)
    assert (len(desired.graph), desired.keep, desired.findings) == (0, frozenset(), ())


def test_the_graph_holds_what_its_url_maps_refer_to() -> None:
    graph: Graph[Resource] = _desired(*WORKED).graph
    for node in graph.of_kind(Kind.URL_MAP):
        assert all(key in graph for key in node.refs)


# What a reading rests on -------------------------------------------------------------------------


def test_what_a_backend_speaks_now_is_looked_at_again() -> None:
    service = build.service("shop/web", "http=80->30080")
    service["spec"]["ports"][0]["appProtocol"] = "https"
    snapshot = snapshot_of([NODE, DEFAULT, service, build.ingress("shop/web", default="web:80")])
    first = translate(snapshot, Hints(), NAMER, CONFIG)
    live = Hints(protocols={_backend(30080): "HTTP"})
    again = translate(snapshot, live, NAMER, CONFIG, first)
    assert again.findings == translate(snapshot, live, NAMER, CONFIG).findings != first.findings


def test_what_a_class_says_is_looked_at_again() -> None:
    ours = build.ingress_class("ours", parameters="strict")
    web = build.ingress("shop/web", default="web:80", class_name="ours")
    snapshot = snapshot_of([*WORLD, ours, web])
    first = translate(snapshot, Hints(), NAMER, CONFIG)
    found = snapshot_of([build.ingress_parameters("strict")]).ingress_parameters
    there = msgspec.structs.replace(snapshot, ingress_parameters=found)
    again = translate(there, Hints(), NAMER, CONFIG, first)
    assert not first.served["shop/web"].programmed
    assert again.served["shop/web"].programmed
