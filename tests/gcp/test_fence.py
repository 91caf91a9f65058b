"""Behind a fence that has fallen no mutation is sent: neither a new one, nor one that waits for its turn."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from fakes.gce import Error, World, running
from glbc.engine.gate import Gate
from glbc.engine.term import ALONE
from glbc.errors import NotFound, NotLeading
from glbc.gcp.client import GoogleCloud
from glbc.gcp.limiter import Class, Limiter
from glbc.gcp.retry import Retry
from glbc.model.calls import Call, Verb
from glbc.model.keys import GLOBAL, Kind, ResourceKey, zone

Connect = Callable[..., GoogleCloud]
CHECK = {"type": "TCP", "tcpHealthCheck": {"port": 80}}


def insert(name: str) -> Call:
    key = ResourceKey("demo", Kind.HEALTH_CHECK, GLOBAL, name)
    return Call(Verb.INSERT, key, {"name": name, **CHECK})


def made(world: World) -> list[str]:
    return sorted(body["name"] for body in world.resources("healthChecks"))


def test_a_new_one_is_not_sent_and_reads_go_on(connect: Connect) -> None:
    world = World()
    with running(world) as url:
        gate = Gate(ALONE)
        cloud = connect(url, fence=gate)
        cloud.call(insert("one"))
        gate.shut()
        with pytest.raises(NotLeading, match="insert healthChecks/two: not sent"):
            cloud.call(insert("two"))
        assert [body["name"] for body in cloud.list(Kind.HEALTH_CHECK)] == ["one"]
    assert made(world) == ["one"]


def test_awslb_throttler_one_that_waits_for_its_turn_is_not_sent(connect: Connect) -> None:
    """`pkg/aws/throttle/throttler.go`: the wait was given up, and the call sent all the same."""
    world, waits, gate = World(), [], Gate(ALONE)

    class Turn(Limiter):
        def take(self, one: Class, *, patient: bool = False) -> float:
            waits.append(one)
            gate.shut()
            return super().take(one, patient=patient)

    with running(world) as url:
        cloud = connect(url, limiter=Turn({}), fence=gate)
        with pytest.raises(NotLeading):
            cloud.call(insert("one"))
    assert waits
    assert made(world) == []


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(insert("one"), id="a resource"),
        pytest.param(
            Call(
                Verb.DETACH_ENDPOINTS,
                ResourceKey("demo", Kind.NETWORK_ENDPOINT_GROUP, zone("us-a"), "pods"),
                {"networkEndpoints": [{"ipAddress": "10.8.0.5", "port": 80}]},
            ),
            id="endpoints",
        ),
    ],
)
def test_whatever_writes_counts_as_on_its_way_while_it_is_sent(
    connect: Connect, call: Call
) -> None:
    """Else a process that ends lets others lead while its last write may still arrive."""
    seen: list[bool] = []

    class Looking:
        def term(self) -> int:  # asked at the last moment before each request
            seen.append(bool(cloud.sending))
            return 1

    with running(World()) as url:
        cloud = connect(url, fence=Looking())
        with suppress(NotFound):
            cloud.call(call)
    assert seen[-1]
    assert not cloud.sending


def test_one_that_failed_is_not_tried_again(connect: Connect) -> None:
    world, gate = World(), Gate(ALONE)
    world.faults.add("healthChecks.insert", Error(503), times=1)
    with running(world) as url:
        cloud = connect(url, retry=Retry(lambda _: gate.shut()), fence=gate)
        with pytest.raises(NotLeading):
            cloud.call(insert("one"))
    assert made(world) == []
