"""When a Pod is ready, when a rollout goes on, and how a Pod ends."""

import json
from typing import Any

import httpx
import pytest

from fakes.nodes.pod import pre_stop_sec
from tests.nodes.house import PROBE, House, deployment, web

GATE = "cloud.google.com/load-balancer-neg-ready"
ONE_BY_ONE = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
FOR_EVER = 1_000_000  # seconds, also when they are scaled


def gated(replicas: int = 1, **more: Any) -> dict[str, Any]:
    made = deployment(replicas=replicas, probe=PROBE, **more)
    made["spec"]["template"]["spec"]["readinessGates"] = [{"conditionType": GATE}]
    return made


def say(home: House, name: str, status: str, kind: str = GATE) -> None:
    """Write one condition of a Pod, as a controller does that is not the kubelet."""
    condition = {"type": kind, "status": status, "reason": "Said"}
    body = json.dumps({"status": {"conditions": [condition]}})
    home.kubectl("patch", "pod", name, "--subresource=status", "--type=strategic", "-p", body)


def conditions(home: House, name: str) -> dict[str, tuple[str, str]]:
    """Return status and reason of each condition of a Pod."""
    found = home.kube.get("Pod", f"default/{name}")["status"].get("conditions", ())
    return {one["type"]: (one["status"], one.get("reason", "")) for one in found}


def test_a_pod_with_a_gate_is_ready_when_the_gate_is_open(home: House):
    home.apply(gated(), web())
    (name,) = home.until(home.pods, "it is made")
    closed = ("False", "ReadinessGatesNotReady")
    home.until(lambda: conditions(home, name).get("Ready") == closed, "it waits for its gate")
    assert conditions(home, name)["ContainersReady"] == ("True", "")
    home.until(lambda: home.endpoints().get(name), "it has an endpoint")
    assert home.endpoints()[name] == {"ready": False, "serving": False, "terminating": False}
    say(home, name, "True")
    home.until(lambda: home.ready() == {name}, "it is ready")
    home.until(lambda: home.endpoints()[name]["ready"], "its endpoint is ready")
    say(home, name, "False")
    home.until(lambda: conditions(home, name)["Ready"] == closed, "it is closed again")


def test_conditions_that_others_write_stay_as_they_are(home: House):
    home.apply(gated(), web())
    (name,) = home.until(home.pods, "it is made")
    say(home, name, "True")
    say(home, name, "False", "example.com/other")
    home.until(lambda: home.ready() == {name}, "it is ready")
    home.nodes.ask("POST", f"pods/default/{name}", {"ready": False})
    broken = ("False", "ContainersNotReady")
    home.until(lambda: conditions(home, name)["Ready"] == broken, "its container is not")
    assert conditions(home, name)["ContainersReady"] == broken
    home.nodes.ask("POST", f"pods/default/{name}", {"ready": None})
    home.until(lambda: home.ready() == {name}, "it is ready again")
    assert conditions(home, name)[GATE] == ("True", "Said")
    assert conditions(home, name)["example.com/other"] == ("False", "Said")


def test_a_rolling_update_waits_until_gates_are_opened(home: House):
    home.apply(gated(2, strategy=ONE_BY_ONE), web())
    old = set(home.until(lambda: len(home.pods()) == 2 and home.pods(), "two are made"))
    for name in old:
        say(home, name, "True")
    home.until(lambda: home.ready() == old, "both are ready")
    home.kubectl("rollout", "restart", "deployment/echo")
    for number in (1, 2):
        opened = home.ready() - old
        (name,) = home.until(
            lambda opened=opened: home.pods().keys() - old - opened, f"the next new one: {number}"
        )
        home.until(
            lambda name=name: conditions(home, name).get("ContainersReady") == ("True", ""),
            "its container is ready",
        )
        kept = {pod for pod in home.ready() if pod in old}
        assert len(home.pods()) == 3, "nobody has to go for one that is not ready"
        assert len(kept) == 3 - number
        say(home, name, "True")
        home.until(lambda name=name: name in home.ready(), "it is ready")
    home.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
    assert not home.ready() & old


