"""Writes that the API server refuses: the load balancer goes on, the rest is told, and done when it may be."""

import pytest

from fakes.build import ingress, service
from tests.outage.scene import caught_up, front, meanwhile, paths
from tests.support.house import House

WEBHOOK = 'admission webhook "policy.example.com" denied the request: no controllers here'


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param(403, "Forbidden", id="as forbidden"),
        pytest.param(409, "Conflict", id="as a conflict"),
        pytest.param(422, "Invalid", id="as invalid"),
        pytest.param(400, "BadRequest", id="as bad"),
    ],
)
def test_a_finalizer_that_a_webhook_refuses(house, logged, status, reason):
    """Without its finalizer nothing is made for an Ingress, and its author reads why."""
    house.kube.fault(
        verb="patch", resource="ingresses", name="new", times=-1,
        status=status, reason=reason, message=WEBHOOK,
    )  # fmt: skip
    meanwhile(house)
    house.until(lambda: "/more" in paths(house), "the others go on")
    house.until(lambda: house.ingress("shop/leaving") is None, "the others go on")
    refused = lambda: [one for one in logged if "shop/new" in str(one.get("object"))]  # noqa: E731
    house.until(lambda: len(refused()) > 3, "it is tried again")
    house.run(900)
    assert not [name for name in house.names("urlMaps") if "-new-" in name]
    if status != 409:  # a conflict is no refusal: it is tried again with what is there now
        (told,) = house.events("NotWritten")
        assert told["involvedObject"]["name"] == "new"
        assert WEBHOOK in told["message"]
    assert len(refused()) < 40
    assert all(WEBHOOK in one["error"] for one in refused())
    house.kube.clear_faults()
    caught_up(house)


def test_a_status_that_may_not_be_written(house, logged):
    house.kube.fault(
        verb="patch", resource="ingresses/status", name="new", times=-1, status=403, message=WEBHOOK
    )
    house.apply(front("new"))
    house.until(lambda: house.events("NotWritten"), "it is told")
    house.run(900)
    assert [name for name in house.names("forwardingRules") if "-new-" in name]
    (told,) = house.events("NotWritten")
    assert (told["involvedObject"]["name"], told["count"]) == ("new", 1)
    assert house.address("shop/new") == ""
    house.kube.clear_faults()
    house.until(lambda: house.address("shop/new"), "it is written")


def test_events_that_may_not_be_written(house, logged):
    house.kube.fault(resource="events", times=-1, status=403)
    meanwhile(house)
    caught_up(house)
    house.run(900)
    assert not [one for one in house.events() if one["involvedObject"]["name"] == "new"]
    assert len([one for one in logged if one["event"] == "publish_failed"]) < 200
    house.kube.clear_faults()
    house.until(house.events, "they are told")


def test_a_server_that_asks_for_patience_is_written_to_once_in_so_long(logged):
    """However much is to be written, one call finds out whether it has recovered."""
    house = House()
    many = [f"shop/many-{number}" for number in range(40)]
    house.apply(service("shop/web", "80->30301"), *(ingress(one, default="web:80") for one in many))
    house.settle()
    before = len(house.kube.calls())
    house.kube.fault(verb="patch", times=-1, status=429, retry_after=20)
    house.apply(*(ingress(one, {"": [("/more", "web:80")]}, default="web:80") for one in many))
    house.settle(patience=200)
    sent = [one for one in house.kube.calls()[before:] if one.verb == "patch"]
    assert 2 <= len(sent) <= 200 / 20 + 2
    assert len([one for one in logged if one["event"] == "publish_failed"]) == 1
    assert sum("/more" in str(one) for one in house.gce.resources("urlMaps")) == len(many)
    house.kube.clear_faults()
    house.settle(patience=200)
    ends = [
        house.ingress(one)["metadata"]["annotations"]["glbc.gcp.kubernetes.io/conditions"]
        for one in many
    ]
    assert all('"observedGeneration":2' in one for one in ends)
