"""What the cloud tells of a cluster's identity: which uid is this cluster's, and whether another cluster has it too.

A name alone proves nothing here: any cluster of the project could have made it. So a uid counts as this cluster's only
where the resource is tied to something that no other cluster has: one of its nodes, the address of one of its
Ingresses, the hash of its kube-system uid. And another cluster is only seen where nothing but another cluster explains
what is there: that all nodes were replaced while nobody looked is an everyday thing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import ForwardingRule, InstanceGroup
from glbc.model.graph import Graph, Observed
from glbc.model.keys import Kind, ResourceKey, zone
from glbc.model.views import Snapshot
from glbc.naming import Identity, Namer, Role, Scheme
from glbc.translate.cluster import machine_of

WHERE: Final = "ConfigMap kube-system/ingress-uid"
GROUP: Final = re.compile(r"k8s-ig(?:--(?P<uid>.{1,54}))?")  # a longer name is cut
_BACKEND: Final = re.compile(r"k8s-be-[0-9]{1,5}--(?P<uid>.+)")
_RULE: Final = re.compile(r"k8s-fws?-.+|k8s2-f[rs]-.+")
_UNCUT: Final = 62  # characters


class Told(msgspec.Struct, frozen=True):
    """What the cloud tells of this cluster's uid."""

    uids: Mapping[str, str] = {}  # uid -> what proves it
    silent: tuple[str, ...] = ()  # what is this cluster's, and tells no uid


def told(actual: Graph[Observed], snapshot: Snapshot, kube_system_uid: str, project: str) -> Told:
    """Return the uids that are proved to be this cluster's.

    Args:
        actual: forwarding rules, target proxies, URL maps and instance groups with their members.
        snapshot: the nodes and Ingresses.
        kube_system_uid: of this cluster.
        project: of the nodes' instances.
    """
    uids: dict[str, str] = {}
    silent: list[str] = []
    nodes = _instances(snapshot, project)
    for group, members in _groups(actual):
        found = GROUP.fullmatch(group.name)
        if found is None or nodes.isdisjoint(members):
            continue
        if found["uid"]:
            uids.setdefault(found["uid"], f"{group} has a node of this cluster")
        else:
            silent.append(str(group))
    for front in _fronts(actual, snapshot, kube_system_uid):
        backends = [key for key in _reachable(actual, front) if key.kind == Kind.BACKEND_SERVICE]
        own = {
            found["uid"]
            for key in backends
            if len(key.name) <= _UNCUT and (found := _BACKEND.fullmatch(key.name))
        }
        for uid in own:
            uids.setdefault(uid, f"{front} of this cluster leads to it")
        if not own:
            silent.append(str(front))
    return Told(uids, tuple(sorted(silent)))


def taken(
    actual: Graph[Observed],
    snapshot: Snapshot,
    tags: Mapping[str, tuple[str, ...]],
    namer: Namer,
    project: str,
) -> list[str]:
    """Say what shows that another cluster has this identity, too.

    Args:
        actual: URL maps, and instance groups with their members.
        snapshot: the nodes.
        tags: the network tags of each instance.
        namer: of this cluster.
        project: of the nodes' instances.
    """
    return [
        *_foreign_fronts(actual, namer),
        *_foreign_members(actual, snapshot, tags, namer, project),
    ]


def suspects(actual: Graph[Observed], snapshot: Snapshot, namer: Namer, project: str) -> bool:
    """Tell whether our groups hold instances, and none of them is a node: only then do tags matter."""
    members = _members(actual, namer)
    return bool(members) and members.isdisjoint(_instances(snapshot, project))


def _foreign_fronts(actual: Graph[Observed], namer: Namer) -> Iterator[str]:
    """Yield the front ends that a cluster with another kube-system has made on our backends."""
    for live in actual.of_kind(Kind.URL_MAP):
        parsed = namer.parse(live.key.name)
        if parsed is None or parsed.scheme is not Scheme.V2 or parsed.identity is not Identity.NONE:
            continue
        if ours := sorted(key.name for key in live.refs if _is_our_backend(key, namer)):
            yield f"{live.key}, made by a cluster with another kube-system uid, leads to {ours[0]}"


def _foreign_members(
    actual: Graph[Observed],
    snapshot: Snapshot,
    tags: Mapping[str, tuple[str, ...]],
    namer: Namer,
    project: str,
) -> Iterator[str]:
    """Yield our group if only machines that are tagged as another cluster's are in it.

    An instance that is deleted leaves its groups, so they are all there. Former nodes have the tags
    of their successors; where either side has no tags, nobody can say.
    """
    if not suspects(actual, snapshot, namer, project):
        return
    ours = {tag for key in _instances(snapshot, project) for tag in tags.get(key.name, ())}
    members = sorted(_members(actual, namer))
    foreign = [key for key in members if tags.get(key.name) and ours.isdisjoint(tags[key.name])]
    if ours and foreign == members:
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        marks = ", ".join(sorted({tag for key in members for tag in tags[key.name]}))
        yield (
            f"instance group {namer.instance_group()} holds {members[0]}{more}, tagged {marks}: none"
            " of them is a node of this cluster, whose nodes have other tags"
        )


def _is_our_backend(key: ResourceKey, namer: Namer) -> bool:
    parsed = namer.parse(key.name) if key.kind == Kind.BACKEND_SERVICE else None
    return (
        parsed is not None and parsed.role is Role.IG_BACKEND and parsed.identity is Identity.FULL
    )


def _instances(snapshot: Snapshot, project: str) -> set[ResourceKey]:
    found = (machine_of(node) for node in snapshot.nodes.values())
    return {
        ResourceKey(project, Kind.INSTANCE, zone(one.zone), one.instance) for one in found if one
    }


def _groups(actual: Graph[Observed]) -> Iterator[tuple[ResourceKey, set[ResourceKey]]]:
    """Yield the instance groups whose members are known, and these."""
    for live in actual.of_kind(Kind.INSTANCE_GROUP):
        if isinstance(live.spec, InstanceGroup) and live.spec.instances is not UNSET:
            yield live.key, {ref.to for ref in live.spec.instances}


def _members(actual: Graph[Observed], namer: Namer) -> set[ResourceKey]:
    """Return the instances in the groups that have our name."""
    name = namer.instance_group()
    return {key for group, members in _groups(actual) if group.name == name for key in members}


def _fronts(
    actual: Graph[Observed], snapshot: Snapshot, kube_system_uid: str
) -> Iterator[ResourceKey]:
    """Yield the front ends that are this cluster's: by the address that it shows, or by its hash."""
    shown = {ingress.address for ingress in snapshot.ingresses.values()} - {""}
    for live in actual.of_kind(Kind.FORWARDING_RULE):
        spec = live.spec
        at = spec.ip_address if isinstance(spec, ForwardingRule) else UNSET
        if at in shown and _RULE.fullmatch(live.key.name):
            yield live.key
    namer = Namer("", kube_system_uid)
    for live in actual.of_kind(Kind.URL_MAP):
        parsed = namer.parse(live.key.name)
        if (
            parsed is not None
            and parsed.role is Role.URL_MAP
            and parsed.scheme is Scheme.V2
            and parsed.identity is not Identity.NONE
        ):
            yield live.key


def _reachable(actual: Graph[Observed], start: ResourceKey) -> Iterable[ResourceKey]:
    seen: set[ResourceKey] = set()
    todo = [start]
    while todo:
        key = todo.pop()
        if key not in seen:
            seen.add(key)
            live = actual.get(key)
            todo.extend(live.refs if live is not None else ())
    return seen
