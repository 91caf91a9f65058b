"""What glbc may do in the cluster, asked before anything is written: the API server says it per verb.

The rows are those of `deploy/rbac.yaml` (a test compares). A kind that cannot be listed holds back every
deletion for ever, so whoever installs glbc is told what is missing, all of it at once.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from glbc.config import Config
from glbc.errors import ClusterError
from glbc.kube.client import Api

_PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SYSTEM: Final = "kube-system"
_AT_ONCE: Final = 8  # a server whose answers take seconds must not hold up a start for minutes


class Need(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Verbs on one resource."""

    group: str = ""  # "": the core group
    resource: str
    subresource: str = ""
    verbs: tuple[str, ...]
    namespace: str = ""  # "": in all of them
    name: str = ""  # "": of any name

    def told(self, verb: str) -> str:
        """Say one verb as people write it."""
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        what = f"{what}.{self.group}" if self.group else what
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{verb} {what}{f' {self.name}' if self.name else ''}{where}"


_SEEN: Final = ("list", "watch")
_GKE: Final = "networking.gke.io"
_RECORDS: Final = "servicenetworkendpointgroups"
NEEDS: Final = (
    Need(group="networking.k8s.io", resource="ingresses", verbs=(*_SEEN, "patch")),
    Need(group="networking.k8s.io", resource="ingresses", subresource="status", verbs=("patch",)),
    Need(group="networking.k8s.io", resource="ingressclasses", verbs=_SEEN),
    Need(resource="services", verbs=_SEEN),
    Need(resource="nodes", verbs=_SEEN),
    Need(resource="pods", verbs=_SEEN),
    Need(resource="pods", subresource="status", verbs=("patch",)),
    Need(group="discovery.k8s.io", resource="endpointslices", verbs=_SEEN),
    Need(resource="secrets", verbs=("get", *_SEEN)),
    Need(resource="events", verbs=("create", "get", "patch")),
    Need(group="cloud.google.com", resource="backendconfigs", verbs=_SEEN),
    Need(group=_GKE, resource="frontendconfigs", verbs=_SEEN),
    Need(group="glbc.gcp.kubernetes.io", resource="ingressparameters", verbs=_SEEN),
    Need(resource="namespaces", verbs=("get",), namespace=_SYSTEM, name=_SYSTEM),
    Need(resource="configmaps", verbs=("get", "patch"), namespace=_SYSTEM, name="ingress-uid"),
    Need(resource="configmaps", verbs=("get", "patch"), namespace=_SYSTEM, name="glbc"),
    Need(resource="configmaps", verbs=("create",), namespace=_SYSTEM),
    Need(resource="configmaps", verbs=("get",), namespace=_SYSTEM, name="ingress-gce-lock"),
    Need(resource="endpoints", verbs=("get",), namespace=_SYSTEM, name="ingress-gce-lock"),
    Need(resource="services", verbs=("patch",)),
    Need(group=_GKE, resource=_RECORDS, verbs=(*_SEEN, "create", "patch", "delete")),
    Need(group=_GKE, resource=_RECORDS, subresource="status", verbs=("patch",)),
)


def needs(config: Config) -> tuple[Need, ...]:
    """Return all that a controller with these settings needs."""
    if not config.lease.enabled:
        return NEEDS
    group, place = "coordination.k8s.io", config.lease.namespace
    return (
        *NEEDS,
        Need(
            group=group,
            resource="leases",
            verbs=("get", "update"),
            namespace=place,
            name=config.lease.name,
        ),
        Need(group=group, resource="leases", verbs=("create",), namespace=place),
        Need(
            group=group,
            resource="leases",
            verbs=("get",),
            namespace=_SYSTEM,
            name="ingress-gce-lock",
        ),
    )


def check_access(api: Api, config: Config) -> None:
    """Ask for every verb that is needed; `api` is closed when that fails.

    Raises:
        ClusterError: some are missing; the message names them all.
    """
    missing = _missing(api, config)
    if missing:
        raise ClusterError(
            f"{api.host}: glbc may not {'; '.join(missing)}: apply deploy/rbac.yaml, and run as the "
            "service account that it names"
        )


def _missing(api: Api, config: Config) -> list[str]:
    """Return what is refused, in the order of the table."""
    verbs = [(need, verb) for need in needs(config) for verb in need.verbs]
    threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="access")
    try:
        allowed = list(threads.map(lambda one: _may(api, *one), verbs))
    except BaseException:  # a signal, too: nobody waits for a server that hangs
        threads.shutdown(wait=False, cancel_futures=True)
        api.close()
        raise
    threads.shutdown()
    return [need.told(verb) for (need, verb), may in zip(verbs, allowed, strict=True) if not may]


def _may(api: Api, need: Need, verb: str) -> bool:
    """Ask for one verb. Raises ApiError."""
    attributes = {
        "group": need.group,
        "resource": need.resource,
        "subresource": need.subresource,
        "verb": verb,
        "namespace": need.namespace,
        "name": need.name,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    answer = msgspec.json.decode(api.request("POST", _PATH, body=body))
    return bool(answer.get("status", {}).get("allowed"))
