"""What the tests of the Kubernetes adapter share: objects, a kubeconfig, waiting with a bound."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glbc.kube.client import Api, connect
from glbc.kube.reflector import Row, Timing
from glbc.kube.watch import KINDS

WITHIN = 60.0  # seconds that anything may take on a slow machine
QUICK = Timing(
    grace=0.3,
    backoff_first=0.02,
    backoff_most=0.1,
    between=0.02,
    short_lived=0.2,
    empty_again=0.02,
    absent_again=0.05,
)


def rows(*kinds: str) -> tuple[Row, ...]:
    return tuple(row for row in KINDS if row.kind in kinds)


def kubeconfig(tmp_path: Path, url: str, **user: Any) -> str:
    path = tmp_path / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": user or {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return str(path)


def api(tmp_path: Path, url: str) -> Api:
    return connect(kubeconfig(tmp_path, url))


def eventually(is_so: Callable[[], Any], what: str = "", within: float = WITHIN) -> None:
    end = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < end, f"never happened: {what or is_so}"
        time.sleep(0.005)  # a poll with a bound, not a guess of how long it takes


def watch_threads() -> list[str]:
    return sorted(one.name for one in threading.enumerate() if one.name.startswith("watch-"))


def ingress(key: str, **more: Any) -> dict[str, Any]:
    namespace, _, name = key.partition("/")
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"namespace": namespace, "name": name, **more.pop("metadata", {})},
        "spec": {"defaultBackend": backend},
        **more,
    }


def service(key: str) -> dict[str, Any]:
    namespace, _, name = key.partition("/")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}]},
    }


def node(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, **more}


def listed(*items: Any, version: str = "7", **meta: Any) -> dict[str, Any]:
    return {"kind": "List", "metadata": {"resourceVersion": version, **meta}, "items": list(items)}


def at(obj: dict[str, Any], version: int) -> dict[str, Any]:
    return obj | {"metadata": obj["metadata"] | {"resourceVersion": str(version)}}


def event(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": obj}


def refusal(code: int, reason: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, **more}
