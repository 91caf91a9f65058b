"""Deployments: a ReplicaSet per template, and from the old to the new one within the strategy.

Each turn looks at the Pods there are and takes the steps that maxSurge and maxUnavailable allow
now; a rollout is the sequence of such turns and needs no memory.
"""

import hashlib
import json
from collections.abc import Iterator
from math import ceil, floor
from typing import Any, Final, NamedTuple

from fakes.nodes.cluster import Cluster
from fakes.nodes.kinds import (
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    Obj,
    condition,
    going,
    is_true,
    owned_by,
    owner_of,
    uid_of,
)
from fakes.nodes.replicas import by_owner, wanted_of
from fakes.nodes.writes import Create, Delete, Patch, Write, differs, now

HASH: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"  # as generated names have them: no vowels


class Rollout(NamedTuple):
    """One Deployment as it stands."""

    deployment: Obj
    new: Obj | None  # the ReplicaSet of the template
    old: list[Obj]  # the others, oldest revision first
    pods: dict[str, list[Obj]]  # Pods that count, by the UID of their ReplicaSet
    serving: frozenset[str]  # UIDs of those that have been ready for long enough

    def have(self, replica_set: Obj) -> int:
        """Return how many Pods a ReplicaSet has."""
        return len(self.pods.get(uid_of(replica_set), []))

    def ready(self, replica_set: Obj) -> int:
        """Return how many of them are ready."""
        return sum(is_true(pod, "Ready") for pod in self.pods.get(uid_of(replica_set), []))

    def available(self, replica_set: Obj) -> int:
        """Return how many of them have been ready for as long as it wants."""
        return sum(uid_of(pod) in self.serving for pod in self.pods.get(uid_of(replica_set), []))

    def staying(self, replica_set: Obj) -> int:
        """Return how many will be available when those that are too many have gone."""
        return min(self.available(replica_set), wanted_of(replica_set))

    @property
    def every(self) -> list[Obj]:
        """Return all ReplicaSets."""
        return [*self.old, self.new] if self.new else self.old


def reconcile(cluster: Cluster) -> Iterator[Write]:
    """Yield the next steps of every Deployment."""
    pods = by_owner(cluster[POD])
    sets: dict[str, list[Obj]] = {}
    for replica_set in cluster[REPLICA_SET]:
        if not going(replica_set):
            sets.setdefault(owner_of(replica_set).get("uid", ""), []).append(replica_set)
    for deployment in cluster[DEPLOYMENT]:
        if going(deployment):
            continue
        mine = sorted(sets.get(uid_of(deployment), []), key=_revision)
        mark = hash_of(deployment)
        new = next((one for one in mine if _labels(one).get(HASH) == mark), None)
        old = [one for one in mine if one is not new]
        serving = frozenset(
            uid_of(pod)
            for one in mine
            for pod in pods.get(uid_of(one), [])
            if cluster.available.holds(pod, one)
        )
        rollout = Rollout(deployment, new, old, pods, serving)
        yield from _revised(rollout)
        yield from _scaled(rollout)
        yield from _forgotten(rollout)
        yield from _reported(rollout)


def hash_of(deployment: Obj) -> str:
    """Return the mark of a Deployment's template."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    letters = ""
    while len(letters) < 10:
        number, index = divmod(number, len(_LETTERS))
        letters += _LETTERS[index]
    return letters


def _labels(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def _revision(obj: Obj) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _revised(rollout: Rollout) -> Iterator[Write]:
    """Yield the new ReplicaSet, or its return to the front, and the Deployment's revision."""
    deployment, new = rollout.deployment, rollout.new
    last = max(map(_revision, rollout.old), default=0)
    revision = _revision(new) if new else 0
    if new is None:
        if deployment["spec"].get("paused"):
            return
        revision = last + 1
        yield Create(REPLICA_SET, _replica_set(rollout, revision))
    elif revision <= last:
        revision = last + 1
        yield Patch(REPLICA_SET, new, {"metadata": {"annotations": {REVISION: str(revision)}}})
    if new is not None and _patience(new) != _patience(deployment):
        yield Patch(REPLICA_SET, new, {"spec": {"minReadySeconds": _patience(deployment)}})
    if _revision(deployment) != revision:
        said = {"metadata": {"annotations": {REVISION: str(revision)}}}
        yield Patch(DEPLOYMENT, deployment, said)


def _patience(workload: Obj) -> int:
    return int(workload["spec"].get("minReadySeconds") or 0)


