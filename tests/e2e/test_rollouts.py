"""Pods change while requests flow: what is lost with endpoint groups and a readiness gate, and without.

`pytest tests/e2e/test_rollouts.py --capture=no` prints the table of docs/performance.md. The seconds
of the manifests pass ten times as fast here, those of Envoy's probes too.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, Self

import httpx
import pytest

from fakes.build import ingress
from tests.e2e.test_permissions import backend_config
from tests.e2e.test_wire import answers, deployment, service
from tests.e2e.world import World

GATE: Final = "cloud.google.com/load-balancer-neg-ready"
GATED: Final = "endpoint groups"
NODES: Final = "instance groups"  # with grace and draining; they have no gate
BARE: Final = "endpoint groups without gate and grace"  # nor draining
PRE_STOP_SEC: Final = 60  # how long a pod that leaves goes on serving: the grace that docs name
BUDGET: Final = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"namespace": "default", "name": "web"},
    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
}
DRAIN_SEC: Final = 60  # how long the load balancer lets requests end
CLIENTS: Final = 4
PAUSE_SEC: Final = 0.009  # of each client between requests: over 200 requests a second of all
MOST: Final = 60_000  # requests of one run; a run is bounded whatever happens


class Rush:
    """Clients that post to a URL at a steady rate, each on its own connection, until told to stop.

    What is posted nobody sends a second time: each loss is seen.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked = 0
        self.failed: list[str] = []
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"rush-{n}", daemon=True)
            for n in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        self.seconds = time.monotonic() - self._began

    def _run(self) -> None:
        with httpx.Client(timeout=10, trust_env=False) as client:
            while not self._stop.wait(PAUSE_SEC) and self.asked < MOST:
                try:
                    code = client.post(self.url).status_code
                    problem = "" if code == 200 else str(code)
                except httpx.HTTPError as error:
                    problem = f"{type(error).__name__}: {error}"
                with self._lock:
                    self.asked += 1
                    if problem:
                        self.failed.append(problem)

    def told(self, what: str) -> str:
        rate = self.asked / self.seconds
        return f"{what}: {self.asked} requests, {rate:.0f} a second, {len(self.failed)} failed"


def app(way: str, replicas: int = 10, **labels: str) -> dict[str, Any]:
    """Return the Deployment; behind endpoint groups its pods have the gate and the grace."""
    made = deployment("web", replicas, **labels)
    made["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}
    if way == BARE:
        return made
    spec = made["spec"]["template"]["spec"]
    spec["terminationGracePeriodSeconds"] = PRE_STOP_SEC + 30
    spec["containers"][0]["lifecycle"] = {"preStop": {"sleep": {"seconds": PRE_STOP_SEC}}}
    if way == GATED:
        spec["readinessGates"] = [{"conditionType": GATE}]
    return made


def of_pods(way: str) -> dict[str, Any]:
    made = service("web", "web")
    told = made["metadata"]["annotations"] = {}
    if way != NODES:
        made["spec"]["type"] = "ClusterIP"
        told["cloud.google.com/neg"] = '{"ingress": true}'
    if way != BARE:
        told["cloud.google.com/backend-config"] = '{"default": "web"}'
    return made


@pytest.fixture(scope="module", params=[GATED, NODES, BARE])
def rolled(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[tuple[World, str]]:
    """A Deployment of ten pods in three zones behind an Ingress, one way or the other."""
    way: str = request.param
    with World(tmp_path_factory.mktemp(way), traffic=True) as one:
        one.ask("POST", f"{one.nodes}/_fake/nodes", {"name": "node-4", "zone": "us-central1-c"})
        one.kubectl("apply", "-f", "deploy/crds/backendconfigs.yaml")
        one.apply(backend_config("web", connectionDraining={"drainingTimeoutSec": DRAIN_SEC}))
        one.apply(app(way), of_pods(way), BUDGET, ingress("default/web", default="web:80"))
        one.start_glbc()
        address = one.served("default/web")
        one.until(lambda: answers(address).startswith("web-"), "it answers")
        rolled_out(one)
        yield one, way
        one.assert_sound()


def rolled_out(one: World) -> None:
    one.kubectl("rollout", "status", "deployment/web", "--timeout=120s")


def gone(one: World) -> bool:
    """Tell whether no pod is on its way out any more."""
    pods = json.loads(one.kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    return not any("deletionTimestamp" in pod["metadata"] for pod in pods)


def update(one: World, way: str) -> None:
    one.apply(app(way, version="2"))


def first_in_a_new_zone(one: World, way: str) -> None:
    """A zone gets its first node, and the next pods go there."""
    one.ask("POST", f"{one.nodes}/_fake/nodes", {"name": "node-5", "zone": "us-central1-f"})
    one.apply(app(way, 12, version="2"))


def scale_down(one: World, way: str) -> None:
    one.apply(app(way, 4, version="2"))


def drain(one: World, _way: str) -> None:
    """Evict pods as people do; the budget lets the next one go when there is one in its place."""
    one.kubectl("drain", "node-2", "--timeout=120s")


def replace_all(one: World, way: str) -> None:
    """Delete every pod; those without a grace are killed, so that nothing serves for a while."""
    how = ("--grace-period=0", "--force") if way == BARE else ()
    one.kubectl("delete", "pod", "-l", "app=web", "--wait=false", *how)


STORIES: Final[dict[str, Callable[[World, str], None]]] = {
    "rolling update": update,
    "first pods in a new zone": first_in_a_new_zone,
    "scale down": scale_down,
    "node drained": drain,
    "all pods at once": replace_all,
}


@pytest.mark.parametrize("story", STORIES)
def test_what_a_change_of_pods_costs(rolled: tuple[World, str], story: str) -> None:
    one, way = rolled
    address = one.served("default/web")
    with ExitStack() as stack:
        rush = stack.enter_context(Rush(f"http://{address}/"))
        one.until(lambda: rush.asked > 100, "requests flow")
        STORIES[story](one, way)
        rolled_out(one)
        one.until(lambda: gone(one), "the old pods are gone", within=120)
        seen = rush.asked
        one.until(lambda: rush.asked > seen + 200, "requests flow on")
    print("\n" + rush.told(f"{story}, {way}"))
    if way == GATED:
        assert rush.failed == []
    if way == BARE and story == "all pods at once":
        assert rush.failed  # what is counted can be seen
