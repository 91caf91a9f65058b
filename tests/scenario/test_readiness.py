"""Pods that wait for their load balancer: the story of the readiness gate."""

from typing import Any

import pytest

from fakes.build import container, endpoint, endpoint_slice, ingress, pod, service
from fakes.gce.faults import Error
from fakes.kube import Request as KubeRequest
from tests.support.house import House

GATE = "cloud.google.com/load-balancer-neg-ready"
A, B, C = "us-central1-a", "us-central1-b", "us-central1-c"
NEG = "k8s1-16f2a1b3-shop-front-80-574984b4"
WEB = ingress("shop/web", default="front:80")
READY = "LoadBalancerNegReady"
NOT_READY = "LoadBalancerNegNotReady"
TIMEOUT = "LoadBalancerNegTimeout"
UNCHECKED = "LoadBalancerNegWithoutHealthCheck"


def straight(name: str = "shop/front", neg: str = '{"ingress": true}') -> dict[str, Any]:
    made = service(name, "80", kind="ClusterIP", target=8080)
    made["metadata"]["annotations"] = {"cloud.google.com/neg": neg}
    return made


def gated(name: str, app: str = "front") -> dict[str, Any]:
    return pod(f"shop/{name}", container("web", "8080"), app=app, gates=(GATE,))


def listed(*endpoints: dict[str, Any], app: str = "front") -> dict[str, Any]:
    return endpoint_slice(f"shop/{app}-x", app, endpoints, "8080")


ONE = endpoint("10.8.0.5", "node-1", ready=False, pod="one")


def shop(*objects: dict[str, Any], **settings: Any) -> House:
    """Return a shop whose load balancer serves before the first pod comes."""
    house = House(default_backend_service="", **settings)
    house.apply(straight(), listed(), WEB, *objects)
    house.settle()
    return house


def come(house: House, *endpoints: dict[str, Any]) -> None:
    """Let pods come, and their slice tell of them."""
    house.apply(*(gated(one["targetRef"]["name"]) for one in endpoints), listed(*endpoints))


def condition(house: House, name: str = "one") -> dict[str, Any]:
    found = house.kube.get("Pod", f"shop/{name}") or {}
    conditions = found.get("status", {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == GATE), {})


def said(house: House, name: str = "one") -> tuple[str, str]:
    told = condition(house, name)
    return told.get("status", ""), told.get("reason", "")


def version_of(house: House, name: str = "one") -> str:
    found = house.kube.get("Pod", f"shop/{name}")
    return found["metadata"]["resourceVersion"] if found else ""


def asked(house: House) -> int:
    return sum(call.method.endswith("getHealth") for call in house.gce.calls())


def run(house: House, seconds: float) -> None:
    """Let the time pass, and the controller do what is due."""
    until = house.clock.monotonic() + seconds
    while (left := until - house.clock.monotonic()) > 0:
        busy = house.loop.step()
        if not (busy or house.workers.waiting or house.loop.in_flight()):
            house.clock.advance(max(min(house.loop.wake_in() + 0.001, left), 0.001))


def told(house: House, name: str = "one") -> dict[str, int]:
    """Return of what a pod's Events tell, and how often."""
    events = (e for e in house.events() if e["involvedObject"]["kind"] == "Pod")
    return {e["reason"]: e["count"] for e in events if e["involvedObject"]["name"] == name}


def set_status(house: House, name: str, *conditions: dict[str, str]) -> None:
    """Set conditions of a pod as its kubelet does."""
    path = f"/api/v1/namespaces/shop/pods/{name}/status"
    kind = {"content-type": "application/strategic-merge-patch+json"}
    body = {"status": {"conditions": list(conditions)}}
    answer = house.kube.handle(KubeRequest("PATCH", path, {}, kind, body))
    assert answer.status == 200, answer.body


# Ready --------------------------------------------------------------------------------------------


def test_a_pod_is_ready_when_the_load_balancer_calls_its_endpoint_healthy() -> None:
    house = shop()
    house.gce.health.warmup = 20
    come(house, ONE)
    run(house, 15)
    assert said(house) == ("False", NOT_READY)
    assert condition(house)["message"] == (
        f"10.8.0.5:8080 in network endpoint group {NEG} of {A} is not HEALTHY yet"
    )
    run(house, 10)
    assert said(house) == ("True", READY)
    assert condition(house)["message"] == (
        f"10.8.0.5:8080 in network endpoint group {NEG} of {A} is HEALTHY"
    )
    assert told(house) == {NOT_READY: 1, READY: 1}
    assert house.refused() == []


def test_one_healthy_endpoint_says_nothing_of_the_others() -> None:
    house = shop()
    house.gce.health.set("UNHEALTHY", instance="node-1")
    two = endpoint("10.8.1.5", "node-2", ready=False, pod="two")
    come(house, ONE, two)
    run(house, 60)
    assert said(house, "two") == ("True", READY)
    assert said(house) == ("False", NOT_READY)


