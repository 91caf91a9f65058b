"""Nodes, Pods and their owners, seen through kubectl and on the wire."""

import json

import pytest

from tests.nodes.house import PROBE, House, deployment, web


def test_nodes_register_with_kubernetes_and_with_the_cloud(home: House):
    table = home.kubectl("get", "nodes", "-o", "wide").splitlines()
    rows = [line.split() for line in table[1:]]
    assert [(row[0], row[1], row[5]) for row in rows] == [
        (f"node-{number}", "Ready", home.address(number)) for number in (1, 2, 3)
    ]
    node = home.kube.get("Node", "node-2")
    assert node["spec"]["providerID"] == "gce://demo/us-central1-b/node-2"
    labels = node["metadata"]["labels"]
    assert labels["topology.kubernetes.io/zone"] == "us-central1-b"
    assert labels["topology.kubernetes.io/region"] == "us-central1"
    assert labels["kubernetes.io/hostname"] == "node-2"
    instance = home.instance("node-2", "us-central1-b")
    assert instance["tags"]["items"] == ["node"]
    assert instance["networkInterfaces"][0]["networkIP"] == home.address(2)


def test_a_deployment_becomes_ready_pods_that_every_node_port_reaches(home: House):
    home.apply_file("deploy/examples/shop.yaml")
    home.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
    home.kubectl("wait", "--for=condition=Available", "deployment/echo", "--timeout=60s")
    names = home.ready()
    assert len(names) == 2
    for node, name in ((1, "web"), (2, "web"), (3, "web"), (1, "api")):
        url = home.base(node, name)
        home.until(lambda url=url: home.reached(url) == names, f"both answer {url}")
    for pod in home.pods().values():
        assert pod["metadata"]["name"].startswith("echo-")
        assert pod["status"]["phase"] == "Running"
        assert pod["status"]["containerStatuses"][0]["ready"]
    assert len({pod["spec"]["nodeName"] for pod in home.pods().values()}) == 2
    home.until(lambda: home.old_endpoints("web") == names, "the old Endpoints have both")


def test_an_endpoint_says_which_pod_on_which_node_in_which_zone(home: House):
    home.apply(deployment(replicas=1), web())
    home.until(lambda: home.ready() & home.endpoints().keys(), "an endpoint")
    # The empty slice of before the first pod may still be there.
    (found,) = (one for one in home.kube.list("EndpointSlice") if one["endpoints"])
    pod = next(iter(home.pods().values()))
    (endpoint,) = found["endpoints"]
    assert endpoint["addresses"] == [pod["status"]["podIP"]]
    assert endpoint["nodeName"] == pod["spec"]["nodeName"]
    zone = "us-central1-a" if endpoint["nodeName"] == "node-1" else "us-central1-b"
    assert endpoint["zone"] == zone
    assert endpoint["targetRef"]["uid"] == pod["metadata"]["uid"]
    assert found["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_an_echo_shows_the_request_as_text_and_as_json(home: House):
    home.apply(deployment(replicas=1), web())
    home.until(lambda: home.who(home.base(2)), "it answers")
    (name,) = home.ready()
    page = home.get(f"{home.base(2)}/a/b?c=d", **{"x-colour": "blue"})
    assert page.status_code == 200
    lines = page.text.splitlines()
    assert f"Hostname: {name}" in lines
    assert "command=GET" in lines
    assert "real path=/a/b?c=d" in lines
    assert "x-colour=blue" in lines
    assert f"client_address={home.address(2)}" in lines
    told = home.get(f"{home.base(2)}/a", accept="application/json").json()
    assert (told["hostname"], told["path"], told["method"]) == (name, "/a", "GET")
    assert home.get(f"{home.base(2)}/healthz").text == "ok\n"


def test_the_environment_bends_the_echo(home: House):
    bent = {"ECHO_STATUS": "503", "ECHO_DELAY_MS": "150"}
    home.apply(deployment(replicas=1, env=bent), web())
    home.until(lambda: home.who(home.base()), "it answers")
    answer = home.get(home.base())
    assert answer.status_code == 503
    assert answer.elapsed.total_seconds() >= 0.15


def test_the_default_backend_answers_404_and_is_healthy(home: House):
    home.apply_file("deploy/default-backend.yaml")
    where = ("default-http-backend", "kube-system")
    home.until(lambda: home.ready(*where), "it is ready")
    base = home.base(3, *where)
    home.until(lambda: home.code(f"{base}/nowhere") == 404, "it answers")
    assert home.get(f"{base}/nowhere").text == "default backend - 404"
    assert home.get(f"{base}/healthz").status_code == 200


def test_the_replication_controller_of_2016_runs_and_scales(home: House):
    manifest = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "echoheaders"},
        "spec": {
            "replicas": 1,
            "template": {
                "metadata": {"labels": {"app": "echoheaders"}},
                "spec": {
                    "containers": [
                        {
                            "name": "echoheaders",
                            "image": "gcr.io/google_containers/echoserver:1.4",
                            "ports": [{"containerPort": 8080}],
                            "readinessProbe": {
                                "httpGet": {"path": "/healthz", "port": 8080},
                                "periodSeconds": 1,
                                "timeoutSeconds": 1,
                                "successThreshold": 1,
                                "failureThreshold": 10,
                            },
                        }
                    ]
                },
            },
        },
    }
    home.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    home.kubectl(
        "expose", "rc", "echoheaders", "--type=NodePort", "--port=80", "--target-port=8080"
    )
    app = "echoheaders"
    home.until(lambda: home.who(home.base(1, app)), "it answers")
    home.kubectl("scale", "rc", app, "--replicas=3")
    home.until(lambda: len(home.ready(app)) == 3, "three are ready")
    home.until(lambda: home.reached(home.base(1, app)) == home.ready(app), "all three answer")
    home.kubectl("delete", "rc", app)
    home.until(lambda: not home.kube.list("Pod"), "its Pods went with it")


