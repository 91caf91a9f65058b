"""The guards in their order, and what they have to remember from turn to turn."""

from collections.abc import Iterator

from glbc.config import Config
from glbc.engine.absentees import Absentees, Turn
from glbc.engine.grace import Grace
from glbc.engine.ports import Clock
from glbc.engine.unread import Unread
from glbc.model.graph import Graph, Observed
from glbc.model.views import Snapshot
from glbc.model.wishes import Wishes
from glbc.naming import Namer
from glbc.plan import consent, guard
from glbc.plan.planner import Plan
from glbc.translate.desired import Desired, needs_finalizer
from glbc.translate.wishes import wishes_of


class Guards:
    """Holds back what is due and must not be done now. Owned by the loop."""

    def __init__(self, config: Config, namer: Namer, clock: Clock) -> None:
        self._config = config
        self._namer = namer
        self._absentees = Absentees(clock, config.resync_sec)
        self._grace = Grace(clock, config.backend_grace_sec)
        self._unread = Unread(clock)
        self._wishes: tuple[Desired, Wishes] | None = None

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
        return consent.agreed_to(plan, wishes, actual, settings)

    def due(self) -> Iterator[float]:
        """Yield the moments (seconds, monotonic) at which somebody does not wait any more."""
        yield from self._absentees.due()
        yield from self._grace.due()
        yield from self._unread.due()

    def _wishes_of(self, snapshot: Snapshot, desired: Desired) -> Wishes:
        if self._wishes is None or self._wishes[0] is not desired:
            found = wishes_of(snapshot, desired, self._namer, self._config)
            self._wishes = (desired, found)
        return self._wishes[1]
