"""Random worlds for the planner: what somebody wants, and what may be lying about in the cloud.

Everything is drawn from one `Random`: a seed is a world, and Hypothesis can drive it too. Wishes
are lowered by the real translator's last stage, so that the graphs look like real ones; the actual
graph is what an older wish left behind, half built, edited by hand, and shared with strangers.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from glbc.config import Config
from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership, Resource, wanted
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, refs_in, zone
from glbc.model.kinds import completed, is_managed
from glbc.model.loadbalancer import Backend, EndpointPort, Host, LoadBalancer, Route
from glbc.model.views import Hints
from glbc.naming import Namer, Scheme
from glbc.translate import cluster, firewall, lower
from glbc.translate.cluster import Machine
from glbc.translate.pods import TYPE

Rng = random.Random
CONFIG = Config(project="demo", node_tags=("gke-node",))
NAMER = Namer("3fb1a2c90d7e5f64", "d1c1e0a2-7f3b-4c39-9b25-0e4c8a1f2b33", "")
PORTS = (30000, 30001, 30002, 30003)
LOST = ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, "k8s-be-39999--nobody-makes-it")


class Site(msgspec.Struct, frozen=True):
    """One Ingress, as far as the planner can tell Ingresses apart."""

    name: str
    default: int  # index of a port
    routes: tuple[tuple[str, str, int], ...]  # host, path, index of a port; -1 is a lost backend
    address: str  # "" or a literal IP: immutable on the forwarding rule


class Wish(msgspec.Struct, frozen=True):
    """What a whole cluster wants."""

    sites: tuple[Site, ...]
    nodes: tuple[tuple[str, str], ...]  # instance, zone
    protocols: tuple[str, ...]  # of each port
    pods: tuple[tuple[int, ...] | None, ...] = (None,) * len(
        PORTS
    )  # of each port; None: over nodes
    scheme: str = ""  # load_balancing_scheme of the first port's backend service: immutable


class World(msgspec.Struct, frozen=True):
    """What is wanted now and later, and what is there."""

    wishes: tuple[Graph[Resource], ...]  # the desires, one after the other
    truth: Graph[Observed]
    keep: frozenset[ResourceKey]
    hidden: frozenset[str] = frozenset()  # kinds that cannot be listed
    doubted: frozenset[ResourceKey] = frozenset()  # keys whose state is not known


# What is wanted ----------------------------------------------------------------------------------


def a_wish(rng: Rng) -> Wish:
    """Return the wish of a small cluster."""
    names = rng.sample(["shop/web", "shop/api", "blog/www", "x/y"], rng.choice([0, 1, 1, 2, 2, 3]))
    zones = rng.sample(["z-a", "z-b", "z-c"], rng.randint(1, 2))
    return Wish(
        sites=tuple(_site(rng, name) for name in names),
        nodes=tuple((f"gke-node-{i}", rng.choice(zones)) for i in range(rng.randint(1, 4))),
        protocols=tuple(rng.choice(["HTTP", "HTTP", "HTTPS"]) for _ in PORTS),
        pods=tuple(_pods(rng) if rng.random() < 0.4 else None for _ in PORTS),
        scheme=rng.choice(["", "", "", "EXTERNAL", "EXTERNAL_MANAGED"]),
    )


def _pods(rng: Rng) -> tuple[int, ...]:
    return tuple(rng.sample(range(9), rng.randrange(5)))


def _site(rng: Rng, name: str) -> Site:
    places = [(host, path) for host in ("a.example", "b.example") for path in ("/", "/x")]
    lost = rng.random() < 0.08
    routes = tuple(
        (host, path, -1 if lost and rng.random() < 0.5 else rng.randrange(len(PORTS)))
        for host, path in rng.sample(places, rng.randint(0, 3))
    )
    address = rng.choice(["", "", "198.51.100.1", "198.51.100.2"])
    return Site(name, rng.randrange(len(PORTS)), routes, address)


def edited(rng: Rng, wish: Wish) -> Wish:
    """Return the wish after somebody changed his mind about one thing."""
    other = a_wish(rng)
    field = rng.choice(
        ["sites", "sites", "one site", "nodes", "protocols", "pods", "pods", "scheme"]
    )
    if field == "one site" and wish.sites:
        at = rng.randrange(len(wish.sites))
        new = () if rng.random() < 0.4 else (_site(rng, wish.sites[at].name),)
        return replace(wish, sites=(*wish.sites[:at], *new, *wish.sites[at + 1 :]))
    field = "sites" if field == "one site" else field
    return replace(wish, **{field: getattr(other, field)})


def desired(wish: Wish) -> Graph[Resource]:
    """Lower a wish to resources."""
    users: dict[int, set[ObjectRef]] = {}
    resources: list[Resource] = []
    for site in wish.sites:
        owner = _owner(site)
        where = [_service(wish, index) for index in range(len(PORTS))]
        for index in (site.default, *(port for *_, port in site.routes if port >= 0)):
            users.setdefault(index, set()).add(owner)
        resources.extend(_front_end(site, owner, where))
    if not users:
        return Graph(resources)
    everyone = [_owner(site) for site in wish.sites]
    machines = [Machine(name, zone, candidate=True) for name, zone in wish.nodes]
    groups = cluster.group_keys(machines, NAMER, CONFIG)
    ports = [PORTS[index] for index in users if wish.pods[index] is None]
    joining, _ = cluster.members(machines, Hints(), CONFIG)
    if ports:
        resources.extend(cluster.groups(machines, ports, everyone, joining, NAMER, CONFIG))
    resources.append(
        firewall.rule(CONFIG.node_port_ranges, CONFIG.node_tags, everyone, NAMER, CONFIG)
    )
    for index, owners in users.items():
        straight = list(_endpoint_groups(wish, index, owners))
        resources.extend(straight)
        key, backend = _service(wish, index), _backend(wish, index)
        behind = groups if wish.pods[index] is None else [one.key for one in straight]
        for resource in lower.backend_resources(
            key, backend, behind, owners, balancing="", namer=NAMER
        ):
            pinned = wish.scheme and index == 0 and resource.key.kind == Kind.BACKEND_SERVICE
            resources.append(
                _with(resource, load_balancing_scheme=wish.scheme) if pinned else resource
            )
    return Graph(resources)


def _endpoint_groups(wish: Wish, index: int, owners: set[ObjectRef]) -> Iterator[Resource]:
    """Yield the groups of a port that is served from its pods: one in each zone that has a node."""
    for place in sorted({place for _, place in wish.nodes if wish.pods[index] is not None}):
        nodes = [name for name, where in wish.nodes if where == place]
        yield wanted(
            ResourceKey(
                "demo", Kind.NETWORK_ENDPOINT_GROUP, zone(place), _service(wish, index).name
            ),
            compute.NetworkEndpointGroup(
                description="{}",
                network_endpoint_type=TYPE,
                network=Ref(firewall.network_key(CONFIG)),
                network_endpoints=tuple(
                    compute.Endpoint(ip_address=f"10.8.0.{pod}", port=8080, instance=nodes[0])
                    for pod in wish.pods[index] or ()
                ),
            ),
            wanted_by=owners,
        )


def _front_end(site: Site, owner: ObjectRef, where: list[ResourceKey]) -> Iterator[Resource]:
    hosts: dict[str, list[Route]] = {}
    for host, path, port in site.routes:
        hosts.setdefault(host, []).append(Route(path, where[port] if port >= 0 else LOST))
    balancer = LoadBalancer(
        owner=owner,
        names=NAMER.frontend(Scheme.V2, owner.namespace, owner.name),
        default=where[site.default],
        hosts=tuple(Host(host, tuple(routes)) for host, routes in hosts.items()),
    )
    for resource in lower.frontend_resources(balancer, CONFIG):
        if resource.key.kind == Kind.FORWARDING_RULE and site.address:
            yield _with(resource, ip_address=site.address)
        else:
            yield resource


def _with(resource: Resource, **fields: Any) -> Resource:
    spec = replace(resource.spec, **fields)
    return wanted(resource.key, spec, origin=resource.origin, wanted_by=resource.wanted_by)


def _owner(site: Site) -> ObjectRef:
    return ObjectRef("Ingress", *site.name.split("/"))


def _service(wish: Wish, index: int) -> ResourceKey:
    over_nodes = wish.pods[index] is None
    name = NAMER.backend(PORTS[index]) if over_nodes else NAMER.neg("shop", f"s{index}", 80)
    return ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, name)


def _backend(wish: Wish, index: int) -> Backend:
    return Backend(
        service=ObjectRef("Service", "shop", f"s{index}"),
        port_name="http",
        port_number=0,
        node_port=PORTS[index],
        endpoints=None if wish.pods[index] is None else EndpointPort(number=80, target=8080),
        protocol=wish.protocols[index],
        origin="",
    )


# What is there -----------------------------------------------------------------------------------


def observed(
    key: ResourceKey, spec: compute.Spec, ownership: Ownership = Ownership.OWNED
) -> Observed:
    """Return what the cloud would show of a resource."""
    spec = completed(key.kind, spec)
    return Observed(key=key, spec=spec, ownership=ownership, refs=frozenset(refs_in(spec)))


def converged(graph: Iterable[Resource]) -> Graph[Observed]:
    """Return the actual graph of a wish that came true, without what refers to nothing."""
    return closed(observed(resource.key, resource.spec) for resource in graph)


def closed(nodes: Iterable[Observed]) -> Graph[Observed]:
    """Return the nodes without those that refer to what is not there: no cloud has such."""
    there = {node.key: node for node in nodes}
    while dangling := [
        node.key
        for node in there.values()
        if any(ref.kind in _CHECKED and is_managed(ref) and ref not in there for ref in node.refs)
    ]:
        for key in dangling:
            del there[key]
    return Graph(there.values())


_CHECKED = frozenset(
    {
        Kind.HEALTH_CHECK,
        Kind.INSTANCE_GROUP,
        Kind.NETWORK_ENDPOINT_GROUP,
        Kind.BACKEND_SERVICE,
        Kind.URL_MAP,
        Kind.TARGET_HTTP_PROXY,
    }
)


def a_world(rng: Rng, changes: int = 2) -> World:
    """Return a world: what an older wish left, and wishes to come."""
    old = a_wish(rng)
    wish = edited(rng, old) if rng.random() < 0.7 else old
    wishes = [wish]
    for _ in range(rng.randint(0, changes)):
        wishes.append(edited(rng, wishes[-1]))
    start = rng.choice(["nothing", "all", "half", "all", "all", "more"])
    nodes = list(converged(desired(old))) if start != "nothing" else []
    if start == "half":
        nodes = [node for node in nodes if rng.random() < 0.8]
    if start == "more":
        there = {node.key for node in nodes}
        nodes += [n for n in converged(desired(a_wish(rng))) if n.key not in there]
    truth = closed(nodes)
    for _ in range(rng.choice([0, 1, 2, 3, 5])):
        truth = closed(_drifted(rng, list(truth)))
    if rng.random() < 0.2:
        truth = truth.replace(observed(LOST, compute.BackendService()))
    keys = sorted(truth.keys())
    some = [key for key in keys if key.kind in {Kind.FORWARDING_RULE, Kind.BACKEND_SERVICE}]
    keep = rng.sample(some, min(len(some), rng.choice([0, 0, 0, 1, 2])))
    hidden = {rng.choice(sorted(_CHECKED))} if rng.random() < 0.15 else set()
    doubted = {rng.choice(keys)} if keys and rng.random() < 0.2 else set()
    return World(
        tuple(desired(one) for one in wishes),
        truth,
        frozenset(keep),
        frozenset(hidden),
        frozenset(doubted),
    )


def _drifted(rng: Rng, nodes: list[Observed]) -> list[Observed]:
    """Return the nodes after something happened to one of them."""
    if not nodes:
        return [
            observed(_own(Kind.HEALTH_CHECK, "other"), compute.HealthCheck(), Ownership.FOREIGN)
        ]
    at = rng.randrange(len(nodes))
    node = nodes[at]
    happening = rng.choice(["edited", "edited", "edited", "whose", "user", "gone"])
    if happening == "gone":
        return nodes[:at] + nodes[at + 1 :]
    if happening == "user":
        used = stranger(rng, node.key)
        return [*nodes, used] if used and used.key not in {n.key for n in nodes} else nodes
    if happening == "whose":
        whose = rng.choice([Ownership.FOREIGN, Ownership.ADOPTABLE])
        if node.key.kind == Kind.NETWORK_ENDPOINT_GROUP:
            whose = Ownership.FOREIGN  # its description alone says whose it is
        strange = replace(node.spec, description="by hand")
        return [*nodes[:at], observed(node.key, strange, whose), *nodes[at + 1 :]]
    edits = EDITS.get(Kind(node.key.kind), ())
    if not edits:
        return nodes
    spec = rng.choice(edits)(rng, node.spec, [n.key for n in nodes])
    return [*nodes[:at], observed(node.key, spec, node.ownership), *nodes[at + 1 :]]


def _own(kind: Kind, name: str) -> ResourceKey:
    return ResourceKey("demo", kind, GLOBAL, name)


def stranger(rng: Rng, key: ResourceKey) -> Observed | None:
    """Return somebody else's resource that uses `key`."""
    name, spec = f"theirs-{rng.randrange(3)}", None
    match key.kind:
        case Kind.BACKEND_SERVICE:
            kind, spec = Kind.URL_MAP, compute.UrlMap(default_service=Ref(key))
        case Kind.URL_MAP:
            kind, spec = Kind.TARGET_HTTPS_PROXY, compute.TargetHttpsProxy(url_map=Ref(key))
        case Kind.TARGET_HTTP_PROXY:
            kind, spec = Kind.FORWARDING_RULE, compute.ForwardingRule(target=Ref(key))
        case Kind.HEALTH_CHECK:
            kind, spec = Kind.BACKEND_SERVICE, compute.BackendService(health_checks=(Ref(key),))
        case Kind.INSTANCE_GROUP | Kind.NETWORK_ENDPOINT_GROUP:
            backend = compute.Backend(group=Ref(key))
            kind, spec = Kind.BACKEND_SERVICE, compute.BackendService(backends=(backend,))
    return observed(_own(kind, name), spec, Ownership.FOREIGN) if spec is not None else None


