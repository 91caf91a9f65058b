"""What a reflector makes of answers that are late, broken, contradictory or alarming."""

import threading
import time
from contextlib import contextmanager

import msgspec
import pytest

from glbc.kube.reflector import Row
from glbc.kube.watch import KINDS, Reflectors
from glbc.model.views import IngressClass
from tests.kube.scripted import Answer, serving
from tests.kube.support import (
    QUICK,
    api,
    at,
    event,
    eventually,
    ingress,
    listed,
    node,
    refusal,
    rows,
    watch_threads,
)

A, B = at(ingress("ns/a"), 5), at(ingress("ns/b"), 6)
BROKEN = at(ingress("ns/a"), 8) | {"spec": {"rules": "none"}}


class Server:
    """A collection by script: lists and watches are answered from two queues, the last for ever."""

    def __init__(self, lists, watches=()):
        self.lists = list(lists)
        self.watches = list(watches)
        self.hold = threading.Event()

    def __call__(self, asked):
        if not asked.watches:
            return self.take(self.lists)
        return self.take(self.watches) if self.watches else self.quiet()

    @staticmethod
    def take(queue):
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def quiet(self, *lines):
        return Answer(lines=lines, hold=self.hold)


@contextmanager
def reflecting(tmp_path, server, kinds="Ingress", timing=QUICK, **more):
    table = rows(kinds) if isinstance(kinds, str) else kinds
    with serving(server) as (url, asked):
        reflectors = Reflectors(api(tmp_path, url), kinds=table, timing=timing, **more)
        reflectors.start()
        try:
            yield reflectors, asked
        finally:
            reflectors.stop()
            server.hold.set()
    assert watch_threads() == []


def names(reflectors):
    return sorted(reflectors.snapshot().ingresses)


def complete(reflectors):
    return "Ingress" in reflectors.snapshot().complete


def test_a_list_whose_items_are_null_is_empty(tmp_path):
    server = Server([Answer(listed() | {"items": None})])
    with reflecting(tmp_path, server) as (reflectors, _):
        assert reflectors.wait_synced(5)
        assert complete(reflectors)
        assert names(reflectors) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>sign in</html>", id="a proxy's page"),
        pytest.param({"kind": "List", "items": []}, id="a list without a version"),
        pytest.param([], id="no object"),
    ],
)
def test_an_answer_that_is_no_list_is_not_an_empty_cluster(tmp_path, body, logged):
    server = Server([Answer(body), Answer(body), Answer(listed(A))])
    with reflecting(tmp_path, server) as (reflectors, _):
        assert reflectors.wait_synced(5)
        assert names(reflectors) == ["ns/a"]
    assert [line["event"] for line in logged].count("watch_broken") == 1


def test_an_unreadable_object_costs_only_itself_and_the_right_to_delete(tmp_path, logged):
    server = Server([Answer(listed(BROKEN, B))])
    with reflecting(tmp_path, server) as (reflectors, _):
        assert reflectors.wait_synced(5)
        assert names(reflectors) == ["ns/b"]
        assert list(reflectors.unreadable()) == [("Ingress", "ns/a")]
        assert not complete(reflectors)
    assert [line["object"] for line in logged if line["event"] == "object_unreadable"] == ["ns/a"]


def test_an_object_that_becomes_unreadable_keeps_its_old_view(tmp_path, logged):
    server = Server([Answer(listed(A, B))])
    later = [event("MODIFIED", BROKEN), event("MODIFIED", BROKEN), event("MODIFIED", at(B, 9))]
    server.watches = [server.quiet(*later)]
    with reflecting(tmp_path, server) as (reflectors, _):
        assert reflectors.wait_synced(5)
        eventually(lambda: reflectors.snapshot().ingresses["ns/b"].metadata.resource_version == "9")
        assert reflectors.snapshot().ingresses["ns/a"].metadata.resource_version == "5"
        assert list(reflectors.unreadable()) == [("Ingress", "ns/a")]
        assert complete(reflectors)
    assert [line["event"] for line in logged].count("object_unreadable") == 1


def test_a_relist_keeps_the_old_view_of_an_unreadable_object(tmp_path):
    server = Server([Answer(listed(A, B)), Answer(listed(BROKEN, version="9"))])
    gone = Answer(lines=[event("ERROR", refusal(410, "Expired"))])
    server.watches = [gone, server.quiet()]
    with reflecting(tmp_path, server) as (reflectors, _):
        eventually(lambda: names(reflectors) == ["ns/a"])
        assert reflectors.snapshot().ingresses["ns/a"].spec.default_backend is not None


