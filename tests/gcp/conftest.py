"""The adapter under test, without pauses between its attempts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from glbc.gcp.client import GoogleCloud
from glbc.gcp.retry import Retry


@pytest.fixture
def connect() -> Iterator[Callable[..., GoogleCloud]]:
    """Make adapters, and close them after the test."""
    with ExitStack() as stack:

        def make(endpoint: str, **settings: object) -> GoogleCloud:
            settings.setdefault("project", "demo")
            settings.setdefault("retry", Retry(lambda _: None))
            cloud = GoogleCloud(endpoint=endpoint, anonymous=True, **settings)
            return stack.enter_context(closing(cloud))

        yield make
