"""The system's clock, as the engine's Clock port."""

import time
from typing import Final

_ASLEEP: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux: goes on in suspend


class SystemClock:
    """Monotonic and calendar time of the system, in seconds."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; a machine that was suspended has let them pass.

        Else a leader that wakes would still lead, in a term that somebody else has taken over since.
        """
        return time.clock_gettime(_ASLEEP)

    def time(self) -> float:
        """Return seconds since 1970-01-01T00:00:00Z."""
        return time.time()
