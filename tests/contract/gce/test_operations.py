"""Operations: what is visible when, what may not overlap, and how they fail."""

import pytest

from fakes.clock import VirtualClock
from fakes.gce import FailedOperation, Request, World
from tests.contract.gce.door import URL, ZONE, Door

CHECKS = "global/healthChecks"
BODY = {"name": "hc", "type": "HTTP"}
ID = "01234567-89ab-cdef-0123-456789abcdef"


def test_an_operation_runs_through_its_states(door: Door):
    door.fake("POST", "latency", {"default": 10})
    begun = door.start("POST", CHECKS, BODY)
    assert (begun["status"], begun["progress"]) == ("PENDING", 0)
    assert begun["targetLink"] == f"{URL}{CHECKS}/hc"
    assert begun["operationType"] == "insert"
    assert "startTime" not in begun
    path = f"global/operations/{begun['name']}"
    door.world.clock.advance(5)
    running = door.get(path)
    assert running["status"] == "RUNNING"
    assert "endTime" not in running
    door.world.clock.advance(5)
    done = door.get(path)
    assert (done["status"], done["progress"]) == ("DONE", 100)
    assert done["endTime"] > done["startTime"] > done["insertTime"]
    assert "error" not in done


def test_an_effect_is_visible_when_its_operation_is_done(door: Door):
    door.fake("POST", "latency", {"default": 10})
    begun = door.start("POST", CHECKS, BODY)
    assert door.refused("GET", f"{CHECKS}/hc").status == 404
    assert "items" not in door.get(CHECKS)
    door.wait(begun)
    before = door.get(f"{CHECKS}/hc")
    changed = door.start("PATCH", f"{CHECKS}/hc", {"checkIntervalSec": 8})
    assert door.get(f"{CHECKS}/hc") == before
    door.wait(changed)
    assert door.get(f"{CHECKS}/hc")["checkIntervalSec"] == 8
    gone = door.start("DELETE", f"{CHECKS}/hc")
    assert door.call("GET", f"{CHECKS}/hc").status == 200
    door.wait(gone)
    assert door.refused("GET", f"{CHECKS}/hc").status == 404


def test_without_latency_an_operation_is_born_done(door: Door):
    door.fake("POST", "latency", {"*.insert": 0})
    assert door.start("POST", CHECKS, BODY)["status"] == "DONE"
    assert door.call("GET", f"{CHECKS}/hc").status == 200


def test_the_latency_is_that_of_kind_and_verb(door: Door):
    rows = {"default": 1, "*.insert": 2, "urlMaps": 3, "urlMaps.insert": 4}
    assert door.fake("POST", "latency", rows) == rows
    latency = door.world.latency
    pairs = [("urlMaps", "insert"), ("urlMaps", "patch"), ("addresses", "insert"), ("a", "b")]
    assert [latency.of(*pair) for pair in pairs] == [4, 3, 2, 1]


def test_wait_gives_up_after_two_minutes(door: Door):
    door.fake("POST", "latency", {"default": 500})
    begun = door.start("POST", CHECKS, BODY)
    before = door.world.clock.monotonic()
    answer = door.post(f"global/operations/{begun['name']}/wait", None)
    assert answer["status"] == "RUNNING"
    assert door.world.clock.monotonic() - before == pytest.approx(120)


OVERLAPS = [
    pytest.param("PATCH", f"{CHECKS}/hc", {"timeoutSec": 4}, id="patch"),
    pytest.param("DELETE", f"{CHECKS}/hc", None, id="delete"),
    pytest.param(
        "POST",
        "global/backendServices",
        {"name": "be", "healthChecks": [f"{CHECKS}/hc"]},
        id="reference",
    ),
]


@pytest.mark.parametrize(("method", "path", "body"), OVERLAPS)
@pytest.mark.parametrize("flight", ["insert", "delete"])
def test_what_is_coming_or_going_is_not_ready(door: Door, method, path, body, flight):
    door.fake("POST", "latency", {"default": 10})
    begun = door.start("POST", CHECKS, BODY)
    if flight == "delete":
        door.wait(begun)
        begun = door.start("DELETE", f"{CHECKS}/hc")
    refusal = door.refused(method, path, body)
    assert refusal.why == (400, "resourceNotReady")
    assert refusal.message == "The resource 'projects/demo/global/healthChecks/hc' is not ready"
    door.wait(begun)


def test_a_name_is_taken_while_its_insert_runs(door: Door):
    door.fake("POST", "latency", {"default": 10})
    door.start("POST", CHECKS, BODY)
    assert door.refused("POST", CHECKS, BODY).why == (409, "alreadyExists")


