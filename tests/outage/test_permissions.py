"""Permissions that are withdrawn while glbc runs: what it cannot see is named, and costs nothing.

Meanwhile an Ingress is added, one is edited, one is deleted, and a node goes. When the permission is
granted again, all of that has happened without a restart.
"""

import json

import pytest

from glbc.model.views import VIEWS
from glbc.plan.guard import NEEDED_VIEWS
from tests.outage.scene import (
    broken,
    caught_up,
    front,
    meanwhile,
    nothing_is_lost,
    paths,
    unseen_is_said,
)
from tests.outage.wired import Wired

PLURALS = {
    "Secret": "secrets",
    "Service": "services",
    "Node": "nodes",
    "Pod": "pods",
    "EndpointSlice": "endpointslices",
    "ServiceNetworkEndpointGroup": "servicenetworkendpointgroups",
    "BackendConfig": "backendconfigs",
    "FrontendConfig": "frontendconfigs",
    "IngressParameters": "ingressparameters",
    "IngressClass": "ingressclasses",
    "Ingress": "ingresses",
}


@pytest.mark.parametrize("kind", sorted(NEEDED_VIEWS))
def test_a_permission_that_is_withdrawn_is_named_and_costs_nothing(house, logged, kind):
    with nothing_is_lost(house):
        house.withdraw(PLURALS[kind])
        house.until(lambda: house.unseen() == {kind}, "the metric tells of it")
        meanwhile(house)
        if kind != "Ingress":  # else nobody can know of it
            house.until(lambda: house.address("shop/new"), "what was added serves")
            house.until(lambda: house.events("ViewIncomplete"), "it is told")
        house.run(900)
        unseen_is_said(house, kind)
        if kind != "Ingress":
            told = [one["message"] for one in house.events("ViewIncomplete")]
            assert len(told) == 1
            assert told[0].endswith(f"not all of {kind} can be seen: it waits for a complete view")
            assert any(one["event"] == "held_back" and one["ViewIncomplete"] for one in logged)
    assert broken(logged) == [(kind, 403)]
    house.grant()
    caught_up(house)


@pytest.mark.parametrize("kind", sorted(VIEWS.keys() - NEEDED_VIEWS))
def test_what_wants_nothing_of_the_cloud_holds_up_no_deletion(house, logged, kind):
    house.withdraw(PLURALS[kind])
    house.until(lambda: house.unseen() == {kind}, "the metric tells of it")
    meanwhile(house)
    house.until(lambda: house.ingress("shop/leaving") is None, "what was deleted is gone")
    unseen_is_said(house, kind)
    assert broken(logged) == [(kind, 403)]
    house.grant()
    caught_up(house)


def programmed(house: Wired) -> tuple[str, str, str]:
    """Return status, reason and message of the condition Programmed of shop/old."""
    told = (house.ingress("shop/old") or {})["metadata"]["annotations"]
    for one in json.loads(told["glbc.gcp.kubernetes.io/conditions"]):
        if one["type"] == "Programmed":
            return one["status"], one["reason"], one["message"]
    return "", "", ""


def test_an_edit_ships_what_it_adds_and_keeps_what_it_would_take_away(house):
    house.withdraw("secrets")
    house.until(lambda: house.unseen() == {"Secret"}, "the metric tells of it")
    house.apply(front("old", "/more"))
    house.until(lambda: "/more" in paths(house), "what it adds is shipped")
    house.run(900)
    assert "/api" in paths(house)
    status, reason, message = programmed(house)
    assert (status, reason) == ("False", "Blocked")
    assert "ViewIncomplete: not all of Secret can be seen" in message
    house.grant()
    house.until(lambda: "/api" not in paths(house), "what it takes away is gone")
    house.until(lambda: programmed(house)[0] == "True", "the condition says so")