def test_a_rollout_counts_pods_that_have_been_ready_for_long_enough(home: House):
    home.apply(deployment(replicas=2, minReadySeconds=10, strategy=ONE_BY_ONE), web())
    home.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
    old = home.ready()
    assert len(old) == 2
    slower = deployment(replicas=2, env={"A": "B"}, minReadySeconds=FOR_EVER, strategy=ONE_BY_ONE)
    home.apply(slower)
    (new,) = home.until(lambda: home.ready() - old, "a new one is ready")
    home.until(lambda: status(home).get("readyReplicas") == 3, "the Deployment says so")
    assert status(home)["availableReplicas"] == 2
    assert home.pods().keys() == old | {new}
    home.apply(slower | {"spec": slower["spec"] | {"minReadySeconds": 0}})
    home.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
    assert not home.ready() & old
    assert status(home)["availableReplicas"] == 2


def status(home: House) -> dict[str, Any]:
    return home.kube.get("Deployment", "default/echo").get("status") or {}


def hooked(hook: dict[str, Any], grace: int) -> dict[str, Any]:
    made = deployment(replicas=1)
    pod = made["spec"]["template"]["spec"]
    pod["terminationGracePeriodSeconds"] = grace
    pod["containers"][0]["lifecycle"] = {"preStop": hook}
    return made


@pytest.mark.parametrize(
    "hook",
    [
        pytest.param({"sleep": {"seconds": FOR_EVER}}, id="sleep"),
        pytest.param({"exec": {"command": ["sleep", str(FOR_EVER)]}}, id="exec"),
    ],
)
def test_a_pod_serves_as_before_while_its_hook_sleeps(home: House, hook):
    home.apply(hooked(hook, 2 * FOR_EVER), web())
    (name,) = home.until(home.ready, "it is ready")
    address = home.pods()[name]["status"]["podIP"]
    home.kube.delete("Pod", f"default/{name}")
    home.until(lambda: home.endpoints().get(name, {}).get("terminating"), "it is terminating")
    with httpx.Client(trust_env=False) as client:
        kept = [client.get(f"http://{address}:8080").headers["connection"] for _ in range(3)]
    assert kept == ["keep-alive"] * 3
    home.until(lambda: home.ready() - {name}, "another one has taken its place")
    assert home.endpoints()[name] == {"ready": False, "serving": True, "terminating": True}
    home.kubectl("delete", "pod", name, "--grace-period=0", "--force", "--timeout=60s")
    home.until(lambda: not home.who(f"http://{address}:8080"), "it is gone")


def test_a_hook_does_not_outlast_the_grace(home: House):
    home.apply(hooked({"sleep": {"seconds": FOR_EVER}}, 30), web())
    (name,) = home.until(home.ready, "it is ready")
    home.kube.delete("Pod", f"default/{name}")
    home.until(lambda: home.kube.get("Pod", f"default/{name}") is None, "it is gone")
    home.until(lambda: name not in home.endpoints(), "its endpoint, too")


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        pytest.param(None, 0, id="none"),
        pytest.param({"sleep": {"seconds": 5}}, 5, id="sleep"),
        pytest.param({"exec": {"command": ["sleep", "7"]}}, 7, id="exec"),
        pytest.param({"exec": {"command": ["/bin/sh", "-c", "sleep 9"]}}, 9, id="by a shell"),
        pytest.param({"exec": {"command": ["nginx", "-s", "quit"]}}, 0, id="another command"),
        pytest.param({"httpGet": {"port": 80}}, 0, id="a request"),
    ],
)
def test_how_long_a_hook_sleeps(hook, seconds):
    container = {"name": "main"} | ({"lifecycle": {"preStop": hook}} if hook else {})
    assert pre_stop_sec({"containers": [{"name": "other"}, container]}) == seconds


def test_an_address_that_is_published_early_is_ready_but_does_not_serve(home: House):
    probe = {"httpGet": {"path": "/", "port": 9}, "periodSeconds": 1}
    home.apply(deployment(replicas=1, probe=probe), web(publishNotReadyAddresses=True))
    home.until(home.endpoints, "it has an endpoint")
    (found,) = home.endpoints().values()
    assert found == {"ready": True, "serving": False, "terminating": False}
