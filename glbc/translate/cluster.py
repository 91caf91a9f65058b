"""What all load balancers of a cluster share: nodes to instance groups, named ports, the firewall."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from glbc.config import Config
from glbc.model import compute
from glbc.model.finding import Finding, ObjectRef
from glbc.model.graph import Resource, wanted
from glbc.model.keys import Kind, Ref, ResourceKey, zone
from glbc.model.loadbalancer import Backend
from glbc.model.views import Hints, Node, Snapshot
from glbc.naming import Namer
from glbc.translate.reasons import Reason

# A node with one of these is not a candidate (reference: node controller of ingress-gce).
EXCLUDING_TAINTS: Final = frozenset({"ToBeDeletedByClusterAutoscaler"})
EXCLUDING_LABELS: Final = frozenset(
    {
        "node-role.kubernetes.io/master",
        "alpha.service-controller.kubernetes.io/exclude-balancer",
        "node.kubernetes.io/exclude-from-external-load-balancers",
    }
)
ZONE_LABEL: Final = "topology.kubernetes.io/zone"


class Machine(msgspec.Struct, frozen=True):
    """The Compute Engine instance behind a node."""

    instance: str
    zone: str
    candidate: bool  # does it get traffic?


def machine_of(node: Node) -> Machine | None:
    """Return the node's instance, or None when nothing tells its zone.

    The zone is that of `spec.providerID` (`gce://project/zone/instance`), else of the topology
    label. The instance is called like the node up to the first dot, as upstream has it.
    """
    labels = node.metadata.labels or {}
    _, _, provider = node.spec.provider_id.partition("gce://")
    parts = provider.split("/")
    place = (parts[1] if len(parts) == 3 else "") or labels.get(ZONE_LABEL, "")
    if not place:
        return None
    conditions = node.status.conditions or ()
    ready = any(c.type == "Ready" and c.status == "True" for c in conditions)
    leaving = any(taint.key in EXCLUDING_TAINTS for taint in node.spec.taints or ())
    candidate = ready and not leaving and EXCLUDING_LABELS.isdisjoint(labels)
    return Machine(node.metadata.name.partition(".")[0], place, candidate)


def machines(snapshot: Snapshot) -> tuple[list[Machine], list[Finding]]:
    """Return the instances of all nodes, sorted, and a finding for each node without a zone."""
    found, findings = [], []
    for name in sorted(snapshot.nodes):
        if machine := machine_of(snapshot.nodes[name]):
            found.append(machine)
        else:
            findings.append(
                Finding(
                    ObjectRef("Node", "", name),
                    Reason.NODE_WITHOUT_ZONE,
                    "spec.providerID",
                    "nothing tells the zone of this node, so it gets no traffic",
                    f"set the provider ID, or the label {ZONE_LABEL}",
                )
            )
    return found, findings


def group_keys(nodes: Iterable[Machine], namer: Namer, config: Config) -> list[ResourceKey]:
    """Return one instance group for each zone that has nodes."""
    name = namer.instance_group()
    return [
        ResourceKey(config.project, Kind.INSTANCE_GROUP, zone(place), name)
        for place in sorted({node.zone for node in nodes})
    ]


def groups(
    nodes: Iterable[Machine],
    backends: Mapping[ResourceKey, Backend],
    users: Iterable[ObjectRef],
    namer: Namer,
    config: Config,
) -> Iterator[Resource]:
    """Yield the instance groups: the candidate nodes as members, a named port for each backend."""
    nodes, users = list(nodes), list(users)
    ports = tuple(
        compute.NamedPort(name=namer.named_port(port), port=port)
        for port in sorted({backend.node_port for backend in backends.values()})
    )
    for key in group_keys(nodes, namer, config):
        members = {  # a set: two nodes whose names differ after the dot are one instance
            Ref(ResourceKey(config.project, Kind.INSTANCE, key.scope, node.instance))
            for node in nodes
            if node.candidate and zone(node.zone) == key.scope
        }
        yield wanted(
            key,
            compute.InstanceGroup(named_ports=ports, instances=tuple(sorted(members))),
            origin={"instances": "the cluster's nodes", "named_ports": "the backends' node ports"},
            wanted_by=users,
        )


def node_tags(nodes: Iterable[Machine], hints: Hints, config: Config) -> tuple[str, ...]:
    """Return the network tags of the nodes: configured, else found on the instances.

    Of an instance's tags the longest one that is a prefix of its name counts, as upstream has it.
    """
    if config.node_tags:
        return tuple(config.node_tags)
    found = set()
    for node in nodes:
        tags = hints.instance_tags.get(node.instance, ())
        if fitting := [tag for tag in tags if node.instance.startswith(tag)]:
            found.add(max(fitting, key=len))
    return tuple(sorted(found))
