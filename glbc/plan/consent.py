"""Policies that wait for a person: what a pause, a protection or a limit holds back until agreed to.

A loss is attributed to the Ingresses that want the resource or whose front end leads to it. Each
tells a code; the Ingress's annotation with that code agrees to this loss and to no other.
"""

from collections.abc import Collection, Iterable
from typing import Final

from glbc.config import GuardsConfig
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.model.wishes import Wishes
from glbc.plan.losses import Why, hold, hold_losses, lost
from glbc.plan.planner import Action, Op, Plan, Reason
from glbc.plan.render import change_lines

ACKNOWLEDGE: Final = "glbc.gcp.kubernetes.io/acknowledge"
GOES: Final = "all"  # what an Ingress loses whose load balancer goes, whatever part is next
FEW: Final = 2  # rules: of so few any share may go
EVERYDAY: Final = frozenset(
    {
        "backends",
        "description",
        "instances",
        "named_ports",
        "network_endpoints",
        "ssl_certificates",
    }
)
"""Lists that follow nodes, pods and certificates, and our own words: a protection is not about these."""
PASSING: Final = frozenset({Kind.INSTANCE_GROUP, Kind.NETWORK_ENDPOINT_GROUP, Kind.SSL_CERTIFICATE})
"""Kinds that come and go with nodes and certificates."""


class Owners:
    """Whose a resource is: of the Ingresses whose front end leads to it in the actual graph."""

    def __init__(self, wishes: Wishes, actual: Graph[Observed]) -> None:
        self._front = wishes.front
        self._actual = actual
        self._everyone = frozenset(wishes.front.values())

    def of(self, action: Action) -> frozenset[ObjectRef]:
        """Return the Ingresses that want what the action is about, or that use it now."""
        if action.key.kind == Kind.FIREWALL:
            return self._everyone  # nothing refers to it, and all are reached through it
        found = {user for user in action.wanted_by if user.kind == "Ingress"}
        todo: list[ResourceKey] = [action.key]
        seen: set[ResourceKey] = set()
        while todo:
            key = todo.pop()
            if key in seen:
                continue
            seen.add(key)
            if key in self._front:
                found.add(self._front[key])  # what is above it is its own
            else:
                todo.extend(self._actual.referrers(key))
        return frozenset(found)


def agreed_to(plan: Plan, wishes: Wishes, actual: Graph[Observed], settings: GuardsConfig) -> Plan:
    """Return what may be done of a plan without asking anybody, or because somebody has agreed."""
    plan = budget(plan, wishes, actual, settings.most_rules, settings.most_rules_percent)
    plan = protected(plan, wishes, actual)
    if settings.disruptive != "allow":
        plan = disruptive(plan, wishes, actual)
    return paused(plan, wishes, actual)


def paused(plan: Plan, wishes: Wishes, actual: Graph[Observed]) -> Plan:
    """Hold back what only paused Ingresses want, and the DELETE of what one of them uses."""
    if not wishes.paused:
        return plan
    owners = Owners(wishes, actual)

    def judge(action: Action) -> Why | None:
        whose = owners.of(action)
        held = whose & wishes.paused
        if not held or (held < whose and action.op is not Op.DELETE):
            return None
        hint = "it waits until the annotation is taken out"
        return Why(Reason.PAUSED, str(min(held)), hint, tuple(sorted(held)))

    return hold(plan, judge)


def protected(plan: Plan, wishes: Wishes, actual: Graph[Observed]) -> Plan:
    """Hold back what a protected Ingress would lose, also by its own deletion, until agreed to."""
    if not wishes.protected:
        return plan
    owners = Owners(wishes, actual)

    def judge(action: Action) -> Why | None:
        if action.op is Op.DELETE and (action.needs or action.key.kind in PASSING):
            return None  # what is in use goes by what uses it: that asks
        if action.op is Op.UPDATE and EVERYDAY.issuperset(one.field for one in lost(action)):
            return None
        whose = owners.of(action) & wishes.protected
        return _unless_agreed(action, whose, wishes, Reason.PROTECTED, "it is protected")

    return hold_losses(plan, judge)


