"""Does a plan fit into the quotas of its projects? Told before the first of them is met.

A load balancer is moved by making the new part before the old one goes, so what counts is the most that there will be on
the way, not what is left at the end: a certificate that is rotated needs room for one more.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from glbc.model.quota import METRICS, Quota
from glbc.plan.planner import Action, Op

RESERVE: Final = 0.05  # of a limit, and one at least: where less than that is left, it is told
Place = tuple[str, str]
"""A project, and a metric of its quotas."""


class Shortage(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """A quota that a plan does not fit into, or hardly."""

    project: str
    metric: str
    usage: int  # resources that there are
    limit: int
    needs: int  # the most that the plan adds to them at any time

    @property
    def fits(self) -> bool:
        """Tell whether the plan can be carried out in full."""
        return self.usage + self.needs <= self.limit

    @property
    def hint(self) -> str:
        """What to do, for people."""
        if self.fits:
            left = self.limit - self.usage - self.needs
            return f"{left} would be left: raise the quota before more is wanted"
        least = self.usage + self.needs
        return f"raise the quota to {least} or more, or delete what is not needed"


class Budget(msgspec.Struct, frozen=True):
    """What the quotas say of a plan."""

    shortages: tuple[Shortage, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()  # a project whose quotas cannot be read, and why


def shortages(
    waves: Iterable[Iterable[Action]], quotas: Mapping[str, Iterable[Quota]]
) -> tuple[Shortage, ...]:
    """Return the quotas that a plan exceeds, or of which it leaves less than a reserve.

    Args:
        waves: the steps; those of a wave may be done in any order.
        quotas: of each project.
    """
    most = _most(waves)
    return tuple(sorted(_shortages(most, quotas)))


def counted(waves: Iterable[Iterable[Action]]) -> frozenset[Place]:
    """Return the quotas that count what a plan makes."""
    return frozenset(_most(waves))


def _most(waves: Iterable[Iterable[Action]]) -> dict[Place, int]:
    """Return of each quota that something is made in the most that is added to its usage at any time."""
    now: Counter[Place] = Counter()
    most: dict[Place, int] = {}
    for wave in waves:
        ops = [
            (action.op, (action.key.project, METRICS[action.key.kind]))
            for action in wave
            if action.key.kind in METRICS
        ]
        now.update(place for op, place in ops if op is Op.CREATE)
        for op, place in ops:
            if op is Op.CREATE:
                most[place] = max(most.get(place, 0), now[place])
        now.subtract(place for op, place in ops if op is Op.DELETE)
    return most


def _shortages(
    most: Mapping[Place, int], quotas: Mapping[str, Iterable[Quota]]
) -> Iterator[Shortage]:
    for project, rows in quotas.items():
        for row in rows:
            needs = most.get((project, row.metric), 0)
            left = row.limit - row.usage - needs
            if needs > 0 and left < max(1.0, row.limit * RESERVE):
                yield Shortage(
                    project=project,
                    metric=row.metric,
                    usage=int(row.usage),
                    limit=int(row.limit),
                    needs=needs,
                )
