"""Pods behind network endpoint groups: the front end sends to them, without node ports between."""

from typing import Any

import httpx
import pytest

from fakes.edge import Edge
from fakes.gce import Request
from tests.nodes.house import PROBE, House, Load, deployment, web

ZONES = ("us-central1-a", "us-central1-b")
GATE = "cloud.google.com/load-balancer-neg-ready"
MERGE = {"content-type": "application/strategic-merge-patch+json"}
RATE = {"balancingMode": "RATE", "maxRatePerEndpoint": 1}
CHECKERS = ["130.211.0.0/22", "35.191.0.0/16"]


class Hand:
    """Does by REST what a controller of endpoint groups would do, one look at a time."""

    def __init__(self, home: House) -> None:
        self.home = home
        probe = {"requestPath": "/healthz", "portSpecification": "USE_SERVING_PORT"}
        once = {"healthyThreshold": 1, "unhealthyThreshold": 1}
        pods = [{"IPProtocol": "tcp", "ports": ["8080"]}]
        self.insert("global/firewalls", "pods", sourceRanges=CHECKERS, allowed=pods)
        self.insert("global/healthChecks", "web", type="HTTP", httpHealthCheck=probe, **once)
        for zone in ZONES:
            self.insert(f"zones/{zone}/networkEndpointGroups", "web")
        self.insert(
            "global/backendServices",
            "web",
            healthChecks=["global/healthChecks/web"],
            backends=[{"group": self.group(zone)} | RATE for zone in ZONES],
            connectionDraining={"drainingTimeoutSec": 60},
        )
        self.insert("global/urlMaps", "web", defaultService="global/backendServices/web")
        self.insert("global/targetHttpProxies", "web", urlMap="global/urlMaps/web")
        target = "global/targetHttpProxies/web"
        self.insert("global/forwardingRules", "web", target=target, portRange="80")

    @property
    def address(self) -> str:
        (rule,) = self.home.gce.resources("forwardingRules")
        return str(rule["IPAddress"])

    def group(self, zone: str) -> str:
        return f"zones/{zone}/networkEndpointGroups/web"

    def insert(self, collection: str, name: str, **body: Any) -> None:
        self.do(collection, {"name": name, **body})

    def do(self, path: str, body: dict[str, Any]) -> None:
        link = self.ask(path, body)["selfLink"].partition("/projects/demo/")[2]
        done = self.ask(f"{link}/wait", {})
        assert "error" not in done, done

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        call = Request("POST", f"/compute/v1/projects/demo/{path}", {}, body)
        answer = self.home.gce.handle(call)
        assert answer.status == 200, answer.body
        return answer.body

    def look(self) -> bool:
        """Bring the groups to what the slices say, and open the gates of Pods that are well."""
        for zone in ZONES:
            wanted, have = self.pods(zone), self.members(zone)
            for verb, rows in (("attach", wanted - have), ("detach", have - wanted)):
                body = [{"instance": n, "ipAddress": ip, "port": 8080} for n, ip in sorted(rows)]
                if body:
                    path = f"{self.group(zone)}/{verb}NetworkEndpoints"
                    self.do(path, {"networkEndpoints": body})
        for name, pod in self.home.pods().items():
            well = pod.get("status", {}).get("podIP") in self.healthy()
            if well and name not in self.home.ready():
                self.open(name)
        return True

    def open(self, name: str) -> None:
        url = f"{self.home.url}/api/v1/namespaces/default/pods/{name}/status"
        body = {"status": {"conditions": [{"type": GATE, "status": "True"}]}}
        with httpx.Client(trust_env=False) as client:
            client.patch(url, json=body, headers=MERGE).raise_for_status()

    def pods(self, zone: str) -> set[tuple[str, str]]:
        """Return node and address of what the slices have of a zone and does not end."""
        return {
            (one["nodeName"], one["addresses"][0])
            for part in self.home.kube.list("EndpointSlice")
            for one in part["endpoints"]
            if one["zone"] == zone and not one["conditions"]["terminating"]
        }

    def members(self, zone: str) -> set[tuple[str, str]]:
        rows = self.ask(f"{self.group(zone)}/listNetworkEndpoints", {}).get("items", ())
        found = [row["networkEndpoint"] for row in rows]
        return {(one["instance"].rpartition("/")[2], one["ipAddress"]) for one in found}

    def healthy(self) -> set[str]:
        path = "global/backendServices/web/getHealth"
        return {
            row["ipAddress"]
            for zone in ZONES
            for row in self.ask(path, {"group": self.group(zone)}).get("healthStatus", ())
            if row["healthState"] == "HEALTHY"
        }


def gated(replicas: int) -> dict[str, Any]:
    bounds = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    made = deployment(replicas=replicas, probe=PROBE, strategy=bounds)
    pod = made["spec"]["template"]["spec"]
    pod["readinessGates"] = [{"conditionType": GATE}]
    # long enough for the front end to hear of its end, also on a busy machine: scaled, 5 s
    pod["terminationGracePeriodSeconds"] = 500
    pod["containers"][0]["lifecycle"] = {"preStop": {"sleep": {"seconds": 250}}}
    return made


@pytest.fixture
def hand(home: House) -> Hand:
    return Hand(home)


def test_pods_serve_without_a_node_port(home: House, edge: Edge, hand: Hand):
    made = web(type="ClusterIP")
    home.apply(deployment(replicas=3), made)
    home.until(lambda: len(home.ready()) == 3, "three are ready")
    home.until(lambda: len(home.endpoints()) == 3 and hand.look(), "all are endpoints")
    url = f"http://{hand.address}:{edge.port(80)}"
    home.until(lambda: home.reached(url) == home.ready(), "all answer")
    assert home.nodes.ask("GET", "nodes")["items"][0]["ports"] == []
    addresses = {pod["status"]["podIP"] for pod in home.pods().values()}
    home.until(lambda: hand.healthy() == addresses, "all are healthy")
    (bad, *_) = sorted(home.ready())
    home.nodes.ask("POST", f"pods/default/{bad}/kill", {"seconds": 60})
    gone = home.pods()[bad]["status"]["podIP"]
    home.until(lambda: hand.healthy() == addresses - {gone}, "one is not")
    assert bad not in home.reached(url)


def test_a_rolling_update_waits_for_the_front_end_and_loses_nothing(
    home: House, edge: Edge, hand: Hand
):
    home.apply(gated(2), web(type="ClusterIP"))
    home.until(lambda: hand.look() and len(home.ready()) == 2, "both are ready")
    old = home.ready()
    url = f"http://{hand.address}:{edge.port(80)}"
    home.until(lambda: home.reached(url) == old, "both answer")
    with Load(url) as load:
        home.kubectl("rollout", "restart", "deployment/echo")
        home.until(
            lambda: hand.look() and len(home.ready() - old) == 2 and not home.ready() & old,
            "both are new ones",
        )
        home.until(
            lambda: hand.look() and len(home.kube.list("Pod")) == 2, "the old ones have gone"
        )
        home.until(lambda: load.names >= home.ready(), "the new ones answer")
    assert load.failed == []
    home.until(lambda: home.reached(url) == home.ready(), "they and nobody else")
    assert load.names == old | home.ready()
