"""Reported bugs of endpoint groups, each under the name of its thread: zones, odd nodes, storms, strangers."""

from typing import Any

import pytest

from fakes.build import endpoint, endpoint_slice, ingress, node, service
from fakes.gce import Error
from tests.scenario.test_negs import NEG, STRAIGHT, TWO, A, B, members, pods, shop
from tests.scenario.test_threads_storms import THROTTLED, pass_time
from tests.support.house import House

FAR = "k8s1-16f2a1b3-far-web-80-"


class TestZones:
    def test_igce_50_a_zone_that_loses_its_nodes_and_pods_leaves_the_backend_and_is_collected(
        self,
    ) -> None:
        house = shop()
        house.kube.delete("Node", "node-2")
        house.settle()
        assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}
        house.apply(pods(endpoint("10.8.0.5", "node-1")))
        house.settle(patience=700)
        assert members(house) == {A: ["10.8.0.5:8080"]}
        (backend,) = house.body("backendServices", NEG)["backends"]
        assert f"/zones/{A}/" in backend["group"]

    def test_igce_50_while_no_node_at_all_is_seen_no_group_goes(self) -> None:
        house = shop()
        for name in ("node-1", "node-2"):
            house.kube.delete("Node", name)
        house.apply(pods())
        house.settle(patience=700)
        assert members(house) == {A: [], B: []}

    def test_igce_3137_and_1534_a_zone_that_is_drained_keeps_no_endpoint(self) -> None:
        house = shop()
        house.apply(node("node-2", B, ready=False), pods(TWO[0], endpoint("10.8.0.6", "node-1")))
        house.settle(patience=700)
        assert members(house) == {A: ["10.8.0.5:8080", "10.8.0.6:8080"]}
        house.apply(node("node-2", B), pods(*TWO))
        house.settle(patience=700)
        assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}

    def test_igce_3137_a_zone_that_does_not_answer_stops_no_other_and_is_drained_later(
        self,
    ) -> None:
        house = shop()
        house.gce.faults.add("*", Error(503), scope=f"zones/{B}", times=None)
        house.apply(pods(endpoint("10.8.0.6", "node-1")))
        pass_time(house, 60)
        house.gce.faults.clear()
        assert members(house) == {A: ["10.8.0.6:8080"], B: ["10.8.1.5:8080"]}
        house.settle(patience=700)
        assert members(house) == {A: ["10.8.0.6:8080"], B: []}


class TestOddNodes:
    @pytest.mark.parametrize(
        "spec",
        [{}, {"providerID": ""}, {"providerID": "azure://x/y"}],
        ids=["none", "empty", "azure"],
    )
    def test_igce_2349_a_service_that_comes_beside_a_virtual_node_is_served(
        self, spec: dict[str, Any]
    ) -> None:
        house = House(default_backend_service="")
        virtual = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "v"}, "spec": spec}
        house.apply(virtual, straight("shop/front"), pods(*TWO, endpoint("10.9.0.1", "v")))
        house.apply(ingress("shop/web", default="front:80"))
        house.settle()
        assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}
        assert house.address("shop/web")

    def test_igce_2431_while_nodes_cannot_be_seen_nobody_leaves(self) -> None:
        house = shop()
        house.cluster.complete -= {"Node"}
        for name in ("node-1", "node-2"):
            house.kube.delete("Node", name)
        house.apply(pods(endpoint("10.8.1.5", "node-2")))
        house.settle(patience=700)
        assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}


class TestMultiCluster:
    def test_igce_836_the_groups_of_a_multi_cluster_ingress_stay_and_their_pods_come_and_go(
        self,
    ) -> None:
        house = House(default_backend_service="")
        house.apply(straight("far/web"), slices("far/web", endpoint("10.8.0.5", "node-1")))
        house.apply(ingress("far/ours", default="web:80"), theirs())
        house.settle()
        house.kube.delete("Ingress", "far/ours")
        house.settle(patience=700)
        (group, other) = house.names("networkEndpointGroups")
        assert (group == other, group[: len(FAR)]) == (True, FAR)
        assert house.names("backendServices") == house.names("healthChecks") == [group]
        house.apply(slices("far/web", endpoint("10.8.0.6", "node-1")))
        house.settle()
        assert members(house, group) == {A: ["10.8.0.6:8080"], B: []}
        house.kube.delete("Ingress", "far/theirs")
        house.settle(patience=700)
        assert house.ours() == {}


class TestStorms:
    @pytest.mark.parametrize("resync", [600, 10])
    def test_igce_2903_an_hour_of_rest_attaches_and_detaches_nothing(self, resync: int) -> None:
        house = shop(resync_sec=resync)
        odd = endpoint("192.168.0.9", "node-1")
        twice = endpoint_slice("shop/front-y", "front", [TWO[0]], "8080")
        house.apply(pods(*TWO), twice)
        house.settle()
        house.cloud.writes.clear()
        pass_time(house, 3600)
        assert house.cloud.writes == []
        house.apply(pods(*TWO, odd))
        house.settle()
        house.cloud.writes.clear()
        pass_time(house, 3600)
        assert len(house.cloud.writes) <= 3600 / resync + 1  # one that is refused: once a resync

    def test_igce_2523_a_node_more_moves_no_endpoint(self) -> None:
        house = shop()
        house.cloud.writes.clear()
        house.add_node("node-3", A)
        house.settle(patience=700)
        assert house.cloud.writes == []

    @pytest.mark.parametrize("method", ["urlMaps.*", "*.list", "*.aggregatedList", "*.get"])
    def test_lbc_1048_pods_come_and_go_while_another_method_is_throttled(self, method: str) -> None:
        house = shop()
        house.apply(service("shop/api", "80->30302"))
        house.apply(ingress("shop/web", {"": [("/api", "api:80")]}, default="front:80"))
        house.gce.faults.add(method, THROTTLED, times=None)
        for number in range(6, 16):
            house.apply(pods(endpoint(f"10.8.0.{number}", "node-1"), TWO[1]))
            pass_time(house, 60)
            with_faults, house.gce.faults.script = house.gce.faults.script, []
            assert members(house) == {A: [f"10.8.0.{number}:8080"], B: ["10.8.1.5:8080"]}
            house.gce.faults.script = with_faults
        house.gce.faults.clear()
        house.settle(patience=700)
        assert len(house.names("backendServices")) == 2


def straight(name: str) -> dict[str, Any]:
    """Return a Service that is served from its pods."""
    made = service(name, "80", kind="ClusterIP", target=8080)
    made["metadata"]["annotations"] = {"cloud.google.com/neg": STRAIGHT}
    return made


def slices(name: str, *endpoints: dict[str, Any]) -> dict[str, Any]:
    """Return who is behind a Service."""
    return endpoint_slice(f"{name}-x", name.partition("/")[2], endpoints, "8080")


def theirs() -> dict[str, Any]:
    """Return an Ingress of the multi-cluster class."""
    notes = {"kubernetes.io/ingress.class": "gce-multi-cluster"}
    return ingress("far/theirs", default="web:80", annotations=notes)
