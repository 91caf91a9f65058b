"""The machines under the nodes: instances of the fake cloud, seeded past its rules.

The addresses of a node's Pods are an alias range of its instance, as in a cluster whose network the
cloud routes: so they may be endpoints of a network endpoint group.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from fakes.nodes.kubelet import Host
from fakes.nodes.settings import Machine
from fakes.nodes.wire import Wire

TAGS: Final = ("node",)


class Instances:
    """The instances of one world in fakes.gce; without a URL there is no cloud."""

    def __init__(self, gce: str) -> None:
        self._gce = gce.rstrip("/")

    async def add(self, hosts: Iterable[Host]) -> None:
        """Make an instance for each machine."""
        rows = [
            {
                "name": host.machine.name,
                "zone": host.machine.zone,
                "tags": list(TAGS),
                "ip": host.address,
                "alias_ranges": [host.pod_range],
            }
            for host in hosts
        ]
        await self._seed({"zones": sorted({row["zone"] for row in rows}), "instances": rows})

    async def remove(self, machine: Machine) -> None:
        """Let an instance vanish, also from its groups."""
        await self._seed({"removeInstances": [{"name": machine.name, "zone": machine.zone}]})

    async def _seed(self, body: dict[str, Any]) -> None:
        if not self._gce:
            return
        wire = Wire(self._gce)
        try:
            headers = {"content-type": "application/json"}
            raw = json.dumps(body).encode()
            status, answer = await wire.request("POST", "/_fake/seed", headers, raw)
        finally:
            wire.close()
        if status >= 300:
            raise ValueError(f"{self._gce}: {status}: {answer[:200].decode(errors='replace')}")
