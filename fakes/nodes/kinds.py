"""The kinds that are read and written here: where each is found in the API."""

from typing import Any, Final, NamedTuple

Obj = dict[str, Any]
Key = tuple[str, str]  # namespace ("" when the kind has none), name


class Kind(NamedTuple):
    """A kind and its collection."""

    name: str  # Deployment
    api_version: str  # apps/v1
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", sub: str = "") -> str:
        """Return the path of a collection, an object, or a subresource of one."""
        root = "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"
        where = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        parts = [f"{root}{where}", self.plural, name, sub]
        return "/".join(part for part in parts if part)


NODE: Final = Kind("Node", "v1", "nodes", namespaced=False)
POD: Final = Kind("Pod", "v1", "pods")
SERVICE: Final = Kind("Service", "v1", "services")
ENDPOINTS: Final = Kind("Endpoints", "v1", "endpoints")
CONTROLLER: Final = Kind("ReplicationController", "v1", "replicationcontrollers")
DEPLOYMENT: Final = Kind("Deployment", "apps/v1", "deployments")
REPLICA_SET: Final = Kind("ReplicaSet", "apps/v1", "replicasets")
SLICE: Final = Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices")
NAMESPACE: Final = Kind("Namespace", "v1", "namespaces", namespaced=False)

WATCHED: Final = (NODE, POD, SERVICE, ENDPOINTS, CONTROLLER, DEPLOYMENT, REPLICA_SET, SLICE)


def key_of(obj: Obj) -> Key:
    """Return where an object is stored."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def uid_of(obj: Obj) -> str:
    """Return an object's UID."""
    return str(obj["metadata"].get("uid", ""))


def version_of(obj: Obj) -> int:
    """Return an object's resourceVersion as a number, to tell older from newer."""
    text = str(obj["metadata"].get("resourceVersion") or "0")
    return int(text) if text.isdigit() else 0


def owner_of(obj: Obj) -> Obj:
    """Return the reference to an object's controller, {} when it has none."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((one for one in owners if one.get("controller")), {})


def owned_by(owner: Obj, kind: Kind) -> list[Obj]:
    """Return the ownerReferences of something that an object controls."""
    return [
        {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "name": owner["metadata"]["name"],
            "uid": uid_of(owner),
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def going(obj: Obj) -> bool:
    """Tell whether an object's deletion has been asked for."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def condition(obj: Obj, kind: str) -> Obj:
    """Return a condition of an object's status, {} when it has none of that type."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one.get("type") == kind), {})


def is_true(obj: Obj, kind: str) -> bool:
    """Tell whether a condition holds."""
    return condition(obj, kind).get("status") == "True"
