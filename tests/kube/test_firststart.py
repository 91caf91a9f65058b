"""What a first start decides about the redirect, and what it asks."""

import pytest

from fakes.kube import World, running
from glbc.commands.firststart import decided, remember
from glbc.config import Config, ConfigError
from glbc.kube.note import read_note
from glbc.model.view import Meta
from glbc.model.views import (
    Ingress,
    IngressStatus,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Snapshot,
)
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
        client = api(tmp_path, url)
        first = decided(Config(https_redirect=given), read_note(client), snapshot)
        remember(first, read_note(client), client)
        version = world.resource_version
        again = decided(Config(), read_note(client), OLD)
        remember(again, read_note(client), client)
    assert (first.https_redirect, again.https_redirect) == (said, said)
    assert world.resource_version == version


def test_another_word_later_changes_the_note(tmp_path) -> None:
    world = World()
    with running(world) as url:
        client = api(tmp_path, url)
        remember(Config(https_redirect="tls"), None, client)
        remember(Config(https_redirect="explicit"), read_note(client), client)
        assert read_note(client) == {"httpsRedirect": "explicit"}


def test_a_cluster_with_load_balancers_is_not_decided_for() -> None:
    with pytest.raises(ConfigError, match=r"explicit .* or tls"):
        decided(Config(), None, OLD)


def test_load_balancers_of_other_controllers_do_not_count() -> None:
    meta = Meta(name="b", namespace="a", annotations={"kubernetes.io/ingress.class": "nginx"})
    status = IngressStatus(
        load_balancer=LoadBalancerStatus(ingress=(LoadBalancerIngress(ip="1.2.3.4"),))
    )
    other = Snapshot(ingresses={"a/b": Ingress(metadata=meta, status=status)})
    assert decided(Config(), None, other).https_redirect == "tls"
