"""The kinds that the fake serves: a row each, no class.

A row says how a kind is spelled in URLs and discovery, which model of the Kubernetes
client describes its fields, and which of the generic behaviours it takes part in.
What a kind defaults, validates and prints stands in tables keyed by `Kind.resource`.
"""

from typing import Final

import msgspec

ALL_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind in one served version."""

    kind: str  # Ingress
    plural: str  # ingresses
    group: str = ""  # networking.k8s.io; empty is the core group
    version: str = "v1"
    model: str = ""  # the client's model class, or a name in schema.EXTRA; empty: any field goes
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False  # has a status subresource
    scale: bool = False  # has a scale subresource
    eviction: bool = False  # has an eviction subresource
    generation: bool = False  # counts changes of its spec
    unconditional: bool = True  # an update may leave resourceVersion out
    create_on_update: bool = False  # a PUT of what does not exist creates it
    stored_as: str = ""  # resource it is a view of; empty: its own
    virtual: bool = False  # only answers a POST, nothing is stored
    custom: bool = False  # defined by a CustomResourceDefinition
    singular: str = ""

    @property
    def resource(self) -> str:
        """Return the name of the storage: `ingresses.networking.k8s.io`."""
        return self.stored_as or (f"{self.plural}.{self.group}" if self.group else self.plural)

    @property
    def api_version(self) -> str:
        """Return `networking.k8s.io/v1`, or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def verbs(self) -> tuple[str, ...]:
        """Return the verbs that discovery names."""
        return ("create",) if self.virtual else ALL_VERBS

    @property
    def single(self) -> str:
        """Return the singular name."""
        return self.singular or self.kind.lower()


INGRESSES: Final = "ingresses.networking.k8s.io"
CRDS: Final = "customresourcedefinitions.apiextensions.k8s.io"

_EVERYONE = ("all",)

