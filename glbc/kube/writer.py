"""Carries out what the engine wants written to Kubernetes: finalizers and annotations, status, events.

Metadata is patched under its resource version, so that nobody's finalizer is lost; a conflict goes back to the loop,
which tries again with the newer view. Status has one owner and is patched blindly. An object that is gone needs no
word from us: 404 is success. While the API server asks for patience nothing is sent: thousands of patches that each
wait by themselves would come back at once.
"""

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from glbc.kube.client import MERGE_PATCH, STRATEGIC_PATCH, Api, ApiError
from glbc.kube.groups import carry_out
from glbc.model.calls import (
    ConditionPatch,
    EventNote,
    GroupWrite,
    IngressPatch,
    StatusPatch,
    Write,
)
from glbc.model.finding import ObjectRef

COMPONENT: Final = "glbc"

_NETWORKING: Final = "networking.k8s.io/v1"
_API_VERSION: Final = {"Ingress": _NETWORKING, "IngressClass": _NETWORKING}  # all others: v1
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_BUSY: Final = "the API server has asked to wait"
_MESSAGE_LIMIT: Final = 1024  # characters; the API refuses longer ones
_NAME_LIMIT: Final = 253  # characters of an object's name
_HASH: Final = 16  # characters of an event's name that tell it from others of its object
_ROUNDS: Final = 3  # an event may expire (1 h) between our create and our count


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Counted(msgspec.Struct):
    count: int | None = None


class Writer:
    """Writes through one Api; any thread may call."""

    def __init__(
        self,
        api: Api,
        now: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._now = now
        self._monotonic = monotonic
        self._rests_until = 0.0  # monotonic; the API server has asked for patience

    def write(self, write: Write) -> None:
        """Carry out one write.

        Raises:
            ClusterError: refused or failed; status 409 means the object has changed meanwhile.
        """
        rest = self._rests_until - self._monotonic()
        if rest > 0:
            raise ApiError(f"not sent: {_BUSY}", status=_TOO_MANY, retry_after=rest)
        try:
            match write:
                case IngressPatch():
                    self._patch_metadata(write)
                case StatusPatch():
                    self._patch_status(write)
                case EventNote():
                    self._note(write)
                case ConditionPatch():
                    self._set_condition(write)
                case _ if isinstance(write, GroupWrite):
                    carry_out(self._api, write, self._now())
        except ApiError as error:
            self._rests_until = max(self._rests_until, self._monotonic() + error.retry_after)
            raise

    def _patch_metadata(self, write: IngressPatch) -> None:
        metadata: dict[str, Any] = {"resourceVersion": write.resource_version}
        if write.finalizers is not None:
            metadata["finalizers"] = list(write.finalizers)
        if write.annotations is not None:
            metadata["annotations"] = dict(write.annotations)
        self._patch_ingress(_ingress_path(write.ingress), {"metadata": metadata})

    def _patch_status(self, write: StatusPatch) -> None:
        # null removes the field, as if it had never been set
        ingress = [{"ip": address} for address in write.addresses] or None
        body = {"status": {"loadBalancer": {"ingress": ingress}}}
        self._patch_ingress(f"{_ingress_path(write.ingress)}/status", body)

    def _set_condition(self, write: ConditionPatch) -> None:
        # merged by type, so that the kubelet's conditions stay; another pod of the name is a conflict
        condition = {
            "type": write.type,
            "status": write.status,
            "reason": write.reason,
            "message": write.message,
        }
        if write.flips:
            condition["lastTransitionTime"] = _stamp(self._now())
        body = {"metadata": {"uid": write.uid}, "status": {"conditions": [condition]}}
        pod = write.pod
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/status"
        self._patch(path, body, STRATEGIC_PATCH)

    def _patch_ingress(self, path: str, body: dict[str, Any]) -> None:
        self._patch(path, body, MERGE_PATCH)

    def _patch(self, path: str, body: dict[str, Any], content_type: str) -> None:
        try:
            self._api.request("PATCH", path, body=body, content_type=content_type)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise

    def _note(self, note: EventNote) -> None:
        """Create the event, or count it once more where it is there already."""
        event = event_of(note, self._now())
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        for _ in range(_ROUNDS):
            try:
                self._api.request("POST", path, body=event)
            except ApiError as error:
                if error.status == _NOT_FOUND or "NamespaceTerminating" in error.causes:
                    return  # the namespace is going: there is nobody left to tell
                if error.reason != "AlreadyExists":
                    raise
            else:
                return
            if self._count(f"{path}/{event['metadata']['name']}", event["lastTimestamp"]):
                return

    def _count(self, path: str, last: str) -> bool:
        """Count an event once more; False when it has expired meanwhile."""
        try:
            known = msgspec.json.decode(self._api.request("GET", path), type=_Counted)
            body = {"count": (known.count or 0) + 1, "lastTimestamp": last}
            self._api.request("PATCH", path, body=body, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return False
        return True


def event_of(note: EventNote, now: datetime) -> dict[str, Any]:
    """Return the core/v1 Event of a note; equal notes give the same name."""
    message = note.message[:_MESSAGE_LIMIT]
    told = msgspec.json.encode((note.uid, note.type, note.reason, message))
    digest = hashlib.sha256(told).hexdigest()[:_HASH]
    about = note.object
    stem = about.name[: _NAME_LIMIT - _HASH - 1].rstrip("-.")
    when = _stamp(now)
    involved = {
        "kind": about.kind,
        "apiVersion": _API_VERSION.get(about.kind, "v1"),
        "namespace": about.namespace,
        "name": about.name,
        "uid": note.uid,
    }
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": f"{stem}.{digest}", "namespace": about.namespace or "default"},
        "involvedObject": {key: value for key, value in involved.items() if value},
        "type": note.type,
        "reason": note.reason,
        "message": message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": when,
        "lastTimestamp": when,
        "count": 1,
    }


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # metav1.Time: whole seconds


def _ingress_path(ingress: ObjectRef) -> str:
    return f"/apis/{_NETWORKING}/namespaces/{ingress.namespace}/ingresses/{ingress.name}"
