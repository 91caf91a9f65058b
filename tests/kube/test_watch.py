"""List and watch against an API server, through the real client."""

from contextlib import ExitStack
from urllib.parse import urlsplit

import msgspec
import pytest

from fakes.build import container, http_get, pod
from fakes.kube import World, running
from glbc.kube.cluster import KubeCluster
from glbc.kube.watch import KINDS, Reflectors
from glbc.model.views import GATE, PodCondition, PodStatus
from tests.kube.support import QUICK, api, eventually, ingress, node, service, watch_threads

EVERY = frozenset(row.kind for row in KINDS)
INSTALLED = sum(not row.optional for row in KINDS)


@pytest.fixture
def seen():
    """What on_change was told."""
    return []


@pytest.fixture
def reflect(world, url, tmp_path, seen):
    """Start reflectors for `world`; they end with the test, and leave no thread."""
    with ExitStack() as stack:

        def begin(**timing):
            settings = msgspec.structs.replace(QUICK, **timing)
            reflectors = Reflectors(api(tmp_path, url), timing=settings, on_change=seen.append)
            stack.callback(reflectors.stop)
            reflectors.start()
            assert reflectors.wait_synced(8)
            return reflectors

        yield begin
    assert watch_threads() == []


def watches(world):
    return len({call.resource for call in world.calls() if call.verb == "watch"})


def told(seen):
    return {key for keys in seen for key in keys}


def test_the_first_list_comes_in_pages(world, reflect, seen):
    for number in range(7):
        world.apply(ingress(f"ns/i{number}"))
    world.apply(service("ns/web"))
    world.apply(node("n1"))
    snapshot = reflect(page=3).snapshot()
    assert sorted(snapshot.ingresses) == [f"ns/i{number}" for number in range(7)]
    assert snapshot.services["ns/web"].spec.ports[0].node_port >= 30000
    assert list(snapshot.nodes) == ["n1"]
    assert snapshot.complete == EVERY
    assert world.counts()["list", "ingresses"] == 3
    assert ("Node", "n1") in told(seen)


def test_each_kind_has_a_thread_of_its_name(reflect):
    reflectors = reflect()
    assert watch_threads() == [
        "watch-backendconfigs",
        "watch-endpointslices",
        "watch-frontendconfigs",
        "watch-ingressclasses",
        "watch-ingresses",
        "watch-ingressparameters",
        "watch-nodes",
        "watch-pods",
        "watch-secrets",
        "watch-servicenetworkendpointgroups",
        "watch-services",
    ]
    assert reflectors.alive()


def test_additions_changes_and_deletions_arrive(world, reflect, seen):
    reflectors = reflect()
    before = reflectors.snapshot()
    world.apply(ingress("ns/a"))
    eventually(lambda: "ns/a" in reflectors.snapshot().ingresses)
    world.apply(ingress("ns/a", metadata={"annotations": {"k": "v"}}))
    eventually(lambda: reflectors.snapshot().ingresses["ns/a"].metadata.annotations == {"k": "v"})
    world.delete("Ingress", "ns/a")
    eventually(lambda: not reflectors.snapshot().ingresses)
    assert before.ingresses == {}
    eventually(lambda: [keys for keys in seen if keys] == [{("Ingress", "ns/a")}] * 3)


def test_a_snapshot_in_hand_does_not_change(world, reflect):
    world.apply(ingress("ns/a"))
    reflectors = reflect()
    old = reflectors.snapshot()
    world.apply(ingress("ns/b"))
    eventually(lambda: "ns/b" in reflectors.snapshot().ingresses)
    assert list(old.ingresses) == ["ns/a"]
    assert reflectors.snapshot().ingresses is reflectors.snapshot().ingresses


def test_an_object_under_deletion_stays_in_the_view(world, reflect):
    world.apply(ingress("ns/a", metadata={"finalizers": ["x.io/f"]}))
    reflectors = reflect()
    world.delete("Ingress", "ns/a")
    eventually(lambda: reflectors.snapshot().ingresses["ns/a"].metadata.deletion_timestamp)
    assert reflectors.snapshot().ingresses["ns/a"].metadata.finalizers == ("x.io/f",)


def test_a_pod_is_told_of_when_its_probe_or_its_labels_change_only(world, reflect, seen):
    asks = container("app", "8080", readiness=http_get("/ready"))
    world.apply(pod("ns/a", asks))
    world.apply(pod("ns/job", container("job")))
    reflectors = reflect()
    before = reflectors.snapshot()
    seen.clear()
    status = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
    world.apply({**pod("ns/a", asks), "status": status})
    world.apply(pod("ns/job2", container("job")))
    world.delete("Pod", "ns/job")
    # a pod's events come in order: what was before this one has been handled when it is seen
    world.apply(pod("ns/b", asks))
    eventually(lambda: "ns/b" in reflectors.snapshot().pods)
    assert sorted(reflectors.snapshot().pods) == ["ns/a", "ns/b", "ns/job2"]
    assert reflectors.snapshot().pods["ns/a"] is before.pods["ns/a"]
    world.apply(pod("ns/a", asks, app="other"))
    world.delete("Pod", "ns/b")
    eventually(lambda: "ns/b" not in reflectors.snapshot().pods)
    eventually(
        lambda: (
            [keys for keys in seen if keys]
            == [{("Pod", "ns/b")}, {("Pod", "ns/a")}, {("Pod", "ns/b")}]
        )
    )


