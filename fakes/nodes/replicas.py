"""ReplicaSets and ReplicationControllers: as many Pods as they want.

Pods whose deletion was asked for do not count. Who goes first when there are too many: what serves
nobody, then the youngest.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fakes.nodes.cluster import Cluster
from fakes.nodes.kinds import (
    CONTROLLER,
    POD,
    REPLICA_SET,
    Kind,
    Obj,
    going,
    is_true,
    owned_by,
    owner_of,
    uid_of,
)
from fakes.nodes.labels import fits
from fakes.nodes.writes import FINALIZER, Create, Delete, Patch, Write, differs

OVER = ("Failed", "Succeeded")  # phases of Pods that have ended


def by_owner(pods: Iterable[Obj]) -> dict[str, list[Obj]]:
    """Return the Pods that count, by the UID of who controls them."""
    found: dict[str, list[Obj]] = {}
    for pod in pods:
        owner = owner_of(pod)
        over = (pod.get("status") or {}).get("phase") in OVER
        if owner and not going(pod) and not over:
            found.setdefault(owner["uid"], []).append(pod)
    return found


def wanted_of(obj: Obj) -> int:
    """Return how many replicas a workload wants."""
    wanted = obj["spec"].get("replicas")
    return 1 if wanted is None else int(wanted)


def reconcile(cluster: Cluster) -> Iterator[Write]:
    """Yield what brings every set of replicas to its number."""
    pods = by_owner(cluster[POD])
    for kind in (REPLICA_SET, CONTROLLER):
        for owner in cluster[kind]:
            mine = pods.get(uid_of(owner), [])
            if not going(owner):
                yield from _number(kind, owner, mine)
            available = sum(cluster.available.holds(pod, owner) for pod in mine)
            status = _status(owner, mine, available)
            if differs(owner, "status", status):
                yield Patch(kind, owner, {"status": status}, "status")


def _number(kind: Kind, owner: Obj, mine: list[Obj]) -> Iterator[Write]:
    missing = wanted_of(owner) - len(mine)
    for _ in range(missing):
        yield Create(POD, _pod(kind, owner))
    if missing < 0:
        for pod in sorted(mine, key=_worth)[:-missing]:
            yield Delete(POD, pod)


def _worth(pod: Obj) -> tuple[Any, ...]:
    """Return what sorts the Pods that may go first to the front."""
    scheduled = bool(pod["spec"].get("nodeName"))
    born = pod["metadata"].get("creationTimestamp") or ""
    younger = tuple(-ord(char) for char in born)
    return scheduled, is_true(pod, "Ready"), younger, pod["metadata"]["name"]


def _pod(kind: Kind, owner: Obj) -> Obj:
    template = owner["spec"]["template"]
    said = template.get("metadata") or {}
    meta: Obj = {
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "labels": said.get("labels") or {},
        "ownerReferences": owned_by(owner, kind),
        "finalizers": [FINALIZER],
    }
    if said.get("annotations"):
        meta["annotations"] = said["annotations"]
    return {"metadata": meta, "spec": template["spec"]}


def _status(owner: Obj, mine: list[Obj], available: int) -> Obj:
    labels = (owner["spec"].get("template", {}).get("metadata") or {}).get("labels") or {}
    ready = sum(is_true(pod, "Ready") for pod in mine)
    return {
        "replicas": len(mine),
        "fullyLabeledReplicas": sum(fits(labels, pod["metadata"].get("labels")) for pod in mine),
        "readyReplicas": ready,
        "availableReplicas": available,
        "observedGeneration": owner["metadata"].get("generation", 1),
    }
