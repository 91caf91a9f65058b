"""Pods behind the load balancer without a node port between: the story of network endpoint groups."""

from typing import Any

from fakes.build import endpoint, endpoint_slice, ingress, service
from tests.support.house import House

A, B = "us-central1-a", "us-central1-b"
NEG = "k8s1-16f2a1b3-shop-front-80-574984b4"
WEB = ingress("shop/web", default="front:80")
STRAIGHT = '{"ingress": true}'


def front(neg: str = STRAIGHT, kind: str = "ClusterIP", port: str = "80") -> dict[str, Any]:
    made = service("shop/front", port, kind=kind, target=8080)
    if neg:
        made["metadata"]["annotations"] = {"cloud.google.com/neg": neg}
    return made


def pods(*endpoints: dict[str, Any]) -> dict[str, Any]:
    return endpoint_slice("shop/front-x", "front", endpoints, "8080")


TWO = (endpoint("10.8.0.5", "node-1"), endpoint("10.8.1.5", "node-2"))


def shop(**settings: Any) -> House:
    house = House(default_backend_service="", **settings)
    house.apply(front(), pods(*TWO), WEB)
    house.settle()
    return house


def members(house: House, name: str = NEG) -> dict[str, list[str]]:
    """Return who is in the groups of that name, by zone."""
    found: dict[str, list[str]] = {}
    for body in house.gce.resources("networkEndpointGroups"):
        if body["name"] == name:
            place = body["zone"].rpartition("/")[2]
            path = f"/compute/v1/projects/demo/zones/{place}/networkEndpointGroups/{name}"
            answer = house.cloud._ask("POST", f"{path}/listNetworkEndpoints", {})
            found[place] = sorted(
                f"{row['networkEndpoint']['ipAddress']}:{row['networkEndpoint']['port']}"
                for row in answer.get("items", ())
            )
    return found


def test_a_cluster_ip_service_is_served_straight() -> None:
    house = shop()
    assert house.ours() == {
        "forwardingRules": ["k8s2-fr-aer32pk4-shop-web-jkv47h8u"],
        "targetHttpProxies": ["k8s2-tp-aer32pk4-shop-web-jkv47h8u"],
        "urlMaps": ["k8s2-um-aer32pk4-shop-web-jkv47h8u"],
        "backendServices": [NEG],
        "healthChecks": [NEG],
        "networkEndpointGroups": [NEG, NEG],
        "firewalls": ["k8s-fw-l7--16f2a1b3c4d5e6f7"],
    }
    assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}
    rule = house.body("firewalls", "k8s-fw-l7--16f2a1b3c4d5e6f7")
    assert rule["allowed"] == [{"IPProtocol": "tcp", "ports": ["8080"]}]
    assert house.refused() == []


def test_nothing_is_written_at_rest() -> None:
    house = shop()
    house.cloud.writes.clear()
    before = house.kube.resource_version
    house.loop.resync()
    house.settle()
    assert house.cloud.writes == []
    assert house.kube.resource_version == before


def test_deleting_the_ingress_takes_everything_away() -> None:
    house = shop()
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    assert house.ours() == {}
    assert house.ingress("shop/web") is None


# Pods come and go ---------------------------------------------------------------------------------


def test_a_rolling_update_attaches_before_it_detaches() -> None:
    house = shop()
    house.cloud.writes.clear()
    house.apply(pods(endpoint("10.8.0.6", "node-1"), endpoint("10.8.1.5", "node-2")))
    house.settle()
    assert members(house) == {A: ["10.8.0.6:8080"], B: ["10.8.1.5:8080"]}
    assert [call.verb.value for call in house.cloud.writes] == [
        "attachNetworkEndpoints",
        "detachNetworkEndpoints",
    ]


def test_a_terminating_pod_leaves_at_once() -> None:
    house = shop()
    leaving = endpoint("10.8.0.5", "node-1", terminating=True)
    house.apply(pods(leaving, endpoint("10.8.1.5", "node-2")))
    house.settle()
    assert members(house) == {A: [], B: ["10.8.1.5:8080"]}


