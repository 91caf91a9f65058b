"""One suite, two doors: in process and over HTTP, both onto a world with a clock of its own."""

from collections.abc import Iterator

import httpx
import pytest

from fakes.clock import VirtualClock
from fakes.gce import World, running
from tests.contract.gce.door import Door, chain, over_http


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[World, httpx.Client]]:
    world = World(clock=VirtualClock())
    with running(world) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield world, client


@pytest.fixture(params=["in process", "HTTP"])
def door(request: pytest.FixtureRequest) -> Door:
    if request.param == "in process":
        world = World(clock=VirtualClock())
        return Door(world, world.handle)
    world, client = request.getfixturevalue("served")
    world.reset()
    return over_http(world, client)


@pytest.fixture
def balanced(door: Door) -> Door:
    """A door onto a world with a whole load balancer in it."""
    chain(door)
    return door


@pytest.fixture
def world() -> World:
    """A world without a socket."""
    return World(clock=VirtualClock())
