"""A cluster that is called otherwise than at the start, or is another one: seen in time, and told once."""

import pytest

from fakes.kube import World
from glbc.errors import ClusterError
from glbc.kube.cluster import KubeCluster, read_identity
from glbc.kube.identity_watch import IdentityChanged, IdentityWatch
from tests.kube.support import QUICK, api, eventually, ingress, rows
from tests.kube.test_identity import UID, config_map, nothing_written, stored

EVERY = 0.02  # seconds


@pytest.fixture
def watched(world, url, tmp_path):
    """Read the identity of `world`, and watch it through the real client."""
    client = api(tmp_path, url)
    made = []

    def watch(cluster_uid="", provider_uid="", *, keep=True):
        identity = read_identity(client, cluster_uid, provider_uid)
        flags = {"uid": cluster_uid, "provider-uid": provider_uid}
        given = frozenset(key for key, value in flags.items() if value)
        one = IdentityWatch(client, identity, from_flags=given, keep=keep)
        made.append(one)
        return one

    yield watch
    for one in made:
        one.stop()
    client.close()


def another_cluster(world):
    """Put another cluster behind the same address: its kube-system has a uid of its own."""
    was = world.get("Namespace", "kube-system")["metadata"]["uid"]
    world.restore(World(seed=7).snapshot())
    found = world.get("Namespace", "kube-system")["metadata"]["uid"]
    assert found != was
    return was, found


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        pytest.param(
            {"uid": "other", "provider_uid": "fw"},
            ["key uid", f'"{UID}"', '"other"', f"--cluster-uid {UID}"],
            id="the uid",
        ),
        pytest.param({"provider_uid": "fw"}, ["key uid", f'"{UID}"', '""'], id="the uid taken out"),
        pytest.param(
            {"uid": UID, "provider_uid": "other"},
            ["key provider-uid", '"fw"', '"other"'],
            id="the provider-uid",
        ),
        pytest.param(
            {"uid": UID}, ["key provider-uid", '"fw"', f'"{UID}"'], id="the provider-uid taken out"
        ),
    ],
)
def test_an_edit_is_told_once_with_key_old_and_new_value_and_the_remedy(world, watched, edit, told):
    config_map(world, uid=UID, provider_uid="fw")
    one, seen = watched(), []
    one.start(seen.append, EVERY)
    one.look()
    config_map(world, **edit)
    eventually(lambda: seen)
    with pytest.raises(IdentityChanged) as again:
        one.look()
    assert seen == [again.value]
    line = str(again.value)
    assert "\n" not in line
    for word in ("ConfigMap kube-system/ingress-uid", *told):
        assert word in line


def test_what_came_from_flags_is_not_the_config_maps_to_change(world, watched):
    config_map(world, uid=UID, provider_uid="fw")
    one = watched("mine", "mine-fw")
    config_map(world, uid="other", provider_uid="other-fw")
    with nothing_written(world):
        one.look()


def test_other_keys_and_a_provider_uid_that_says_the_same_are_no_change(world, watched):
    config_map(world, uid=UID)
    one = watched()
    config_map(world, uid=UID, more="x")
    one.look()
    assert stored(world)["more"] == "x"


def test_a_deleted_config_map_is_written_again_with_the_same_values(world, watched, logged):
    config_map(world, uid=UID, provider_uid="fw")
    one, seen = watched(), []
    one.look()
    world.delete("ConfigMap", "kube-system/ingress-uid")
    one.start(seen.append, EVERY)
    eventually(lambda: any(line["event"] == "identity_written_again" for line in logged))
    assert stored(world) == {"uid": UID, "provider-uid": "fw"}
    lines = [line for line in logged if line["event"] == "identity_written_again"]
    assert [(line["uid"], line["provider_uid"]) for line in lines] == [(UID, "fw")]
    assert seen == []