def test_an_unreadable_object_that_is_repaired_or_deleted_is_forgotten(tmp_path):
    server = Server([Answer(listed(BROKEN, at(BROKEN, 3) | {"metadata": B["metadata"]}))])
    repaired = event("MODIFIED", at(A, 9))
    deleted = event("DELETED", at(BROKEN, 10) | {"metadata": B["metadata"]})
    server.watches = [server.quiet(repaired, deleted)]
    with reflecting(tmp_path, server) as (reflectors, _):
        eventually(
            lambda: (
                names(reflectors) == ["ns/a"]
                and not reflectors.unreadable()
                and complete(reflectors)
            )
        )


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(Answer(lines=[event("ERROR", refusal(410, "Expired"))]), id="as an event"),
        pytest.param(Answer(refusal(410, "Expired"), 410), id="as an HTTP answer"),
    ],
)
def test_an_expired_version_lists_again(tmp_path, gone):
    server = Server([Answer(listed(A)), Answer(listed(B, version="9"))])
    server.watches = [gone, server.quiet()]
    with reflecting(tmp_path, server) as (reflectors, asked):
        eventually(lambda: names(reflectors) == ["ns/b"])
        eventually(lambda: asked[-1].watches)
        assert asked[-1].query["resourceVersion"] == "9"


def test_an_expired_page_starts_the_list_again(tmp_path):
    server = Server(
        [
            Answer(listed(A, **{"continue": "p2"})),
            Answer(refusal(410, "Expired"), 410),
            Answer(listed(A, **{"continue": "p2"})),
            Answer(listed(B)),
        ]
    )
    with reflecting(tmp_path, server) as (reflectors, asked):
        assert reflectors.wait_synced(5)
        assert names(reflectors) == ["ns/a", "ns/b"]
        pages = [one.query.get("continue", "") for one in asked if not one.watches]
    assert pages == ["", "p2", "", "p2"]


def test_another_error_event_keeps_the_version(tmp_path):
    server = Server([Answer(listed(A))])
    broken = Answer(lines=[event("ADDED", B), event("ERROR", refusal(500, "InternalError"))])
    server.watches = [broken, server.quiet()]
    with reflecting(tmp_path, server) as (reflectors, asked):
        eventually(lambda: len([one for one in asked if one.watches]) == 2)
        assert asked[-1].query["resourceVersion"] == "6"
        assert names(reflectors) == ["ns/a", "ns/b"]
        assert len([one for one in asked if not one.watches]) == 1


def test_a_bookmark_moves_the_version(tmp_path):
    server = Server([Answer(listed(A))])
    mark = event("BOOKMARK", {"kind": "Ingress", "metadata": {"resourceVersion": "40"}})
    server.watches = [Answer(lines=[mark]), server.quiet()]
    with reflecting(tmp_path, server) as (_, asked):
        eventually(lambda: len([one for one in asked if one.watches]) == 2)
        assert asked[-1].query["resourceVersion"] == "40"
        assert asked[1].query["allowWatchBookmarks"] == "true"


def test_a_stalled_stream_is_left_and_taken_up_again(tmp_path):
    server = Server([Answer(listed(A))])
    timing = msgspec.structs.replace(QUICK, silence=0.1)
    with reflecting(tmp_path, server, timing=timing) as (reflectors, asked):
        eventually(lambda: len([one for one in asked if one.watches]) >= 2)
        assert names(reflectors) == ["ns/a"]


def test_streams_that_end_at_once_are_not_hammered(tmp_path):
    server = Server([Answer(listed(A))], [Answer(lines=[])])
    timing = msgspec.structs.replace(QUICK, between=0.1)
    with reflecting(tmp_path, server, timing=timing) as (_, asked):
        before = time.monotonic()
        eventually(lambda: len([one for one in asked if one.watches]) >= 4)
        assert time.monotonic() - before > 0.2


def test_a_time_that_the_server_names_is_honoured(tmp_path):
    busy = Answer(refusal(429, "TooManyRequests"), 429, {"Retry-After": "1"})
    server = Server([busy, Answer(listed(A))])
    with reflecting(tmp_path, server) as (reflectors, _):
        before = time.monotonic()
        assert reflectors.wait_synced(8)
        assert time.monotonic() - before > 0.9


def test_an_empty_list_in_place_of_a_full_one_is_asked_for_again(tmp_path, logged):
    empty = Answer(listed(version="1"))
    server = Server([Answer(listed(A)), empty, Answer(listed(A, B, version="9"))])
    server.watches = [Answer(refusal(410), 410), server.quiet()]
    seen = []
    with reflecting(tmp_path, server, on_change=seen.append) as (reflectors, _):
        eventually(lambda: names(reflectors) == ["ns/a", "ns/b"])
    assert [keys for keys in seen if keys] == [{("Ingress", "ns/a")}, {("Ingress", "ns/b")}]
    assert "list_suddenly_empty" in [line["event"] for line in logged]


