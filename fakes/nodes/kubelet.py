"""The kubelets of all nodes: they register their Node, keep it ready, and run its Pods.

A node whose Node object is deleted stops: its Pods end without grace, its node ports close, and it
does not come back until it is added anew.
"""

import asyncio
import logging
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final

from fakes.nodes.api import ApiError
from fakes.nodes.cluster import Cluster
from fakes.nodes.kinds import NODE, POD, Key, Obj, condition, key_of, uid_of
from fakes.nodes.pod import Pod
from fakes.nodes.settings import MOST_NODES, PODS_PER_NODE, Machine, Settings
from fakes.nodes.writes import now

VERSION: Final = "v1.34.0"
CAPACITY: Final = {"cpu": "4", "memory": "16Gi", "pods": str(PODS_PER_NODE)}
READY: Final = {"True": "KubeletReady", "False": "KubeletNotReady"}

log = logging.getLogger(__name__)


class NoRoomError(ValueError):
    """No address, or no such name, is left."""


@dataclass
class Host:
    """A machine that is up, or is about to be."""

    machine: Machine
    address: str
    pod_range: str  # the Node's podCIDR: the addresses of its Pods
    ready: bool = True
    uid: str = ""  # of its Node, once it is registered
    _next: int = 0  # where the address is that has been free for longest

    def pod_address(self, taken: Collection[str], had: str) -> str:
        """Return an address for a Pod, "" when all are taken.

        Args:
            taken: what other Pods have.
            had: what the Pod had before, "" if nothing: it gets that again if it can.
        """
        every = [str(one) for one in IPv4Network(self.pod_range)]
        if had in every and had not in taken:
            return had
        for step in range(len(every)):
            address = every[(self._next + step) % len(every)]
            if address not in taken:
                self._next = (self._next + step + 1) % len(every)
                return address
        return ""