def test_terminating_pods_serve_on_while_no_other_is_ready() -> None:
    house = shop()
    leaving = [endpoint("10.8.0.5", "node-1", terminating=True)]
    house.apply(pods(*leaving, endpoint("10.8.1.6", "node-2", ready=False)))
    house.settle()
    assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.6:8080"]}
    house.apply(pods(*leaving, endpoint("10.8.1.6", "node-2")))
    house.settle()
    assert members(house) == {A: [], B: ["10.8.1.6:8080"]}


def test_a_service_scaled_to_nothing_is_nobody() -> None:
    house = shop()
    house.apply(pods())
    house.settle()
    assert members(house) == {A: [], B: []}


def test_no_slice_at_all_says_nothing() -> None:
    house = shop()
    house.kube.delete("EndpointSlice", "shop/front-x")
    house.settle()
    assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}


def test_while_slices_cannot_be_seen_nobody_leaves() -> None:
    house = shop()
    house.cluster.complete = house.cluster.complete - {"EndpointSlice"}
    house.apply(pods(endpoint("10.8.0.6", "node-1")))
    house.settle()
    assert members(house) == {A: ["10.8.0.5:8080", "10.8.0.6:8080"], B: ["10.8.1.5:8080"]}
    house.cluster.complete |= {"EndpointSlice"}
    house.settle()
    assert members(house) == {A: ["10.8.0.6:8080"], B: []}


def test_a_first_node_in_a_new_zone_has_a_group_behind_the_backend_before_any_pod() -> None:
    house = shop()
    house.add_node("node-c", "us-central1-c")
    house.settle()
    assert members(house)["us-central1-c"] == []
    groups = {row["group"] for row in house.body("backendServices", NEG)["backends"]}
    assert {group.rpartition("/zones/")[2].partition("/")[0] for group in groups} == {
        A,
        B,
        "us-central1-c",
    }


# What is odd costs itself only --------------------------------------------------------------------


def test_igce_1463_an_address_that_the_cloud_refuses_costs_no_other() -> None:
    """igce#1463: one pod on the host network stopped every endpoint of its group."""
    house = shop()
    odd = endpoint("192.168.0.9", "node-1")
    new = [endpoint(f"10.8.0.{n}", "node-1") for n in range(10, 30)]
    house.apply(pods(*TWO, odd, *new))
    house.settle()
    assert members(house)[A] == sorted(
        ["10.8.0.5:8080", *(f"10.8.0.{n}:8080" for n in range(10, 30))]
    )
    (event,) = house.events("EndpointRefused")
    assert "192.168.0.9:8080" in event["message"]
    house.cloud.writes.clear()
    house.settle(patience=300)
    assert house.cloud.writes == []  # it is not tried again before the next resync


def test_igce_2508_a_node_without_a_zone_costs_its_own_pods_only() -> None:
    """igce#2508: a virtual node without a zone stopped all endpoint groups."""
    house = shop()
    virtual = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "virtual"}}
    house.apply(
        virtual, pods(*TWO, endpoint("10.8.0.6", "node-1"), endpoint("10.9.0.1", "virtual"))
    )
    house.settle()
    assert members(house) == {A: ["10.8.0.5:8080", "10.8.0.6:8080"], B: ["10.8.1.5:8080"]}
    (event,) = house.events("EndpointWithoutNode")
    assert "10.9.0.1:8080 on node virtual" in event["message"]


def test_igce_2431_a_node_that_is_not_seen_for_a_moment_keeps_its_pods() -> None:
    """igce PR#2431: a view without nodes detached every endpoint."""
    house = shop()
    node = house.kube.get("Node", "node-1")
    assert node is not None
    house.kube.delete("Node", "node-1")
    house.settle()
    assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}


def test_igce_2903_a_group_in_another_network_is_named_and_not_emptied() -> None:
    """igce PR#2903: groups of another subnetwork were filled and emptied for ever."""
    house = shop()
    house.cloud.writes.clear()
    other = "projects/demo/global/networks/other"
    house.gce.seed("networks", "global", "other", {})
    house.config = house.config.__class__(project="demo", network=other, default_backend_service="")
    house.start()
    house.settle(patience=1300)
    assert [call for call in house.cloud.writes if call.key.kind == "networkEndpointGroups"] == []
    assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}


