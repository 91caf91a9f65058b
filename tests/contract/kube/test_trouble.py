"""Trouble on demand, the record of calls, and copies of worlds."""

import copy

import httpx
import pytest

from fakes.clock import VirtualClock
from fakes.kube import ConnectionDroppedError, Fault, World

from .conftest import CONFIGMAPS, INGRESSES, SERVICES, Door, HttpDoor, configmap, ingress, service


def test_a_fault_spoils_the_calls_it_is_meant_for(door: Door):
    fault = {"verb": "create", "resource": "configmaps", "skip": 1, "times": 2, "status": 503}
    assert door.post("/_fake/faults", fault).status == 200
    answers = [door.post(CONFIGMAPS, configmap(name)).status for name in "abcd"]
    assert answers == [201, 503, 503, 201]
    assert door.get(CONFIGMAPS).status == 200


def test_a_refusal_can_ask_for_patience(door: Door):
    door.world.fault(verb="get", name="a", status=429, retry_after=7)
    answer = door.get(f"{CONFIGMAPS}/a")
    assert (answer.status, answer.body["reason"]) == (429, "TooManyRequests")
    assert answer.headers["retry-after"] == "7"
    assert answer.body["details"] == {"retryAfterSeconds": 7}


def test_a_dropped_connection_has_no_answer(door: Door):
    door.world.fault(Fault(verb="create", drop=True))
    expected = httpx.RemoteProtocolError if isinstance(door, HttpDoor) else ConnectionDroppedError
    with pytest.raises(expected):
        door.post(CONFIGMAPS, configmap())
    assert door.get(f"{CONFIGMAPS}/cm").status == 200, "the write happened: only its answer is lost"
    assert [call.status for call in door.world.calls()] == [0, 200]


def test_an_answer_can_lie_about_a_write_that_happened(door: Door):
    door.world.fault(verb="create", status=504, after=True)
    assert door.post(CONFIGMAPS, configmap()).status == 504
    assert door.get(f"{CONFIGMAPS}/cm").status == 200


def test_a_delay_passes_on_the_worlds_clock(world, clock):
    world.fault(delay=30)
    before = clock.monotonic()
    Door(world).get(CONFIGMAPS)
    assert clock.monotonic() - before == 30


def test_faults_can_be_taken_back_and_misspelled_ones_are_refused(door: Door):
    door.world.fault(status=500, times=-1)
    assert [door.get(CONFIGMAPS).status for _ in "abc"] == [500, 500, 500]
    assert door.get("/_fake/faults").body["faults"][0]["seen"] == 3
    door.delete("/_fake/faults")
    assert door.get(CONFIGMAPS).status == 200
    assert door.post("/_fake/faults", {"verbs": "get"}).status == 400


def test_a_watch_can_hang(door: Door):
    door.world.fault(verb="watch", silent=True)
    with door.watch(CONFIGMAPS, allowWatchBookmarks="true") as watch:
        door.post(CONFIGMAPS, configmap())
        door.world.bookmark()
        door.world.close_watches()
        assert (watch.status, watch.end()) == (200, [])


def test_a_watch_can_break_in_the_middle_of_a_line(door: Door):
    if not isinstance(door, HttpDoor):
        pytest.skip("in process there are no lines")
    door.post(CONFIGMAPS, configmap())
    door.world.fault(verb="watch", cut=True)
    read: list[bytes] = []
    with (
        door.client.stream("GET", CONFIGMAPS, params={"watch": "true"}) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        read.extend(answer.iter_raw())
    assert b"".join(read).startswith(b'{"type":"ADDED"')
    assert b"\n" not in b"".join(read)


def test_calls_are_recorded_and_counted(door: Door):
    door.post(INGRESSES, ingress())
    door.patch(f"{INGRESSES}/web/status", {"status": {}})
    door.get(f"{INGRESSES}/none")
    calls = [(one.verb, one.resource, one.name, one.status) for one in door.world.calls()]
    assert calls == [
        ("create", "ingresses", "web", 201),
        ("patch", "ingresses/status", "web", 200),
        ("get", "ingresses", "none", 404),
    ]
    assert door.world.counts() == {
        ("create", "ingresses"): 1,
        ("get", "ingresses"): 1,
        ("patch", "ingresses/status"): 1,
    }
    assert [one["number"] for one in door.get("/_fake/calls", since="1").body["calls"]] == [2, 3]
    assert door.get("/_fake/counts").body["counts"][0] == {
        "verb": "create",
        "resource": "ingresses",
        "count": 1,
    }
    door.delete("/_fake/calls")
    assert door.world.calls() == []


def test_reset_leaves_an_empty_cluster_whose_versions_go_on(door: Door):
    door.post(CONFIGMAPS, configmap())
    before = door.world.resource_version
    door.post("/_fake/reset", {})
    assert door.get(CONFIGMAPS).body["items"] == []
    assert len(door.get("/api/v1/namespaces").body["items"]) == 3
    assert door.world.resource_version > before
    with door.watch(CONFIGMAPS, resourceVersion=str(before)) as watch:
        assert watch.end()[0]["object"]["code"] == 410


def test_manifests_can_be_applied_through_the_side_door(door: Door):
    manifest = configmap() | {"metadata": {"name": "cm", "namespace": "shop"}}
    assert door.post("/_fake/apply", [manifest]).status == 200
    assert door.world.get("ConfigMap", "shop/cm") is not None


def test_a_copied_world_goes_its_own_way():
    world = World(clock=VirtualClock())
    world.apply(service(type="NodePort"))
    twin = copy.deepcopy(world)
    assert twin.clock is not world.clock
    world.apply(service("only-here", type="NodePort"))
    twin.apply(service("only-there", type="NodePort"))
    assert [one["metadata"]["name"] for one in twin.list("Service")] == ["only-there", "web"]
    ports = [w.list("Service")[0]["spec"]["ports"][0]["nodePort"] for w in (world, twin)]
    assert ports == [30001, 30001]
    uids = [w.list("Service")[0]["metadata"]["uid"] for w in (world, twin)]
    assert uids[0] == uids[1], "the same steps from the same state give the same world"


def test_a_snapshot_can_be_put_back_more_than_once(door: Door):
    door.post(SERVICES, service(type="NodePort"))
    snapshot = door.world.snapshot()
    for _ in range(2):
        door.delete(f"{SERVICES}/web")
        door.post(
            SERVICES, service("other", type="NodePort", ports=[{"port": 1, "nodePort": 30000}])
        )
        door.world.restore(snapshot)
        assert [one["metadata"]["name"] for one in door.get(SERVICES).body["items"]] == ["web"]


def test_what_is_handed_out_may_be_changed(world):
    world.apply(configmap(a="1"))
    world.get("ConfigMap", "default/cm")["data"]["a"] = "2"
    Door(world).get(f"{CONFIGMAPS}/cm").body["data"]["a"] = "3"
    assert world.get("ConfigMap", "default/cm")["data"] == {"a": "1"}
