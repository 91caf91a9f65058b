"""Metrics: what a scraper reads of a controller at work."""

import itertools
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes.build import ingress, service
from fakes.gce import Request
from fakes.gce.faults import Error
from glbc.engine.exchange import Exchange
from glbc.model.calls import Call
from glbc.ops.catalogue import ROWS
from tests.support import pki
from tests.support.house import PROJECT, House
from tests.support.observed import Observed

PAUSE = {"glbc.gcp.kubernetes.io/pause": "true"}


def a_shop(**settings: Any) -> tuple[House, Observed]:
    house = House(**settings)
    seen = Observed(house)
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    return house, seen


def test_before_the_first_turn_there_is_nothing_to_tell() -> None:
    _, seen = a_shop()
    found = seen.scraped()
    assert found["glbc_ingresses", "served"] == 0
    assert found["glbc_view_complete", "Ingress"] == 0


def test_actions_are_counted_by_kind_and_result() -> None:
    house, seen = a_shop()
    house.gce.faults.add("compute.urlMaps.insert", Error(503, "backendError", "later"), times=1)
    house.settle()
    found = seen.scraped()
    assert found["glbc_actions_total", "urlMaps", "create", "lost"] == 1
    assert found["glbc_actions_total", "urlMaps", "create", "done"] == 1
    assert found["glbc_action_seconds_count", "urlMaps", "create"] == 2
    assert found["glbc_ingresses", "served"] == 1
    assert found["glbc_plan_actions", "create", "due"] == 0
    assert found["glbc_view_complete", "Ingress"] == 1


def test_what_a_guard_holds_back_is_counted_by_its_reason() -> None:
    house, seen = a_shop()
    house.settle()
    paused = ingress("shop/web", default="web:80", annotations=PAUSE)
    house.apply(paused)
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    found = seen.scraped()
    assert found["glbc_held_back", "Paused"] >= 1
    assert found["glbc_ingresses", "leaving"] == 1


def test_a_finding_is_counted_by_its_reason() -> None:
    house, seen = a_shop()
    house.apply(ingress("shop/web", {"a.example.com": [("/", "gone:80")]}, default="web:80"))
    house.settle()
    assert seen.scraped()["glbc_findings", "ServiceNotFound"] == 1


def test_every_metric_of_the_table_is_exposed_and_no_other() -> None:
    house, seen = a_shop()
    house.apply(ingress("shop/web", {"a.example.com": [("/", "gone:80")]}, default="web:80"))
    house.settle()
    families = text_string_to_metric_families(seen.metrics.text().decode())
    exposed = {(one.name, one.type) for one in families if not one.name.endswith("_created")}
    assert exposed == {(row.name.removesuffix("_total"), row.kind) for row in ROWS}


def test_a_request_is_counted_by_api_method_code_and_result() -> None:
    _, seen = a_shop()
    for status, result in ((200, "ok"), (403, "RateLimited"), (0, "Transient")):
        seen.counters.heard(
            Exchange(
                api="compute", method="urlMaps.list", status=status, result=result, seconds=0.2
            )
        )
    found = seen.scraped()
    assert found["glbc_api_requests_total", "compute", "200", "urlMaps.list", "ok"] == 1
    assert found["glbc_api_requests_total", "compute", "403", "urlMaps.list", "RateLimited"] == 1
    assert found["glbc_api_requests_total", "compute", "none", "urlMaps.list", "Transient"] == 1
    assert found["glbc_api_request_seconds_count", "compute", "urlMaps.list"] == 3


def edits(seen: Observed) -> tuple[int, float]:
    """Return how many edits have come to their end, and the seconds that all of them took."""
    found = seen.scraped()
    name = "glbc_edit_to_programmed_seconds"
    return int(found[f"{name}_count",]), found[f"{name}_sum",]


def test_an_edit_lasts_from_its_watch_event_until_the_cloud_is_as_it_says() -> None:
    house, seen = a_shop()
    house.settle()
    count, before = edits(seen)
    assert count == 1
    house.apply(ingress("shop/web", {"a.example.com": [("/", "web:80")]}, default="web:80"))
    house.clock.advance(7.0)  # the loop was busy
    house.gce.latency.default = 5.0
    house.loop.step(house.clock.monotonic() - 7.0)
    assert edits(seen)[0] == 1, "the URL map is under way"
    house.settle()
    count, total = edits(seen)
    assert count == 2
    assert total - before == pytest.approx(7.0 + 5.0, abs=0.5)


