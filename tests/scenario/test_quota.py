"""A quota is met: the Ingress says which, the cloud is not hammered, and room is used as soon as there is some."""

from typing import Any

import pytest
import structlog

from fakes.build import ingress, service
from fakes.gce import Error
from tests.scenario.test_conditions import live, told
from tests.support.house import NAMER, House

SHOP, OTHER = "shop/web", "shop/other"
INSERT, READ = "compute.urlMaps.insert", "compute.projects.get"
HOUR = 3600.0


def two() -> House:
    """Return a house with one load balancer and a quota that lets no other be made."""
    house = House()
    house.apply(service("shop/web", "80->30301"), service("shop/api", "80->30302"))
    house.apply(ingress(SHOP, default="web:80"))
    house.settle()
    house.gce.quotas["urlMaps"] = 1
    return house


def tried(house: House) -> int:
    return house.gce.counts().get(INSERT, 0)


@pytest.mark.parametrize(
    ("late", "named"),
    [
        pytest.param((), "Quota 'URL_MAPS' exceeded", id="refused at once"),
        pytest.param(
            ("*",),
            "raise the quota compute.googleapis.com/url_maps, or delete what is not needed",
            id="failed as an operation",
        ),
    ],
)
def test_the_ingress_says_which_quota(late: tuple[str, ...], named: str) -> None:
    house = two()
    house.gce.late_failures = late
    house.apply(ingress(OTHER, default="web:80"))
    live(house, 90.0)
    (event,) = house.events("Refused")
    assert named in event["message"]
    programmed = told(house, OTHER)["Programmed"]
    assert (programmed["status"], programmed["reason"]) == ("False", "Blocked")
    assert named in programmed["message"]
    assert house.address(SHOP)


@pytest.mark.parametrize("late", [(), ("*",)], ids=["at once", "as an operation"])
def test_it_is_tried_ten_times_in_an_hour_and_not_more(late: tuple[str, ...]) -> None:
    house = two()
    house.gce.late_failures = late
    house.apply(ingress(OTHER, default="web:80"))
    before = tried(house)
    live(house, HOUR)
    assert 5 <= tried(house) - before <= 10
    live(house, HOUR)
    assert tried(house) - before <= 16


def test_the_log_says_before_it_is_met_that_a_quota_is_too_small() -> None:
    house = House()
    house.gce.quotas["backendServices"] = 1
    house.apply(service("shop/web", "80->30301"), service("shop/api", "80->30302"))
    house.apply(ingress(SHOP, {"": [("/api", "api:80")]}, default="web:80"))
    with structlog.testing.capture_logs() as lines:
        live(house, 60.0)
    events = [line["event"] for line in lines]
    (short,) = [line for line in lines if line["event"] == "quota_short"]
    assert {
        "project": "demo",
        "metric": "BACKEND_SERVICES",
        "usage": 0,
        "limit": 1,
        "needs": 2,
        "hint": "raise the quota to 2 or more, or delete what is not needed",
    }.items() <= short.items()
    assert events.index("quota_short") < events.index("action_failed")


def test_quotas_are_read_when_something_is_made_and_not_at_rest() -> None:
    house = two()
    read = house.gce.counts()[READ]
    assert 1 <= read <= 3
    live(house, HOUR)
    assert house.gce.counts()[READ] == read
    house.apply(ingress(OTHER, default="web:80"))
    live(house, HOUR)
    assert read < house.gce.counts()[READ] <= read + 7


def test_quotas_that_cannot_be_read_hold_nothing_up() -> None:
    house = House()
    house.gce.faults.add("projects.get", Error(403, "forbidden"), times=None)
    house.apply(service("shop/web", "80->30301"), ingress(SHOP, default="web:80"))
    house.settle()
    assert house.address(SHOP)


def test_a_raised_quota_is_used_within_a_resync() -> None:
    house = two()
    house.apply(ingress(OTHER, default="web:80"))
    live(house, HOUR)
    house.gce.quotas["urlMaps"] = 2
    live(house, house.config.resync_sec + 60.0)
    assert house.address(OTHER)


def test_room_that_a_deletion_of_ours_makes_is_used_at_once() -> None:
    house = two()
    house.apply(ingress(OTHER, default="web:80"))
    live(house, HOUR)
    house.kube.delete("Ingress", SHOP)
    live(house, 20.0)
    assert house.address(OTHER)


def test_room_that_somebody_else_makes_is_used_when_it_is_seen() -> None:
    house = two()
    house.gce.seed("urlMaps", "global", "theirs", {"defaultService": service_of(house)})
    house.gce.quotas["urlMaps"] = 2
    house.loop.resync()
    house.apply(ingress(OTHER, default="web:80"))
    live(house, 300.0)
    house.cloud._ask("DELETE", "/compute/v1/projects/demo/global/urlMaps/theirs")
    live(house, 1.0)
    house.loop.resync()
    live(house, 20.0)
    assert house.address(OTHER)


def test_one_that_goes_wakes_one_and_not_all_that_wait() -> None:
    house = two()
    for number in range(5):
        house.apply(ingress(f"shop/more-{number}", default="web:80"))
    live(house, HOUR)
    before = tried(house)
    house.kube.delete("Ingress", SHOP)
    live(house, 20.0)
    assert tried(house) - before <= 2
    assert sum(bool(house.address(f"shop/more-{number}")) for number in range(5)) == 1


def test_a_change_of_what_is_wanted_is_tried_at_once() -> None:
    house = two()
    house.apply(ingress(OTHER, default="web:80"))
    live(house, HOUR)
    house.gce.quotas["urlMaps"] = 2
    house.apply(ingress(OTHER, default="api:80"))
    live(house, 20.0)
    assert house.address(OTHER)


def service_of(house: House) -> Any:
    return house.body("backendServices", NAMER.backend(30301))["selfLink"]
