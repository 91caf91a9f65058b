"""The quotas, while something is to be made: the log says that one will be met before it is.

A project's quotas are read when a plan makes something that one of them counts, for each of them once per resync at most.
So they cost a read or two with a burst and nothing at rest, and nobody has to keep them fresh. They decide nothing: the
cloud does.
"""

from collections.abc import Iterator

import structlog

from glbc.engine.jobs import Outcome, QuotaJob
from glbc.engine.ports import Clock
from glbc.plan.budget import Place, counted, shortages
from glbc.plan.planner import Plan

log = structlog.get_logger()


class Budgets:
    """When each quota was last looked at. Owned by the loop."""

    def __init__(self, clock: Clock, resync_sec: float) -> None:
        self._clock = clock
        self._resync_sec = resync_sec
        self._looked: dict[Place, float] = {}  # when each was last asked for; seconds, monotonic
        self._asked: set[str] = set()  # projects whose quotas are on their way

    def jobs(self, due: Plan) -> Iterator[QuotaJob]:
        """Yield what is to be read for a plan that is about to be carried out."""
        now = self._clock.monotonic()
        since = now - self._resync_sec
        places = {
            one
            for one in counted((due.actions,))
            if one[0] not in self._asked and self._looked.get(one, since) <= since
        }
        self._looked |= dict.fromkeys(places, now)
        for project in sorted({project for project, _ in places}):
            self._asked.add(project)
            yield QuotaJob(project)

    def fold(self, outcome: Outcome, job: QuotaJob, due: Plan) -> None:
        """Take in how a read has ended, and say which quotas are too small for what is still to be made."""
        self._asked.discard(job.project)
        if outcome.error is not None:
            log.warning("quotas_not_read", project=job.project, error=str(outcome.error))
        for one in shortages((due.actions,), {job.project: outcome.quotas}):
            log.warning(
                "quota_short",
                project=one.project,
                metric=one.metric,
                usage=one.usage,
                limit=one.limit,
                needs=one.needs,
                hint=one.hint,
            )

    def in_flight(self) -> int:
        """Return the number of reads that have not come back."""
        return len(self._asked)
