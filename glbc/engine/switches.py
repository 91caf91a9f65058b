"""What translation may know of a backend that a route waits for: its health, and since when.

Owned by the loop. A wait counts from when the cloud can probe the new backend; a process that starts
counts from its start.
"""

from collections.abc import Iterable

import msgspec

from glbc.engine.health import Health
from glbc.engine.ports import Clock
from glbc.model.graph import Graph, Observed
from glbc.model.health import UNHEALTHY
from glbc.model.keys import ResourceKey
from glbc.model.views import Hints
from glbc.plan.planner import Op, Refusal
from glbc.translate.desired import Desired

Wait = tuple[ResourceKey, ResourceKey]  # URL map, the backend that it waits for


class Switches:
    """Since when each URL map waits for each backend."""

    def __init__(self, health: Health, clock: Clock) -> None:
        self._health = health
        self._clock = clock
        self._since: dict[Wait, float] = {}  # seconds since 1970
        self._left: dict[ResourceKey, float] = {}  # since when (monotonic) a route is to leave it
        self._stuck: set[ResourceKey] = set()  # URL maps that must do without the warm-up

    def known(
        self,
        hints: Hints,
        last: Desired | None,
        actual: Graph[Observed],
        parked: Iterable[Refusal],
    ) -> Hints:
        """Return the hints with what is known of health and waits.

        Args:
            hints: what the actual graph says.
            last: the last translation, which says who waits.
            actual: what there is now.
            parked: what the cloud refused.
        """
        self._health.look(last, actual)
        now, reached = self._clock.time(), self._health.reached
        # What was refused rests, and is tried again; not the same again, until the routes have moved.
        refused = {one.action.key for one in parked if one.action.op is Op.UPDATE}
        self._stuck |= {url_map for url_map, _ in _waits(last) if url_map in refused}
        self._stuck &= _moving(last)
        self._since = {
            wait: self._since.get(wait, now)
            for wait in _waits(last)
            if wait in self._since or wait[1] in reached
        }
        return msgspec.structs.replace(
            hints,
            health=self._health.states(),
            doubted=self._doubted(last),
            reached=frozenset(reached),
            waits=dict(self._since),
            stuck=frozenset(self._stuck),
        )

    def _doubted(self, last: Desired | None) -> frozenset[ResourceKey]:
        """Return the backends that fail by an answer from before a route was to leave them."""
        now = self._clock.monotonic()
        read = last.read.values() if last else ()
        left = {move.old for one in read for move in one.looked_at.moves}
        self._left = {old: self._left.get(old, now) for old in left}
        return frozenset(
            key
            for key, state in self._health.states().items()
            if state == UNHEALTHY and self._health.asked_at(key) < self._left.get(key, now)
        )


def _moving(last: Desired | None) -> set[ResourceKey]:
    """Return the URL maps of which a live route is wanted at another backend."""
    read = last.read.values() if last else ()
    return {one.looked_at.keys.url_map for one in read if one.looked_at.moves}


def _waits(last: Desired | None) -> Iterable[Wait]:
    for one in last.read.values() if last else ():
        for move in one.waiting:
            yield one.looked_at.keys.url_map, move.new