def _replica_set(rollout: Rollout, revision: int) -> Obj:
    deployment = rollout.deployment
    meta, spec = deployment["metadata"], deployment["spec"]
    mark = hash_of(deployment)
    template = spec["template"]
    said = template.get("metadata") or {}
    labels = (said.get("labels") or {}) | {HASH: mark}
    selector = spec["selector"]
    return {
        "metadata": {
            "name": f"{meta['name']}-{mark}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": owned_by(deployment, DEPLOYMENT),
        },
        "spec": {
            "replicas": _first_size(rollout),
            "selector": selector
            | {"matchLabels": (selector.get("matchLabels") or {}) | {HASH: mark}},
            "template": template | {"metadata": said | {"labels": labels}},
            "minReadySeconds": _patience(deployment),
        },
    }


def _first_size(rollout: Rollout) -> int:
    """Return how many replicas a ReplicaSet may have when it is made."""
    if _recreates(rollout):
        return 0 if any(map(rollout.have, rollout.old)) else wanted_of(rollout.deployment)
    return _room(rollout, 0)


def _recreates(rollout: Rollout) -> bool:
    return bool((rollout.deployment["spec"].get("strategy") or {}).get("type") == "Recreate")


def bounds(deployment: Obj) -> tuple[int, int]:
    """Return maxSurge and maxUnavailable as numbers of Pods."""
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    wanted = wanted_of(deployment)
    surge = _share(rolling.get("maxSurge", "25%"), wanted, ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, floor)
    return surge, unavailable if surge or unavailable else 1


def _share(value: int | str, wanted: int, rounded: Any) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return int(rounded(int(value[:-1]) * wanted / 100))
    return int(value)


def _room(rollout: Rollout, size: int) -> int:
    """Return the size up to which the new ReplicaSet may grow now."""
    wanted = wanted_of(rollout.deployment)
    surge, _ = bounds(rollout.deployment)
    others = sum(wanted_of(one) for one in rollout.old)
    return min(wanted, max(size, wanted + surge - others))


def _scaled(rollout: Rollout) -> Iterator[Write]:
    """Yield the sizes that the strategy allows now."""
    new, wanted = rollout.new, wanted_of(rollout.deployment)
    if new is None:
        return
    if rollout.deployment["spec"].get("paused") and rollout.old:
        return
    if _recreates(rollout):
        for one in rollout.old:
            yield from _sized(one, 0)
        yield from _sized(new, _first_size(rollout))
        return
    yield from _sized(new, _room(rollout, min(wanted_of(new), wanted)))
    yield from _shrunk(rollout)


def _shrunk(rollout: Rollout) -> Iterator[Write]:
    """Yield smaller sizes of the old ReplicaSets: what serves nobody first."""
    wanted = wanted_of(rollout.deployment)
    _, unavailable = bounds(rollout.deployment)
    spare = sum(map(rollout.staying, rollout.every)) - (wanted - unavailable)
    for one in rollout.old:
        size = wanted_of(one)
        useless = size - rollout.staying(one)
        useful = min(size - useless, max(spare, 0))
        spare -= useful
        yield from _sized(one, size - useless - useful)


def _sized(replica_set: Obj, size: int) -> Iterator[Write]:
    if wanted_of(replica_set) != size:
        yield Patch(REPLICA_SET, replica_set, {"spec": {"replicas": size}})


def _forgotten(rollout: Rollout) -> Iterator[Write]:
    """Yield the end of empty ReplicaSets beyond the history that is kept."""
    kept = rollout.deployment["spec"].get("revisionHistoryLimit", 10)
    empty = [one for one in rollout.old if not wanted_of(one) and not rollout.have(one)]
    for one in empty[: max(len(empty) - kept, 0)]:
        yield Delete(REPLICA_SET, one)


def _reported(rollout: Rollout) -> Iterator[Write]:
    """Yield the Deployment's status."""
    deployment, wanted = rollout.deployment, wanted_of(rollout.deployment)
    have = sum(map(rollout.have, rollout.every))
    ready = sum(map(rollout.ready, rollout.every))
    available = sum(map(rollout.available, rollout.every))
    updated = rollout.have(rollout.new) if rollout.new else 0
    done = bool(rollout.new) and updated == wanted == have == available
    enough = available >= wanted - bounds(deployment)[1]
    conditions = [
        ("Available", enough, "MinimumReplicas" + ("Available" if enough else "Unavailable")),
        ("Progressing", True, "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"),
    ]
    status: Obj = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": have,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(wanted - available, 0),
    }
    changed = [_condition(*row) for row in conditions if _other(deployment, *row)]
    if changed:
        status["conditions"] = changed
    if changed or differs(deployment, "status", status):
        yield Patch(DEPLOYMENT, deployment, {"status": status}, "status")


def _other(deployment: Obj, kind: str, holds: bool, reason: str) -> bool:
    found = condition(deployment, kind)
    return (found.get("status"), found.get("reason")) != (str(holds), reason)


def _condition(kind: str, holds: bool, reason: str) -> Obj:
    return {
        "type": kind,
        "status": str(holds),
        "reason": reason,
        "message": reason,
        "lastUpdateTime": now(),
        "lastTransitionTime": now(),
    }
