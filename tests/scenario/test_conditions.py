"""What an Ingress says of itself: true, once, and nothing at rest."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.build import ingress
from fakes.gce import Error
from glbc.model.calls import EventNote, IngressPatch, StatusPatch, Write
from glbc.translate.annotations import BACKENDS, CONDITIONS, MANAGED_ADDRESS
from tests.scenario.test_stories import API, DEFAULT, FRONT, HOST, RULE, SERVICES, WEB
from tests.support import pki
from tests.support.house import House

MINUTE = 60.0


def told(house: House, name: str = "shop/web") -> dict[str, dict[str, Any]]:
    """Return the conditions of an Ingress by their type."""
    found = house.ingress(name)
    assert found is not None
    text = found["metadata"].get("annotations", {}).get(CONDITIONS, "[]")
    assert len(text.encode()) <= 4096
    return {one["type"]: one for one in json.loads(text)}


def word(house: House, kind: str) -> tuple[str, str]:
    one = told(house)[kind]
    return one["status"], one["reason"]


def annotation(house: House, key: str) -> str | None:
    found = house.ingress("shop/web")
    assert found is not None
    value: str | None = found["metadata"].get("annotations", {}).get(key)
    return value


def record(house: House) -> list[tuple[float, Write]]:
    """Keep every write to Kubernetes from now on, with its time."""
    kept: list[tuple[float, Write]] = []
    carry_out = house.cluster.write

    def write(write: Write) -> None:
        kept.append((house.clock.monotonic(), write))
        carry_out(write)

    house.cluster.write = write  # type: ignore[method-assign]
    return kept


def live(house: House, seconds: float) -> None:
    """Let the controller live for a while, waking when it wants to."""
    end = house.clock.monotonic() + seconds
    while True:
        busy = house.loop.step() or house.workers.waiting or house.loop.in_flight()
        left = end - house.clock.monotonic()
        if left <= 0 and not busy:
            return
        if not busy:
            house.clock.advance(max(0.001, min(left, house.loop.wake_in())))


def shop(*more: dict[str, Any], **settings: Any) -> House:
    house = House(**settings)
    house.apply(*SERVICES, WEB, *more)
    house.settle()
    return house


def patches(writes: list[tuple[float, Write]]) -> Iterator[tuple[float, IngressPatch]]:
    return ((at, write) for at, write in writes if isinstance(write, IngressPatch))


def test_an_ingress_that_serves_says_so() -> None:
    house = shop()
    assert {kind: one["status"] for kind, one in told(house).items()} == {
        "Resolved": "True",
        "Programmed": "True",
        "BackendsHealthy": "True",
    }
    states = json.loads(annotation(house, BACKENDS) or "")
    assert list(states.items()) == [(FRONT, "HEALTHY"), (API, "HEALTHY"), (DEFAULT, "HEALTHY")]


def test_a_cold_start_takes_one_write_more_than_without_conditions() -> None:
    house = House()
    writes = record(house)
    house.apply(*SERVICES, WEB)
    house.settle()
    kinds = [type(write) for _, write in writes if not isinstance(write, EventNote)]
    # The finalizer, with the first word; the names and the address; health, when it is known.
    assert sorted(kinds, key=str) == [IngressPatch, IngressPatch, IngressPatch, StatusPatch]
    first = next(patches(writes))[1]
    assert first.finalizers
    assert '"InProgress"' in str(first.annotations)


def test_nothing_is_written_at_rest_nor_by_a_controller_that_starts_again() -> None:
    house = shop()
    version, calls = house.kube.resource_version, len(house.cloud.writes)
    live(house, 20 * MINUTE)
    assert (house.kube.resource_version, len(house.cloud.writes)) == (version, calls)
    house.start()
    live(house, 5 * MINUTE)
    assert (house.kube.resource_version, house.cloud.writes) == (version, [])


def test_a_failing_backend_is_told_once_when_it_lasts_and_once_when_it_is_back() -> None:
    house = shop()
    live(house, 2 * MINUTE)
    house.gce.health.set("UNHEALTHY", port=30301)
    began = house.clock.monotonic()
    writes = record(house)
    live(house, 5 * MINUTE)
    assert word(house, "BackendsHealthy") == ("False", "BackendsFail")
    assert f"{FRONT}: UNHEALTHY" in told(house)["BackendsHealthy"]["message"]
    assert "GET / on port 30301" in told(house)["BackendsHealthy"]["message"]
    events = [(at, note) for at, note in writes if isinstance(note, EventNote)]
    ((at, note),) = events
    assert (note.type, note.reason, note.object.name) == ("Warning", "BackendUnhealthy", "web")
    assert FRONT in note.message
    assert "GET / on port 30301" in note.message
    assert "redirects (3xx) and 4xx as well" in note.message
    assert at - began >= 30
    for times in (1, 2):  # each recovery is news, and each failure
        house.gce.health.set("HEALTHY", port=30301)
        live(house, 3 * MINUTE)
        assert word(house, "BackendsHealthy")[0] == "True"
        (back,) = house.events("BackendHealthy")
        assert (back["type"], back["count"]) == ("Normal", times)
        house.gce.health.set("UNHEALTHY", port=30301)
        live(house, 3 * MINUTE)
        (sick,) = house.events("BackendUnhealthy")
        assert sick["count"] == times + 1


def test_a_backend_that_fails_for_a_moment_is_no_event() -> None:
    house = shop()
    live(house, 2 * MINUTE)
    house.gce.health.set("UNHEALTHY", port=30301)
    while "UNHEALTHY" not in house.loop._health.states().values():
        live(house, 1)
    house.gce.health.set("HEALTHY", port=30301)
    live(house, 5 * MINUTE)
    assert house.events("BackendUnhealthy") == house.events("BackendHealthy") == []


def test_a_new_backend_has_a_minute_more_before_it_is_told_to_fail() -> None:
    house = House()
    house.gce.health.set("UNHEALTHY")
    house.apply(*SERVICES, WEB)
    live(house, 10)
    assert house.address("shop/web")
    live(house, MINUTE - 5)
    assert house.events("BackendUnhealthy") == []
    live(house, 2 * MINUTE)
    assert len(house.events("BackendUnhealthy")) == 3


def test_health_that_changes_all_the_time_is_written_once_a_minute_at_most() -> None:
    house = shop(health_interval_sec=5)
    live(house, 2 * MINUTE)
    writes = record(house)
    for turn in range(120):
        house.gce.health.set(["UNHEALTHY", "HEALTHY"][turn % 2], port=30301 + turn % 3)
        live(house, 7)
    moments = [at for at, _ in patches(writes)]
    assert len(moments) >= 5
    assert all(later - earlier >= MINUTE for earlier, later in itertools.pairwise(moments))


def test_health_that_cannot_be_read_is_unknown_and_blocks_nothing() -> None:
    house = House()
    house.gce.faults.add("backendServices.getHealth", Error(403, "forbidden"), times=None)
    house.apply(*SERVICES, WEB)
    house.settle(patience=400)
    assert house.address("shop/web")
    assert word(house, "Programmed") == ("True", "UpToDate")
    assert word(house, "BackendsHealthy") == ("Unknown", "HealthUnknown")
    assert set(json.loads(annotation(house, BACKENDS) or "").values()) == {"Unknown"}
    asked = len([call for call in house.gce.calls() if call.method.endswith("getHealth")])
    live(house, 10 * MINUTE)
    more = [call for call in house.gce.calls() if call.method.endswith("getHealth")]
    assert len(more) - asked <= 6 * 11  # three backends, two groups, once a minute


def test_a_missing_service_is_told_with_its_field_and_what_to_do() -> None:
    house = shop()
    before = told(house)
    house.kube.delete("Service", "shop/api")
    live(house, 2 * MINUTE)
    resolved = told(house)["Resolved"]
    assert (resolved["status"], resolved["reason"]) == ("False", "PartlyResolved")
    assert "spec.rules[0].http.paths[1].backend: ServiceNotFound:" in resolved["message"]
    assert resolved["lastTransitionTime"] > before["Resolved"]["lastTransitionTime"]
    for kind in ("Programmed", "BackendsHealthy"):
        assert told(house)[kind]["lastTransitionTime"] == before[kind]["lastTransitionTime"]
    house.apply(SERVICES[1])
    live(house, 2 * MINUTE)
    assert word(house, "Resolved") == ("True", "AllResolved")


def test_many_skipped_rules_are_counted_where_there_is_no_room() -> None:
    paths = [(f"/{n}", f"no-such-service-{n:03}:80") for n in range(100)]
    house = shop(ingress("shop/many", {HOST: paths}, default="dflt:http"))
    resolved = told(house, "shop/many")["Resolved"]
    assert resolved["reason"] == "PartlyResolved"
    assert resolved["message"].endswith(" more")


def test_what_is_refused_blocks_and_says_why() -> None:
    house = House()
    house.gce.faults.add("firewalls.insert", Error(403, "forbidden"), times=None)
    house.apply(*SERVICES, WEB)
    live(house, 5)
    programmed = told(house)["Programmed"]
    assert (programmed["status"], programmed["reason"]) == ("False", "Blocked")
    assert "firewalls/k8s-fw-l7" in programmed["message"]
    assert "give the controller's service account the permission" in programmed["message"]
    house.gce.faults.clear()
    live(house, 3 * MINUTE)
    assert word(house, "Programmed") == ("True", "UpToDate")


def test_an_edit_is_observed_and_passing_work_is_not_told() -> None:
    house = shop()
    live(house, 2 * MINUTE)
    writes = record(house)
    house.apply(ingress("shop/web", {HOST: [("/", "front:80")]}, default="dflt:http"))
    live(house, 2 * MINUTE)
    seen = house.ingress("shop/web")
    assert seen is not None
    generations = {one["observedGeneration"] for one in told(house).values()}
    assert generations == {seen["metadata"]["generation"]}
    assert "InProgress" not in str([write.annotations for _, write in patches(writes)])
    assert len(list(patches(writes))) <= 2


def test_a_node_that_comes_writes_nothing_on_any_ingress() -> None:
    house = shop(ingress("shop/other", default="dflt:http"))
    live(house, 3 * MINUTE)
    writes = record(house)
    house.add_node("node-3", "us-central1-a")
    live(house, 3 * MINUTE)
    assert house.body("instanceGroups", "k8s-ig--16f2a1b3c4d5e6f7")["size"] == 2
    assert list(patches(writes)) == []


def test_certificates_are_told_only_where_https_is_asked_for() -> None:
    house = shop()
    assert "CertificatesReady" not in told(house)
    secured = {**WEB, "spec": {**WEB["spec"], "tls": [{"secretName": "tls"}]}}
    house.apply(secured)
    live(house, 2 * MINUTE)
    ready = told(house)["CertificatesReady"]
    assert (ready["status"], ready["reason"]) == ("False", "CertificatesMissing")
    assert "SecretNotFound" in ready["message"]
    house.apply(pki.secret("shop/tls", *pki.pair(HOST)))
    live(house, 3 * MINUTE)
    assert word(house, "CertificatesReady") == ("True", "CertificatesServed")
    assert annotation(house, MANAGED_ADDRESS) == RULE


def test_a_managed_address_that_is_not_there_is_not_named() -> None:
    stale = {MANAGED_ADDRESS: "gone-since-long"}
    house = House()
    house.apply(*SERVICES, ingress("shop/web", default="dflt:http", annotations=stale))
    house.settle()
    assert house.names("addresses") == []
    assert annotation(house, MANAGED_ADDRESS) is None


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", '{"a": 1}', '[{"type": 3}]', "null"])
def test_an_annotation_that_somebody_else_wrote_is_replaced(text: str) -> None:
    house = shop()
    live(house, 2 * MINUTE)
    before = told(house)
    found = house.ingress("shop/web")
    assert found is not None
    found["metadata"]["annotations"][CONDITIONS] = text
    del found["metadata"]["managedFields"]
    house.apply(found)
    live(house, 2 * MINUTE)
    assert told(house) == before
