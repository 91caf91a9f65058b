"""The note that glbc leaves in a cluster: what was decided on its first start, in a ConfigMap of its own."""

from typing import Final

import msgspec

from glbc.kube.client import MERGE_PATCH, Api, ApiError

_CONFIG_MAPS: Final = "/api/v1/namespaces/kube-system/configmaps"
_NAME: Final = "glbc"
_NOT_FOUND: Final = 404


class _Note(msgspec.Struct):
    data: dict[str, str] | None = None


def read_note(api: Api) -> dict[str, str] | None:
    """Return the note; None when glbc has never run in this cluster. Raises ClusterError."""
    try:
        body = api.request("GET", f"{_CONFIG_MAPS}/{_NAME}")
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    return msgspec.json.decode(body, type=_Note).data or {}


def leave_note(api: Api, data: dict[str, str]) -> None:
    """Create the note, or change those keys of it. Raises ClusterError."""
    metadata = {"name": _NAME, "namespace": "kube-system"}
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    try:
        api.request("POST", _CONFIG_MAPS, body=made)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        path = f"{_CONFIG_MAPS}/{_NAME}"
        api.request("PATCH", path, body={"data": data}, content_type=MERGE_PATCH)