# What people do to single fields -----------------------------------------------------------------

Edit = Callable[[Rng, Any, list[ResourceKey]], compute.Spec]
THEIR_GROUP = ResourceKey("demo", Kind.NETWORK_ENDPOINT_GROUP, GLOBAL, "their-neg")


def _set(**fields: Any) -> Edit:
    return lambda _rng, spec, _keys: replace(spec, **fields)


def _append(field: str, *elements: Any) -> Edit:
    return lambda _rng, spec, _keys: replace(spec, **{field: (*getattr(spec, field), *elements)})


def _drop(field: str) -> Edit:
    def edit(rng: Rng, spec: Any, _keys: list[ResourceKey]) -> compute.Spec:
        left = list(getattr(spec, field) or ())
        if left:
            left.pop(rng.randrange(len(left)))
        return replace(spec, **{field: tuple(left)})

    return edit


def _their_matcher(rng: Rng, spec: Any, keys: list[ResourceKey]) -> compute.Spec:
    services = [key for key in keys if key.kind == Kind.BACKEND_SERVICE] or [LOST]
    matcher = compute.PathMatcher(name="theirs", default_service=Ref(rng.choice(services)))
    if any(one.name == "theirs" for one in spec.path_matchers):
        return replace(spec, host_rules=(), path_matchers=())
    return replace(
        spec,
        host_rules=(
            *spec.host_rules,
            compute.HostRule(hosts=("their.example",), path_matcher="theirs"),
        ),
        path_matchers=(*spec.path_matchers, matcher),
    )


