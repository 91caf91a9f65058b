"""What is told of endpoint groups: the Service's annotation, and ServiceNetworkEndpointGroups."""

import json
from pathlib import Path
from typing import Any

import yaml

from fakes.build import endpoint, service
from fakes.gce.faults import Error
from glbc.model.calls import Call, Verb
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from tests.scenario.test_negs import NEG, TWO, WEB, A, B, front, members, pods
from tests.support.house import House

CRD = Path(__file__).parents[2] / "deploy" / "crds" / "servicenetworkendpointgroups.yaml"
KIND = "ServiceNetworkEndpointGroup"
FINALIZER = "networking.gke.io/neg-finalizer"
LINK = "https://www.googleapis.com/compute/v1/projects/demo"
STATUS = "cloud.google.com/neg-status"
SUBNET = "projects/demo/regions/us-central1/subnetworks/default"
WHOLE = f'{{"network_endpoint_groups":{{"80":"{NEG}"}},"zones":["{A}","{B}"]}}'


def exposed(**names: str) -> dict[str, Any]:
    """Return a Service that exposes these ports under these names; "": as we call them."""
    ports = {port[1:]: {"name": name} if name else {} for port, name in names.items()}
    words = [f"p{port}={port}" if len(ports) > 1 else port for port in ports]
    made = service("shop/front", *words, kind="ClusterIP", target=8080)
    made["metadata"]["annotations"] = {"cloud.google.com/neg": json.dumps({"exposed_ports": ports})}
    return made


def shop(*objects: dict[str, Any], crd: bool = True, **settings: Any) -> House:
    house = House(default_backend_service="", **settings)
    if crd:
        house.apply(yaml.safe_load(CRD.read_text()))
    house.apply(*(objects or (front(), WEB)), pods(*TWO))
    house.settle()
    return house


def told(house: House, name: str = "shop/front") -> str | None:
    found = house.kube.get("Service", name)
    assert found is not None
    return found["metadata"].get("annotations", {}).get(STATUS)


def record(house: House, name: str = NEG) -> dict[str, Any]:
    found = house.kube.get(KIND, f"shop/{name}")
    assert found is not None
    return found


def ids(house: House, name: str = NEG) -> list[str]:
    bodies = [body for body in house.gce.resources("networkEndpointGroups") if body["name"] == name]
    return [body["id"] for body in sorted(bodies, key=lambda body: body["zone"])]


# The annotation -----------------------------------------------------------------------------------


def test_a_service_says_which_groups_it_has_byte_for_byte_as_ingress_gce() -> None:
    assert told(shop()) == WHOLE


def test_exposed_ports_are_told_in_the_order_of_go() -> None:
    house = shop(exposed(_80="web", _443="", _9="nine"))
    assert told(house) == (
        '{"network_endpoint_groups":{"443":"k8s1-16f2a1b3-shop-front-443-4ed2f53e","80":"web",'
        f'"9":"nine"}},"zones":["{A}","{B}"]}}'
    )


def test_what_ingress_gce_wrote_is_left() -> None:
    made = front()
    made["metadata"]["annotations"][STATUS] = WHOLE
    house = House(default_backend_service="")
    house.apply(made, pods(*TWO), WEB)
    before = house.kube.get("Service", "shop/front")
    house.settle()
    assert house.kube.get("Service", "shop/front") == before


def test_nothing_is_told_before_the_groups_are_there() -> None:
    house = House(default_backend_service="")
    seen: list[str | None] = []
    house.apply(front(), pods(*TWO), WEB)

    def look(call: Call) -> None:
        if call.key.kind == Kind.NETWORK_ENDPOINT_GROUP:
            seen.append(told(house))

    house.cloud.before = look
    house.settle()
    assert seen
    assert set(seen) == {None}
    assert told(house) == WHOLE


def test_what_is_told_goes_before_the_groups_go() -> None:
    house = shop(exposed(_80="web"))
    seen: list[str | None] = []
    house.cloud.before = lambda _: seen.append(told(house))
    house.apply(front(neg=""))
    house.settle()
    assert house.ours() == {}
    assert told(house) is None


def test_a_port_that_is_exposed_no_more_is_told_no_more() -> None:
    house = shop(exposed(_80="web", _443="tls"))
    house.apply(exposed(_80="web"))
    house.settle()
    assert house.ours() == {"networkEndpointGroups": ["web", "web"]}
    assert told(house) == f'{{"network_endpoint_groups":{{"80":"web"}},"zones":["{A}","{B}"]}}'


def test_a_group_that_somebody_else_uses_is_told_no_more_so_that_he_can_let_go() -> None:
    """gke-autoneg takes a group out of its backend service when the annotation does not name it."""
    house = shop(exposed(_80="web"))
    used(house, "web")
    house.apply(front(neg=""))
    house.settle()
    assert members(house, "web").keys() == {A}
    assert told(house) is None


