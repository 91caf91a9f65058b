"""What a first start decides about the redirect, and what it asks."""

import pytest

from fakes.kube import World, running
from glbc.commands.firststart import decided
from glbc.config import Config, ConfigError
from glbc.model.views import Ingress, Meta, Snapshot
from tests.kube.support import api

NEW = Snapshot(ingresses={"a/b": Ingress(metadata=Meta(name="b", namespace="a"))})
OLD = Snapshot(
    ingresses={
        "a/b": Ingress(
            metadata=Meta(
                name="b", namespace="a", finalizers=("networking.gke.io/ingress-finalizer",)
            )
        )
    }
)


@pytest.mark.parametrize(
    ("given", "snapshot", "said"),
    [
        pytest.param("", NEW, "tls", id="a new cluster: tls"),
        pytest.param("explicit", NEW, "explicit", id="a new cluster, and somebody says it"),
        pytest.param("tls", OLD, "tls", id="a taken over cluster, and somebody says it"),
    ],
)
def test_it_is_noted_and_holds_for_the_next_start(tmp_path, given, snapshot, said) -> None:
    world = World()
    with running(world) as url:
        first = decided(Config(https_redirect=given), api(tmp_path, url), snapshot, write=True)
        again = decided(Config(), api(tmp_path, url), OLD, write=True)
    assert (first.https_redirect, again.https_redirect) == (said, said)


def test_a_cluster_with_load_balancers_is_not_decided_for(tmp_path) -> None:
    world = World()
    with running(world) as url, pytest.raises(ConfigError, match=r"explicit .* or tls"):
        decided(Config(), api(tmp_path, url), OLD, write=True)
    assert world.get("ConfigMap", "kube-system/glbc") is None


def test_a_plan_leaves_no_note(tmp_path) -> None:
    world = World()
    with running(world) as url:
        decided(Config(), api(tmp_path, url), NEW, write=False)
    assert world.get("ConfigMap", "kube-system/glbc") is None
