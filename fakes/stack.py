"""The fakes and glbc as processes: what `make up`, `make demo` and the end-to-end tests stand on.

Every part is a process of its own and talks over loopback sockets only. Leaving the stack ends
every process; their logs stay in the directory until it is removed by whoever made it.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from fakes.nodes.settings import pod_range
from fakes.nodes.slices import claimed

PROJECT: Final = "demo"
BIN: Final = Path(sys.executable).parent
START_SEC: Final = 60.0  # how long a part may take to answer
STOP_SEC: Final = 30.0  # as long as Kubernetes gives; glbc takes 21 at most
PORTS: Final = range(18000, 30000)  # below the system's ephemeral ports and the node ports
NODES: Final = (
    # name, zone, address
    ("node-1", "us-central1-a", "127.64.0.1"),
    ("node-2", "us-central1-b", "127.64.0.2"),
    ("node-3", "us-central1-b", "127.64.0.3"),
)


class StackError(RuntimeError):
    """A part did not start, or ended by itself."""


class Stack:
    """The processes of one world. Use it in `with`."""

    def __init__(self, directory: Path, *, traffic: bool = False, cold_sec: float = 0.0) -> None:
        """Prepare a stack.

        Args:
            directory: where logs and files go.
            traffic: add nodes with pods, and the cloud's data plane.
            cold_sec: how long a backend answers nothing once a front end leads to it.
        """
        self.directory = directory
        self.traffic = traffic
        self.cold_sec = cold_sec
        self.slice = 0  # of the loopback addresses: one that nobody else on the machine has
        self._claims = ExitStack()
        self.gce = f"http://127.0.0.1:{_free_port()}"
        self.kube = f"http://127.0.0.1:{_free_port()}"
        self.nodes = f"http://127.0.0.1:{_free_port()}"  # where the machines are told what to do
        self.page = f"127.0.0.1:{_free_port()}"  # where glbc shows its live picture
        self.kubeconfig = directory / "kubeconfig"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.traffic:
            self.slice = self._claims.enter_context(claimed())
        self.kubeconfig.write_text(_kubeconfig(self.kube), encoding="utf-8")
        try:
            for part, url in (("gce", self.gce), ("kube", self.kube)):
                port = url.rpartition(":")[2]
                more = ["--addresses", f"127.128.{self.slice}.0/24"] if self.traffic else []
                own = more if part == "gce" else []
                self.start(part, [sys.executable, "-m", "fakes", part, "--port", port, *own])
            self.wait_for(self.gce, f"/compute/v1/projects/{PROJECT}", "gce")
            self.wait_for(self.kube, "/version", "kube")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start one process; what it prints goes to `NAME.log`."""
        log = (self.directory / f"{name}.log").open("ab")
        self._logs.append(log)
        self._processes[name] = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment()
        )

    def start_nodes(self) -> None:
        """Start the machines: with `traffic` real pods and node ports, else only their names."""
        if not self.traffic:
            self.seed_nodes()
            return
        fakes = [sys.executable, "-m", "fakes"]
        mine = ["--server", self.kube, "--gce", self.gce, "--slice", str(self.slice)]
        port = self.nodes.rpartition(":")[2]
        self.start("nodes", [*fakes, "nodes", *mine, "--port", port, "--time-scale", "0.1"])
        directory = str(self.directory / "edge")
        where = ["--gce", self.gce, "--directory", directory]
        self.start("edge", [*fakes, "edge", *where, "--cold-sec", str(self.cold_sec)])
        deadline = time.monotonic() + START_SEC
        while len(self.ask("GET", f"{self.kube}/api/v1/nodes")["items"]) < len(NODES):
            if time.monotonic() > deadline or not self.is_running("nodes"):
                raise StackError(f"no nodes register:\n{self.log('nodes')[-2000:]}")
            time.sleep(0.05)

    def start_glbc(self) -> None:
        """Start `glbc run` against the fakes."""
        run = [str(BIN / "glbc"), "run", "--http-address", self.page]
        self.start("glbc", [*run, *self.glbc_options()])

    def glbc_options(self) -> list[str]:
        """Return the options that point glbc at the fakes."""
        return ["--project", PROJECT, "--endpoint", self.gce, "--anonymous"]

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        """End one process by a signal and return its exit code."""
        process = self._processes.pop(name)
        process.send_signal(number)
        try:
            return process.wait(STOP_SEC)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(STOP_SEC)

    def stop(self) -> None:
        """End everything, glbc first."""
        for name in reversed(list(self._processes)):
            self.end(name)
        for log in self._logs:
            log.close()
        self._logs.clear()
        self._claims.close()

    def is_running(self, name: str) -> bool:
        """Tell whether a part's process is alive."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def peak_memory(self, name: str) -> int:
        """Return the most memory that a part has held so far, in bytes (Linux)."""
        status = Path(f"/proc/{self._processes[name].pid}/status").read_text(encoding="ascii")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024

    def log(self, name: str) -> str:
        """Return what a part has printed so far, "" when it was never started."""
        path = self.directory / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def environment(self) -> dict[str, str]:
        """Return the environment in which kubectl and glbc find the fakes."""
        kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return {
            **kept,
            "HOME": str(self.directory),
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.directory / "kube-cache"),
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, *command: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end against the fakes; `kubectl` and `glbc` are the installed ones."""
        program = BIN / command[0]
        return subprocess.run(
            [str(program) if program.exists() else command[0], *command[1:]],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=self.environment(),
        )

    def seed_nodes(self, nodes: Sequence[tuple[str, str, str]] = NODES) -> None:
        """Make the machines: an instance in the cloud and a ready Node in the cluster for each."""
        ranges = {name: pod_range(0, int(address.rpartition(".")[2])) for name, _, address in nodes}
        instances = [
            {
                "name": name,
                "zone": zone,
                "tags": ["node"],
                "ip": address,
                "alias_ranges": [ranges[name]],
            }
            for name, zone, address in nodes
        ]
        self.ask("POST", f"{self.gce}/_fake/seed", {"instances": instances})
        for name, zone, address in nodes:
            labels = {"topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name}
            node = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {
                    "providerID": f"gce://{PROJECT}/{zone}/{name}",
                    "podCIDR": ranges[name],
                    "podCIDRs": [ranges[name]],
                },
            }
            self.ask("POST", f"{self.kube}/api/v1/nodes", node)
            status = {
                "status": {
                    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
                    "addresses": [{"type": "InternalIP", "address": address}],
                }
            }
            self.ask("PATCH", f"{self.kube}/api/v1/nodes/{name}/status", status)

    def cloud(self, path: str) -> Any:
        """Read the fake cloud, below the project."""
        return self.ask("GET", f"{self.gce}/compute/v1/projects/{PROJECT}/{path}")

    def ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request and return the JSON of its answer."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = json.dumps(body).encode() if body is not None else None
        request = Request(url, data, {"Content-Type": kind}, method=method)  # noqa: S310
        with urlopen(request, timeout=30) as answer:  # noqa: S310 (loopback, http only)
            return json.loads(answer.read())

    def wait_for(self, base: str, path: str, part: str) -> None:
        """Wait until a part answers.

        Raises:
            StackError: it ended, or did not answer in time; its log is quoted.
        """
        deadline = time.monotonic() + START_SEC
        while time.monotonic() < deadline:
            try:
                self.ask("GET", base + path)
            except HTTPError:
                return  # it answers
            except (URLError, OSError):
                if not self.is_running(part):
                    break
                time.sleep(0.05)
            else:
                return
        raise StackError(f"{part} does not answer at {base}{path}:\n{self.log(part)[-2000:]}")


def has(program: str) -> bool:
    """Tell whether a program is installed, beside this Python or on the path."""
    return (BIN / program).exists() or shutil.which(program) is not None


def _free_port() -> int:
    """Return a port that is free, and that no outgoing connection takes before a part does."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _kubeconfig(server: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": server}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "nobody"}}],
            "current-context": "fake",
        },
        indent=2,
    )
