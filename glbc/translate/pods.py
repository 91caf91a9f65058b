"""Pods to network endpoint groups: whom the load balancer may send requests to, zone by zone.

Endpoints come from EndpointSlices, ready or not, as in ingress-gce: the load balancer's own health
check decides who gets requests. A terminating pod leaves at once, unless nobody else is ready yet:
then it serves on for as long as it can. A Service without a slice says nothing, not "nobody". A zone
whose last node and last pod have gone has no group any more.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.config import Config
from glbc.model import compute
from glbc.model.compute import Endpoint
from glbc.model.finding import Finding, ObjectRef
from glbc.model.graph import Resource, wanted
from glbc.model.keys import Kind, Ref, ResourceKey, parse_link, zone
from glbc.model.loadbalancer import EndpointPort
from glbc.model.views import EndpointSlice, Hints, Node, Service, SliceEndpoint, Snapshot
from glbc.naming import Namer
from glbc.translate.cluster import Machine, machine_of
from glbc.translate.firewall import network_key
from glbc.translate.reasons import Reason

TYPE: Final = "GCE_VM_IP_PORT"
FAMILY: Final = "IPv4"  # a slice of another family does not tell that nobody is there in this one
SHOWN: Final = 3  # endpoints that a message names


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One Service port whose pods stand in groups of their own."""

    service: ObjectRef
    port: EndpointPort
    name: str  # of the group in each zone
    users: tuple[ObjectRef, ...]  # who wants it, sorted: Ingresses, or the Service itself


class Places(msgspec.Struct, frozen=True):
    """Where the nodes are; made once for as long as no node changes."""

    nodes: Mapping[str, Node] = {}
    machines: Mapping[str, Machine] = {}  # by the name of the node
    zones: tuple[str, ...] = ()  # with a node that may get traffic, sorted

    @classmethod
    def of(cls, nodes: Mapping[str, Node], before: "Places") -> "Places":
        """Return the places of these nodes."""
        if nodes is before.nodes:
            return before
        found = {name: machine for name, node in nodes.items() if (machine := machine_of(node))}
        zones = sorted({machine.zone for machine in found.values() if machine.candidate})
        return cls(nodes, found, tuple(zones))


class Slices(msgspec.Struct, frozen=True):
    """The IPv4 EndpointSlices of each Service; made once for as long as none changes."""

    slices: Mapping[str, EndpointSlice] = {}
    by_service: Mapping[str, tuple[EndpointSlice, ...]] = {}

    @classmethod
    def of(cls, slices: Mapping[str, EndpointSlice], before: "Slices") -> "Slices":
        """Return these slices, sorted by their Service."""
        if slices is before.slices:
            return before
        found: dict[str, list[EndpointSlice]] = {}
        for one in (one for one in slices.values() if one.address_type == FAMILY):
            found.setdefault(one.service, []).append(one)
        return cls(slices, {service: tuple(some) for service, some in found.items()})


class Seated(msgspec.Struct, frozen=True, kw_only=True):
    """What one group comes to, and what that rests on."""

    group: Group
    slices: tuple[EndpointSlice, ...]
    places: Places
    zones: tuple[str, ...]  # with a group though nobody be in it, sorted
    live: Mapping[str, tuple[Endpoint, ...]] | None  # zone → who is in it; None: it did not matter
    unfit: Mapping[tuple[ResourceKey, Endpoint], str]
    resources: tuple[Resource, ...]
    ports: frozenset[int]  # that are probed
    findings: tuple[Finding, ...]

    def holds(self, other: "Seated") -> bool:
        """Tell whether it rests on the same as another."""
        return (
            self.group == other.group
            and len(self.slices) == len(other.slices)
            and all(one is two for one, two in zip(self.slices, other.slices, strict=True))
            and self.places is other.places
            and self.zones == other.zones
            and self.unfit == other.unfit
            and (self.live is None or self.live == other.live)
        )


