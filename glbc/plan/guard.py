"""Policies that hold actions back, and say so. They judge losses; they never add an action."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import PathMatcher
from glbc.model.finding import ObjectRef
from glbc.model.keys import Kind, ResourceKey, refs_in
from glbc.model.kinds import ROWS
from glbc.plan.diff import Change, applied
from glbc.plan.planner import Action, Blocked, Op, Plan, Reason

NEEDED_VIEWS: Final = frozenset(
    {"Ingress", "IngressClass", "Service", "Node", "Secret", "FrontendConfig", "BackendConfig"}
)
"""The kinds that can want something of the cloud: any of them unseen may hide a want."""

MADE_FROM: Final[Mapping[str, frozenset[str]]] = {Kind.HEALTH_CHECK: frozenset({"Pod"})}
"""Kinds that only say what a resource is made with: a value sent at creation is never mended later,
so nothing is made from a view that is not whole. They want nothing, so no delete waits for them."""


def complete_view(plan: Plan, complete: Collection[str]) -> Plan:
    """Hold back every loss while a kind is not completely seen: absence of knowledge is no absence.

    Deletes wait; an update ships what it adds and keeps what it would remove. A CREATE waits for
    the views that its values come from (`MADE_FROM`), and what needs it waits with it.
    """
    seen = frozenset(complete)
    plan = _made_from_whole_views(plan, seen)
    unseen = sorted(NEEDED_VIEWS - seen)
    if not unseen:
        return plan
    why = f"not all of {', '.join(unseen)} can be seen"
    return _losing_nothing(plan, Reason.VIEW_INCOMPLETE, why, "it waits for a complete view")


def _made_from_whole_views(plan: Plan, seen: frozenset[str]) -> Plan:
    held = [
        _held(
            action,
            Reason.VIEW_INCOMPLETE,
            f"not all of {', '.join(unseen)} can be seen",
            "what it is made with is said there: it waits for a complete view",
        )
        for action in plan.actions
        if action.op is Op.CREATE
        and (unseen := sorted(MADE_FROM.get(action.key.kind, seen) - seen))
    ]
    if not held:
        return plan
    late = {blocked.key for blocked in held}
    rest = tuple(action for action in plan.actions if action.key not in late)
    return _without_stuck(Plan(rest, (*plan.blocked, *held)))


def not_suddenly_empty(plan: Plan, vanished: Collection[str]) -> Plan:
    """Hold back every loss while Ingresses are missing that nobody was seen to delete.

    Our finalizer is on every Ingress that is served: one that is deleted is seen to be deleted. One
    that is just not there any more may be back when the API server has found its data again.

    Args:
        plan: what is due.
        vanished: `namespace/name` of the Ingresses that are missing, or what else is odd.
    """
    if not vanished:
        return plan
    shown = ", ".join(sorted(vanished)[:3]) + (", …" if len(vanished) > 3 else "")
    hint = "it waits for a resync in which they are still missing"
    return _losing_nothing(plan, Reason.SUDDENLY_EMPTY, f"never seen deleted: {shown}", hint)


def finalizers_first(plan: Plan, lacking: Collection[ObjectRef]) -> Plan:
    """Hold back the CREATE of what only Ingresses without their finalizer want."""
    return _users_first(plan, lacking, Reason.FINALIZER_MISSING, "its finalizer is first")


def secrets_first(plan: Plan, waiting: Collection[ObjectRef]) -> Plan:
    """Hold back the CREATE of what only Ingresses want that name a Secret which is being read."""
    return _users_first(plan, waiting, Reason.SECRET_AWAITED, "the Secret it names is read first")


def _users_first(plan: Plan, users: Collection[ObjectRef], reason: Reason, hint: str) -> Plan:
    """Hold back the CREATE of what nobody else wants."""
    held = [
        _held(action, reason, str(action.wanted_by[0]), hint)
        for action in plan.actions
        if action.op is Op.CREATE
        and action.wanted_by
        and all(user in users for user in action.wanted_by)
    ]
    if not held:
        return plan
    late = {blocked.key for blocked in held}
    rest = tuple(action for action in plan.actions if action.key not in late)
    return _without_stuck(Plan(rest, (*plan.blocked, *held)))


def pods_first(plan: Plan, awaiting: Collection[ResourceKey]) -> Plan:
    """Hold back the CREATE of health checks whose Services have no pod to be made from yet."""
    late = {a.key for a in plan.actions if a.op is Op.CREATE and a.key in awaiting}
    if not late:
        return plan
    hint = "it waits a moment for the first one"
    held = [
        _held(action, Reason.PODS_AWAITED, "its Service has no pod yet", hint)
        for action in plan.actions
        if action.key in late
    ]
    rest = tuple(action for action in plan.actions if action.key not in late)
    return _without_stuck(Plan(rest, (*plan.blocked, *held)))


def grace(plan: Plan, left: Collection[ResourceKey]) -> Plan:
    """Hold back the DELETE of backends that a route has just left."""
    late = {a.key for a in plan.actions if a.op is Op.DELETE and a.key in left}
    if not late:
        return plan
    by, hint = "a route has just left it", "it waits until no request is on its way there"
    held = [_held(a, Reason.JUST_LEFT, by, hint) for a in plan.actions if a.key in late]
    rest = tuple(action for action in plan.actions if action.key not in late)
    return _without_stuck(Plan(rest, (*plan.blocked, *held)))


def read_only(plan: Plan) -> Plan:
    """Hold everything back."""
    held = [_held(a, Reason.READ_ONLY, "read-only mode", "switch it off") for a in plan.actions]
    return Plan((), (*plan.blocked, *held))


def _losing_nothing(plan: Plan, reason: Reason, why: str, hint: str) -> Plan:
    actions: list[Action] = []
    held: list[Blocked] = []
    for action in plan.actions:
        rest = _without_losses(action)
        if rest is not action:
            held.append(_held(action, reason, why, hint))
        if rest is not None:
            actions.append(rest)
    return _without_stuck(Plan(tuple(actions), (*plan.blocked, *held)))


def _held(action: Action, reason: Reason, by: str, hint: str) -> Blocked:
    return Blocked(
        key=action.key,
        op=action.op,
        reason=reason,
        by=by,
        hint=hint,
        changes=action.changes,
        wanted_by=action.wanted_by,
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
            blocked.append(_held(action, Reason.NEEDS_BLOCKED, cause, hint))
        actions = [action for action in actions if action.needs <= due]


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
