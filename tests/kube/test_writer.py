"""Finalizers, status and events as they arrive in the cluster."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from fakes.build import container, pod
from glbc.errors import ClusterError
from glbc.kube.writer import Writer, event_of
from glbc.model.calls import ConditionPatch, EventNote, IngressPatch, StatusPatch
from glbc.model.finding import ObjectRef
from tests.kube.scripted import Answer, serving
from tests.kube.support import api, ingress

REF = ObjectRef("Ingress", "ns", "web")
GONE = ObjectRef("Ingress", "ns", "gone")
NOON = datetime(2026, 1, 2, 12, 0, 0, 999999, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _an_ingress(world):
    world.apply(ingress("ns/web", metadata={"finalizers": ["other/f"], "annotations": {"o": "1"}}))


@pytest.fixture
def clock():
    """The writer's idea of now; a test may set it."""
    return [NOON]


@pytest.fixture
def writer(url, tmp_path, clock):
    client = api(tmp_path, url)
    yield Writer(client, lambda: clock[0])
    client.close()


def meta(world):
    return world.get("Ingress", "ns/web")["metadata"]


def note(**more):
    uid = more.pop("uid", "u-1")
    about = more.pop("about", REF)
    fields = {"type": "Normal", "reason": "Sync", "message": "done"} | more
    return EventNote(object=about, uid=uid, **fields)


def test_finalizers_are_replaced_as_a_whole(world, writer):
    version = meta(world)["resourceVersion"]
    both = ("other/f", "glbc/f")
    writer.write(IngressPatch(ingress=REF, resource_version=version, finalizers=both))
    assert meta(world)["finalizers"] == ["other/f", "glbc/f"]
    assert meta(world)["annotations"] == {"o": "1"}


def test_an_empty_tuple_removes_the_last_finalizer_and_the_object_under_deletion(world, writer):
    world.delete("Ingress", "ns/web")
    version = meta(world)["resourceVersion"]
    writer.write(IngressPatch(ingress=REF, resource_version=version, finalizers=()))
    assert world.get("Ingress", "ns/web") is None


def test_annotations_are_set_and_removed_and_others_stay(world, writer):
    set_one = {"glbc/a": "1", "glbc/b": "2"}
    version = meta(world)["resourceVersion"]
    writer.write(IngressPatch(ingress=REF, resource_version=version, annotations=set_one))
    version = meta(world)["resourceVersion"]
    writer.write(IngressPatch(ingress=REF, resource_version=version, annotations={"glbc/a": None}))
    assert meta(world)["annotations"] == {"o": "1", "glbc/b": "2"}
    assert meta(world)["finalizers"] == ["other/f"]


def test_finalizers_and_annotations_are_one_patch(world, writer):
    world.forget_calls()
    writer.write(
        IngressPatch(
            ingress=REF,
            resource_version=meta(world)["resourceVersion"],
            finalizers=("glbc/f",),
            annotations={"a": "1"},
        )
    )
    assert [(call.verb, call.resource) for call in world.calls()] == [("patch", "ingresses")]
    assert meta(world)["finalizers"] == ["glbc/f"]


def test_a_view_that_is_too_old_is_a_conflict_and_changes_nothing(world, writer):
    version = meta(world)["resourceVersion"]
    changed = {"finalizers": ["other/f", "new/f"], "annotations": {"o": "2"}}
    world.apply(ingress("ns/web", metadata=changed))
    with pytest.raises(ClusterError) as caught:
        writer.write(IngressPatch(ingress=REF, resource_version=version, finalizers=("glbc/f",)))
    assert caught.value.status == 409
    assert meta(world)["finalizers"] == ["other/f", "new/f"]


@pytest.mark.parametrize(
    "write",
    [
        IngressPatch(ingress=GONE, resource_version="1", finalizers=()),
        StatusPatch(ingress=GONE, addresses=("192.0.2.1",)),
        note(about=ObjectRef("Ingress", "no-such-namespace", "web")),
        ConditionPatch(
            pod=ObjectRef("Pod", "ns", "gone"),
            uid="u-1",
            type="ours",
            status="True",
            reason="R",
            message="m",
            flips=True,
        ),
    ],
    ids=["metadata", "status", "event in a namespace that is gone", "condition of a pod"],
)
def test_what_is_gone_needs_no_word(writer, write):
    writer.write(write)


