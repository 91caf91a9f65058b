"""The system's clock, as the engine's Clock port."""

import time


class SystemClock:
    """Monotonic and calendar time of the system, in seconds."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()

    def time(self) -> float:
        """Return seconds since 1970-01-01T00:00:00Z."""
        return time.time()
