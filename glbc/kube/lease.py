"""Who leads: a coordination.k8s.io Lease, taken and kept as client-go does it, and the fence that follows from it.

What must hold: no clock is compared with another machine's. A record counts from the moment at which *we* saw it change,
and our own from *before* we sent it; so the fence falls `duration_sec - renew_deadline_sec` before anybody may take over,
even in a process that slept. Every write bears the resourceVersion that it was decided on. Nothing here starts a thread.
"""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec
import structlog

from glbc.config import LeaseConfig
from glbc.engine.ports import Clock
from glbc.errors import ClusterError
from glbc.kube.client import ApiError
from glbc.kube.rival import Rivals
from glbc.kube.sight import Sight, record_of

log = structlog.get_logger()

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_TOO_MANY: Final = 429  # it was not even looked at
_ROUNDS: Final = 3  # a release whose Lease changes meanwhile is tried again
_SHARE: Final = 0.3  # of the renew deadline: how long one request may take, so that one that hangs costs no term


class Requests(Protocol):
    """What is needed of `glbc.kube.client.Api`."""

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float,
    ) -> bytes:
        """Send one request and return the body of its answer. Raises ApiError."""
        ...


def new_identity() -> str:
    """Return a name for this process that no other has, nor it itself after a restart."""
    return f"{socket.gethostname() or os.name}_{uuid4()}"


class Elector:
    """One candidate for one Lease.

    `tick` and `release` are for one thread; `term` and `holder` for any.
    """

    def __init__(
        self,
        api: Requests,
        clock: Clock,
        settings: LeaseConfig,
        identity: str,
        chance: Callable[[], float],
    ) -> None:
        """Make a candidate that has not looked yet.

        Args:
            api: to the API server; best with connections of its own.
            clock: of this process.
            settings: name, place and durations.
            identity: of this process; see `new_identity`.
            chance: gives a number from 0 to 1, for the jitter.
        """
        self.identity = identity
        self._api = api
        self._clock = clock
        self._settings = settings
        self._chance = chance
        self._timeout = settings.renew_deadline_sec * _SHARE
        self._rivals = Rivals(self._get, clock)
        self._lease: dict[str, Any] | None = None  # as last read or written; None: read it first
        self._sight = Sight()
        self._held = (float("-inf"), 0)  # until when (seconds, monotonic), in which term
        self._trouble = ""
        self.losses = 0  # terms that have ended and were not let go
        self._asked = 0.0  # seconds that the server has asked to wait, at the last tick
        self._led = 0  # the term at the last tick
        self._told = ""

    # For any thread -----------------------------------------------------------------------------

    def term(self) -> int:
        """Return the number of the term in which this process leads now; 0: it does not."""
        until, term = self._held
        return term if self._clock.monotonic() < until else 0

    def holder(self) -> str:
        """Say in one line who leads, or why that cannot be told."""
        if self.term():
            return f"this process holds the {self._what}"
        now = self._clock.monotonic()
        if rival := self._rivals.alive(now):
            return rival
        if self._trouble:
            return f"the {self._what} cannot be taken: {self._trouble}"
        sight = self._sight
        if not sight.record.holder:
            return f"nobody holds the {self._what}"
        ago = max(0.0, now - sight.since)
        return f"the {self._what} is held by {sight.record.holder}, renewed {ago:.0f} s ago"

    # For one thread -----------------------------------------------------------------------------

    def tick(self) -> float:
        """Keep the Lease, or take it if nobody has it; return in how many seconds to come again."""
        self._asked = 0.0
        try:
            if self.term():
                self._keep()
                self._give_way()
            else:
                self._stand()
            self._trouble = ""
        except ClusterError as error:
            if error.status != _TOO_MANY:
                self._lease = None  # what was sent may have arrived
            self._trouble = str(error)
            self._asked = error.retry_after
        self._tell()
        return self._pause()

    def release(self, within_sec: float = float("inf")) -> bool:
        """Let go, so that others need not wait; return whether the Lease is free of us now.

        All work must have ended. A Lease that cannot be let go, or not in time, lasts its duration.
        """
        self._held = (float("-inf"), self._held[1])
        end = self._clock.monotonic() + within_sec
        self._timeout = min(self._timeout, within_sec / 2)  # it is read, and written
        try:
            for _ in range(_ROUNDS):
                self._read()
                if self._lease is None or self._sight.record.holder != self.identity:
                    return True
                if self._put("", 1):
                    return True
                if self._clock.monotonic() >= end:
                    break
        except ClusterError as error:
            log.warning("lease_not_released", lease=self._name, error=str(error))
        return False

    def _keep(self) -> None:
        """Renew; a Lease that somebody has edited is read and renewed at once."""
        if self._lease is not None and self._take():
            return
        self._stand()

    def _stand(self) -> None:
        """Look at the Lease, and take it if it is free."""
        now = self._clock.monotonic()
        if not self.term():
            self._rivals.look(now)
            if self._rivals.alive(now):
                return
        self._read()
        now = self._clock.monotonic()
        if self._sight.record.holder in {"", self.identity} or now >= self._sight.expires():
            self._take()
        else:
            self._held = (float("-inf"), self._held[1])

    def _give_way(self) -> None:
        """Let go when another controller of the same Ingresses has begun to work."""
        now = self._clock.monotonic()
        self._rivals.look(now)
        if self.term() and self._rivals.alive(now):
            self.release()

    def _take(self) -> bool:
        """Write ourselves into the Lease; False when it has changed since it was read."""
        sent = self._clock.monotonic()
        if not self._put(self.identity, self._settings.duration_sec):
            return False
        until, term = self._held
        unbroken = term and self._clock.monotonic() < until
        self._held = (sent + self._settings.renew_deadline_sec, term if unbroken else term + 1)
        return True

    def _read(self) -> None:
        """Look at the Lease. One that was deleted lasts its duration: its holder cannot know."""
        self._lease = self._get(f"{self._path}/{self._settings.name}")
        if self._lease is not None:
            self._sight = self._sight.at(record_of(self._lease), self._clock.monotonic())

    def _put(self, holder: str, duration: int) -> bool:
        """Write the record; False on a conflict, after which the Lease must be read again."""
        now = datetime.fromtimestamp(self._clock.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = (self._lease or {}).get("spec") or {}
        spec = {**old, "holderIdentity": holder, "leaseDurationSeconds": duration, "renewTime": now}
        if holder != self._sight.record.holder or self._lease is None:
            spec["acquireTime"] = now
        if holder and holder != self._sight.record.holder:
            before = old.get("leaseTransitions") or 0
            spec["leaseTransitions"] = before + 1 if self._lease else 0
        lease: dict[str, Any] = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": (self._lease or {}).get("metadata")
            or {"name": self._settings.name, "namespace": self._settings.namespace},
            "spec": spec,
        }
        method, path = ("PUT", f"{self._path}/{self._settings.name}")
        if self._lease is None:
            method, path = "POST", self._path
        try:
            answer = self._api.request(method, path, body=lease, timeout=self._timeout)
        except ApiError as error:
            if error.status not in {_CONFLICT, _NOT_FOUND}:
                raise
            self._lease = None  # somebody was faster, or has deleted it
            return False
        written: dict[str, Any] = msgspec.json.decode(answer)
        self._lease = written
        self._sight = self._sight.at(record_of(written), self._clock.monotonic())
        return True

    def _get(self, path: str) -> dict[str, Any] | None:
        """Return an object, None when it is not there. Raises ApiError."""
        try:
            answer = self._api.request("GET", path, timeout=self._timeout)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        found: dict[str, Any] = msgspec.json.decode(answer)
        return found

    def _pause(self) -> float:
        """Return the seconds until the next tick.

        A candidate looks nearly twice as often as the leader renews: what it sees late it adds to
        the time without a leader. It comes again when the Lease runs out, whatever its rhythm. A server
        that asks for patience gets it, except that a leader tries again while its term lasts.
        """
        retry = self._settings.retry_sec
        if self.term() and not self._trouble:
            return retry * (0.9 + 0.1 * self._chance())
        pause = retry * (0.5 + 0.25 * self._chance())
        now = self._clock.monotonic()
        if self._asked:
            lasts = (self._held[0] - now) / 2 if self.term() else float(self._settings.duration_sec)
            return max(pause, min(self._asked, lasts))
        left = self._sight.expires() - now
        return min(pause, left) if left > 0 else pause

    def _tell(self) -> None:
        """Say who leads, once for each change."""
        term, record = self.term(), self._sight.record
        led, self._led = self._led, term
        if led and led != term:
            self.losses += 1
            log.warning("lease_lost", lease=self._name, why=self._trouble or self.holder())
        rival = self._rivals.alive(self._clock.monotonic())
        if term:
            told = f"term {term}"
        else:
            told = self._rivals.name if rival else record.holder or self._trouble
        if told in {self._told, ""}:
            return
        self._told = told
        if term:
            log.info("leading", lease=self._name, identity=self.identity)
        else:
            log.info("standby", why=self.holder())

    @property
    def _name(self) -> str:
        return f"{self._settings.namespace}/{self._settings.name}"

    @property
    def _what(self) -> str:
        return f"Lease {self._name}"

    @property
    def _path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self._settings.namespace}/leases"


