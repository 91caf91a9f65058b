"""Which jobs wait for which: threads, held at the cloud's door."""

import threading
from typing import Any

import pytest

from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.jobs import ActionJob, ReadJob
from glbc.engine.workers import ThreadWorkers
from glbc.model.calls import Call
from glbc.model.compute import Endpoint, HealthCheck, NetworkEndpointGroup
from glbc.model.graph import Observed, Ownership
from glbc.model.keys import GLOBAL, Kind, ResourceKey, zone
from glbc.plan.diff import Change
from glbc.plan.planner import Action, Op, Reason

THREADS = 2
CHECK = ResourceKey("demo", Kind.HEALTH_CHECK, GLOBAL, "slow")
GROUP = ResourceKey("demo", Kind.NETWORK_ENDPOINT_GROUP, zone("z-a"), "pods")
POD = Endpoint(ip_address="10.8.0.5", port=80, instance="node-1")


class Stuck:
    """A cloud where everything but endpoints takes for ever."""

    def __init__(self) -> None:
        self.busy = threading.Semaphore(0)
        self.opens = threading.Event()

    def get(self, _key: ResourceKey) -> dict[str, Any]:
        self.busy.release()
        self.opens.wait(30.0)
        return {}

    def call(self, call: Call) -> None:
        if call.key != GROUP:
            self.busy.release()
            self.opens.wait(30.0)


def slow(number: int) -> ActionJob:
    key = ResourceKey("demo", Kind.HEALTH_CHECK, GLOBAL, f"slow-{number}")
    return ActionJob(Action(op=Op.CREATE, key=key, reason=Reason.MISSING, spec=HealthCheck()), None)


def attach() -> ActionJob:
    before, after = (
        NetworkEndpointGroup(network_endpoints=()),
        NetworkEndpointGroup(network_endpoints=(POD,)),
    )
    action = Action(
        op=Op.UPDATE,
        key=GROUP,
        reason=Reason.DIFFERS,
        spec=after,
        changes=(Change("network_endpoints", (), (POD,)),),
    )
    return ActionJob(action, Observed(key=GROUP, spec=before, ownership=Ownership.OWNED))


@pytest.mark.parametrize("reads", [False, True], ids=["behind actions", "behind reads"])
def test_endpoints_never_wait_behind_threads_that_are_all_busy(reads: bool) -> None:
    cloud, rang, clock = Stuck(), threading.Event(), SystemClock()
    workers = ThreadWorkers(Runner(cloud, clock), None, clock, threads=THREADS, ring=rang.set)  # type: ignore[arg-type]
    try:
        for number in range(3 * THREADS):
            workers.start(ReadJob(CHECK) if reads else slow(number))
        for _ in range(THREADS):
            assert cloud.busy.acquire(timeout=10.0)
        workers.start(attach())
        assert rang.wait(10.0)
        assert [outcome.job for outcome in workers.drain()] == [attach()]
    finally:
        cloud.opens.set()
        workers.stop(10.0)
