"""How often Compute Engine is asked: a bucket of calls a minute for each class of them.

The cloud counts per project and minute, and people and other programs share the count, so the
defaults stay under half of it. What is read for its own sake (lists, health) leaves a reserve to what an
edit needs, and who waits for another operation leaves one to who waits for endpoints. Pods that come and
go have a class of their own: whom requests are sent to never waits behind URL maps or a resync. A class
that the cloud refuses (403 rateLimitExceeded) rests until the next minute, which is when the cloud
begins to count anew.
"""

import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import structlog

log = structlog.get_logger()

MINUTE_SEC: Final = 60.0
RESERVE: Final = 0.2  # of a bucket: what is read for its own sake leaves so much
CAREFUL_SEC: Final = 1.0  # after the minute has turned: clocks differ


class Class(StrEnum):
    """What the cloud counts apart."""

    READ = "reads"
    WRITE = "writes"
    ENDPOINTS = "endpoints"  # those that come to network endpoint groups, and those that go
    WAIT = "waits"  # for operations


class Limiter:
    """Lets calls pass one by one. Any thread may ask; it returns when the call may be sent."""

    def __init__(
        self,
        per_min: Mapping[Class, int],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin with full buckets.

        Args:
            per_min: calls a minute of each class; 0 or absent: any number.
            monotonic: seconds since an arbitrary start.
            wall: seconds since 1970, by which the cloud's minutes turn.
            sleep: waits for some seconds; tests pass one that does not.
        """
        self._monotonic, self._wall, self._sleep = monotonic, wall, sleep
        self._lock = threading.Lock()  # guards the buckets and the rests
        now = monotonic()
        self._buckets = {
            one: _Bucket(rate, now) for one in Class if (rate := per_min.get(one, 0)) > 0
        }
        self._rests: dict[Class, float] = {}  # until when (seconds, monotonic)

    def take(self, one: Class, *, patient: bool = False) -> float:
        """Wait until a call of this class may be sent; return the seconds that this took.

        Args:
            one: the class.
            patient: it is for its own sake, and leaves the reserve to others.
        """
        began = self._monotonic()
        while True:
            with self._lock:
                pause = self._pause(one, patient=patient)
            if pause <= 0:
                return self._monotonic() - began
            self._sleep(pause)

    def refused(self, one: Class) -> None:
        """Let a class rest: the cloud counts more calls of it than it allows."""
        now = self._monotonic()
        left = MINUTE_SEC - self._wall() % MINUTE_SEC + CAREFUL_SEC
        with self._lock:
            if self._rests.get(one, 0.0) < now:
                log.warning("rate_limited", calls=one.value, rest_sec=round(left, 1))
            self._rests[one] = max(self._rests.get(one, 0.0), now + left)

    def _pause(self, one: Class, *, patient: bool) -> float:
        """Take a call out of its bucket and return 0, or return how long to wait for one."""
        now = self._monotonic()
        rest = self._rests.get(one, 0.0) - now
        if rest > 0:
            return rest
        bucket = self._buckets.get(one)
        return bucket.take(now, patient=patient) if bucket else 0.0


class _Bucket:
    """Calls that may be sent: `rate` a minute, and no more than that at once."""

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._calls = float(rate)
        self._at = now

    def take(self, now: float, *, patient: bool) -> float:
        """Take one call and return 0, or return the seconds until there is one."""
        self._calls = min(self._rate, self._calls + (now - self._at) * self._rate / MINUTE_SEC)
        self._at = now
        least = min(self._rate, 1.0 + (self._rate * RESERVE if patient else 0.0))
        if self._calls >= least:
            self._calls -= 1.0
            return 0.0
        return (least - self._calls) * MINUTE_SEC / self._rate
