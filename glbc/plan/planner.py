"""Desired × actual → plan: the only place that decides what is created, changed or deleted.

    desired  actual      immutable differs  referrers   verdict
    yes      no          –                  –           CREATE, after each missing reference
    yes      owned, =    –                  –           nothing
    yes      owned, ≠    no                 –           UPDATE, after each missing reference
    yes      owned, ≠    yes                none        DELETE (then CREATE), disruptive
    yes      owned, ≠    yes                some        BLOCKED: it needs a new name
    yes      foreign     –                  –           equal: use it; differs: BLOCKED
    yes      adoptable   –                  –           equal: use it; else UPDATE with our proof
    yes      unreadable  –                  –           BLOCKED: read it again
    no       owned       –                  let go      DELETE, after their UPDATE or DELETE
    no       owned       –                  hold on     BLOCKED: in use
    no       others      –                  –           nothing

Blocking spreads to everything that needs the blocked action. A plan has at most one action for a
key; `needs` names keys whose action in the same plan has to be observed done first.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import Spec
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership, Resource
from glbc.model.keys import Kind, ResourceKey, refs_in
from glbc.model.kinds import ROWS, is_managed
from glbc.plan.diff import Change, Neighbours, applied, diff

USERS: Final[Mapping[str, frozenset[Kind]]] = {
    Kind.HEALTH_CHECK: frozenset({Kind.BACKEND_SERVICE}),
    Kind.INSTANCE_GROUP: frozenset({Kind.BACKEND_SERVICE}),
    Kind.NETWORK_ENDPOINT_GROUP: frozenset({Kind.BACKEND_SERVICE}),
    Kind.BACKEND_SERVICE: frozenset({Kind.URL_MAP}),
    Kind.URL_MAP: frozenset({Kind.TARGET_HTTP_PROXY, Kind.TARGET_HTTPS_PROXY}),
    Kind.TARGET_HTTP_PROXY: frozenset({Kind.FORWARDING_RULE}),
    Kind.TARGET_HTTPS_PROXY: frozenset({Kind.FORWARDING_RULE}),
    Kind.SSL_CERTIFICATE: frozenset({Kind.TARGET_HTTPS_PROXY}),
    Kind.ADDRESS: frozenset({Kind.FORWARDING_RULE}),
}
"""Who may refer to a kind: while one of these cannot be read, that nobody refers proves nothing."""


class Op(StrEnum):
    """What an action does."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Reason(StrEnum):
    """Why an action is there, or why it is held back. Stable; listed in docs/reasons.md."""

    MISSING = "Missing"
    DIFFERS = "Differs"
    IMMUTABLE_DIFFERS = "ImmutableDiffers"
    UNWANTED = "Unwanted"
    NOT_OURS = "NotOurs"
    NAME_TAKEN = "NameTaken"
    UNREADABLE = "Unreadable"
    IN_USE = "InUse"
    NEEDS_BLOCKED = "NeedsBlocked"
    REFERENCE_MISSING = "ReferenceMissing"
    REFUSED = "Refused"
    PODS_AWAITED = "PodsAwaited"
    JUST_LEFT = "JustLeft"
    VIEW_INCOMPLETE = "ViewIncomplete"
    SUDDENLY_EMPTY = "SuddenlyEmpty"
    NOT_LISTED_YET = "NotListedYet"
    FINALIZER_MISSING = "FinalizerMissing"
    SECRET_AWAITED = "SecretAwaited"  # noqa: S105 (a reason code)
    READ_ONLY = "ReadOnly"
    PAUSED = "Paused"
    PROTECTED = "Protected"
    DISRUPTIVE = "Disruptive"
    OVER_BUDGET = "OverBudget"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One step that the cloud needs."""

    op: Op
    key: ResourceKey
    reason: Reason
    spec: Spec  # what the resource is after the action; of a DELETE what it was
    changes: tuple[Change, ...] = ()
    needs: frozenset[ResourceKey] = frozenset()
    relies_on: frozenset[ResourceKey] = frozenset()
    disruptive: bool = False
    wanted_by: tuple[ObjectRef, ...] = ()
    origin: Mapping[str, str] = {}
    enforced: frozenset[str] = frozenset()  # paths that count as set by us from now on
    forgets: frozenset[str] = frozenset()  # paths that do not any more

    def same_request(self, other: "Action") -> bool:
        """Tell whether both ask the cloud for the same thing."""
        return (self.op, self.key, self.spec) == (other.op, other.key, other.spec)


class Blocked(msgspec.Struct, frozen=True, kw_only=True):
    """An action that is due and held back."""

    key: ResourceKey
    op: Op
    reason: Reason
    by: str  # the resource or condition in the way, or the cloud's own words
    hint: str
    changes: tuple[Change, ...] = ()  # of an UPDATE
    wanted_by: tuple[ObjectRef, ...] = ()
    denied: bool = False  # refused for want of a permission


class Refusal(msgspec.Struct, frozen=True):
    """An action that the cloud refused for good: parked until what it asks for changes."""

    action: Action
    message: str
    hint: str
    denied: bool = False  # for want of a permission
    over_quota: bool = False  # nothing helps but room for it


class Plan(msgspec.Struct, frozen=True):
    """All that is due, in a stable order."""

    actions: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()


Draft = dict[ResourceKey, Action | Blocked]


def plan(
    desired: Graph[Resource],
    actual: Graph[Observed],
    keep: Iterable[ResourceKey] = (),
    parked: Mapping[ResourceKey, Refusal] | None = None,
) -> Plan:
    """Compare the two graphs.

    Args:
        desired: everything that anyone wants.
        actual: everything that was seen, whoever owns it.
        keep: keys that are wanted as they are, because nobody can tell what they should be.
        parked: the last refusal of each key.
    """
    # What a wanted resource refers to is wanted too, if only as it is.
    referred = {ref for resource in desired for ref in resource.refs if ref not in desired}
    kept = _closure((*keep, *referred), actual)
    unread = _unread(actual)
    draft: Draft = {}
    for resource in desired:
        if verdict := _wanted(resource, actual, unread):
            draft[resource.key] = verdict
    for live in actual:
        if live.ownership is Ownership.OWNED and live.key not in desired and live.key not in kept:
            draft[live.key] = _delete(live, Reason.UNWANTED)
    draft = {key: draft[key] for key in sorted(draft)}  # of two causes always the same is told
    for key, verdict in draft.items():
        refusal = (parked or {}).get(key)
        if isinstance(verdict, Action) and refusal and verdict.same_request(refusal.action):
            held = _blocked(verdict, Reason.REFUSED, refusal.message, refusal.hint)
            draft[key] = msgspec.structs.replace(held, denied=refusal.denied)
        elif verdict.op is Op.DELETE and (blind := USERS.get(key.kind, frozenset()) & unread):
            draft[key] = _blocked(verdict, Reason.UNREADABLE, min(blind), "it may be in use there")
    for key, verdict in draft.items():
        if isinstance(verdict, Action):
            draft[key] = _with_needs(verdict, draft, desired, actual)
    _spread(draft)
    return Plan(
        tuple(verdict for verdict in draft.values() if isinstance(verdict, Action)),
        tuple(verdict for verdict in draft.values() if isinstance(verdict, Blocked)),
    )


def frontier(plan: Plan, flying: Collection[Action] = ()) -> list[Action]:
    """Return the actions that may start now, in a stable order.

    An action may start when all it needs is done, nothing in flight writes its resource, it
    deletes nothing that an action in flight relies on, and relies on nothing being deleted. An
    address waits for a rule in flight: what that one is given is the address to reserve.
    """
    busy = {action.key for action in flying}
    relied = {key for action in flying for key in action.relies_on}
    going = {action.key for action in flying if action.op is Op.DELETE}
    given = {
        who
        for action in flying
        if action.op is Op.CREATE and action.key.kind == Kind.FORWARDING_RULE
        for who in action.wanted_by
    }
    return [
        action
        for action in plan.actions
        if not action.needs
        and action.key not in busy
        and not (action.op is Op.DELETE and action.key in relied)
        and action.relies_on.isdisjoint(going)
        and not (action.key.kind == Kind.ADDRESS and given.intersection(action.wanted_by))
    ]


def _wanted(  # noqa: PLR0911  # one return for each row of the table
    resource: Resource, actual: Graph[Observed], unread: frozenset[str]
) -> Action | Blocked | None:
    key, live = resource.key, actual.get(resource.key)
    create = Action(
        op=Op.CREATE,
        key=key,
        reason=Reason.MISSING,
        spec=resource.spec,
        relies_on=resource.refs,
        wanted_by=resource.wanted_by,
        origin=resource.origin,
        enforced=frozenset(resource.enforced),
    )
    unreadable = live is None and key.kind in actual.unreadable
    if unreadable or (live and live.ownership is Ownership.UNREADABLE):
        return _blocked(create, Reason.UNREADABLE, str(key), "it will be read again")
    if live is None:
        return create
    near = Neighbours(
        owned=lambda other: _owned(actual, other),
        referrers=tuple(actual[other].spec for other in actual.referrers(key)),
        unseen=not unread.isdisjoint(USERS.get(key.kind, ())),
    )
    changes = diff(key.kind, resource.spec, live.spec, near, live.set_by_us, resource.enforced)
    if not changes:
        return None
    row = ROWS[Kind(key.kind)]
    fixed = not row.immutable.isdisjoint(change.field for change in changes)
    if live.ownership is Ownership.FOREIGN:
        hint = "rename or delete the resource that has this name, or change the Ingress"
        return _blocked(create, Reason.NAME_TAKEN, str(key), hint)
    if live.ownership is Ownership.ADOPTABLE:
        proof = resource.spec.description
        if fixed or proof is UNSET or "description" in row.immutable | row.setters.keys():
            hint = "its description is somebody else's: delete it, or give it our description"
            return _blocked(create, Reason.NOT_OURS, str(key), hint)
        others = [change for change in changes if change.field != "description"]
        changes = (Change("description", live.spec.description, proof), *others)
    if not fixed:
        spec = applied(live.spec, changes)
        return msgspec.structs.replace(
            create,
            op=Op.UPDATE,
            reason=Reason.DIFFERS,
            spec=spec,
            changes=changes,
            relies_on=refs_in(spec),
            forgets=live.set_by_us - create.enforced,
        )
    if users := actual.referrers(key):
        hint = "it cannot change in place while something uses it"
        return _blocked(create, Reason.IN_USE, str(min(users)), hint)
    going = _delete(live, Reason.IMMUTABLE_DIFFERS)
    return msgspec.structs.replace(
        going, changes=changes, disruptive=True, wanted_by=resource.wanted_by
    )


def _delete(live: Observed, reason: Reason) -> Action:
    return Action(op=Op.DELETE, key=live.key, reason=reason, spec=live.spec)


def _with_needs(
    action: Action, draft: Draft, desired: Graph[Resource], actual: Graph[Observed]
) -> Action | Blocked:
    """Return the action with what must be done before it, or why it cannot be done at all."""
    needs: set[ResourceKey] = set()
    if action.op is Op.DELETE:
        for user in sorted(_users(action, actual)):
            verdict = draft.get(user)
            if not isinstance(verdict, Action) or not _lets_go(verdict, action.key):
                hint = "it goes when nothing refers to it any more"
                return _blocked(action, Reason.IN_USE, str(user), hint)
            needs.add(user)
    wanted, live = desired.get(action.key), actual.get(action.key)
    if wanted is not None:
        targets = wanted.refs if action.op is Op.DELETE else action.relies_on
        held = live.refs if live and action.op is Op.UPDATE else frozenset()
        for target in sorted(targets):
            if target in held and target in actual:
                continue  # it is in use now: whatever is wrong with it stops nothing else
            verdict = draft.get(target)
            if verdict and (_must_be_done(verdict) or not _owned(actual, target)):
                needs.add(target)
            elif not verdict and (gap := _gap(target, actual)):
                return _blocked(action, gap[0], str(target), gap[1])
        needs.update(_earlier_fields(action, targets, draft))
    return msgspec.structs.replace(action, needs=frozenset(needs)) if needs else action


def _users(action: Action, actual: Graph[Observed]) -> set[ResourceKey]:
    """Return what has to let go of a resource, or to go, before it is deleted."""
    users = set(actual.referrers(action.key))
    if action.reason is Reason.UNWANTED:
        for kind in ROWS[Kind(action.key.kind)].outlives:
            users.update(live.key for live in actual.of_kind(kind) if _owned(actual, live.key))
    return users


def _must_be_done(verdict: Action | Blocked) -> bool:
    """Tell whether nothing may begin to refer to a resource before this is done to it."""
    if verdict.op is not Op.UPDATE:
        return True
    guarded = ROWS[Kind(verdict.key.kind)].before_traffic
    return not guarded.isdisjoint(change.field for change in verdict.changes)


def _gap(target: ResourceKey, actual: Graph[Observed]) -> tuple[Reason, str] | None:
    """Return why nothing may begin to refer to a resource that nothing is done to."""
    there = actual.get(target)
    if there.ownership is Ownership.UNREADABLE if there else target.kind in actual.unreadable:
        return Reason.UNREADABLE, "it will be read again"
    if there is None and is_managed(target):
        return Reason.REFERENCE_MISSING, "it does not exist, and nothing here makes it"
    return None


def _earlier_fields(
    action: Action, targets: Iterable[ResourceKey], draft: Draft
) -> Iterable[ResourceKey]:
    """Yield the resources whose pending change of a field has to come before this action."""
    for field, (kind, theirs) in ROWS[Kind(action.key.kind)].after.items():
        if action.op is Op.UPDATE and field not in {change.field for change in action.changes}:
            continue
        for target in targets:
            verdict = draft.get(target) if target.kind == kind else None
            if verdict and theirs in {change.field for change in verdict.changes}:
                yield target


def _spread(draft: Draft) -> None:
    """Block, until nothing changes, whatever needs something that is blocked."""
    needed_by: dict[ResourceKey, list[ResourceKey]] = {}
    for key, verdict in draft.items():
        if isinstance(verdict, Action):
            for need in verdict.needs:
                needed_by.setdefault(need, []).append(key)
    todo = [key for key, verdict in draft.items() if isinstance(verdict, Blocked)]
    while todo:
        cause = todo.pop()
        for key in needed_by.get(cause, ()):
            verdict = draft[key]
            if isinstance(verdict, Action):
                hint = f"it waits until {cause} can be done"
                draft[key] = _blocked(verdict, Reason.NEEDS_BLOCKED, str(cause), hint)
                todo.append(key)


def _lets_go(verdict: Action, key: ResourceKey) -> bool:
    return verdict.op is Op.DELETE or key not in verdict.relies_on


def _unread(actual: Graph[Observed]) -> frozenset[str]:
    """Return the kinds of which something could not be read."""
    unreadable = Ownership.UNREADABLE
    return actual.unreadable | {live.key.kind for live in actual if live.ownership is unreadable}


def _owned(actual: Graph[Observed], key: ResourceKey) -> bool:
    live = actual.get(key)
    return live is not None and live.ownership is Ownership.OWNED


def _blocked(action: Action | Blocked, reason: Reason, by: str, hint: str) -> Blocked:
    return Blocked(
        key=action.key,
        op=action.op,
        reason=reason,
        by=by,
        hint=hint,
        changes=action.changes,
        wanted_by=action.wanted_by,
    )


def _closure(keys: Iterable[ResourceKey], actual: Graph[Observed]) -> set[ResourceKey]:
    """Return `keys` and everything they refer to, directly or not."""
    found: set[Any] = set()
    todo = list(keys)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            live = actual.get(key)
            todo.extend(live.refs if live else ())
    return found
