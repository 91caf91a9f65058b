"""One fresh world per test; Linux and the real kubectl are all it needs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.house import House, house


@pytest.fixture(autouse=True, scope="session")
def _needs_linux() -> None:
    if sys.platform != "linux":
        pytest.skip("every node has a loopback address of its own, which only Linux offers")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built
