"""What was under way when this process began to lead: operations of whoever led before.

That one may have stopped between a write and its end, so what an operation targets is in no list, or in it as it
will not stay. Until the operation is done its key is in doubt, and what nobody could read is not written to, not
referred to anew, and what it may use is not deleted. Then it is read.

It costs one list per project when a term begins (every scope at once, only what is not done), and one each `LOOK_SEC`
while one of those lasts; nothing at rest. Two bounds: a project that cannot be listed holds nothing up after `LIST_SEC`,
one that refuses not at all; and no operation holds its key for longer than one of our own may take
(`cloud.operation_timeout_sec`). Past them the cloud still refuses by itself what must not be.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import structlog

from glbc.engine.backoff import Backoff
from glbc.engine.jobs import OperationsJob, Outcome
from glbc.engine.ports import Clock
from glbc.errors import Transient
from glbc.model.keys import ResourceKey, parse_link
from glbc.model.kinds import MANAGED

log = structlog.get_logger()

LIST_SEC: Final = 120.0  # as long as what was sent and not answered may take to appear
LOOK_SEC: Final = 3.0  # between looks at whether an operation is done


class Inherited:
    """The operations that a term began with. Owned by the loop."""

    def __init__(self, projects: Iterable[str], clock: Clock, patience_sec: float) -> None:
        """Know of none.

        Args:
            projects: those that are written to.
            clock: the loop's.
            patience_sec: how long an operation may last.
        """
        self._projects = frozenset(projects)
        self._clock = clock
        self._patience_sec = patience_sec
        self._began = float("-inf")  # the term; seconds, monotonic
        self._unlisted: set[str] = set()  # projects of which this term has no list
        self._asked: set[str] = set()  # projects whose list is on its way
        self._running: dict[tuple[str, str], ResourceKey] = {}  # project and name -> its target
        self._backoff = Backoff()

    def begins(self) -> None:
        """Begin a term: what is under way is to be asked for."""
        self._began = self._clock.monotonic()
        self._unlisted = set(self._projects)
        self._running = {}
        for project in self._projects:
            self._backoff.cleared(project)

    def jobs(self) -> Iterator[OperationsJob]:
        """Yield what is to be asked now; give up what has taken too long."""
        now = self._clock.monotonic()
        self._give_up(now)
        for project in sorted(self._unlisted | {project for project, _ in self._running}):
            if project not in self._asked and self._backoff.allows(project, now):
                self._asked.add(project)
                yield OperationsJob(project)

    def fold(self, outcome: Outcome, job: OperationsJob) -> Iterable[ResourceKey]:
        """Take in how a list has ended; return the keys that are in doubt from now on."""
        project = job.project
        self._asked.discard(project)
        if outcome.began < self._began:
            return ()
        if isinstance(outcome.error, Transient):
            self._backoff.failed(project, outcome.ended)
            return ()
        if outcome.error is not None:
            log.warning("operations_not_listed", project=project, error=str(outcome.error))
        targets = {
            (project, body["name"]): parse_link(body.get("targetLink", ""), project)
            for body in outcome.bodies
        }
        self._backoff.failed(project, outcome.ended, LOOK_SEC)
        if project not in self._unlisted:
            self._running = {
                one: key
                for one, key in self._running.items()
                if one[0] != project or one in targets
            }
            return ()
        self._unlisted.discard(project)
        found = {one: key for one, key in targets.items() if key.kind in MANAGED}
        self._running |= found
        if found:
            shown = sorted(str(key) for key in set(found.values()))
            log.info("operations_inherited", project=project, keys=shown)
        return found.values()

    def unknown(self) -> bool:
        """Tell whether it is not known yet what is under way."""
        return bool(self._unlisted)

    def held(self) -> frozenset[ResourceKey]:
        """Return the keys whose operation is not known to be done: what a read says of them is no last word."""
        return frozenset(self._running.values())

    def in_flight(self) -> int:
        """Return the number of lists that have not come back."""
        return len(self._asked)

    def due(self, now: float) -> Iterator[float]:
        """Yield the moments (seconds, monotonic) at which something is asked again, or given up."""
        if self._unlisted:
            yield self._began + LIST_SEC
        if self._running:
            yield self._began + self._patience_sec
        if self._unlisted or self._running:
            yield from self._backoff.due(now)

    def _give_up(self, now: float) -> None:
        if self._unlisted and now >= self._began + LIST_SEC:
            log.warning(
                "operations_not_listed", project=", ".join(sorted(self._unlisted)), error="given up"
            )
            self._unlisted = set()
        if self._running and now >= self._began + self._patience_sec:
            shown = sorted(str(key) for key in self.held())
            log.warning("operations_not_done", keys=shown, after_sec=self._patience_sec)
            self._running = {}
