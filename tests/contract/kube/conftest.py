"""One world, two doors: each test that asks for `door` runs in process and over HTTP."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
import pytest

from fakes.clock import VirtualClock
from fakes.kube import Request, Response, World, running

INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
SERVICES = "/api/v1/namespaces/default/services"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


def ingress(name: str = "web", **spec: Any) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": spec or {"defaultBackend": backend},
    }


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": "http", "port": 80}]} | spec,
    }


def configmap(name: str = "cm", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@dataclass
class Door:
    """The in-process door, as a client that speaks JSON."""

    world: World

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> Response:
        sent = {"content-type": "application/json", "accept": "application/json"} | (headers or {})
        return self.send(Request(method, path, query, sent, body))

    def send(self, request: Request) -> Response:
        return self.world.handle(request)

    def get(self, path: str, **query: str) -> Response:
        return self.call("GET", path, **query)

    def post(self, path: str, body: Any, **query: str) -> Response:
        return self.call("POST", path, body, **query)

    def put(self, path: str, body: Any, **query: str) -> Response:
        return self.call("PUT", path, body, **query)

    def patch(self, path: str, body: Any, kind: str = "merge", **query: str) -> Response:
        return self.call("PATCH", path, body, headers={"content-type": PATCHES[kind]}, **query)

    def delete(self, path: str, body: Any = None, **query: str) -> Response:
        return self.call("DELETE", path, body, **query)

    def table(self, path: str, **query: str) -> dict[str, Any]:
        accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
        return self.call("GET", path, headers={"accept": accept}, **query).body

    def watch(self, path: str, **query: str) -> "Stream":
        return Stream(self, path, {"watch": "true"} | query)


@dataclass
class HttpDoor(Door):
    """The HTTP door, with the same face."""

    client: httpx.Client

    def send(self, request: Request) -> Response:
        answer = self.client.request(
            request.method,
            request.path,
            params=dict(request.query),
            headers=dict(request.headers),
            content=request.raw(),
        )
        is_json = "json" in answer.headers.get("content-type", "")
        body = answer.json() if is_json else answer.text
        return Response(answer.status_code, body, dict(answer.headers))


@dataclass
class Stream:
    """A watch through either door; `take(n)` waits for n events, `end()` for the rest."""

    door: Door
    path: str
    query: dict[str, str]
    status: int = 0
    _lines: list[dict[str, Any]] = field(default_factory=list)
    _more: threading.Condition = field(default_factory=threading.Condition)
    _done: bool = False

    def __enter__(self) -> Self:
        if isinstance(self.door, HttpDoor):
            self._begun = threading.Event()
            self._thread = threading.Thread(target=self._read, daemon=True)
            self._thread.start()
            assert self._begun.wait(60)
        else:
            response = self.door.get(self.path, **self.query)
            self.status, self._watch = response.status, response.watch
            if response.watch is None:
                self._lines.append(response.body)
                self._done = True
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self.door, HttpDoor):
            self.door.world.close_watches()
            self._thread.join(60)
        elif self._watch is not None:
            self._watch.closed = True

    def _read(self) -> None:
        assert isinstance(self.door, HttpDoor)
        with self.door.client.stream("GET", self.path, params=self.query) as response:
            self.status = response.status_code
            self._begun.set()
            for line in response.iter_lines():
                with self._more:
                    self._lines.append(json.loads(line))
                    self._more.notify_all()
        with self._more:
            self._done = True
            self._more.notify_all()

    def take(self, count: int) -> list[dict[str, Any]]:
        """Return the next `count` events."""
        with self._more:
            if isinstance(self.door, HttpDoor):
                assert self._more.wait_for(lambda: len(self._lines) >= count, 60), self._lines
            elif self._watch is not None:
                events = self.door.world.poll(self._watch)
                self._lines += msgspec.json.decode(msgspec.json.encode(events))
            taken, self._lines = self._lines[:count], self._lines[count:]
            assert len(taken) == count, taken
            return taken

    def end(self) -> list[dict[str, Any]]:
        """Return what is left once the server has ended the stream."""
        with self._more:
            if isinstance(self.door, HttpDoor):
                assert self._more.wait_for(lambda: self._done, 60)
            elif self._watch is not None:
                self._lines += self.door.world.poll(self._watch)
                assert self._watch.closed
            return self._lines


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def world(clock: VirtualClock) -> World:
    return World(clock=clock)


@pytest.fixture(params=["in process", "HTTP"])
def door(request: pytest.FixtureRequest, world: World) -> Iterator[Door]:
    if request.param == "in process":
        yield Door(world)
        return
    with running(world) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield HttpDoor(world, client)


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with running(world) as base_url:
        yield base_url


@dataclass
class Kubectl:
    """The real kubectl, with a home and a cache of its own."""

    url: str
    home: Path

    def command(self, *words: str) -> list[str]:
        binary = str(Path(sys.executable).with_name("kubectl"))
        return [binary, "--server", self.url, "--cache-dir", str(self.home / "cache"), *words]

    @property
    def environment(self) -> dict[str, str]:
        kept = {"PATH": os.environ.get("PATH", "")}
        return kept | {"HOME": str(self.home), "KUBECTL_EXTERNAL_DIFF": "diff -u -N"}

    def __call__(self, *words: str, stdin: str = "", fails: bool = False) -> str:
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "-o", "json"))


@pytest.fixture
def kubectl(url: str, tmp_path: Path) -> Kubectl:
    if not Path(sys.executable).with_name("kubectl").exists():
        pytest.skip("kubectl is not installed beside the interpreter")
    return Kubectl(url, tmp_path)
