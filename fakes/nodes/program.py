"""What the container images of the walkthrough answer: the echo server and the default backend.

An image's name chooses the program; the container's environment and the control endpoint bend it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fakes.nodes.web import Answer, Request

JSON: Final = "application/json"
HEALTH: Final = "/healthz"


@dataclass
class Behaviour:
    """How one pod deviates from its image; owned by its kubelet, changed by the control endpoint."""

    ready: bool | None = None  # False: fails its readiness; None: as it would by itself
    status: int = 200  # HTTP code of every echo
    delay: float = 0.0  # seconds before every echo; not scaled: it is the application's own time


@dataclass(frozen=True)
class Program:
    """One running container: what it knows of itself."""

    pod: str  # name
    namespace: str
    node: str
    image: str
    behaviour: Behaviour
    health_paths: frozenset[str]  # where readiness is asked for; /healthz always is one

    def answer(self, request: Request) -> Answer:
        """Answer one request as the image does."""
        if request.path in self.health_paths and self.behaviour.ready is False:
            return Answer(503, b"not ready\n")
        if request.path == HEALTH:
            return Answer(200, b"ok\n")
        return next(make for word, make in PROGRAMS if word in self.image)(self, request)


def _default_backend(_program: Program, _request: Request) -> Answer:
    return Answer(404, b"default backend - 404")


def _echo(program: Program, request: Request) -> Answer:
    told: dict[str, Any] = {
        "hostname": program.pod,
        "namespace": program.namespace,
        "node": program.node,
        "client_address": request.client,
        "method": request.method,
        "path": request.target,
        "version": request.version,
        "headers": _joined(request.headers),
        "body": request.body.decode("utf-8", errors="replace"),
    }
    asked = JSON in request.header("accept")
    text = json.dumps(told) + "\n" if asked else _page(told)
    bent = program.behaviour
    kind = JSON if asked else "text/plain"
    return Answer(bent.status, text.encode(), kind, delay=bent.delay)


# part of the image's name -> what it answers; the first that fits
PROGRAMS: Final[tuple[tuple[str, Callable[[Program, Request], Answer]], ...]] = (
    ("defaultbackend", _default_backend),
    ("", _echo),
)


def _joined(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return the headers as a mapping; what came more than once is joined."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _page(told: Mapping[str, Any]) -> str:
    lines = [
        f"Hostname: {told['hostname']}",
        f"Namespace: {told['namespace']}",
        f"Node: {told['node']}",
        "",
        f"client_address={told['client_address']}",
        f"command={told['method']}",
        f"real path={told['path']}",
        f"request_version={told['version']}",
        "",
        "HEADERS:",
        *(f"{name}={value}" for name, value in sorted(told["headers"].items())),
        "",
        "BODY:",
        told["body"] or "-no body in request-",
    ]
    return "\n".join(lines) + "\n"


def behaviour_of(container: Mapping[str, Any]) -> Behaviour:
    """Return how a container's environment bends its program."""
    values = {one.get("name"): one.get("value") or "" for one in container.get("env") or ()}
    status, delay = values.get("ECHO_STATUS", ""), values.get("ECHO_DELAY_MS", "")
    return Behaviour(
        status=int(status) if status.isdigit() else 200,
        delay=int(delay) / 1000 if delay.isdigit() else 0.0,
    )
