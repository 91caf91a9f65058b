"""Scripted trouble, quotas per minute, reads that lag behind writes."""

import httpx
import pytest

from fakes.gce import AnswerLostError, Error, LoseAnswer, Request
from tests.contract.gce.door import ZONE, Door

CHECKS = "global/healthChecks"
LOST = (AnswerLostError, httpx.RemoteProtocolError)


def _insert(door: Door, name: str) -> int:
    return door.call("POST", CHECKS, {"name": name, "type": "HTTP"}).status


def _script(door: Door, **fault):
    door.fake("POST", "faults", {"method": "compute.healthChecks.insert"} | fault)


def test_the_third_insert_fails(door: Door):
    _script(door, skip=2, error={"code": 503, "reason": "backendError", "message": "try again"})
    assert [_insert(door, f"hc-{i}") for i in range(4)] == [200, 200, 503, 200]
    door.world.clock.advance(1)
    assert len(door.world.resources("healthChecks")) == 3


def test_an_error_is_worded_as_scripted(door: Door):
    _script(door, error={"code": 403, "reason": "forbidden", "message": "no permission"})
    refusal = door.refused("POST", CHECKS, {"name": "hc", "type": "HTTP"})
    assert (*refusal.why, refusal.message) == (403, "forbidden", "no permission")


MATCHES = [
    pytest.param({"times": 2}, [503, 503, 200], id="twice"),
    pytest.param({"times": None}, [503, 503, 503], id="always"),
    pytest.param({"name": "hc-1"}, [200, 503, 200], id="one resource"),
    pytest.param({"method": "healthChecks.*", "times": None}, [503, 503, 503], id="short glob"),
    pytest.param({"method": "urlMaps.insert", "times": None}, [200, 200, 200], id="another kind"),
    pytest.param({"scope": ZONE, "times": None}, [200, 200, 200], id="another scope"),
]


@pytest.mark.parametrize(("fault", "statuses"), MATCHES)
def test_a_fault_hits_what_it_names(door: Door, fault, statuses):
    _script(door, **{"error": {"code": 503}} | fault)
    assert [_insert(door, f"hc-{i}") for i in range(3)] == statuses


def test_the_script_can_be_read_and_cleared(door: Door):
    _script(door, error={"code": 503}, times=None)
    shown = door.fake("GET", "faults")["items"]
    assert shown[0]["method"] == "compute.healthChecks.insert"
    assert shown[0]["effect"]["Error"]["code"] == 503
    door.fake("DELETE", "faults")
    assert _insert(door, "hc") == 200


def test_a_short_page_shows_a_few_rows_backwards_and_where_the_rest_is(door: Door):
    assert [_insert(door, f"hc-{i}") for i in range(3)] == [200, 200, 200]
    door.world.clock.advance(1)
    _script(door, method="healthChecks.list", short=2)
    first = door.call("GET", CHECKS).body
    assert [row["name"] for row in first["items"]] == ["hc-1", "hc-0"]
    rest = door.call("GET", CHECKS, pageToken=first["nextPageToken"]).body
    assert [row["name"] for row in rest["items"]] == ["hc-2"]
    assert "nextPageToken" not in rest


@pytest.mark.parametrize(
    ("lose", "kept"),
    [
        pytest.param(True, 1, id="after acting"),
        pytest.param({"acted": True}, 1, id="after acting, spelled out"),
        pytest.param({"acted": False}, 0, id="before acting"),
    ],
)
def test_an_answer_is_lost(door: Door, lose, kept):
    _script(door, loseAnswer=lose)
    with pytest.raises(LOST):
        _insert(door, "hc")
    door.world.clock.advance(1)
    assert len(door.world.resources("healthChecks")) == kept
    assert door.world.calls()[-1].status == 0
    assert _insert(door, "hc-2") == 200


def test_a_lost_insert_is_found_again_by_its_request_id(door: Door):
    door.world.faults.add("healthChecks.insert", LoseAnswer())
    query = {"requestId": "01234567-89ab-cdef-0123-456789abcdef"}
    body = {"name": "hc", "type": "HTTP"}
    with pytest.raises(LOST):
        door.call("POST", CHECKS, body, **query)
    door.do("POST", CHECKS, body, **query)
    assert door.call("GET", f"{CHECKS}/hc").status == 200


def test_a_lost_read_is_lost(door: Door):
    door.world.faults.add("healthChecks.list", LoseAnswer())
    with pytest.raises(LOST):
        door.get(CHECKS)
    door.get(CHECKS)


def test_lists_lag_behind_writes(door: Door):
    door.fake("POST", "latency", {"default": 0})
    assert _insert(door, "old") == 200
    _script(door, method="healthChecks.*list", lag=10, times=None)
    door.world.clock.advance(60)
    assert _insert(door, "new") == 200
    door.do("DELETE", f"{CHECKS}/old")
    assert [row["name"] for row in door.get(CHECKS)["items"]] == ["old"]
    assert door.call("GET", f"{CHECKS}/new").status == 200
    door.world.clock.advance(10)
    assert [row["name"] for row in door.get(CHECKS)["items"]] == ["new"]


def test_a_read_of_one_resource_can_lag_too(door: Door):
    door.fake("POST", "latency", {"default": 0})
    _insert(door, "hc")
    door.world.clock.advance(60)
    _script(door, method="healthChecks.get", lag=10, times=None)
    door.do("PATCH", f"{CHECKS}/hc", {"timeoutSec": 4})
    assert door.get(f"{CHECKS}/hc")["timeoutSec"] == 5
    door.world.clock.advance(10)
    assert door.get(f"{CHECKS}/hc")["timeoutSec"] == 4


def test_calls_per_minute_are_limited_by_class(door: Door):
    door.fake("POST", "limits", {"perMinute": {"mutate": 2}})
    statuses = [_insert(door, f"hc-{i}") for i in range(3)]
    assert statuses == [200, 200, 403]
    refusal = door.refused("POST", CHECKS, {"name": "x", "type": "HTTP"})
    assert refusal.why == (403, "rateLimitExceeded")
    door.get(CHECKS)
    door.world.clock.advance(60)
    assert _insert(door, "hc-9") == 200


def test_reads_have_a_limit_of_their_own(door: Door):
    door.world.rates.per_minute["read"] = 1
    door.get(CHECKS)
    assert door.refused("GET", CHECKS).why == (403, "rateLimitExceeded")
    assert _insert(door, "hc") == 200


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({}, id="no effect"),
        pytest.param({"error": {"colour": 1}}, id="unknown field"),
        pytest.param({"lag": "long"}, id="lag by text"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(world, fault):
    assert world.handle(Request("POST", "/_fake/faults", {}, fault)).status == 400


def test_a_scripted_error_goes_before_everything_else(world):
    world.faults.add("urlMaps.insert", Error(500))
    path = "/compute/v1/projects/demo/global/urlMaps"
    assert world.handle(Request("POST", path, {}, {"nonsense": 1})).status == 500
