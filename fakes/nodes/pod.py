"""One Pod on its node: from its address and sockets to the end of its last connection.

Its status says what is true: Running once its sockets listen, ready when its probe has passed.
When its deletion is asked for it goes on serving: as before while its preStop hooks sleep, then
closing each connection with its next answer, until nobody is connected or its grace is over; only
then the object goes.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from typing import Final

from fakes.nodes import conditions
from fakes.nodes.api import ApiError
from fakes.nodes.cluster import Cluster
from fakes.nodes.door import listen
from fakes.nodes.kinds import POD, Key, Obj, going, key_of, uid_of
from fakes.nodes.probe import Probe
from fakes.nodes.program import HEALTH, Behaviour, Program, behaviour_of, tls_ports_of
from fakes.nodes.tls import server_context
from fakes.nodes.web import Server
from fakes.nodes.writes import FINALIZER, Finish, now

DEFAULT_PORT: Final = 8080  # of a container that declares none
LINGER_SEC: Final = 0.5  # at least so long, within its grace, a Pod serves after its deletion
AGAIN_SEC: Final = 0.2  # between tries of a write
LOOK_SEC: Final = 0.05  # between looks at whether its end has come
DEFAULT_GRACE: Final = 30

log = logging.getLogger(__name__)


class Container:
    """One container: its sockets and its probe."""

    def __init__(self, pod: "Pod", spec: Obj) -> None:
        self.spec = spec
        self.behaviour = behaviour_of(spec)
        self.refused = ""  # why it does not run
        self.ready = False
        self.restarts = 0
        self.started = now()
        self.server: Server | None = None
        probe = spec.get("readinessProbe")
        self.probe = Probe(probe, spec, pod.address, pod.scale) if probe else None
        paths = {HEALTH} | ({self.probe.path} if self.probe else set())
        meta = pod.obj["metadata"]
        self.program = Program(
            meta["name"],
            meta["namespace"],
            pod.node,
            spec.get("image", ""),
            self.behaviour,
            frozenset(paths),
        )

    def start(self, address: str) -> None:
        """Listen on the container's ports; say in `refused` when that fails."""
        ports = [
            int(one["containerPort"])
            for one in self.spec.get("ports") or ()
            if one.get("protocol", "TCP") == "TCP"
        ]
        tls = tls_ports_of(self.spec)
        self.refused, self.started = "", now()
        server = Server(self.program.answer)
        try:
            for port in ports or [DEFAULT_PORT]:
                server.start(listen(address, port), server_context() if port in tls else None)
        except OSError as error:
            server.abort()
            self.refused = f"{address}: {error.strerror}"
        else:
            self.server = server

    def stop(self) -> None:
        """End at once."""
        self.ready = False
        if self.server is not None:
            self.server.abort()
            self.server = None

    def settle(self) -> None:
        """Say whether it is ready by what is known now."""
        told = self.behaviour.ready
        by_itself = self.probe.passed if self.probe else told is not False
        self.ready = self.server is not None and by_itself

    def status(self) -> Obj:
        """Return its containerStatus."""
        state: Obj = {"running": {"startedAt": self.started}}
        if self.server is None:
            reason = "CreateContainerError" if self.refused else "CrashLoopBackOff"
            state = {"waiting": {"reason": reason, "message": self.refused or "killed"}}
        image = self.spec.get("image", "")
        return {
            "name": self.spec["name"],
            "image": image,
            "imageID": image,
            "containerID": f"fake://{self.spec['name']}",
            "ready": self.ready,
            "started": self.server is not None,
            "restartCount": self.restarts,
            "state": state,
            "lastState": {},
        }