class Pods(msgspec.Struct, frozen=True, kw_only=True):
    """All groups of one translation: taken over by the next."""

    places: Places = Places()
    slices: Slices = Slices()
    groups: Mapping[str, Seated] = {}  # by name

    def keys_of(self, name: str) -> tuple[ResourceKey, ...]:
        """Return the groups of that name, one of each zone."""
        return tuple(one.key for one in self.groups[name].resources)

    def resources(self) -> Iterator[Resource]:
        """Yield all groups."""
        for one in self.groups.values():
            yield from one.resources

    def findings(self) -> Iterator[Finding]:
        """Yield who cannot be in a group, and why."""
        for one in self.groups.values():
            yield from one.findings

    def watched(self) -> frozenset[str]:
        """Return the names of the groups that rest on who is in them now."""
        return frozenset(name for name, one in self.groups.items() if one.live is not None)

    def ports(self) -> frozenset[int]:
        """Return the ports of pods that are probed."""
        return frozenset(port for one in self.groups.values() for port in one.ports)


def description(service: ObjectRef, port: int, namer: Namer) -> str:
    """Return what proves that a group is ours: upstream's record, as Go's json.Marshal writes it."""
    record = {
        "cluster-uid": namer.kube_system_uid,
        "namespace": service.namespace,
        "service-name": service.name,
        "port": str(port),
    }
    return json.dumps(record, separators=(",", ":"))


def seated(
    groups: Iterable[Group],
    snapshot: Snapshot,
    hints: Hints,
    settings: tuple[Namer, Config],
    before: Pods,
) -> Pods:
    """Return who is in each group; as in `before` where what it rests on is the same."""
    places = Places.of(snapshot.nodes, before.places)
    slices = Slices.of(snapshot.endpoint_slices, before.slices)
    live: dict[str, dict[str, tuple[Endpoint, ...]]] = {}
    for key, there in hints.endpoint_groups.items():
        live.setdefault(key.name, {})[key.scope.partition("/")[2]] = there.endpoints
    found = {}
    for group in groups:
        where = f"{group.service.namespace}/{group.service.name}"
        now = live.get(group.name, {})
        told = slices.by_service.get(where, ())
        if _are_behind(told, group.port, snapshot.services.get(where)):
            told = ()
        known = places.zones and told
        base = Seated(
            group=group,
            slices=told,
            places=places,
            zones=places.zones if known else tuple(sorted({*places.zones, *now})),
            live=now,
            unfit={one: why for one, why in hints.unfit.items() if one[0].name == group.name},
            resources=(),
            ports=frozenset(),
            findings=(),
        )
        old = before.groups.get(group.name)
        found[group.name] = old if old and old.holds(base) else _filled(base, settings)
    return Pods(places=places, slices=slices, groups=found)


def _filled(base: Seated, settings: tuple[Namer, Config]) -> Seated:
    """Return what a group comes to."""
    namer, config = settings
    group, live = base.group, base.live or {}
    findings: list[Finding] = []
    members, homeless = _placed(base)
    lost = _kept_where_they_are(members, homeless, live)
    if lost:
        findings.append(_lost(group, lost))
    for (key, unfit), why in sorted(base.unfit.items(), key=lambda row: str(row[0])):
        asked = members.get(key.scope.partition("/")[2], set())
        if unfit in asked:
            asked.discard(unfit)
            findings.append(_unfit(group, unfit, why))
    zones = sorted({*base.zones, *members})
    known = bool(base.slices)
    staying = (
        frozenset() if known else frozenset(one.port for some in live.values() for one in some)
    )
    resources = tuple(
        wanted(
            ResourceKey(config.project, Kind.NETWORK_ENDPOINT_GROUP, zone(place), group.name),
            compute.NetworkEndpointGroup(
                description=description(group.service, group.port.number, namer),
                network_endpoint_type=TYPE,
                network=Ref(network_key(config)),
                subnetwork=Ref(parse_link(config.subnetwork, config.project))
                if config.subnetwork
                else UNSET,
                network_endpoints=tuple(members.get(place, ())) if known else UNSET,
            ),
            origin={"network_endpoints": f"the EndpointSlices of {group.service}"},
            wanted_by=group.users,
        )
        for place in zones
    )
    return msgspec.structs.replace(
        base,
        live=None if known and not homeless else base.live,
        resources=resources,
        ports=frozenset(_ports(base.slices, group.port)) | staying,
        findings=tuple(findings),
    )


