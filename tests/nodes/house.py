"""A cluster and a cloud over HTTP, with nodes in a thread: what the tests of fakes.nodes live in."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from fakes import gce, kube
from fakes.build import service
from fakes.nodes import Nodes, Settings
from fakes.nodes.slices import claimed

WITHIN = 60.0  # seconds that anything may take on a busy machine
SCALE = 0.02  # a probe's 10 s are 0.2 s, a grace of 30 s is 0.6 s
ROOT = Path(__file__).parents[2]
ECHO = "registry.k8s.io/echoserver:1.10"


def deployment(name="echo", replicas=2, *, image=ECHO, env=None, probe=None, **spec):
    """Return a Deployment of one container under the label `app: NAME`."""
    container = {"name": "main", "image": image, "ports": [{"containerPort": 8080}]}
    if env:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    if probe:
        container["readinessProbe"] = probe
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        | spec,
    }


def web(name="echo", **spec):
    """Return a NodePort Service in front of a Deployment's port 8080."""
    made = service(name, "http=80")
    made["spec"]["ports"][0]["targetPort"] = 8080
    made["spec"] |= spec
    return made


PROBE = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2, "failureThreshold": 1}


@dataclass
class House:
    """One world."""

    kube: kube.World
    gce: gce.World
    nodes: Nodes
    url: str
    directory: Path
    stack: ExitStack
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=10))

    # Kubernetes ---------------------------------------------------------------------------------

    def apply(self, *objects: dict[str, Any]) -> None:
        for one in objects:
            self.kube.apply(one)

    def apply_file(self, path: str) -> None:
        self.apply(*yaml.safe_load_all((ROOT / path).read_text()))

    def kubectl(self, *words: str, stdin: str = "") -> str:
        binary = str(Path(sys.executable).with_name("kubectl"))
        done = subprocess.run(
            [binary, "--server", self.url, "--cache-dir", str(self.directory / "cache"), *words],
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(self.directory)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pods(self, app: str = "echo", namespace: str = "default") -> dict[str, dict[str, Any]]:
        """Return the Pods with a label that are not being deleted."""
        return {
            pod["metadata"]["name"]: pod
            for pod in self.kube.list("Pod", namespace)
            if pod["metadata"]["labels"].get("app") == app
            and not pod["metadata"].get("deletionTimestamp")
        }

    def ready(self, app: str = "echo", namespace: str = "default") -> set[str]:
        """Return the names of the Pods with a label that are ready."""
        return {
            name
            for name, pod in self.pods(app, namespace).items()
            for one in pod["status"].get("conditions", ())
            if (one["type"], one["status"]) == ("Ready", "True")
        }

    def endpoints(self, name: str = "echo", namespace: str = "default") -> dict[str, Any]:
        """Return the conditions in a Service's slices, by Pod."""
        return {
            one["targetRef"]["name"]: one["conditions"]
            for found in self.kube.list("EndpointSlice", namespace)
            if found["metadata"]["labels"]["kubernetes.io/service-name"] == name
            for one in found["endpoints"]
        }

    def old_endpoints(self, name: str, part: str = "addresses") -> set[str]:
        """Return the Pods in a part of an Endpoints object."""
        found = self.kube.get("Endpoints", f"default/{name}") or {}
        subsets = found.get("subsets") or ()
        return {one["targetRef"]["name"] for sub in subsets for one in sub.get(part, ())}

    def node_port(self, name: str = "echo", namespace: str = "default") -> int:
        return int(self.kube.get("Service", f"{namespace}/{name}")["spec"]["ports"][0]["nodePort"])

    def instance(self, name: str, zone: str) -> dict[str, Any] | None:
        """Return an instance of the cloud, None when there is none."""
        path = f"/compute/v1/projects/demo/zones/{zone}/instances"
        with httpx.Client(base_url=self.nodes.settings.gce, trust_env=False) as client:
            items = client.get(path).json().get("items", [])
        return next((item for item in items if item["name"] == name), None)

    # the wire -----------------------------------------------------------------------------------

    def address(self, node: int = 1) -> str:
        return self.nodes.settings.node_address(node)

    def base(self, node: int = 1, name: str = "echo", namespace: str = "default") -> str:
        return f"http://{self.address(node)}:{self.node_port(name, namespace)}"

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Send one request on a connection of its own."""
        return self._client.get(url, headers={"connection": "close", **headers})

    def who(self, url: str) -> str:
        """Return the name of the Pod that answers, "" when none does."""
        try:
            answer = self.get(url, accept="application/json")
        except httpx.TransportError:
            return ""
        echoed = answer.headers["content-type"] == "application/json"
        return str(answer.json()["hostname"]) if echoed else ""

    def code(self, url: str) -> int:
        """Return the code of an answer, 0 when there is none."""
        try:
            return self.get(url).status_code
        except httpx.TransportError:
            return 0

    def reached(self, url: str, times: int = 12) -> set[str]:
        """Return who answers to some requests; "" stands for nobody."""
        return {self.who(url) for _ in range(times)}

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until something holds."""
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            if found := holds():
                return found
            time.sleep(0.01)
        raise AssertionError(f"not within {WITHIN} s: {what}: {self.state()}")

    def state(self) -> str:
        pods = [(p["metadata"]["name"], p.get("status")) for p in self.kube.list("Pod")]
        return json.dumps([pods, self.endpoints()], indent=1)

    def close(self) -> None:
        self._client.close()
        self.stack.close()


@contextmanager
def house(directory: Path, **settings: Any) -> Iterator[House]:
    """Start a world; stop it."""
    with ExitStack() as stack:
        number = stack.enter_context(claimed())
        cluster, cloud = kube.World(), gce.World(project="demo")
        url = stack.enter_context(kube.running(cluster))
        there = stack.enter_context(gce.running(cloud))
        chosen = replace(
            Settings(server=url, gce=there, slice=number, time_scale=SCALE), **settings
        )
        nodes = stack.enter_context(Nodes(chosen))
        built = House(cluster, cloud, nodes, url, directory, stack)
        try:
            yield built
        finally:
            built.close()


class Load:
    """Requests one after the other while the block runs, on kept and on new connections."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.done = 0
        self.failed: list[str] = []
        self.names: set[str] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(kept,)) for kept in (True, False)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(WITHIN)
        sys.stdout.write(f"{self.done} requests, {len(self.failed)} failed\n")

    def _run(self, kept: bool) -> None:
        headers = {"accept": "application/json"} | ({} if kept else {"connection": "close"})
        with httpx.Client(trust_env=False, timeout=10, headers=headers) as client:
            while not self._stop.is_set():
                try:
                    answer = client.get(self.url)
                    answer.raise_for_status()
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                else:
                    self.names.add(answer.json()["hostname"])
                self.done += 1
                self._stop.wait(0.002)