def test_whatever_else_stood_in_it_is_written_again_and_the_watch_goes_on(world, watched, logged):
    config_map(world, uid=UID, provider_uid="fw", event="ours", configmap="ours")
    one, seen = watched(), []
    one.look()
    world.delete("ConfigMap", "kube-system/ingress-uid")
    one.start(seen.append, EVERY)
    eventually(lambda: any(line["event"] == "identity_written_again" for line in logged))
    assert stored(world)["event"] == "ours"
    config_map(world, uid="other")
    eventually(lambda: seen)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_that_ends_the_watch_is_seen(world, watched, monkeypatch):
    config_map(world, uid=UID, provider_uid=UID)
    one = watched()
    assert one.alive(), "nobody was asked to look yet"
    one.start(lambda _: None, EVERY)
    assert one.alive()

    def bug():
        raise ValueError("a bug")

    monkeypatch.setattr(one, "look", bug)
    eventually(lambda: not one.alive())


def test_whoever_may_not_write_leaves_it_deleted(world, watched):
    config_map(world, uid=UID, provider_uid="fw")
    one = watched(keep=False)
    one.look()
    world.delete("ConfigMap", "kube-system/ingress-uid")
    with nothing_written(world):
        one.look()


def test_flags_are_not_written_into_a_cluster_that_has_no_config_map(world, watched):
    one = watched(UID)
    with nothing_written(world):
        one.look()


def test_what_somebody_else_writes_in_its_place_is_compared(world, watched):
    config_map(world, uid=UID, provider_uid=UID)
    one = watched()
    one.look()
    world.delete("ConfigMap", "kube-system/ingress-uid")
    world.fault(verb="create", resource="configmaps", status=409)
    one.look()
    config_map(world, uid="other")
    with pytest.raises(IdentityChanged, match='"other"'):
        one.look()


def test_another_cluster_behind_the_same_address_is_told_and_gets_no_config_map(world, watched):
    config_map(world, uid=UID, provider_uid=UID)
    one = watched()
    one.look()
    was, found = another_cluster(world)
    with nothing_written(world), pytest.raises(IdentityChanged) as told:
        one.look()
    for word in ("namespace kube-system", was, found, "kubeconfig"):
        assert word in str(told.value)


@pytest.mark.parametrize("resource", ["namespaces", "configmaps"])
def test_what_cannot_be_read_is_no_change_and_is_said_once(world, watched, logged, resource):
    config_map(world, uid=UID, provider_uid=UID)
    one, seen = watched(), []
    world.forget_calls()
    world.fault(resource=resource, status=503, times=3)
    one.start(seen.append, EVERY)
    eventually(lambda: world.counts().get(("get", "namespaces"), 0) > 4)
    assert seen == []
    assert sum(line["event"] == "identity_unread" for line in logged) == 1


def test_without_the_permission_to_read_the_namespace_lists_count_all_the_same(world, watched):
    config_map(world, uid=UID, provider_uid=UID)
    one = watched()
    world.fault(resource="namespaces", status=403)
    one.same_cluster()
    world.fault(resource="namespaces", status=503)
    with pytest.raises(ClusterError):
        one.same_cluster()


def test_nothing_of_another_cluster_ever_gets_into_a_snapshot(world, url, tmp_path, watched):
    """Seen by the watches themselves: a look every few seconds would come too late."""
    config_map(world, uid=UID, provider_uid=UID)
    world.apply(ingress("ns/ours"))
    one, seen = watched(), []
    one.start(seen.append, every=3600)
    client = api(tmp_path, url)
    cluster = KubeCluster(client, kinds=rows("Ingress"), timing=QUICK, believe=one.same_cluster)
    cluster.start()
    assert cluster.wait_synced(5)
    another_cluster(world)
    world.apply(ingress("ns/theirs"))
    world.close_watches()
    eventually(lambda: seen)
    eventually(lambda: not cluster.snapshot().complete)
    assert list(cluster.snapshot().ingresses) == ["ns/ours"]
    cluster.stop()
    client.close()


def test_what_a_watch_saw_before_anybody_listened_is_told_at_the_start(world, watched):
    config_map(world, uid=UID, provider_uid=UID)
    one, seen = watched(), []
    another_cluster(world)
    with pytest.raises(IdentityChanged):
        one.same_cluster()
    one.start(seen.append, EVERY)
    eventually(lambda: seen)
    assert len(seen) == 1
