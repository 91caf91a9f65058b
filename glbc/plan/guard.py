"""Policies that hold actions back, and say so. They judge losses; they never add an action."""

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec

from glbc.model.finding import ObjectRef
from glbc.model.keys import Kind
from glbc.model.kinds import ROWS
from glbc.plan.diff import Change, applied
from glbc.plan.planner import Action, Blocked, Op, Plan, Reason

NEEDED_VIEWS: Final = frozenset({"Ingress", "IngressClass", "Service", "Node"})
"""The kinds that can want something of the cloud: any of them unseen may hide a want."""


def complete_view(plan: Plan, complete: Collection[str]) -> Plan:
    """Hold back every loss while a kind is not completely seen: absence of knowledge is no absence.

    Deletes wait; an update ships what it adds and keeps what it would remove.
    """
    unseen = sorted(NEEDED_VIEWS - set(complete))
    if not unseen:
        return plan
    why = f"not all of {', '.join(unseen)} can be seen"
    actions: list[Action] = []
    held: list[Blocked] = []
    for action in plan.actions:
        rest = _without_losses(action)
        if rest is not action:
            held.append(_held(action, Reason.VIEW_INCOMPLETE, why, "it waits for a complete view"))
        if rest is not None:
            actions.append(rest)
    return Plan(tuple(actions), (*plan.blocked, *held))


def finalizers_first(plan: Plan, lacking: Collection[ObjectRef]) -> Plan:
    """Hold back the CREATE of what only Ingresses without their finalizer want."""
    if not lacking:
        return plan

    def waits(action: Action) -> bool:
        users = action.wanted_by
        return action.op is Op.CREATE and bool(users) and all(user in lacking for user in users)

    held = [
        _held(action, Reason.FINALIZER_MISSING, str(action.wanted_by[0]), "its finalizer is first")
        for action in plan.actions
        if waits(action)
    ]
    return Plan(tuple(a for a in plan.actions if not waits(a)), (*plan.blocked, *held))


def read_only(plan: Plan) -> Plan:
    """Hold everything back."""
    held = [_held(a, Reason.READ_ONLY, "read-only mode", "switch it off") for a in plan.actions]
    return Plan((), (*plan.blocked, *held))


def _held(action: Action, reason: Reason, by: str, hint: str) -> Blocked:
    return Blocked(
        key=action.key, op=action.op, reason=reason, by=by, hint=hint, wanted_by=action.wanted_by
    )


def _without_losses(action: Action) -> Action | None:
    """Return what is left of the action when it may lose nothing: itself, less, or nothing."""
    if action.op is Op.CREATE:
        return action
    if action.op is Op.DELETE:
        return None
    changes = tuple(_gains(action.key.kind, change) for change in action.changes)
    if changes == action.changes:
        return action
    left = tuple(change for change in changes if change.before != change.after)
    if not left:
        return None
    spec = applied(action.spec, changes)
    return msgspec.structs.replace(action, changes=left, spec=spec)


def _gains(kind: str, change: Change) -> Change:
    """Return the change with every list element that it would drop put back at the end."""
    if not isinstance(change.before, tuple) or not isinstance(change.after, tuple):
        return change
    keyed = ROWS[Kind(kind)].keyed.get(change.field)
    kept = _keys(change.after, keyed.key if keyed else None)
    lost = [
        element
        for element in change.before
        if (keyed.key(element) if keyed else element) not in kept
    ]
    if not lost:
        return change
    after: Iterable[Any] = (*change.after, *lost)
    if keyed is None:
        after = sorted(after)
    return Change(change.field, change.before, tuple(after))


def _keys(elements: Iterable[Any], key: Any) -> set[Any]:
    return {key(element) if key else element for element in elements}
