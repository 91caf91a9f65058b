"""What a start asks the API server: may it do all that it needs?"""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.kube import World, running
from glbc.config import Config, LeaseConfig
from glbc.errors import ClusterError
from glbc.kube.access import check_access, needs
from tests.kube.support import api

RBAC = Path(__file__).parents[2] / "deploy" / "rbac.yaml"
USER = "system:serviceaccount:kube-system:glbc"


def documents() -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(RBAC.read_text()) if one]


def granted() -> set[tuple[str, ...]]:
    """Return every verb of deploy/rbac.yaml: group, resource, verb, namespace, name."""
    return {
        (group, resource, verb, one["metadata"].get("namespace", ""), name)
        for one in documents()
        for rule in one.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def asked() -> set[tuple[str, ...]]:
    return {
        (
            need.group,
            "/".join(filter(None, (need.resource, need.subresource))),
            verb,
            need.namespace,
            need.name,
        )
        for need in needs(Config())
        for verb in need.verbs
    }


def test_what_is_asked_is_what_deploy_grants() -> None:
    assert asked() == granted()


def test_without_a_lease_none_is_needed() -> None:
    config = Config(lease=LeaseConfig(enabled=False))
    assert "leases" not in {need.resource for need in needs(config)}


@pytest.fixture
def guarded() -> World:
    world = World()
    for one in documents():
        world.apply(one)
    world.authorize("t", USER)
    return world


def test_with_all_of_it_nothing_is_said(guarded: World, tmp_path: Path) -> None:
    with running(guarded) as url:
        check_access(api(tmp_path, url), Config())


def test_a_slow_server_is_asked_for_many_at_a_time(guarded: World, tmp_path: Path) -> None:
    delay = 0.2
    guarded.fault(times=-1, delay=delay)
    with running(guarded) as url:
        began = time.monotonic()
        check_access(api(tmp_path, url), Config())
        took = time.monotonic() - began
    assert took < delay * len(asked()) / 3


def test_all_that_is_missing_is_named_at_once(guarded: World, tmp_path: Path) -> None:
    role = guarded.get("ClusterRole", "glbc")
    assert role is not None
    role["rules"] = [rule for rule in role["rules"] if "secrets" not in rule["resources"]]
    guarded.apply(role)
    guarded.delete("RoleBinding", "kube-system/glbc")
    with running(guarded) as url, pytest.raises(ClusterError) as refused:
        check_access(api(tmp_path, url), Config())
    message = str(refused.value)
    for words in (
        "get secrets; list secrets; watch secrets",
        "get configmaps ingress-uid in namespace kube-system",
        "update leases.coordination.k8s.io glbc in namespace kube-system",
        "apply deploy/rbac.yaml",
    ):
        assert words in message
    assert "list services" not in message
