"""P11 with endpoint groups: what ingress-gce has made of a ClusterIP Service is taken over as it is.

The bodies are those of the reference, in ingress-gce's own order.
"""

import copy
import json
from typing import Any

import pytest

from fakes.build import endpoint, endpoint_slice, ingress, service
from tests.scenario.test_takeover import FINALIZERS, LINK, NAMES, UID, send
from tests.support.house import KUBE_SYSTEM_UID, PROJECT, House

NEG = f"k8s1-{UID[:8]}-shop-front-80-574984b4"
ZONES = ("us-central1-a", "us-central1-b")
SUBNET = f"projects/{PROJECT}/regions/us-central1/subnetworks/default"
OF_INGRESS = '{"kubernetes.io/ingress-name": "shop/web"}'


def converge(house: House) -> None:
    """Leave in the cloud what ingress-gce makes of one Service behind endpoint groups."""
    told = f'{{"cluster-uid":"{KUBE_SYSTEM_UID}","namespace":"shop","service-name":"front","port":"80"}}'
    for number, zone in enumerate(ZONES):
        base = f"zones/{zone}/networkEndpointGroups"
        group = {
            "name": NEG,
            "networkEndpointType": "GCE_VM_IP_PORT",
            "network": f"{LINK}/global/networks/default",
            "subnetwork": f"https://www.googleapis.com/compute/v1/{SUBNET}",
            "description": told,
        }
        send(house, "POST", base, group)
        one = {"instance": f"node-{number + 1}", "ipAddress": f"10.8.{number}.5", "port": 8080}
        send(house, "POST", f"{base}/{NEG}/attachNetworkEndpoints", {"networkEndpoints": [one]})
    check = {
        "name": NEG,
        "checkIntervalSec": 15,
        "timeoutSec": 15,
        "healthyThreshold": 1,
        "unhealthyThreshold": 2,
        "type": "HTTP",
        "description": "Default kubernetes L7 Loadbalancing health check for NEG.",
        "httpHealthCheck": {"portSpecification": "USE_SERVING_PORT", "requestPath": "/"},
    }
    send(house, "POST", "global/healthChecks", check)
    record = {
        "kubernetes.io/service-name": "shop/front",
        "kubernetes.io/service-port": "&ServiceBackendPort{Name:,Number:80,}",
        "x-features": ["NEG"],
    }
    body = {
        "name": NEG,
        "description": json.dumps(record, separators=(",", ":")).replace("&", "\\u0026"),
        "protocol": "HTTP",
        "portName": "port0",
        "healthChecks": [f"{LINK}/global/healthChecks/{NEG}"],
        "logConfig": {"enable": True, "sampleRate": 1},
    }
    send(house, "POST", "global/backendServices", body)
    groups = [
        {
            "group": f"{LINK}/zones/{zone}/networkEndpointGroups/{NEG}",
            "balancingMode": "RATE",
            "maxRatePerEndpoint": 1,
            "capacityScaler": 1,
        }
        for zone in ZONES
    ]
    send(house, "PUT", f"global/backendServices/{NEG}", {**body, "backends": groups})
    url_map, proxy, rule = NAMES["v2"]
    to = f"global/backendServices/{NEG}"
    send(house, "POST", "global/urlMaps", {"name": url_map, "defaultService": to})
    front = {"name": proxy, "description": OF_INGRESS, "urlMap": f"global/urlMaps/{url_map}"}
    send(house, "POST", "global/targetHttpProxies", front)
    open_ = {
        "name": rule,
        "description": OF_INGRESS,
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "target": f"{LINK}/global/targetHttpProxies/{proxy}",
    }
    send(house, "POST", "global/forwardingRules", open_)
    firewall = {
        "name": f"k8s-fw-l7--{UID}",
        "description": "GCE L7 firewall rule",
        "network": f"{LINK}/global/networks/default",
        "sourceRanges": ["130.211.0.0/22", "35.191.0.0/16"],
        "allowed": [{"IPProtocol": "tcp", "ports": ["8080"]}],
        "targetTags": ["node"],
    }
    send(house, "POST", "global/firewalls", firewall)


def left_behind(**settings: Any) -> House:
    """Return a house with a cluster and a cloud as ingress-gce leaves them."""
    house = House(default_backend_service="", https_redirect="explicit", **settings)
    front = service("shop/front", "80", kind="ClusterIP", target=8080)
    front["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
    slices = endpoint_slice(
        "shop/front-x",
        "front",
        [endpoint("10.8.0.5", "node-1"), endpoint("10.8.1.5", "node-2")],
        "8080",
    )
    web = ingress("shop/web", default="front:80", finalizers=[FINALIZERS["v2"]])
    house.apply(front, slices, web)
    converge(house)
    house.clock.advance(60)
    return house


@pytest.mark.parametrize("subnetwork", ["", SUBNET], ids=["not told", "told"])
def test_taking_over_writes_nothing_to_the_cloud(subnetwork: str) -> None:
    house = left_behind(subnetwork=subnetwork)
    before = copy.deepcopy(house.gce.dump())
    house.start()
    house.settle()
    assert [f"{call.verb} {call.key}" for call in house.cloud.writes] == []
    assert house.gce.dump() == before
    assert house.address("shop/web") == house.body("forwardingRules", NAMES["v2"][2])["IPAddress"]


def test_what_was_taken_over_is_taken_away_with_its_ingress() -> None:
    house = left_behind()
    house.start()
    house.settle()
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    assert house.ours() == {}