def test_scaling_up_and_down_changes_pods_and_endpoints(home: House):
    home.apply(deployment(replicas=1), web())
    home.until(lambda: len(home.ready()) == 1, "one is ready")
    home.kubectl("scale", "deployment/echo", "--replicas=5")
    home.until(lambda: home.reached(home.base(), 15) == home.ready() != set(), "those that are")
    home.until(lambda: len(home.ready()) == 5, "five are ready")
    home.kubectl("scale", "deployment/echo", "--replicas=2")
    home.until(lambda: len(home.kube.list("Pod")) == 2, "two are left")
    home.until(lambda: home.endpoints().keys() == home.ready(), "two endpoints are left")
    home.kubectl("scale", "deployment/echo", "--replicas=0")
    home.until(lambda: home.reached(home.base(), 1) == {""}, "the port is closed")


def test_a_deleted_pod_serves_until_its_grace_ends_and_is_replaced(home: House):
    home.apply(deployment(replicas=1), web())
    (name,) = home.until(home.ready, "it is ready")
    home.kube.delete("Pod", f"default/{name}")
    ends = {"ready": False, "serving": True, "terminating": True}
    home.until(lambda: home.endpoints().get(name) == ends, "it is terminating")
    home.until(lambda: home.kube.get("Pod", f"default/{name}") is None, "it has gone")
    (other,) = home.until(home.ready, "another one is ready")
    assert other != name
    home.until(lambda: home.who(home.base()) == other, "the other one answers")


def test_deleting_a_deployment_takes_everything_with_it(home: House):
    home.apply(deployment(), web())
    home.until(lambda: len(home.ready()) == 2, "both are ready")
    home.kubectl("delete", "deployment/echo", "service/echo")
    for kind in ("ReplicaSet", "Pod", "EndpointSlice", "Endpoints"):
        home.until(lambda kind=kind: not home.kube.list(kind), f"no {kind} is left")
    home.until(lambda: not home.nodes.ask("GET", "pods")["items"], "no container is left")


def test_a_bare_pod_is_scheduled_run_and_ended(home: House):
    home.kubectl("run", "alone", "--image=echo", "--labels=app=echo")
    home.apply(web())
    home.until(lambda: home.who(home.base()) == "alone", "it answers")
    home.kubectl("delete", "pod", "alone", "--timeout=60s")
    assert not home.kube.list("Pod")


def test_a_pod_waits_for_a_node_that_takes_it(home: House):
    for number in (1, 2, 3):
        home.nodes.ask("POST", f"nodes/node-{number}", {"cordon": True})
    assert "SchedulingDisabled" in home.kubectl("get", "nodes")
    home.apply(deployment(replicas=1))
    (name,) = home.until(home.pods, "it is made")
    assert "nodeName" not in home.pods()[name]["spec"]
    home.kubectl("uncordon", "node-3")
    home.until(home.ready, "it is ready")
    assert home.pods()[name]["spec"]["nodeName"] == "node-3"


@pytest.mark.parametrize("trouble", ["the application says so", "its containers crash"])
def test_a_pod_that_fails_its_readiness_leaves_the_endpoints_and_returns(home, trouble):
    home.apply(deployment(probe=PROBE), web())
    home.until(lambda: len(home.ready()) == 2, "both are ready")
    bad, good = sorted(home.ready())
    path = f"pods/default/{bad}"
    if trouble == "the application says so":
        home.nodes.ask("POST", path, {"ready": False})
    else:
        home.nodes.ask("POST", f"{path}/kill", {"seconds": 60})
    home.until(
        lambda: home.endpoints().get(bad, {}).get("ready") is False, "its endpoint is not ready"
    )
    home.until(lambda: home.old_endpoints("echo") == {good}, "the old Endpoints say so too")
    assert home.old_endpoints("echo", "notReadyAddresses") == {bad}
    home.until(lambda: home.reached(home.base()) == {good}, "only the other one answers")
    back = ("", {"ready": None}) if trouble.startswith("the") else ("/kill", {"seconds": 0})
    home.nodes.ask("POST", path + back[0], back[1])
    home.until(lambda: home.reached(home.base()) == {good, bad}, "both answer again")


def test_a_probe_that_nothing_answers_keeps_a_pod_out(home: House):
    probe = {"httpGet": {"path": "/", "port": 9}, "periodSeconds": 1}
    home.apply(deployment(replicas=1, probe=probe), web())
    home.until(home.endpoints, "it has an endpoint")
    assert [one["ready"] for one in home.endpoints().values()] == [False]
    assert home.reached(home.base(), 1) == {""}
    assert "0/1" in home.kubectl("get", "pods")
