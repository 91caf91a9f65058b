"""A shared VPC: firewall rules and networks are in the host project, which may deny them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from fakes.clock import VirtualClock
from fakes.gce import Request, World, running
from tests.contract.gce.door import URL, ZONE, Door, over_http

HOST = "host"
HOST_URL = URL.replace("/demo/", f"/{HOST}/")
RULE = {"name": "fw", "allowed": [{"IPProtocol": "tcp", "ports": ["30000-32767"]}]}
FORBIDDEN = (403, "forbidden")


@pytest.fixture(scope="module")
def hosted() -> Iterator[tuple[World, httpx.Client]]:
    world = World(clock=VirtualClock(), host_project=HOST)
    with running(world) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield world, client


@pytest.fixture(params=["in process", "HTTP"])
def service(request: pytest.FixtureRequest) -> Door:
    """The door to the service project."""
    if request.param == "in process":
        world = World(clock=VirtualClock(), host_project=HOST)
        return Door(world, world.handle)
    world, client = request.getfixturevalue("hosted")
    world.reset()
    return over_http(world, client)


@pytest.fixture
def host(service: Door) -> Door:
    """The same door, asked for the host project."""
    return replace(service, project=HOST)


def test_the_host_project_has_a_store_of_its_own(service: Door, host: Door):
    made = host.insert("global/firewalls", "fw", allowed=RULE["allowed"])
    assert made["selfLink"] == f"{HOST_URL}global/firewalls/fw"
    assert made["network"] == f"{HOST_URL}global/networks/default"
    assert "items" not in service.get("global/firewalls")
    assert service.refused("GET", "global/firewalls/fw").why == (404, "notFound")
    service.insert("global/firewalls", "fw", allowed=RULE["allowed"], priority=7)
    host.do("PATCH", "global/firewalls/fw", {"priority": 8})
    assert host.get("global/firewalls/fw")["priority"] == 8
    assert service.get("global/firewalls/fw")["priority"] == 7
    host.do("DELETE", "global/firewalls/fw")
    assert "items" not in host.get("global/firewalls")
    assert [row["name"] for row in service.get("global/firewalls")["items"]] == ["fw"]


def test_its_number_and_either_spelling_of_its_network_mean_the_host(host: Door):
    host.insert("global/networks", "shared")
    for i, network in enumerate(
        (f"{HOST_URL}global/networks/shared", f"projects/{HOST}/global/networks/shared")
    ):
        made = host.insert("global/firewalls", f"fw-{i}", network=network, allowed=RULE["allowed"])
        assert made["network"] == f"{HOST_URL}global/networks/shared"
    numbered = replace(host, project=str(host.world.number + 1))
    assert numbered.get("global/networks/shared")["name"] == "shared"
    missing = RULE | {"network": f"projects/{HOST}/global/networks/none"}
    assert host.refused("POST", "global/firewalls", missing).why == (400, "invalid")


def test_a_resource_of_the_service_project_is_in_the_hosts_network(service: Door, host: Door):
    network = host.insert("global/networks", "shared")["selfLink"]
    made = service.insert(f"{ZONE}/networkEndpointGroups", "neg", network=network)
    assert made["network"] == network


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "global/urlMaps", None, id="a list"),
        pytest.param("GET", f"{ZONE}/instances/node-1", None, id="an instance"),
        pytest.param("POST", "global/addresses", {"name": "a"}, id="an insert"),
        pytest.param("GET", "aggregated/instanceGroups", None, id="an aggregated list"),
    ],
)
def test_nothing_else_of_the_host_project_is_shown(host: Door, method, path, body):
    assert host.refused(method, path, body).why == FORBIDDEN
    assert host.refused("GET", "global/teapots").status == 404


def test_its_quotas_are_shown(host: Door):
    host.insert("global/firewalls", "fw", allowed=RULE["allowed"])
    quotas = {row["metric"]: row["usage"] for row in host.get("")["quotas"]}
    assert quotas["FIREWALLS"] == 1.0


def test_a_third_project_is_not_found(service: Door):
    assert replace(service, project="other").refused("GET", "global/firewalls").status == 404


DENIED = [
    pytest.param("*", {"get", "list", "insert", "patch", "delete"}, id="everything"),
    pytest.param("firewalls.*", {"get", "list", "insert", "patch", "delete"}, id="the firewall"),
    pytest.param("compute.firewalls.insert", {"insert"}, id="new rules"),
    pytest.param("networks.*", set(), id="networks"),
]


@pytest.mark.parametrize(("glob", "verbs"), DENIED)
def test_the_host_project_denies_what_it_is_told_to(service: Door, host: Door, glob, verbs):
    host.insert("global/firewalls", "fw", allowed=RULE["allowed"])
    told = service.fake("POST", "host", {"denied": [glob]})
    assert told == service.fake("GET", "host") == {"project": HOST, "denied": [glob]}
    calls = {
        "get": ("GET", "global/firewalls/fw", None),
        "list": ("GET", "global/firewalls", None),
        "insert": ("POST", "global/firewalls", RULE | {"name": "new"}),
        "patch": ("PATCH", "global/firewalls/fw", {"priority": 9}),
        "delete": ("DELETE", "global/firewalls/fw", None),
    }
    for verb, (method, path, body) in calls.items():
        if verb in verbs:
            assert host.refused(method, path, body).why == FORBIDDEN
        elif method == "GET":
            assert host.get(path)
        else:
            host.do(method, path, body)
    service.insert("global/firewalls", "own", allowed=RULE["allowed"])
    service.fake("POST", "host", {"denied": []})
    host.insert("global/firewalls", "after", allowed=RULE["allowed"])


def test_what_is_denied_names_the_permission(service: Door, host: Door):
    service.fake("POST", "host", {"denied": ["*"]})
    for method, path, body, what in (
        ("POST", "global/firewalls", RULE, ("create", "global/firewalls/fw")),
        ("PUT", "global/firewalls/fw", RULE, ("update", "global/firewalls/fw")),
        ("GET", "global/firewalls", None, ("list", "global/firewalls")),
    ):
        wanted = (
            f"Required 'compute.firewalls.{what[0]}' permission for 'projects/{HOST}/{what[1]}'"
        )
        assert host.refused(method, path, body).message == wanted


def test_an_operation_that_has_begun_is_waited_for_though_all_is_denied_meanwhile(
    service: Door, host: Door
):
    service.fake("POST", "latency", {"default": 5})
    begun = host.start("POST", "global/firewalls", RULE)
    service.fake("POST", "host", {"denied": ["*"]})
    assert "error" not in host.wait(begun)


def test_calls_and_trouble_are_those_of_one_world(service: Door, host: Door):
    service.fake("POST", "faults", {"method": "firewalls.insert", "error": {"code": 503}})
    assert host.refused("POST", "global/firewalls", RULE).status == 503
    host.do("POST", "global/firewalls", RULE)
    service.fake("POST", "host", {"denied": ["firewalls.get"]})
    host.refused("GET", "global/firewalls/fw")
    log = [row for row in service.fake("GET", "calls")["items"] if "firewalls" in row["path"]]
    assert [(row["name"], row["status"]) for row in log] == [("fw", 503), ("fw", 200), ("fw", 403)]
    assert log[-1]["path"] == f"/compute/v1/projects/{HOST}/global/firewalls/fw"
    assert service.fake("GET", "counts")["compute.firewalls.insert"] == 2


def test_a_resource_is_seeded_into_the_host(service: Door, host: Door):
    row = {"project": HOST, "kind": "firewalls", "name": "theirs", "body": RULE}
    service.fake("POST", "seed", {"resources": [row]})
    assert host.get("global/firewalls/theirs")["allowed"] == RULE["allowed"]
    assert "items" not in service.get("global/firewalls")
    lost = {"resources": [row | {"project": "other"}]}
    assert service.send(Request("POST", "/_fake/seed", {}, lost)).status == 404


def test_a_reset_empties_the_host_and_allows_again(service: Door, host: Door):
    host.insert("global/firewalls", "fw", allowed=RULE["allowed"])
    service.fake("POST", "host", {"denied": ["*"]})
    service.fake("POST", "reset")
    assert "items" not in host.get("global/firewalls")


def test_a_copy_has_a_host_of_its_own():
    world = World(clock=VirtualClock(), host_project=HOST, host_denied=["networks.*"])
    twin = world.snapshot()
    door, other = (Door(one, one.handle, HOST) for one in (world, twin))
    other.insert("global/firewalls", "fw", allowed=RULE["allowed"])
    assert "items" not in door.get("global/firewalls")
    assert twin.counts()["compute.firewalls.insert"] == 1
    assert "compute.firewalls.insert" not in world.counts()
    for one in (door, other):
        assert one.refused("GET", "global/networks").why == FORBIDDEN


def test_without_a_host_project_there_is_nothing_to_deny(door: Door):
    assert replace(door, project=HOST).refused("GET", "global/firewalls").status == 404
    assert door.send(Request("POST", "/_fake/host", {}, {"denied": []})).status == 404


@pytest.mark.parametrize("denied", ["firewalls.*", 7], ids=["a text", "a number"])
def test_what_is_denied_is_a_list(service: Door, denied):
    answer = service.send(Request("POST", "/_fake/host", {}, {"denied": denied}))
    assert answer.status == 400
    assert service.fake("GET", "host")["denied"] == []


PROGRAM = [sys.executable, "-m", "fakes", "gce"]


def test_the_program_serves_a_host_project():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--host-project", HOST, "--host-denied", "firewalls.*"]
    base = f"http://127.0.0.1:{port}/compute/v1/projects/{HOST}/global"
    program = subprocess.Popen([*PROGRAM, *options])
    try:
        transport = httpx.HTTPTransport(retries=10)  # with a pause that doubles, until it listens
        with httpx.Client(transport=transport, timeout=30) as client:
            assert client.get(f"{base}/networks/default").status_code == 200
            assert client.get(f"{base}/firewalls").status_code == 403
    finally:
        program.terminate()
        program.wait(20)


def test_the_program_denies_nothing_without_a_host_project():
    words = [*PROGRAM, "--host-denied", "firewalls.*"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "give --host-project, too" in done.stderr
