"""What glbc may do in the cluster, asked before anything is written: the API server says it per verb.

The rows are those of `deploy/rbac.yaml` (a test compares). A kind that cannot be listed holds back every
deletion for ever, so whoever installs glbc is told what is missing, all of it at once.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from glbc.config import Config
from glbc.errors import ClusterError
from glbc.kube.client import Api

_PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SYSTEM: Final = "kube-system"


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
    Need(group="networking.gke.io", resource="frontendconfigs", verbs=_SEEN),
    Need(group="glbc.gcp.kubernetes.io", resource="ingressparameters", verbs=_SEEN),
    Need(resource="namespaces", verbs=("get",), namespace=_SYSTEM, name=_SYSTEM),
    Need(resource="configmaps", verbs=("get", "patch"), namespace=_SYSTEM, name="ingress-uid"),
    Need(resource="configmaps", verbs=("get", "patch"), namespace=_SYSTEM, name="glbc"),
    Need(resource="configmaps", verbs=("create",), namespace=_SYSTEM),
    Need(resource="configmaps", verbs=("get",), namespace=_SYSTEM, name="ingress-gce-lock"),
    Need(resource="endpoints", verbs=("get",), namespace=_SYSTEM, name="ingress-gce-lock"),
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
    """Ask for every verb that is needed.

    Raises:
        ClusterError: some are missing; the message names them all.
    """
    missing = list(_missing(api, config))
    if missing:
        raise ClusterError(
            f"{api.host}: glbc may not {'; '.join(missing)}: apply deploy/rbac.yaml, and run as the "
            "service account that it names"
        )


def _missing(api: Api, config: Config) -> Iterator[str]:
    for need in needs(config):
        for verb in need.verbs:
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
                "spec": {"resourceAttributes": {k: v for k, v in attributes.items() if v}},
            }
            answer = msgspec.json.decode(api.request("POST", _PATH, body=body))
            if not answer.get("status", {}).get("allowed"):
                yield need.told(verb)
