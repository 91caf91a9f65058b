"""How long what is due has waited, and how long an edit takes until the cloud is as it says.

Written by the loop's thread once in a turn; `waits` is frozen, for any thread. Only a process that
leads has a pace: a standby's plan is somebody else's work.
"""

from collections.abc import Callable, Mapping

import msgspec
import structlog

from glbc.engine.absentees import Turn
from glbc.engine.ports import Clock
from glbc.model.keys import ResourceKey
from glbc.plan.planner import Action, Blocked, Plan, Reason
from glbc.translate import annotations
from glbc.translate.reading import Translated

log = structlog.get_logger()


class Waits(msgspec.Struct, frozen=True):
    """Since when (seconds, monotonic) the oldest of what is not done waits; None: nothing waits."""

    due: float | None = None  # of the actions that may be done
    parked: float | None = None  # of the actions that the cloud has refused


class Pace:
    """The memory of what waits. Owned by the loop."""

    def __init__(self, clock: Clock, programmed: Callable[[float], None] = lambda _: None) -> None:
        """Begin with nothing that waits.

        Args:
            clock: for the time.
            programmed: told, for each edit, the seconds that it took.
        """
        self.waits = Waits()
        self._clock = clock
        self._programmed = programmed
        self._due: dict[ResourceKey, float] = {}
        self._parked: dict[ResourceKey, float] = {}
        self._edited: dict[str, float] = {}  # Ingress -> since when it is not as it says
        self._began = clock.monotonic()  # the turn
        self._changed: float | None = None  # since when there is a change that no turn has seen
        self._read: Mapping[str, Translated] = {}  # as the last turn read them

    def begins(self, changed_at: float | None) -> None:
        """Take note that a turn begins, and since when (seconds, monotonic) it has a change to see."""
        self._began = self._clock.monotonic()
        if self._changed is None:
            self._changed = changed_at

    def done(self, key: ResourceKey) -> None:
        """Take note that an action has ended well: what its resource needs next waits from now on."""
        self._due.pop(key, None)

    def look(self, turn: Turn, *, leads: bool) -> None:
        """Take in a turn.

        Args:
            turn: what it saw and decided.
            leads: is it this process that does what is due?
        """
        now = self._clock.monotonic()
        since, self._changed = self._changed, None
        news: dict[str, float] = {}
        if since is not None:
            read = turn.desired.read
            news = {name: since for name, one in read.items() if self._is_news(name, one)}
        self._read = turn.desired.read
        if not leads:
            self._due, self._parked, self._edited = {}, {}, {}
        else:
            self._wait(turn.plan, now)
            self._edit(turn, news, now)
        self.waits = Waits(
            min(self._due.values(), default=None), min(self._parked.values(), default=None)
        )

    def tell(self, plan: Plan, in_flight: int) -> None:
        """Say in the log what is to be done after a turn that has started or published something."""
        log.info(
            "turn",
            due=len(plan.actions),
            in_flight=in_flight,
            held_back=len(plan.blocked),
            seconds=round(self._clock.monotonic() - self._began, 3),
        )

    def _is_news(self, name: str, one: Translated) -> bool:
        """Tell whether somebody has edited what an Ingress comes to; what is read anew may be the same."""
        old = self._read.get(name)
        return old is not one and (old is None or _told(old) != _told(one))

    def _wait(self, plan: Plan, now: float) -> None:
        """Remember since when each action waits; one that was refused and is tried again is parked."""
        self._due = {one.key: self._due.get(one.key, now) for one in plan.actions}
        refused = {one.key for one in plan.blocked if one.reason is Reason.REFUSED}
        if self._parked:
            refused |= self._parked.keys() & {one.key for one in _verdicts(plan)}
        self._parked = {key: self._parked.get(key, now) for key in refused}

    def _edit(self, turn: Turn, news: Mapping[str, float], now: float) -> None:
        """Remember which edits are not in the cloud yet, and tell how long it took when they are."""
        if not news and not self._edited:
            return
        read = turn.desired.read
        unready = {user for one in _verdicts(turn.plan) for user in one.wanted_by}
        for name, at in list({**news, **self._edited}.items()):
            one = read.get(name)
            if one is not None and (one.waiting or one.ingress in unready):
                self._edited[name] = at
                continue
            known = self._edited.pop(name, None)
            if known is not None and one is not None and one.balancer is not None:
                self._programmed(now - known)
                log.info("programmed", ingress=name, seconds=round(now - known, 3))


def _verdicts(plan: Plan) -> tuple[Action | Blocked, ...]:
    return (*plan.actions, *plan.blocked)


def _told(one: Translated) -> tuple[object, ...]:
    """Return what the cluster says of an Ingress, without what glbc itself has written there."""
    seen, meta = one.looked_at, one.looked_at.ingress.metadata
    notes = {k: v for k, v in (meta.annotations or {}).items() if k not in annotations.WRITTEN}
    configs = (seen.frontend_configs, seen.backend_configs, seen.parameters)
    return (seen.ingress.spec, notes, seen.services, seen.secrets, seen.credentials, *configs)
