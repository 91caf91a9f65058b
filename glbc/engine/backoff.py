"""When to try again: per key, longer after each failure in a row."""

from collections.abc import Hashable, Iterator
from typing import Final

import msgspec

WAITS_SEC: Final = (
    0.5,
    1.0,
    2.0,
    5.0,
    15.0,
    60.0,
)  # after the first failure in a row, the second, …
FORGET_SEC: Final = (
    600.0  # a key that nobody has tried for so long since it might be is not wanted any more
)


class _Trouble(msgspec.Struct, frozen=True):
    times: int  # failures in a row
    retry_at: float  # seconds, monotonic


class Backoff:
    """The keys that failed. Owned by whoever made it; not thread-safe."""

    def __init__(self) -> None:
        self._trouble: dict[Hashable, _Trouble] = {}

    def failed(
        self, key: Hashable, now: float, wait: float | None = None, *, least: float = 0.0
    ) -> None:
        """Remember a failure; `wait` seconds instead of the table's when given, `least` at the least."""
        times = self.times(key) + 1
        since = now - FORGET_SEC
        self._trouble = {key: one for key, one in self._trouble.items() if one.retry_at > since}
        wait = _wait(times) if wait is None else wait
        self._trouble[key] = _Trouble(times, now + max(wait, least))

    def cleared(self, key: Hashable) -> None:
        """Forget the failures of a key."""
        self._trouble.pop(key, None)

    def times(self, key: Hashable) -> int:
        """Return the number of failures in a row."""
        trouble = self._trouble.get(key)
        return trouble.times if trouble else 0

    def wait_of(self, key: Hashable) -> float:
        """Return the seconds of the table for the failures so far."""
        return _wait(self.times(key))

    def allows(self, key: Hashable, now: float) -> bool:
        """Tell whether the key may be tried now."""
        trouble = self._trouble.get(key)
        return trouble is None or trouble.retry_at <= now

    def due(self, now: float) -> Iterator[float]:
        """Yield the moments still to come at which a key may be tried again."""
        return (t.retry_at for t in self._trouble.values() if t.retry_at > now)


def _wait(times: int) -> float:
    return WAITS_SEC[min(max(times, 1), len(WAITS_SEC)) - 1]