def used(house: House, name: str) -> None:
    """Let somebody else's backend service use a group."""
    group = f"projects/demo/zones/{A}/networkEndpointGroups/{name}"
    check = {"type": "HTTP", "httpHealthCheck": {"portSpecification": "USE_SERVING_PORT"}}
    house.gce.seed("healthChecks", "global", "theirs", check)
    backends = [{"group": group, "balancingMode": "RATE", "maxRatePerEndpoint": 5}]
    body = {"backends": backends, "healthChecks": ["projects/demo/global/healthChecks/theirs"]}
    house.gce.seed("backendServices", "global", "theirs", body)
    house.loop.resync()
    house.settle()


def test_while_the_cluster_cannot_be_seen_nothing_is_told_to_be_gone() -> None:
    house = shop()
    house.cluster.complete = house.cluster.complete - {"Ingress"}
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    assert told(house) == WHOLE
    house.cluster.complete |= {"Ingress"}
    house.settle()
    assert told(house) is None
    assert house.ours() == {}


def test_a_zone_without_nodes_is_not_told() -> None:
    house = shop()
    house.kube.delete("Node", "node-2")
    house.settle()
    assert told(house) == WHOLE.replace(f',"{B}"', "")


def test_a_cluster_without_nodes_is_a_hole_and_changes_nothing() -> None:
    house = shop()
    house.kube.delete("Node", "node-1")
    house.kube.delete("Node", "node-2")
    house.settle()
    assert told(house) == WHOLE


def test_a_new_zone_is_told_when_its_groups_are_there() -> None:
    house = shop()
    house.add_node("node-c", "us-central1-c")
    house.settle()
    assert told(house) == WHOLE.replace(f'"{B}"', f'"{B}","us-central1-c"')


def test_a_port_that_the_cloud_refuses_in_one_zone_takes_no_zone_from_the_others() -> None:
    house = shop(exposed(_80="web"))
    refusal = Error(403, "quotaExceeded", "Quota exceeded.")
    house.gce.faults.add(
        "networkEndpointGroups.insert", refusal, name="tls", scope=f"zones/{A}", times=None
    )
    house.apply(exposed(_80="web", _443="tls"))
    house.settle()
    assert members(house, "tls").keys() == {B}
    assert told(house) == f'{{"network_endpoint_groups":{{"80":"web"}},"zones":["{A}","{B}"]}}'


# The objects --------------------------------------------------------------------------------------


def test_an_object_tells_of_the_groups_of_a_port_as_with_ingress_gce() -> None:
    house = shop(subnetwork=SUBNET)
    house.loop.resync()
    house.settle()
    made = record(house)
    owner = house.kube.get("Service", "shop/front")
    assert owner is not None
    assert made["metadata"]["labels"] == {
        "networking.gke.io/managed-by": "neg-controller",
        "networking.gke.io/service-name": "front",
        "networking.gke.io/service-port": "80",
    }
    assert made["metadata"]["finalizers"] == [FINALIZER]
    assert made["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "name": "front",
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
    assert made["spec"] == {}
    status = made["status"]
    assert status["networkEndpointGroups"] == [
        {
            "id": number,
            "selfLink": f"{LINK}/zones/{zone}/networkEndpointGroups/{NEG}",
            "subnetURL": f"{LINK}/regions/us-central1/subnetworks/default",
            "networkEndpointType": "GCE_VM_IP_PORT",
            "state": "ACTIVE",
        }
        for zone, number in zip((A, B), ids(house), strict=True)
    ]
    assert [(one["type"], one["status"], one["reason"]) for one in status["conditions"]] == [
        ("Initialized", "True", "NegInitializationSuccessful"),
        ("Synced", "True", "NegSyncSuccessful"),
    ]
    assert status["lastSyncTime"].endswith("Z")


def test_nothing_is_written_at_rest_nor_when_pods_come_and_go() -> None:
    house = shop()
    house.loop.resync()
    house.settle()  # now the cloud's numbers of the groups are known
    before = record(house)
    house.apply(pods(endpoint("10.8.0.6", "node-1")))
    house.settle()
    house.loop.resync()
    house.settle()
    assert record(house) == before
    version = house.kube.resource_version
    house.loop.resync()
    house.settle(patience=1300)
    assert house.kube.resource_version == version


def test_without_its_definition_everything_else_works_and_nothing_is_refused() -> None:
    house = shop(crd=False)
    assert told(house) == WHOLE
    assert members(house) == {A: ["10.8.0.5:8080"], B: ["10.8.1.5:8080"]}


def test_a_definition_that_comes_later_is_used() -> None:
    house = shop(crd=False)
    house.apply(yaml.safe_load(CRD.read_text()))
    house.settle()
    assert record(house)["status"]["networkEndpointGroups"]


def test_the_object_goes_with_the_groups() -> None:
    house = shop()
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    assert house.ours() == {}
    assert house.kube.list(KIND) == []


def test_a_custom_name_that_changes_makes_new_groups_and_takes_the_old_with_their_object() -> None:
    house = shop(exposed(_80="old"))
    house.apply(exposed(_80="new"))
    house.settle()
    assert house.ours() == {"networkEndpointGroups": ["new", "new"]}
    assert [one["metadata"]["name"] for one in house.kube.list(KIND)] == ["new"]
    assert told(house) == f'{{"network_endpoint_groups":{{"80":"new"}},"zones":["{A}","{B}"]}}'


def test_an_object_outlives_the_wish_for_as_long_as_somebody_else_uses_a_group() -> None:
    house = shop(exposed(_80="web"))
    used(house, "web")
    house.apply(front(neg=""))
    house.settle()
    assert record(house, "web")["metadata"]["finalizers"] == [FINALIZER]
    gone = Call(Verb.DELETE, ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, "theirs"))
    house.cloud.call(gone)
    house.loop.resync()
    house.settle()
    assert house.ours().keys() == {"healthChecks"}
    assert house.kube.list(KIND) == []


