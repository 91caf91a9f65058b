"""What was published: each write once for the object as we see it, and again only if it failed."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Final

import structlog

from glbc.engine.backoff import Backoff
from glbc.engine.ports import Clock, Workers
from glbc.errors import ClusterError, NotLeading
from glbc.model.calls import (
    ConditionPatch,
    EventNote,
    IngressPatch,
    RecordCreate,
    StatusPatch,
    Write,
)
from glbc.model.finding import ObjectRef
from glbc.model.views import Snapshot
from glbc.status import MAX_MESSAGE, Told, uid_of

log = structlog.get_logger()

RECURRING: Final = frozenset(  # news as often as it happens
    {
        "BackendHealthy",
        "LoadBalancerNegReady",
        "LoadBalancerNegNotReady",
        "LoadBalancerNegTimeout",
        "LoadBalancerNegWithoutHealthCheck",
        "Create",
        "Delete",
        "Attach",
        "Detach",
    }
)
FORGOTTEN: Final = (EventNote, ConditionPatch, RecordCreate)  # when they are not due any more
REFUSALS: Final = frozenset({400, 403, 422})  # HTTP; by themselves they do not pass
Refused = tuple[IngressPatch | StatusPatch, ClusterError]
FOR_EVER: Final = float("inf")
LASTS_SEC: Final = 1.0  # how long what a warning says must hold before it is told …
PAST_SEC: Final = 60.0  # … and how long not, before it is news again: a refusal is tried anew


class Publisher:
    """The loop's memory of what Kubernetes was told. Owned by the loop."""

    def __init__(self, workers: Workers, clock: Clock) -> None:
        self._workers = workers
        self._clock = clock
        self._told: dict[EventNote, float] = {}  # and until when that is remembered
        self._seen: dict[EventNote, float] = {}  # warnings that wait, and since when
        self._sent: dict[Hashable, tuple[str, Write]] = {}  # slot -> resource version, write
        self._refused: dict[Hashable, Refused] = {}  # slot -> what was not taken
        self._is_busy = False  # the API server has asked to wait, and that was told
        self._backoff = Backoff()

    def tell(self, writes: Iterable[Write], snapshot: Snapshot, *, happened: bool = False) -> bool:
        """Publish what was not published yet; return whether there was something.

        What has `happened` is told at once; a state has to last.

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
                if write in self._told or not (happened or self._lasts(write, now)):
                    continue
                self._told[write] = FOR_EVER
            else:
                version = _version(write, snapshot)
                if self._sent.get(slot) == (version, write):
                    continue
                self._sent[slot] = (version, write)
            self._workers.publish(write)
            told = True
        return told

    def forget(self, current: Iterable[Write], snapshot: Snapshot) -> None:
        """Forget what is not due any more: if it comes back, it is told again; and whoever has gone."""
        due = {write for write in current if isinstance(write, FORGOTTEN)}
        now = self._clock.monotonic()
        told = {
            note: FOR_EVER if note in due else min(until, now + _stays_sec(note, snapshot))
            for note, until in self._told.items()
        }
        self._told = {note: until for note, until in told.items() if until > now}
        for slot, (_, write) in list(self._sent.items()):
            if isinstance(write, FORGOTTEN):
                stays = write in due
            else:
                stays = uid_of(_about(write), snapshot) is not None
            if not stays:
                del self._sent[slot]

    def fold(self) -> None:
        """Take in how the writes ended; one that failed is due again after a while."""
        for write, error in self._workers.drain_writes():
            slot = _slot(write)
            self._refused.pop(slot, None)
            if error is None:
                self._backoff.cleared(slot)
                self._is_busy = False
                continue
            if not isinstance(error, NotLeading):
                self._warn(write, error)
                now = self._clock.monotonic()
                self._backoff.failed(slot, now, least=error.retry_after)
            if error.status in REFUSALS and isinstance(write, IngressPatch | StatusPatch):
                self._refused[slot] = (write, error)
            self._sent.pop(slot, None)
            if isinstance(write, EventNote):
                self._told.pop(write, None)

    def refused(self, snapshot: Snapshot) -> Iterator[EventNote]:
        """Yield what the API server does not let us write to an Ingress, for whoever owns it."""
        for slot, (write, error) in list(self._refused.items()):
            ref = write.ingress
            ingress = snapshot.ingresses.get(f"{ref.namespace}/{ref.name}")
            if ingress is None:
                del self._refused[slot]
            else:
                what = "finalizer and annotations" if isinstance(write, IngressPatch) else "status"
                yield EventNote(
                    object=ref,
                    uid=ingress.metadata.uid,
                    type="Warning",
                    reason=Told.NOT_WRITTEN,
                    message=f"cannot write its {what}: {error}"[:MAX_MESSAGE],
                )

    def due(self, now: float) -> Iterator[float]:
        """Yield the moments at which a failed write may be tried again, or a warning is told."""
        yield from self._backoff.due(now)
        yield from (seen + LASTS_SEC for seen in self._seen.values() if seen + LASTS_SEC > now)

    def _lasts(self, note: EventNote, now: float) -> bool:
        """Tell whether it is no passing state: the watches of one `kubectl apply` race each other."""
        seen = self._seen.get(note)
        if note.type != "Warning" or (seen is not None and seen + LASTS_SEC <= now):
            self._seen.pop(note, None)
            return True
        self._seen = {n: at for n, at in self._seen.items() if at + 2 * LASTS_SEC > now}
        self._seen.setdefault(note, now)
        return False

    def _warn(self, write: Write, error: ClusterError) -> None:
        if error.retry_after and self._is_busy:
            return
        self._is_busy = bool(error.retry_after)
        object_ = _about(write)
        log.warning(
            "publish_failed", write=type(write).__name__, object=str(object_), error=str(error)
        )


def _stays_sec(note: EventNote, snapshot: Snapshot) -> float:
    """Return for how long what is not due any more is no news if it is due again."""
    if note.type == "Warning":
        return PAST_SEC
    if note.reason in RECURRING or note.uid != uid_of(note.object, snapshot):
        return 0.0
    return FOR_EVER


def _slot(write: Write) -> Hashable:
    return write if isinstance(write, EventNote) else (type(write), _about(write))


def _about(write: Write) -> ObjectRef:
    match write:
        case IngressPatch() | StatusPatch():
            return write.ingress
        case ConditionPatch():
            return write.pod
    return write.object


def _version(write: Write, snapshot: Snapshot) -> str:
    """Return what tells the object that is written to from what it will be then."""
    match write:
        case IngressPatch() | StatusPatch():
            ingress = snapshot.ingresses[f"{write.ingress.namespace}/{write.ingress.name}"]
            return ingress.metadata.resource_version
        case ConditionPatch():
            return write.uid  # it is forgotten as soon as the pod has it
    return ""  # it says itself of which version it is
