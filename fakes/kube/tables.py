"""Server-side tables: what `kubectl get` prints.

A kind has a row of columns, each with the function that fills it; kubectl shows those with a
priority above 0 only with `-o wide`. The cells are in `cells`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fakes.kube import cells
from fakes.kube.cells import age_of
from fakes.kube.crd import version_of
from fakes.kube.errors import Obj
from fakes.kube.kinds import CRDS, INGRESSES, Kind
from fakes.kube.paths import first_at

Cell = Callable[[Obj], Any]


class Column(NamedTuple):
    """One column; without a function it is the age of the object."""

    name: str
    cell: Cell | None = None
    wide: bool = False
    type: str = "string"


NAME: Final = Column("Name", lambda obj: obj["metadata"]["name"])
AGE: Final = Column("Age")
_WIDE_POD: Final = (
    Column("Containers", cells.containers, wide=True),
    Column("Images", cells.images, wide=True),
    Column("Selector", cells.selector, wide=True),
)

COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    INGRESSES: (
        NAME,
        Column("Class", cells.ingress_class),
        Column("Hosts", cells.hosts),
        Column("Address", cells.address),
        Column("Ports", lambda obj: "80, 443" if obj["spec"].get("tls") else "80"),
        AGE,
    ),
    "ingressclasses.networking.k8s.io": (
        NAME,
        Column("Controller", lambda obj: obj["spec"].get("controller", "")),
        Column("Parameters", cells.parameters),
        AGE,
    ),
    "services": (
        NAME,
        Column("Type", lambda obj: obj["spec"]["type"]),
        Column("Cluster-IP", lambda obj: obj["spec"].get("clusterIP") or "<none>"),
        Column("External-IP", cells.external_ip),
        Column("Port(s)", cells.service_ports),
        AGE,
        Column("Selector", cells.selector, wide=True),
    ),
    "deployments.apps": (
        NAME,
        Column("Ready", cells.ready_of_wanted),
        Column("Up-to-date", cells.number("status", "updatedReplicas"), type="integer"),
        Column("Available", cells.number("status", "availableReplicas"), type="integer"),
        AGE,
        *_WIDE_POD,
    ),
    "replicasets.apps": (
        NAME,
        Column("Desired", cells.number("spec", "replicas"), type="integer"),
        Column("Current", cells.number("status", "replicas"), type="integer"),
        Column("Ready", cells.number("status", "readyReplicas"), type="integer"),
        AGE,
        *_WIDE_POD,
    ),
    "replicationcontrollers": (
        NAME,
        Column("Desired", cells.number("spec", "replicas"), type="integer"),
        Column("Current", cells.number("status", "replicas"), type="integer"),
        Column("Ready", cells.number("status", "readyReplicas"), type="integer"),
        AGE,
        *_WIDE_POD,
    ),
    "statefulsets.apps": (NAME, Column("Ready", cells.ready_of_wanted), AGE, *_WIDE_POD[:2]),
    "daemonsets.apps": (
        NAME,
        Column("Desired", cells.number("status", "desiredNumberScheduled"), type="integer"),
        Column("Current", cells.number("status", "currentNumberScheduled"), type="integer"),
        Column("Ready", cells.number("status", "numberReady"), type="integer"),
        AGE,
        *_WIDE_POD,
    ),
    "pods": (
        NAME,
        Column("Ready", cells.ready_containers),
        Column("Status", cells.pod_status),
        Column("Restarts", cells.restarts),
        AGE,
        Column("IP", lambda obj: cells.or_none((obj.get("status") or {}).get("podIP")), wide=True),
        Column("Node", lambda obj: cells.or_none(obj["spec"].get("nodeName")), wide=True),
        Column("Nominated Node", cells.nominated, wide=True),
        Column("Readiness Gates", cells.gates, wide=True),
    ),
    "nodes": (
        NAME,
        Column("Status", cells.node_status),
        Column("Roles", cells.roles),
        AGE,
        Column("Version", cells.node_info("kubeletVersion")),
        Column("Internal-IP", cells.node_address("InternalIP"), wide=True),
        Column("External-IP", cells.node_address("ExternalIP"), wide=True),
        Column("OS-Image", cells.node_info("osImage"), wide=True),
        Column("Kernel-Version", cells.node_info("kernelVersion"), wide=True),
        Column("Container-Runtime", cells.node_info("containerRuntimeVersion"), wide=True),
    ),
    "secrets": (
        NAME,
        Column("Type", lambda obj: obj.get("type", "")),
        Column("Data", lambda obj: len(obj.get("data") or {}), type="integer"),
        AGE,
    ),
    "configmaps": (
        NAME,
        Column("Data", cells.config_size, type="integer"),
        AGE,
    ),
    "namespaces": (NAME, Column("Status", lambda obj: obj["status"]["phase"]), AGE),
    "endpoints": (NAME, Column("Endpoints", cells.endpoints), AGE),
    "endpointslices.discovery.k8s.io": (
        NAME,
        Column("AddressType", lambda obj: obj.get("addressType", "")),
        Column("Ports", cells.slice_ports),
        Column("Endpoints", cells.slice_endpoints),
        AGE,
    ),
    "leases.coordination.k8s.io": (
        NAME,
        Column("Holder", lambda obj: (obj.get("spec") or {}).get("holderIdentity", "")),
        AGE,
    ),
    "events": (
        Column("Last Seen", cells.last_seen),
        Column("Type", lambda obj: obj.get("type", "")),
        Column("Reason", lambda obj: obj.get("reason", "")),
        Column("Object", cells.event_object),
        Column("Subobject", cells.event_field, wide=True),
        Column("Source", cells.event_source, wide=True),
        Column("Message", lambda obj: obj.get("message", "").strip()),
        Column("First Seen", cells.first_seen, wide=True),
        Column("Count", cells.event_count, wide=True, type="integer"),
        Column("Name", lambda obj: obj["metadata"]["name"], wide=True),
    ),
    "serviceaccounts": (NAME, AGE),
    "roles.rbac.authorization.k8s.io": (NAME, Column("Created At", cells.created)),
    "clusterroles.rbac.authorization.k8s.io": (NAME, Column("Created At", cells.created)),
    "rolebindings.rbac.authorization.k8s.io": (NAME, Column("Role", cells.role), AGE),
    "clusterrolebindings.rbac.authorization.k8s.io": (NAME, Column("Role", cells.role), AGE),
    CRDS: (NAME, Column("Created At", cells.created)),
}
_DEFAULT: Final = (NAME, AGE)


def asked(accept: str) -> str:
    """Return the version of the Table that an Accept header prefers, or nothing."""
    for part in accept.split(","):
        media = dict(
            pair.strip().partition("=")[::2] for pair in part.split(";")[1:] if "=" in pair
        )
        kind = part.split(";")[0].strip()
        if kind == "application/json":
            if media.get("as") == "Table" and media.get("g") == "meta.k8s.io":
                return media.get("v", "v1")
            if "as" not in media:
                return ""
    return ""


def columns_of(kind: Kind, definition: Obj | None) -> tuple[Column, ...]:
    """Return the columns of a kind; a custom one may define its own."""
    if definition is None:
        return COLUMNS.get(kind.resource, _DEFAULT)
    extra = version_of(definition, kind.version).get("additionalPrinterColumns")
    if not extra:
        return _DEFAULT
    return (
        NAME,
        *(
            Column(
                one["name"],
                _printer(one["jsonPath"], one["type"]),
                one.get("priority", 0) > 0,
                one["type"],
            )
            for one in extra
        ),
    )


def _printer(path: str, kind: str) -> Cell:
    def cell(obj: Obj) -> Any:
        value = first_at(obj, path)
        if kind == "string" and value is not None and not isinstance(value, str):
            return str(value).lower() if isinstance(value, bool) else str(value)
        return value

    return cell


_DATE: Final = re.compile(r"^date$", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """One rendering: the kind, the time that ages are counted to, and what a row carries along."""

    kind: Kind
    definition: Obj | None
    now: float  # seconds since 1970
    include: str  # None, Metadata or Object
    version: str  # of the Table: v1 or v1beta1

    def render(self, objs: list[Obj]) -> Obj:
        """Return the Table object."""
        columns = columns_of(self.kind, self.definition)
        definitions = [
            {
                "name": column.name,
                "type": column.type,
                "format": "name" if column.name == "Name" and not column.wide else "",
                "description": "",
                "priority": int(column.wide),
            }
            for column in columns
        ]
        version = objs[0]["metadata"].get("resourceVersion", "") if len(objs) == 1 else ""
        return {
            "kind": "Table",
            "apiVersion": f"meta.k8s.io/{self.version}",
            "metadata": {"resourceVersion": version},
            "columnDefinitions": definitions,
            "rows": [self._row(obj, columns) for obj in objs],
        }

    def _row(self, obj: Obj, columns: tuple[Column, ...]) -> Obj:
        row: Obj = {"cells": [self._cell(obj, column) for column in columns]}
        if self.include == "Object":
            row["object"] = obj
        elif self.include == "Metadata":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": f"meta.k8s.io/{self.version}",
                "metadata": obj["metadata"],
            }
        return row

    def _cell(self, obj: Obj, column: Column) -> Any:
        if column.cell is None:
            return age_of(obj["metadata"].get("creationTimestamp"), self.now)
        value = column.cell(obj)
        if isinstance(value, cells.Moment):
            return age_of(value.text, self.now)
        if self.definition is not None and _DATE.match(column.type):
            return age_of(value, self.now)
        return value
