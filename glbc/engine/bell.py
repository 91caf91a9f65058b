"""What wakes the loop: at once for an outcome or a lone change, after the quiet for a burst."""

import threading

from glbc.config import Config
from glbc.engine.ports import Clock


class Bell:
    """Rung from any thread, waited for by the loop alone."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._quiet, self._most = config.debounce_sec, config.debounce_max_sec
        self._clock = clock
        self._any = threading.Event()
        self._outcome = threading.Event()
        self._changed = threading.Event()
        self._last_change = float("-inf")  # when the last change was let through
        self._oldest: float | None = None  # when the first change came that was not let through

    def ring(self) -> None:
        """Tell of an outcome: the loop has work now."""
        self._outcome.set()
        self._any.set()

    def change(self) -> None:
        """Tell of a change in the cluster: others may follow at once."""
        if self._oldest is None:
            self._oldest = self._clock.monotonic()
        self._changed.set()
        self._any.set()

    def wait(self, seconds: float) -> float | None:
        """Return when rung, at the latest after `seconds`; a burst of changes is one ring.

        A burst has begun when a change follows another within `debounce_sec`; it is waited out,
        at most for `debounce_max_sec`, and an outcome ends the wait.

        Returns:
            When the oldest change came that is let through (seconds, monotonic); None: there is none.
        """
        self._any.wait(seconds)
        self._any.clear()
        now = self._clock.monotonic()
        burst, until = now - self._last_change < self._quiet, now + self._most
        while self._changed.is_set():
            self._changed.clear()
            self._last_change = self._clock.monotonic()
            if not burst or self._last_change >= until or self._outcome.wait(self._quiet):
                break
        self._outcome.clear()
        oldest, self._oldest = self._oldest, None
        return oldest
