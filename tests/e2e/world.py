"""What the end-to-end tests stand on: a Stack, the words they use, waiting with a bound."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fakes.build import ingress_class, service
from fakes.stack import Stack

UID = "c90a6bd2f1e34567"
GRACE_SEC = 1  # how long a backend stays that an edit has left
LEASE = "{duration_sec: 3, renew_deadline_sec: 2.5, retry_sec: 0.5}"  # kill -9 leaves it behind
SHIPPED_LEASE = "{}"  # outlasts an API server that does not answer for some seconds
WITHIN = 60.0  # seconds that anything may take on a slow machine
READS = (
    "get",
    "list",
    "aggregatedList",
    "listInstances",
    "listNetworkEndpoints",
    "wait",
    "getHealth",
)
KINDS = (
    "forwardingRules",
    "targetHttpProxies",
    "urlMaps",
    "backendServices",
    "healthChecks",
    "instanceGroups",
    "networkEndpointGroups",
    "firewalls",
)
IDENTITY = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"namespace": "kube-system", "name": "ingress-uid"},
    "data": {"uid": UID, "provider-uid": UID},
}
BASE = (
    IDENTITY,
    ingress_class("gce"),
    service("kube-system/default-http-backend", "http=80->30000"),
)


class World(Stack):
    """A Stack with nodes, an identity, a class and a default backend."""

    config: str = ""  # YAML for glbc
    lease: str = LEASE  # YAML for its Lease

    def __enter__(self):
        super().__enter__()
        try:
            self.start_nodes()
            self.apply(*BASE)
        except BaseException:
            self.stop()
            raise
        return self

    # Kubernetes ---------------------------------------------------------------------------------

    def kubectl(self, *words: str) -> str:
        """Run the real kubectl; it must succeed."""
        done = self.run("kubectl", *words)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects with kubectl."""
        path = self.directory / "apply.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        self.kubectl("apply", "-f", str(path))

    def trouble_kube(self, **fault: Any) -> None:
        self.ask("POST", f"{self.kube}/_fake/faults", fault)

    def ingress(self, key: str) -> dict[str, Any] | None:
        """Return an Ingress; None when there is none."""
        namespace, _, name = key.partition("/")
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses"
        items = self.ask("GET", self.kube + path)["items"]
        return next((item for item in items if item["metadata"]["name"] == name), None)

    def address(self, key: str) -> str:
        """Return the address that an Ingress shows, "" when it shows none."""
        found = self.ingress(key) or {}
        shown = found.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
        return str(shown[0].get("ip", ""))

    def served(self, key: str) -> str:
        """Wait until an Ingress shows an address, and return it."""
        self.until(lambda: self.address(key), f"{key} shows an address")
        return self.address(key)

    def identity_reads(self) -> int:
        """Return how often the ConfigMap with the identity was read."""
        counts = self.ask("GET", f"{self.kube}/_fake/counts")["counts"]
        wanted = ("get", "configmaps")
        return sum(row["count"] for row in counts if (row["verb"], row["resource"]) == wanted)

    # The cloud ----------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return everything that is in the cloud."""
        return self.ask("GET", f"{self.gce}/_fake/dump")

    def ours(self, part: str = "") -> dict[str, list[str]]:
        """Return the names of what is ours, by kind; with `part`, of those whose name has it."""
        found: dict[str, list[str]] = {}
        for kind in KINDS:
            names = [body["name"] for body in self.bodies(kind)]
            if fitting := sorted(name for name in names if name.startswith("k8s") and part in name):
                found[kind] = fitting
        return found

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of a kind."""
        if kind in {"instanceGroups", "networkEndpointGroups"}:
            scopes = self.cloud(f"aggregated/{kind}")["items"].values()
            return [body for scope in scopes for body in scope.get(kind, [])]
        return self.cloud(f"global/{kind}").get("items", [])

    def url_map(self, ingress: str) -> dict[str, Any]:
        """Return the URL map of an Ingress, {} when there is none."""
        marked = f"-{ingress.replace('/', '-')}-"
        return next((body for body in self.bodies("urlMaps") if marked in body["name"]), {})

    def routes(self, ingress: str) -> dict[str, str]:
        """Return where the paths of an Ingress lead, as the node port that the backend is named by."""
        return {
            path: rule["service"].rpartition("/")[2].split("-")[2]
            for matcher in self.url_map(ingress).get("pathMatchers", ())
            for rule in matcher.get("pathRules", ())
            for path in rule["paths"]
        }

    def trouble(self, method: str = "*", *, times: int | None = None, **effect: Any) -> None:
        """Script trouble in the cloud."""
        fault = {"method": method, "times": times, **effect}
        self.ask("POST", f"{self.gce}/_fake/faults", fault)

    def end_trouble(self) -> None:
        self.ask("DELETE", f"{self.gce}/_fake/faults")

    def latency(self, seconds: float) -> None:
        """Let operations take some seconds."""
        self.ask("POST", f"{self.gce}/_fake/latency", {"default": seconds})

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the mutations of the cloud after call number `since`."""
        log = self.ask("GET", f"{self.gce}/_fake/calls?since={since}")
        return [c for c in log["items"] if c["method"].rpartition(".")[2] not in READS]

    def seq(self) -> int:
        """Return the number of the last call of the cloud."""
        return int(self.ask("GET", f"{self.gce}/_fake/calls")["seq"])

    def deletes(self, since: int) -> list[str]:
        """Return what was deleted after call number `since`."""
        return [c["name"] for c in self.calls(since) if c["method"].endswith(".delete")]

    # glbc ---------------------------------------------------------------------------------------

    def glbc_options(self) -> list[str]:
        options = super().glbc_options()
        path = self.directory / "config.yaml"
        path.write_text(f"backend_grace_sec: {GRACE_SEC}\nlease: {self.lease}\n{self.config}")
        return [*options, "--config", str(path)]

    def said(self, word: str) -> int:
        """Return how often glbc's log has a word."""
        return self.log("glbc").count(word)

    def start_glbc(self, *, ready: bool = True) -> None:
        """Start `glbc run` and wait until it runs."""
        before = self.said(" running ")
        super().start_glbc()
        if ready:
            self.until(lambda: self.said(" running ") > before, "glbc runs")

    def send(self, part: str, number: int) -> None:
        """Send a signal to a part."""
        self._processes[part].send_signal(number)

    def until(self, holds: Callable[[], Any], what: str, within: float = WITHIN) -> None:
        """Wait until something holds; show the log when it does not."""
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() > deadline or not self.glbc_is_well():
                raise AssertionError(f"never: {what}\n{self.log('glbc')[-5000:]}")
            time.sleep(0.03)

    def glbc_is_well(self) -> bool:
        """Tell whether glbc has not ended by itself."""
        return "glbc" not in self._processes or self.is_running("glbc")

    def assert_sound(self) -> None:
        """glbc is alive and has met no bug."""
        assert self.is_running("glbc"), self.log("glbc")[-5000:]
        for word in ("Traceback", "crashed"):
            assert word not in self.log("glbc"), self.log("glbc")[-5000:]


@contextmanager
def world(
    directory: Path, *objects: Mapping[str, Any], config: str = "", lease: str = LEASE
) -> Iterator[World]:
    """Start a world with some objects, and end it."""
    one = World(directory)
    one.config, one.lease = config, lease
    with one:
        if objects:
            one.apply(*objects)
        yield one
