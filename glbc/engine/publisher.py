"""What was published: each write once for the object as we see it, and again only if it failed."""

from collections.abc import Hashable, Iterable, Iterator

import structlog

from glbc.engine.backoff import Backoff
from glbc.engine.ports import Clock, Workers
from glbc.errors import ClusterError
from glbc.model.calls import EventNote, Write
from glbc.model.views import Snapshot

log = structlog.get_logger()


class Publisher:
    """The loop's memory of what Kubernetes was told. Owned by the loop."""

    def __init__(self, workers: Workers, clock: Clock) -> None:
        self._workers = workers
        self._clock = clock
        self._told: set[EventNote] = set()
        self._sent: dict[Hashable, tuple[str, Write]] = {}  # slot -> resource version, write
        self._backoff = Backoff()

    def tell(self, writes: Iterable[Write], snapshot: Snapshot) -> bool:
        """Publish what was not published yet; return whether there was something.

        The same patch is sent again only after the object has changed: until the watch has shown
        what the first one did, it looks as if it were still due.
        """
        told = False
        now = self._clock.monotonic()
        for write in writes:
            slot = _slot(write)
            if not self._backoff.allows(slot, now):
                continue
            if isinstance(write, EventNote):
                if write in self._told:
                    continue
                self._told.add(write)
            else:
                ingress = snapshot.ingresses[f"{write.ingress.namespace}/{write.ingress.name}"]
                version = ingress.metadata.resource_version
                if self._sent.get(slot) == (version, write):
                    continue
                self._sent[slot] = (version, write)
            self._workers.publish(write)
            told = True
        return told

    def fold(self) -> None:
        """Take in how the writes ended; one that failed is due again after a while."""
        for write, error in self._workers.drain_writes():
            slot = _slot(write)
            if error is None:
                self._backoff.cleared(slot)
                continue
            self._warn(write, error)
            self._backoff.failed(slot, self._clock.monotonic())
            self._sent.pop(slot, None)
            if isinstance(write, EventNote):
                self._told.discard(write)

    def due(self, now: float) -> Iterator[float]:
        """Yield the moments at which a failed write may be tried again."""
        return self._backoff.due(now)

    def _warn(self, write: Write, error: ClusterError) -> None:
        object_ = write.object if isinstance(write, EventNote) else write.ingress
        log.warning(
            "publish_failed", write=type(write).__name__, object=str(object_), error=str(error)
        )


def _slot(write: Write) -> Hashable:
    return write if isinstance(write, EventNote) else (type(write), write.ingress)
