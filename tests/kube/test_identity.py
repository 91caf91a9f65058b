"""Which cluster this is: every place where the answer may stand, and every one where it may not."""

import re
from contextlib import contextmanager
from functools import partial

import pytest

from glbc.errors import ClusterError
from glbc.kube.cluster import read_identity
from tests.kube.support import api, ingress

UID = "c90a6bd2f1e34567"
RULE = "ingress.kubernetes.io/forwarding-rule"
HTTPS_RULE = "ingress.kubernetes.io/https-forwarding-rule"


@pytest.fixture
def read(world, url, tmp_path):
    """Read the identity of `world` through the real client."""
    client = api(tmp_path, url)
    yield partial(read_identity, client)
    client.close()


def config_map(world, **data):
    data = {key.replace("_", "-"): value for key, value in data.items()}
    world.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": "kube-system", "name": "ingress-uid", "labels": {"a": "b"}},
            "data": data,
        }
    )


def stored(world):
    found = world.get("ConfigMap", "kube-system/ingress-uid")
    return found and found.get("data", {})


def served(world, key, rule="", annotation=RULE):
    annotations = {annotation: rule} if rule else {}
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    world.apply(ingress(key, metadata={"annotations": annotations}, status=status))


@contextmanager
def nothing_written(world):
    version = world.resource_version
    yield
    assert world.resource_version == version


def test_both_keys_are_read_and_nothing_is_written(world, read):
    config_map(world, uid=UID, provider_uid="fw")
    with nothing_written(world):
        identity = read()
    assert (identity.cluster_uid, identity.firewall_name) == (UID, "fw")
    namespace = world.get("Namespace", "kube-system")
    assert identity.kube_system_uid == namespace["metadata"]["uid"]


def test_a_missing_provider_uid_is_the_uid_and_written_back(world, read):
    config_map(world, uid=UID)
    assert read().firewall_name == UID
    assert stored(world) == {"uid": UID, "provider-uid": UID}
    kept = world.get("ConfigMap", "kube-system/ingress-uid")["metadata"]
    assert kept["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param((UID,), (UID, UID), id="the uid, with no ConfigMap"),
        pytest.param((UID, "fw"), (UID, "fw"), id="both"),
    ],
)
def test_flags_are_used_and_never_stored(world, read, flags, expected):
    with nothing_written(world):
        identity = read(*flags)
    assert (identity.cluster_uid, identity.firewall_name) == expected


def test_flags_win_over_the_config_map(world, read):
    config_map(world, uid="other", provider_uid="other-fw")
    with nothing_written(world):
        identity = read(UID, "fw")
    assert (identity.cluster_uid, identity.firewall_name) == (UID, "fw")


def test_a_new_cluster_gets_a_random_uid_and_keeps_it(world, read):
    world.apply(ingress("ns/not-served"))
    first = read()
    assert re.fullmatch("[0-9a-f]{16}", first.cluster_uid)
    assert stored(world) == {"uid": first.cluster_uid, "provider-uid": first.cluster_uid}
    assert read() == first


def test_two_clusters_get_different_uids(world, read):
    first = read()
    world.delete("ConfigMap", "kube-system/ingress-uid")
    assert read().cluster_uid != first.cluster_uid


@pytest.mark.parametrize(
    ("annotation", "rule"),
    [(RULE, f"k8s-fw-ns-web--{UID}"), (HTTPS_RULE, f"k8s-fws-ns-web--{UID}")],
    ids=["http", "https only"],
)
def test_a_lost_uid_is_recovered_from_a_served_ingress(world, read, annotation, rule):
    served(world, "a/of-another-controller")
    served(world, "ns/web", rule, annotation)
    assert read().cluster_uid == UID
    assert stored(world) == {"uid": UID, "provider-uid": UID}


def test_a_recovered_uid_goes_into_the_config_map_that_has_none(world, read):
    config_map(world, uid="", provider_uid="fw")
    served(world, "ns/my--web", f"k8s-fw-ns-my--web--{UID}")
    identity = read()
    assert (identity.cluster_uid, identity.firewall_name) == (UID, "fw")
    assert stored(world) == {"uid": UID, "provider-uid": "fw"}


