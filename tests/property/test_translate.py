"""What holds of translation whatever the cluster holds: it answers, it is stable, it is well formed."""

import random
from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings, target

from fakes.gce.discovery import discovery
from glbc.config import Config
from glbc.engine.inventory import Inventory
from glbc.model import codec, views
from glbc.model.compute import Endpoint, HostRule, HttpCheck, PathMatcher, PathRule, UrlMap
from glbc.model.graph import Graph, Observed, Resource
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.model.kinds import MANAGED
from glbc.model.views import Hints, LiveGroup, Snapshot
from glbc.naming import FINALIZER_V1, FINALIZER_V2, Namer, Scheme
from glbc.ownership import known_names, ownership_of
from glbc.plan.planner import plan
from glbc.plan.simulate import rehearse
from glbc.translate.annotations import ALLOW_HTTP, APP_PROTOCOLS, CLASS, DEFAULT_CLASS, NEG
from glbc.translate.classes import CONTROLLER, PARAMETERS_GROUP, PARAMETERS_KIND
from glbc.translate.desired import Desired, translate
from glbc.translate.live import default_of, targets_of
from glbc.translate.lower import FrontEndKeys
from glbc.translate.switch import is_ready, is_serving
from tests.golden.cases import KUBE_SYSTEM, UID, config_of

NAMER = Namer(UID, KUBE_SYSTEM)
CONFIG = config_of()
FOUND_TAGS = config_of(node_tags=[])
NO_DEFAULT = config_of(default_backend_service="")
LIMITED = config_of(limits={"hosts": 2, "path_rules": 4})
CONFIGS = st.sampled_from((CONFIG, NO_DEFAULT, LIMITED))
SCHEMAS = {
    Kind.HEALTH_CHECK: "HealthCheck",
    Kind.INSTANCE_GROUP: "InstanceGroup",
    Kind.NETWORK_ENDPOINT_GROUP: "NetworkEndpointGroup",
    Kind.BACKEND_SERVICE: "BackendService",
    Kind.URL_MAP: "UrlMap",
    Kind.TARGET_HTTP_PROXY: "TargetHttpProxy",
    Kind.FORWARDING_RULE: "ForwardingRule",
    Kind.FIREWALL: "Firewall",
}
ELSEWHERE = {Kind.INSTANCE, Kind.NETWORK}  # referred to, never managed

# Worlds of people: names that meet, and mistakes that people make. Drawn from a seed, which is some
# thirty times faster than structure by structure; a world that fails is small enough to read.


def _backend(rng: random.Random) -> views.IngressBackend:
    if rng.random() < 0.05:
        return views.IngressBackend()
    port = rng.choice(
        (
            *(views.ServicePortRef(number=80),) * 3,
            views.ServicePortRef(name="http"),
            views.ServicePortRef(number=8080),
            views.ServicePortRef(name="none"),
            views.ServicePortRef(),
        )
    )
    name = rng.choice(("web", "web", "api", "api", "gone", "never"))
    return views.IngressBackend(service=views.ServiceRef(name=name, port=port))


def _path(rng: random.Random) -> views.HttpPath:
    return views.HttpPath(
        backend=_backend(rng),
        path=rng.choice((None, "", "/", "/a", "/a/", "/a/*", "/b", "/a*", "b", "/*", "/c?d")),
        path_type=rng.choice((None, "Exact", "Prefix", "ImplementationSpecific", "Regex")),
    )


def _rule(rng: random.Random) -> views.IngressRule:
    http = views.HttpRule(paths=tuple(_path(rng) for _ in range(rng.randrange(4))))
    return views.IngressRule(
        host=rng.choice((None, "", "a.example.com", "*.example.com", "b.example.com", "A.b")),
        http=None if rng.random() < 0.1 else http,
    )


