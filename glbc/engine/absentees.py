"""Ingresses that are not there any more though nobody was seen to delete them.

Our finalizer is on every Ingress that is served, so a deletion is always seen. One that just vanishes
may be back when the API server has found its data again: for the time of one resync nothing is lost
over it (`guard.not_suddenly_empty`).
"""

from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from glbc.engine.ports import Clock
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind
from glbc.model.views import Snapshot
from glbc.plan.planner import Plan
from glbc.translate.desired import Desired, needs_finalizer

ALL: Final = "every Ingress"


class Turn(msgspec.Struct, frozen=True):
    """What the last turn saw and decided; frozen, for whoever wants to look."""

    snapshot: Snapshot
    desired: Desired
    actual: Graph[Observed]
    plan: Plan


class Absentees:
    """Who is missing, and since when. Owned by the loop."""

    def __init__(self, clock: Clock, patience: float) -> None:
        """Wait `patience` seconds before a missing Ingress is believed to be gone."""
        self._clock = clock
        self._patience = patience
        self._since: dict[str, float] = {}

    def look(self, last: Turn | None, now: Snapshot, actual: Graph[Observed]) -> Collection[str]:
        """Return who is missing after the last turn; a start on an empty cluster misses them all."""
        moment = self._clock.monotonic()
        if last is None:
            rules = actual.of_kind(Kind.FORWARDING_RULE)
            if not now.ingresses and any(r.ownership is Ownership.OWNED for r in rules):
                self._since[ALL] = moment
        else:
            before = last.snapshot.ingresses
            for name, served in last.desired.served.items():
                finalized = name in before and not needs_finalizer(before[name], served)
                if finalized and name not in now.ingresses:
                    self._since[name] = moment
        for name, since in list(self._since.items()):
            back = name in now.ingresses or (name == ALL and now.ingresses)
            if back or moment - since >= self._patience:
                del self._since[name]
        return self._since.keys()

    def due(self) -> Iterator[float]:
        """Yield the moments (seconds, monotonic) at which somebody is believed to be gone."""
        return (since + self._patience for since in self._since.values())
