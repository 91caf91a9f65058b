"""Nodes to machines, groups, tags and the firewall rule."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from fakes.build import node
from glbc.config import Config
from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.keys import Ref
from glbc.model.views import Hints, Node
from glbc.naming import Namer
from glbc.translate.cluster import (
    Machine,
    group_keys,
    groups,
    machine_of,
    machines,
    members,
    node_tags,
)
from glbc.translate.firewall import network_key, open_ports, rule
from tests.golden.cases import config_of, snapshot_of

NAMER = Namer("16f2a1b3c4d5e6f7", "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11")
READY = {"type": "Ready", "status": "True"}
USER = ObjectRef("Ingress", "shop", "web")
PLACE = {"topology.kubernetes.io/zone": "z-label"}


def _node(name: str = "n1", **parts: Any) -> dict[str, Any]:
    meta = {"name": name, "labels": parts.get("labels", {})}
    spec = {"providerID": parts.get("provider", f"gce://p/z-a/{name}")}
    if taints := parts.get("taints"):
        spec["taints"] = [{"key": key} for key in taints]
    return {
        "kind": "Node",
        "metadata": meta,
        "spec": spec,
        "status": {"conditions": parts.get("conditions", [READY])},
    }


def _machine(**parts: Any) -> Machine | None:
    return machine_of(msgspec.convert(_node(**parts), Node))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({}, Machine("n1", "z-a", True), id="ready"),
        pytest.param({"name": "n1.c.p.internal"}, Machine("n1", "z-a", True), id="up to the dot"),
        pytest.param(
            {"labels": PLACE}, Machine("n1", "z-a", True), id="the provider ID tells the zone"
        ),
        pytest.param(
            {"provider": "", "labels": PLACE}, Machine("n1", "z-label", True), id="else the label"
        ),
        pytest.param(
            {"provider": "aws:///z/i-1", "labels": PLACE},
            None,
            id="a node of another cloud",
        ),
        pytest.param(
            {"provider": "gce://p//n1", "labels": PLACE},
            Machine("n1", "z-label", True),
            id="nor does one without a zone",
        ),
        pytest.param({"provider": ""}, None, id="no zone at all"),
        pytest.param({"provider": "gce://p/n1"}, None, id="a provider ID cut short"),
        pytest.param({"conditions": []}, Machine("n1", "z-a", False), id="readiness not told"),
        pytest.param(
            {"conditions": [{"type": "Ready", "status": "Unknown"}]},
            Machine("n1", "z-a", False),
            id="readiness not known",
        ),
        pytest.param(
            {"conditions": [{"type": "DiskPressure", "status": "True"}]},
            Machine("n1", "z-a", False),
            id="another condition is not readiness",
        ),
        pytest.param(
            {"taints": ["ToBeDeletedByClusterAutoscaler"]},
            Machine("n1", "z-a", False),
            id="about to be deleted",
        ),
        pytest.param(
            {"taints": ["node.kubernetes.io/unschedulable"]},
            Machine("n1", "z-a", True),
            id="cordoned still serves",
        ),
        *(
            pytest.param({"labels": {label: ""}}, Machine("n1", "z-a", False), id=f"label {label}")
            for label in (
                "node-role.kubernetes.io/master",
                "alpha.service-controller.kubernetes.io/exclude-balancer",
                "node.kubernetes.io/exclude-from-external-load-balancers",
            )
        ),
    ],
)
def test_the_machine_of_a_node(parts: dict[str, Any], expected: Machine | None) -> None:
    assert expected == _machine(**parts)


def test_a_node_that_says_nothing_is_no_machine() -> None:
    assert machine_of(msgspec.convert({"metadata": {"name": "n"}}, Node)) is None


def test_machines_are_sorted_and_the_odd_ones_told() -> None:
    snapshot = snapshot_of([_node("b"), _node("a"), _node("lost", provider="")])
    found, findings = machines(snapshot)
    assert [machine.instance for machine in found] == ["a", "b"]
    assert [str(finding.object) for finding in findings] == ["node lost"]


def test_each_zone_with_nodes_has_a_group_even_when_none_serves() -> None:
    nodes = [Machine("n1", "z-b", True), Machine("n2", "z-a", False), Machine("n3", "z-b", True)]
    config = config_of()
    joining, _ = members(nodes, Hints(), config)
    made = {
        group.key.scope: group.spec
        for group in groups(nodes, [30080, 30080], [USER], joining, NAMER, config)
    }
    assert list(made) == [key.scope for key in group_keys(nodes, NAMER, config)]
    listed = {scope: [ref.to.name for ref in spec.instances] for scope, spec in made.items()}
    assert listed == {"zones/z-a": [], "zones/z-b": ["n1", "n3"]}
    assert {spec.named_ports for spec in made.values()} == {
        (compute.NamedPort(name="port30080", port=30080),)
    }


def test_two_nodes_that_are_one_instance_are_one_member() -> None:
    nodes = [Machine("n1", "z-a", True), Machine("n1", "z-a", True)]
    assert members(nodes, Hints(), config_of()) == ({"z-a": ("n1",)}, [])


def test_without_any_candidate_nobody_says_who_the_members_are() -> None:
    nodes = [Machine("n1", "z-a", False), Machine("n2", "z-b", False)]
    joining, findings = members(nodes, Hints(), config_of())
    assert (joining, findings) == (None, [])
    made = groups(nodes, [30080], [USER], joining, NAMER, config_of())
    assert {group.spec.instances for group in made} == {UNSET}


def test_over_the_limit_the_last_by_name_are_left_out_and_it_is_told_once() -> None:
    nodes = [Machine(f"n{at}", "z-a", True) for at in (3, 1, 5, 2, 4)]
    joining, findings = members(nodes, Hints(), config_of(max_instances_per_group=3))
    assert joining == {"z-a": ("n1", "n2", "n3")}
    (finding,) = findings
    assert (finding.reason, finding.object.name) == ("TooManyNodes", "n4")
    assert "5 nodes for its instance group, 2 over the limit of 3" in finding.message


def test_a_node_of_another_cloud_has_no_instance() -> None:
    far = node("far", "z-a")
    far["spec"]["providerID"] = "azure:///subscriptions/x/far"
    found, findings = machines(snapshot_of([far, node("near", "z-a")]))
    assert [machine.instance for machine in found] == ["near"]
    (finding,) = findings
    assert (finding.reason, finding.object.name) == ("NodeNotInCloud", "far")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        pytest.param({}, (), id="no instance is known"),
        pytest.param({"gke-a-1": ()}, (), id="no tag"),
        pytest.param({"gke-a-1": ("http", "ssh")}, (), id="no tag fits"),
        pytest.param({"gke-a-1": ("gke", "gke-a", "x")}, ("gke-a",), id="the longest that fits"),
        pytest.param(
            {"gke-a-1": ("gke-a",), "gke-b-1": ("gke-b",)}, ("gke-a", "gke-b"), id="of every node"
        ),
        pytest.param(
            {"gke-a-1": ("gke",), "gke-b-1": ("gke",)}, ("gke",), id="a tag that all share"
        ),
        pytest.param({"elsewhere": ("elsewhere",)}, (), id="instances that are no nodes"),
    ],
)
def test_tags_are_found_on_instances(
    tags: dict[str, tuple[str, ...]], expected: tuple[str, ...]
) -> None:
    nodes = [Machine("gke-a-1", "z", True), Machine("gke-b-1", "z", False)]
    assert expected == node_tags(nodes, Hints(instance_tags=tags), config_of(node_tags=[]))


def test_configured_tags_win() -> None:
    hints = Hints(instance_tags={"n1": ("n1",)})
    assert node_tags([Machine("n1", "z", True)], hints, config_of(node_tags=["mine"])) == ("mine",)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        pytest.param("default", "projects/p/global/networks/default", id="a name"),
        pytest.param(
            "projects/host/global/networks/shared",
            "projects/host/global/networks/shared",
            id="a link into another project",
        ),
    ],
)
def test_the_network_by_name_or_by_link(network: str, expected: str) -> None:
    assert expected == network_key(config_of(network=network)).path


def test_the_firewall_rule_says_what_the_configuration_says() -> None:
    config: Config = config_of(
        node_port_ranges=["30000-30100", "31000"], health_check_source_ranges=["10.0.0.0/8"]
    )
    made = rule(
        open_ports((), (), node_ports=config.node_port_ranges), ("b", "a"), [USER], NAMER, config
    )
    assert made.spec == compute.Firewall(
        description="GCE L7 firewall rule",
        network=Ref(network_key(config)),
        source_ranges=("10.0.0.0/8",),
        allowed=(compute.Allowed(ip_protocol="tcp", ports=("30000-30100", "31000")),),
        target_tags=("a", "b"),
    )
    assert (made.key.name, made.wanted_by) == ("k8s-fw-l7--16f2a1b3c4d5e6f7", (USER,))
