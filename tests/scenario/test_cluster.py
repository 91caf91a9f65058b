"""Instance groups: nodes that come and go, odd nodes, strangers' groups, shared named ports."""

from collections import Counter
from typing import Any

import pytest

from fakes.build import ingress, node, service
from fakes.gce import Request
from tests.support.house import CLUSTER_UID, PROJECT, House

GROUP = f"k8s-ig--{CLUSTER_UID}"
A, B, C = ("us-central1-a", "us-central1-b", "us-central1-c")
LINK = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"


def shop(house: House) -> House:
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    house.settle()
    return house


def members(house: House, zone: str, group: str = GROUP) -> list[str]:
    path = f"/compute/v1/projects/{PROJECT}/zones/{zone}/instanceGroups/{group}/listInstances"
    answer = house.gce.handle(Request("POST", path, {}, {}))
    return sorted(row["instance"].rpartition("/")[2] for row in answer.body.get("items", ()))


def ports(house: House) -> set[str]:
    return {
        port["name"]
        for body in house.gce.resources("instanceGroups")
        if body["name"] == GROUP
        for port in body.get("namedPorts", ())
    }


def a_foreign_group(house: House, instance: str, zone: str) -> None:
    """Let somebody have a load-balanced group of his own that holds the instance."""
    base = f"/compute/v1/projects/{PROJECT}"
    check = {"name": "theirs", "type": "HTTP", "httpHealthCheck": {"port": 80}}
    entry = {"group": f"{LINK}/zones/{zone}/instanceGroups/theirs", "balancingMode": "UTILIZATION"}
    balanced = {
        "name": "theirs",
        "healthChecks": ["global/healthChecks/theirs"],
        "backends": [entry],
    }
    one = {"instances": [{"instance": f"{LINK}/zones/{zone}/instances/{instance}"}]}
    groups = f"{base}/zones/{zone}/instanceGroups"
    for path, body in (
        (f"{base}/global/healthChecks", check),
        (groups, {"name": "theirs"}),
        (f"{groups}/theirs/addInstances", one),
        (f"{base}/global/backendServices", balanced),
    ):
        answer = house.gce.handle(Request("POST", path, {}, body))
        assert answer.status == 200, answer.body
        house.clock.advance(1)


class TestOddNodes:
    def test_igce_2508_a_node_of_another_cloud_is_left_out_and_the_others_serve(self) -> None:
        house = House()
        odd = node("virtual", A)
        odd["spec"]["providerID"] = "azure:///virtual"
        house.apply(odd)
        shop(house)
        assert members(house, A) == ["node-1"]
        assert members(house, B) == ["node-2"]
        (event,) = house.events("NodeNotInCloud")
        assert event["involvedObject"]["name"] == "virtual"
        assert house.refused() == []

    def test_a_node_whose_instance_does_not_exist_keeps_nobody_out(self) -> None:
        house = House(nodes={f"node-{at}": A for at in range(1, 9)})
        house.apply(node("ghost", A))
        shop(house)
        assert members(house, A) == [f"node-{at}" for at in range(1, 9)]
        (event,) = house.events("NodeNotInCloud")
        assert event["involvedObject"]["name"] == "ghost"
        assert house.loop.turn is not None
        assert house.loop.turn.plan.actions == ()

    def test_a_ghost_whose_instance_appears_joins_within_a_resync(self) -> None:
        house = House()
        house.apply(node("ghost", A))
        shop(house)
        house.gce.seed_instance(name="ghost", zone=A, tags=("node",), ip="10.0.9.9")
        house.settle(patience=700)
        assert members(house, A) == ["ghost", "node-1"]

    def test_igce_2431_all_nodes_not_ready_at_once_empty_no_group(self) -> None:
        house = shop(House())
        for name, zone in (("node-1", A), ("node-2", B)):
            house.kube.apply(node(name, zone, ready=False))
        house.settle()
        assert members(house, A) == ["node-1"]
        assert members(house, B) == ["node-2"]
        assert house.events("NoNodeReady")
        house.kube.apply(node("node-1", A))
        house.settle()
        assert (members(house, A), members(house, B)) == (["node-1"], [])

    def test_igce_50_a_zone_that_loses_its_last_node_leaves_every_backend_and_is_collected(
        self,
    ) -> None:
        house = shop(House())
        house.kube.delete("Node", "node-2")
        house.settle()
        zones = {
            entry["group"].rpartition("/zones/")[2].partition("/")[0]
            for body in house.gce.resources("backendServices")
            for entry in body["backends"]
        }
        assert zones == {A}
        assert [
            body["zone"].rpartition("/")[2] for body in house.gce.resources("instanceGroups")
        ] == [A]
        assert house.refused() == []

    def test_contrib_983_a_node_in_a_new_zone_serves(self) -> None:
        house = shop(House())
        house.add_node("node-3", C)
        house.settle()
        assert members(house, C) == ["node-3"]
        assert all(len(body["backends"]) == 3 for body in house.gce.resources("backendServices"))

    def test_more_nodes_than_a_group_takes(self) -> None:
        house = House(nodes={f"node-{at}": A for at in range(1, 6)}, max_instances_per_group=3)
        shop(house)
        assert members(house, A) == ["node-1", "node-2", "node-3"]
        assert len(house.events("TooManyNodes")) == 1


