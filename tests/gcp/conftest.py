"""The adapter under test, in a time of its own: nothing waits."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from glbc.gcp.client import GoogleCloud
from glbc.gcp.limiter import Class, Limiter
from glbc.gcp.retry import Retry

START = 1_700_000_000.0  # 20 s into a minute of the wall clock


class Time:
    """A time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def limiter(self, **per_min: int) -> Limiter:
        """Return a limiter of this time: calls a minute, by the name of the class."""
        rates = {Class[name.upper()]: rate for name, rate in per_min.items()}
        return Limiter(rates, lambda: self.now, lambda: START + self.now, self.sleep)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def connect() -> Iterator[Callable[..., GoogleCloud]]:
    """Make adapters, and close them after the test."""
    with ExitStack() as stack:

        def make(endpoint: str, **settings: object) -> GoogleCloud:
            settings.setdefault("project", "demo")
            settings.setdefault("retry", Retry(lambda _: None))
            settings.setdefault("limiter", Time().limiter())
            cloud = GoogleCloud(endpoint=endpoint, anonymous=True, **settings)
            return stack.enter_context(closing(cloud))

        yield make