def test_a_status_is_set_and_cleared_without_a_version(world, writer):
    version = meta(world)["resourceVersion"]
    writer.write(StatusPatch(ingress=REF, addresses=("192.0.2.1",)))
    status = world.get("Ingress", "ns/web")["status"]
    assert status == {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    assert meta(world)["generation"] == 1
    assert meta(world)["resourceVersion"] != version
    writer.write(StatusPatch(ingress=REF, addresses=()))
    assert world.get("Ingress", "ns/web")["status"] == {"loadBalancer": {}}


def test_a_status_is_cleared_with_null(tmp_path):
    with serving(lambda _: Answer({})) as (url, asked):
        Writer(api(tmp_path, url)).write(StatusPatch(ingress=REF, addresses=()))
    assert asked[0].body == {"status": {"loadBalancer": {"ingress": None}}}
    assert asked[0].path == "/apis/networking.k8s.io/v1/namespaces/ns/ingresses/web/status"
    assert asked[0].headers["Content-Type"] == "application/merge-patch+json"


def a_condition(world, **more):
    uid = world.get("Pod", "ns/one")["metadata"]["uid"]
    fields = {"uid": uid, "type": "ours", "status": "False", "reason": "Waits", "message": "m"}
    return ConditionPatch(pod=ObjectRef("Pod", "ns", "one"), **(fields | {"flips": True} | more))


def conditions_of(world):
    return {one["type"]: one for one in world.get("Pod", "ns/one")["status"]["conditions"]}


def test_a_condition_of_a_pod_is_set_beside_the_others(world, writer, clock):
    world.apply(pod("ns/one", container("web")))
    writer.write(a_condition(world, type="theirs", status="True"))
    writer.write(a_condition(world))
    clock[0] += timedelta(hours=1)
    writer.write(a_condition(world, reason="StillWaits", flips=False))
    ours = {"type": "ours", "status": "False", "reason": "StillWaits", "message": "m"}
    assert conditions_of(world)["ours"] == ours | {"lastTransitionTime": "2026-01-02T12:00:00Z"}
    assert conditions_of(world)["theirs"]["status"] == "True"
    writer.write(a_condition(world, status="True"))
    assert conditions_of(world)["ours"]["lastTransitionTime"] == "2026-01-02T13:00:00Z"


def test_a_condition_is_not_set_on_another_pod_of_the_name(world, writer):
    world.apply(pod("ns/one", container("web")))
    with pytest.raises(ClusterError) as caught:
        writer.write(a_condition(world, uid="9d2f9f1e-0000-4000-8000-000000000000"))
    assert caught.value.status == 409
    assert "conditions" not in world.get("Pod", "ns/one")["status"]


def test_a_failure_leaves_as_a_cluster_error(world, writer):
    world.fault(verb="patch", status=403, message="no patch for you")
    with pytest.raises(ClusterError, match="no patch for you") as caught:
        writer.write(StatusPatch(ingress=REF, addresses=()))
    assert caught.value.status == 403


def test_an_event_names_its_object_completely(world, writer):
    writer.write(note(message="x" * 2000, uid=meta(world)["uid"]))
    (event,) = world.list("Event")
    assert event["involvedObject"] == {
        "kind": "Ingress",
        "apiVersion": "networking.k8s.io/v1",
        "namespace": "ns",
        "name": "web",
        "uid": meta(world)["uid"],
    }
    assert event["source"] == {"component": "glbc"}
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-02T12:00:00Z"
    assert event["count"] == 1
    assert len(event["message"]) == 1024
    assert event["metadata"]["name"].startswith("web.")


def test_an_equal_note_is_counted_and_another_is_a_new_event(world, writer, clock):
    writer.write(note())
    clock[0] += timedelta(seconds=61)
    writer.write(note())
    writer.write(note())
    writer.write(note(message="something else"))
    events = sorted(world.list("Event"), key=lambda event: -event["count"])
    assert [event["count"] for event in events] == [3, 1]
    assert events[0]["firstTimestamp"] == "2026-01-02T12:00:00Z"
    assert events[0]["lastTimestamp"] == "2026-01-02T12:01:01Z"


def test_an_event_that_expires_while_it_is_counted_is_tried_again(world, writer):
    writer.write(note())
    world.fault(verb="patch", resource="events", status=404)
    writer.write(note())
    assert [event["count"] for event in world.list("Event")] == [2]


def test_an_event_that_expires_between_create_and_count_is_created(world, writer):
    writer.write(note())
    world.delete("Event", "ns/" + world.list("Event")[0]["metadata"]["name"])
    # the first create is told that the event exists, though it has just expired
    world.fault(verb="create", resource="events", status=409, reason="AlreadyExists")
    writer.write(note())
    assert [event["count"] for event in world.list("Event")] == [1]


def test_an_event_of_a_namespace_under_deletion_is_dropped(world, writer):
    world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}})
    world.delete("Namespace", "ns")
    writer.write(note())


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(note(), True, id="equal notes share a name"),
        pytest.param(note(uid="u-2"), False, id="an object made anew is another object"),
        pytest.param(note(type="Warning"), False, id="another type"),
        pytest.param(note(reason="Other"), False, id="another reason"),
        pytest.param(note(message="more"), False, id="another message"),
    ],
)
def test_an_events_name_is_made_of_what_it_says(other, same):
    names = {event_of(one, NOON)["metadata"]["name"] for one in (note(), other)}
    assert (len(names) == 1) is same


def test_an_event_of_an_object_with_a_long_name_has_a_valid_name():
    name = event_of(note(about=ObjectRef("Ingress", "ns", "a." * 126 + "a")), NOON)
    assert len(name["metadata"]["name"]) <= 253
    assert ".." not in name["metadata"]["name"]


def test_an_event_of_a_cluster_wide_object_lives_in_default():
    event = event_of(note(about=ObjectRef("Node", "", "n")), NOON)
    assert event["metadata"]["namespace"] == "default"
    assert event["involvedObject"] == {
        "kind": "Node",
        "apiVersion": "v1",
        "name": "n",
        "uid": "u-1",
    }


def test_times_are_written_in_utc():
    east = NOON.astimezone(timezone(timedelta(hours=3)))
    assert event_of(note(), east)["lastTimestamp"] == "2026-01-02T12:00:00Z"
