"""What a world's nodes are like: everything that can be chosen when they start."""

from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

NODE_NET: Final = "127.64.{slice}.{number}"
POD_NET: Final = "127.80.{slice}.{first}"
PODS_PER_NODE: Final = 16  # so a world's 256 addresses make 16 nodes
MOST_NODES: Final = 16


def pod_range(slice_: int, number: int) -> str:
    """Return the range of the Pods of a node with a number, 1–16: 127.80.SLICE.0/28 and so on."""
    first = POD_NET.format(slice=slice_, first=PODS_PER_NODE * (number - 1))
    return str(IPv4Network((first, 32 - (PODS_PER_NODE - 1).bit_length())))


@dataclass(frozen=True)
class Machine:
    """One node to be."""

    name: str  # of the Node and of the instance
    zone: str

    @property
    def region(self) -> str:
        """Return the region of the zone."""
        return self.zone.rpartition("-")[0]


DEFAULT_MACHINES: Final = (
    Machine("node-1", "us-central1-a"),
    Machine("node-2", "us-central1-b"),
    Machine("node-3", "us-central1-b"),
)


@dataclass(frozen=True)
class Settings:
    """One world's nodes."""

    machines: tuple[Machine, ...] = DEFAULT_MACHINES
    server: str = ""  # base URL of an API server that wants no credentials; "": the kubeconfig
    kubeconfig: Path | None = None  # None: as kubectl finds it
    gce: str = ""  # base URL of fakes.gce, to seed the instances; "": none
    project: str = "demo"  # in providerID
    slice: int = 0  # 0–255: nodes are 127.64.SLICE.x, pods 127.80.SLICE.x
    time_scale: float = 1.0  # what the seconds of manifests (probes, grace) are multiplied by
    control_host: str = "127.0.0.1"
    control_port: int = 0  # 0: any free port

    def node_address(self, number: int) -> str:
        """Return the address of the node with a number, 1–16."""
        return NODE_NET.format(slice=self.slice, number=number)

    def pod_range(self, number: int) -> str:
        """Return the range of the Pods of the node with a number, 1–16."""
        return pod_range(self.slice, number)


def machine(text: str) -> Machine:
    """Return a machine of `NAME=ZONE`.

    Raises:
        ValueError: it is spelled otherwise.
    """
    name, _, zone = text.partition("=")
    if not name or zone.count("-") < 2:
        raise ValueError(f"{text!r} is not NAME=ZONE, such as node-1=us-central1-a")
    return Machine(name, zone)
