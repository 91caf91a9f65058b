"""Node ports under load and under change: what a client in front of the nodes sees."""

import socket

import pytest

from tests.nodes.house import PROBE, WITHIN, House, Load, deployment, web


def ready_house(home: House, replicas: int = 2, **more) -> set[str]:
    home.apply(deployment(replicas=replicas, **more), web())
    home.until(lambda: len(home.ready()) == replicas, "all are ready")
    home.until(lambda: home.reached(home.base()) == home.ready(), "all answer")
    return home.ready()


def places(home: House) -> set[str]:
    return {pod["spec"].get("nodeName") for pod in home.pods().values()}


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param({}, id="as it is by default"),
        pytest.param(
            {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}, id="the old ones go first"
        ),
    ],
)
def test_a_rolling_update_loses_no_request(home: House, strategy):
    old = ready_house(home, 3, probe=PROBE, strategy=strategy)
    with Load(home.base(2)) as load:
        home.kubectl("set", "env", "deployment/echo", "COLOUR=blue")
        home.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
        home.until(lambda: len(home.kube.list("Pod")) == 3, "the old ones have gone")
        home.until(lambda: load.names >= home.ready(), "the new ones answer")
    assert load.failed == []
    new = home.ready()
    assert len(new) == 3
    assert not new & old
    home.until(lambda: home.reached(home.base()) == new, "they and nobody else")


def test_a_rolling_update_stays_within_its_bounds(home: House):
    bounds = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    ready_house(home, 4, probe=PROBE, strategy=bounds)
    since = home.kube.resource_version
    home.kubectl("rollout", "restart", "deployment/echo")
    home.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
    states = {pod["metadata"]["uid"]: pod for pod in home.kube.list("Pod")}
    seen = [
        event["object"]["status"]
        for event in home.kube.changes("Deployment", since)
        if event["object"]["metadata"]["name"] == "echo"
    ]
    assert max(status["replicas"] for status in seen) <= 5
    assert min(status["readyReplicas"] for status in seen) >= 4
    assert len(states) >= 4


def test_a_rollout_that_never_becomes_ready_keeps_the_old_pods(home: House):
    old = ready_house(home)
    bad = {"httpGet": {"path": "/", "port": 9}, "periodSeconds": 1}
    home.apply(deployment(probe=bad))
    home.until(lambda: len(home.pods()) == 3, "one new Pod beside the old ones")
    with Load(home.base()) as load:
        home.until(lambda: load.done > 50, "some requests")
    assert load.failed == []
    assert home.ready() == old
    home.kubectl("rollout", "undo", "deployment/echo")
    home.until(lambda: home.pods().keys() == old, "only the old ones are left")


def test_recreate_ends_the_old_before_it_makes_the_new(home: House):
    old = ready_house(home, strategy={"type": "Recreate"})
    home.kubectl("set", "env", "deployment/echo", "COLOUR=blue")
    home.until(lambda: len(home.ready() - old) == 2, "two new ones")
    assert not home.ready() & old


def test_deleting_every_pod_one_by_one_loses_no_request(home: House):
    names = ready_house(home, 3)
    with Load(home.base()) as load:
        for name in names:
            home.kube.delete("Pod", f"default/{name}")
            home.until(lambda name=name: name not in home.endpoints(), f"{name} has gone")
            home.until(lambda: len(home.ready()) == 3, "it is replaced")
    assert load.failed == []


def test_a_request_under_way_is_answered_by_a_pod_that_is_deleted(home: House):
    made = deployment(replicas=1)
    made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1000  # scaled, 20 s
    home.apply(made, web())
    (name,) = home.until(home.ready, "it is ready")
    home.until(lambda: home.who(home.base()) == name, "it answers")
    home.nodes.ask("POST", f"pods/default/{name}", {"delayMs": 2000})
    with socket.create_connection((home.address(1), home.node_port())) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        home.until(lambda: home.nodes.ask("GET", "pods")["items"][0]["connections"], "it is there")
        home.kube.delete("Pod", f"default/{name}")
        home.until(lambda: name not in home.ready(), "it is terminating")
        client.settimeout(WITHIN)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    assert name.encode() in answer


def test_a_changed_node_port_is_open_at_once_and_the_old_one_closed(home: House):
    names = ready_house(home)
    old = home.base()
    home.kube.apply(
        web(ports=[{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 32123}])
    )
    home.until(lambda: home.reached(f"http://{home.address(3)}:32123") == names, "it is open")
    home.until(lambda: home.who(old) == "", "the old one is closed")
    home.kube.delete("Service", "default/echo")
    home.until(lambda: home.who(f"http://{home.address(3)}:32123") == "", "it is closed")


