"""Run a plan on paper: the waves that `glbc plan` prints, and the end state that tests compare.

Dry run is not a flag on a client: it is this, and no executor.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import UNSET

from glbc.model.graph import Graph, Observed, Ownership, Resource
from glbc.model.keys import Kind, ResourceKey, refs_in
from glbc.model.kinds import ROWS, completed
from glbc.model.private import public
from glbc.plan.planner import Action, Op, Plan, Refusal, frontier, plan

Guard = Callable[[Plan], Plan]


class Rehearsal(msgspec.Struct, frozen=True):
    """What would happen, wave by wave; what stays blocked at the end; the graph after it."""

    waves: tuple[tuple[Action, ...], ...]
    last: Plan
    end: Graph[Observed]


def done(action: Action, old: Observed | None) -> Observed | None:
    """Return what is there once the action is done; None after a DELETE."""
    if action.op is Op.DELETE:
        return None
    row = ROWS[Kind(action.key.kind)]
    spec = completed(action.key.kind, public(action.spec))
    base = old or Observed(key=action.key, spec=spec, ownership=Ownership.OWNED)
    fields = msgspec.structs.fields(row.spec)
    changed = {change.field for change in action.changes}
    written = {
        field.encode_name
        for field in fields
        if field.name not in row.initial
        and (
            field.name in changed or (not changed and getattr(action.spec, field.name) is not UNSET)
        )
    }
    return msgspec.structs.replace(
        base,
        spec=spec,
        ownership=Ownership.OWNED,
        refs=refs_in(spec),
        set_by_us=(base.set_by_us - action.forgets) | written | action.enforced,
        fingerprint="",
    )


def in_waves(plan: Plan, actual: Graph[Observed]) -> Rehearsal:
    """Return one plan in the order of its own needs; what would only be found on the way is not in it."""
    waves: list[tuple[Action, ...]] = []
    waiting = list(plan.actions)
    while waiting:
        keys = {action.key for action in waiting}
        waves.append(tuple(action for action in waiting if keys.isdisjoint(action.needs)))
        if not waves[-1]:
            raise RuntimeError("the actions of a plan need each other")
        waiting = [action for action in waiting if not keys.isdisjoint(action.needs)]
    return Rehearsal(tuple(waves), Plan(blocked=plan.blocked), actual)


def after(actual: Graph[Observed], actions: Iterable[Action]) -> Graph[Observed]:
    """Return the actual graph once the actions are done."""
    ends = {action.key: done(action, actual.get(action.key)) for action in actions}
    made = [end for end in ends.values() if end is not None]
    return actual.replace(*made, without=[key for key, end in ends.items() if end is None])


def rehearse(
    desired: Graph[Resource],
    actual: Graph[Observed],
    keep: Iterable[ResourceKey] = (),
    parked: Mapping[ResourceKey, Refusal] | None = None,
    guard: Guard = lambda plan: plan,
) -> Rehearsal:
    """Plan, do the frontier on paper, and plan again until nothing can start.

    Raises:
        RuntimeError: it does not come to rest, which is a bug in the planner.
    """
    keep = tuple(keep)
    waves: list[tuple[Action, ...]] = []
    for _ in range(2 * (len(desired) + len(actual)) + 2):
        step = guard(plan(desired, actual, keep, parked))
        wave = tuple(frontier(step))
        if not wave:
            return Rehearsal(tuple(waves), step, actual)
        waves.append(wave)
        actual = after(actual, wave)
    raise RuntimeError("the plan does not come to rest")
