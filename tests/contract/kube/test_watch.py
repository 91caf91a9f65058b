"""Watches: what they send, in which order, and how they end."""

import pytest

from .conftest import CONFIGMAPS, Door, configmap

INITIAL = {
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


def seen(events) -> list[tuple[str, str]]:
    return [(one["type"], one["object"]["metadata"].get("name", "")) for one in events]


def test_without_a_version_everything_is_added_first(door: Door):
    door.post(CONFIGMAPS, configmap("a"))
    with door.watch(CONFIGMAPS) as watch:
        assert seen(watch.take(1)) == [("ADDED", "a")]
        door.post(CONFIGMAPS, configmap("b"))
        door.patch(f"{CONFIGMAPS}/b", {"data": {"x": "y"}})
        door.delete(f"{CONFIGMAPS}/b")
        assert seen(watch.take(3)) == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]


def test_from_a_version_only_later_changes_are_sent(door: Door):
    door.post(CONFIGMAPS, configmap("a"))
    version = door.get(CONFIGMAPS).body["metadata"]["resourceVersion"]
    door.post(CONFIGMAPS, configmap("b"))
    with door.watch("/api/v1/configmaps", resourceVersion=version) as watch:
        event = watch.take(1)[0]
        assert seen([event]) == [("ADDED", "b")]
        assert event["object"]["kind"] == "ConfigMap"


def test_a_write_that_changes_nothing_sends_nothing(door: Door):
    door.post(CONFIGMAPS, configmap("a"))
    with door.watch(CONFIGMAPS, resourceVersion=str(door.world.resource_version)) as watch:
        door.put(f"{CONFIGMAPS}/a", configmap("a"))
        door.post(CONFIGMAPS, configmap("b"))
        assert seen(watch.take(1)) == [("ADDED", "b")]


def test_entering_and_leaving_a_selection_are_added_and_deleted(door: Door):
    door.post(CONFIGMAPS, configmap("a"))
    with door.watch(CONFIGMAPS, labelSelector="in=yes") as watch:
        for value in ("yes", "no"):
            door.patch(f"{CONFIGMAPS}/a", {"metadata": {"labels": {"in": value}}})
        entered, left = watch.take(2)
        assert seen([entered, left]) == [("ADDED", "a"), ("DELETED", "a")]
        assert left["object"]["metadata"]["labels"] == {"in": "yes"}


def test_other_namespaces_are_not_seen(door: Door):
    with door.watch(CONFIGMAPS) as watch:
        door.post(CONFIGMAPS.replace("default", "kube-system"), configmap("there"))
        door.post(CONFIGMAPS, configmap("here"))
        assert seen(watch.take(1)) == [("ADDED", "here")]


def test_the_initial_events_end_with_a_marked_bookmark(door: Door):
    door.post(CONFIGMAPS, configmap("a"))
    with door.watch(CONFIGMAPS, fieldSelector="metadata.name=a", **INITIAL) as watch:
        added, mark = watch.take(2)
        assert seen([added]) == [("ADDED", "a")]
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["kind"] == "ConfigMap"
        meta = mark["object"]["metadata"]
        assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert meta["resourceVersion"] == str(door.world.resource_version)


def test_bookmarks_come_only_to_those_who_asked(door: Door):
    with (
        door.watch(CONFIGMAPS, allowWatchBookmarks="true") as asked,
        door.watch(CONFIGMAPS) as not_asked,
    ):
        door.post(CONFIGMAPS, configmap("a"))
        asked.take(1)
        door.world.bookmark()
        assert asked.take(1)[0]["type"] == "BOOKMARK"
        door.post(CONFIGMAPS, configmap("b"))
        assert seen(not_asked.take(2)) == [("ADDED", "a"), ("ADDED", "b")]


@pytest.mark.parametrize("how", ["stream", "http"])
def test_a_version_below_the_compaction_is_gone(door: Door, how):
    door.post("/_fake/gone", {}, how=how)
    version = str(door.world.resource_version)
    door.post(CONFIGMAPS, configmap("a"))
    door.post("/_fake/compact", {})
    with door.watch(CONFIGMAPS, resourceVersion=version) as watch:
        if how == "http":
            assert watch.status == 410
            return
        event = watch.end()[0]
        assert (watch.status, event["type"]) == (200, "ERROR")
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_a_compaction_leaves_watches_that_are_up_to_date_alone(door: Door):
    with door.watch(CONFIGMAPS, resourceVersion=str(door.world.resource_version)) as watch:
        door.post(CONFIGMAPS, configmap("a"))
        assert seen(watch.take(1)) == [("ADDED", "a")]
        door.world.compact()
        door.post(CONFIGMAPS, configmap("b"))
        assert seen(watch.take(1)) == [("ADDED", "b")]


def test_all_watches_can_be_ended(door: Door):
    with door.watch(CONFIGMAPS) as watch:
        door.post(CONFIGMAPS, configmap("a"))
        watch.take(1)
        assert door.world.close_watches() == 1
        assert watch.end() == []


def test_a_watch_of_one_object_sees_that_one(door: Door):
    door.post(CONFIGMAPS, configmap("a"))
    with door.watch(f"{CONFIGMAPS}/b") as watch:
        door.post(CONFIGMAPS, configmap("b"))
        assert seen(watch.take(1)) == [("ADDED", "b")]


def test_changes_are_there_without_a_watch(world):
    since = world.resource_version
    world.apply(configmap("a"))
    world.delete("ConfigMap", "default/a")
    assert seen(world.changes("ConfigMap", since)) == [("ADDED", "a"), ("DELETED", "a")]


def test_a_listener_hears_of_every_write(world):
    heard = []
    end = world.subscribe(heard.append)
    world.apply(configmap("a"))
    end()
    world.apply(configmap("b"))
    assert heard == ["configmaps"]


def test_a_watch_of_a_version_that_is_still_to_come_hears_of_nothing_up_to_it(door: Door):
    """So a client that outlives a restored backup is never told: it has to notice by the silence."""
    later = door.world.resource_version + 2
    with door.watch(CONFIGMAPS, resourceVersion=str(later), allowWatchBookmarks="true") as watch:
        door.post(CONFIGMAPS, configmap("a"))
        door.world.bookmark()
        door.post(CONFIGMAPS, configmap("b"))
        door.post(CONFIGMAPS, configmap("c"))
        assert seen(watch.take(1)) == [("ADDED", "c")]
