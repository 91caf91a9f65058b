"""A leader stops between a write and its end: who follows neither repeats it nor takes away what it uses."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from fakes.build import ingress, service
from fakes.gce import Error
from glbc.engine.inherited import LIST_SEC
from glbc.model.calls import Call, Verb
from tests.scenario.test_lease import Site
from tests.support.house import NAMER, House

LIST = "compute.globalOperations.aggregatedList"
SHOP = "shop/web"
API = NAMER.backend(30302)
LONG = 60.0  # seconds that an operation takes; another one leads after some 17


class Stopped(BaseException):
    """The process is gone: nothing in it may catch this."""


def web(*, api: bool = True) -> dict[str, Any]:
    rules = {"": [("/api", "api:80")]} if api else None
    return ingress(SHOP, rules, default="dflt:80")


def stops(house: House, verb: Verb, kind: str) -> None:
    """Stop the process once it has sent a write to a kind, before it hears how that ends."""

    def sent(call: Call) -> None:
        if (call.verb, call.key.kind) == (verb, kind):
            raise Stopped(call.key)

    house.cloud.sent = sent


def works_until_stopped(house: House) -> Any:
    with pytest.raises(Stopped) as stop:
        house.settle(patience=100)
    return stop.value.args[0]


def begun(**latency: float) -> House:
    """Return a house with two Services."""
    house = House()
    house.gce.latency.update(latency)
    house.apply(service("shop/dflt", "80->30301"), service("shop/api", "80->30302"))
    return house


def waits_until(house: House, holds: Callable[[], bool], most: float) -> float:
    """Take turns until something holds; return the seconds that it took, which must be less than `most`."""
    began = house.clock.monotonic()
    while not holds():
        house.loop.step()
        house.clock.advance(
            0.01 if house.workers.waiting else min(1.0, house.loop.wake_in() + 0.01)
        )
        assert house.clock.monotonic() - began < most
    return house.clock.monotonic() - began


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def inserted(house: House, kind: str) -> list[str]:
    return [c.key.name for c in house.cloud.writes if (c.verb, c.key.kind) == ("insert", kind)]


class TestAnInsertUnderWay:
    @pytest.mark.parametrize(
        "kind",
        ["healthChecks", "backendServices", "urlMaps", "targetHttpProxies", "forwardingRules"],
    )
    def test_is_not_repeated(self, kind: str) -> None:
        house = begun(**{f"{kind}.insert": LONG})
        house.apply(web())
        stops(house, Verb.INSERT, kind)
        key = works_until_stopped(house)
        house.gce.latency.update({f"{kind}.insert": 0.02})
        house.start()
        house.settle()
        assert key.name not in inserted(house, kind)
        assert house.address(SHOP)
        assert house.refused() == []

    def test_keeps_what_it_is_about_to_use_until_it_is_done(self) -> None:
        house = begun(**{"urlMaps.insert": LONG})
        house.apply(web())
        stops(house, Verb.INSERT, "urlMaps")
        works_until_stopped(house)
        house.start()
        house.kube.delete("Ingress", SHOP)
        for _ in range(20):
            house.loop.step()
            house.clock.advance(1.0)
        assert API in house.names("backendServices")
        assert house.ingress(SHOP) is not None
        house.settle(patience=200)
        assert house.ours() == {}
        assert house.ingress(SHOP) is None
        assert house.refused() == []

    def test_holds_nothing_else_up(self) -> None:
        house = begun(**{"targetHttpProxies.insert": LONG})
        house.apply(web())
        stops(house, Verb.INSERT, "targetHttpProxies")
        works_until_stopped(house)
        house.gce.latency.update({"targetHttpProxies.insert": 0.02})
        house.start()
        house.apply(ingress("shop/other", default="dflt:80"))
        waits_until(house, lambda: bool(house.address("shop/other")), LONG / 2)
        assert not house.address(SHOP)

    def test_that_never_ends_is_given_up_after_the_time_of_one_of_our_own(
        self, logged: list[dict[str, Any]]
    ) -> None:
        house = begun(**{"targetHttpProxies.insert": 100_000.0})
        house.apply(web())
        stops(house, Verb.INSERT, "targetHttpProxies")
        works_until_stopped(house)
        house.start()
        took = waits_until(house, lambda: bool(inserted(house, "targetHttpProxies")), 605)
        assert took >= 600
        assert [line["event"] for line in logged].count("operations_not_done") == 1


class TestADeletionUnderWay:
    def test_is_not_taken_for_something_that_is_there(self) -> None:
        house = begun()
        house.apply(web())
        house.settle()
        house.gce.latency.update({"backendServices.delete": LONG})
        house.apply(web(api=False))
        stops(house, Verb.DELETE, "backendServices")
        key = works_until_stopped(house)
        assert key.name == API
        house.start()
        house.apply(web())
        house.settle()
        assert API in inserted(house, "backendServices")
        assert API in str(house.gce.resources("urlMaps"))
        assert house.refused() == []


class TestAList:
    def test_that_fails_holds_all_up_for_two_minutes_and_no_longer(self) -> None:
        house = begun()
        house.apply(web())
        house.gce.faults.add("globalOperations.aggregatedList", Error(503), times=None)
        took = waits_until(house, lambda: bool(house.cloud.writes), LIST_SEC + 5)
        assert took >= LIST_SEC
        house.settle()
        assert house.address(SHOP)

    def test_that_is_refused_holds_nothing_up(self, logged: list[dict[str, Any]]) -> None:
        house = begun()
        house.apply(web())
        forbidden = Error(403, "forbidden", "Required 'compute.globalOperations.list' permission")
        house.gce.faults.add("globalOperations.aggregatedList", forbidden, times=None)
        assert waits_until(house, lambda: bool(house.cloud.writes), 1.0)
        house.settle()
        assert house.address(SHOP)
        assert [line["error"] for line in logged if line["event"] == "operations_not_listed"] == [
            f"GET /compute/v1/projects/demo/aggregated/operations: {forbidden.message}"
        ]

    def test_is_asked_for_once_in_a_term_and_not_at_rest(self) -> None:
        house = begun()
        house.apply(web())
        house.settle(patience=2000)
        assert house.gce.counts()[LIST] == 1

    def test_of_a_shared_network_is_its_projects_too(self) -> None:
        house = House(shared_vpc=True)
        house.gce.latency.update({"firewalls.insert": LONG})
        house.apply(service("shop/dflt", "80->30301"), web(api=False))
        stops(house, Verb.INSERT, "firewalls")
        key = works_until_stopped(house)
        house.start()
        house.settle()
        assert inserted(house, "firewalls") == []
        assert house.gce.host is not None
        assert [body["name"] for body in house.gce.host.resources("firewalls")] == [key.name]
        assert house.refused() == []

    def test_shows_strangers_operations_too_and_they_hold_no_write_up(self) -> None:
        house = begun(**{"healthChecks.insert": LONG})
        body = {"name": "theirs", "type": "TCP", "tcpHealthCheck": {"port": 80}}
        house.cloud._ask("POST", "/compute/v1/projects/demo/global/healthChecks", body)
        house.gce.latency.update({"healthChecks.insert": 0.02})
        house.apply(web())
        waits_until(house, lambda: bool(house.address(SHOP)), LONG / 2)


def test_two_replicas_the_one_that_follows_waits_for_what_the_other_had_sent() -> None:
    site = Site()
    first, second = site.first.house, site.second.house
    site.gce.latency.update({"urlMaps.insert": LONG})
    site.kube.apply(service("shop/new", "80->30302"))
    site.kube.apply(ingress("shop/new", default="new:80"))
    stops(first, Verb.INSERT, "urlMaps")
    with pytest.raises(Stopped):
        site.run(30)
    site.first.asleep = True
    site.until(lambda: site.second.leads)
    site.run(20)
    assert second.loop._inherited.held(), "it is not over yet"
    site.run(60)
    assert inserted(second, "urlMaps") == []
    assert site.address("shop/new")
    assert first.refused() == []
    assert second.loop._inherited.held() == frozenset()
