"""What the container images of the walkthrough answer: the echo server and the default backend.

An image's name chooses the program; the container's environment and the control endpoint bend it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fakes.nodes.web import Answer, Request

JSON: Final = "application/json"
ROOT: Final = "/"
LOGIN: Final = "/login"  # where an echo leads to whose code is a redirect
HEALTH: Final = "/healthz"
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass
class Behaviour:
    """How one pod deviates from its image; owned by its kubelet, changed by the control endpoint."""

    ready: bool | None = None  # False: fails its readiness; None: as it would by itself
    status: int = 200  # HTTP code of every echo
    delay: float = 0.0  # seconds before every echo; not scaled: it is the application's own time
    root_status: int = 0  # HTTP code of the echo at `/`; 0: as of every other


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
        "scheme": request.scheme,
        "headers": _joined(request.headers),
        "body": request.body.decode("utf-8", errors="replace"),
    }
    asked = JSON in request.header("accept")
    text = json.dumps(told) + "\n" if asked else _page(told)
    bent = program.behaviour
    kind = JSON if asked else "text/plain"
    status = (bent.root_status if request.path == ROOT else 0) or bent.status
    headers = {"Location": LOGIN} if status in REDIRECTS else {}
    return Answer(status, text.encode(), kind, headers, bent.delay)


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
        f"request_scheme={told['scheme']}",
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
    values = _environment(container)
    return Behaviour(
        status=_number(values.get("ECHO_STATUS", "")) or 200,
        delay=_number(values.get("ECHO_DELAY_MS", "")) / 1000,
        root_status=_number(values.get("ECHO_ROOT_STATUS", "")),
    )


def tls_ports_of(container: Mapping[str, Any]) -> frozenset[int]:
    """Return on which ports a container serves HTTPS: ECHO_TLS_PORTS, such as `8443,9443`."""
    told = _environment(container).get("ECHO_TLS_PORTS", "")
    return frozenset(map(_number, told.split(","))) - {0}


def _environment(container: Mapping[str, Any]) -> dict[str, str]:
    return {one.get("name", ""): one.get("value") or "" for one in container.get("env") or ()}


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdigit() else 0
