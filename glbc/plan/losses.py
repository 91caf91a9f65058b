"""What an action would lose, and how a plan is left without it: what all guards are made of.

A loss is a resource that goes, an element of a shared list that goes, a field that is cleared. What
an action adds beside it ships.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from glbc.model.compute import PathMatcher
from glbc.model.finding import ObjectRef
from glbc.model.keys import Kind, refs_in
from glbc.model.kinds import ROWS
from glbc.plan.diff import Change, applied
from glbc.plan.planner import Action, Blocked, Op, Plan, Reason


class Why(msgspec.Struct, frozen=True):
    """Why an action is held back."""

    reason: Reason
    by: str  # the condition in the way
    hint: str
    users: tuple[ObjectRef, ...] = ()  # whom it concerns; (): those that want the resource


Judge = Callable[[Action], Why | None]


def hold(plan: Plan, judge: Judge) -> Plan:
    """Hold back the actions that the judge names, and whatever needs one of them."""
    found = [(action, why) for action in plan.actions if (why := judge(action))]
    if not found:
        return plan
    held = [_held(action, why) for action, why in found]
    late = {blocked.key for blocked in held}
    rest = tuple(action for action in plan.actions if action.key not in late)
    return _without_stuck(Plan(rest, (*plan.blocked, *held)))


def hold_losses(plan: Plan, judge: Judge) -> Plan:
    """Hold back what the actions would lose that the judge names; what they add ships."""
    actions: list[Action] = []
    held: list[Blocked] = []
    for action in plan.actions:
        why = judge(action)
        rest = action if why is None else without_losses(action)
        if why is not None and rest is not action:
            held.append(_held(action, why))
        if rest is not None:
            actions.append(rest)
    if not held:
        return plan
    return _without_stuck(Plan(tuple(actions), (*plan.blocked, *held)))


def lost(action: Action) -> Iterator[Change]:
    """Yield, of an update, what it would take away: from what it could be to what it will be."""
    rest = without_losses(action)
    kept = {change.field: change.after for change in rest.changes} if rest else {}
    for change in action.changes:
        before = kept.get(change.field, change.before)
        if before != change.after:
            yield Change(change.field, before, change.after)


def _held(action: Action, why: Why) -> Blocked:
    return Blocked(
        key=action.key,
        op=action.op,
        reason=why.reason,
        by=why.by,
        hint=why.hint,
        changes=action.changes,
        wanted_by=why.users or action.wanted_by,
    )


def _without_stuck(plan: Plan) -> Plan:
    """Hold back, until nothing changes, whatever needs an action that was held back."""
    actions, blocked = list(plan.actions), list(plan.blocked)
    while True:
        due = {action.key for action in actions}
        stuck = [action for action in actions if not action.needs <= due]
        if not stuck:
            return Plan(tuple(actions), tuple(blocked))
        for action in stuck:
            cause = str(min(action.needs - due))
            hint = f"it waits until {cause} can be done"
            blocked.append(_held(action, Why(Reason.NEEDS_BLOCKED, cause, hint)))
        actions = [action for action in actions if action.needs <= due]


def without_losses(action: Action) -> Action | None:
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
    # What is not cleared yet stays on our record: it is written anew when all of it is done.
    kept = tuple(Change(c.field, c.before, c.before) for c in left if c.field == "description")
    left = tuple(change for change in left if change.field != "description")
    if not left:
        return None
    spec = applied(action.spec, (*changes, *kept))
    relies_on = frozenset(refs_in(spec))
    return msgspec.structs.replace(
        action, changes=left, spec=spec, relies_on=relies_on, forgets=frozenset()
    )


def _gains(kind: str, change: Change) -> Change:
    """Return the change without what it would lose: cleared fields, elements of shared lists."""
    row, (before, after) = ROWS[Kind(kind)], (change.before, change.after)
    if after in (UNSET, ()):
        return Change(change.field, before, before)
    if isinstance(before, msgspec.Struct) and isinstance(after, msgspec.Struct):
        return Change(change.field, before, _with_fields_of(before, after))
    if not isinstance(before, tuple) or not isinstance(after, tuple):
        return change
    if change.field in row.unordered:
        kept = tuple(sorted({*before, *after}))
    elif change.field in row.keyed:
        kept = _union(before, after, row.keyed[change.field].key)
    else:
        return change  # one value in the form of a list: replaced, nothing is lost
    return Change(change.field, before, before if set(kept) == set(before) else kept)


def _with_fields_of(old: Any, new: Any) -> Any:
    """Return a struct with the fields that only `old` has."""
    lost = {
        name: value
        for name in new.__struct_fields__
        if getattr(new, name) is UNSET and (value := getattr(old, name)) is not UNSET
    }
    return msgspec.structs.replace(new, **lost) if lost else new


def _union(before: tuple[Any, ...], after: tuple[Any, ...], key: Callable[[Any], Any]) -> Any:
    """Return `after`, and of `before` what it lacks: elements, and routes of a path matcher."""
    old = {key(element): element for element in before}
    new = [_with_routes_of(old.get(key(element)), element) for element in after]
    there = {key(element) for element in after}
    return (*new, *(element for element in before if key(element) not in there))


def _with_routes_of(old: Any, new: Any) -> Any:
    """Return a path matcher with the paths that only `old` has; any other element as it is."""
    if not isinstance(old, PathMatcher) or not isinstance(new, PathMatcher):
        return new
    routed = {path for rule in new.path_rules or () for path in rule.paths}
    lost = [
        msgspec.structs.replace(rule, paths=paths)
        for rule in old.path_rules or ()
        if (paths := tuple(path for path in rule.paths if path not in routed))
    ]
    rules = (*(new.path_rules or ()), *lost)
    return msgspec.structs.replace(new, path_rules=rules) if lost else new
