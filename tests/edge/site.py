"""A fake cloud over HTTP with an Envoy in front, and what a test wants to say to both."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trustme

from fakes.edge import Edge, Settings
from fakes.gce import World, running
from tests.edge.backend import Backend, Backends

ZONE = "us-central1-a"
CHECKERS = ["130.211.0.0/22", "35.191.0.0/16"]
BOUND = 60.0  # seconds a change may take to be seen before a test gives up
CHECK = {
    "type": "HTTP",
    "httpHealthCheck": {"requestPath": "/healthz", "portSpecification": "USE_SERVING_PORT"},
    "checkIntervalSec": 5,
    "timeoutSec": 5,
    "healthyThreshold": 1,
    "unhealthyThreshold": 2,
}


@dataclass
class Site:
    """One world, its Edge and its servers. Names of resources are free: everything is upserted."""

    world: World
    url: str
    edge: Edge
    backends: Backends
    nodes: str  # first three octets of the instances' addresses
    http: httpx.Client  # keeps no connection, so that a refused one shows
    ports: Iterator[int] = field(default_factory=lambda: itertools.count(30000))

    def put(self, kind: str, name: str, body: dict[str, Any], scope: str = "global") -> Any:
        """Insert or replace a resource through the API."""
        path = f"{scope}/{kind}"
        found = self.read(f"{path}/{name}")
        if not found:
            self.do("POST", path, {"name": name, **body})
        else:
            mark = {k: found[k] for k in ("fingerprint",) if k in found}
            method = "PATCH" if kind.startswith("target") else "PUT"
            self.do(method, f"{path}/{name}", {"name": name, **mark, **body})
        return self.read(f"{path}/{name}")

    def read(self, path: str) -> dict[str, Any]:
        """Return a resource, empty if there is none."""
        url = f"{self.url}/compute/v1/projects/demo/{path}"
        answer = self.http.get(url)
        return answer.json() if answer.status_code == 200 else {}

    def do(self, method: str, path: str, body: Any = None) -> None:
        """Carry one mutation through."""
        url = f"{self.url}/compute/v1/projects/demo/{path}"
        answer = self.http.request(method, url, json=body)
        assert answer.status_code == 200, answer.text
        link = answer.json()["selfLink"].partition("/projects/")[2]
        done = self.http.post(f"{self.url}/compute/v1/projects/{link}/wait").json()
        assert "error" not in done, done

    # -- the pieces of a load balancer ------------------------------------------------------

    def service(self, name: str, backends: int = 1, **fields: Any) -> list[Backend]:
        """Make a backend service with instances, a group, a health check and servers."""
        port = next(self.ports)
        found = []
        members = []
        for i in range(backends):
            ip = f"{self.nodes}.{port % 200 + 10 + i}"
            instance = f"{name}-{i}"
            self.world.seed_instance(instance, ZONE, tags=["node"], ip=ip)
            members.append({"instance": f"zones/{ZONE}/instances/{instance}"})
            found.append(self.backends.start(Backend(instance, ip, port)))
        scope = f"zones/{ZONE}"
        self.put("instanceGroups", name, {"namedPorts": [{"name": "http", "port": port}]}, scope)
        if members:
            path = f"{scope}/instanceGroups/{name}/addInstances"
            self.do("POST", path, {"instances": members})
        self.put("healthChecks", name, CHECK)
        group = f"{scope}/instanceGroups/{name}"
        rows = [{"group": group, "balancingMode": "RATE", "maxRatePerInstance": 1}]
        checks = [f"global/healthChecks/{name}"]
        self.put("backendServices", name, {"backends": rows, "healthChecks": checks, **fields})
        return found

    def twin(self, name: str, beside: int) -> Backend:
        """Start a second server beside the one on port `beside`, on a port of its own."""
        ip = f"{self.nodes}.{beside % 200 + 10}"
        return self.backends.start(Backend(name, ip, next(self.ports)))

    def url_map(self, name: str, **body: Any) -> None:
        self.put("urlMaps", name, body)

    def rule(self, name: str, url_map: str = "", port: int = 80, **proxy: Any) -> str:
        """Make a proxy and a forwarding rule for a URL map; return its address."""
        kind = "targetHttpsProxies" if port == 443 else "targetHttpProxies"
        self.put(kind, name, {"urlMap": f"global/urlMaps/{url_map or name}", **proxy})
        rule = self.read(f"global/forwardingRules/{name}")
        body = {"target": f"global/{kind}/{name}", "portRange": str(port)}
        return (rule or self.put("forwardingRules", name, body))["IPAddress"]

    def firewall(self, name: str = "checkers", **body: Any) -> None:
        rule = {"sourceRanges": CHECKERS, "allowed": [{"IPProtocol": "tcp"}], **body}
        self.put("firewalls", name, rule)

    def front(self, name: str, **fields: Any) -> str:
        """Make a whole load balancer of one service; return its address."""
        self.service(name, **fields)
        self.url_map(name, defaultService=f"global/backendServices/{name}")
        return self.rule(name)

    def health(self, service: str) -> list[str]:
        """Return what getHealth says of a service's endpoints, in order."""
        path = f"{self.url}/compute/v1/projects/demo/global/backendServices/{service}/getHealth"
        body = {"group": f"zones/{ZONE}/instanceGroups/{service}"}
        answer = self.http.post(path, json=body).json()
        return [row["healthState"] for row in answer.get("healthStatus", ())]

    # -- the client -------------------------------------------------------------------------

    def get(self, ip: str, path: str = "/", host: str = "", **more: Any) -> httpx.Response:
        headers = {**({"host": host} if host else {}), **more.pop("headers", {})}
        method = more.pop("method", "GET")
        url = f"http://{ip}:{self.edge.port(80)}{path}"
        self.http.cookies.clear()
        return self.http.request(method, url, headers=headers, **more)

    def listens(self, ip: str) -> bool:
        """Tell whether a connection is taken."""
        return self.who(ip) != "ConnectError"

    def who(self, ip: str, path: str = "/", host: str = "") -> str:
        """Return the name of the backend that answers, else the status."""
        try:
            answer = self.get(ip, path, host)
        except httpx.TransportError as error:
            return type(error).__name__
        return answer.json()["name"] if answer.status_code == 200 else str(answer.status_code)


