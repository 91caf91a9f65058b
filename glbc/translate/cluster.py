"""What all load balancers of a cluster share: nodes to instance groups and named ports."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.config import Config
from glbc.model import compute
from glbc.model.finding import Finding, ObjectRef
from glbc.model.graph import Resource, wanted
from glbc.model.keys import Kind, Ref, ResourceKey, zone
from glbc.model.views import Hints, Misfit, Node, Snapshot
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
PROVIDER: Final = "gce://"
ZONE_LABEL: Final = "topology.kubernetes.io/zone"


class Machine(msgspec.Struct, frozen=True):
    """The Compute Engine instance behind a node."""

    instance: str
    zone: str
    candidate: bool  # does it get traffic?


def machine_of(node: Node) -> Machine | None:
    """Return the node's instance, or None when it has none that we know of.

    The zone is that of `spec.providerID` (`gce://project/zone/instance`), else of the topology
    label; a node of another provider has no instance. The instance is called like the node up to
    the first dot, as upstream has it.
    """
    labels = node.metadata.labels or {}
    provider = node.spec.provider_id
    parts = provider.removeprefix(PROVIDER).split("/")
    if provider and not provider.startswith(PROVIDER):
        return None
    place = (parts[1] if len(parts) == 3 else "") or labels.get(ZONE_LABEL, "")
    if not place:
        return None
    conditions = node.status.conditions or ()
    ready = any(c.type == "Ready" and c.status == "True" for c in conditions)
    leaving = any(taint.key in EXCLUDING_TAINTS for taint in node.spec.taints or ())
    candidate = ready and not leaving and EXCLUDING_LABELS.isdisjoint(labels)
    return Machine(node.metadata.name.partition(".")[0], place, candidate)


def machines(snapshot: Snapshot) -> tuple[list[Machine], list[Finding]]:
    """Return the instances of all nodes, sorted, and a finding for each node without one."""
    found, findings = [], []
    for name in sorted(snapshot.nodes):
        node = snapshot.nodes[name]
        if machine := machine_of(node):
            found.append(machine)
            continue
        reason, hint = Reason.NODE_WITHOUT_ZONE, f"set the provider ID, or the label {ZONE_LABEL}"
        problem = "nothing tells the zone of this node, so it gets no traffic"
        if node.spec.provider_id and not node.spec.provider_id.startswith(PROVIDER):
            reason, hint = Reason.NODE_NOT_IN_CLOUD, f"it has to be {PROVIDER}PROJECT/ZONE/NAME"
            problem = (
                f"{node.spec.provider_id} is no instance of Compute Engine: it gets no traffic"
            )
        findings.append(_of_node(name, reason, problem, hint))
    return found, findings


def _of_node(name: str, reason: Reason, problem: str, hint: str) -> Finding:
    return Finding(ObjectRef("Node", "", name), reason, "spec.providerID", problem, hint)


def members(
    nodes: Iterable[Machine], hints: Hints, config: Config
) -> tuple[dict[str, tuple[str, ...]] | None, list[Finding]]:
    """Return the instances of each zone's group, and a finding for each node that is left out.

    While no node at all is a candidate, nobody can say who the members should be: None. (All of
    them not ready at once is the API server's trouble more often than theirs, igce PR#2431.)
    """
    candidates: dict[str, set[str]] = {}
    for node in nodes:
        candidates.setdefault(node.zone, set())
        if node.candidate:  # two nodes whose names differ after the dot are one instance
            candidates[node.zone].add(node.instance)
    if not any(candidates.values()):
        return None, []
    findings = []
    found: dict[str, tuple[str, ...]] = {}
    for place, names in sorted(candidates.items()):
        fitting = []
        for name in sorted(names):
            misfit = hints.misfits.get(
                ResourceKey(config.project, Kind.INSTANCE, zone(place), name)
            )
            if misfit is None:
                fitting.append(name)
            else:
                findings.append(_misfit(name, place, misfit))
        most = config.max_instances_per_group
        if over := fitting[most:]:
            problem = (
                f"zone {place} has {len(fitting)} nodes for its instance group, {len(over)} over the "
                f"limit of {most}: this one and those behind it by name get no traffic"
            )
            hint = "spread the nodes over more zones, or use network endpoint groups"
            findings.append(_of_node(over[0], Reason.TOO_MANY_NODES, problem, hint))
        found[place] = tuple(fitting[:most])
    return found, findings


def _misfit(name: str, place: str, misfit: Misfit) -> Finding:
    """Return why the cloud does not take an instance into our group."""
    if misfit.missing:
        problem = f"there is no instance {name} in zone {place}: it gets no traffic"
        hint = "delete the node, or see why its instance is gone"
        return _of_node(name, Reason.NODE_NOT_IN_CLOUD, problem, hint)
    held = f"instance group {misfit.group}" if misfit.group else "another load balancer's group"
    user = f", which {misfit.user} uses" if misfit.user else ""
    problem = f"instance {name} is in {held}{user}, and may be in one such group only"
    hint = "take the instance out of that group, or use network endpoint groups"
    return _of_node(name, Reason.NODE_IN_OTHER_GROUP, problem, hint)


def group_keys(nodes: Iterable[Machine], namer: Namer, config: Config) -> list[ResourceKey]:
    """Return one instance group for each zone that has nodes."""
    name = namer.instance_group()
    return [
        ResourceKey(config.project, Kind.INSTANCE_GROUP, zone(place), name)
        for place in sorted({node.zone for node in nodes})
    ]


def groups(
    nodes: Iterable[Machine],
    ports: Iterable[int],
    users: Iterable[ObjectRef],
    joining: Mapping[str, tuple[str, ...]] | None,
    namer: Namer,
    config: Config,
) -> Iterator[Resource]:
    """Yield the instance groups.

    Args:
        nodes: all of them; each zone that has one has a group.
        ports: the node ports that have to have a name.
        users: the Ingresses that want the groups.
        joining: the instances of each zone; None leaves the members as they are.
        namer: names groups and ports.
        config: the project.
    """
    users = list(users)
    named = tuple(
        compute.NamedPort(name=namer.named_port(port), port=port) for port in sorted(set(ports))
    )
    for key in group_keys(nodes, namer, config):
        place = key.scope.partition("/")[2]
        instances = tuple(
            Ref(ResourceKey(config.project, Kind.INSTANCE, key.scope, name))
            for name in (joining or {}).get(place, ())
        )
        yield wanted(
            key,
            compute.InstanceGroup(
                named_ports=named, instances=UNSET if joining is None else instances
            ),
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
