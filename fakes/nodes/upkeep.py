"""The collection of what nobody owns any more.

What was made for an owner goes when the owner is gone, which is asked of the server first: the
owner may only not have been seen yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fakes.nodes.api import ApiError
from fakes.nodes.cluster import Cluster
from fakes.nodes.kinds import (
    CONTROLLER,
    DEPLOYMENT,
    NODE,
    POD,
    REPLICA_SET,
    Kind,
    Obj,
    going,
    owner_of,
    uid_of,
)
from fakes.nodes.writes import FINALIZER, Finish

OWNERS: Final = {kind.name: kind for kind in (DEPLOYMENT, REPLICA_SET, CONTROLLER)}
FOREGROUND: Final = "foregroundDeletion"


@dataclass(frozen=True)
class Collect:
    """Delete what an owner left behind, once the server says that the owner is gone."""

    kind: Kind
    obj: Obj

    async def do(self, cluster: Cluster) -> None:
        """Ask and delete."""
        owner = owner_of(self.obj)
        namespace = self.obj["metadata"]["namespace"]
        try:
            found = await cluster.api.get(OWNERS[owner["kind"]], namespace, owner["name"])
        except ApiError as error:
            if error.status != 404:
                raise
            found = {"metadata": {}}
        if uid_of(found) != owner["uid"] or going(found):
            await cluster.delete(self.kind, self.obj)


@dataclass(frozen=True)
class Release:
    """Let an owner go that waited for its dependents."""

    kind: Kind
    obj: Obj

    async def do(self, cluster: Cluster) -> None:
        """Take its finalizer."""
        left = [one for one in self.obj["metadata"]["finalizers"] if one != FOREGROUND]
        removed = {"$deleteFromPrimitiveList/finalizers": [FOREGROUND], "finalizers": left}
        await cluster.patch(self.kind, self.obj, {"metadata": removed})


def collect(cluster: Cluster) -> Iterator[Collect | Release | Finish]:
    """Yield the end of what has lost its owner, its node, or is waited for by its owner."""
    alive = {uid_of(owner): (kind, owner) for kind in OWNERS.values() for owner in cluster[kind]}
    nodes = {node["metadata"]["name"] for node in cluster[NODE]}
    waited: set[str] = set()
    for kind in (REPLICA_SET, POD):
        for obj in cluster[kind]:
            reference = owner_of(obj)
            waited.add(reference.get("uid", ""))
            if reference.get("kind") not in OWNERS or going(obj):
                continue
            found = alive.get(reference["uid"])
            if found is None or _waits(found[1]):
                yield Collect(kind, obj)
    for uid, (kind, owner) in alive.items():
        if _waits(owner) and uid not in waited:
            yield Release(kind, owner)
    for pod in cluster[POD]:
        node = pod["spec"].get("nodeName")
        lost = node not in nodes and (going(pod) or node)
        if lost and FINALIZER in _finalizers(pod):
            yield Finish(pod)


def _waits(owner: Obj) -> bool:
    """Tell whether an owner goes only after its dependents."""
    return going(owner) and FOREGROUND in _finalizers(owner)


def _finalizers(obj: Obj) -> list[str]:
    return obj["metadata"].get("finalizers") or []
