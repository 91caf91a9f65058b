"""What can be looked at over HTTP: it costs cloud and cluster nothing, and says what the loop last saw."""

import json
from typing import Any

import pytest

from fakes.build import ingress, service
from fakes.gce.faults import Error
from tests.scenario.test_metrics import a_shop
from tests.support.house import House
from tests.support.observed import Observed

HTTP = ("/healthz", "/readyz", "/metrics", "/state.json", "/debug/plan", "/debug/plan.txt", "/")


def calls(house: House) -> tuple[int, int]:
    """Return how many requests the cloud and the API server have answered."""
    return len(house.gce.calls()), sum(house.kube.counts().values())


def answer(seen: Observed, path: str) -> tuple[int, str]:
    told = seen.routes[path]()
    return int(told.status), told.body.decode()


@pytest.mark.parametrize("path", HTTP)
def test_whoever_looks_causes_no_request(path: str) -> None:
    house, seen = a_shop()
    for _ in range(3):
        before = calls(house)
        answer(seen, path)
        assert calls(house) == before
        house.loop.step()
        house.settle(patience=1)
    assert min(calls(house)) > 0


def test_every_path_is_looked_at_here() -> None:
    _, seen = a_shop()
    assert set(seen.routes) == set(HTTP)


def test_before_the_first_turn_there_is_no_plan() -> None:
    _, seen = a_shop()
    for path in ("/debug/plan", "/debug/plan.txt"):
        assert answer(seen, path) == (503, "the cloud has not been listed yet\n")


def test_the_plan_of_the_last_turn_has_its_steps_in_order() -> None:
    house, seen = a_shop()
    told: dict[str, Any] = {}
    while len(told.get("waves", ())) < 4:
        house.loop.step()
        house.clock.advance(0.5)
        status, text = answer(seen, "/debug/plan")
        told = json.loads(text) if status == 200 else {}
    waves = [{step["kind"] for step in wave} for wave in told["waves"]]
    assert waves[-4:] == [
        {"backendServices"},
        {"urlMaps"},
        {"targetHttpProxies"},
        {"forwardingRules"},
    ]
    steps = sum(len(wave) for wave in told["waves"])
    assert told["summary"] == {"create": steps, "update": 0, "delete": 0, "blocked": 0}
    text = answer(seen, "/debug/plan.txt")[1]
    assert text.endswith(f"Plan: {steps} to create, 0 to update, 0 to delete.\n")


def test_what_is_held_back_and_what_is_wrong_stand_in_the_plan() -> None:
    house, seen = a_shop()
    house.apply(ingress("shop/odd", {"b.example.com": [("/", "gone:80")]}, default="web:80"))
    house.gce.faults.add("compute.urlMaps.insert", Error(403, "quotaExceeded", "full"), times=None)
    house.settle(patience=30)
    told = json.loads(answer(seen, "/debug/plan")[1])
    assert {one["reason"] for one in told["blocked"]} == {"Refused", "NeedsBlocked"}
    assert [one["reason"] for one in told["findings"]] == ["ServiceNotFound"]


def test_at_rest_the_plan_is_empty() -> None:
    house, seen = a_shop()
    house.apply(service("shop/web", "80->30301"))
    house.settle()
    assert answer(seen, "/debug/plan.txt") == (200, "Nothing to do.\n")