def test_of_the_status_of_a_pod_that_waits_only_our_condition_is_seen(world, reflect, seen):
    waits = pod("ns/a", container("job"), gates=(GATE,))
    world.apply(waits)
    world.apply(pod("ns/b", container("job")))
    reflectors = reflect()
    before = reflectors.snapshot()
    seen.clear()
    ours = {"type": GATE, "status": "False", "reason": "R", "message": "m"}
    theirs = {"type": "Initialized", "status": "True"}
    world.apply({**pod("ns/b", container("job")), "status": {"conditions": [ours]}})
    world.apply({**waits, "status": {"conditions": [theirs]}})
    world.apply({**waits, "status": {"conditions": [theirs, ours]}})
    eventually(lambda: [keys for keys in seen if keys] == [{("Pod", "ns/a")}])
    after = reflectors.snapshot()
    assert after.pods["ns/b"] is before.pods["ns/b"]
    assert after.pods["ns/b"].metadata.uid == ""
    assert after.pods["ns/a"].status == PodStatus((PodCondition(**ours),))
    assert after.pods["ns/a"].metadata.uid == world.get("Pod", "ns/a")["metadata"]["uid"]


@pytest.mark.parametrize("in_stream", [True, False], ids=["in the stream", "as HTTP 410"])
def test_a_compacted_history_leads_to_a_new_list(world, reflect, logged, in_stream):
    world.apply(ingress("ns/a"))
    world.apply(ingress("ns/b"))
    reflectors = reflect()
    world.gone_in_stream = in_stream
    with world.locked():
        world.fault(verb="watch", times=4, status=500)
        world.close_watches()
        world.apply(ingress("ns/c"))
        world.delete("Ingress", "ns/a")
        world.compact()
        world.apply(service("ns/web"))
    eventually(lambda: list(reflectors.snapshot().ingresses) == ["ns/b", "ns/c"])
    eventually(lambda: "ns/web" in reflectors.snapshot().services)
    assert "watch_expired" in [line["event"] for line in logged]


def test_dropped_watches_are_taken_up_where_they_broke(world, reflect):
    world.apply(ingress("ns/a"))
    reflectors = reflect()
    eventually(lambda: watches(world) == INSTALLED, "all watches are open")
    world.close_watches()
    world.apply(ingress("ns/b"))
    eventually(lambda: "ns/b" in reflectors.snapshot().ingresses)
    assert world.counts()["list", "ingresses"] == 1
    assert reflectors.snapshot().complete == EVERY


def test_an_api_server_that_is_gone_takes_completeness_but_not_the_view(tmp_path, seen):
    world = World()
    world.apply(ingress("ns/a"))
    with ExitStack() as stack:
        with running(world) as url:
            cluster = KubeCluster(api(tmp_path, url), timing=QUICK, on_change=seen.append)
            stack.callback(cluster.stop)
            cluster.start()
            assert cluster.wait_synced(8)
            eventually(lambda: world.counts().get(("watch", "nodes")))
        eventually(lambda: not cluster.snapshot().complete)
        assert list(cluster.snapshot().ingresses) == ["ns/a"]
        world.apply(ingress("ns/b"))
        seen.clear()
        with running(world, port=urlsplit(url).port):
            eventually(lambda: "ns/b" in cluster.snapshot().ingresses)
            eventually(lambda: cluster.snapshot().complete == EVERY)
            assert ("Ingress", "ns/b") in told(seen)
            assert ("Ingress", "ns/a") not in told(seen)
            assert set() in seen
            cluster.stop()
            assert watch_threads() == []
            assert cluster.snapshot().complete == frozenset()


def test_one_kind_that_may_not_be_read_leaves_the_others_working(world, url, tmp_path):
    world.apply(ingress("ns/a"))
    world.fault(resource="nodes", times=-1, status=403)
    reflectors = Reflectors(api(tmp_path, url), timing=QUICK)
    reflectors.start()
    try:
        eventually(lambda: reflectors.snapshot().complete == EVERY - {"Node"})
        assert not reflectors.wait_synced(0)
        assert "ns/a" in reflectors.snapshot().ingresses
        world.clear_faults()
        assert reflectors.wait_synced(8)
    finally:
        reflectors.stop()


def test_bookmarks_keep_a_quiet_kind_from_expiring(world, reflect):
    reflectors = reflect()
    eventually(lambda: watches(world) == INSTALLED, "all watches are open")
    world.apply(node("n"))
    eventually(lambda: reflectors.snapshot().nodes)
    world.bookmark()
    lists = world.counts()["list", "ingresses"]
    # a second event after the bookmark: both have been handled once it is seen
    world.apply(ingress("ns/a"))
    eventually(lambda: reflectors.snapshot().ingresses)
    world.close_watches()
    world.apply(ingress("ns/b"))
    eventually(lambda: "ns/b" in reflectors.snapshot().ingresses)
    assert world.counts()["list", "ingresses"] == lists