def test_an_ingress_of_another_controller_is_no_obstacle(world, read):
    served(world, "ns/nginx")
    assert re.fullmatch("[0-9a-f]{16}", read().cluster_uid)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("k8s2-fr-0svcwfuc-ns-web-fnjlgl1w", id="a v2 name"),
        pytest.param("k8s-fw-ns-web", id="a name from before there were uids"),
        pytest.param("k8s-fw-ns-my--web", id="a dash that is the Ingress's own"),
    ],
)
def test_a_load_balancer_that_does_not_tell_its_uid_stops_the_start(world, read, rule):
    served(world, "ns/web", rule)
    with (
        nothing_written(world),
        pytest.raises(ClusterError, match=rf"{rule}\): restore its key uid"),
    ):
        read()


def test_a_name_that_was_cut_does_not_tell_a_uid(world, read):
    name = "w" * 41
    rule = f"k8s-fw-ns-{name}--{UID}"[:62] + "0"
    served(world, f"ns/{name}", rule)
    with nothing_written(world), pytest.raises(ClusterError, match="restore"):
        read()


def test_two_uids_are_one_too_many(world, read):
    served(world, "ns/a", "k8s-fw-ns-a--1111111111111111")
    served(world, "ns/b", "k8s-fw-ns-b--2222222222222222")
    with (
        nothing_written(world),
        pytest.raises(
            ClusterError, match=r"several are told: 1111111111111111 .* 2222222222222222 "
        ),
    ):
        read()


def test_a_config_map_without_a_uid_is_not_filled_with_a_random_one(world, read):
    config_map(world, uid="")
    with nothing_written(world), pytest.raises(ClusterError, match="exists but has no uid"):
        read()


def test_without_writing_a_new_cluster_has_no_identity(world, read):
    with nothing_written(world), pytest.raises(ClusterError, match="glbc run"):
        read(write=False)


def test_without_writing_everything_else_is_read_all_the_same(world, read):
    config_map(world, uid=UID)
    with nothing_written(world):
        assert read(write=False).firewall_name == UID
    world.delete("ConfigMap", "kube-system/ingress-uid")
    served(world, "ns/web", f"k8s-fw-ns-web--{UID}")
    with nothing_written(world):
        assert read(write=False).cluster_uid == UID


def test_whoever_creates_the_config_map_first_decides(world, read, monkeypatch):
    def other_replica(_):
        config_map(world, uid=UID, provider_uid=UID)
        return "ffffffffffffffff"

    monkeypatch.setattr("glbc.kube.identity.secrets.token_hex", other_replica)
    assert read().cluster_uid == UID
    assert stored(world) == {"uid": UID, "provider-uid": UID}


def test_a_config_map_that_changes_meanwhile_is_read_again(world, read):
    config_map(world, uid=UID)
    world.fault(verb="patch", resource="configmaps", status=409)
    assert read().firewall_name == UID
    assert stored(world) == {"uid": UID, "provider-uid": UID}


def test_a_config_map_that_never_holds_still_is_an_error(world, read):
    config_map(world, uid=UID)
    world.fault(verb="patch", resource="configmaps", status=409, times=-1)
    with pytest.raises(ClusterError, match="somebody else keeps changing it"):
        read()


@pytest.mark.parametrize("resource", ["namespaces", "configmaps", "ingresses"])
def test_what_may_not_be_read_is_not_taken_for_missing(world, read, resource):
    world.fault(resource=resource, status=403)
    with nothing_written(world), pytest.raises(ClusterError) as caught:
        read()
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("data", "key"),
    [
        pytest.param({"uid": "UPPER"}, "uid", id="a uid"),
        pytest.param({"uid": UID, "provider_uid": "a_b"}, "provider-uid", id="a provider-uid"),
    ],
)
def test_a_value_that_no_name_can_end_in_stops_the_start(world, read, data, key):
    config_map(world, **data)
    with nothing_written(world), pytest.raises(ClusterError, match=f"its key {key} .* refuses"):
        read()
