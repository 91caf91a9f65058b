"""Which cluster this is: the uid in the name of everything, read once at start.

A wrong identity makes every resource of the cluster look like somebody else's and builds all of it a second time. So a
uid is made up only for a cluster that visibly has no load balancer of this kind yet; whoever has one, but does not say
its uid, must be told what to restore. Where the uid is kept and in which order it is looked for is ingress-gce's
(`cmd/glbc/app/namer.go`). A value that came from a flag is used, never stored.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
import structlog

from glbc.errors import ClusterError
from glbc.kube.client import MERGE_PATCH, Api, ApiError
from glbc.model.view import Meta
from glbc.model.views import Identity, Ingress, Node, Snapshot
from glbc.naming import Namer, is_valid_name
from glbc.translate.identity import WHERE, Told

T = TypeVar("T")
Object = TypeVar("Object", Ingress, Node)
AskCloud = Callable[[Snapshot, str], Told]

UID: Final = "uid"
PROVIDER_UID: Final = "provider-uid"

_NAMESPACE: Final = "kube-system"
_NAME: Final = "ingress-uid"
_CONFIG_MAPS: Final = f"/api/v1/namespaces/{_NAMESPACE}/configmaps"
_INGRESSES: Final = "/apis/networking.k8s.io/v1/ingresses"
_NODES: Final = "/api/v1/nodes"
_RULES: Final = (  # annotation that names a rule, and how its v1 name begins
    ("ingress.kubernetes.io/forwarding-rule", "k8s-fw"),
    ("ingress.kubernetes.io/https-forwarding-rule", "k8s-fws"),
)
_UNCUT: Final = 62  # characters; a longer name was cut, and its uid with it
_UID_BYTES: Final = 8
_PAGE: Final = 500
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_ROUNDS: Final = 3  # another replica may write the same ConfigMap at the same time


class ConfigMap(msgspec.Struct):
    """Where the identity is kept."""

    metadata: Meta
    data: dict[str, str] | None = None

    def value(self, key: str) -> str:
        """Return the value of a key, "" when it has none."""
        return (self.data or {}).get(key, "").strip()


class _Namespace(msgspec.Struct):
    metadata: Meta


class _Version(msgspec.Struct):
    next_page: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _Version
    items: list[msgspec.Raw] | None = None


def read_identity(
    api: Api,
    cluster_uid: str = "",
    provider_uid: str = "",
    *,
    write: bool = True,
    ask_cloud: AskCloud = lambda *_: Told(),
) -> Identity:
    """Find out which cluster this is, and keep what was found.

    Args:
        api: of the cluster.
        cluster_uid: from the command line; wins over the ConfigMap.
        provider_uid: likewise, for the name of the firewall rule.
        write: store what is missing; without it nothing is written, and no uid is made up.
        ask_cloud: asked with Ingresses, nodes and the kube-system uid what the cloud tells of a
            uid that is nowhere else.

    Raises:
        ClusterError: the API failed, or there is no identity and none may be made up.
    """
    kube_system_uid = kube_system(api)
    for _ in range(_ROUNDS):
        found = stored(api)
        uid = cluster_uid or (found.value(UID) if found else "")
        missing: dict[str, str] = {}
        if uid:
            _check(UID, uid, Namer(uid, "").instance_group())
        else:
            uid = _recovered(api, kube_system_uid, ask_cloud) or _made_up(
                exists=found is not None, write=write
            )
            missing[UID] = uid
        firewall = provider_uid or (found.value(PROVIDER_UID) if found else "")
        if not firewall:
            firewall = uid
            if not cluster_uid:
                missing[PROVIDER_UID] = uid
        _check(PROVIDER_UID, firewall, Namer(uid, "", firewall).firewall())
        if not write or not missing or _kept(api, found, missing):
            return Identity(
                cluster_uid=uid, kube_system_uid=kube_system_uid, firewall_name=firewall
            )
    raise ClusterError(
        f"{WHERE}: somebody else keeps changing it: stop the other controller", status=_CONFLICT
    )


def _check(key: str, value: str, name: str) -> None:
    """Refuse a value that no name can end in. Raises ClusterError."""
    if not is_valid_name(name):
        raise ClusterError(
            f'{WHERE}: its key {key} is "{value}": Compute Engine refuses names like {name}:'
            " restore the right value"
        )


def kube_system(api: Api) -> str:
    """Return the uid of the namespace kube-system: no two clusters have the same. Raises ClusterError."""
    body = api.request("GET", f"/api/v1/namespaces/{_NAMESPACE}")
    return _decoded(body, _Namespace, f"namespace {_NAMESPACE}").metadata.uid


def create(api: Api, data: Mapping[str, str]) -> None:
    """Make the ConfigMap. Raises ApiError, 409 when it is there."""
    metadata: dict[str, Any] = {"name": _NAME, "namespace": _NAMESPACE}
    made = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": dict(data)}
    api.request("POST", _CONFIG_MAPS, body=made)


def stored(api: Api) -> ConfigMap | None:
    """Return the ConfigMap, None when there is none. Raises ClusterError."""
    try:
        body = api.request("GET", f"{_CONFIG_MAPS}/{_NAME}")
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    return _decoded(body, ConfigMap, WHERE)


def _kept(api: Api, found: ConfigMap | None, missing: dict[str, str]) -> bool:
    """Store what was missing; False when somebody else wrote first: then theirs counts."""
    try:
        if found is None:
            create(api, missing)
        else:
            metadata = {"resourceVersion": found.metadata.resource_version}
            patch = {"metadata": metadata, "data": missing}
            api.request("PATCH", f"{_CONFIG_MAPS}/{_NAME}", body=patch, content_type=MERGE_PATCH)
    except ApiError as error:
        if error.status in {_CONFLICT, _NOT_FOUND}:
            return False
        raise
    structlog.get_logger().info(
        "identity_stored", **{key.replace("-", "_"): missing[key] for key in missing}
    )
    return True


def _recovered(api: Api, kube_system_uid: str, ask_cloud: AskCloud) -> str:
    """Return the uid that what the cluster has tells; "" when it has no load balancer.

    Raises:
        ClusterError: there are load balancers, but their uid is not told, or more than one is.
    """
    ingresses = _listed(api, _INGRESSES, Ingress)
    nodes = _listed(api, _NODES, Node)
    uids, silent = _annotated(ingresses.values())
    found = ask_cloud(Snapshot(ingresses=ingresses, nodes=nodes), kube_system_uid)
    proofs = uids | dict(found.uids)
    if len(proofs) == 1:
        ((uid, proof),) = proofs.items()
        structlog.get_logger().info("identity_recovered", uid=uid, proof=proof)
        return uid
    if proofs:
        several = ", ".join(f"{uid} ({proof})" for uid, proof in sorted(proofs.items()))
        raise ClusterError(
            f"{WHERE}: has no uid, and several are told: {several}: put the right one into its key"
            f" {UID}, or pass --cluster-uid"
        )
    if lost := [*silent, *found.silent]:
        raise ClusterError(
            f"{WHERE}: has no uid, but load balancers exist ({lost[0]}):"
            f" restore its key {UID}, or pass --cluster-uid"
        )
    return ""


def _annotated(ingresses: Iterable[Ingress]) -> tuple[dict[str, str], list[str]]:
    """Return the uids that the rules of served Ingresses tell, and the rules that tell none."""
    told: dict[str, str] = {}
    silent: list[str] = []
    for ingress in ingresses:
        meta = ingress.metadata
        for annotation, prefix in _RULES if ingress.status.load_balancer.ingress else ():
            rule = (meta.annotations or {}).get(annotation, "")
            uid = rule.removeprefix(f"{prefix}-{meta.namespace}-{meta.name}--")
            if uid != rule and uid and len(rule) <= _UNCUT:
                told[uid] = f"{ingress.ref} has {rule}"
            elif rule:
                silent.append(f"{ingress.ref} has {rule}")
    return told, silent


def _listed(api: Api, path: str, type_: type[Object]) -> dict[str, Object]:
    """Return all objects of a kind by `namespace/name`."""
    found: dict[str, Object] = {}
    query = {"limit": str(_PAGE)}
    while True:
        page = _decoded(api.request("GET", path, query), _Page, f"list {path}")
        for raw in page.items or ():
            one = _decoded(raw, type_, f"an object of {path}")
            found[f"{one.metadata.namespace}/{one.metadata.name}".removeprefix("/")] = one
        if not page.metadata.next_page:
            return found
        query["continue"] = page.metadata.next_page


def _made_up(*, exists: bool, write: bool) -> str:
    """Return a new uid, where that is allowed."""
    if exists:  # it was made by somebody who knew the cluster: an empty uid may be meant
        raise ClusterError(
            f"{WHERE}: exists but has no uid: put one into its key {UID}, delete it, or pass --cluster-uid"
        )
    if not write:
        raise ClusterError(
            f"{WHERE}: not found, so this cluster has no identity yet:"
            " start `glbc run` once, or pass --cluster-uid"
        )
    return secrets.token_hex(_UID_BYTES)


def _decoded(body: bytes | msgspec.Raw, type_: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.MsgspecError as error:
        raise ClusterError(f"{what}: the API server's answer cannot be read: {error}") from error
