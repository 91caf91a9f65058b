"""`glbc run` outlives its neighbours: after each trouble it catches up, and what served still does.

Each test applies an Ingress while a side is away. When the side is back, the Ingress is programmed,
nothing was deleted meanwhile, and the process is the one that was started.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fakes.build import ingress, service
from tests.e2e.world import SHIPPED_LEASE, World, world

SERVICES = (service("default/web", "80->30001"), service("default/api", "80->30002"))
QUICK = "cloud: {call_timeout_sec: 1}\n"


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Iterator[World]:
    """One world for all outages: each leaves it healthy, and its own Ingress behind."""
    old = ingress("default/old", default="web:80", class_name="gce")
    directory = tmp_path_factory.mktemp("outages")
    with world(directory, *SERVICES, old, config=QUICK, lease=SHIPPED_LEASE) as made:
        made.start_glbc()
        made.served("default/old")
        yield made


@contextmanager
def nothing_is_lost(one: World) -> Iterator[None]:
    """Hold that what was there before is there after, and that nothing was deleted at any time."""
    before, seen, address = one.ours(), one.seq(), one.address("default/old")
    yield
    after = one.ours()
    lost = {kind: set(names) - set(after.get(kind, ())) for kind, names in before.items()}
    assert not any(lost.values()), lost
    assert one.deletes(seen) == []
    assert one.address("default/old") == address
    one.assert_sound()


def meanwhile(one: World, name: str) -> str:
    """Apply an Ingress of its own; return its key."""
    one.apply(ingress(f"default/{name}", {"": [("/api", "api:80")]}, class_name="gce"))
    return f"default/{name}"


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        pytest.param("errors", {"error": {"code": 503}}, id="every call answers 503"),
        pytest.param("dropped", {"loseAnswer": {"acted": False}}, id="every connection breaks"),
        pytest.param("unanswered", {"loseAnswer": True}, id="every call acts and is not answered"),
    ],
)
def test_a_cloud_in_trouble(one: World, name, effect) -> None:
    with nothing_is_lost(one):
        one.trouble(**effect)
        try:
            failed = one.said("action_failed")
            key = meanwhile(one, name)
            one.until(lambda: one.said("action_failed") > failed, "the trouble is felt")
        finally:
            one.end_trouble()
        one.served(key)


def test_a_cloud_that_hangs(one: World) -> None:
    with nothing_is_lost(one):
        one.send("gce", signal.SIGSTOP)
        try:
            failed = one.said("action_failed")
            key = meanwhile(one, "hung")
            one.until(lambda: one.said("action_failed") > failed, "the trouble is felt")
        finally:
            one.send("gce", signal.SIGCONT)
        one.served(key)


def test_an_api_server_that_hangs(one: World) -> None:
    with nothing_is_lost(one):
        one.latency(0.4)  # so that the building goes on while nobody can be told of it
        key = meanwhile(one, "unheard")
        one.until(lambda: one.ours("unheard"), "the front end is begun")
        one.send("kube", signal.SIGSTOP)
        try:
            one.until(lambda: "forwardingRules" in one.ours("unheard"), "all is built")
        finally:
            one.send("kube", signal.SIGCONT)
            one.latency(0.02)
        one.served(key)


def test_watches_that_the_server_closes(one: World) -> None:
    with nothing_is_lost(one):
        assert one.ask("POST", f"{one.kube}/_fake/close-watches", {})["closed"] >= 4
        one.served(meanwhile(one, "closed"))


@pytest.mark.parametrize("how", ["stream", "http"])
def test_a_history_that_was_compacted_is_listed_anew(one: World, how) -> None:
    with nothing_is_lost(one):
        expired = one.said("watch_expired")
        # nobody can watch until the history is gone
        one.trouble_kube(verb="watch", times=-1, status=503)
        try:
            one.ask("POST", f"{one.kube}/_fake/gone?how={how}", {})
            one.ask("POST", f"{one.kube}/_fake/close-watches", {})
            key = meanwhile(one, f"compacted-{how}")
            one.ask("POST", f"{one.kube}/_fake/compact", {})
        finally:
            one.ask("DELETE", f"{one.kube}/_fake/faults")
        one.served(key)
        one.until(lambda: one.said("watch_expired") > expired, "410 was met")


def test_an_api_server_that_refuses_every_call_for_a_while(one: World) -> None:
    with nothing_is_lost(one):
        broken = one.said("watch_broken")
        key = meanwhile(one, "refused")
        one.trouble_kube(times=-1, status=500)
        try:
            one.ask("POST", f"{one.kube}/_fake/close-watches", {})
            one.until(lambda: one.said("watch_broken") >= broken + 4, "the trouble is felt")
        finally:
            one.ask("DELETE", f"{one.kube}/_fake/faults")
        one.served(key)