def _ingress(rng: random.Random, name: str) -> views.Ingress:
    namespace, _, own = name.partition("/")
    address = (views.LoadBalancerIngress(ip="192.0.2.1"),)
    annotations = ({CLASS: "gce"}, {CLASS: "nginx"}, {ALLOW_HTTP: "false"}, {})
    return views.Ingress(
        metadata=views.Meta(
            name=own,
            namespace=namespace,
            annotations=rng.choice((*(None,) * 8, *annotations)),
            finalizers=rng.choice((None, (FINALIZER_V1,), (FINALIZER_V2,), ("other/hold",))),
            deletion_timestamp=rng.choice((*(None,) * 7, "2026-01-02T03:04:05Z")),
        ),
        spec=views.IngressSpec(
            ingress_class_name=rng.choice((*(None,) * 8, "ours", "nginx", "typo", "strict")),
            default_backend=rng.choice((None, _backend(rng))),
            rules=rng.choice((None, *(tuple(_rule(rng) for _ in range(n)) for n in range(4)))),
            tls=rng.choice((None, None, (), (views.IngressTls(secret_name="crt"),))),
        ),
        status=views.IngressStatus(
            views.LoadBalancerStatus(ingress=rng.choice((None, None, address)))
        ),
    )


PROTOCOLS = tuple(
    {APP_PROTOCOLS: text}
    for text in ('{"http":"HTTPS"}', '{"http":"HTTP2"}', '{"80":"HTTP"}', '{"http":"tcp"}', "{")
)


GROUPS = tuple(
    {NEG: text}
    for text in (
        *('{"ingress": true}',) * 6,
        '{"exposed_ports": {"80": {}}}',
        '{"ingress": true, "exposed_ports": {"80": {}, "8080": null}}',
        '{"exposed_ports": {"80": {"name": "for-others"}}}',
        '{"ingress": "yes"}',
    )
)


NODE_PORTS = {
    # An API server gives a node port to one Service port only.
    "shop/web": (30080, 30082),
    "shop/api": (30081, 30083),
    "shop/gone": (30084, 30085),
    "kube-system/default-http-backend": (30086, 30087),
}


def _service(rng: random.Random, name: str) -> views.Service:
    namespace, _, own = name.partition("/")
    count = rng.choice((0, 1, 1, 2))
    ports = tuple(
        views.ServicePort(
            port=rng.choice((80, 80, 8080)),
            name=rng.choice(("http", "http", "", "grpc")),
            node_port=rng.choice((*(node_port,) * 4, 0)),
            app_protocol=rng.choice((*(None,) * 6, "https", "HTTP2", "kubernetes.io/h2c", "x/y")),
            target_port=rng.choice((0, 8080, 8080, "http")),
        )
        for node_port in rng.sample(NODE_PORTS[name], count)
    )
    return views.Service(
        metadata=views.Meta(
            name=own,
            namespace=namespace,
            annotations=rng.choice((*(None,) * 5, *PROTOCOLS, *GROUPS, *GROUPS)),
        ),
        spec=views.ServiceSpec(
            type=rng.choice((*("NodePort",) * 6, "LoadBalancer", "ClusterIP", "ExternalName")),
            ports=ports or rng.choice(((), None)),
            cluster_ip=rng.choice((*(None,) * 6, "10.0.0.1", "None")),
            selector=rng.choice((None, {}, *({"app": own},) * 4, {"app": own, "tier": "front"})),
        ),
    )


def _container(rng: random.Random) -> views.Container:
    get = views.HttpGet(
        port=rng.choice((8080, 8080, 8080, "http", 80)),
        path=rng.choice(("/ready", "/ready", "live", "/", "", "/a b")),
        scheme=rng.choice((*("HTTP",) * 8, "HTTPS")),
        host=rng.choice(("",) * 8 + ("10.0.0.1",)),
        http_headers=rng.choice((None, None, (), (views.HttpHeader(name="Host", value="h"),))),
    )
    probe = views.Probe(
        http_get=rng.choice((get, get, get, None)),
        period_seconds=rng.choice((10, 10, 10, 500)),
        timeout_seconds=rng.choice((1, 1, 1, 90)),
    )
    port = views.ContainerPort(
        container_port=rng.choice((8080, 8080, 8080, 80)), name=rng.choice(("http", "http", "web"))
    )
    return views.Container(
        name=rng.choice(("app", "side")),
        ports=rng.choice((None, *((port,),) * 6)),
        readiness_probe=rng.choice((probe, probe, probe, None)),
    )


