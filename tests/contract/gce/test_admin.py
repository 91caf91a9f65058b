"""The fake's own endpoints: seed, look at calls and changes, start over."""

import pytest

from fakes.gce import Request
from tests.contract.gce.door import URL, ZONE, Door


def test_calls_are_logged_and_counted(door: Door):
    query = {"requestId": "01234567-89ab-cdef-0123-456789abcdef"}
    door.do("POST", "global/healthChecks", {"name": "hc", "type": "HTTP"}, **query)
    door.refused("GET", "global/healthChecks/none")
    door.refused("GET", "global/teapots")
    log = door.fake("GET", "calls", since="0")
    assert log["seq"] == 4
    assert log["items"][0] == {
        "seq": 1,
        "method": "compute.healthChecks.insert",
        "path": "/compute/v1/projects/demo/global/healthChecks",
        "name": "hc",
        "requestId": query["requestId"],
        "status": 200,
    }
    assert [row["status"] for row in log["items"]] == [200, 200, 404, 404]
    assert [row["seq"] for row in door.fake("GET", "calls", since="2")["items"]] == [3, 4]
    assert door.fake("GET", "counts") == {
        "": 1,
        "compute.globalOperations.wait": 1,
        "compute.healthChecks.get": 1,
        "compute.healthChecks.insert": 1,
    }
    assert door.world.counts() == door.fake("GET", "counts")


def test_changes_are_told_in_order(door: Door):
    start = door.fake("GET", "changes")["seq"]
    door.insert("global/healthChecks", "hc", type="HTTP")
    door.do("PATCH", "global/healthChecks/hc", {"timeoutSec": 4})
    door.do("DELETE", "global/healthChecks/hc")
    told = door.fake("GET", "changes", since=str(start))
    assert [row["op"] for row in told["changes"]] == ["insert", "update", "delete"]
    assert told["changes"][0] == {
        "seq": start + 1,
        "op": "insert",
        "kind": "healthChecks",
        "scope": "global",
        "name": "hc",
    }
    assert told["seq"] == start + 3
    later = door.fake("GET", "changes", since=str(start + 2))
    assert [row["op"] for row in later["changes"]] == ["delete"]


def test_waiting_for_changes_ends_without_any(door: Door):
    seq = door.fake("GET", "changes")["seq"]
    before = door.world.clock.monotonic()
    told = door.fake("GET", "changes", since=str(seq), timeout="5")
    assert told == {"seq": seq, "changes": []}
    assert door.world.clock.monotonic() - before == pytest.approx(5)


def test_waiting_for_changes_ends_with_the_first(door: Door):
    door.fake("POST", "latency", {"default": 3})
    seq = door.fake("GET", "changes")["seq"]
    door.start("POST", "global/healthChecks", {"name": "hc", "type": "HTTP"})
    before = door.world.clock.monotonic()
    told = door.fake("GET", "changes", since=str(seq), timeout="60")
    assert [row["name"] for row in told["changes"]] == ["hc"]
    assert door.world.clock.monotonic() - before < 4


def test_a_failed_operation_is_no_change(door: Door):
    seq = door.fake("GET", "changes")["seq"]
    door.fake("POST", "faults", {"method": "*.insert", "failedOperation": {"code": "X"}})
    door.wait(door.start("POST", "global/healthChecks", {"name": "hc", "type": "HTTP"}))
    assert door.fake("GET", "changes", since=str(seq))["changes"] == []


def test_everything_can_be_seeded(door: Door):
    node = {"name": "n", "zone": "us-central1-a", "tags": ["b", "a"], "ip": "10.128.0.7"}
    seeded = door.fake(
        "POST",
        "seed",
        {
            "regions": ["asia-east1"],
            "zones": ["europe-west4-a"],
            "instances": [node],
            "resources": [{"kind": "healthChecks", "name": "hc", "body": {"type": "TCP"}}],
        },
    )["items"]
    assert [row["name"] for row in seeded] == ["n", "hc"]
    instance = door.get(f"{ZONE}/instances/n")
    assert instance["tags"]["items"] == ["a", "b"]
    assert instance["networkInterfaces"][0]["networkIP"] == "10.128.0.7"
    assert instance["zone"] == URL + ZONE
    assert door.get("regions/europe-west4")["zones"] == [f"{URL}zones/europe-west4-a"]
    assert door.get("regions/asia-east1")["status"] == "UP"
    assert door.get("global/healthChecks/hc")["tcpHealthCheck"]["port"] == 80
    gone = {"name": "n", "zone": "us-central1-a"}
    door.fake("POST", "seed", {"removeInstances": [gone]})
    assert door.refused("GET", f"{ZONE}/instances/n").status == 404


def test_a_second_seed_is_a_second_writer(balanced: Door):
    path = "global/backendServices/be"
    before = balanced.get(path)
    row = {"kind": "backendServices", "name": "be", "body": before | {"timeoutSec": 77}}
    balanced.fake("POST", "seed", {"resources": [row]})
    after = balanced.get(path)
    assert (after["timeoutSec"], after["id"]) == (77, before["id"])
    change = {"timeoutSec": 1, "fingerprint": before["fingerprint"]}
    assert balanced.refused("PATCH", path, change).why == (412, "conditionNotMet")


def test_a_reset_leaves_only_the_places(balanced: Door):
    balanced.fake("POST", "faults", {"method": "*", "error": {"code": 500}, "times": None})
    balanced.fake("POST", "reset")
    assert balanced.world.counts() == {}
    kinds = {path.split("/")[-2] for path in balanced.fake("GET", "dump")}
    assert kinds == {"networks", "regions", "subnetworks", "zones"}
    balanced.insert("global/healthChecks", "hc", type="HTTP")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "nonsense", None, 404, id="unknown"),
        pytest.param("POST", "limits", {"hard": {"nonsense": 1}}, 400, id="unknown limit"),
        pytest.param("POST", "seed", {"instances": [{"colour": 1}]}, 400, id="unknown field"),
        pytest.param("GET", "calls?", None, 404, id="not quite"),
    ],
)
def test_nonsense_is_refused(world, method, path, body, status):
    assert world.handle(Request(method, f"/_fake/{path}", {}, body)).status == status