class TestForeignGroup:
    def test_k8s_58500_one_node_in_somebody_elses_group_keeps_nobody_else_out(self) -> None:
        house = House(nodes={f"node-{at}": A for at in range(1, 6)})
        a_foreign_group(house, "node-3", A)
        shop(house)
        assert members(house, A) == ["node-1", "node-2", "node-4", "node-5"]
        assert members(house, A, "theirs") == ["node-3"]
        told = [event["message"] for event in house.events("NodeInOtherGroup")]
        assert any(
            "instanceGroups/theirs" in one and "backendServices/theirs" in one for one in told
        )
        assert house.address("shop/web")

    def test_it_joins_within_a_resync_after_the_other_group_let_go(self) -> None:
        house = House(nodes={"node-1": A, "node-2": A})
        a_foreign_group(house, "node-2", A)
        shop(house)
        assert members(house, A) == ["node-1"]
        one = {"instances": [{"instance": f"{LINK}/zones/{A}/instances/node-2"}]}
        path = f"/compute/v1/projects/{PROJECT}/zones/{A}/instanceGroups/theirs/removeInstances"
        assert house.gce.handle(Request("POST", path, {}, one)).status == 200
        house.settle(patience=700)
        assert members(house, A) == ["node-1", "node-2"]


class TestNamedPorts:
    def test_igce_43_churn_of_services_leaves_no_names_behind(self) -> None:
        house = shop(House())
        for number in range(30400, 30430):
            house.apply(service("shop/web", f"80->{number}"), ingress("shop/web", default="web:80"))
            house.settle()
        assert ports(house) <= {"port30428", "port30429"}
        assert house.refused() == []

    def test_ngx_1417_a_port_without_a_node_port_is_never_sent_and_harms_nobody(self) -> None:
        house = shop(House())
        odd = service("shop/odd", "80", kind="ClusterIP")
        house.apply(odd, ingress("shop/odd", default="odd:80"))
        house.settle()
        assert ports(house) == {"port30301"}
        assert house.events("NoNodePort")
        assert house.refused() == []

    def test_a_burst_of_ingresses_is_one_write_for_each_group(self) -> None:
        house = shop(House())
        before = len(house.cloud.writes)
        for at in range(20):
            house.apply(
                service(f"shop/s{at}", f"80->{30500 + at}"),
                ingress(f"shop/i{at}", default=f"s{at}:80"),
            )
        house.settle()
        written = Counter(
            call.key.scope
            for call in house.cloud.writes[before:]
            if call.verb.value == "setNamedPorts"
        )
        assert written == {f"zones/{A}": 1, f"zones/{B}": 1}
        assert len(ports(house)) == 21


class TestMultiCluster:
    def other(self) -> dict[str, Any]:
        return ingress(
            "far/web",
            default="web:80",
            annotations={"kubernetes.io/ingress.class": "gce-multi-cluster"},
        )

    def test_igce_836_what_a_multi_cluster_ingress_uses_is_never_collected(self) -> None:
        house = shop(House())
        house.apply(service("far/web", "80->30401"), self.other())
        house.settle()
        assert ports(house) == {"port30301", "port30401"}
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.names("instanceGroups") == [GROUP, GROUP]
        assert house.names("firewalls") != []
        assert ports(house) == {"port30301", "port30401"}
        assert house.address("far/web") == ""

    def test_when_it_goes_the_rest_is_collected(self) -> None:
        house = shop(House())
        house.apply(service("far/web", "80->30401"), self.other())
        house.settle()
        house.kube.delete("Ingress", "shop/web")
        house.kube.delete("Ingress", "far/web")
        house.settle()
        assert house.ours() == {}

    @pytest.mark.parametrize("scheme", ["v1", "v2"])
    def test_one_of_ours_that_becomes_one_of_theirs_is_left_alone(self, scheme: str) -> None:
        house = shop(House(new_ingress_scheme=scheme))
        before = house.ours()
        taken = house.ingress("shop/web")
        assert taken is not None
        taken["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "gce-multi-cluster"}
        house.apply(taken)
        house.settle()
        assert house.ours() == before
