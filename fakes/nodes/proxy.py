"""The kube-proxy of all nodes: every Service's node port is open on every node that is up.

What is open follows the Services and EndpointSlices; a change is carried out within the same turn
of the event loop. A port without an endpoint is closed, so a connection to it is refused.
Connections that are carried stay when their Service or endpoint goes, as on a real node.
"""

import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from fakes.nodes.cluster import Cluster
from fakes.nodes.door import Door, listen
from fakes.nodes.endpoints import SERVICE_NAME
from fakes.nodes.forward import Backend, Client, Pairs
from fakes.nodes.kinds import SERVICE, SLICE, Obj

EXPOSED: Final = frozenset({"NodePort", "LoadBalancer"})

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a node port listens."""

    node: str
    port: int


class Target(NamedTuple):
    """What a node port leads to."""

    backends: tuple[Backend, ...]
    local: bool  # Pods see the client's own address
    sticky: bool  # one client, one Pod


NOWHERE: Final = Target((), local=False, sticky=False)


class Endpoint(NamedTuple):
    """One endpoint of one port of a Service."""

    backend: Backend
    node: str


class Listener:
    """One open node port."""

    def __init__(self, address: str, port: int, target: Target) -> None:
        """Listen.

        Raises:
            OSError: the port is taken by somebody else.
        """
        self.target = target
        self.address = address
        self.port = port
        self.pairs: Pairs = set()
        self._turn = 0
        self._door = Door(listen(address, port), self._client)

    def close(self) -> None:
        """Listen no more; what is carried goes on."""
        self._door.close()

    def abort(self) -> None:
        """Listen no more and reset what is carried, also what is only just coming in."""
        self.close()
        self.target = NOWHERE
        for client in tuple(self.pairs):
            client.abort()

    def _client(self) -> Client:
        return Client(self._choose, "" if self.target.local else self.address, self.pairs)

    def _choose(self, client: str) -> Sequence[Backend]:
        backends = self.target.backends
        if not backends:
            return ()
        self._turn += 1
        first = zlib.crc32(client.encode()) if self.target.sticky else self._turn
        first %= len(backends)
        return (*backends[first:], *backends[:first])


class Proxy:
    """All node ports of one world. Owned by one event loop."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._open: dict[Place, Listener] = {}
        self._carrying: dict[str, set[Listener]] = {}  # by node: also closed ones that carry still

    def follow(self, nodes: Mapping[str, str]) -> bool:
        """Open and close ports; `nodes` are the ones that are up, with their addresses.

        Returns:
            Whether everything is as wanted; a port that is taken is to be tried again.
        """
        wanted = dict(self._wanted(nodes))
        for node in tuple(self._carrying):
            if node not in nodes:
                self._stop_node(node)
        for place in tuple(self._open):
            if place not in wanted:
                self._open.pop(place).close()
        complete = True
        for place, target in wanted.items():
            if place in self._open:
                self._open[place].target = target
                continue
            address = nodes[place.node]
            try:
                listener = Listener(address, place.port, target)
            except OSError as error:
                log.warning("node port %s:%s: %s", address, place.port, error.strerror)
                complete = False
                continue
            self._open[place] = listener
            self._remember(place.node, listener)
        return complete

    def stop(self) -> None:
        """Close everything at once."""
        for node in tuple(self._carrying):
            self._stop_node(node)

    def ports(self) -> dict[str, list[int]]:
        """Return the open ports by node."""
        found: dict[str, list[int]] = {}
        for place in sorted(self._open):
            found.setdefault(place.node, []).append(place.port)
        return found

    def _remember(self, node: str, listener: Listener) -> None:
        here = self._carrying.setdefault(node, set())
        still = {one for one in here if one.pairs or one in self._open.values()}
        self._carrying[node] = still | {listener}

    def _stop_node(self, node: str) -> None:
        for place in [place for place in self._open if place.node == node]:
            self._open.pop(place).close()
        for listener in self._carrying.pop(node, set()):
            listener.abort()

    def _wanted(self, nodes: Mapping[str, str]) -> Iterator[tuple[Place, Target]]:
        slices: dict[tuple[str, str], list[Obj]] = {}
        for one in self._cluster[SLICE]:
            meta = one["metadata"]
            name = (meta.get("labels") or {}).get(SERVICE_NAME, "")
            slices.setdefault((meta["namespace"], name), []).append(one)
        for service in self._cluster[SERVICE]:
            meta, spec = service["metadata"], service["spec"]
            if spec.get("type") not in EXPOSED:
                continue
            local = spec.get("externalTrafficPolicy") == "Local"
            sticky = spec.get("sessionAffinity") == "ClientIP"
            mine = slices.get((meta["namespace"], meta["name"]), [])
            for port in spec.get("ports") or ():
                if not port.get("nodePort") or port.get("protocol", "TCP") != "TCP":
                    continue
                ways = list(_endpoints(mine, port.get("name") or ""))
                for node in nodes:
                    here = _usable(ways, node if local else "")
                    if here:
                        yield Place(node, port["nodePort"]), Target(here, local, sticky)


Way = tuple[Endpoint, Obj]  # and its conditions


def _endpoints(slices: Iterable[Obj], name: str) -> Iterator[Way]:
    """Yield where a port of a Service leads, with the conditions there."""
    for one in slices:
        numbers = [p["port"] for p in one.get("ports") or () if (p.get("name") or "") == name]
        for endpoint in one.get("endpoints") or ():
            for number in numbers:
                backend = Backend(endpoint["addresses"][0], number)
                found = Endpoint(backend, endpoint.get("nodeName") or "")
                yield found, endpoint.get("conditions") or {}


def _usable(ways: Iterable[Way], node: str) -> tuple[Backend, ...]:
    """Return the ready backends, on one node if named; else those that end but serve still."""
    here = [way for way in ways if not node or way[0].node == node]
    ready = [one for one, conditions in here if conditions.get("ready", True)]
    ending = [
        one
        for one, conditions in here
        if conditions.get("serving") and conditions.get("terminating")
    ]
    return tuple(one.backend for one in sorted(ready or ending))
