"""What does not change is no news, however often it is tried again (igce#311: one warning, 941 times)."""

import pytest

from fakes.build import endpoint, ingress, service
from fakes.gce import Error
from tests.scenario.test_negs import TWO, pods
from tests.scenario.test_negs import shop as shop_of_pods
from tests.support.house import House

HOUR = 3700.0
SHOP = (service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))


def told(house: House) -> list[tuple[str, int]]:
    found = [one for one in house.events() if one["type"] == "Warning"]
    return [(one["reason"], one["count"]) for one in found]


@pytest.mark.parametrize(
    ("code", "reason"), [(403, "forbidden"), (400, "invalid"), (403, "quotaExceeded")]
)
def test_a_refusal_that_lasts(code: int, reason: str) -> None:
    house = House()
    house.gce.faults.add("urlMaps.insert", Error(code, reason), times=None)
    house.apply(*SHOP)
    house.settle(patience=HOUR)
    assert told(house) == [("Refused", 1)]
    house.gce.faults.clear()
    house.settle(patience=HOUR)
    assert house.address("shop/web")
    house.gce.faults.add("urlMaps.patch", Error(code, reason), times=None)
    house.apply(ingress("shop/web", {"a.example.com": [("/", "web:80")]}, default="web:80"))
    house.settle(patience=HOUR)
    assert sorted(told(house)) == [("Refused", 1), ("Refused", 1)]


def test_the_condition_of_a_refusal_that_lasts_is_written_once() -> None:
    house = House()
    house.gce.faults.add("urlMaps.insert", Error(403, "forbidden"), times=None)
    house.apply(*SHOP)
    house.settle(patience=300)
    before = house.kube.resource_version
    house.settle(patience=HOUR)
    changed = list(house.kube.changes("Ingress", before))
    assert changed == []


def test_an_endpoint_that_is_refused_again_at_each_resync() -> None:
    house = shop_of_pods()
    house.apply(pods(*TWO, endpoint("192.168.0.9", "node-1")))
    house.settle(patience=HOUR)
    assert told(house) == [("EndpointRefused", 1)]