class Candidacy:
    """The thread of an Elector. Whoever leads works while `term` is not 0, and calls `release` at the end."""

    def __init__(self, elector: Elector, on_change: Callable[[], None] = lambda: None) -> None:
        """Start nothing yet; `on_change` is called from the thread when a term begins or ends."""
        self._elector = elector
        self._on_change = on_change
        self._stop = threading.Event()
        self._looked = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to look, to take and to keep."""
        self._thread.start()

    def term(self) -> int:
        """Return the number of the term in which this process leads now; 0: it does not."""
        return self._elector.term()

    def holder(self) -> str:
        """Say in one line who leads, or why that cannot be told."""
        return self._elector.holder()

    def losses(self) -> int:
        """Return how many terms have ended that were not let go."""
        return self._elector.losses

    def acquire(self, within_sec: float) -> bool:
        """Wait until this process leads, at most `within_sec` seconds; return whether it does."""
        with self._looked:
            return self._looked.wait_for(lambda: self.term() != 0, within_sec)

    def release(self, within_sec: float) -> bool:
        """End the thread and let the Lease go; False when it lasts its duration.

        All work must have ended. `within_sec` bounds the wait for a request that hangs.
        """
        return self.end(within_sec) and self._elector.release(within_sec)

    def end(self, within_sec: float) -> bool:
        """End the thread and let the Lease last: work may still be under way somewhere."""
        self._stop.set()
        self._thread.join(within_sec)
        return not self._thread.is_alive()

    def _run(self) -> None:
        term, pause = 0, 0.0
        while not self._stop.wait(pause):
            try:
                pause = self._elector.tick()
            except Exception:  # a bug must not make this process a standby for ever
                log.exception("lease_crashed")
                pause = 1.0
            before, term = term, self._elector.term()
            with self._looked:
                self._looked.notify_all()
            if term != before:
                self._on_change()