def test_a_resync_that_changes_nothing_and_a_drift_are_no_edits() -> None:
    house, seen = a_shop()
    house.settle()
    count, _ = edits(seen)
    (url_map,) = house.gce.resources("urlMaps")
    path = f"/compute/v1/projects/{PROJECT}/global/urlMaps/{url_map['name']}"
    stamp = {"fingerprint": url_map["fingerprint"]}
    other = f"projects/{PROJECT}/global/backendServices/other"
    house.gce.handle(
        Request(
            "POST",
            f"/compute/v1/projects/{PROJECT}/global/backendServices",
            {},
            {"name": "other", "healthChecks": [house.gce.resources("healthChecks")[0]["selfLink"]]},
        )
    )
    house.clock.advance(5)
    answer = house.gce.handle(Request("PATCH", path, {}, {**stamp, "defaultService": other}))
    assert answer.status == 200, answer.body
    house.clock.advance(5)
    house.gce.latency.default = 200.0  # so long that the Ingress is told, which is an event, too
    house.loop.resync()
    house.settle()
    assert "k8s-be-30301" in house.gce.resources("urlMaps")[0]["defaultService"]
    assert edits(seen)[0] == count


def test_an_edit_lasts_until_its_new_backend_answers_and_the_route_leads_there() -> None:
    house, seen = a_shop()
    house.settle()
    house.gce.health.set("UNHEALTHY", port=30302)
    new = ingress("shop/web", default="new:80")
    house.apply(service("shop/new", "80->30302"), new)
    house.settle(patience=10)
    assert edits(seen)[0] == 1, "the backend is there, and does not answer"
    house.gce.health.set("HEALTHY", port=30302)
    house.settle(patience=10)
    assert edits(seen)[0] == 2


def test_an_edit_of_which_nothing_can_be_served_yet_has_not_come_to_its_end() -> None:
    house, seen = a_shop()
    house.settle()
    house.apply(ingress("shop/new", {"b.example.com": [("/", "gone:80")]}))
    house.settle()
    assert edits(seen)[0] == 1


def test_what_the_cloud_refuses_ages_until_it_is_done() -> None:
    house, seen = a_shop()
    denied = Error(403, "forbidden", "no")
    house.gce.faults.add("compute.urlMaps.insert", denied, times=None)
    house.settle(patience=30)
    began = house.clock.monotonic()
    assert seen.scraped()["glbc_plan_actions", "create", "parked"] == 1
    assert seen.scraped()["glbc_oldest_parked_seconds",] < 60
    house.settle(patience=600)  # it is tried again, and refused again
    found = seen.scraped()
    assert found["glbc_actions_total", "urlMaps", "create", "failed"] > 3
    passed = house.clock.monotonic() - began
    assert found["glbc_oldest_parked_seconds",] == pytest.approx(passed, abs=60)
    house.gce.faults.clear()
    house.settle()
    assert seen.scraped()["glbc_oldest_parked_seconds",] == 0


def test_what_is_due_and_not_done_ages() -> None:
    house, seen = a_shop()
    house.gce.faults.add("*", Error(503, "backendError", "away"), times=None)
    house.settle(patience=10)
    assert seen.scraped()["glbc_queue_age_seconds",] == 0, "nothing can be planned yet"
    house.gce.faults.clear()
    house.settle()
    assert seen.scraped()["glbc_queue_age_seconds",] == 0
    house.gce.faults.add("*.insert", Error(503, "backendError", "away"), times=None)
    house.apply(ingress("shop/new", {"b.example.com": [("/", "web:80")]}, default="web:80"))
    began = house.clock.monotonic()
    house.settle(patience=300)
    found = seen.scraped()
    assert found["glbc_queue_age_seconds",] == pytest.approx(house.clock.monotonic() - began, abs=1)
    assert found["glbc_plan_actions", "create", "due"] > 0


def test_what_is_done_and_due_again_at_once_is_young() -> None:
    """Pods of a busy Service come and go without a pause: its group is always being changed."""
    house, seen = a_shop()
    house.settle()
    ports = itertools.count(30401)

    def edit(call: Call) -> None:
        if call.key.kind == "urlMaps":
            port = next(ports)
            other = service(f"shop/s{port}", f"80->{port}")
            house.apply(other, ingress("shop/web", default=f"s{port}:80"))

    def turn(call: Call) -> None:
        if call.key.kind == "urlMaps":
            house.clock.advance(60.0)

    house.cloud.before, house.cloud.after = edit, turn
    house.apply(ingress("shop/web", {"b.example.com": [("/", "web:80")]}, default="web:80"))
    oldest = 0.0
    began = house.clock.monotonic()
    while house.clock.monotonic() < began + 1800:
        house.loop.step()
        house.clock.advance(0.1)
        oldest = max(oldest, seen.scraped()["glbc_queue_age_seconds",])
    assert next(ports) > 30410
    assert oldest < 300


