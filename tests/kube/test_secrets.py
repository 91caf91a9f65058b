"""Secrets that BackendConfigs name: read by name, again and again, and no other one ever."""

import base64
import threading

import pytest

from fakes.kube import World
from glbc.kube.cluster import KubeCluster
from glbc.kube.secrets import NamedSecrets
from tests.kube.support import QUICK, api, eventually, rows


def secret(key, kind="Opaque", **values):
    namespace, _, name = key.partition("/")
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    meta = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind, "data": data}


@pytest.fixture
def changes():
    """How often something was told to have changed."""
    return []


@pytest.fixture
def named(world, url, tmp_path, changes):
    """The reader, on a thread of its own that ends with the test."""
    reader = NamedSecrets(api(tmp_path, url), lambda: changes.append(1), again_sec=0.05)
    thread = threading.Thread(target=reader.run, name="read-secrets")
    thread.start()
    yield reader
    reader.stop()
    thread.join(8)
    assert not thread.is_alive()


def value(reader, name, key):
    found = reader.known().get(name)
    held = getattr(found.data, key) if found else None
    return base64.b64decode(held.reveal()).decode() if held else None


def test_what_is_wanted_is_read_at_once_and_read_again(world, named, changes):
    world.apply(secret("ns/client", client_id="me", client_secret="hush"))
    named.want({"ns/client"})
    eventually(lambda: value(named, "ns/client", "client_secret") == "hush")
    told = len(changes)
    world.apply(secret("ns/client", client_id="me", client_secret="new"))
    eventually(lambda: value(named, "ns/client", "client_secret") == "new")
    assert len(changes) == told + 1


def test_a_change_of_anything_else_is_none(world, named, changes):
    world.apply(secret("ns/client", client_id="me", other="x"))
    named.want({"ns/client"})
    eventually(lambda: value(named, "ns/client", "client_id") == "me")
    told = len(changes)
    world.apply(secret("ns/client", client_id="me", other="y"))
    reads = world.counts()["get", "secrets"]
    eventually(lambda: world.counts()["get", "secrets"] >= reads + 2)
    assert len(changes) == told


def test_one_that_does_not_exist_is_known_not_to_until_it_does(world, named):
    named.want({"ns/client"})
    eventually(lambda: "ns/client" in named.known())
    assert named.known()["ns/client"] is None
    world.apply(secret("ns/client", client_id="me"))
    eventually(lambda: value(named, "ns/client", "client_id") == "me")


def test_what_nobody_wants_any_more_is_forgotten(world, named):
    world.apply(secret("ns/client", client_id="me"))
    named.want({"ns/client"})
    eventually(lambda: "ns/client" in named.known())
    named.want(())
    assert named.known() == {}


def test_one_that_may_not_be_read_keeps_what_is_known_and_is_told_once(world, named, logged):
    world.apply(secret("ns/client", client_id="me"))
    named.want({"ns/client"})
    eventually(lambda: value(named, "ns/client", "client_id") == "me")
    world.fault(verb="get", resource="secrets", status=403, times=-1)
    eventually(lambda: [line for line in logged if line["event"] == "secret_unreadable"])
    reads = world.counts()["get", "secrets"]
    eventually(lambda: world.counts()["get", "secrets"] >= reads + 3)
    assert value(named, "ns/client", "client_id") == "me"
    assert len([line for line in logged if line["event"] == "secret_unreadable"]) == 1
    world.clear_faults()


def test_no_other_secret_is_ever_in_memory(world: World, url, tmp_path):
    world.apply(secret("ns/password", password="opaque-password"))
    world.apply(secret("ns/token", kind="kubernetes.io/basic-auth", username="u", password="basic"))
    world.apply(secret("ns/client", client_id="me", password="beside-the-client"))
    cluster = KubeCluster(api(tmp_path, url), kinds=rows("Secret", "Ingress"), timing=QUICK)
    cluster.start()
    try:
        assert cluster.wait_synced(8)
        cluster.want_credentials({"ns/client"})
        eventually(lambda: "ns/client" in cluster.snapshot().credentials)
        snapshot = cluster.snapshot()
        assert snapshot.secrets == {}
        assert snapshot.credentials.keys() == {"ns/client"}
        assert list(snapshot.credentials["ns/client"].data.__struct_fields__) == [
            "client_id",
            "client_secret",
            "key_value",
        ]
        assert world.counts()["list", "secrets"] == 1  # with type=kubernetes.io/tls
        assert world.counts()["get", "secrets"] == 1
    finally:
        cluster.stop()
