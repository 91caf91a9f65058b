"""One Envoy for the whole suite; each test makes resources with names of its own."""

import random
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from fakes.edge import Unavailable, find
from tests.edge.site import Site, site

CLAIM_PORT = 45999  # held on the last address of a slice by whoever uses the slice


@pytest.fixture(scope="session")
def needs_envoy() -> None:
    try:
        find()
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def slices(needs_envoy) -> Iterator[Iterator[int]]:
    """Numbers N for 127.128.N.0/24, 127.64.N.0/24 and 127.80.N.0/24 that no other run here uses."""
    held: list[socket.socket] = []

    def claim() -> Iterator[int]:
        while True:
            number = random.SystemRandom().randrange(1, 255)
            with suppress(OSError):
                held.append(socket.create_server((f"127.128.{number}.254", CLAIM_PORT)))
                yield number

    yield claim()
    for claimed in held:
        claimed.close()


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