class Hosts:
    """The machines of one world; they outlive the cluster that they are registered with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.by_name: dict[str, Host] = {}
        self._numbers = 0
        for machine in settings.machines:
            self.add(machine)

    def add(self, machine: Machine) -> Host:
        """Take in a machine under an address that none had before.

        Raises:
            NoRoomError: the name is taken, or all addresses are.
        """
        if machine.name in self.by_name:
            raise NoRoomError(f"node {machine.name}: it is there already: choose another name")
        if self._numbers == MOST_NODES:
            raise NoRoomError(f"node {machine.name}: all {MOST_NODES} addresses have been used")
        self._numbers += 1
        number, settings = self._numbers, self.settings
        host = Host(machine, settings.node_address(number), settings.pod_range(number))
        self.by_name[machine.name] = host
        return host


class Kubelets:
    """What runs on the hosts in one cluster. Owned by one event loop."""

    def __init__(self, cluster: Cluster, hosts: Hosts) -> None:
        self.pods: dict[Key, Pod] = {}
        self.hosts = hosts
        self._cluster = cluster
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def up(self) -> dict[str, str]:
        """Return the addresses of the nodes that are up."""
        return {name: host.address for name, host in self.hosts.by_name.items() if host.uid}

    async def follow(self) -> bool:
        """Bring nodes and Pods to what the API says; return whether all of it worked."""
        done = [await self._tried(self._keep(host)) for host in tuple(self.hosts.by_name.values())]
        for key, pod in tuple(self.pods.items()):
            obj = self._cluster[POD].get(*key)
            if obj is None or uid_of(obj) != pod.uid or pod.node not in self.up():
                self._end(pod)
        for obj in self._cluster[POD]:
            pod_here = self.pods.get(key_of(obj))
            if pod_here is not None:
                pod_here.see(obj)
            elif obj["spec"].get("nodeName") in self.up() and not _over(obj):
                self._begin(obj)
        return all(done)

    async def stop(self) -> None:
        """End all Pods at once; what the API knows of them stays."""
        for pod in tuple(self.pods.values()):
            self._end(pod)
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    # --- nodes ---

    async def _tried(self, work: Coroutine[Any, Any, None]) -> bool:
        try:
            await work
        except ApiError as error:
            log.info("node: %s", error)
            return False
        return True

    async def _keep(self, host: Host) -> None:
        """Register a node, or see to it that it is ready, or note that it is deleted."""
        name = host.machine.name
        node = self._cluster[NODE].get("", name)
        if not host.uid:
            host.uid = uid_of(await self._register(host, node))
        elif node is None or uid_of(node) != host.uid:
            del self.hosts.by_name[name]
        elif condition(node, "Ready").get("status") != str(host.ready):
            body = {"status": {"conditions": _conditions(host)}}
            await self._cluster.patch(NODE, node, body, sub="status")

    async def _register(self, host: Host, node: Obj | None) -> Obj:
        settings, machine = self.hosts.settings, host.machine
        meta: Obj = {
            "name": machine.name,
            "labels": {
                "kubernetes.io/hostname": machine.name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": "e2-standard-4",
                "topology.kubernetes.io/region": machine.region,
                "topology.kubernetes.io/zone": machine.zone,
            },
        }
        provider = f"gce://{settings.project}/{machine.zone}/{machine.name}"
        spec = {
            "providerID": provider,
            "podCIDR": host.pod_range,
            "podCIDRs": [host.pod_range],
        }
        if node is None:
            node = await self._cluster.create(NODE, {"metadata": meta, "spec": spec})
        else:
            labels = {"metadata": {"labels": meta["labels"]}, "spec": spec}
            node = await self._cluster.patch(NODE, node, labels)
        return await self._cluster.patch(NODE, node, {"status": _status(host)}, sub="status")

    # --- pods ---

    def _begin(self, obj: Obj) -> None:
        host = self.hosts.by_name[obj["spec"]["nodeName"]]
        taken = {pod.address for pod in self.pods.values()}
        address = host.pod_address(taken, (obj.get("status") or {}).get("podIP", ""))
        if not address:
            log.warning("pod %s/%s: all of %s is taken", *key_of(obj), host.pod_range)
            return
        pod = Pod(self._cluster, obj, address, host.address, self.hosts.settings.time_scale)
        self.pods[pod.key] = pod
        task = asyncio.create_task(pod.run(), name=f"pod {'/'.join(pod.key)}")
        self._tasks[pod.key] = task
        task.add_done_callback(lambda done: self._ended(pod, done))

    def _end(self, pod: Pod) -> None:
        pod.die()
        del self.pods[pod.key]
        self._ending.add(self._tasks.pop(pod.key))

    def _ended(self, pod: Pod, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if self.pods.get(pod.key) is pod:
            del self.pods[pod.key]
            del self._tasks[pod.key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("pod %s/%s: %r", *pod.key, error, exc_info=error)


def _over(obj: Obj) -> bool:
    return (obj.get("status") or {}).get("phase") in {"Failed", "Succeeded"}


def _conditions(host: Host) -> list[Obj]:
    return [
        {
            "type": "Ready",
            "status": str(host.ready),
            "reason": READY[str(host.ready)],
            "message": "kubelet is posting ready status" if host.ready else "told so",
            "lastHeartbeatTime": now(),
            "lastTransitionTime": now(),
        }
    ]


def _status(host: Host) -> Obj:
    """Return the status of a node that has just come up."""
    return {
        "addresses": [
            {"type": "InternalIP", "address": host.address},
            {"type": "Hostname", "address": host.machine.name},
        ],
        "allocatable": CAPACITY,
        "capacity": CAPACITY,
        "conditions": _conditions(host),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": host.address,
            "containerRuntimeVersion": "fake://1.0",
            "kernelVersion": "fake",
            "kubeProxyVersion": VERSION,
            "kubeletVersion": VERSION,
            "machineID": host.machine.name,
            "operatingSystem": "linux",
            "osImage": "loopback",
            "systemUUID": host.machine.name,
        },
    }
