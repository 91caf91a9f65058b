"""Node ports and cluster IPs: unique, kept by their Service for as long as it needs them.

What is taken is derived from the stored Services (read forward from the last look), so a copied
or restored world needs nothing but its store. Only the place to search from next is remembered:
a port that was just freed is not the next one handed out.
"""

import ipaddress
from typing import Final

from fakes.kube.errors import ApiError, Cause, Obj
from fakes.kube.store import Store, key_of

NODE_PORTS: Final = range(30000, 32768)
NETWORK: Final = ipaddress.ip_network("10.96.0.0/12")
FIRST_IP: Final = int(NETWORK.network_address) + 10
SERVICES: Final = "services"

Owner = tuple[str, str]


def node_ports(service: Obj) -> set[tuple[int, str]]:
    """Return the node ports that a Service holds, each with its protocol."""
    return {
        (port["nodePort"], port.get("protocol", "TCP"))
        for port in service["spec"].get("ports") or []
        if port.get("nodePort")
    }


def cluster_ip(service: Obj) -> str:
    """Return the cluster IP that a Service holds; empty when it is headless."""
    ip: str = service["spec"].get("clusterIP") or ""
    return "" if ip == "None" else ip


class Allocator:
    """Owned by one World and used under its lock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = -1
        self._ports: dict[tuple[int, str], Owner] = {}
        self._ips: dict[str, Owner] = {}
        self.next_port = NODE_PORTS.start
        self.next_ip = FIRST_IP

    def forget(self) -> None:
        """Read everything anew the next time: the store was replaced."""
        self._seen = -1

    def _look(self) -> None:
        try:
            changes = self._store.since(SERVICES, self._seen) if self._seen >= 0 else None
        except ApiError:
            changes = None
        if changes is None:
            self._ports.clear()
            self._ips.clear()
            for service in self._store.all(SERVICES):
                self._take(service)
        else:
            for change in changes:
                if change.old is not None:
                    self._free(change.old)
                if change.type != "DELETED":
                    self._take(change.obj)
        self._seen = self._store.rv

    def _take(self, service: Obj) -> None:
        for port in node_ports(service):
            self._ports[port] = key_of(service)
        if ip := cluster_ip(service):
            self._ips[ip] = key_of(service)

    def _free(self, service: Obj) -> None:
        for port in node_ports(service):
            self._ports.pop(port, None)
        self._ips.pop(cluster_ip(service), None)

    def _free_port(self, protocol: str, mine: set[tuple[int, str]]) -> int:
        size = len(NODE_PORTS)
        for step in range(size):
            port = NODE_PORTS[(self.next_port - NODE_PORTS.start + step) % size]
            if (port, protocol) not in self._ports and (port, protocol) not in mine:
                self.next_port = port + 1
                return port
        raise ApiError(500, "InternalError", "failed to allocate a nodePort: range is full", {})

    def _free_ip(self) -> str:
        while (ip := str(ipaddress.ip_address(self.next_ip))) in self._ips:
            self.next_ip += 1
        self.next_ip += 1
        return ip

    def fill(self, service: Obj, causes: list[Cause]) -> None:
        """Give a new or changed Service (which is changed in place) what it needs.

        Ports and addresses asked for by number must be free and in range; what is wrong is
        appended to `causes`.
        """
        self._look()
        spec, owner = service["spec"], key_of(service)
        if spec["type"] != "ExternalName":
            self._fill_ip(spec, owner, causes)
        if spec["type"] in {"NodePort", "LoadBalancer"}:
            self._fill_ports(spec, owner, causes)

    def _fill_ip(self, spec: Obj, owner: Owner, causes: list[Cause]) -> None:
        asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or []), "")
        if asked == "None":
            pass
        elif not asked:
            asked = self._free_ip()
        elif self._ips.get(asked, owner) != owner:
            why = f"failed to allocate IP {asked}: provided IP is already allocated"
            causes.append(Cause("spec.clusterIPs", "Invalid", why, [asked]))
        elif not _inside(asked):
            why = (
                f"failed to allocate IP {asked}: the provided IP ({asked}) is not in the valid "
                f"range. The range of valid IPs is {NETWORK}"
            )
            causes.append(Cause("spec.clusterIPs", "Invalid", why, [asked]))
        spec["clusterIP"] = asked
        spec["clusterIPs"] = [asked]

    def _fill_ports(self, spec: Obj, owner: Owner, causes: list[Cause]) -> None:
        mine: set[tuple[int, str]] = set()
        if spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
            return
        for index, port in enumerate(spec.get("ports") or []):
            protocol = port.get("protocol", "TCP")
            asked = port.get("nodePort")
            field = f"spec.ports[{index}].nodePort"
            if not asked:
                port["nodePort"] = asked = self._free_port(protocol, mine)
            elif asked not in NODE_PORTS:
                why = (
                    "provided port is not in the valid range. The range of valid ports is "
                    f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
                )
                causes.append(Cause(field, "Invalid", why, asked))
            elif (asked, protocol) in mine or self._ports.get((asked, protocol), owner) != owner:
                causes.append(Cause(field, "Invalid", "provided port is already allocated", asked))
            mine.add((asked, protocol))


def _inside(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip) in NETWORK
    except ValueError:
        return False


# --- what an update that says nothing keeps ---

_OF_NODE_PORTS: Final = ("externalTrafficPolicy", "allocateLoadBalancerNodePorts")


def keep(old: Obj, new: Obj) -> None:
    """Let a new state (changed in place) keep what it leaves out, and drop what its type forbids."""
    had, has = old["spec"], new.setdefault("spec", {})
    kind = has.get("type", "ClusterIP")
    if kind == "ExternalName":
        if had.get("type") != "ExternalName" and has.get("clusterIP") == had.get("clusterIP"):
            has.pop("clusterIP", None)
            has.pop("clusterIPs", None)
        return
    _keep_ip(had, has)
    if kind == "ClusterIP":
        _drop_node_ports(old, has)
    else:
        _keep_node_ports(had, has)


def _keep_ip(had: Obj, has: Obj) -> None:
    if not has.get("clusterIP") and had.get("clusterIP"):
        has["clusterIP"] = had["clusterIP"]
    if has.get("clusterIP"):
        has["clusterIPs"] = [has["clusterIP"]]


def _drop_node_ports(old: Obj, has: Obj) -> None:
    taken = {number for number, _ in node_ports(old)}
    for port in has.get("ports") or []:
        if port.get("nodePort") in taken:
            port.pop("nodePort")
    if old["spec"].get("type") != "ClusterIP":
        for name in _OF_NODE_PORTS:
            has.pop(name, None)


def _keep_node_ports(had: Obj, has: Obj) -> None:
    before = {
        (one.get("port"), one.get("protocol", "TCP")): one.get("nodePort")
        for one in had.get("ports") or []
    }
    for port in has.get("ports") or []:
        number = before.get((port.get("port"), port.get("protocol", "TCP")))
        if not port.get("nodePort") and number:
            port["nodePort"] = number
