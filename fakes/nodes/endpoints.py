"""EndpointSlices and Endpoints of every Service with a selector.

A Pod is in the slices as soon as it has an address and until it is gone; its conditions say
whether it is ready, still serving, or terminating. One slice per set of ports: a named target port
may be another number in another Pod.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fakes.nodes.cluster import Cluster
from fakes.nodes.kinds import (
    ENDPOINTS,
    NODE,
    POD,
    SERVICE,
    SLICE,
    Obj,
    going,
    is_true,
    key_of,
    owned_by,
    uid_of,
)
from fakes.nodes.labels import fits
from fakes.nodes.replicas import OVER
from fakes.nodes.writes import Create, Delete, Patch, Write

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
MANAGER: Final = "endpointslice-controller.k8s.io"
OLD_MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
OLD_MANAGER: Final = "endpoint-controller"
ZONE: Final = "topology.kubernetes.io/zone"

Ports = tuple[tuple[str, str, int], ...]  # name, protocol, number


class Member(NamedTuple):
    """A Pod behind a Service."""

    pod: Obj
    ports: Ports


def reconcile(cluster: Cluster) -> Iterator[Write]:
    """Yield what makes slices and Endpoints say where the Services lead."""
    zones = {
        node["metadata"]["name"]: (node["metadata"].get("labels") or {}).get(ZONE, "")
        for node in cluster[NODE]
    }
    pods: dict[str, list[Obj]] = {}
    for pod in cluster[POD]:
        status = pod.get("status") or {}
        if status.get("podIP") and status.get("phase") not in OVER:
            pods.setdefault(pod["metadata"]["namespace"], []).append(pod)
    wanted: set[tuple[str, str]] = set()
    for service in cluster[SERVICE]:
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            continue
        here = pods.get(service["metadata"]["namespace"], [])
        members = [
            Member(pod, ports_of(service, pod))
            for pod in sorted(here, key=key_of)
            if fits(selector, pod["metadata"].get("labels"))
        ]
        slices = _slices(service, members, zones)
        wanted |= {key_of(one) for one in slices}
        yield from _put_slices(cluster, slices)
        yield from _put_endpoints(cluster, service, members)
    yield from _removed(cluster, wanted)


def ports_of(service: Obj, pod: Obj) -> Ports:
    """Return the ports of a Service as a Pod has them; a name that it has not is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        number = _number(port.get("targetPort", port["port"]), protocol, pod)
        if number:
            found.append((port.get("name") or "", protocol, number))
    return tuple(found)


def _number(target: int | str, protocol: str, pod: Obj) -> int:
    if isinstance(target, int):
        return target
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if (port.get("name"), port.get("protocol", "TCP")) == (target, protocol):
                return int(port["containerPort"])
    return 0


def _slices(service: Obj, members: list[Member], zones: Mapping[str, str]) -> list[Obj]:
    meta = service["metadata"]
    groups: dict[Ports, list[Obj]] = {member.ports: [] for member in members} or {(): []}
    for member in members:
        groups[member.ports].append(_endpoint(service, member.pod, zones))
    found = []
    for ports, endpoints in groups.items():
        mark = hashlib.sha256(f"{uid_of(service)}{ports}".encode()).hexdigest()[:8]
        labels = (meta.get("labels") or {}) | {SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER}
        found.append(
            {
                "metadata": {
                    "name": f"{meta['name']}-{mark}",
                    "namespace": meta["namespace"],
                    "labels": labels,
                    "ownerReferences": owned_by(service, SERVICE),
                },
                "addressType": "IPv4",
                "endpoints": endpoints,
                "ports": [
                    {"name": name, "protocol": protocol, "port": number}
                    for name, protocol, number in ports
                ],
            }
        )
    return found


def _target(pod: Obj) -> Obj:
    meta = pod["metadata"]
    named = {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
    return {"kind": "Pod"} | named


def _endpoint(service: Obj, pod: Obj, zones: Mapping[str, str]) -> Obj:
    ready, ending = is_true(pod, "Ready"), going(pod)
    early = bool(service["spec"].get("publishNotReadyAddresses"))
    node = pod["spec"].get("nodeName") or ""
    endpoint: Obj = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": (ready and not ending) or early,
            "serving": ready,
            "terminating": ending,
        },
        "targetRef": _target(pod),
    }
    if node:
        endpoint["nodeName"] = node
    if zones.get(node):
        endpoint["zone"] = zones[node]
    return endpoint


def _put_slices(cluster: Cluster, slices: list[Obj]) -> Iterator[Write]:
    for one in slices:
        old = cluster[SLICE].get(*key_of(one))
        if old is None:
            yield Create(SLICE, one)
        elif changed := _changes(old, one, ("endpoints", "ports")):
            yield Patch(SLICE, old, changed)


def _changes(old: Obj, new: Obj, parts: tuple[str, ...]) -> Obj:
    """Return the parts and labels that are to be changed, {} when none is."""
    changes: Obj = {part: new[part] for part in parts if (old.get(part) or []) != new[part]}
    labels = new["metadata"]["labels"]
    if not fits(labels, old["metadata"].get("labels")):
        changes["metadata"] = {"labels": labels}
    return changes


def _put_endpoints(cluster: Cluster, service: Obj, members: list[Member]) -> Iterator[Write]:
    meta = service["metadata"]
    groups: dict[Ports, dict[str, list[Obj]]] = {}
    for member in members:
        if going(member.pod) or not member.ports:
            continue
        early = bool(service["spec"].get("publishNotReadyAddresses"))
        ready = is_true(member.pod, "Ready") or early
        group = groups.setdefault(member.ports, {})
        place = group.setdefault("addresses" if ready else "notReadyAddresses", [])
        address = {"ip": member.pod["status"]["podIP"], "targetRef": _target(member.pod)}
        if node := member.pod["spec"].get("nodeName"):
            address["nodeName"] = node
        place.append(address)
    subsets: list[dict[str, Any]] = [
        group
        | {
            "ports": [
                ({"name": name} if name else {}) | {"port": number, "protocol": protocol}
                for name, protocol, number in ports
            ]
        }
        for ports, group in groups.items()
    ]
    wanted: Obj = {
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": (meta.get("labels") or {}) | {OLD_MANAGED_BY: OLD_MANAGER},
        },
        "subsets": subsets,
    }
    old = cluster[ENDPOINTS].get(*key_of(wanted))
    if old is None:
        yield Create(ENDPOINTS, wanted)
    elif changed := _changes(old, wanted, ("subsets",)):
        yield Patch(ENDPOINTS, old, changed)


def _removed(cluster: Cluster, wanted: set[tuple[str, str]]) -> Iterator[Write]:
    """Yield the end of slices that no Service has, and of Endpoints without a Service."""
    for one in cluster[SLICE]:
        labels = one["metadata"].get("labels") or {}
        if labels.get(MANAGED_BY) == MANAGER and key_of(one) not in wanted:
            yield Delete(SLICE, one)
    for one in cluster[ENDPOINTS]:
        labels = one["metadata"].get("labels") or {}
        if labels.get(OLD_MANAGED_BY) == OLD_MANAGER and not cluster[SERVICE].get(*key_of(one)):
            yield Delete(ENDPOINTS, one)