def test_a_list_that_is_empty_twice_is_believed(tmp_path):
    server = Server([Answer(listed(A)), Answer(listed(version="9"))])
    server.watches = [Answer(refusal(410), 410), server.quiet()]
    with reflecting(tmp_path, server) as (reflectors, _):
        eventually(lambda: reflectors.wait_synced(0) and names(reflectors) == [])
        assert complete(reflectors)


def test_a_watch_that_is_refused_keeps_the_view_and_ends_completeness(tmp_path, logged):
    server = Server([Answer(listed(A)), Answer(refusal(403, "Forbidden"), 403)])
    server.watches = [Answer(refusal(403, "Forbidden", message="no watch"), 403)]
    with reflecting(tmp_path, server) as (reflectors, asked):
        assert reflectors.wait_synced(5)
        eventually(lambda: not complete(reflectors))
        assert names(reflectors) == ["ns/a"]
        eventually(lambda: len(asked) > 6)
    assert [line["event"] for line in logged].count("watch_broken") == 1


def test_streams_that_break_before_they_say_anything_do_not_count_as_alive(tmp_path):
    server = Server([Answer(listed(A)), Answer(refusal(500), 500)])
    server.watches = [Answer(lines=[], cut=True)]
    with reflecting(tmp_path, server) as (reflectors, _):
        assert reflectors.wait_synced(5)
        eventually(lambda: not complete(reflectors))


def test_after_a_long_outage_everything_is_listed_again(tmp_path):
    server = Server([Answer(listed(A)), Answer(listed(B, version="2"))])
    server.watches = [Answer(refusal(503), 503)]
    with reflecting(tmp_path, server) as (reflectors, _):
        eventually(lambda: names(reflectors) == ["ns/b"])


def test_an_optional_kind_that_is_not_installed_is_empty_and_complete(tmp_path):
    row = Row(kind="X", path="/x", view=IngressClass, field="ingress_classes", optional=True)
    here = Answer(listed(at({"metadata": {"name": "x"}}, 3)))
    server = Server([Answer(refusal(404, "NotFound"), 404)])
    with reflecting(tmp_path, server, kinds=(row,)) as (reflectors, _):
        assert reflectors.wait_synced(5)
        assert reflectors.snapshot().complete == {"X"}
        assert reflectors.snapshot().absent == {"X"}
        server.lists.append(here)
        eventually(lambda: list(reflectors.snapshot().ingress_classes) == ["x"], "it is installed")
        assert reflectors.snapshot().absent == frozenset()


def test_an_optional_kind_that_is_not_installed_is_complete_until_it_is_looked_for_again(tmp_path):
    row = Row(kind="X", path="/x", view=IngressClass, field="ingress_classes", optional=True)
    impatient = msgspec.structs.replace(QUICK, grace=0.0, absent_again=60.0)
    server = Server([Answer(refusal(404, "NotFound"), 404)])
    with reflecting(tmp_path, server, kinds=(row,), timing=impatient) as (reflectors, _):
        assert reflectors.wait_synced(5)
        seen = []
        eventually(lambda: seen.append(reflectors.snapshot().complete) or len(seen) > 20)
        assert seen[-1] == {"X"}


def test_a_required_kind_that_is_not_there_is_never_complete(tmp_path):
    server = Server([Answer(refusal(404, "NotFound"), 404)])
    with reflecting(tmp_path, server) as (reflectors, asked):
        eventually(lambda: len(asked) > 3)
        assert not reflectors.wait_synced(0)
        assert not complete(reflectors)


def test_a_heartbeat_tells_nobody_but_is_in_the_view(tmp_path):
    def beat(version, ready):
        status = {"conditions": [{"type": "Ready", "status": ready, "lastHeartbeatTime": version}]}
        return at(node("n", status=status), version)

    server = Server([Answer(listed(beat(5, "True")))])
    beats = [beat(6, "True"), beat(7, "True"), beat(8, "False")]
    server.watches = [server.quiet(*(event("MODIFIED", one) for one in beats))]
    seen = []
    with reflecting(tmp_path, server, "Node", on_change=seen.append) as (reflectors, _):
        eventually(
            lambda: (
                reflectors.wait_synced(0)
                and reflectors.snapshot().nodes["n"].metadata.resource_version == "8"
            )
        )
        eventually(lambda: len(seen) >= 2, "both are told")
    assert seen == [{("Node", "n")}, {("Node", "n")}]


def test_stopping_is_prompt_while_the_server_is_silent(tmp_path):
    hold = threading.Event()

    def script(_):
        hold.wait(10)
        return Answer(listed())

    with serving(script) as (url, asked):
        reflectors = Reflectors(api(tmp_path, url), timing=QUICK)
        reflectors.start()
        eventually(lambda: len(asked) == len(KINDS), "every thread waits for its list")
        assert reflectors.alive()
        before = time.monotonic()
        reflectors.stop()
        assert time.monotonic() - before < 8  # the server is silent for 10
        assert watch_threads() == []
        assert not reflectors.alive()
        hold.set()