def test_the_other_conditions_of_the_pod_stay() -> None:
    house = shop()
    come(house, ONE)
    set_status(house, "one", {"type": "ContainersReady", "status": "True"})
    house.settle()
    found = house.kube.get("Pod", "shop/one")
    assert found is not None
    assert {one["type"]: one["status"] for one in found["status"]["conditions"]} == {
        "ContainersReady": "True",
        GATE: "True",
    }


def test_a_pod_without_the_gate_is_left_alone() -> None:
    house = shop()
    house.apply(pod("shop/one", container("web", "8080"), app="front"), listed(ONE))
    house.settle()
    assert condition(house) == {}
    assert told(house) == {}


def test_what_is_ready_stays_ready() -> None:
    house = shop()
    come(house, ONE)
    house.settle()
    assert said(house) == ("True", READY)
    house.gce.health.set("UNHEALTHY")
    run(house, 900)
    house.apply(straight(neg=""))
    house.settle()
    assert said(house) == ("True", READY)


def test_the_moment_is_noted_only_when_the_status_flips() -> None:
    house = shop()
    house.gce.health.set("UNHEALTHY")
    come(house)
    house.apply(gated("one"))
    run(house, 10)
    first = condition(house)
    house.apply(listed(ONE))
    run(house, 10)
    second = condition(house)
    assert first["message"] != second["message"]
    assert first["lastTransitionTime"] == second["lastTransitionTime"]
    house.gce.health.set("HEALTHY")
    run(house, 10)
    assert condition(house)["lastTransitionTime"] > second["lastTransitionTime"]


def test_a_pod_that_goes_is_left_alone() -> None:
    house = shop()
    house.gce.health.set("UNHEALTHY")
    made = gated("one")
    made["metadata"]["finalizers"] = ["example.com/stays"]
    house.apply(made)
    house.kube.delete("Pod", "shop/one")
    before = house.kube.resource_version
    run(house, 900)
    assert condition(house) == {}
    assert house.kube.resource_version == before


def test_an_answer_about_its_predecessor_says_nothing_of_a_pod() -> None:
    """A pod of a StatefulSet has the name of the one before it, perhaps even its address."""
    house = shop(nodes={"node-1": A, "node-2": A})
    house.gce.health.set("UNHEALTHY", instance="node-2")
    come(house, ONE, endpoint("10.8.1.5", "node-2", ready=False, pod="two"))
    run(house, 30)
    assert (said(house)[0], said(house, "two")[0]) == ("True", "False")
    house.kube.delete("Pod", "shop/one")
    house.gce.health.set("UNHEALTHY")
    house.apply(gated("one"))
    run(house, 30)
    assert said(house) == ("False", NOT_READY)
    assert told(house) == {NOT_READY: 1, READY: 1}


def test_a_slice_that_tells_of_its_predecessor_says_nothing_of_a_pod() -> None:
    house = shop()
    old = endpoint("10.8.0.5", "node-1", pod="one")
    old["targetRef"]["uid"] = "another"
    come(house, old)
    run(house, 30)
    assert said(house) == ("False", NOT_READY)
    assert "it belongs into no network endpoint group" in condition(house)["message"]


# Behind several groups ----------------------------------------------------------------------------


def test_a_pod_behind_two_backends_waits_for_both() -> None:
    """Upstream is content with one: then the last old pod leaves the other while nobody serves there."""
    house = shop(
        straight("shop/api"),
        listed(app="api"),
        ingress("shop/api", default="api:80"),
    )
    api = next(name for name in house.names("backendServices") if "-api-" in name)
    house.gce.health.set("UNHEALTHY", group=api)
    house.apply(gated("one"), listed(ONE), listed(ONE, app="api"))
    run(house, 60)
    assert said(house) == ("False", NOT_READY)
    assert api in condition(house)["message"]
    house.gce.health.set("HEALTHY")
    run(house, 10)
    assert said(house) == ("True", READY)


def test_groups_that_nobody_uses_do_not_hold_a_pod_back() -> None:
    house = shop(straight("shop/side", '{"exposed_ports": {"80": {}}}'), listed(app="side"))
    side = next(name for name in house.names("networkEndpointGroups") if "-side-" in name)
    attach = "networkEndpointGroups.attachNetworkEndpoints"
    house.gce.faults.add(attach, Error(503), name=side, times=None)
    house.apply(gated("one"), listed(ONE), listed(ONE, app="side"))
    run(house, 10)
    assert said(house) == ("True", READY)


# Not ready ----------------------------------------------------------------------------------------


def test_a_pod_that_no_group_has_says_so_and_waits_no_longer_than_ten_minutes() -> None:
    house = shop(health_interval_sec=3600)
    before = asked(house)
    house.apply(gated("one", app="nobody"))
    run(house, 30)
    assert said(house) == ("False", NOT_READY)
    assert condition(house)["message"].startswith("it belongs into no network endpoint group")
    run(house, 600)
    assert said(house) == ("True", TIMEOUT)
    assert told(house) == {NOT_READY: 1, TIMEOUT: 1}
    assert asked(house) == before