# From and to instance groups ----------------------------------------------------------------------


def test_a_service_that_gets_groups_of_endpoints_leaves_the_nodes() -> None:
    house = House(default_backend_service="")
    house.apply(front(neg="", kind="NodePort", port="80->30301"), pods(*TWO), WEB)
    house.settle()
    assert house.names("backendServices") == ["k8s-be-30301--16f2a1b3c4d5e6f7"]
    house.apply(front(kind="NodePort", port="80->30301"))
    house.settle(patience=600)
    assert house.names("backendServices") == [NEG]
    assert house.names("instanceGroups") == []
    rule = house.body("firewalls", "k8s-fw-l7--16f2a1b3c4d5e6f7")
    assert rule["allowed"] == [{"IPProtocol": "tcp", "ports": ["8080"]}]
    house.apply(front(neg="", kind="NodePort", port="80->30301"))
    house.settle(patience=600)
    assert house.names("backendServices") == ["k8s-be-30301--16f2a1b3c4d5e6f7"]
    assert house.names("networkEndpointGroups") == []
    assert house.refused() == []


def test_a_bad_annotation_keeps_what_serves_and_its_pods_still_come_and_go() -> None:
    house = shop()
    house.apply(front(neg='{"ingress": tru}'), pods(endpoint("10.8.0.6", "node-1")))
    house.settle(patience=600)
    assert house.names("backendServices") == [NEG]
    assert members(house) == {A: ["10.8.0.6:8080"], B: []}
    assert house.events("BadNegAnnotation")


def test_both_ways_side_by_side_in_one_ingress() -> None:
    house = House(default_backend_service="")
    web = ingress("shop/web", {"": [("/api", "api:80")]}, default="front:80")
    house.apply(front(), service("shop/api", "80->30302"), pods(*TWO), web)
    house.settle()
    assert house.names("backendServices") == ["k8s-be-30302--16f2a1b3c4d5e6f7", NEG]
    assert len(house.names("instanceGroups")) == 2
    rule = house.body("firewalls", "k8s-fw-l7--16f2a1b3c4d5e6f7")
    assert rule["allowed"] == [{"IPProtocol": "tcp", "ports": ["8080", "30000-32767"]}]


# Groups that no Ingress needs ---------------------------------------------------------------------


def test_a_service_exposes_groups_for_others() -> None:
    house = House(default_backend_service="")
    house.apply(front(neg='{"exposed_ports": {"80": {"name": "my-group"}}}'), pods(*TWO))
    house.settle()
    assert house.ours() == {"networkEndpointGroups": ["my-group", "my-group"]}
    assert members(house, "my-group") == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}
    house.apply(front(neg=""))
    house.settle()
    assert house.ours() == {}


def test_a_group_that_somebody_else_uses_is_parked_and_named() -> None:
    house = House(default_backend_service="")
    house.apply(front(neg='{"exposed_ports": {"80": {"name": "my-group"}}}'), pods(*TWO))
    house.settle()
    group = f"projects/demo/zones/{A}/networkEndpointGroups/my-group"
    check = {"type": "HTTP", "httpHealthCheck": {"portSpecification": "USE_SERVING_PORT"}}
    house.gce.seed("healthChecks", "global", "theirs", check)
    backends = [{"group": group, "balancingMode": "RATE", "maxRatePerEndpoint": 5}]
    body = {"backends": backends, "healthChecks": ["projects/demo/global/healthChecks/theirs"]}
    house.gce.seed("backendServices", "global", "theirs", body)
    house.loop.resync()
    house.settle()
    house.kube.delete("Service", "shop/front")
    house.settle()
    assert members(house, "my-group").keys() == {A}
    assert house.loop.turn is not None
    (held,) = house.loop.turn.plan.blocked
    assert (held.reason, "theirs" in held.by) == ("InUse", True)
