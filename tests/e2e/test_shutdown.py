"""SIGTERM, whatever glbc is doing: exit 0 within the grace period, the Lease let go, nothing left behind."""

import signal
import time
from collections.abc import Iterator

import pytest

from fakes.build import ingress, service
from fakes.stack import BIN
from tests.e2e.world import World, world

SERVICES = (service("default/web", "80->30001"), service("default/api", "80->30002"))
SOON = 25.0  # seconds; Kubernetes gives 30
PATIENT = "{duration_sec: 8, renew_deadline_sec: 6, retry_sec: 1}"  # not lost on a slow machine
LEASE = "coordination.k8s.io/v1/namespaces/kube-system/leases/glbc"


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Iterator[World]:
    """One world: each test starts glbc, ends it, and leaves an Ingress of its own behind."""
    with world(tmp_path_factory.mktemp("shutdown"), *SERVICES, lease=PATIENT) as made:
        yield made


@pytest.fixture(autouse=True)
def ended_at_last(one: World) -> Iterator[None]:
    """Let a test that fails not fail the others."""
    yield
    if "glbc" in one._processes:
        one.end("glbc", signal.SIGKILL)


def apply(one: World, name: str) -> None:
    one.apply(ingress(f"default/{name}", {"": [("/api", "api:80")]}, class_name="gce"))


def ended(one: World, *, number: int = signal.SIGTERM) -> str:
    """End glbc by a signal, softly and in time; return what it said of it."""
    before, began = len(one.log("glbc")), time.monotonic()
    assert one.end("glbc", number) == 0, one.log("glbc")[-3000:]
    assert time.monotonic() - began < SOON
    said = one.log("glbc")[before:]
    assert "stopped" in said
    for word in ("Traceback", "crashed"):
        assert word not in said
    return said


def holder(one: World) -> str:
    """Return who holds the Lease; "" when it was let go."""
    return str(one.ask("GET", f"{one.kube}/apis/{LEASE}")["spec"].get("holderIdentity", ""))


def test_what_ends_within_the_grace_period_is_finished(one: World) -> None:
    one.latency(1.0)
    one.start_glbc()
    seen = one.seq()
    apply(one, "short")
    method = "urlMaps.insert"  # an action that is told as an Event, too, when it is done
    one.until(
        lambda: any(call["method"].endswith(method) for call in one.calls(seen)),
        "the URL map is being made",
    )
    said = ended(one)
    assert "action_done" in said
    assert "urlMaps/" in said
    assert "abandoned" not in said
    assert holder(one) == ""


def test_what_lasts_longer_is_abandoned_and_the_next_one_goes_on_at_once(one: World) -> None:
    one.latency(5.0)
    one.start_glbc()
    seen = one.seq()
    apply(one, "long")
    one.until(lambda: one.calls(seen), "an operation is in flight")
    said = ended(one)
    assert "abandoned" in said
    assert holder(one) == "", "the cloud has the operation: whoever follows finds it there"
    one.latency(0.02)
    one.start_glbc()
    one.served("default/long")
    one.assert_sound()
    ended(one)


def test_a_call_that_is_not_answered_keeps_the_lease(one: World) -> None:
    one.start_glbc()
    apply(one, "before")
    one.served("default/before")
    one.send("gce", signal.SIGSTOP)
    try:
        apply(one, "unanswered")
        one.until(lambda: one.ask("GET", f"http://{one.page}/state.json")["flying"], "work begins")
        said = ended(one)
    finally:
        one.send("gce", signal.SIGCONT)
    assert "lease_kept" in said
    assert holder(one)


def finalized(one: World, name: str) -> bool:
    return bool((one.ingress(f"default/{name}") or {})["metadata"].get("finalizers"))


def test_a_wait_for_the_limiter_is_given_up(one: World) -> None:
    one.config = "cloud: {writes_per_min: 1}\n"
    try:
        one.start_glbc()
        seen = one.seq()
        apply(one, "limited")
        one.until(lambda: one.calls(seen), "the only call of this minute is sent")
        one.until(lambda: finalized(one, "limited"), "there is more to do")
        assert "abandoned" in ended(one)
        assert holder(one) == ""
    finally:
        one.config = ""


def test_a_standby_ends_and_leaves_the_lease_to_its_holder(one: World) -> None:
    one.start_glbc()
    one.until(lambda: holder(one), "it leads")
    leader = holder(one)
    one.start("other", [str(BIN / "glbc"), "run", *one.glbc_options()])
    try:
        one.until(lambda: " standby " in one.log("other"), "the other one looks on")
    finally:
        assert one.end("other") == 0
    assert "stepped_down" not in one.log("other")
    assert holder(one) == leader
    ended(one)


@pytest.mark.parametrize("how", ["hangs", "refuses"])
def test_an_api_server_that_is_away_lets_the_lease_expire(one: World, how: str) -> None:
    one.start_glbc()
    one.until(lambda: holder(one), "it leads")
    try:
        if how == "hangs":
            one.send("kube", signal.SIGSTOP)
        else:
            one.trouble_kube(times=-1, status=503)
        said = ended(one)
    finally:
        if how == "hangs":
            one.send("kube", signal.SIGCONT)
        else:
            one.ask("DELETE", f"{one.kube}/_fake/faults")
    assert "lease_not_released" in said
    assert holder(one), "it lasts its duration"


def test_a_start_that_waits_for_the_api_server_ends_at_once(one: World) -> None:
    one.trouble_kube(verb="list", times=-1, status=503)
    try:
        one.start_glbc(ready=False)
        one.until(lambda: one.log("glbc").count("watch_broken"), "it waits")
        began = time.monotonic()
        assert one.end("glbc") == 0
        assert time.monotonic() - began < SOON
    finally:
        one.ask("DELETE", f"{one.kube}/_fake/faults")


def test_a_start_that_asks_a_server_which_hangs_ends_at_once(one: World) -> None:
    one.trouble_kube(resource="selfsubjectaccessreviews", times=-1, delay=60)
    asked = reviews(one)
    try:
        one.start_glbc(ready=False)
        one.until(lambda: reviews(one) >= asked + 8, "it asks")
        began = time.monotonic()
        assert one.end("glbc") == 0
        assert time.monotonic() - began < SOON
    finally:
        one.ask("DELETE", f"{one.kube}/_fake/faults")


def reviews(one: World) -> int:
    counts = one.ask("GET", f"{one.kube}/_fake/counts")["counts"]
    return sum(row["count"] for row in counts if row["resource"].startswith("selfsubjectaccess"))


def test_signals_that_come_in_a_row_are_one(one: World) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        one.start_glbc()
        process = one._processes["glbc"]
        while process.poll() is None:  # until Python itself is being torn down
            process.send_signal(number)
            time.sleep(0.002)
        assert process.returncode == 0, one.log("glbc")[-2000:]
        assert "Traceback" not in one.log("glbc")
        one._processes.pop("glbc")