def test_what_a_running_insert_relies_on_stays(door: Door):
    door.insert(CHECKS, "hc", type="HTTP")
    door.fake("POST", "latency", {"default": 10})
    body = {"name": "be", "healthChecks": [f"{CHECKS}/hc"]}
    door.start("POST", "global/backendServices", body)
    refusal = door.refused("DELETE", f"{CHECKS}/hc")
    assert refusal.why == (400, "resourceInUseByAnotherResource")


def test_what_a_running_patch_lets_go_stays_until_it_is_done(balanced: Door):
    balanced.insert(CHECKS, "hc2", type="HTTP")
    mark = balanced.get("global/backendServices/be")["fingerprint"]
    change = {"healthChecks": [f"{CHECKS}/hc2"], "fingerprint": mark}
    begun = balanced.start("PATCH", "global/backendServices/be", change)
    assert balanced.refused("DELETE", f"{CHECKS}/hc").reason == "resourceInUseByAnotherResource"
    balanced.wait(begun)
    balanced.do("DELETE", f"{CHECKS}/hc")


def test_a_request_id_acts_once(door: Door):
    first = door.start("POST", CHECKS, BODY, requestId=ID)
    assert first["clientOperationId"] == ID
    again = door.start("POST", CHECKS, BODY, requestId=ID)
    assert again["name"] == first["name"]
    door.wait(first)
    assert door.start("POST", CHECKS, BODY, requestId=ID)["status"] == "DONE"
    assert len(door.world.resources("healthChecks")) == 1
    assert door.refused("POST", CHECKS, BODY).why == (409, "alreadyExists")


def test_a_failed_operation_changes_nothing(door: Door):
    door.world.faults.add("healthChecks.insert", FailedOperation("QUOTA_EXCEEDED", "no", 403))
    done = door.wait(door.start("POST", CHECKS, BODY))
    assert done["error"] == {"errors": [{"code": "QUOTA_EXCEEDED", "message": "no"}]}
    assert (done["httpErrorStatusCode"], done["httpErrorMessage"]) == (403, "FORBIDDEN")
    assert door.refused("GET", f"{CHECKS}/hc").status == 404
    door.insert(CHECKS, "hc", type="HTTP")
    door.world.faults.add("healthChecks.*", FailedOperation("INTERNAL_ERROR"), times=2)
    for method, body in (("PATCH", {"timeoutSec": 4}), ("DELETE", None)):
        assert "error" in door.wait(door.start(method, f"{CHECKS}/hc", body))
    assert door.get(f"{CHECKS}/hc")["timeoutSec"] == 5


def test_a_refusal_can_come_by_operation(balanced: Door):
    balanced.fake("POST", "limits", {"lateFailures": ["compute.*.delete"]})
    done = balanced.wait(balanced.start("DELETE", f"{CHECKS}/hc"))
    assert done["error"]["errors"] == [
        {
            "code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
            "message": "The health_check resource 'projects/demo/global/healthChecks/hc' is "
            "already being used by 'projects/demo/global/backendServices/be'",
        }
    ]
    assert (done["httpErrorStatusCode"], done["httpErrorMessage"]) == (400, "BAD REQUEST")
    assert balanced.call("GET", f"{CHECKS}/hc").status == 200


def test_an_operation_lives_with_its_resource(door: Door):
    begun = door.start("POST", f"{ZONE}/instanceGroups", {"name": "ig"})
    assert begun["zone"] == f"{URL}{ZONE}"
    assert door.refused("GET", f"global/operations/{begun['name']}").why == (404, "notFound")
    door.wait(begun)
    assert [row["name"] for row in door.get(f"{ZONE}/operations")["items"]] == [begun["name"]]
    assert "items" not in door.get(f"{ZONE}/operations", filter="status != DONE")
    everywhere = door.get("aggregated/operations")["items"]
    assert everywhere[ZONE]["operations"][0]["name"] == begun["name"]
    door.call("DELETE", f"{ZONE}/operations/{begun['name']}")
    assert door.refused("GET", f"{ZONE}/operations/{begun['name']}").status == 404


@pytest.mark.parametrize("elapsed", [0.1, 1234.5678, 98_765.4321, 7_654_321.0123])
def test_a_wait_ends_whatever_the_clock_says(elapsed: float):
    clock = VirtualClock()
    clock.advance(elapsed)  # far from zero, the last bit of a wait is too small for a float
    world = World(project="demo", clock=clock)
    world.latency.default = 500
    base = "/compute/v1/projects/demo/global"
    check = {**BODY, "httpHealthCheck": {"port": 80}}
    begun = world.handle(Request("POST", f"{base}/healthChecks", {}, check)).body
    waited = world.handle(Request("POST", f"{base}/operations/{begun['name']}/wait", {}, None))
    assert waited.body["status"] == "RUNNING"