def test_the_age_of_a_resync_counts_from_the_last_complete_one() -> None:
    house, seen = a_shop(resync_sec=60)
    house.clock.advance(5)
    assert seen.scraped()["glbc_resync_age_seconds",] == 5, "since the process began"
    house.settle(patience=300)
    assert seen.scraped()["glbc_resync_age_seconds",] <= 61
    house.gce.faults.add("compute.firewalls.list", Error(503, "backendError", "away"), times=None)
    house.settle(patience=600)
    assert seen.scraped()["glbc_resync_age_seconds",] > 500, "one kind cannot be listed"


def test_the_loop_ages_between_two_turns() -> None:
    house, seen = a_shop()
    house.settle()
    house.loop.step()
    house.clock.advance(70)
    assert seen.scraped()["glbc_turn_age_seconds",] == pytest.approx(70)


class Standby:
    """The fence of a process that may or may not lead."""

    def __init__(self) -> None:
        self.number = 0

    def term(self) -> int:
        return self.number


def test_a_standby_does_not_lead_and_nothing_waits_for_it() -> None:
    fence = Standby()
    house, seen = a_shop(fence=fence)
    house.settle()
    house.clock.advance(100)
    house.loop.step()
    found = seen.scraped()
    assert found["glbc_plan_actions", "create", "held"] > 0, "it sees what the other has to do"
    assert (found["glbc_leader",], found["glbc_queue_age_seconds",]) == (0, 0)
    fence.number = 1
    house.settle()
    assert seen.scraped()["glbc_leader",] == 1
    assert edits(seen)[0] == 0, "what others left undone was no edit that it has seen"
    fence.number, seen.losses = 0, 1
    found = seen.scraped()
    assert (found["glbc_leader",], found["glbc_fence_losses_total",]) == (0, 1)


def test_what_is_ours_and_nobody_wants_is_an_orphan() -> None:
    house, seen = a_shop()
    house.settle()
    assert not [name for name, *_ in seen.scraped() if name == "glbc_orphans"]
    refused = Error(400, "invalid", "no")
    house.gce.faults.add("compute.forwardingRules.delete", refused, times=None)
    house.gce.faults.add("compute.globalForwardingRules.delete", refused, times=None)
    house.kube.delete("Ingress", "shop/web")
    house.settle(patience=30)
    found = seen.scraped()
    assert found["glbc_orphans", "forwardingRules", "parked"] == 1
    assert found["glbc_orphans", "urlMaps", "held"] == 1
    house.gce.faults.clear()
    house.settle()
    assert not [name for name, *_ in seen.scraped() if name == "glbc_orphans"]


def test_a_field_that_somebody_set_by_hand_is_counted_and_stays() -> None:
    house, seen = a_shop()
    house.settle()
    found = seen.scraped()
    assert {v for (name, *_), v in found.items() if name == "glbc_foreign_fields"} == {0}
    (service_,) = house.gce.resources("backendServices")
    path = f"/compute/v1/projects/{PROJECT}/global/backendServices/{service_['name']}"
    body = {"fingerprint": service_["fingerprint"], "timeoutSec": 77}
    answer = house.gce.handle(Request("PATCH", path, {}, body))
    assert answer.status == 200, answer.body
    house.clock.advance(5)
    house.loop.resync()
    house.settle()
    assert seen.scraped()["glbc_foreign_fields", "backendServices"] == 1
    assert house.gce.resources("backendServices")[0]["timeoutSec"] == 77


def test_a_certificate_that_is_served_tells_when_it_expires() -> None:
    house, seen = a_shop()
    one = ingress("shop/web", default="web:80")
    one["spec"]["tls"] = [{"secretName": "tls"}]
    house.apply(pki.secret("shop/tls", *pki.pair("a.example.com", days=100)), one)
    house.settle()
    (name,) = house.names("sslCertificates")
    ends = seen.scraped()["glbc_certificate_expiry_timestamp_seconds", name]
    assert ends == pki.START.timestamp() + 100 * 86400
