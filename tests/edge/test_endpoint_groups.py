"""Network endpoint groups: Envoy sends to the pods' own addresses, and health is each endpoint's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from fakes.edge.attached import Attached
from fakes.edge.cloud import Picture
from tests.edge.backend import Backend
from tests.edge.site import CHECK, ZONE, Site, load, until

SERVICE = "global/backendServices/"
FAR = "us-central1-b"
NUMBERS = {ZONE: 0, FAR: 1}  # of the sixteen addresses for the pods of a zone's machine


@dataclass
class Pods:
    """The pods of one application, one machine in each zone, and the groups that they are in."""

    site: Site
    name: str
    port: int
    numbers: Iterator[int]

    def group(self, zone: str = ZONE) -> str:
        return f"zones/{zone}/networkEndpointGroups/{self.name}"

    def machine(self, zone: str) -> str:
        return f"{self.name}-{zone[-1]}"

    def start(self, zone: str = ZONE) -> Backend:
        """Start a pod on the machine of a zone; it is in no group yet."""
        number = next(self.numbers)
        address = f"{pod_net(self.site)}.{16 * NUMBERS[zone] + number}"
        return self.site.backends.start(Backend(f"{self.name}-{number}", address, self.port))

    def attach(self, pod: Backend, zone: str = ZONE) -> None:
        self._endpoints("attach", pod, zone)

    def detach(self, pod: Backend, zone: str = ZONE) -> None:
        self._endpoints("detach", pod, zone)

    def _endpoints(self, verb: str, pod: Backend, zone: str) -> None:
        row = {"instance": self.machine(zone), "ipAddress": pod.ip, "port": pod.port}
        body = {"networkEndpoints": [row]}
        self.site.do("POST", f"{self.group(zone)}/{verb}NetworkEndpoints", body)

    def health(self, zone: str = ZONE, service: str = "") -> dict[str, str]:
        """Return what getHealth says of each endpoint of a zone, by address."""
        name = service or self.name
        path = f"{self.site.url}/compute/v1/projects/demo/{SERVICE}{name}/getHealth"
        answer = self.site.http.post(path, json={"group": self.group(zone)}).json()
        rows = answer.get("healthStatus", ())
        assert {row["port"] for row in rows} <= {self.port}
        assert {row["instance"].rpartition("/")[2] for row in rows} <= {self.machine(zone)}
        return {row["ipAddress"]: row["healthState"] for row in rows}


def pod_net(site: Site) -> str:
    return site.nodes.replace("127.64.", "127.80.")


def balanced(site: Site, name: str, *zones: str, check: Any = CHECK, **fields: Any) -> Pods:
    """Make machines, empty groups and a backend service over them."""
    pods = Pods(site, name, next(site.ports), count(1))
    rows = []
    for zone in zones or (ZONE,):
        ranges = [f"{pod_net(site)}.{16 * NUMBERS[zone]}/28"]
        ip = f"{site.nodes}.{250 - NUMBERS[zone]}"
        machine = pods.machine(zone)
        site.world.seed_instance(machine, zone, tags=["node"], ip=ip, alias_ranges=ranges)
        site.put("networkEndpointGroups", name, {}, f"zones/{zone}")
        row = {"group": pods.group(zone), "balancingMode": "RATE", "maxRatePerEndpoint": 1}
        rows.append(row)
    site.put("healthChecks", name, check)
    body = {"backends": rows, "healthChecks": [f"global/healthChecks/{name}"], **fields}
    site.put("backendServices", name, body)
    return pods


def front(site: Site, pods: Pods) -> str:
    """Make a URL map and a rule that lead to the pods alone."""
    site.url_map(pods.name, defaultService=SERVICE + pods.name)
    return site.rule(pods.name)


def served(site: Site, ip: str, times: int = 8) -> set[str]:
    return {site.who(ip) for _ in range(times)}


def test_pods_of_two_zones_serve_from_their_own_addresses(shared: Site):
    pods = balanced(shared, "spread", ZONE, FAR)
    here = [pods.start(), pods.start()]  # two on one machine, on the same port
    there = pods.start(FAR)
    ip = front(shared, pods)
    for pod in here:
        pods.attach(pod)
    pods.attach(there, FAR)
    every = {pod.name for pod in (*here, there)}
    until(every, lambda: served(shared, ip))
    assert shared.get(ip).json()["headers"]["host"] == ip
    until(dict.fromkeys((pod.ip for pod in here), "HEALTHY"), pods.health)
    until({there.ip: "HEALTHY"}, lambda: pods.health(FAR))


def test_a_pod_that_is_unwell_gets_no_requests_and_its_neighbour_does(shared: Site):
    pods = balanced(shared, "unwell")
    good, bad = pods.start(), pods.start()
    ip = front(shared, pods)
    pods.attach(good)
    pods.attach(bad)
    until({good.name, bad.name}, lambda: served(shared, ip))
    until({good.ip: "HEALTHY", bad.ip: "HEALTHY"}, pods.health)  # told a moment after
    bad.health = 500
    until({good.ip: "HEALTHY", bad.ip: "UNHEALTHY"}, pods.health)
    until({good.name}, lambda: served(shared, ip))
    path = f"{shared.url}/compute/v1/projects/demo/{pods.group()}/listNetworkEndpoints"
    rows = shared.http.post(path, json={"healthStatus": "SHOW"}).json()["items"]
    shown = {row["networkEndpoint"]["ipAddress"]: row["healths"][0] for row in rows}
    assert shown[good.ip]["healthState"] == "HEALTHY"
    assert shown[bad.ip]["healthState"] == "UNHEALTHY"
    assert shown[bad.ip]["backendService"]["backendService"].endswith(SERVICE + pods.name)
    bad.health = 200
    until({good.name, bad.name}, lambda: served(shared, ip))


def test_each_service_of_a_group_goes_by_its_own_check(shared: Site):
    pods = balanced(shared, "checked")
    pod = pods.start()
    pods.attach(pod)
    fixed = {"requestPath": "/healthz", "portSpecification": "USE_FIXED_PORT", "port": 9}
    shared.put("healthChecks", "checked-2", CHECK | {"httpHealthCheck": fixed})
    rows = shared.read(SERVICE + pods.name)["backends"]
    body = {"backends": rows, "healthChecks": ["global/healthChecks/checked-2"]}
    shared.put("backendServices", "checked-2", body)
    shared.url_map("checked-2", defaultService=SERVICE + "checked-2")
    ip = front(shared, pods)
    other = shared.rule("checked-2")
    until(pod.name, lambda: shared.who(ip))
    until("502", lambda: shared.who(other))
    until({pod.ip: "HEALTHY"}, pods.health)
    until({pod.ip: "UNHEALTHY"}, lambda: pods.health(service="checked-2"))


def test_endpoints_are_probed_at_the_port_that_the_check_says(shared: Site):
    pods = balanced(shared, "port-said")
    pod = pods.start()
    ip = front(shared, pods)
    pods.attach(pod)
    until(pod.name, lambda: shared.who(ip))
    beside = Backend("beside", pod.ip, next(shared.ports))
    fixed = {"requestPath": "/healthz", "portSpecification": "USE_FIXED_PORT", "port": beside.port}
    shared.put("healthChecks", pods.name, CHECK | {"httpHealthCheck": fixed})
    until({pod.ip: "UNHEALTHY"}, pods.health)
    until("502", lambda: shared.who(ip))
    shared.backends.start(beside)
    until({pod.ip: "HEALTHY"}, pods.health)
    until(pod.name, lambda: shared.who(ip))


def test_the_firewall_has_to_let_the_checkers_in_at_the_pods_port(other: Site):
    pods = balanced(other, "walled")
    pod = pods.start()
    ip = front(other, pods)
    node_ports = [{"IPProtocol": "tcp", "ports": ["32000-32767"]}]
    other.firewall(allowed=node_ports, targetTags=["node"])
    pods.attach(pod)
    until({pod.ip: "UNHEALTHY"}, pods.health)
    until(True, lambda: other.edge.applied >= other.world.store.seq)
    assert other.who(ip) == "502"
    own = [{"IPProtocol": "tcp", "ports": [str(pod.port)]}]
    other.firewall(allowed=own, targetTags=["somebody-else"])
    until(True, lambda: other.edge.applied >= other.world.store.seq)
    assert other.who(ip) == "502"
    other.firewall(allowed=own, targetTags=["node"])
    until(pod.name, lambda: other.who(ip))
    until({pod.ip: "HEALTHY"}, pods.health)


@pytest.mark.parametrize(
    ("drain_sec", "answered"),
    [
        pytest.param(3600, True, id="within its draining time it is answered"),
        pytest.param(5, False, id="after that it is cut"),
        pytest.param(0, False, id="without one it is cut at once"),
    ],
)
def test_a_request_under_way_when_its_endpoint_is_detached(
    shared: Site, drain_sec: int, *, answered: bool
):
    draining = {"drainingTimeoutSec": drain_sec}
    pods = balanced(shared, f"leaves-{drain_sec}", connectionDraining=draining)
    others = balanced(shared, f"stays-{drain_sec}", connectionDraining=draining)
    leaving, staying = pods.start(), others.start()
    fronts = [front(shared, pods), front(shared, others)]
    pods.attach(leaving)
    others.attach(staying)
    for ip, pod in zip(fronts, (leaving, staying), strict=True):
        until(pod.name, lambda ip=ip: shared.who(ip))
    leaving.held = staying.held = True
    with ThreadPoolExecutor(2) as clients:
        try:
            leaves, stays = (clients.submit(posted, shared, ip) for ip in fronts)
            until((1, 1), lambda: (leaving.busy, staying.busy))
            pods.detach(leaving)
            until(True, lambda: (leaving.ip, leaving.port) not in known(shared, pods))
            if not answered:
                assert leaves.result(20) == "502"
            assert not (leaves.done() and answered)
            assert not stays.done()
        finally:
            leaving.held = staying.held = False
        assert leaves.result(20) == (leaving.name if answered else "502")
        assert stays.result(20) == staying.name


def test_an_instance_that_leaves_its_group_is_cut_off_when_its_time_is_up(shared: Site):
    (only,) = shared.service("node-leaves", connectionDraining={"drainingTimeoutSec": 5})
    shared.url_map("node-leaves", defaultService=f"{SERVICE}node-leaves")
    ip = shared.rule("node-leaves")
    until(only.name, lambda: shared.who(ip))
    only.held = True
    group = f"zones/{ZONE}/instanceGroups/node-leaves"
    with ThreadPoolExecutor(1) as client:
        try:
            leaves = client.submit(posted, shared, ip)
            until(1, lambda: only.busy)
            row = {"instance": f"zones/{ZONE}/instances/{only.name}"}
            shared.do("POST", f"{group}/removeInstances", {"instances": [row]})
            assert leaves.result(20) == "502"
        finally:
            only.held = False


def posted(site: Site, ip: str) -> str:
    """Send what is not sent a second time; return the name of who answers, else the status."""
    answer = site.get(ip, method="POST")
    return answer.json()["name"] if answer.status_code == 200 else str(answer.status_code)


def known(site: Site, pods: Pods) -> set[tuple[str, int]]:
    """Return the endpoints that Envoy has of a backend service."""
    return set(site.edge.envoy.clusters()[pods.name])


def test_pods_are_replaced_under_load_without_a_loss(shared: Site):
    pods = balanced(shared, "rolling", connectionDraining={"drainingTimeoutSec": 60})
    ip = front(shared, pods)
    old = [pods.start(), pods.start()]
    for pod in old:
        pods.attach(pod)
    until({pod.name for pod in old}, lambda: served(shared, ip))
    url = f"http://{ip}:{shared.edge.port(80)}/"
    with load(url, 2, keep=True) as kept, load(url, 1, keep=False) as fresh:
        for pod in old:
            new = pods.start()
            pods.attach(new)
            until("HEALTHY", lambda new=new: pods.health().get(new.ip))
            pods.detach(pod)
            until(True, lambda pod=pod: (pod.ip, pod.port) not in known(shared, pods))
            until(0, lambda pod=pod: pod.busy)
            shared.backends.stop(pod)
        sent = kept.sent, fresh.sent
        until(True, lambda: kept.sent > sent[0] + 20 and fresh.sent > sent[1] + 20)
    assert kept.failures + fresh.failures == []


def test_both_kinds_of_groups_serve_side_by_side(shared: Site):
    pods = balanced(shared, "side-pods")
    pod = pods.start()
    pods.attach(pod)
    (node,) = shared.service("side-nodes")
    rules = [{"paths": ["/pods", "/pods/*"], "service": SERVICE + "side-pods"}]
    shared.url_map(
        "sides",
        defaultService=SERVICE + "side-nodes",
        hostRules=[{"hosts": ["*"], "pathMatcher": "m"}],
        pathMatchers=[
            {"name": "m", "defaultService": SERVICE + "side-nodes", "pathRules": rules},
        ],
    )
    ip = shared.rule("sides")
    until(node.name, lambda: shared.who(ip))
    until(pod.name, lambda: shared.who(ip, "/pods/x"))
    until(["HEALTHY"], lambda: shared.health("side-nodes"))
    until({pod.ip: "HEALTHY"}, pods.health)


def test_a_group_without_capacity_gets_no_requests(shared: Site):
    pods = balanced(shared, "no-room", ZONE, FAR)
    here, there = pods.start(), pods.start(FAR)
    pods.attach(here)
    pods.attach(there, FAR)
    ip = front(shared, pods)
    until({here.name, there.name}, lambda: served(shared, ip))
    body = shared.read(SERVICE + pods.name)
    for row in body["backends"]:
        row["capacityScaler"] = 0.0 if FAR in row["group"] else 1.0
    part = {name: body[name] for name in ("backends", "fingerprint")}
    shared.do("PATCH", SERVICE + pods.name, part)
    until({here.name}, lambda: served(shared, ip))


def test_a_machine_that_vanishes_takes_its_endpoints_with_it(shared: Site):
    pods = balanced(shared, "machines", ZONE, FAR)
    here, there = pods.start(), pods.start(FAR)
    pods.attach(here)
    pods.attach(there, FAR)
    ip = front(shared, pods)
    until({here.name, there.name}, lambda: served(shared, ip))
    shared.world.remove_instance(pods.machine(FAR), FAR)
    until({here.name}, lambda: served(shared, ip))
    until({}, lambda: pods.health(FAR))


def test_an_attached_endpoint_becomes_known_after_a_while_and_again_after_a_return():
    def picture(*ips: str) -> Picture:
        rows = [{"instance": "n", "ipAddress": ip, "port": 80} for ip in ips]
        return Picture({"zones/a/networkEndpointGroups/neg": {"name": "neg", "endpoints": rows}})

    attached = Attached(2.0)

    def unknown(now: float, *ips: str) -> set[str]:
        return {place.ip for place in attached.unknown(picture(*ips), now)}

    assert unknown(10.0, "1") == {"1"}
    assert attached.wake_at(10.0) == 12.0
    assert unknown(11.0, "1", "2") == {"1", "2"}
    assert unknown(12.0, "1", "2") == {"2"}
    assert attached.wake_at(12.0) == 13.0
    assert unknown(13.0, "1", "2") == set()
    assert attached.wake_at(13.0) is None
    assert unknown(20.0, "2") == set()
    assert unknown(21.0, "1", "2") == {"1"}  # it was out: this is another one
    assert Attached(0.0).unknown(picture("1"), 1.0) == frozenset()
