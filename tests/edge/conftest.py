"""One Envoy for the whole suite; each test makes resources with names of its own."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from fakes.edge import Unavailable, find
from fakes.nodes.slices import claimed
from tests.edge.site import Site, site


@pytest.fixture(scope="session")
def needs_envoy() -> None:
    try:
        find()
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def slices(needs_envoy) -> Iterator[Iterator[int]]:
    """Numbers N for 127.128.N.0/24, 127.64.N.0/24 and 127.80.N.0/24 that no other world here uses."""
    with ExitStack() as held:
        yield iter(lambda: held.enter_context(claimed()), None)


@pytest.fixture(scope="session")
def shared(slices, tmp_path_factory) -> Iterator[Site]:
    number = next(slices)
    directory = tmp_path_factory.mktemp("edge")
    with site(directory, f"127.128.{number}.0/24", f"127.64.{number}") as made:
        made.firewall()
        yield made


@pytest.fixture
def other(slices, tmp_path) -> Iterator[Site]:
    """A second world of its own."""
    number = next(slices)
    with site(tmp_path, f"127.128.{number}.0/24", f"127.64.{number}") as made:
        yield made