def _placed(base: Seated) -> tuple[dict[str, set[Endpoint]], dict[tuple[str, int], str]]:
    """Return who is in each zone; and of whom no node is seen, by address and port, with its name."""
    members: dict[str, set[Endpoint]] = {}
    homeless: dict[tuple[str, int], str] = {}
    for endpoint, number in serving(base.slices, base.group.port):
        for address in endpoint.addresses[:1]:  # the API: the others mean the same pod
            name = endpoint.node_name or "-"
            machine = base.places.machines.get(name)
            if machine is not None:
                one = Endpoint(ip_address=address, port=number, instance=machine.instance)
                members.setdefault(machine.zone, set()).add(one)
            else:
                where = (address, number)
                homeless[where] = min(name, homeless.get(where, name))
    for settled in (one for some in members.values() for one in some):
        homeless.pop((settled.ip_address, settled.port), None)  # another slice names its node
    return members, homeless


def _kept_where_they_are(
    members: dict[str, set[Endpoint]],
    homeless: Mapping[tuple[str, int], str],
    live: Mapping[str, tuple[Endpoint, ...]],
) -> list[str]:
    """Add to `members` who is in a group already though nobody sees its node; return the others."""
    lost: list[str] = []
    for (address, number), name in homeless.items():
        kept = {
            (place, there)
            for place, some in live.items()
            for there in some
            if (there.ip_address, there.port) == (address, number)
        }
        for place, there in kept:
            members.setdefault(place, set()).add(there)
        if not kept:
            lost.append(f"{address}:{number} on node {name}")
    return lost


def _are_behind(
    slices: Iterable[EndpointSlice], port: EndpointPort, service: Service | None
) -> bool:
    """Tell whether slices are from before the Service's ports got their names of now.

    They name none that the Service does not have, but for the moment in which it is renamed: until
    they are written again they do not tell who is behind the port.
    """
    named = {row.name or "" for one in slices for row in one.ports or ()}
    have = {one.name for one in service.spec.ports or ()} if service else named
    return port.name not in named and not named <= have


def serving(
    slices: Iterable[EndpointSlice], port: EndpointPort
) -> Iterator[tuple[SliceEndpoint, int]]:
    """Yield who may get requests, each with the port of the pod."""
    listed = [
        (endpoint, number)
        for one in slices
        for number in _numbers(one, port)
        for endpoint in one.endpoints or ()
    ]
    staying = [(endpoint, number) for endpoint, number in listed if not _terminates(endpoint)]
    yield from staying
    if not any(_is_ready(endpoint) for endpoint, _ in staying):
        yield from (
            (endpoint, number)
            for endpoint, number in listed
            if _terminates(endpoint) and endpoint.conditions.serving
        )


def _numbers(one: EndpointSlice, port: EndpointPort) -> Iterator[int]:
    for row in one.ports or ():
        if (row.name or "") == port.name and row.port:
            yield row.port


def _ports(slices: Iterable[EndpointSlice], port: EndpointPort) -> Iterator[int]:
    """Yield the ports of the pods: the Service's own word, and what a name has come to."""
    if isinstance(port.target, int):
        yield port.target or port.number
    else:
        for one in slices:
            yield from _numbers(one, port)


def _terminates(endpoint: SliceEndpoint) -> bool:
    return bool(endpoint.conditions.terminating)


def _is_ready(endpoint: SliceEndpoint) -> bool:
    return endpoint.conditions.ready is not False


def _lost(group: Group, lost: list[str]) -> Finding:
    shown = ", ".join(sorted(lost)[:SHOWN]) + (", …" if len(lost) > SHOWN else "")
    return Finding(
        group.service,
        Reason.ENDPOINT_WITHOUT_NODE,
        f"port {group.port.number}",
        f"nothing tells the zone of the node of {len(lost)} endpoints, which get no traffic: {shown}",
        "see kubectl get nodes -o wide: a node needs a provider ID, or a zone label",
    )


def _unfit(group: Group, endpoint: Endpoint, why: str) -> Finding:
    return Finding(
        group.service,
        Reason.ENDPOINT_REFUSED,
        f"port {group.port.number}",
        f"the cloud does not take {endpoint.ip_address}:{endpoint.port} of {endpoint.instance}: {why}",
        "see that pods have addresses of their node's alias range (a VPC-native cluster)",
    )
