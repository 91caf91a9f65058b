"""Where Pods are: addresses out of their node's range, spread over the zones, as many as fit."""

from collections import Counter
from ipaddress import ip_address, ip_network

import pytest

from fakes.nodes.kubelet import Hosts, NoRoomError
from fakes.nodes.settings import MOST_NODES, PODS_PER_NODE, Machine, Settings
from tests.nodes.house import House, deployment, house, web

ZONES = {"node-1": "us-central1-a", "node-2": "us-central1-b", "node-3": "us-central1-b"}


def ranges(home: House) -> dict[str, str]:
    return {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in home.kube.list("Node")}


def test_a_node_says_the_range_of_its_pods_which_is_its_instances_alias(home: House):
    number = home.nodes.settings.slice
    assert ranges(home) == {
        "node-1": f"127.80.{number}.0/28",
        "node-2": f"127.80.{number}.16/28",
        "node-3": f"127.80.{number}.32/28",
    }
    for name, cidr in ranges(home).items():
        assert home.kube.get("Node", name)["spec"]["podCIDRs"] == [cidr]
        (nic,) = home.instance(name, ZONES[name])["networkInterfaces"]
        assert nic["aliasIpRanges"] == [{"ipCidrRange": cidr}]


def test_a_pod_has_an_address_of_its_node_and_listens_there(home: House):
    home.apply(deployment(replicas=4), web())
    home.until(lambda: len(home.ready()) == 4, "all are ready")
    addresses = set()
    for name, pod in home.pods().items():
        address, node = pod["status"]["podIP"], pod["spec"]["nodeName"]
        addresses.add(address)
        assert pod["status"]["podIPs"] == [{"ip": address}]
        assert ip_address(address) in ip_network(ranges(home)[node])
        assert home.who(f"http://{address}:8080") == name
    assert len(addresses) == 4
    home.until(lambda: home.endpoints().keys() == home.ready(), "all are endpoints")
    found = {
        (one["addresses"][0], one["nodeName"], one["zone"], one["targetRef"]["name"])
        for part in home.kube.list("EndpointSlice")
        for one in part["endpoints"]
    }
    assert found == {
        (pod["status"]["podIP"], node, ZONES[node], name)
        for name, pod in home.pods().items()
        for node in (pod["spec"]["nodeName"],)
    }


def test_pods_are_spread_over_the_zones_first(home: House):
    home.apply(deployment(replicas=4))
    home.until(lambda: len(home.ready()) == 4, "all are ready")
    zones = Counter(ZONES[pod["spec"]["nodeName"]] for pod in home.pods().values())
    assert zones == {"us-central1-a": 2, "us-central1-b": 2}


def test_a_pod_beyond_the_room_of_all_nodes_waits(tmp_path):
    with house(tmp_path, machines=(Machine("only", "us-central1-a"),)) as home:
        home.apply(deployment(replicas=PODS_PER_NODE + 1))
        home.until(lambda: len(home.ready()) == PODS_PER_NODE, "as many as fit")
        (late,) = home.until(lambda: home.pods().keys() - home.ready(), "one more is made")
        assert "nodeName" not in home.pods()[late]["spec"]
        gone = min(home.ready())
        home.kube.delete("Pod", f"default/{gone}")
        home.until(lambda: len(home.ready() - {gone}) == PODS_PER_NODE, "its place is taken")
        home.until(lambda: len(home.pods()) == PODS_PER_NODE + 1, "another one waits")


def test_a_world_has_addresses_for_so_many_nodes():
    hosts = Hosts(Settings(machines=(), slice=255))
    for number in range(MOST_NODES):
        hosts.add(Machine(f"n{number}", "us-central1-a"))
    found = [ip_network(host.pod_range) for host in hosts.by_name.values()]
    assert sum(one.num_addresses for one in set(found)) == 256
    assert all(one.subnet_of(ip_network("127.80.255.0/24")) for one in found)
    with pytest.raises(NoRoomError, match="have been used"):
        hosts.add(Machine("more", "us-central1-a"))


def test_a_drained_node_gives_its_pods_to_the_others(home: House):
    home.apply(deployment(replicas=3), web())
    home.until(lambda: len(home.ready()) == 3, "all are ready")
    assert "node-1" in {pod["spec"]["nodeName"] for pod in home.pods().values()}
    home.kubectl("drain", "node-1", "--timeout=60s")
    assert home.kube.counts()["create", "pods/eviction"] == 1
    home.until(lambda: len(home.ready()) == 3, "three are ready again")
    assert {pod["spec"]["nodeName"] for pod in home.pods().values()} == {"node-2", "node-3"}
    home.until(lambda: home.reached(home.base(1)) == home.ready(), "its node port leads to them")
    assert "SchedulingDisabled" in home.kubectl("get", "node", "node-1")
