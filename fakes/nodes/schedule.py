"""Which node a Pod gets: one that is ready, takes Pods and has room.

Siblings are spread as the scheduler does by default: over the zones first, there over the nodes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fakes.nodes.api import ApiError
from fakes.nodes.cluster import Cluster
from fakes.nodes.endpoints import ZONE
from fakes.nodes.kinds import NODE, POD, Kind, Obj, going, is_true, key_of, owner_of
from fakes.nodes.labels import fits
from fakes.nodes.replicas import OVER

_NO_SUCH_PATH: Final = frozenset({404, 405})


@dataclass(frozen=True)
class Bind:
    """Give a Pod its node."""

    pod: Obj
    node: str

    async def do(self, cluster: Cluster) -> None:
        """Bind it, by a patch where the server has no bindings."""
        meta = self.pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": self.node}
        named = {"name": meta["name"], "namespace": meta["namespace"]}
        binding = Kind("Binding", "v1", "pods")
        try:
            await cluster.api.create(
                binding, {"metadata": named, "target": target}, sub="binding", name=meta["name"]
            )
        except ApiError as error:
            if error.status not in _NO_SUCH_PATH:
                raise
            await cluster.patch(POD, self.pod, {"spec": {"nodeName": self.node}})
        else:
            cluster[POD].fold(await cluster.api.get(POD, *key_of(self.pod)))


class Places:
    """The nodes that take Pods, and how many of whose are where."""

    def __init__(self, cluster: Cluster) -> None:
        self._nodes = [node for node in cluster[NODE] if takes_pods(node)]
        self._zones = {node["metadata"]["name"]: _zone(node) for node in cluster[NODE]}
        self._siblings: Counter[tuple[str, str]] = Counter()  # on a node or in a zone, by owner
        self._total: Counter[str] = Counter()  # Pods that serve or will
        self._held: Counter[str] = Counter()  # Pods that take up room: also those that end
        for pod in cluster[POD]:
            name = pod["spec"].get("nodeName")
            if name and (pod.get("status") or {}).get("phase") not in OVER:
                self._take(pod, name)

    def choose(self, pod: Obj) -> str:
        """Give a Pod a place; return the node's name, "" when there is none for it."""
        owner = owner_of(pod).get("uid", "")
        wanted = pod["spec"].get("nodeSelector") or {}
        fitting = [
            node["metadata"]["name"]
            for node in self._nodes
            if fits(wanted, node["metadata"].get("labels")) and self._has_room(node)
        ]
        if not fitting:
            return ""
        siblings, total, zones = self._siblings, self._total, self._zones
        best: str = min(
            fitting,
            key=lambda name: (
                siblings[f"zone {zones[name]}", owner],
                siblings[name, owner],
                total[name],
                name,
            ),
        )
        self._take(pod, best)
        return best

    def _take(self, pod: Obj, name: str) -> None:
        self._held[name] += 1
        if going(pod):
            return
        owner = owner_of(pod).get("uid", "")
        self._siblings[name, owner] += 1
        self._siblings[f"zone {self._zones.get(name, '')}", owner] += 1
        self._total[name] += 1

    def _has_room(self, node: Obj) -> bool:
        most = (node["status"].get("allocatable") or {}).get("pods")
        return most is None or self._held[node["metadata"]["name"]] < int(most)


def schedule(cluster: Cluster) -> Iterator[Bind]:
    """Yield a node for every Pod that has none."""
    places = Places(cluster)
    for pod in sorted(cluster[POD], key=key_of):
        if pod["spec"].get("nodeName") or going(pod):
            continue
        if name := places.choose(pod):
            yield Bind(pod, name)


def takes_pods(node: Obj) -> bool:
    """Tell whether Pods may be put on a node."""
    return is_true(node, "Ready") and not node["spec"].get("unschedulable") and not going(node)


def _zone(node: Obj) -> str:
    return str((node["metadata"].get("labels") or {}).get(ZONE, ""))
