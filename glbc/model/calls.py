"""What the edges are asked to do: calls to the cloud, and writes to Kubernetes, as frozen values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from glbc.model.finding import ObjectRef
from glbc.model.keys import ResourceKey
from glbc.model.svcneg import GroupStatus


class Verb(StrEnum):
    """The mutations that glbc sends; the value is the API's method name."""

    INSERT = "insert"
    PATCH = "patch"
    UPDATE = "update"
    DELETE = "delete"
    SET_NAMED_PORTS = "setNamedPorts"
    ADD_INSTANCES = "addInstances"
    REMOVE_INSTANCES = "removeInstances"
    ATTACH_ENDPOINTS = "attachNetworkEndpoints"
    DETACH_ENDPOINTS = "detachNetworkEndpoints"
    SET_URL_MAP = "setUrlMap"
    SET_SSL_CERTIFICATES = "setSslCertificates"
    SET_TARGET = "setTarget"
    SET_SSL_POLICY = "setSslPolicy"
    SET_SECURITY_POLICY = "setSecurityPolicy"
    ADD_SIGNED_URL_KEY = "addSignedUrlKey"
    DELETE_SIGNED_URL_KEY = "deleteSignedUrlKey"


class Call(msgspec.Struct, frozen=True):
    """One mutation of one resource: sent once, then waited for until its operation is done."""

    verb: Verb
    key: ResourceKey
    body: Mapping[str, Any] | None = None  # REST JSON, camelCase; None for delete
    query: Mapping[str, str] = {}  # parameters of the URL, by their names in the API


class IngressPatch(msgspec.Struct, frozen=True, kw_only=True):
    """Change an Ingress's own metadata, guarded by its resource version."""

    ingress: ObjectRef
    resource_version: str
    finalizers: tuple[str, ...] | None = None  # the whole list; None leaves it alone
    annotations: Mapping[str, str | None] | None = None  # None as a value removes the key


class StatusPatch(msgspec.Struct, frozen=True, kw_only=True):
    """Publish the addresses of an Ingress; an empty tuple clears them."""

    ingress: ObjectRef
    addresses: tuple[str, ...]


class EventNote(msgspec.Struct, frozen=True, kw_only=True):
    """Tell about an object, once: equal notes are one Event in the cluster."""

    object: ObjectRef
    uid: str
    type: str  # Normal | Warning
    reason: str
    message: str  # at most 1024 characters


class ConditionPatch(msgspec.Struct, frozen=True, kw_only=True):
    """Set our condition of a pod, and nothing else of its status."""

    pod: ObjectRef
    uid: str  # of the pod that is meant: one that has its name by now is another
    type: str
    status: str  # True | False
    reason: str
    message: str
    flips: bool  # is the status another than it was? Then the moment is noted


class ServicePatch(msgspec.Struct, frozen=True, kw_only=True):
    """Change annotations of a Service, guarded by its resource version."""

    object: ObjectRef
    resource_version: str
    annotations: Mapping[str, str | None]  # None as a value removes the key


class RecordCreate(msgspec.Struct, frozen=True, kw_only=True):
    """Make the ServiceNetworkEndpointGroup of a Service port, in the Service's namespace."""

    object: ObjectRef
    service: str  # name
    service_uid: str
    labels: tuple[tuple[str, str], ...]


class RecordPatch(msgspec.Struct, frozen=True, kw_only=True):
    """Change a ServiceNetworkEndpointGroup's own metadata, guarded by its resource version."""

    object: ObjectRef
    resource_version: str
    finalizers: tuple[str, ...] | None = None  # the whole list; None leaves it alone
    labels: tuple[tuple[str, str], ...] = ()  # those that change


class RecordStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how the groups are; who writes it says when."""

    object: ObjectRef
    resource_version: str
    status: GroupStatus


class RecordDelete(msgspec.Struct, frozen=True, kw_only=True):
    """Delete this ServiceNetworkEndpointGroup, and no other of its name."""

    object: ObjectRef
    uid: str
    resource_version: str


GroupWrite = ServicePatch | RecordCreate | RecordPatch | RecordStatus | RecordDelete
Write = IngressPatch | StatusPatch | EventNote | ConditionPatch | GroupWrite
