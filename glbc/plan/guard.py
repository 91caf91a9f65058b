"""Policies that hold actions back, and say so. They judge losses; they never add an action."""

from collections.abc import Collection, Mapping
from typing import Final

from glbc.model.finding import ObjectRef
from glbc.model.keys import Kind, ResourceKey
from glbc.plan.losses import Why, hold, hold_losses
from glbc.plan.planner import Action, Op, Plan, Reason

NEEDED_VIEWS: Final = frozenset(
    {"Ingress", "IngressClass", "Service", "Node", "Secret", "FrontendConfig", "BackendConfig"}
)
"""The kinds that can want something of the cloud: any of them unseen may hide a want."""

MADE_FROM: Final[Mapping[str, frozenset[str]]] = {
    Kind.HEALTH_CHECK: frozenset({"Pod"}),
    Kind.NETWORK_ENDPOINT_GROUP: frozenset({"EndpointSlice"}),
}
"""Kinds that only say what a resource is made with: a value sent at creation is never mended later,
so nothing is made from a view that is not whole. They want nothing, so no delete waits for them."""

FILLED_FROM: Final[Mapping[str, frozenset[str]]] = {
    Kind.NETWORK_ENDPOINT_GROUP: frozenset({"EndpointSlice"})
}
"""Kinds that only say who is in a group: while they are not whole, nobody leaves it."""


def complete_view(plan: Plan, complete: Collection[str]) -> Plan:
    """Hold back every loss while a kind is not completely seen: absence of knowledge is no absence.

    Deletes wait; an update ships what it adds and keeps what it would remove. A CREATE waits for
    the views that its values come from (`MADE_FROM`), and what needs it waits with it.
    """
    seen = frozenset(complete)
    plan = hold(plan, lambda action: _made_from_unseen(action, seen))
    plan = hold_losses(plan, lambda action: _filled_from_unseen(action, seen))
    if not NEEDED_VIEWS - seen:
        return plan
    why = Why(
        Reason.VIEW_INCOMPLETE, _cannot_be_seen(NEEDED_VIEWS - seen), "it waits for a complete view"
    )
    return hold_losses(plan, lambda _: why)


def _made_from_unseen(action: Action, seen: frozenset[str]) -> Why | None:
    unseen = MADE_FROM.get(action.key.kind, seen) - seen
    if action.op is not Op.CREATE or not unseen:
        return None
    hint = "what it is made with is said there: it waits for a complete view"
    return Why(Reason.VIEW_INCOMPLETE, _cannot_be_seen(unseen), hint)


def _filled_from_unseen(action: Action, seen: frozenset[str]) -> Why | None:
    unseen = FILLED_FROM.get(action.key.kind, seen) - seen
    if action.op is not Op.UPDATE or not unseen:
        return None
    return Why(Reason.VIEW_INCOMPLETE, _cannot_be_seen(unseen), "it waits for a complete view")


def _cannot_be_seen(kinds: Collection[str]) -> str:
    return f"not all of {', '.join(sorted(kinds))} can be seen"


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
    why = Why(Reason.SUDDENLY_EMPTY, f"never seen deleted: {shown}", hint)
    return hold_losses(plan, lambda _: why)


def finalizers_first(plan: Plan, lacking: Collection[ObjectRef]) -> Plan:
    """Hold back the CREATE of what only Ingresses without their finalizer want."""
    return _users_first(plan, lacking, Reason.FINALIZER_MISSING, "its finalizer is first")


def secrets_first(plan: Plan, waiting: Collection[ObjectRef]) -> Plan:
    """Hold back the CREATE of what only Ingresses want that name a Secret which is being read."""
    return _users_first(plan, waiting, Reason.SECRET_AWAITED, "the Secret it names is read first")


def _users_first(plan: Plan, users: Collection[ObjectRef], reason: Reason, hint: str) -> Plan:
    """Hold back the CREATE of what nobody else wants."""

    def judge(action: Action) -> Why | None:
        waits = action.op is Op.CREATE and action.wanted_by
        if not waits or any(user not in users for user in action.wanted_by):
            return None
        return Why(reason, str(action.wanted_by[0]), hint)

    return hold(plan, judge) if users else plan


def pods_first(plan: Plan, awaiting: Collection[ResourceKey]) -> Plan:
    """Hold back the CREATE of health checks whose Services have no pod to be made from yet."""
    why = Why(
        Reason.PODS_AWAITED, "its Service has no pod yet", "it waits a moment for the first one"
    )
    return hold(plan, lambda one: why if one.op is Op.CREATE and one.key in awaiting else None)


def grace(plan: Plan, left: Collection[ResourceKey]) -> Plan:
    """Hold back the DELETE of backends that a route has just left."""
    hint = "it waits until no request is on its way there"
    why = Why(Reason.JUST_LEFT, "a route has just left it", hint)
    return hold(plan, lambda one: why if one.op is Op.DELETE and one.key in left else None)


def listed_first(plan: Plan, unlisted: Collection[str]) -> Plan:
    """Hold back what is about a kind that was not listed since we lead, and meanwhile every loss.

    What the one who led before did last is not in our view: what seems to be missing may be there.
    """
    if not unlisted:
        return plan
    shown = f"{', '.join(sorted(unlisted))}: not listed since glbc began to lead"
    why = Why(Reason.NOT_LISTED_YET, shown, "it waits for the list")
    known = hold(plan, lambda one: why if one.key.kind in unlisted else None)
    return hold_losses(known, lambda _: why)


def read_only(plan: Plan) -> Plan:
    """Hold everything back."""
    why = Why(Reason.READ_ONLY, "read-only mode", "switch it off")
    return hold(plan, lambda _: why)
