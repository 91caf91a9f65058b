"""The guards in their order, and what they have to remember from turn to turn."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Final

import structlog

from glbc.config import Config
from glbc.engine.absentees import Absentees, Turn
from glbc.engine.grace import Grace
from glbc.engine.ports import Clock
from glbc.engine.unread import Unread
from glbc.model.graph import Graph, Observed
from glbc.model.views import Snapshot
from glbc.model.wishes import Wishes
from glbc.naming import Namer
from glbc.negstatus.notes import used_by_others
from glbc.plan import consent, guard
from glbc.plan.planner import Plan, Reason
from glbc.translate.desired import Desired, needs_finalizer
from glbc.translate.wishes import wishes_of

log = structlog.get_logger()

TOLD: Final = frozenset(
    {
        Reason.VIEW_INCOMPLETE,
        Reason.SUDDENLY_EMPTY,
        Reason.OVER_BUDGET,
        Reason.PROTECTED,
        Reason.DISRUPTIVE,
        Reason.PAUSED,
    }
)
"""What does not pass by itself within moments."""


class Guards:
    """Holds back what is due and must not be done now. Owned by the loop."""

    def __init__(self, config: Config, namer: Namer, clock: Clock) -> None:
        self._config = config
        self._namer = namer
        self._absentees = Absentees(clock, config.resync_sec)
        self._grace = Grace(clock, config.backend_grace_sec)
        self._unread = Unread(clock)
        self._wishes: tuple[Desired, Wishes] | None = None
        self._held: Tally[str] = Tally()  # reasons and how often, as last told
        self._used: frozenset[str] = frozenset()  # what somebody else uses, as last told

    def hold(
        self,
        full: Plan,
        last: Turn | None,
        snapshot: Snapshot,
        desired: Desired,
        actual: Graph[Observed],
    ) -> Plan:
        """Return what may be done of a plan, and what is held back of it."""
        settings = self._config.guards
        if settings.read_only:
            return guard.read_only(full)
        plan = guard.not_suddenly_empty(full, self._absentees.look(last, snapshot, actual))
        plan = guard.complete_view(plan, desired.seen(snapshot))
        plan = guard.pods_first(plan, desired.awaiting)
        plan = guard.grace(plan, self._grace.look(desired.graph, actual))
        plan = guard.secrets_first(plan, self._unread.look(desired, snapshot))
        lacking = {
            snapshot.ingresses[name].ref
            for name, served in desired.served.items()
            if name in snapshot.ingresses and needs_finalizer(snapshot.ingresses[name], served)
        }
        plan = guard.finalizers_first(plan, lacking)
        wishes = self._wishes_of(snapshot, desired)
        plan = consent.agreed_to(plan, wishes, actual, settings)
        self._tell(plan, actual)
        return plan

    def due(self) -> Iterator[float]:
        """Yield the moments (seconds, monotonic) at which somebody does not wait any more."""
        yield from self._absentees.due()
        yield from self._grace.due()
        yield from self._unread.due()

    def _tell(self, plan: Plan, actual: Graph[Observed]) -> None:
        """Say in the log, once, what is held back: some of it concerns no object that could be told."""
        used = {str(one.key): one.by for one in used_by_others(plan, actual)}
        for key in sorted(used.keys() - self._used):
            log.warning("in_use_by_others", key=key, by=used[key])
        self._used = frozenset(used)
        held = Tally(one.reason.value for one in plan.blocked if one.reason in TOLD)
        if held != self._held:
            self._held = held
            log.warning("held_back", **held) if held else log.info("nothing_held_back")

    def _wishes_of(self, snapshot: Snapshot, desired: Desired) -> Wishes:
        if self._wishes is None or self._wishes[0] is not desired:
            found = wishes_of(snapshot, desired, self._namer, self._config)
            self._wishes = (desired, found)
        return self._wishes[1]
