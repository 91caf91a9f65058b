"""What a Service or its slices may say that is odd."""

import pytest

from fakes.build import ingress, service
from glbc.model.views import Meta
from glbc.translate.annotations import BACKEND_CONFIG, CONDITIONS
from glbc.translate.backendconfig import names_in
from tests.scenario.test_negs import TWO, WEB, A, B, front, members, pods
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