# fmt: off
BUILT_IN: Final[tuple[Kind, ...]] = (
    Kind(kind="Namespace", plural="namespaces", model="V1Namespace", namespaced=False, short=("ns",), status=True),
    Kind(kind="Node", plural="nodes", model="V1Node", namespaced=False, short=("no",), status=True),
    Kind(kind="Pod", plural="pods", model="V1Pod", short=("po",), categories=_EVERYONE,
         status=True, eviction=True, generation=True),
    Kind(kind="Service", plural="services", model="V1Service", short=("svc",), categories=_EVERYONE, status=True),
    Kind(kind="Endpoints", plural="endpoints", model="V1Endpoints", short=("ep",)),
    Kind(kind="Secret", plural="secrets", model="V1Secret"),
    Kind(kind="ConfigMap", plural="configmaps", model="V1ConfigMap", short=("cm",)),
    Kind(kind="Event", plural="events", model="CoreV1Event", short=("ev",)),
    Kind(kind="ServiceAccount", plural="serviceaccounts", model="V1ServiceAccount", short=("sa",)),
    Kind(kind="ReplicationController", plural="replicationcontrollers", model="V1ReplicationController", short=("rc",),
         categories=_EVERYONE, status=True, scale=True, generation=True),
    Kind(kind="PersistentVolume", plural="persistentvolumes", model="V1PersistentVolume", namespaced=False, short=("pv",), status=True),
    Kind(kind="PersistentVolumeClaim", plural="persistentvolumeclaims", model="V1PersistentVolumeClaim", short=("pvc",), status=True),
    Kind(kind="ResourceQuota", plural="resourcequotas", model="V1ResourceQuota", short=("quota",), status=True),
    Kind(kind="LimitRange", plural="limitranges", model="V1LimitRange", short=("limits",)),
    Kind(kind="Deployment", plural="deployments", group="apps", model="V1Deployment", short=("deploy",), categories=_EVERYONE,
         status=True, scale=True, generation=True),
    Kind(kind="ReplicaSet", plural="replicasets", group="apps", model="V1ReplicaSet", short=("rs",), categories=_EVERYONE,
         status=True, scale=True, generation=True),
    Kind(kind="DaemonSet", plural="daemonsets", group="apps", model="V1DaemonSet", short=("ds",), categories=_EVERYONE, status=True, generation=True),
    Kind(kind="StatefulSet", plural="statefulsets", group="apps", model="V1StatefulSet", short=("sts",), categories=_EVERYONE,
         status=True, scale=True, generation=True),
    Kind(kind="Job", plural="jobs", group="batch", model="V1Job", categories=_EVERYONE, status=True, generation=True),
    Kind(kind="CronJob", plural="cronjobs", group="batch", model="V1CronJob", short=("cj",), categories=_EVERYONE, status=True, generation=True),
    Kind(kind="Ingress", plural="ingresses", group="networking.k8s.io", model="V1Ingress", short=("ing",), status=True, generation=True),
    Kind(kind="IngressClass", plural="ingressclasses", group="networking.k8s.io", model="V1IngressClass", namespaced=False, generation=True),
    Kind(kind="NetworkPolicy", plural="networkpolicies", group="networking.k8s.io", model="V1NetworkPolicy", short=("netpol",), generation=True),
    Kind(kind="Ingress", plural="ingresses", group="networking.k8s.io", version="v1beta1", model="V1beta1Ingress",
         status=True, generation=True, stored_as=INGRESSES),
    Kind(kind="EndpointSlice", plural="endpointslices", group="discovery.k8s.io", model="V1EndpointSlice", generation=True),
    Kind(kind="Lease", plural="leases", group="coordination.k8s.io", model="V1Lease", unconditional=False, create_on_update=True),
    Kind(kind="Event", plural="events", group="events.k8s.io", model="EventsV1Event", stored_as="events"),
    Kind(kind="Role", plural="roles", group="rbac.authorization.k8s.io", model="V1Role"),
    Kind(kind="RoleBinding", plural="rolebindings", group="rbac.authorization.k8s.io", model="V1RoleBinding"),
    Kind(kind="ClusterRole", plural="clusterroles", group="rbac.authorization.k8s.io", model="V1ClusterRole", namespaced=False),
    Kind(kind="ClusterRoleBinding", plural="clusterrolebindings", group="rbac.authorization.k8s.io", model="V1ClusterRoleBinding", namespaced=False),
    Kind(kind="PodDisruptionBudget", plural="poddisruptionbudgets", group="policy", model="V1PodDisruptionBudget", short=("pdb",),
         status=True, generation=True),
    Kind(kind="HorizontalPodAutoscaler", plural="horizontalpodautoscalers", group="autoscaling", version="v2",
         model="V2HorizontalPodAutoscaler", short=("hpa",), categories=_EVERYONE, status=True),
    Kind(kind="StorageClass", plural="storageclasses", group="storage.k8s.io", model="V1StorageClass", namespaced=False, short=("sc",)),
    Kind(kind="PriorityClass", plural="priorityclasses", group="scheduling.k8s.io", model="V1PriorityClass", namespaced=False, short=("pc",), generation=True),
    Kind(kind="CustomResourceDefinition", plural="customresourcedefinitions", group="apiextensions.k8s.io",
         model="V1CustomResourceDefinition", namespaced=False, short=("crd", "crds"), status=True, generation=True),
    Kind(kind="SelfSubjectAccessReview", plural="selfsubjectaccessreviews", group="authorization.k8s.io",
         model="V1SelfSubjectAccessReview", namespaced=False, virtual=True),
    Kind(kind="SelfSubjectReview", plural="selfsubjectreviews", group="authentication.k8s.io",
         model="V1SelfSubjectReview", namespaced=False, virtual=True),
    Kind(kind="Ingress", plural="ingresses", group="extensions", version="v1beta1", model="V1beta1Ingress",
         status=True, generation=True, stored_as=INGRESSES),
)
# fmt: on