def disruptive(plan: Plan, wishes: Wishes, actual: Graph[Observed]) -> Plan:
    """Hold back what interrupts the traffic of an Ingress that has an address, until agreed to."""
    if not any(action.disruptive for action in plan.actions):
        return plan
    owners = Owners(wishes, actual)

    def judge(action: Action) -> Why | None:
        if not action.disruptive:
            return None
        whose = owners.of(action) & wishes.published
        by = "it is made anew, which interrupts traffic"
        return _unless_agreed(action, whose, wishes, Reason.DISRUPTIVE, by)

    return hold(plan, judge)


def budget(plan: Plan, wishes: Wishes, actual: Graph[Observed], most: int, percent: int) -> Plan:
    """Hold back the DELETE of many forwarding rules at once that nobody was seen to ask for.

    Args:
        plan: what is due.
        wishes: say which Ingresses were deleted, and what is agreed to.
        actual: has the rules that serve.
        most: rules that may go at once; 0: any number.
        percent: of our rules that may go at once, where there are more than `FEW`.
    """
    owners = Owners(wishes, actual)
    going = {
        action.key: whose
        for action in plan.actions
        if action.op is Op.DELETE
        and action.key.kind == Kind.FORWARDING_RULE
        and not action.disruptive
        and not _is_asked_for(action, whose := owners.of(action), wishes)
    }
    serving = sum(
        live.ownership is Ownership.OWNED for live in actual.of_kind(Kind.FORWARDING_RULE)
    )
    share = len(going) * 100 > serving * percent and len(going) > FEW
    if not share and not 0 < most < len(going):
        return plan
    by = f"{len(going)} of {serving} forwarding rules would go, and no Ingress was seen deleted"

    def judge(action: Action) -> Why | None:
        if action.key not in going:
            return None
        whose = going[action.key]
        if not whose:
            hint = "if that is right, delete them with `glbc gc`, or raise guards.most_rules"
            return Why(Reason.OVER_BUDGET, by, hint)
        return _unless_agreed(action, whose, wishes, Reason.OVER_BUDGET, by)

    return hold(plan, judge)


def _is_asked_for(action: Action, whose: frozenset[ObjectRef], wishes: Wishes) -> bool:
    return bool(whose) and all(
        one in wishes.deleted or wishes.agrees(one, _loss(action, one, wishes)) for one in whose
    )


def _unless_agreed(
    action: Action, whose: Collection[ObjectRef], wishes: Wishes, reason: Reason, by: str
) -> Why | None:
    """Return why the action waits, with the code that agrees to it; None when all have agreed."""
    losses = {one: _loss(action, one, wishes) for one in sorted(whose)}
    waiting = [one for one, loss in losses.items() if not wishes.agrees(one, loss)]
    if not waiting:
        return None
    commands = (_command(one, wishes.code(one, losses[one])) for one in waiting[:3])
    hint = f"to agree: {'; '.join(commands)}"
    return Why(reason, by, hint, tuple(waiting))


def _command(ingress: ObjectRef, code: str) -> str:
    return (
        f"kubectl annotate ingress -n {ingress.namespace} {ingress.name} "
        f"{ACKNOWLEDGE}={code} --overwrite"
    )


def _loss(action: Action, ingress: ObjectRef, wishes: Wishes) -> str:
    """Say what an Ingress loses, in words that come back for as long as it is the same loss."""
    if action.op is Op.DELETE and not action.disruptive:
        return GOES if ingress in wishes.leaving else f"{action.key}"
    changes: Iterable[str] = change_lines(
        action.key.kind, action.changes if action.disruptive else lost(action)
    )
    return f"{action.key}: {'; '.join(changes)}"
