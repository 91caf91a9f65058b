"""The data plane: a real Envoy kept as the fake cloud's resources say, and the health it sees.

Three threads: `follow` owns what is written, `probe` reports health, `supervise` owns the Envoy
process (the kernel ends Envoy with the thread that started it).
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from fakes.edge.attached import Attached
from fakes.edge.cloud import Picture, Source
from fakes.edge.clusters import Endpoint
from fakes.edge.cold import Cold
from fakes.edge.converge import Converger
from fakes.edge.desired import Place, desired
from fakes.edge.draining import Cutter, Draining, Left
from fakes.edge.envoy import Envoy, Unavailable, find
from fakes.edge.files import Files
from fakes.edge.health import Reporter, states

START_SEC: Final = 20.0
STOP_SEC: Final = 15.0
POLL_SEC: Final = 0.5  # how long to wait for a change before looking after leftovers
LOOK_SEC: Final = 0.1  # between looks at what Envoy sees
AGAIN_SEC: Final = 0.2  # until the cloud is asked again after it did not answer
WRONG_SEC: Final = 2.0  # until something is tried again that failed for no known reason
NEVER: Final = -1
ALIVE_SEC: Final = 0.1  # between looks at whether Envoy still runs
RESTARTS: Final = 5  # in one life of an Edge
WEB_PORTS: Final = (80, 443)
SPARE_ADDRESS: Final = "127.128.255.254"
PORT_OFFSET: Final = 8000  # 80 becomes 8080, 443 becomes 8443

log = logging.getLogger("fakes.edge")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a world's data plane runs."""

    time_scale: float = 0.02  # health-check seconds are multiplied by it: 60 s become 1.2 s
    port_offset: int = PORT_OFFSET  # added to ports where the system refuses low ones
    concurrency: int = 1  # Envoy's worker threads
    cold_sec: float = 0.0  # how long a backend answers nothing once a front end leads to it
    attach_sec: float = 5.0  # until an attached endpoint is sent requests; scaled (recalled)


class Edge:
    """One world's data plane. Use it in `with`, or `start` and `stop` it."""

    def __init__(self, cloud: str, directory: Path, settings: Settings | None = None) -> None:
        """Prepare; nothing runs yet.

        Args:
            cloud: base URL of the fake cloud.
            directory: where configuration and logs go; made if it is not there.
            settings: how to run.

        Raises:
            Unavailable: not on Linux, or there is no Envoy.
        """
        self.settings = settings or Settings()
        self.directory = directory.absolute()
        self.offset = 0 if low_ports_allowed() else self.settings.port_offset
        self.envoy = Envoy(find(), self.directory, self.settings.concurrency)
        self.failed = threading.Event()  # Envoy cannot be kept running
        self.applied = 0  # number of the cloud's last change that Envoy was told of
        self._source = Source(cloud)
        self._reporter = Reporter(self._source)
        self._converger = Converger(Files(self.directory), self.envoy)
        self._cold = Cold(self.settings.cold_sec)
        self._attached = Attached(self.settings.attach_sec * self.settings.time_scale)
        self._draining = Draining(self.settings.time_scale)
        self._cutter = Cutter()
        self._left: Left = {}
        self._place = Place(self.directory, self.settings.time_scale, self.offset)
        self._members: Mapping[str, tuple[Endpoint, ...]] = {}
        self._forgotten = threading.Event()  # the cloud was reset
        self._stopping = threading.Event()
        self._up = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def port(self, port: int) -> int:
        """Return where a forwarding rule's port is really served."""
        return port + self.offset

    def start(self) -> None:
        """Start Envoy and keep it converged.

        Raises:
            Unavailable: Envoy does not come up.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._converger.begin()
        if self.offset:
            served = [self.port(port) for port in WEB_PORTS]
            log.warning("ports %s are not to be had here: served at %s", WEB_PORTS, served)
        self._run("supervise", self._supervise)
        if not self._up.wait(START_SEC) or self.failed.is_set():
            self.stop()
            raise Unavailable(f"envoy does not come up:\n{self.envoy.quoted()}")
        self._run("follow", self._follow)
        self._run("probe", self._probe)

    def stop(self) -> None:
        """End every thread and Envoy."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(STOP_SEC)
        self._threads.clear()
        self._converger.end()

    def _run(self, name: str, task: Callable[[], None]) -> None:
        thread = threading.Thread(target=task, name=f"edge-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    # -- the threads ------------------------------------------------------------------------

    def _follow(self) -> None:
        """Tell Envoy of every change of the cloud."""
        last, silent, wakes = NEVER, False, None
        while not self._stopping.is_set():
            try:
                now = time.monotonic()
                wait = POLL_SEC if wakes is None else min(POLL_SEC, max(0.0, wakes - now))
                seq = self._source.seq(last, wait)
                if seq != last or (wakes is not None and time.monotonic() >= wakes):
                    if seq < last:
                        self._forgotten.set()
                    wakes = self._converge()
                    last = self.applied = seq
                self._converger.tidy()
                silent = False
            except OSError as why:
                if not silent:
                    log.warning("the cloud or Envoy does not answer, asking on: %s", why)
                silent = True
                self._stopping.wait(AGAIN_SEC)
            except Exception:
                log.exception("what the cloud shows cannot be served, trying on")
                self._stopping.wait(WRONG_SEC)

    def _converge(self) -> float | None:
        """Tell Envoy what the cloud shows; return when to do so again though nothing changes."""
        picture, now = self._source.picture(), time.monotonic()
        cold, unknown = self._cold.names(picture, now), self._attached.unknown(picture, now)
        wanted = desired(picture, self._place, cold, unknown)
        self._members = wanted.members  # health is told before routes are there
        self._converger.apply(wanted)
        self._left = self._draining.left(wanted.members, _drain_sec(picture), now)
        wakes = (self._cold.wake_at(now), self._attached.wake_at(now))
        return min((at for at in wakes if at is not None), default=None)

    def _probe(self) -> None:
        """Tell the cloud what Envoy sees."""
        while not self._stopping.wait(LOOK_SEC):
            if self._forgotten.is_set():
                self._forgotten.clear()
                self._reporter.forget()
            try:
                seen = self.envoy.clusters()
                self._cutter.cut(self.envoy.pid, self._left, seen, time.monotonic())
                self._reporter.report(states(self._members, seen))
            except OSError as silent:
                log.debug("health is not reported: %s", silent)

    def _supervise(self) -> None:
        """Keep Envoy running."""
        try:
            for start in range(RESTARTS + 1):
                if start:
                    log.warning("envoy ended by itself, started again:\n%s", self.envoy.quoted())
                self.envoy.start()
                self.envoy.wait_ready(START_SEC)
                self._up.set()
                while self.envoy.is_alive():
                    if self._stopping.wait(ALIVE_SEC):
                        return
            log.error("envoy ended %d times: given up", RESTARTS + 1)
            self.failed.set()
        except Unavailable as why:
            log.error("%s", why)  # noqa: TRY400 (no trace wanted: it says why)
            self.failed.set()
        finally:
            self.envoy.stop()
            self._up.set()


def _drain_sec(picture: Picture) -> dict[str, float]:
    """Return the draining time of each backend service, in seconds."""
    return {
        body["name"]: float(body.get("connectionDraining", {}).get("drainingTimeoutSec", 0))
        for _, body in picture.within("backendServices")
    }


def low_ports_allowed() -> bool:
    """Tell whether ports 80 and 443 are free for this process on its loopback addresses."""
    for port in WEB_PORTS:
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((SPARE_ADDRESS, port))
            except OSError:
                return False
    return True