def _pod(rng: random.Random, name: str) -> views.Pod:
    namespace, _, own = name.partition("/")
    labels = {"app": rng.choice(("web", "web", "web", "api", "gone"))}
    return views.Pod(
        metadata=views.PodMeta(
            name=own,
            namespace=namespace,
            creation_timestamp=rng.choice((None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")),
            labels=rng.choice((None, labels, labels, {**labels, "tier": "front"})),
        ),
        spec=views.PodSpec(
            containers=tuple(_container(rng) for _ in range(rng.choice((0, 1, 1, 2))))
        ),
    )


def _node(rng: random.Random, name: str) -> views.Node:
    ready = (views.NodeCondition(type="Ready", status="True"),)
    place = rng.choice(("z-a", "z-b"))
    return views.Node(
        metadata=views.Meta(
            name=name, labels=rng.choice((None, {"topology.kubernetes.io/zone": "z-b"}))
        ),
        spec=views.NodeSpec(provider_id=rng.choice((f"gce://p/{place}/{name}", ""))),
        status=views.NodeStatus(conditions=rng.choice((ready, ready, None))),
    )


def _slice(rng: random.Random, name: str) -> views.EndpointSlice:
    namespace, _, own = name.partition("/")
    yes_or_no = (*(None,) * 4, True, True, False)
    endpoints = tuple(
        views.SliceEndpoint(
            addresses=(f"10.8.0.{rng.randrange(4)}",),
            conditions=views.SliceConditions(
                ready=rng.choice(yes_or_no),
                serving=rng.choice(yes_or_no),
                terminating=rng.choice(yes_or_no),
            ),
            node_name=rng.choice(("n1", "n2", "gone", "gone", None)),
        )
        for _ in range(rng.randrange(5))
    )
    ports = tuple(
        views.SlicePort(name=rng.choice(("http", "http", "", None)), port=port)
        for port in rng.sample((8080, 9090), rng.choice((0, 1, 1, 1, 2)))
    )
    owner = {"kubernetes.io/service-name": own.partition("-")[0]}
    return views.EndpointSlice(
        metadata=views.SliceMeta(
            name=own, namespace=namespace, labels=rng.choice((*(owner,) * 7, None))
        ),
        address_type=rng.choice(("IPv4", "IPv4", "IPv4", "IPv6")),
        endpoints=rng.choice((*(endpoints,) * 7, None)),
        ports=rng.choice((*(ports,) * 7, None)),
    )


SYSTEM_DEFAULT = views.Service(
    metadata=views.Meta(name="default-http-backend", namespace="kube-system"),
    spec=views.ServiceSpec(
        type="NodePort",
        ports=(views.ServicePort(port=80, name="http", node_port=30000, target_port=8080),),
    ),
)


def _class(rng: random.Random, name: str) -> views.IngressClass:
    parameters = views.ParametersRef(
        api_group=PARAMETERS_GROUP, kind=PARAMETERS_KIND, name=rng.choice(("strict", "gone"))
    )
    is_default = rng.random() < 0.1
    return views.IngressClass(
        metadata=views.Meta(name=name, annotations={DEFAULT_CLASS: "true"} if is_default else None),
        spec=views.IngressClassSpec(
            controller="k8s.io/nginx" if name == "nginx" else CONTROLLER,
            parameters=parameters if name == "strict" else None,
        ),
    )


def _parameters(rng: random.Random, name: str) -> views.IngressParameters:
    spec = views.IngressParametersSpec(
        security_policy=views.RequiredPolicy(required=True),
        https_redirect=rng.choice(("", "tls", "explicit", "never")),
    )
    return views.IngressParameters(
        metadata=views.Meta(name=name), spec=rng.choice((spec, spec, None))
    )


SLICES = tuple(f"shop/{service}-{n}" for service in ("web", "api", "gone") for n in range(2))
PODS = tuple(f"{namespace}/p{n}" for namespace in ("shop", "kube-system") for n in range(4))


def _world(seed: int) -> Snapshot:
    rng = random.Random(seed)

    def most(make: Any, *names: str) -> dict[str, Any]:
        return {name: make(rng, name) for name in names if rng.random() < 0.8}

    default = "kube-system/default-http-backend"
    services = most(_service, "shop/web", "shop/api", "shop/gone", default)
    if rng.random() < 0.7:
        services[default] = SYSTEM_DEFAULT
    return Snapshot(
        ingresses=most(_ingress, "shop/web", "shop/other", "shop/my.web", "team/web"),
        services=services,
        nodes=most(_node, "n1", "n2", "n1.internal"),
        ingress_classes={name: _class(rng, name) for name in ("ours", "nginx", "strict")},
        ingress_parameters=most(_parameters, "strict"),
        pods=most(_pod, *PODS),
        endpoint_slices=most(_slice, *SLICES),
        complete=frozenset(views.VIEWS) if rng.random() < 0.8 else frozenset(),
    )


WORLDS = st.integers(0, 2**32).map(_world)

# Odd worlds: any text anywhere, any number --------------------------------------------------------

TEXT = st.sampled_from(("", "a", "a/a", "/", "--", "ü", "\x00", "A b", "x" * 70)) | st.text(
    max_size=12
)
MAYBE = st.none() | TEXT


def _odd(kind: type[Any]) -> st.SearchStrategy[Any]:
    known = {str: TEXT, str | None: MAYBE, int: st.integers(-1, 70000)}
    return st.from_type(kind) if kind not in known else known[kind]


for view in (
    views.Meta,
    views.ServicePortRef,
    views.ServicePort,
    views.NodeCondition,
    views.PodMeta,
    views.SliceMeta,
    views.SlicePort,
    views.HttpHeader,
):
    fields = {field.name: field.type for field in msgspec.structs.fields(view)}
    st.register_type_strategy(
        view, st.builds(view, **{name: _odd(kind) for name, kind in fields.items()})
    )

ODD_WORLDS = st.builds(
    Snapshot,
    ingresses=st.dictionaries(TEXT, st.from_type(views.Ingress), max_size=3),
    services=st.dictionaries(TEXT, st.from_type(views.Service), max_size=3)
    | WORLDS.map(lambda world: world.services),
    nodes=st.dictionaries(TEXT, st.from_type(views.Node), max_size=3),
    ingress_classes=st.dictionaries(TEXT, st.from_type(views.IngressClass), max_size=2),
    ingress_parameters=st.dictionaries(TEXT, st.from_type(views.IngressParameters), max_size=2),
    pods=st.dictionaries(TEXT, st.from_type(views.Pod), max_size=3)
    | WORLDS.map(lambda world: world.pods),
    endpoint_slices=st.dictionaries(TEXT, st.from_type(views.EndpointSlice), max_size=3)
    | WORLDS.map(lambda world: world.endpoint_slices),
    complete=st.just(frozenset(views.VIEWS)),
)

# Hints: URL maps that serve anything, refusals of anything ----------------------------------------


def _key(kind: Kind, name: str) -> ResourceKey:
    return ResourceKey("p", kind, GLOBAL, name)


NEGS = [NAMER.neg("shop", name, port) for name in ("web", "api") for port in (80, 8080)]
BACKEND_KEYS = st.sampled_from(
    [
        *(_key(Kind.BACKEND_SERVICE, NAMER.backend(n)) for n in (30080, 30081, 30082, 30999)),
        *(_key(Kind.BACKEND_SERVICE, name) for name in NEGS),
    ]
)
REFS = BACKEND_KEYS.map(Ref)


@st.composite
def _url_maps(draw: st.DrawFn) -> UrlMap:
    hosts = draw(st.lists(st.sampled_from(("*", "a.example.com")), unique=True))
    rules = st.builds(
        PathRule,
        paths=st.lists(st.sampled_from(("/*", "/a", "/a/*", "/b")), max_size=3).map(tuple),
        service=REFS | st.just(msgspec.UNSET),
    )
    matchers = tuple(
        PathMatcher(name=f"m{at}", path_rules=tuple(draw(st.lists(rules, max_size=3))))
        for at in range(len(hosts))
    )
    return UrlMap(
        default_service=draw(REFS | st.just(msgspec.UNSET)),
        host_rules=tuple(
            HostRule(hosts=(host,), path_matcher=f"m{at}") for at, host in enumerate(hosts)
        ),
        path_matchers=draw(st.sampled_from((matchers, msgspec.UNSET))),
    )


MAP_KEYS = st.sampled_from(
    [
        _key(Kind.URL_MAP, NAMER.frontend(scheme, "shop", name).url_map)
        for scheme in Scheme
        for name in ("web", "other")
    ]
)
GROUP_KEYS = st.sampled_from(
    [
        ResourceKey("p", Kind.INSTANCE_GROUP, f"zones/{zone}", NAMER.instance_group())
        for zone in ("z-a", "z-b")
    ]
)
NEG_KEYS = [
    ResourceKey("p", Kind.NETWORK_ENDPOINT_GROUP, f"zones/{zone}", name)
    for zone in ("z-a", "z-b")
    for name in (*NEGS, "for-others")
]
ENDPOINTS = st.builds(
    Endpoint,
    ip_address=st.sampled_from([f"10.8.0.{n}" for n in range(4)]),
    port=st.just(8080),
    instance=st.sampled_from(("n1", "n2")),
)
LIVE_GROUPS = st.builds(
    LiveGroup,
    service=st.sampled_from(("shop/web", "shop/api", "shop/never")),
    port=st.sampled_from(("80", "8080")),
    endpoints=st.lists(ENDPOINTS, max_size=4, unique=True).map(tuple),
)
FRONTS = [
    FrontEndKeys.of(NAMER.frontend(scheme, "shop", name), CONFIG)
    for scheme in Scheme
    for name in ("web", "other")
]
HEALTH = st.dictionaries(BACKEND_KEYS, st.sampled_from(("HEALTHY", "UNHEALTHY", "Unknown")))
CHECK_KEYS = BACKEND_KEYS.map(lambda key: msgspec.structs.replace(key, kind=Kind.HEALTH_CHECK))
CHECKS = st.builds(HttpCheck, request_path=st.sampled_from(("/", "/ready", "/live")))
HINTS = st.builds(
    Hints,
    checks=st.dictionaries(CHECK_KEYS.map(lambda key: key.name), CHECKS, max_size=3),
    url_maps=st.dictionaries(MAP_KEYS, _url_maps(), max_size=2),
    protocols=st.dictionaries(BACKEND_KEYS, st.sampled_from(("HTTP", "HTTPS", "TCP")), max_size=2),
    balancing=st.sampled_from(("", "RATE", "UTILIZATION")),
    refused=st.frozensets(
        BACKEND_KEYS | CHECK_KEYS | GROUP_KEYS | st.sampled_from(NEG_KEYS), max_size=3
    ),
    endpoint_groups=st.dictionaries(st.sampled_from(NEG_KEYS), LIVE_GROUPS, max_size=6),
    unfit=st.dictionaries(
        st.tuples(st.sampled_from(NEG_KEYS), ENDPOINTS), st.just("refused"), max_size=2
    ),
    instance_tags=st.dictionaries(
        st.sampled_from(("n1", "n2")),
        st.lists(st.sampled_from(("n", "n1", "x")), max_size=2).map(tuple),
    ),
    http_proxies=st.just({keys.http_proxy: keys.url_map for keys in FRONTS}) | st.just({}),
    rules=st.just({keys.http_rule: "192.0.2.1" for keys in FRONTS}) | st.just({}),
    health=HEALTH,
    reached=st.frozensets(BACKEND_KEYS),
    waits=st.dictionaries(st.tuples(MAP_KEYS, BACKEND_KEYS), st.sampled_from((-10.0, -100.0))),
    stuck=st.frozensets(MAP_KEYS, max_size=1),
)


def _said(desired: Desired) -> Any:
    """Return everything that is said, but who holds the memory."""
    fields = {name: getattr(desired, name) for name in desired.__struct_fields__}
    shared = {name: getattr(desired.shared, name) for name in desired.shared.__struct_fields__}
    facts = {**shared, "probed": desired.shared.probed.answers.facts, "pods": None}
    return {**fields, "graph": list(desired.graph), "shared": facts}


@settings(deadline=None)
@given(ODD_WORLDS | WORLDS, HINTS, st.sampled_from((CONFIG, FOUND_TAGS, NO_DEFAULT, LIMITED)))
def test_every_world_is_answered_in_bodies_that_the_api_accepts(snapshot, hints, config) -> None:
    desired = translate(snapshot, hints, NAMER, config)
    target(float(len(desired.graph)))
    for node in desired.graph:
        body = codec.body_of(node.key, node.spec)
        assert body["name"] == node.key.name
        discovery().check_body(SCHEMAS[Kind(node.key.kind)], body)
    for node in desired.graph.of_kind(Kind.INSTANCE_GROUP):
        late = codec.encode(node.key.kind, node.spec)
        discovery().check_body(
            "InstanceGroupsSetNamedPortsRequest", {"namedPorts": late["namedPorts"]}
        )
        members = [{"instance": link} for link in late.get("instances", ())]
        discovery().check_body("InstanceGroupsAddInstancesRequest", {"instances": members})
    for node in desired.graph.of_kind(Kind.NETWORK_ENDPOINT_GROUP):
        late = codec.encode(node.key.kind, node.spec)
        attached = {"networkEndpoints": late.get("networkEndpoints", [])}
        discovery().check_body("NetworkEndpointGroupsAttachEndpointsRequest", attached)


@settings(deadline=None)
@given(ODD_WORLDS | WORLDS, HINTS)
def test_every_finding_says_where_and_what_to_do(snapshot: Snapshot, hints: Hints) -> None:
    for finding in translate(snapshot, hints, NAMER, FOUND_TAGS).findings:
        assert all((finding.reason, finding.field, finding.message, finding.hint)), finding


@settings(deadline=None)
@given(st.data())
def test_the_order_of_the_inputs_does_not_matter(data: st.DataObject) -> None:
    snapshot, hints = data.draw(WORLDS), data.draw(HINTS)

    def shuffled(values: Mapping[Any, Any]) -> Mapping[Any, Any]:
        return dict(data.draw(st.permutations(list(values.items()))))

    other = Snapshot(
        ingresses=shuffled(snapshot.ingresses),
        services=shuffled(snapshot.services),
        nodes=shuffled(snapshot.nodes),
        ingress_classes=shuffled(snapshot.ingress_classes),
        ingress_parameters=shuffled(snapshot.ingress_parameters),
        pods=shuffled(snapshot.pods),
        endpoint_slices=shuffled(snapshot.endpoint_slices),
        complete=snapshot.complete,
    )
    same = msgspec.structs.replace(
        hints,
        url_maps=shuffled(hints.url_maps),
        endpoint_groups=shuffled(hints.endpoint_groups),
        unfit=shuffled(hints.unfit),
    )
    first = translate(snapshot, hints, NAMER, FOUND_TAGS)
    assert _said(first) == _said(translate(other, same, NAMER, FOUND_TAGS))


@settings(deadline=None)
@given(WORLDS, HINTS, CONFIGS)
def test_nothing_refers_to_what_is_neither_wanted_nor_kept(
    snapshot: Snapshot, hints: Hints, config: Config
) -> None:
    desired = translate(snapshot, hints, NAMER, config)
    for node in desired.graph:
        for key in node.refs:
            assert key.kind in ELSEWHERE or key in desired.graph or key in desired.keep, node.key


@settings(deadline=None)
@given(WORLDS, HINTS)
def test_nothing_that_serves_refers_to_what_is_refused(snapshot: Snapshot, hints: Hints) -> None:
    desired = translate(snapshot, hints, NAMER, CONFIG)
    graph = desired.graph
    for node in graph.of_kind(Kind.URL_MAP):
        for key in node.refs:
            check = msgspec.structs.replace(key, kind=Kind.HEALTH_CHECK)
            wanted_check = check in graph and check in hints.refused
            assert key not in hints.refused, node.key
            # A last good target serves, whatever becomes of the check that it has.
            assert not wanted_check or key in desired.keep, node.key


@settings(deadline=None)
@given(WORLDS, HINTS)
def test_an_ingress_is_served_leaving_or_told_why(snapshot: Snapshot, hints: Hints) -> None:
    desired = translate(snapshot, hints, NAMER, CONFIG)
    told = {f"{finding.object.namespace}/{finding.object.name}" for finding in desired.findings}
    for name, served in desired.served.items():
        key = _key(Kind.URL_MAP, served.names.url_map)
        assert served.programmed == (key in desired.graph), name
        seen = name in told or not snapshot.complete  # what nobody sees is not told of
        assert served.programmed or (seen and key in desired.keep), name
    assert not desired.served.keys() & desired.leaving


# The fixed point ----------------------------------------------------------------------------------


def _seen(end: Graph[Observed], snapshot: Snapshot) -> tuple[Graph[Observed], Hints]:
    """Return the cloud as the inventory knows it after listing it, and the hints of that."""
    known = known_names(snapshot, NAMER)
    inventory = Inventory(
        dict.fromkeys(MANAGED, "p"), lambda key, spec: ownership_of(key, spec, NAMER, known)
    )
    for kind in MANAGED:
        bodies = []
        for node in end.of_kind(kind):
            place, _, name = node.key.scope.partition("/")
            where = {"zone": name} if place == "zones" else {}
            body = {"name": node.key.name, **where, **codec.encode(kind, node.spec)}
            bodies.append(body)
        inventory.fold_list(kind, bodies, 1.0)
    return inventory.graph(), inventory.hints(())


def _converged(snapshot: Snapshot, config: Config) -> Graph[Observed]:
    desired = translate(snapshot, Hints(), NAMER, config)
    actual: Graph[Observed] = Graph()
    return rehearse(desired.graph, actual, desired.keep).end


def _wanted(graph: Graph[Resource]) -> dict[ResourceKey, Any]:
    return {node.key: node for node in graph}


@settings(max_examples=200, deadline=None)
@given(WORLDS, WORLDS, CONFIGS)
def test_at_the_fixed_point_hints_change_nothing(
    before: Snapshot, now: Snapshot, config: Config
) -> None:
    """Also after a change that breaks things, whose last good targets only the hints know."""
    actual, hints = _seen(_converged(before, config), before)
    desired = translate(now, hints, NAMER, config)
    end, learned = _seen(rehearse(desired.graph, actual, desired.keep).end, now)
    again = translate(now, learned, NAMER, config)
    assert _wanted(again.graph) == _wanted(desired.graph)
    assert again.findings == desired.findings
    assert plan(again.graph, end, again.keep).actions == ()


@settings(max_examples=200, deadline=None)
@given(WORLDS, CONFIGS)
def test_from_an_empty_cloud_hints_change_nothing_at_the_end(
    snapshot: Snapshot, config: Config
) -> None:
    desired = translate(snapshot, Hints(), NAMER, config)
    end, learned = _seen(rehearse(desired.graph, Graph(), desired.keep).end, snapshot)
    again = translate(snapshot, learned, NAMER, config)
    assert _wanted(again.graph) == _wanted(desired.graph)
    assert again.findings == desired.findings
    assert plan(again.graph, end, again.keep).actions == ()


def _serving(hints: Hints, end: Graph[Observed], health: Mapping[ResourceKey, str]) -> Hints:
    """Return the hints of a cloud whose rules have addresses, so that all of it serves."""
    led_to = {ref for live in end.of_kind(Kind.URL_MAP) for ref in live.refs}
    return msgspec.structs.replace(
        hints,
        rules={rule.key: "192.0.2.1" for rule in end.of_kind(Kind.FORWARDING_RULE)},
        reached=frozenset(led_to),
        health={key: state for key, state in health.items() if key in led_to},
    )


def _warm(graph: Graph[Any]) -> bool:
    return any(
        matcher.name.startswith("warm")
        for node in graph.of_kind(Kind.URL_MAP)
        for matcher in node.spec.path_matchers or ()
    )


@settings(max_examples=200, deadline=None)
@given(WORLDS, WORLDS, HEALTH, HEALTH)
def test_no_live_route_goes_to_a_cold_backend_and_at_the_end_health_changes_nothing(
    before: Snapshot, other: Snapshot, then: dict[ResourceKey, str], later: dict[ResourceKey, str]
) -> None:
    # The same routes, and every Service at other ports.
    now = msgspec.structs.replace(before, services=other.services)
    first = _converged(before, CONFIG)
    actual, seen = _seen(first, before)
    hints = _serving(seen, actual, then)
    desired = translate(now, hints, NAMER, CONFIG)
    for name, served in desired.served.items():
        node = desired.graph.get(served.keys.url_map)
        guarded = desired.read[name].looked_at.guarded is not None
        if node is None or guarded or not is_serving(served.keys, hints):
            continue  # where a policy is required, what has none is left at once
        live = hints.url_maps[node.key]
        moves = {(default_of(live), default_of(node.spec))}  # type: ignore[arg-type]
        leads, led = targets_of(node.spec), targets_of(live)  # type: ignore[arg-type]
        moves |= {(led[at], leads[at]) for at in leads.keys() & led.keys()}
        for old, new in moves:
            assert old == new or is_ready(new, hints) or then.get(old) == "UNHEALTHY", name
    end, seen = _seen(rehearse(desired.graph, actual, desired.keep).end, now)
    warm = translate(now, _serving(seen, end, dict.fromkeys(end.keys(), "HEALTHY")), NAMER, CONFIG)
    end, seen = _seen(rehearse(warm.graph, end, warm.keep).end, now)
    rest = translate(now, _serving(seen, end, later), NAMER, CONFIG)
    assert _wanted(rest.graph) == _wanted(warm.graph)
    assert not _warm(rest.graph)
    assert not any(one.waiting for one in rest.read.values())
    assert plan(rest.graph, end, rest.keep).actions == ()


def _mixed(before: Snapshot, now: Snapshot, rng: random.Random) -> Snapshot:
    """Return `before` with some of its objects, to the very same ones, replaced by those of `now`."""

    def mix(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
        names = [name for name in {*old, *new} if rng.random() < 0.9 or name in new]
        both = {name: (new if rng.random() < 0.3 else old).get(name) for name in sorted(names)}
        return {name: found for name, found in both.items() if found is not None}

    return Snapshot(
        ingresses=mix(before.ingresses, now.ingresses),
        services=mix(before.services, now.services),
        nodes=mix(before.nodes, now.nodes),
        ingress_classes=mix(before.ingress_classes, now.ingress_classes),
        ingress_parameters=mix(before.ingress_parameters, now.ingress_parameters),
        pods=mix(before.pods, now.pods),
        endpoint_slices=mix(before.endpoint_slices, now.endpoint_slices),
        complete=now.complete,
    )


@given(WORLDS, WORLDS, HINTS, HINTS, st.randoms(use_true_random=False))
def test_what_is_taken_over_from_an_earlier_translation_changes_nothing(
    before: Snapshot, other: Snapshot, then: Hints, hints: Hints, rng: random.Random
) -> None:
    now = _mixed(before, other, rng)
    about_switches = ("health", "reached", "waits", "stuck")
    news = {field: getattr(hints, field) for field in about_switches}
    moved = msgspec.structs.replace(then, endpoint_groups=hints.endpoint_groups)
    hints = rng.choice((then, hints, msgspec.structs.replace(then, **news), moved))
    earlier = translate(before, then, NAMER, CONFIG)
    fresh = translate(now, hints, NAMER, CONFIG)
    again = translate(now, hints, NAMER, CONFIG, earlier)
    assert _said(fresh) == _said(again)
    assert (fresh.served, fresh.leaving, fresh.consulted) == (
        again.served,
        again.leaving,
        again.consulted,
    )


@settings(max_examples=200, deadline=None)
@given(WORLDS, HINTS, st.lists(ENDPOINTS, max_size=4, unique=True))
def test_who_came_to_a_group_that_was_not_looked_at_changes_nothing(
    snapshot: Snapshot, then: Hints, now: list[Endpoint]
) -> None:
    desired = translate(snapshot, then, NAMER, CONFIG)
    moved = {
        key: msgspec.structs.replace(live, endpoints=tuple(now))
        for key, live in then.endpoint_groups.items()
    }
    hints = msgspec.structs.replace(then, endpoint_groups=moved)
    fresh = translate(snapshot, hints, NAMER, CONFIG)
    assert _said(fresh) == _said(translate(snapshot, hints, NAMER, CONFIG, desired))
    if desired.hints_hold(then, hints, 0.0):
        assert _said(fresh) == _said(desired)
