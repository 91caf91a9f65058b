"""Writes that the API server refuses: the load balancer goes on, the rest is told, and done when it may be."""

import pytest

from tests.outage.scene import caught_up, front, meanwhile, paths

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
    house.run(900)
    assert not [name for name in house.names("urlMaps") if "-new-" in name]
    if status != 409:  # a conflict is no refusal: it is tried again with what is there now
        (told,) = house.events("NotWritten")
        assert told["involvedObject"]["name"] == "new"
        assert WEBHOOK in told["message"]
    failed = [one for one in logged if one["event"] == "publish_failed"]
    assert 3 < len(failed) < 40
    assert all(WEBHOOK in one["error"] for one in failed)
    house.kube.clear_faults()
    caught_up(house)


def test_a_status_that_may_not_be_written(house, logged):
    house.kube.fault(
        verb="patch", resource="ingresses/status", times=-1, status=403, message=WEBHOOK
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
