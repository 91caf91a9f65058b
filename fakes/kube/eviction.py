"""The eviction subresource of Pods: a deletion that a PodDisruptionBudget may forbid.

What a budget allows is counted when it is asked for, from the Pods there are and what their owners
want; the real server reads it from the budget's status, which a controller writes.
"""

from collections.abc import Iterator
from math import ceil
from typing import Any, Final

from fakes.kube import selectors
from fakes.kube.errors import ApiError, Obj
from fakes.kube.store import Store

BUDGETS: Final = "poddisruptionbudgets.policy"
OWNERS: Final = {
    "ReplicaSet": "replicasets.apps",
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
    "ReplicationController": "replicationcontrollers",
}
NO_BUDGET: Final = frozenset({"Pending", "Succeeded", "Failed"})  # phases that need none
OPERATORS: Final = {
    "In": "{} in ({})",
    "NotIn": "{} notin ({})",
    "Exists": "{}",
    "DoesNotExist": "!{}",
}


def check(store: Store, pod: Obj) -> None:
    """Raise 429 when a budget forbids to evict a Pod, 500 when it has several."""
    meta = pod["metadata"]
    if meta.get("deletionTimestamp") or (pod.get("status") or {}).get("phase") in NO_BUDGET:
        return
    budgets = [one for one in store.all(BUDGETS, meta["namespace"]) if _covers(one, pod)]
    if len(budgets) > 1:
        words = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does "
            "not support."
        )
        raise ApiError(500, "InternalError", words)
    for budget in budgets:
        _check(store, budget, pod)


def _check(store: Store, budget: Obj, pod: Obj) -> None:
    pods = store.all("pods", budget["metadata"]["namespace"])
    covered = [one for one in pods if _covers(budget, one)]
    healthy = sum(_is_ready(one) for one in covered)
    needed = _needed(budget["spec"], _expected(store, covered))
    if not _is_ready(pod):
        always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        if always or healthy >= needed > 0:
            return
    if healthy <= needed:
        name = budget["metadata"]["name"]
        why = (
            f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently"
        )
        raise ApiError(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
            {"causes": [{"reason": "DisruptionBudget", "message": why}]},
        )


def _needed(spec: Obj, expected: int) -> int:
    """Return how many Pods must stay healthy; a percentage is rounded up."""
    if "maxUnavailable" in spec:
        return max(0, expected - _scaled(spec["maxUnavailable"], expected))
    return _scaled(spec.get("minAvailable", 1), expected)


def _scaled(value: Any, of: int) -> int:
    text = str(value)
    return ceil(of * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def _expected(store: Store, pods: list[Obj]) -> int:
    """Return how many Pods their owners want; one that nobody owns counts for itself."""
    owners = {_owner(store, pod)["metadata"]["uid"]: _owner(store, pod) for pod in pods}
    return sum(int((one.get("spec") or {}).get("replicas", 1)) for one in owners.values())


def _owner(store: Store, obj: Obj) -> Obj:
    """Return who decides how many there are: behind a ReplicaSet its Deployment."""
    meta = obj["metadata"]
    for ref in meta.get("ownerReferences") or ():
        key = (meta["namespace"], ref["name"])
        found = store.get(OWNERS[ref["kind"]], key) if ref["kind"] in OWNERS else None
        if found is not None and ref.get("controller"):
            return _owner(store, found)
    return obj


def _covers(budget: Obj, pod: Obj) -> bool:
    """Tell whether a budget selects a Pod; an empty selector selects all, none selects none."""
    selector = budget["spec"].get("selector")
    if selector is None:
        return False
    return selectors.labels(",".join(_pieces(selector)))(pod)


def _pieces(selector: Obj) -> Iterator[str]:
    yield from (f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items())
    for row in selector.get("matchExpressions") or ():
        yield OPERATORS[row["operator"]].format(row["key"], ",".join(row.get("values") or ()))


def _is_ready(pod: Obj) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)
