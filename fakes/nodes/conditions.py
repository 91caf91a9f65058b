"""What a kubelet says of a Pod in its conditions. Pure.

A Pod is Ready when its containers are and every readiness gate's condition holds. Those are written
by others and stay as they are: only what the kubelet owns and has changed is told, and the server
merges conditions by their type.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fakes.nodes.kinds import Obj, condition, is_true


class Said(NamedTuple):
    """One condition."""

    kind: str
    holds: bool
    reason: str = ""
    message: str = ""


def gates_of(pod: Obj) -> dict[str, bool]:
    """Return which readiness gates of a Pod are open."""
    wanted = [one["conditionType"] for one in pod["spec"].get("readinessGates") or ()]
    return {kind: is_true(pod, kind) for kind in wanted}


def changed(pod: Obj, unready: Iterable[str], at: str) -> list[Obj]:
    """Return the conditions that a Pod has not yet as they are.

    Args:
        pod: with the conditions that it has.
        unready: the names of its containers that are not ready.
        at: when that is, as the API spells times.
    """
    return list(_changed(pod, _said(list(unready), gates_of(pod)), at))


def _said(unready: list[str], gates: dict[str, bool]) -> tuple[Said, ...]:
    closed = [kind for kind, is_open in gates.items() if not is_open]
    containers = Said("ContainersReady", holds=True)
    if unready:
        why = f"not ready: {', '.join(unready)}"
        containers = Said("ContainersReady", False, "ContainersNotReady", why)
    ready = containers._replace(kind="Ready")
    if closed and not unready:
        ready = Said("Ready", False, "ReadinessGatesNotReady", f"not True: {', '.join(closed)}")
    return Said("PodScheduled", True), Said("Initialized", True), containers, ready


def _changed(pod: Obj, said: Iterable[Said], at: str) -> Iterator[Obj]:
    for one in said:
        had = condition(pod, one.kind)
        told = {"status": str(one.holds), "reason": one.reason, "message": one.message}
        if all((had.get(name) or "") == value for name, value in told.items()):
            continue
        moved = {} if had.get("status") == told["status"] else {"lastTransitionTime": at}
        yield {"type": one.kind} | told | moved