def until(expected: Any, look: Callable[[], Any], bound: float = BOUND) -> float:
    """Wait until `look` sees what is expected; return how long that took."""
    begun = time.monotonic()
    seen = look()
    while seen != expected:
        if time.monotonic() - begun > bound:
            raise AssertionError(f"expected {expected!r}, still {seen!r} after {bound} s")
        time.sleep(0.01)
        seen = look()
    return time.monotonic() - begun


def client(*, keep: bool) -> httpx.Client:
    """Return a client that verifies nothing; with or without connections that are kept."""
    limits = httpx.Limits(max_keepalive_connections=None if keep else 0)
    return httpx.Client(verify=False, trust_env=False, timeout=30, limits=limits)  # noqa: S501


@dataclass
class Load:
    """Requests sent one after the other by several clients, and how they ended."""

    sent: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def note(self, what: str, *, failed: bool) -> None:
        self.sent += 1
        self.seen[what] = self.seen.get(what, 0) + 1
        if failed:
            self.failures.append(what)


@contextmanager
def load(url: str, clients: int, *, keep: bool) -> Iterator[Load]:
    """Send GETs all the while; every answer but a 200 is a failure."""
    found, told, lock = Load(), threading.Event(), threading.Lock()

    def run() -> None:
        with client(keep=keep) as http:
            while not told.is_set():
                try:
                    answer = http.get(url)
                    what = answer.headers.get("x-backend", str(answer.status_code))
                    failed = answer.status_code != 200
                except httpx.HTTPError as error:
                    what, failed = repr(error), True
                with lock:
                    found.note(what, failed=failed)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        until(True, lambda: found.sent >= 20 or bool(found.failures))
        yield found
    finally:
        told.set()
        for thread in threads:
            thread.join(15)


def certificate(name: str, issuer: trustme.CA) -> dict[str, str]:
    """Return what is uploaded as a certificate for a host."""
    pair = issuer.issue_cert(name)
    chain = b"".join(blob.bytes() for blob in pair.cert_chain_pems)
    return {"certificate": chain.decode(), "privateKey": pair.private_key_pem.bytes().decode()}


@contextmanager
def site(directory: Path, slice_: str, nodes: str, cold_sec: float = 0.0) -> Iterator[Site]:
    world = World(addresses=slice_)
    backends = Backends()
    try:
        with (
            running(world) as url,
            Edge(url, directory, Settings(cold_sec=cold_sec)) as edge,
            client(keep=False) as http,
        ):
            yield Site(world, url, edge, backends, nodes, http)
    finally:
        backends.close()
