"""Groups that no Ingress needs, and their collection: whoever else uses or names them."""

import json

import pytest

from fakes.build import endpoint, endpoint_slice, service
from fakes.gce.faults import Error
from glbc.model.calls import Call, Verb
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from tests.scenario.test_negs import A, B, front, members, pods
from tests.scenario.test_negstatus import exposed, shop, used
from tests.support.house import KUBE_SYSTEM_UID, House


def test_a_service_deleted_while_nobody_was_there_leaves_nothing() -> None:
    house = shop(exposed(_80="web"))
    house.kube.delete("Service", "shop/front")
    house.kube.delete("EndpointSlice", "shop/front-x")
    house.start()
    house.settle()
    assert house.ours() == {}


def test_what_cannot_be_read_any_more_keeps_its_groups_and_their_pods_come_and_go() -> None:
    house = shop(exposed(_80="web"))
    before = house.kube.get("Service", "shop/front")
    house.apply(front(neg='{"exposed_ports": {"80": {"name": "web"}}'))
    house.apply(pods(endpoint("10.8.0.6", "node-1")))
    house.settle(patience=600)
    assert members(house, "web") == {A: ["10.8.0.6:8080"], B: []}
    assert house.events("BadNegAnnotation")
    after = house.kube.get("Service", "shop/front")
    assert before is not None
    assert after is not None
    key = "cloud.google.com/neg-status"
    assert after["metadata"]["annotations"][key] == before["metadata"]["annotations"][key]


def test_two_services_cannot_have_one_name_and_the_first_keeps_it() -> None:
    second = service("shop/zweite", "80", kind="ClusterIP", target=8080)
    wish = json.dumps({"exposed_ports": {"80": {"name": "web"}}})
    second["metadata"]["annotations"] = {"cloud.google.com/neg": wish}
    theirs = endpoint_slice("shop/zweite-x", "zweite", (endpoint("10.8.0.9", "node-1"),), "8080")
    house = shop(exposed(_80="web"), second, theirs)
    assert members(house, "web") == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}
    (event,) = house.events("BadNegAnnotation")
    assert event["involvedObject"]["name"] == "zweite"
    house.kube.delete("Service", "shop/front")
    house.settle()
    assert members(house, "web") == {A: ["10.8.0.9:8080"], B: []}


def test_a_new_service_takes_no_name_from_one_that_has_it() -> None:
    house = shop(exposed(_80="web"))
    earlier = service("shop/aaa", "80", kind="ClusterIP", target=8080)
    wish = json.dumps({"exposed_ports": {"80": {"name": "web"}}})
    earlier["metadata"]["annotations"] = {"cloud.google.com/neg": wish}
    house.apply(earlier)
    house.settle()
    assert members(house, "web") == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}
    (event,) = house.events("BadNegAnnotation")
    assert event["involvedObject"]["name"] == "aaa"


def test_two_ports_of_a_service_cannot_have_one_name() -> None:
    house = shop(exposed(_80="web", _443="web"))
    (event,) = house.events("BadNegAnnotation")
    assert "port 443 of service shop/front has groups called web" in event["message"]


def test_groups_of_another_type_are_another_controllers() -> None:
    """GKE balances Services of layer 4 over groups of VMs, which have the same description."""
    house = House(default_backend_service="")
    record = {
        "cluster-uid": KUBE_SYSTEM_UID,
        "namespace": "shop",
        "service-name": "front",
        "port": "0",
    }
    body = {
        "networkEndpointType": "GCE_VM_IP",
        "network": "projects/demo/global/networks/default",
        "subnetwork": "projects/demo/regions/us-central1/subnetworks/default",
        "description": json.dumps(record, separators=(",", ":")),
    }
    house.gce.seed("networkEndpointGroups", f"zones/{A}", "k8s2-l4", body)
    house.settle()
    assert house.names("networkEndpointGroups") == ["k8s2-l4"]


def test_what_somebody_else_uses_is_named_on_the_service_and_goes_when_he_lets_go() -> None:
    house = shop(exposed(_80="web"))
    used(house, "web")
    house.apply(front(neg=""))
    house.settle()
    (event,) = house.events("InUse")
    assert event["involvedObject"]["name"] == "front"
    assert "backendServices/theirs" in event["message"]
    house.cloud.call(Call(Verb.DELETE, ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, "theirs")))
    house.loop.resync()
    house.settle()
    assert house.names("networkEndpointGroups") == []


def test_what_somebody_else_uses_of_a_service_that_is_gone_is_logged_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    house = shop(exposed(_80="web"))
    used(house, "web")
    house.kube.delete("Service", "shop/front")
    house.settle(patience=1300)
    lines = [line for line in capsys.readouterr().out.splitlines() if "in_use_by_others" in line]
    assert len(lines) == 1
    assert "backendServices/theirs" in lines[0]


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_endpoints_that_may_not_be_moved_are_told_once_on_the_service(verb: str) -> None:
    house = shop(exposed(_80="web"))
    method = f"networkEndpointGroups.{verb}NetworkEndpoints"
    house.gce.faults.add(method, Error(403, "forbidden"), times=None)
    moved = {"attach": ("10.8.0.5", "10.8.0.6"), "detach": ()}[verb]
    house.apply(pods(*(endpoint(one, "node-1") for one in moved), endpoint("10.8.1.5", "node-2")))
    house.settle(patience=1300)
    (event,) = house.events("Refused")
    assert event["involvedObject"]["kind"] == "Service"
    assert "networkEndpointGroups/web" in event["message"]
    assert (event["type"], event["count"]) == ("Warning", 1)
    house.gce.faults.clear()
    house.settle(patience=120)
    assert members(house, "web")[A] == [f"{one}:8080" for one in moved]


def test_what_is_done_with_groups_is_told_as_ingress_gce_tells_it() -> None:
    house = shop(exposed(_80="web"))
    for address in ("10.8.0.6", "10.8.0.7"):
        house.apply(pods(endpoint(address, "node-1"), endpoint("10.8.1.5", "node-2")))
        house.settle()
    told = {(one["reason"], one["message"], one["count"]) for one in house.events()}
    assert told == {
        ("Create", f'Created NEG "web" for shop/front:80 in "{A}".', 1),
        ("Create", f'Created NEG "web" for shop/front:80 in "{B}".', 1),
        ("Attach", f'Attach 1 network endpoint(s) (NEG "web" in zone "{A}")', 2),
        ("Detach", f'Detach 1 network endpoint(s) (NEG "web" in zone "{A}")', 2),
    }
    house.apply(front(neg=""))
    house.settle()
    assert {one["message"] for one in house.events("Delete")} == {
        f'Deleted NEG "web" for shop/front:80 in "{zone}".' for zone in (A, B)
    }
