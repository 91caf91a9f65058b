"""A live route changes its backend when the new one answers: no request meets a cold one."""

import json
from typing import Any

import pytest

from fakes.build import ingress, service
from fakes.gce import Error
from glbc.config import LimitsConfig
from tests.scenario.test_conditions import live, told, word
from tests.scenario.test_stories import API, DEFAULT, FRONT, HOST, MAP, SERVICES, UID, WEB
from tests.support.house import House

NEW = f"k8s-be-30304--{UID}"
NEXT = f"k8s-be-30305--{UID}"
MORE = (service("shop/new", "80->30304"), service("shop/next", "80->30305"))
WARM = ".glbc.invalid"


def web(front: str = "front:80", default: str = "dflt:http") -> dict[str, Any]:
    return ingress("shop/web", {HOST: [("/", front), ("/api", "api:8080")]}, default=default)


def a_live_shop(*more: dict[str, Any], **settings: Any) -> House:
    """Return a house whose load balancer serves; what is new there is cold."""
    house = House(**settings)
    house.apply(*SERVICES, *MORE, WEB, *more)
    live(house, 120)
    for port in (30304, 30305):
        house.gce.health.set("UNHEALTHY", port=port)
    house.cloud.writes.clear()
    return house


def mapped(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a URL map says, without what every write changes."""
    return {name: body[name] for name in ("defaultService", "hostRules", "pathMatchers")}


def routes(house: House) -> tuple[str, str]:
    """Return where the default and the path `/*` lead."""
    body = house.body("urlMaps", MAP)
    matchers = [m for m in body["pathMatchers"] if m["name"].startswith("host")]
    paths = {
        path: rule["service"].rpartition("/")[2]
        for matcher in matchers
        for rule in matcher["pathRules"]
        for path in rule["paths"]
    }
    return body["defaultService"].rpartition("/")[2], paths["/*"]


def warmed(house: House) -> list[str]:
    """Return the backends that a rule leads to which no client can meet."""
    body = house.body("urlMaps", MAP)
    hosts = {h: r["pathMatcher"] for r in body["hostRules"] for h in r["hosts"] if WARM in h}
    matchers = [m for m in body["pathMatchers"] if m["name"] in hosts.values()]
    assert len(hosts) == len(matchers) <= 1
    assert len([m for m in body["pathMatchers"] if m["name"].startswith("warm")]) == len(matchers)
    found = [m["defaultService"] for m in matchers]
    found += [rule["service"] for m in matchers for rule in m.get("pathRules", ())]
    return [link.rpartition("/")[2] for link in found]


def wrote_warm(house: House) -> bool:
    return any(WARM in json.dumps(call.body) for call in house.cloud.writes if call.body)


def test_a_path_waits_until_its_new_backend_is_healthy() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 10)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == [NEW]
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 4)
    assert routes(house) == (DEFAULT, NEW)
    assert warmed(house) == []
    assert FRONT in house.names("backendServices")  # requests may be on their way there
    live(house, 31)
    assert FRONT not in house.names("backendServices")
    assert house.refused() == []


def test_what_an_edit_has_left_goes_at_once_with_the_ingress() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 10)
    assert routes(house) == (DEFAULT, NEW)
    assert FRONT in house.names("backendServices")
    house.kube.delete("Ingress", "shop/web")
    live(house, 10)
    assert house.ingress("shop/web") is None
    assert FRONT not in house.names("backendServices")


def test_the_default_waits_likewise() -> None:
    house = a_live_shop()
    house.apply(web(default="new:80"))
    live(house, 10)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == [NEW]
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 4)
    assert routes(house) == (NEW, FRONT)
    assert warmed(house) == []


def test_two_new_backends_are_warmed_by_one_rule_and_go_each_at_its_time() -> None:
    house = a_live_shop()
    house.apply(web("next:80", default="new:80"))
    live(house, 10)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == [NEW, NEXT]
    house.gce.health.set("HEALTHY", port=30305)
    live(house, 4)
    assert routes(house) == (DEFAULT, NEXT)
    assert warmed(house) == [NEW]


def test_after_the_wait_it_goes_over_as_it_is() -> None:
    house = a_live_shop(switch_wait_sec=30)
    house.apply(web("new:80"))
    live(house, 25)
    assert routes(house) == (DEFAULT, FRONT)
    live(house, 10)
    assert routes(house) == (DEFAULT, NEW)
    assert warmed(house) == []


def test_the_wait_begins_when_the_cloud_can_probe() -> None:
    house = a_live_shop(switch_wait_sec=30)
    house.gce.faults.add("backendServices.insert", Error(503), times=6)
    house.apply(web("new:80"))
    live(house, 40)
    assert NEW not in house.names("backendServices")
    while NEW not in house.names("backendServices"):
        live(house, 1)
    live(house, 25)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == [NEW]
    live(house, 10)
    assert routes(house) == (DEFAULT, NEW)


def test_health_that_cannot_be_read_ends_the_wait_at_its_time() -> None:
    house = a_live_shop()
    house.gce.faults.add("backendServices.getHealth", Error(403, "forbidden"), times=None)
    house.apply(web("new:80"))
    live(house, 50)
    assert routes(house) == (DEFAULT, FRONT)
    live(house, 20)
    assert routes(house) == (DEFAULT, NEW)


def test_who_wants_to_stay_stays_is_told_so_and_goes_when_it_can() -> None:
    house = a_live_shop(switch_wait_sec=30, switch_policy="stay")
    house.apply(web("new:80"))
    live(house, 25)
    assert house.events("SwitchWaits") == []
    live(house, 60 * 5)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == [NEW]
    (event,) = house.events("SwitchWaits")
    assert NEW in event["message"]
    assert FRONT in event["message"]
    assert word(house, "Resolved") == ("False", "PartlyResolved")
    assert "SwitchWaits" in told(house)["Resolved"]["message"]
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 120)
    assert routes(house) == (DEFAULT, NEW)
    assert warmed(house) == []
    assert word(house, "Resolved") == ("True", "AllResolved")


def test_a_wait_that_lasts_is_told_in_the_conditions() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 45)
    programmed = told(house)["Programmed"]
    assert (programmed["status"], programmed["reason"]) == ("False", "InProgress")
    assert programmed["message"] == f"it goes from {FRONT} to {NEW} when that is HEALTHY"


def test_without_waiting_it_goes_at_once() -> None:
    house = a_live_shop(switch_wait_sec=0)
    house.apply(web("new:80"))
    live(house, 1)
    assert routes(house) == (DEFAULT, NEW)
    assert not wrote_warm(house)


def test_a_backend_that_fails_is_left_at_once() -> None:
    house = a_live_shop()
    house.gce.health.set("UNHEALTHY", port=30301)
    live(house, 61)
    house.apply(web("new:80"))
    live(house, 1)
    assert routes(house) == (DEFAULT, NEW)
    assert not wrote_warm(house)


def test_a_backend_that_answers_again_is_not_left_for_an_old_word() -> None:
    house = a_live_shop()
    house.gce.health.set("UNHEALTHY", port=30301)
    live(house, 61)
    house.gce.health.set("HEALTHY", port=30301)
    house.apply(web("new:80"))
    live(house, 3)
    assert routes(house) == (DEFAULT, FRONT)
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 5)
    assert routes(house) == (DEFAULT, NEW)


def test_a_backend_that_begins_to_fail_is_waited_with_no_longer() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 10)
    assert routes(house) == (DEFAULT, FRONT)
    house.gce.health.set("UNHEALTHY", port=30301)
    live(house, 4)
    assert routes(house) == (DEFAULT, NEW)
    assert warmed(house) == []


def test_a_new_backend_that_serves_elsewhere_takes_over_at_once() -> None:
    house = a_live_shop(ingress("shop/other", default="new:80"))
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 61)
    house.cloud.writes.clear()
    house.apply(web("new:80"))
    live(house, 1)
    assert routes(house) == (DEFAULT, NEW)
    assert not wrote_warm(house)


def test_a_new_path_and_a_new_ingress_wait_for_nobody() -> None:
    house = a_live_shop()
    paths = {HOST: [("/", "front:80"), ("/api", "api:8080"), ("/more", "new:80")]}
    house.apply(
        ingress("shop/web", paths, default="dflt:http"), ingress("shop/other", default="next:80")
    )
    live(house, 1)
    assert house.address("shop/other")
    assert not wrote_warm(house)
    assert f"/{NEW}" in json.dumps(house.body("urlMaps", MAP))


def test_the_old_backend_serves_on_when_its_service_is_gone() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    house.kube.delete("Service", "shop/front")
    live(house, 20)
    assert routes(house) == (DEFAULT, FRONT)
    assert FRONT in house.names("healthChecks")
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 40)
    assert routes(house) == (DEFAULT, NEW)
    assert FRONT not in house.names("backendServices")


def test_a_switch_during_a_switch_goes_from_what_serves_to_what_is_asked_for_last() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 10)
    house.apply(web("next:80"))
    live(house, 40)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == [NEXT]
    assert NEW not in house.names("backendServices")
    house.gce.health.set("HEALTHY", port=30305)
    live(house, 4)
    assert routes(house) == (DEFAULT, NEXT)


def test_a_switch_that_is_taken_back_leaves_nothing() -> None:
    house = a_live_shop()
    before, said = house.ours(), mapped(house.body("urlMaps", MAP))
    house.apply(web("new:80"))
    live(house, 10)
    assert house.ours() != before
    house.apply(web())
    live(house, 40)
    assert (house.ours(), mapped(house.body("urlMaps", MAP))) == (before, said)
    assert house.refused() == []


def test_the_new_service_goes_while_it_is_waited_for() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 10)
    house.kube.delete("Service", "shop/new")
    live(house, 40)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == []
    assert NEW not in house.names("backendServices")
    assert house.events("ServiceNotFound")


def test_the_ingress_goes_while_it_waits() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 10)
    house.kube.delete("Ingress", "shop/web")
    live(house, 10)
    assert house.ingress("shop/web") is None
    assert house.ours() == {}


def test_a_node_port_that_changes_is_a_switch_and_the_old_one_is_left_when_it_fails() -> None:
    house = a_live_shop()
    house.kube.delete("Service", "shop/front")
    house.gce.health.set("UNHEALTHY", port=30309)
    house.apply(service("shop/front", "80->30309"))
    live(house, 4)
    assert routes(house) == (DEFAULT, FRONT)
    house.gce.health.set("UNHEALTHY", port=30301)  # nobody listens there any more
    live(house, 4)
    assert routes(house) == (DEFAULT, f"k8s-be-30309--{UID}")


def test_a_controller_that_starts_again_ends_the_wait() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 10)
    house.start()
    live(house, 30)
    assert routes(house) == (DEFAULT, FRONT)
    assert warmed(house) == [NEW]
    live(house, 40)
    assert routes(house) == (DEFAULT, NEW)
    assert warmed(house) == []


def test_a_rule_too_much_for_the_cloud_is_done_without() -> None:
    house = a_live_shop()
    house.gce.faults.add("urlMaps.patch", Error(400, "invalid"), times=1)
    house.apply(web("new:80"))
    live(house, 5)
    assert routes(house) == (DEFAULT, FRONT)
    live(house, 60)  # what was refused rests for a minute
    assert routes(house) == (DEFAULT, NEW)
    assert warmed(house) == []
    house.gce.health.set("HEALTHY", port=30304)
    live(house, 61)
    house.apply(web("next:80"))  # the next switch has its own chance
    live(house, 5)
    assert warmed(house) == [NEXT]


def test_a_rule_over_a_limit_is_not_even_tried() -> None:
    house = a_live_shop(limits=LimitsConfig(hosts=1))
    house.apply(web("new:80"))
    live(house, 1)
    assert routes(house) == (DEFAULT, NEW)
    assert not wrote_warm(house)


def asked(house: House, seconds: float) -> list[str]:
    """Live for a while, and return whose health was read."""
    before = len([call for call in house.gce.calls() if call.method.endswith("getHealth")])
    live(house, seconds)
    after = [call for call in house.gce.calls() if call.method.endswith("getHealth")]
    return [call.name for call in after[before:]]


def test_who_stays_for_long_is_not_asked_about_every_moment() -> None:
    house = a_live_shop(switch_wait_sec=30, switch_policy="stay")
    house.apply(web("new:80"))
    live(house, 60)
    names = asked(house, 120)
    assert names.count(NEW) <= 2 * 5
    assert names.count(FRONT) <= 2 * 3


def test_health_of_the_old_and_the_new_is_read_at_once_and_no_others() -> None:
    house = a_live_shop()
    house.apply(web("new:80"))
    live(house, 2)
    names = asked(house, 20)
    assert names.count(NEW) >= 14  # two groups, each every 2.5 s
    assert names.count(FRONT) >= 14
    assert names.count(API) <= 2
    assert len(asked(house, 60)) <= house.config.health_reads_per_min


def test_health_wakes_no_translation_without_a_switch() -> None:
    house = a_live_shop(ingress("shop/other", default="next:80"))
    house.apply(web("new:80"))
    live(house, 10)
    assert house.loop.turn is not None
    before = house.loop.turn.desired.read
    house.gce.health.set("HEALTHY", port=30304)
    house.gce.health.set("HEALTHY", port=30305)
    live(house, 70)
    assert house.loop._translated is not None
    hints, now = house.loop._translated[1], house.clock.time()
    assert {key.name: state for key, state in hints.health.items()}[NEXT] == "HEALTHY"
    assert before["shop/other"].hints_hold(hints, now)
    assert not before["shop/web"].hints_hold(hints, now)


@pytest.mark.parametrize("seed", range(3))
def test_at_rest_there_is_no_rule_left(seed: int) -> None:
    house = a_live_shop(seed=seed)
    house.apply(web("new:80", default="next:80"))
    house.settle()
    assert routes(house) == (NEXT, NEW)
    assert warmed(house) == []
    assert house.refused() == []
