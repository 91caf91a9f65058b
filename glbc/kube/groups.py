"""Carries out what is told of endpoint groups: on their Service, and in ServiceNetworkEndpointGroups.

What is gone needs no word from us, and what cannot be made because its namespace is going needs none
either: 404 is success.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from glbc.kube.client import MERGE_PATCH, Api, ApiError
from glbc.model import svcneg
from glbc.model.calls import (
    GroupWrite,
    RecordCreate,
    RecordDelete,
    RecordPatch,
    RecordStatus,
    ServicePatch,
)
from glbc.model.finding import ObjectRef
from glbc.model.svcneg import GroupStatus

_VERSION: Final = "networking.gke.io/v1beta1"
_NOT_FOUND: Final = 404


def carry_out(api: Api, write: GroupWrite, now: datetime) -> None:
    """Carry out one write.

    Raises:
        ClusterError: refused or failed; status 409 means the object has changed meanwhile.
    """
    try:
        _send(api, write, now)
    except ApiError as error:
        if error.status != _NOT_FOUND and "NamespaceTerminating" not in error.causes:
            raise


def _send(api: Api, write: GroupWrite, now: datetime) -> None:
    path = _path(write.object)
    match write:
        case ServicePatch():
            place = write.object
            changed = {"annotations": dict(write.annotations)}
            service = f"/api/v1/namespaces/{place.namespace}/services/{place.name}"
            _patch(api, service, write.resource_version, changed)
        case RecordCreate():
            api.request("POST", path.rpartition("/")[0], body=record_of(write))
        case RecordPatch():
            metadata: dict[str, Any] = {"labels": dict(write.labels)} if write.labels else {}
            if write.finalizers is not None:
                metadata["finalizers"] = list(write.finalizers)
            _patch(api, path, write.resource_version, metadata)
        case RecordStatus():
            status = {"status": told(write.status, now)}
            _patch(api, f"{path}/status", write.resource_version, {}, status)
        case RecordDelete():
            api.request("DELETE", path, body={"preconditions": {"uid": write.uid}})


def _patch(
    api: Api,
    path: str,
    version: str,
    metadata: Mapping[str, Any],
    more: Mapping[str, Any] = {},
) -> None:
    body = {"metadata": {"resourceVersion": version, **metadata}, **more}
    api.request("PATCH", path, body=body, content_type=MERGE_PATCH)


def record_of(write: RecordCreate) -> dict[str, Any]:
    """Return the object as ingress-gce makes it: the Service owns it, and it waits for a controller."""
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": write.service,
        "uid": write.service_uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": _VERSION,
        "kind": svcneg.KIND,
        "metadata": {
            "name": write.object.name,
            "namespace": write.object.namespace,
            "labels": dict(write.labels),
            "finalizers": [svcneg.FINALIZER],
            "ownerReferences": [owner],
        },
        "spec": {},
    }


def told(status: GroupStatus, now: datetime) -> dict[str, Any]:
    """Return the status as it is sent: with its time, and without what is empty."""
    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # metav1.Time: whole seconds
    groups = msgspec.to_builtins(status.network_endpoint_groups or ())
    conditions = msgspec.to_builtins(status.conditions or ())
    return {
        "networkEndpointGroups": [{k: v for k, v in one.items() if v} for one in groups],
        "conditions": [
            one | {"lastTransitionTime": one["lastTransitionTime"] or when} for one in conditions
        ],
        "lastSyncTime": when,
    }


def _path(record: ObjectRef) -> str:
    place = f"/apis/{_VERSION}/namespaces/{record.namespace}"
    return f"{place}/servicenetworkendpointgroups/{record.name}"