def _retarget(field: str, kind: Kind) -> Edit:
    def edit(rng: Rng, spec: Any, keys: list[ResourceKey]) -> compute.Spec:
        found = [key for key in keys if key.kind == kind]
        if not found:
            return spec
        target = Ref(rng.choice(found))
        return replace(spec, **{field: (target,) if field == "health_checks" else target})

    return edit


EDITS: dict[Kind, tuple[Edit, ...]] = {
    Kind.HEALTH_CHECK: (_set(check_interval_sec=7), _set(type="HTTP2")),
    Kind.INSTANCE_GROUP: (
        _append(
            "named_ports",
            compute.NamedPort(name="http", port=80),
            compute.NamedPort(name="http", port=8080),
        ),
        _append("named_ports", compute.NamedPort(name="port30000", port=1)),
        _append("named_ports", compute.NamedPort(name="port31000", port=31000)),
        _drop("named_ports"),
        _drop("instances"),
    ),
    Kind.NETWORK_ENDPOINT_GROUP: (
        _drop("network_endpoints"),
        _append(
            "network_endpoints",
            compute.Endpoint(ip_address="10.8.0.77", port=1, instance="gke-node-0"),
        ),
    ),
    Kind.BACKEND_SERVICE: (
        _append("backends", compute.Backend(group=Ref(THEIR_GROUP))),
        _drop("backends"),
        _set(protocol="HTTP2"),
        _set(port_name="http", port=80),
        _set(log_config=UNSET),
        _set(load_balancing_scheme="INTERNAL_MANAGED"),
        _retarget("health_checks", Kind.HEALTH_CHECK),
    ),
    Kind.URL_MAP: (
        _their_matcher,
        _their_matcher,
        _drop("path_matchers"),
        _retarget("default_service", Kind.BACKEND_SERVICE),
    ),
    Kind.TARGET_HTTP_PROXY: (_retarget("url_map", Kind.URL_MAP), _set(description="{}")),
    Kind.FORWARDING_RULE: (
        _set(ip_address="198.51.100.9"),
        _retarget("target", Kind.TARGET_HTTP_PROXY),
    ),
    Kind.FIREWALL: (_set(source_ranges=("0.0.0.0/0",)), _set(target_tags=())),
}
