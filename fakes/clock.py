"""Time for the fakes: the real one, or one that tests turn by hand.

A fake asks its clock and never the system, so that a world with minutes of latency
is tested in milliseconds.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic and calendar time, both in seconds."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""
        ...

    def time(self) -> float:
        """Return seconds since 1970-01-01T00:00:00Z."""
        ...


class RealClock:
    """The system's clock."""

    def monotonic(self) -> float:
        """Return the system's monotonic time, in seconds."""
        return time.monotonic()

    def time(self) -> float:
        """Return the system's calendar time, in seconds."""
        return time.time()


class VirtualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._elapsed = 0.0

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._elapsed

    def time(self) -> float:
        """Return the calendar time: the start plus the seconds advanced."""
        return self._start + self._elapsed

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds` (not negative)."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: {seconds} s")
        self._elapsed += seconds
