"""Ingresses that name a Secret which is being read: what only they want waits for it, a moment.

Without it their backends would be made one way and, when the Secret comes a moment later, another.
A Secret that cannot be read is not waited for: its path is told, and the rest of its Ingress ships.
"""

from collections.abc import Iterator
from typing import Final

from glbc.engine.ports import Clock
from glbc.model.finding import ObjectRef
from glbc.model.views import Snapshot
from glbc.translate.desired import Desired

PATIENCE_SEC: Final = 5.0  # a read takes some milliseconds; over it, it fails or will fail


class Unread:
    """Who waits for a Secret, and since when. Owned by the loop."""

    def __init__(self, clock: Clock) -> None:
        """Know of nobody."""
        self._clock = clock
        self._since: dict[ObjectRef, float] = {}

    def look(self, desired: Desired, snapshot: Snapshot) -> frozenset[ObjectRef]:
        """Return the Ingresses whose Secrets may still come."""
        now = self._clock.monotonic()
        unread = {
            snapshot.ingresses[name].ref
            for name, one in desired.read.items()
            if name in snapshot.ingresses
            and not {secret for secret, *_ in one.looked_at.credentials}
            <= snapshot.credentials.keys()
        }
        self._since = {ref: self._since.get(ref, now) for ref in unread}
        return frozenset(ref for ref, at in self._since.items() if now < at + PATIENCE_SEC)

    def due(self) -> Iterator[float]:
        """Yield the moments (monotonic) at which somebody does not wait any more."""
        now = self._clock.monotonic()
        ends = (at + PATIENCE_SEC for at in self._since.values())
        return (end for end in ends if end > now)
