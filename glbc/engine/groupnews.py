"""What is to be told of endpoint groups, found anew only when something that it rests on has changed."""

from typing import NamedTuple

from glbc.engine.absentees import Turn
from glbc.model.calls import Write
from glbc.model.keys import Kind
from glbc.negstatus.records import has_records
from glbc.negstatus.writes import writes
from glbc.plan.planner import Action, Blocked


class Basis(NamedTuple):
    """What it rests on: views and graphs, compared by identity, and the plan for groups."""

    seen: tuple[object, ...]
    due: tuple[Action | Blocked, ...]

    def is_same(self, other: "Basis") -> bool:
        """Tell whether nothing has changed."""
        pairs = zip(self.seen, other.seen, strict=True)
        return all(one is two for one, two in pairs) and self.due == other.due


class GroupNews:
    """The last answer, and its basis. Owned by the loop."""

    def __init__(self) -> None:
        self._last: tuple[Basis, tuple[Write, ...]] | None = None

    def of(self, turn: Turn) -> tuple[Write, ...]:
        """Return what has to be written."""
        snapshot, plan = turn.snapshot, turn.plan
        due: list[Action | Blocked] = [*plan.actions, *plan.blocked]
        basis = Basis(
            (
                snapshot.services,
                snapshot.group_records,
                turn.desired,
                turn.actual,
                has_records(snapshot),
            ),
            tuple(one for one in due if one.key.kind == Kind.NETWORK_ENDPOINT_GROUP),
        )
        if self._last is None or not self._last[0].is_same(basis):
            told = writes(snapshot, turn.desired, plan, turn.actual)
            self._last = (basis, tuple(told))
        return self._last[1]
