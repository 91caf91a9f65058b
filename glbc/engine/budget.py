"""How many reads of health one minute may have, whoever asks. Owned by the loop."""

from collections import deque
from typing import Final

from glbc.engine.ports import Clock

MINUTE: Final = 60.0


class Budget:
    """The reads of the last minute, and how many it may have."""

    def __init__(self, per_min: int, clock: Clock) -> None:
        self._per_min = per_min
        self._clock = clock
        self._spent: deque[float] = deque()  # when reads of the last minute were begun

    def __bool__(self) -> bool:
        """Tell whether anything is read at all."""
        return self._per_min > 0

    def left(self) -> int:
        """Return how many reads may be begun now."""
        now = self._clock.monotonic()
        while self._spent and self._spent[0] <= now - MINUTE:
            self._spent.popleft()
        return self._per_min - len(self._spent)

    def spend(self, reads: int) -> None:
        """Take in that reads are begun now."""
        now = self._clock.monotonic()
        self._spent.extend(now for _ in range(reads))

    def free_at(self) -> float:
        """Return from when on (monotonic) the next read may be begun; -inf: at once."""
        full = len(self._spent) >= self._per_min
        return self._spent[0] + MINUTE if full and self._spent else float("-inf")

    def apart(self, reads: int, share: float) -> float:
        """Return how far apart, in seconds, these reads have to be to take a share and no more."""
        return MINUTE * reads / (share * self._per_min) if self._per_min else MINUTE
