"""What a Service or its slices may say that is odd."""

import pytest

from fakes.build import endpoint, endpoint_slice, ingress, service
from fakes.gce.faults import Error
from glbc.model.view import Meta
from glbc.translate.annotations import BACKEND_CONFIG, CONDITIONS
from glbc.translate.backendconfig import names_in
from tests.scenario.test_negs import TWO, WEB, A, B, front, members, pods, shop
from tests.scenario.test_negstatus import exposed
from tests.scenario.test_negstatus import shop as stand
from tests.support.house import House

BOTH = {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"exposed_ports": {"' + "9" * 5000 + '": {}}}', id="a port of 5000 digits"),
        pytest.param('{"x": ' + "[" * 100_000, id="arrays in arrays without an end"),
        pytest.param('{"exposed_ports": []}', id="a list of ports"),
        pytest.param('{"exposed_ports": {"80": {"name": 7}}}', id="a number for a name"),
        pytest.param('"ingress"', id="a string"),
    ],
)
def test_garbage_in_one_annotation_costs_no_other_service(text: str) -> None:
    house = House(default_backend_service="")
    odd = service("shop/odd", "80", kind="ClusterIP", target=8080)
    odd["metadata"]["annotations"] = {"cloud.google.com/neg": text}
    house.apply(odd, front(), pods(*TWO), WEB)
    house.settle()
    assert members(house) == BOTH
    (event,) = house.events("BadNegAnnotation")
    assert event["involvedObject"]["name"] == "odd"


def test_garbage_in_a_told_status_costs_no_other_service() -> None:
    house = House(default_backend_service="")
    odd = service("shop/odd", "80", kind="ClusterIP", target=8080)
    odd["metadata"]["annotations"] = {"cloud.google.com/neg-status": '{"x": ' + "[" * 100_000}
    house.apply(odd, front(), pods(*TWO), WEB)
    house.settle()
    assert members(house) == BOTH


def test_garbage_in_place_of_a_backend_config_names_none() -> None:
    text = '{"x": ' + "[" * 100_000
    meta = Meta(name="odd", namespace="shop", annotations={BACKEND_CONFIG: text})
    assert names_in(meta) == frozenset()


def test_garbage_where_conditions_are_told_costs_no_other_ingress() -> None:
    house = House(default_backend_service="")
    odd = ingress("shop/odd", default="front:80")
    odd["metadata"]["annotations"] = {CONDITIONS: '[{"x": ' + "[" * 100_000}
    house.apply(odd, front(), pods(*TWO), WEB)
    house.settle()
    assert members(house) == BOTH


def test_a_slice_of_another_address_family_says_nothing_of_who_is_there() -> None:
    house = shop()
    six = endpoint_slice("shop/front-6", "front", (endpoint("fd00::5", "node-1"),), "8080")
    house.apply(six | {"addressType": "IPv6"})
    house.settle()
    house.kube.delete("EndpointSlice", "shop/front-x")
    house.settle()
    assert members(house) == BOTH


def test_while_slices_name_the_port_as_it_was_nobody_leaves() -> None:
    house = shop()
    renamed = service("shop/front", "http=80", kind="ClusterIP", target=8080)
    renamed["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
    house.apply(renamed)
    house.settle()
    assert members(house) == BOTH
    late = endpoint_slice("shop/front-x", "front", (endpoint("10.8.0.6", "node-1"),), "http=8080")
    house.apply(late)
    house.settle()
    assert members(house) == {A: ["10.8.0.6:8080"], B: []}


def test_while_nothing_tells_what_a_named_port_is_the_firewall_stays_open_for_who_is_there() -> (
    None
):
    house = House(default_backend_service="")
    named = service("shop/front", "80", kind="ClusterIP", target="web")
    named["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
    other = service("shop/api", "90", kind="ClusterIP", target=9090)
    other["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
    web = ingress("shop/web", {"": [("/api", "api:90")]}, default="front:80")
    theirs = endpoint_slice("shop/api-x", "api", (endpoint("10.8.0.9", "node-1"),), "9090")
    house.apply(named, pods(*TWO), other, theirs, web)
    house.settle()
    house.kube.delete("EndpointSlice", "shop/front-x")
    house.settle()
    assert members(house) == BOTH
    rule = house.body("firewalls", "k8s-fw-l7--16f2a1b3c4d5e6f7")
    assert rule["allowed"] == [{"IPProtocol": "tcp", "ports": ["8080", "9090"]}]


# What the cloud refuses is told on the Service, Ingress or not -------------------------------------


def refuse(house: House, verb: str) -> None:
    method = f"networkEndpointGroups.{verb}NetworkEndpoints"
    house.gce.faults.add(method, Error(400, "invalid"), scope=f"zones/{A}", times=None)


def test_an_endpoint_that_cannot_join_is_told_once_on_a_service_without_an_ingress() -> None:
    house = stand(exposed(_80="web"))
    refuse(house, "attach")
    house.apply(pods(*TWO, endpoint("10.8.0.6", "node-1")))
    house.settle()
    (event,) = house.events("EndpointRefused")
    assert event["involvedObject"]["kind"] == "Service"
    assert "10.8.0.6:8080" in event["message"]
    house.settle(patience=1500)  # it is tried again, and not told anew
    assert len(house.events("EndpointRefused")) == 1


def test_an_endpoint_that_cannot_leave_is_told_once_and_costs_no_other() -> None:
    """It was told as `Detach`, as if it had gone."""
    house = stand(exposed(_80="web"))
    house.apply(pods(*TWO, endpoint("10.8.0.6", "node-1")))
    house.settle()
    refuse(house, "detach")
    house.apply(pods(*TWO))
    house.settle(patience=30)
    (event,) = house.events("Refused")
    assert event["involvedObject"]["kind"] == "Service"
    assert "detachNetworkEndpoints" in event["message"]
    assert house.events("Detach") == []
    house.apply(pods(*TWO, endpoint("10.8.0.7", "node-1")))
    house.settle(patience=5)
    assert "10.8.0.7:8080" in members(house, "web")[A]
    house.settle(patience=1500)
    messages = [one["message"] for one in house.events("Refused")]
    assert len(messages) == len(set(messages))
    house.gce.faults.clear()
    house.settle(patience=600)
    assert members(house, "web")[A] == ["10.8.0.5:8080", "10.8.0.7:8080"]
