import pytest
import structlog

from fakes.kube import World, running
from tests.kube.election import Site


@pytest.fixture(autouse=True)
def logged():
    """The log lines of a test, as maps; a command that ran before may have made the log quiet."""
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture(scope="session")
def server():
    """A fake cluster and its URL; starting and stopping one takes longer than most tests."""
    world = World()
    with running(world) as url:
        yield world, url


@pytest.fixture
def url(server):
    return server[1]


@pytest.fixture
def world(server):
    """An empty cluster behind `url`."""
    server[0].reset()
    return server[0]


@pytest.fixture
def site():
    """An API server and candidates for its Lease, on a virtual clock."""
    return Site()
