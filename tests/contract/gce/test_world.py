"""The world in process: copies, dumps, threads, a real clock."""

import copy
import threading
import time

import httpx
import pytest

from fakes.clock import VirtualClock
from fakes.gce import Request, World, running
from tests.contract.gce.door import ROOT, URL, Door, chain


@pytest.fixture
def full(world: World) -> World:
    chain(Door(world, world.handle))
    return world


def _insert(world: World, name: str) -> None:
    body = {"name": name, "type": "HTTP"}
    operation = world.handle(Request("POST", f"{ROOT}global/healthChecks", {}, body)).body
    path = ROOT + operation["selfLink"].removeprefix(URL)
    assert world.handle(Request("POST", f"{path}/wait")).body["status"] == "DONE"


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda world: World.restore(world.snapshot()), id="snapshot and restore"),
        pytest.param(copy.deepcopy, id="deepcopy"),
    ],
)
def test_a_copy_goes_its_own_way(full: World, copied):
    begun = full.handle(
        Request("POST", f"{ROOT}global/healthChecks", {}, {"name": "late", "type": "TCP"})
    )
    twin = copied(full)
    before = full.dump()
    assert twin.dump() == before
    twin.clock.advance(1)
    assert "global/healthChecks/late" in twin.dump()
    _insert(twin, "own")
    assert full.dump() == before
    path = ROOT + begun.body["selfLink"].removeprefix(URL)
    assert full.handle(Request("GET", path)).body["status"] == "PENDING"
    assert twin.handle(Request("GET", path)).body["status"] == "DONE"


def test_two_worlds_with_the_same_history_dump_the_same():
    dumps = []
    for names in (("a", "b"), ("b", "a")):
        world = World(clock=VirtualClock())
        for name in names:
            _insert(world, name)
        chain(Door(world, world.handle))
        dumps.append(world.dump())
    assert dumps[0] == dumps[1]
    assert dumps[0]["zones/us-central1-a/instanceGroups/ig"]["members"]


def test_an_answer_is_the_callers_own(full: World):
    answer = full.handle(Request("GET", f"{ROOT}global/backendServices/be"))
    answer.body["backends"].clear()
    again = full.handle(Request("GET", f"{ROOT}global/backendServices/be"))
    assert again.body["backends"]


def test_resources_read_as_the_api_shows_them(full: World):
    (group,) = full.resources("instanceGroups")
    assert group["size"] == 1
    assert full.resources("instanceGroups", "zones/us-central1-b") == []


def test_many_threads_insert_at_once(world: World):
    def work(number: int) -> None:
        for i in range(20):
            _insert(world, f"hc-{number}-{i}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.resources("healthChecks")) == 160
    assert world.counts()["compute.healthChecks.insert"] == 160


def test_on_a_real_clock_wait_takes_as_long_as_the_operation():
    world = World()
    world.latency.default = 0.05
    begun = time.monotonic()
    _insert(world, "hc")
    assert time.monotonic() - begun >= 0.05


def test_a_long_poll_holds_up_nobody():
    world = World()
    world.latency.default = 1.0
    path = f"{ROOT}global/healthChecks"
    answers: list[str] = []
    with running(world) as url, httpx.Client(base_url=url, timeout=30) as client:
        name = client.post(path, json={"name": "hc", "type": "HTTP"}).json()["name"]

        def wait() -> None:
            answer = httpx.post(f"{url}{ROOT}global/operations/{name}/wait", timeout=30)
            answers.append(answer.json()["status"])

        waiting = threading.Thread(target=wait)
        waiting.start()
        for _ in range(20):
            assert client.get(path).status_code == 200
        assert not answers
        waiting.join(30)
    assert answers == ["DONE"]


def test_the_project_is_named_as_asked():
    world = World("example.com:shop", VirtualClock(), number=7)
    path = "/compute/v1/projects/example.com%3Ashop"
    answer = world.handle(Request("GET", path))
    assert (answer.body["name"], answer.body["id"]) == ("example.com:shop", "7")
    assert world.handle(Request("GET", "/compute/v1/projects/7/zones")).status == 200


def test_bad_json_is_refused_over_http():
    with running(World(clock=VirtualClock())) as url:
        answer = httpx.post(f"{url}{ROOT}global/urlMaps", content=b"{", timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"][0]["reason"] == "parseError"