class Pod:
    """The life of one Pod; `run` is the task that lives it."""

    def __init__(self, cluster: Cluster, obj: Obj, address: str, host: str, scale: float) -> None:
        self.cluster = cluster
        self.key: Key = key_of(obj)
        self.uid = uid_of(obj)
        self.obj = obj  # the newest version seen
        self.node = str(obj["spec"]["nodeName"])
        self.address = address
        self.host = host  # address of its node
        self.scale = scale
        self.dead = False  # its node stopped: no grace
        self.containers = [Container(self, spec) for spec in obj["spec"]["containers"]]
        self._changed = asyncio.Event()
        self._told: Obj = {}
        self._born = now()
        self._back_at = 0.0  # when killed containers run again, monotonic

    # --- what others tell it ---

    def see(self, obj: Obj) -> None:
        """Take note of a newer version of the object."""
        self.obj = obj
        if going(obj) or obj["spec"].get("readinessGates"):
            self._changed.set()

    def behave(self, change: Callable[[Behaviour], None]) -> None:
        """Change how its containers answer, at once."""
        for container in self.containers:
            change(container.behaviour)
        self._changed.set()

    def kill(self, seconds: float) -> None:
        """Let its containers crash; they run again after some seconds."""
        self._back_at = time.monotonic() + seconds
        for container in self.containers:
            container.stop()
        self._changed.set()

    def die(self) -> None:
        """End at once: the machine is gone."""
        self.dead = True
        for container in self.containers:
            container.stop()
        self._changed.set()

    @property
    def ready(self) -> bool:
        """Tell whether all containers are ready."""
        return all(container.ready for container in self.containers)

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return sum(len(one.server.connections) for one in self.containers if one.server)

    # --- its life ---

    async def run(self) -> None:
        """Live until the object is gone."""
        probes: list[asyncio.Task[None]] = []
        try:
            if not going(self.obj):
                self._start()
                probes = [asyncio.create_task(self._probed(one)) for one in self.containers]
            while not going(self.obj) and not self.dead:
                await self._report()
                await self._next_change()
                self._restart()
            await self._end()
        finally:
            for probe in probes:
                probe.cancel()
            await asyncio.gather(*probes, return_exceptions=True)
            for container in self.containers:
                container.stop()

    async def _next_change(self) -> None:
        """Wait for a change, or for the time when killed containers run again."""
        left = self._back_at - time.monotonic() if self._down() else None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), left and max(left, 0.001))
        self._changed.clear()

    def _down(self) -> bool:
        return any(one.server is None for one in self.containers)

    def _start(self) -> None:
        for container in self.containers:
            container.start(self.address)
            container.settle()
            if container.refused:
                self._back_at = time.monotonic() + AGAIN_SEC

    def _restart(self) -> None:
        if not self._down() or time.monotonic() < self._back_at or self.dead or going(self.obj):
            return
        for container in self.containers:
            if container.server is None:
                container.restarts += not container.refused
                if container.probe is not None:
                    container.probe.passed = False
                container.start(self.address)
                if container.refused:
                    self._back_at = time.monotonic() + AGAIN_SEC

    async def _probed(self, container: Container) -> None:
        probe = container.probe
        if probe is None:
            return
        await asyncio.sleep(probe.delay)
        while True:
            before = probe.passed
            if await probe.check() != before:
                self._changed.set()
            await asyncio.sleep(probe.period)

    async def _end(self) -> None:
        """Serve as long as the grace lasts, then let the object go."""
        begun = time.monotonic()
        told = pre_stop_sec(self.obj["spec"]) * self.scale  # when the containers are, since then
        await self._serve(begun, told, told)
        for container in self.containers:
            if container.server is not None:
                container.server.drain()
        await self._serve(begun, told + LINGER_SEC)
        for container in self.containers:
            if container.server is not None:
                container.server.stop()
                container.stop()
        if not self.dead:  # else whoever lost the machine lets the object go
            await self._leave()

    def _grace(self) -> float:
        """Return how many seconds it has from the wish to delete it; that may be shortened."""
        wanted = self.obj["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)
        return float(self.obj["metadata"].get("deletionGracePeriodSeconds", wanted)) * self.scale

    async def _serve(self, begun: float, least: float, most: float = math.inf) -> None:
        """Serve on within the grace.

        Args:
            begun: when the end began, monotonic.
            least: seconds since then that it serves at least.
            most: seconds since then that it serves as long as somebody is connected.
        """
        while not self.dead and (passed := time.monotonic() - begun) < min(most, self._grace()):
            if passed >= least and not self.connections:
                return
            if self._told:  # else it never ran
                await self._report()
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                left = least - passed if passed < least else LOOK_SEC
                await asyncio.wait_for(self._changed.wait(), min(left, LOOK_SEC))

    async def _leave(self) -> None:
        """Let the API forget the Pod: no more grace, no more finalizer of ours."""
        while (obj := self.cluster[POD].get(*self.key)) and uid_of(obj) == self.uid:
            try:
                if not await Finish(obj).do(self.cluster):
                    return  # somebody else's finalizer holds it
            except ApiError as error:
                log.info("pod %s/%s: %s", *self.key, error)
                await asyncio.sleep(AGAIN_SEC)

    # --- its status ---

    async def _report(self) -> None:
        """Write the status when it is not what was written last."""
        for container in self.containers:
            container.settle()
        states = [one.status() for one in self.containers]
        told = {"states": states, "gates": conditions.gates_of(self.obj)}
        if told == self._told:
            return
        try:
            await self._claim()
            await self.cluster.patch(POD, self.obj, {"status": self._status(states)}, sub="status")
        except ApiError as error:
            log.info("pod %s/%s: %s", *self.key, error)
            if error.status != 404:
                self._changed.set()
                await asyncio.sleep(AGAIN_SEC)
        else:
            self._told = told
            here = self.cluster[POD].get(*self.key)
            if here is not None and uid_of(here) == self.uid:
                self.obj = here  # what is compared next is what has just been written

    async def _claim(self) -> None:
        """Hold the object until its connections have ended, whoever made it."""
        if FINALIZER not in (self.obj["metadata"].get("finalizers") or ()) and not self._told:
            await self.cluster.patch(POD, self.obj, {"metadata": {"finalizers": [FINALIZER]}})

    def _status(self, states: list[Obj]) -> Obj:
        unready = [one.spec["name"] for one in self.containers if not one.ready]
        running = any("running" in state["state"] for state in states)
        return {
            "phase": "Running" if running or self._told else "Pending",
            "conditions": conditions.changed(self.obj, unready, now()),
            "hostIP": self.host,
            "hostIPs": [{"ip": self.host}],
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": self._born,
            "containerStatuses": states,
        }


def pre_stop_sec(spec: Obj) -> float:
    """Return how long the longest preStop hook of a Pod sleeps: `sleep`, or `exec` of `sleep N`."""
    hooks = [(one.get("lifecycle") or {}).get("preStop") or {} for one in spec["containers"]]
    return max(map(_slept, hooks))


def _slept(hook: Obj) -> float:
    if "sleep" in hook:
        return float(hook["sleep"].get("seconds", 0))
    words = " ".join((hook.get("exec") or {}).get("command") or ()).split()
    if len(words) > 1 and words[-2].endswith("sleep") and words[-1].isdigit():
        return float(words[-1])
    return 0.0  # whatever else it runs is done at once
