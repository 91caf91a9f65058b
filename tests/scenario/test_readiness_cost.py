"""Pods that wait for their load balancer: what they cost, and when the cluster or we were away."""

from fakes.build import endpoint
from tests.scenario.test_readiness import (
    NOT_READY,
    ONE,
    READY,
    TIMEOUT,
    C,
    asked,
    come,
    run,
    said,
    shop,
    told,
    version_of,
)
from tests.support.house import House


def crowd(house: House, pods: int) -> None:
    """Let so many pods come to three zones at once."""
    house.add_node("node-c", C)
    nodes = ("node-1", "node-2", "node-c")
    come(
        house,
        *(
            endpoint(f"10.8.{n % 3}.{n // 3 + 10}", nodes[n % 3], ready=False, pod=f"p-{n}")
            for n in range(pods)
        ),
    )


def test_two_hundred_pods_cost_no_more_reads_than_their_three_groups() -> None:
    house = shop()
    house.gce.health.warmup = 60
    before = asked(house)
    crowd(house, 200)
    run(house, 90)
    assert {said(house, f"p-{n}") for n in range(200)} == {("True", READY)}
    assert asked(house) - before <= 3 * 60 / 3 + 10
    assert sum(told(house, "p-7").values()) == 2


def test_pods_that_wait_take_no_more_than_the_budget() -> None:
    house = shop(health_reads_per_min=12)
    house.gce.health.set("UNHEALTHY")
    crowd(house, 30)
    run(house, 60)
    before = asked(house)
    run(house, 300)
    assert asked(house) - before <= 5 * 12


def test_without_any_read_of_health_the_wait_is_bounded_all_the_same() -> None:
    house = shop(health_reads_per_min=0)
    come(house, ONE)
    run(house, 590)
    assert said(house) == ("False", NOT_READY)
    run(house, 20)
    assert said(house) == ("True", TIMEOUT)
    assert asked(house) == 0


def test_at_rest_nothing_is_asked_and_nothing_written() -> None:
    house = shop(health_interval_sec=3600)
    crowd(house, 30)
    house.settle()
    before, version = asked(house), house.kube.resource_version
    house.cloud.writes.clear()
    run(house, 300)
    assert (asked(house), house.kube.resource_version) == (before, version)
    assert house.cloud.writes == []


def test_a_reader_asks_and_tells_nothing() -> None:
    house = shop()
    house.gce.health.set("UNHEALTHY")
    come(house, ONE)
    run(house, 30)
    version = version_of(house)
    house.gce.health.set("HEALTHY")
    settings = {"guards": {"read_only": True}, "health_interval_sec": 3600}
    reader = House(gce=house.gce, kube=house.kube, clock=house.clock, **settings)
    before = asked(house)
    run(reader, 60)
    assert version_of(house) == version
    assert asked(house) - before == 2  # of the backend itself, once


def test_a_pod_that_has_its_word_is_forgotten() -> None:
    house = shop()
    before = len(house.loop._publisher._sent), len(house.loop._publisher._told)
    crowd(house, 30)
    house.settle()
    assert (len(house.loop._publisher._sent), len(house.loop._publisher._told)) == before


def test_a_write_that_fails_comes_later() -> None:
    house = shop()
    house.kube.fault(verb="patch", resource="pods", status=500, times=2)
    come(house, ONE)
    run(house, 60)
    assert said(house) == ("True", READY)
    assert told(house)[READY] == 1


def test_while_the_cluster_is_not_seen_no_gate_closes_again() -> None:
    house = shop(health_interval_sec=5)
    come(house, ONE)
    seen = house.cluster.snapshot()
    house.cluster.snapshot = lambda: seen  # type: ignore[method-assign]
    run(house, 10)
    assert said(house) == ("True", READY)
    house.gce.health.set("UNHEALTHY")
    run(house, 60)
    assert said(house) == ("True", READY)


def test_what_was_said_and_is_not_seen_yet_is_not_asked_for_again() -> None:
    house = shop(health_interval_sec=3600)
    come(house, ONE)
    seen = house.cluster.snapshot()
    house.cluster.snapshot = lambda: seen  # type: ignore[method-assign]
    run(house, 10)
    assert said(house) == ("True", READY)
    before, version = asked(house), version_of(house)
    run(house, 60)
    assert (asked(house), version_of(house)) == (before, version)


def test_pods_that_waited_while_nobody_was_there_are_not_ready_at_once() -> None:
    """Else a rollout that met an outage of the controller goes on before its pods are in any group."""
    house = shop()
    house.gce.health.warmup = 20
    come(house, ONE)
    house.clock.advance(900)
    house.start()
    run(house, 60)
    assert said(house) == ("True", READY)
    assert told(house) == {NOT_READY: 1, READY: 1}


def test_pods_that_waited_while_nobody_was_there_wait_for_a_minute_more() -> None:
    house = shop()
    house.gce.health.set("UNHEALTHY")
    come(house, ONE)
    house.clock.advance(900)
    house.start()
    run(house, 50)
    assert said(house) == ("False", NOT_READY)
    run(house, 20)
    assert said(house) == ("True", TIMEOUT)
