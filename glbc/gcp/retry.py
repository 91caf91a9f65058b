"""The only retry policy towards Compute Engine; every repeat of a call is decided here.

Few and short: the engine plans again anyway, so a repeat only has to ride out a hiccup. A repeated
mutation must be the same request (same request id), which is the caller's promise.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_exponential,
    wait_random,
)
from tenacity.stop import stop_base

from glbc.errors import CloudError, NotReady, RateLimited, Transient

Answer = TypeVar("Answer")
Attempts = tuple[tuple[type[CloudError], int], ...]

# Attempts in all, by what the last answer meant; most specific row first.
READS: Final[Attempts] = (
    (RateLimited, 1),  # the quota comes back with the next minute: the limiter's business
    (NotReady, 2),  # the engine waits better: it can do something else meanwhile
    (Transient, 5),
    (CloudError, 1),
)
MUTATIONS: Final[Attempts] = (
    (RateLimited, 1),
    (NotReady, 2),
    (Transient, 3),
    (CloudError, 1),
)
TOTAL_SEC: Final = 60.0  # no attempt starts later than this after the first one
PAUSE: Final = wait_exponential(multiplier=0.2, max=5) + wait_random(0, 0.2)  # seconds


class _Enough(stop_base):
    """Stop after as many attempts as the last error allows."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        allowed = next((n for cls, n in self._attempts if isinstance(error, cls)), 1)
        return retry_state.attempt_number >= allowed


class Retry:
    """Repeats what may be repeated. Safe to share between threads.

    Args:
        sleep: waits for some seconds; tests pass one that does not.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def read(self, ask: Callable[[], Answer]) -> Answer:
        """Return what `ask` returns; raise its last error."""
        return self._repeat(ask, READS)

    def mutation(self, send: Callable[[], Answer]) -> Answer:
        """Return what `send` returns; raise its last error. `send` is the same request each time."""
        return self._repeat(send, MUTATIONS)

    def until(
        self, ask: Callable[[], Answer], done: Callable[[Answer], bool], seconds: float
    ) -> Answer:
        """Ask until an answer is `done`, over every Transient error.

        Raises:
            TimeoutError: no such answer in `seconds`; its cause is the last error, if there was one.
        """
        asking = Retrying(
            sleep=self._sleep,
            wait=PAUSE,
            stop=stop_after_delay(seconds),
            retry=retry_if_exception_type(Transient) | retry_if_result(lambda a: not done(a)),
        )
        try:
            return asking(ask)
        except RetryError as error:
            raise TimeoutError from error.last_attempt.exception()

    def _repeat(self, ask: Callable[[], Answer], attempts: Attempts) -> Answer:
        asking = Retrying(
            sleep=self._sleep,
            wait=PAUSE,
            stop=stop_after_delay(TOTAL_SEC) | _Enough(attempts),
            retry=retry_if_exception_type(Transient),
            reraise=True,
        )
        return asking(ask)