def test_a_local_service_is_open_only_where_its_pods_are(home: House):
    names = ready_house(home, 1)
    home.apply(web(externalTrafficPolicy="Local"))
    (pod,) = home.pods().values()
    here = int(pod["spec"]["nodeName"].removeprefix("node-"))
    others = {1, 2, 3} - {here}
    closed = lambda: all(home.who(home.base(node)) == "" for node in others)  # noqa: E731
    home.until(closed, "the others are closed")
    home.until(lambda: home.reached(home.base(here)) == names, "it is open there")
    told = home.get(home.base(here), accept="application/json").json()
    assert told["client_address"] == "127.0.0.1"


def test_one_client_stays_with_one_pod_when_the_service_says_so(home: House):
    names = ready_house(home, 3)
    home.apply(web(sessionAffinity="ClientIP"))
    home.until(lambda: len(home.reached(home.base(), 12)) == 1, "one answers all")
    home.until(lambda: home.reached(home.base(2)) < names, "of another node, too")


def test_an_endpoint_that_refuses_is_passed_over(home: House):
    names = ready_house(home, 2)
    dead = {"addresses": ["127.80.255.254"], "conditions": {"ready": True}}
    for one in home.kube.list("Service"):
        assert one["metadata"]["name"] == "echo"
    live = home.kube.list("EndpointSlice")[0]
    extra = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "extra", "labels": {"kubernetes.io/service-name": "echo"}},
        "addressType": "IPv4",
        "endpoints": [dead],
        "ports": live["ports"],
    }
    home.apply(extra)
    with Load(home.base()) as load:
        home.until(lambda: load.done > 60, "some requests")
    assert load.failed == []
    assert load.names == names


def test_a_removed_node_takes_its_pods_and_ports_and_the_others_go_on(home: House):
    ready_house(home, 3)
    gone = home.base(2)
    home.nodes.ask("DELETE", "nodes/node-2")
    home.until(lambda: places(home) == {"node-1", "node-3"}, "no Pod of the node is left")
    home.until(lambda: len(home.ready()) == 3, "three are ready again")
    home.until(lambda: home.reached(home.base()) == home.ready(), "all answer")
    home.until(lambda: home.who(gone) == "", "its port is closed")
    assert home.instance("node-2", "us-central1-b") is None
    assert "node-2" not in home.kubectl("get", "nodes")


def test_a_node_whose_object_is_deleted_stops_and_its_machine_stays(home: House):
    ready_house(home, 2)
    home.kubectl("delete", "node", "node-1")
    home.until(lambda: home.who(home.base(1)) == "", "its port is closed")
    home.until(lambda: places(home) == {"node-2", "node-3"}, "no Pod of the node is left")
    home.until(lambda: len(home.ready()) == 2, "two are ready again")
    assert [one["name"] for one in home.nodes.ask("GET", "nodes")["items"]] == ["node-2", "node-3"]
    assert home.kube.get("Node", "node-1") is None
    assert home.instance("node-1", "us-central1-a")


def test_a_node_that_is_added_serves_and_takes_pods(home: House):
    names = ready_house(home, 1)
    added = {"name": "node-9", "zone": "us-central1-f"}
    address = home.nodes.ask("POST", "nodes", added)["address"]
    url = f"http://{address}:{home.node_port()}"
    home.until(lambda: home.reached(url) == names, "its port is open")
    assert home.instance("node-9", "us-central1-f")["networkInterfaces"][0]["networkIP"] == address
    home.kubectl("scale", "deployment/echo", "--replicas=4")
    home.until(lambda: len(home.ready()) == 4, "four are ready")
    assert "node-9" in {pod["spec"]["nodeName"] for pod in home.pods().values()}


def test_a_node_is_not_ready_when_told_so_and_back_when_told(home: House):
    home.nodes.ask("POST", "nodes/node-3", {"ready": False})
    home.until(lambda: "NotReady" in home.kubectl("get", "node", "node-3"), "it is not ready")
    home.nodes.ask("POST", "nodes/node-3", {"ready": True})
    home.until(lambda: "NotReady" not in home.kubectl("get", "nodes"), "all are ready")


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("GET", "nothing", None, "404"),
        ("POST", "nodes", {"name": "node-1", "zone": "us-central1-a"}, "choose another name"),
        ("POST", "nodes", {"name": "x"}, "zone"),
        ("POST", "nodes/nobody", {"ready": True}, "there is none"),
        ("POST", "pods/default/nobody", {"ready": False}, "none runs here"),
    ],
)
def test_the_control_endpoint_says_what_is_wrong(home: House, method, path, body, why):
    with pytest.raises(ValueError, match=why):
        home.nodes.ask(method, path, body)
