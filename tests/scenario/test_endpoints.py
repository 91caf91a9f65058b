"""How pods come to the load balancer: in batches, zone by zone, and never behind anything else."""

from typing import Any

from fakes.build import endpoint, endpoint_slice
from fakes.gce import Error
from glbc.engine.jobs import ActionJob, Job
from glbc.model.calls import Call, Verb
from glbc.model.keys import Kind
from glbc.plan.planner import Op
from tests.bench.endpoints import Site
from tests.scenario.test_negs import NEG, TWO, WEB, A, B, front, members, pods, shop
from tests.support.house import House

ATTACH, DETACH = Verb.ATTACH_ENDPOINTS, Verb.DETACH_ENDPOINTS


def crowd(first: int, past: int, node: str = "node-1", net: str = "10.8") -> list[dict[str, Any]]:
    """Return pods of one node, by number."""
    return [endpoint(f"{net}.{n // 250}.{n % 250 + 1}", node) for n in range(first, past)]


def sliced(endpoints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the slices of so many pods, a hundred in each."""
    return [
        endpoint_slice(f"shop/front-{at}", "front", endpoints[at : at + 100], "8080")
        for at in range(0, len(endpoints), 100)
    ]


def roomy() -> House:
    """Return a house whose first node has room for a thousand pods."""
    house = House(default_backend_service="", nodes={})
    house.gce.seed_instance(
        name="node-1", zone=A, tags=("node",), ip="10.0.0.6", alias_ranges=("10.8.0.0/16",)
    )
    house.add_node("node-2", B)
    from fakes.build import node  # noqa: PLC0415

    house.apply(node("node-1", A))
    return house


def moves(house: House) -> list[tuple[str, int]]:
    """Return what was attached and detached, call by call."""
    return [
        (call.verb.value, len((call.body or {})["networkEndpoints"]))
        for call in house.cloud.writes
        if call.verb in {ATTACH, DETACH}
    ]


def is_about(job: Job, place: str) -> bool:
    """Tell whether a job moves the endpoints of a zone."""
    return (
        isinstance(job, ActionJob)
        and job.action.op is Op.UPDATE
        and job.action.key.scope == f"zones/{place}"
        and job.action.key.kind == Kind.NETWORK_ENDPOINT_GROUP
    )


def test_a_thousand_pods_come_and_go_in_batches_of_five_hundred() -> None:
    house = roomy()
    house.apply(front(), WEB, *sliced(crowd(0, 1)))
    house.settle()
    house.cloud.writes.clear()
    house.apply(*sliced(crowd(0, 1002)))
    house.settle()
    assert moves(house) == [("attachNetworkEndpoints", n) for n in (500, 500, 1)]
    house.cloud.writes.clear()
    for one in house.kube.list("EndpointSlice")[1:]:
        house.kube.delete("EndpointSlice", f"shop/{one['metadata']['name']}")
    house.apply(*sliced(crowd(1001, 1002)))
    house.settle()
    assert moves(house) == [("detachNetworkEndpoints", n) for n in (500, 500, 1)]
    assert len(members(house)[A]) == 1


def test_an_attach_reads_nothing_before_it_is_sent() -> None:
    """A read would wait behind the lists of a resync, and behind their quota."""
    house = shop()
    house.gce.faults.add("*.get", Error(403, "rateLimitExceeded"), times=None)
    house.gce.faults.add("*.list*", Error(403, "rateLimitExceeded"), times=None)
    house.apply(pods(endpoint("10.8.0.6", "node-1")))
    for _ in range(6):
        house.loop.step()
    house.gce.faults.clear()
    assert members(house) == {A: ["10.8.0.6:8080"], B: []}


def test_endpoints_that_have_gone_by_themselves_cost_one_read_and_no_storm() -> None:
    house = roomy()
    house.apply(front(), WEB, *sliced(crowd(0, 400)))
    house.settle()
    path = f"/compute/v1/projects/demo/zones/{A}/networkEndpointGroups/{NEG}"
    gone = [{"instance": "node-1", "ipAddress": f"10.8.0.{n}", "port": 8080} for n in range(1, 200)]
    house.cloud._ask("POST", f"{path}/detachNetworkEndpoints", {"networkEndpoints": gone})
    house.clock.advance(5)
    house.cloud.writes.clear()
    for one in house.kube.list("EndpointSlice"):
        house.kube.delete("EndpointSlice", f"shop/{one['metadata']['name']}")
    house.apply(*sliced(crowd(399, 400)))
    house.settle()
    assert moves(house) == [("detachNetworkEndpoints", 399), ("detachNetworkEndpoints", 200)]
    assert len(members(house)[A]) == 1


def test_an_attach_in_one_zone_does_not_wait_for_another_zone() -> None:
    house = shop()
    held: list[Call] = []
    house.gce.faults.add("*", Error(503), scope=f"zones/{B}", times=None)
    house.cloud.before = lambda call: held.append(call) if B in call.key.scope else None
    house.apply(pods(endpoint("10.8.0.6", "node-1"), endpoint("10.8.1.6", "node-2")))
    for _ in range(8):
        house.loop.step()
    assert held, "the other zone is in trouble"
    house.gce.faults.clear()
    assert members(house) == {A: ["10.8.0.6:8080"], B: ["10.8.1.5:8080"]}
    house.settle()
    assert members(house) == {A: ["10.8.0.6:8080"], B: ["10.8.1.6:8080"]}


def test_pods_that_change_during_an_attach_are_next_as_they_are_by_then() -> None:
    house = shop()
    house.cloud.writes.clear()
    begun: list[bool] = []

    def meanwhile(job: Job) -> None:
        if is_about(job, A) and not begun:
            begun.append(True)
            for n in (7, 8, 9):  # the loop sees each of them while the attach is under way
                house.apply(pods(endpoint(f"10.8.0.{n}", "node-1"), endpoint("10.8.1.5", "node-2")))
                house.loop._desired(house.cluster.snapshot())

    house.workers.before = meanwhile
    house.apply(pods(endpoint("10.8.0.6", "node-1"), endpoint("10.8.1.5", "node-2")))
    house.settle()
    assert members(house) == {A: ["10.8.0.9:8080"], B: ["10.8.1.5:8080"]}
    sent = [
        (call.verb.value, [row["ipAddress"] for row in (call.body or {})["networkEndpoints"]])
        for call in house.cloud.writes
    ]
    assert sent == [
        ("attachNetworkEndpoints", ["10.8.0.6"]),
        ("detachNetworkEndpoints", ["10.8.0.5"]),
        ("attachNetworkEndpoints", ["10.8.0.9"]),
        ("detachNetworkEndpoints", ["10.8.0.6"]),
    ]


def test_churn_takes_as_many_calls_as_it_must_and_no_other_write() -> None:
    site = Site(services=4, pods=1200)
    least = site.least(0.5)
    site.cluster.change({k: v for n in range(4) for k, v in site.churn(n, 0.5).items()})
    site.settle()
    assert len(site.cloud.writes) == least == 4 * 2 * 3
    assert {call.verb for call in site.cloud.writes} == {ATTACH, DETACH}


def test_what_an_attach_has_done_is_no_reason_to_translate_again() -> None:
    """Else the whole cluster is read again for each outcome of a rollout."""
    site = Site(services=4, pods=40)
    site.cluster.change({k: v for n in range(4) for k, v in site.churn(n, 0.5).items()})
    site.workers.one_by_one = True
    seen = []
    while site.loop.step() or site.workers.jobs:
        assert site.loop.turn is not None
        seen.append(site.loop.turn.desired)
    assert len(seen) > 12
    assert all(one is seen[0] for one in seen)


# Strangers ----------------------------------------------------------------------------------------


def by_hand(house: House, verb: str, *addresses: str) -> None:
    """Attach or detach endpoints in the first zone, as somebody does who has the permission."""
    path = f"/compute/v1/projects/demo/zones/{A}/networkEndpointGroups/{NEG}"
    rows = [{"instance": "node-1", "ipAddress": one, "port": 8080} for one in addresses]
    house.cloud._ask("POST", f"{path}/{verb}", {"networkEndpoints": rows})
    house.clock.advance(5)


def test_what_somebody_attaches_and_detaches_by_hand_is_put_right_by_the_next_resync() -> None:
    house = shop()
    by_hand(house, "attachNetworkEndpoints", "10.8.0.77")
    by_hand(house, "detachNetworkEndpoints", "10.8.0.5")
    assert members(house)[A] == ["10.8.0.77:8080"]
    house.loop.resync()
    house.settle()
    assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}


def test_what_somebody_attached_that_is_to_come_anyway_is_no_trouble() -> None:
    house = shop()
    by_hand(house, "attachNetworkEndpoints", "10.8.0.6")
    house.apply(pods(*TWO, endpoint("10.8.0.6", "node-1")))
    house.settle()
    assert members(house)[A] == ["10.8.0.5:8080", "10.8.0.6:8080"]
    assert house.refused() == []


def test_a_group_that_somebody_deletes_comes_back_with_its_pods() -> None:
    house = House(default_backend_service="")
    house.apply(front(neg='{"exposed_ports": {"80": {}}}'), pods(*TWO))
    house.settle()
    path = f"/compute/v1/projects/demo/zones/{A}/networkEndpointGroups/{NEG}"
    house.cloud._ask("DELETE", path)
    house.clock.advance(5)
    house.apply(pods(*TWO, endpoint("10.8.0.6", "node-1")))  # before any list has told of it
    house.settle()
    assert members(house) == {A: ["10.8.0.5:8080", "10.8.0.6:8080"], B: ["10.8.1.5:8080"]}


def test_a_group_that_is_gone_is_not_asked_for_each_of_its_pods() -> None:
    house = roomy()
    house.apply(front(neg='{"exposed_ports": {"80": {}}}'), *sliced(crowd(0, 1)))
    house.settle()
    house.cloud._ask("DELETE", f"/compute/v1/projects/demo/zones/{A}/networkEndpointGroups/{NEG}")
    house.clock.advance(5)
    house.cloud.writes.clear()
    house.apply(*sliced(crowd(0, 400)))
    house.settle()
    assert moves(house) == [("attachNetworkEndpoints", 399), ("attachNetworkEndpoints", 400)]
    assert len(members(house)[A]) == 400


def test_somebody_elses_group_of_our_name_is_left_alone_and_the_other_zones_serve() -> None:
    house = House(default_backend_service="")
    body = {"networkEndpointType": "GCE_VM_IP_PORT", "network": "global/networks/default"}
    house.gce.seed("networkEndpointGroups", f"zones/{A}", NEG, {**body, "description": "mine"})
    before = {k: v for k, v in house.gce.dump().items() if NEG in k}
    house.apply(front(), WEB, pods(*TWO))
    house.settle()
    assert members(house) == {A: [], B: ["10.8.1.5:8080"]}
    assert house.address("shop/web")
    house.kube.delete("Ingress", "shop/web")
    house.settle(patience=700)
    assert {k: v for k, v in house.gce.dump().items() if NEG in k} == before
    assert house.ingress("shop/web") is None