def test_no_namespace_waits_for_a_group_that_somebody_else_uses() -> None:
    """igce#1720: the finalizer kept namespaces for ten minutes, or for ever."""
    house = shop(exposed(_80="web"))
    used(house, "web")
    house.kube.delete("Service", "shop/front")
    house.kube.delete(KIND, "shop/web")  # as the namespace controller does
    house.settle()
    assert house.kube.list(KIND) == []
    assert members(house, "web").keys() == {A}


def test_an_object_that_people_delete_is_made_again() -> None:
    house = shop()
    for _ in range(2):
        old = record(house)["metadata"]["uid"]
        house.kube.delete(KIND, f"shop/{NEG}")
        house.settle()
        assert record(house)["metadata"]["uid"] != old
    assert record(house)["status"]["networkEndpointGroups"]


def left_by_ingress_gce(name: str = NEG, port: str = "80", **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.gke.io/v1beta1",
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {
                "networking.gke.io/managed-by": "neg-controller",
                "networking.gke.io/service-name": "front",
                "networking.gke.io/service-port": port,
            },
            "finalizers": [FINALIZER],
        },
        "spec": {},
        "status": status,
    }


def test_what_ingress_gce_wrote_is_left_whatever_version_its_links_are_of() -> None:
    house = shop(subnetwork=SUBNET)
    house.loop.resync()
    house.settle()
    link = f"{LINK}/zones/{{}}/networkEndpointGroups/{NEG}".replace("/v1/", "/beta/")
    condition = {
        "status": "True",
        "message": "",
        "lastTransitionTime": "2023-11-14T22:13:20Z",
    }
    theirs = left_by_ingress_gce(
        networkEndpointGroups=[
            {
                "id": number,
                "selfLink": link.format(zone),
                "subnetURL": f"{LINK}/regions/us-central1/subnetworks/default",
                "networkEndpointType": "GCE_VM_IP_PORT",
                "state": "ACTIVE",
            }
            for zone, number in zip((B, A), reversed(ids(house)), strict=True)
        ],
        conditions=[
            condition | {"type": "Synced", "reason": "NegSyncSuccessful"},
            condition | {"type": "Initialized", "reason": "NegInitializationSuccessful"},
        ],
        lastSyncTime="2023-11-14T22:13:20Z",
    )
    house.kube.apply(theirs)
    before = record(house)
    house.start()
    house.settle()
    assert record(house) == before


def test_what_ingress_gce_left_of_groups_that_are_gone_is_taken_away() -> None:
    house = House(default_backend_service="")
    house.apply(yaml.safe_load(CRD.read_text()), front(neg=""), left_by_ingress_gce("old"))
    house.settle()
    assert house.kube.list(KIND) == []


def test_groups_for_a_load_balancer_of_layer_4_are_another_controllers() -> None:
    made = front(neg="")
    made["metadata"]["annotations"] = {
        STATUS: '{"network_endpoint_groups":{"0":"k8s2-l4"},"zones":["z"]}'
    }
    house = House(default_backend_service="")
    house.apply(yaml.safe_load(CRD.read_text()), made, left_by_ingress_gce("k8s2-l4", "0"))
    house.settle()
    assert record(house, "k8s2-l4")["metadata"]["finalizers"] == [FINALIZER]
    assert told(house) == made["metadata"]["annotations"][STATUS]
    made["metadata"]["annotations"]["cloud.google.com/neg"] = (
        '{"exposed_ports": {"80": {"name": "web"}}}'
    )
    house.apply(made, pods(*TWO))
    house.settle()
    assert told(house) == (
        f'{{"network_endpoint_groups":{{"0":"k8s2-l4","80":"web"}},"zones":["{A}","{B}"]}}'
    )


def test_a_refusal_is_told_and_taken_back() -> None:
    house = shop()
    odd = endpoint("192.168.0.9", "node-1")
    house.apply(pods(*TWO, odd))
    house.settle()
    synced = record(house)["status"]["conditions"][1]
    assert (synced["status"], synced["reason"]) == ("False", "NegSyncFailed")
    assert "192.168.0.9:8080" in synced["message"]
    house.apply(pods(*TWO))
    house.settle()
    assert record(house)["status"]["conditions"][1]["status"] == "True"
