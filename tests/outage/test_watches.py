"""Watches and lists that break, hang, expire or are refused: what serves goes on, and later all is caught up."""

import time
from collections.abc import Iterator

import pytest

from glbc.model.views import VIEWS
from tests.outage.scene import (
    OBJECTS,
    begin,
    broken,
    caught_up,
    front,
    meanwhile,
    nothing_is_lost,
    unseen_is_said,
)
from tests.outage.wired import Wired, wired

SILENCE = 0.5  # seconds after which a watch that says nothing is given up
EVERY = tuple(VIEWS)
AWAY = (
    pytest.param({"drop": True}, 0, id="every connection breaks"),
    pytest.param({"status": 500}, 500, id="every answer is an error"),
    pytest.param({"status": 503}, 503, id="it starts"),
    pytest.param({"status": 401}, 401, id="it takes the token for nobody's"),
    pytest.param({"status": 429, "retry_after": 1}, 429, id="it is overloaded"),
)


@pytest.fixture
def impatient(tmp_path, logged) -> Iterator[Wired]:
    with wired(tmp_path, *OBJECTS, silence=SILENCE) as made:
        begin(made)
        logged.clear()
        yield made


@pytest.mark.parametrize(("effect", "status"), AWAY)
def test_a_server_that_is_away(house, logged, effect, status):
    with nothing_is_lost(house):
        house.kube.fault(times=-1, **effect)
        house.kube.close_watches()
        meanwhile(house)
        house.until(lambda: house.unseen() == set(EVERY), "nothing can be seen")
        house.run(900)
        unseen_is_said(house, *EVERY)
    assert sorted(broken(logged)) == sorted((kind, status) for kind in EVERY)
    house.kube.clear_faults()
    caught_up(house)


def test_an_overloaded_server_is_asked_by_each_watch_once_in_so_long(house):
    before, seconds = len(house.kube.calls()), 3.0
    began = time.monotonic()
    with nothing_is_lost(house):
        house.kube.fault(times=-1, status=429, retry_after=1)
        house.kube.close_watches()
        while time.monotonic() - began < seconds:
            house.turn(0.01)
        seconds = time.monotonic() - began
    asked = [one for one in house.kube.calls()[before:] if one.verb in {"list", "watch"}]
    assert len(EVERY) * 2 <= len(asked) <= len(EVERY) * (seconds + 1)


def test_a_watch_that_breaks_in_the_middle_of_a_line(house):
    house.kube.fault(verb="watch", cut=True, times=3 * len(EVERY))
    house.kube.close_watches()
    meanwhile(house)
    caught_up(house)


def test_watches_that_hang_are_noticed_and_taken_up_again(impatient, logged):
    house = impatient
    with nothing_is_lost(house):
        house.kube.fault(verb="watch", silent=True, times=len(EVERY))
        house.kube.close_watches()
        meanwhile(house)
        house.run(60)
    began = time.monotonic()
    caught_up(house)
    assert time.monotonic() - began < 60 * SILENCE  # without it a watch may be silent for 90 s
    assert {kind for kind, _ in broken(logged)} == set(EVERY)


@pytest.mark.parametrize("in_stream", [True, False], ids=["in the stream", "as an answer"])
def test_a_history_that_is_compacted_is_listed_anew(house, logged, in_stream):
    house.kube.gone_in_stream = in_stream
    house.kube.fault(verb="watch", status=503, times=len(EVERY))  # until the history is gone
    with nothing_is_lost(house):
        house.kube.close_watches()
        house.apply(front("old", "/api", "/more"))
        house.kube.compact()
    meanwhile(house)
    caught_up(house)
    assert [one for one in logged if one["event"] == "watch_expired"]


def test_a_list_whose_pages_expire_is_begun_again(tmp_path, logged):
    with wired(tmp_path, *OBJECTS, page=1) as house:
        begin(house)
        lists = house.calls_of("list", "ingresses")
        house.kube.fault(verb="list", resource="ingresses", delay=0.5, times=4)
        house.kube.fault(verb="watch", resource="ingresses", status=410)
        house.kube.close_watches()
        house.until(
            lambda: house.calls_of("list", "ingresses") > lists, "a first page is on its way"
        )
        meanwhile(house)
        house.kube.compact()
        caught_up(house)
        expired = [
            call for call in house.kube.calls() if call.verb == "list" and call.status == 410
        ]
        assert expired


def test_versions_that_went_back_are_noticed(impatient):
    """A server restored from a backup hands out versions anew, and lets a watch of a later one wait in vain."""
    house = impatient
    backup = house.kube.snapshot()
    for number in range(200):
        house.apply({**OBJECTS[0], "metadata": {"name": "other", "labels": {"n": str(number)}}})
    house.apply(front("lost"))
    house.until(lambda: house.address("shop/lost"), "it serves")
    house.converge()
    with nothing_is_lost(house):
        house.kube.restore(backup)
        house.until(lambda: "shop/lost" not in house.cluster.snapshot().ingresses, "it is noticed")
        house.run(200)
    meanwhile(house)
    caught_up(house)


def test_a_server_that_comes_back_empty_and_then_finds_its_data(impatient):
    house = impatient
    whole = house.kube.snapshot()
    with nothing_is_lost(house):
        house.kube.reset()
        house.until(lambda: not house.cluster.snapshot().ingresses, "it is believed")
        house.run(200)
        house.kube.restore(whole)
        house.until(lambda: house.cluster.snapshot().ingresses, "the data are seen")
        house.converge()
    meanwhile(house)
    caught_up(house)


def test_a_slow_server_slows_the_start_and_every_change(tmp_path):
    with wired(tmp_path, *OBJECTS) as house:
        house.kube.fault(delay=0.1, times=-1)
        begin(house)
        with nothing_is_lost(house):
            house.kube.close_watches()
            house.run(200)
        meanwhile(house)
        caught_up(house)


def test_a_server_that_allows_few_calls_slows_the_start_and_every_change(tmp_path, logged):
    """Priority and fairness: nine lists and nine watches are more than it takes at once."""
    with wired(tmp_path, *OBJECTS) as house:
        house.kube.limit(per_second=10, burst=5)
        house.kube.close_watches()
        begin(house)
        with nothing_is_lost(house):
            house.kube.close_watches()
            house.run(200)
        meanwhile(house)
        caught_up(house)
        calls = [one for one in house.kube.calls() if one.verb in {"list", "watch"}]
        refused = [one for one in calls if one.status == 429]
        assert refused
        assert len(refused) < 2 * (len(calls) - len(refused)), "most calls are let in"
