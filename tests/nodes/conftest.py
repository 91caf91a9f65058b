"""One fresh world per test; Linux and the real kubectl are all it needs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.edge import Edge, Unavailable, find
from fakes.edge import Settings as EdgeSettings
from tests.nodes.house import House, house


@pytest.fixture(autouse=True, scope="session")
def _needs_linux() -> None:
    if sys.platform != "linux":
        pytest.skip("every node has a loopback address of its own, which only Linux offers")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


@pytest.fixture
def edge(home: House, tmp_path: Path) -> Iterator[Edge]:
    try:
        find()
    except Unavailable as why:
        pytest.skip(str(why))
    home.gce.addresses = f"127.128.{home.nodes.settings.slice}.0/24"
    with Edge(home.nodes.settings.gce, tmp_path / "edge", EdgeSettings()) as made:
        yield made