def test_igce_931_a_pod_that_never_becomes_healthy_waits_for_ten_minutes() -> None:
    house = shop()
    house.gce.health.set("UNHEALTHY")
    come(house, ONE)
    run(house, 595)
    assert said(house) == ("False", NOT_READY)
    run(house, 10)
    assert said(house) == ("True", TIMEOUT)
    assert "10 minutes" in condition(house)["message"]
    assert "is not HEALTHY yet" in condition(house)["message"]


def test_a_pod_whose_endpoint_is_refused_says_what_it_waits_for() -> None:
    house = shop()
    come(house, endpoint("192.168.0.9", "node-1", ready=False, pod="one"))
    run(house, 30)
    assert said(house) == ("False", NOT_READY)


def test_a_pod_whose_endpoint_is_not_in_its_group_yet_waits_even_for_a_group_of_nobody() -> None:
    house = House(default_backend_service="")
    house.gce.faults.add("networkEndpointGroups.attachNetworkEndpoints", Error(503), times=None)
    house.apply(straight(neg='{"exposed_ports": {"80": {}}}'), gated("one"), listed(ONE))
    run(house, 60)
    assert said(house) == ("False", NOT_READY)
    assert "is not there yet" in condition(house)["message"]


def test_groups_that_no_backend_service_uses_make_a_pod_ready_once_it_is_in() -> None:
    house = House(default_backend_service="")
    house.apply(straight(neg='{"exposed_ports": {"80": {}}}'), gated("one"), listed(ONE))
    house.settle()
    assert said(house) == ("True", UNCHECKED)


def test_a_backend_service_of_somebody_else_is_asked() -> None:
    house = House(default_backend_service="")
    house.apply(straight(neg='{"exposed_ports": {"80": {}}}'), listed())
    house.settle()
    theirs(house, A)
    house.gce.health.set("UNHEALTHY")
    come(house, ONE)
    run(house, 30)
    assert said(house) == ("False", NOT_READY)
    house.gce.health.set("HEALTHY")
    run(house, 10)
    assert said(house) == ("True", READY)


def theirs(house: House, *places: str) -> None:
    """Let somebody else's backend service use the groups of these zones."""
    base = "https://www.googleapis.com/compute/v1/projects/demo"
    backends = [
        {
            "group": f"{base}/zones/{place}/networkEndpointGroups/{name}",
            "balancingMode": "RATE",
            "maxRatePerEndpoint": 1,
        }
        for place in places
        for name in set(house.names("networkEndpointGroups"))
    ]
    house.gce.seed("backendServices", "global", "theirs", {"backends": backends})
    house.loop.resync()
    house.settle()


# A first pod in a new zone ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_igce_1718_the_first_pod_in_a_new_zone_waits_for_the_group_of_its_zone(seed: int) -> None:
    """igce#1718, igce#2222: it counted as ready before its group was behind the backend service."""
    house = shop(seed=seed)
    house.gce.health.warmup = 20
    seen: list[tuple[str, bool]] = []

    def look(*_: Any) -> None:
        backends = house.body("backendServices", NEG)["backends"]
        seen.append((said(house)[0], any(f"/{C}/" in one["group"] for one in backends)))

    house.cloud.before = house.cloud.after = house.workers.before = look
    house.add_node("node-c", C)
    come(house, endpoint("10.8.2.5", "node-c", ready=False, pod="one"))
    run(house, 60)
    look()
    assert said(house) == ("True", READY)
    assert ("True", False) not in seen
    assert ("False", True) in seen


def test_autoneg_137_no_pod_is_ready_before_its_zone_is_behind_the_backend_service_of_others() -> (
    None
):
    """A group in a new zone that nobody uses yet is one that somebody is about to use."""
    house = House(default_backend_service="")
    house.apply(straight(neg='{"exposed_ports": {"80": {}}}'), listed())
    house.settle()
    theirs(house, A, B)
    house.add_node("node-c", C)
    come(house, endpoint("10.8.2.5", "node-c", ready=False, pod="one"))
    run(house, 60)
    assert said(house) == ("False", NOT_READY)
    assert "is not behind a backend service yet" in condition(house)["message"]


def test_a_group_that_an_ingress_wants_is_never_without_health_check() -> None:
    """Upstream called a pod ready at once while its group was not behind the backend service yet."""
    house = shop()
    theirs(house, A, B, C)  # what others see in the group says nothing of our backend
    house.gce.faults.add("backendServices.patch", Error(403, "forbidden"), times=None)
    house.gce.faults.add("backendServices.update", Error(403, "forbidden"), times=None)
    house.add_node("node-c", C)
    come(house, endpoint("10.8.2.5", "node-c", ready=False, pod="one"))
    run(house, 590)
    assert said(house) == ("False", NOT_READY)
    assert "is not behind a backend service yet" in condition(house)["message"]
    run(house, 20)
    assert said(house) == ("True", TIMEOUT)


def test_while_backend_services_cannot_be_listed_no_group_is_without_health_check() -> None:
    house = House(default_backend_service="")
    house.gce.faults.add("backendServices.list", Error(403, "forbidden"), times=None)
    house.apply(straight(neg='{"exposed_ports": {"80": {}}}'), gated("one"), listed(ONE))
    run(house, 30)
    assert said(house) == ("False", NOT_READY)
