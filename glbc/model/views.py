"""What glbc sees of Kubernetes: frozen views in the shape of the API's own JSON.

Only the fields that are used are named here; the rest of an object is never built. `Snapshot` and
`Hints` are the only inputs of translation.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from glbc.model.compute import Endpoint, Firewall, HttpCheck, UrlMap
from glbc.model.configs import BackendConfig, Credential, FrontendConfig
from glbc.model.finding import ObjectRef
from glbc.model.keys import ResourceKey
from glbc.model.private import Private
from glbc.model.svcneg import GroupRecord
from glbc.model.view import Meta, View

GATE: Final = "cloud.google.com/load-balancer-neg-ready"  # upstream's readiness gate of a pod


class ServicePortRef(View, frozen=True):
    """A service port, by name or by number."""

    name: str = ""
    number: int = 0


class ServiceRef(View, frozen=True):
    """backend.service."""

    name: str
    port: ServicePortRef = ServicePortRef()


class ResourceRef(View, frozen=True):
    """backend.resource: not supported, but named in the finding."""

    kind: str = ""
    name: str = ""


class IngressBackend(View, frozen=True):
    """A backend: a service, or a resource."""

    service: ServiceRef | None = None
    resource: ResourceRef | None = None


class HttpPath(View, frozen=True):
    """rules[].http.paths[]."""

    backend: IngressBackend
    path: str | None = None
    path_type: str | None = None


class HttpRule(View, frozen=True):
    """rules[].http."""

    paths: tuple[HttpPath, ...] = ()


class IngressRule(View, frozen=True):
    """rules[]."""

    host: str | None = None
    http: HttpRule | None = None


class IngressTls(View, frozen=True):
    """tls[]."""

    secret_name: str | None = None


class IngressSpec(View, frozen=True):
    """Ingress spec."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] | None = None
    tls: tuple[IngressTls, ...] | None = None


class LoadBalancerIngress(View, frozen=True):
    """status.loadBalancer.ingress[]."""

    ip: str | None = None


class LoadBalancerStatus(View, frozen=True):
    """status.loadBalancer."""

    ingress: tuple[LoadBalancerIngress, ...] | None = None


class IngressStatus(View, frozen=True):
    """Ingress status."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Ingress(View, frozen=True):
    """networking.k8s.io/v1 Ingress."""

    metadata: Meta
    spec: IngressSpec = IngressSpec()
    status: IngressStatus = IngressStatus()

    @property
    def ref(self) -> ObjectRef:
        """How a finding names it."""
        return ObjectRef("Ingress", self.metadata.namespace, self.metadata.name)

    @property
    def address(self) -> str:
        """The published IP address, or ""."""
        entries = self.status.load_balancer.ingress or ()
        return (entries[0].ip or "") if entries else ""


class ServicePort(View, frozen=True):
    """ports[]."""

    port: int
    name: str = ""
    node_port: int = 0
    protocol: str = "TCP"
    app_protocol: str | None = None  # a hint: `http`, `https`, `kubernetes.io/h2c`, …
    target_port: int | str = 0  # of the pods, by number or by name; 0 or "": as `port`


class ServiceSpec(View, frozen=True):
    """Service spec."""

    type: str = "ClusterIP"
    ports: tuple[ServicePort, ...] | None = None
    cluster_ip: str | None = msgspec.field(name="clusterIP", default=None)  # `None`: headless
    selector: dict[str, str] | None = None


class Service(View, frozen=True):
    """core/v1 Service."""

    metadata: Meta
    spec: ServiceSpec = ServiceSpec()


class PodMeta(View, frozen=True):
    """metadata of a Pod: no version and no annotations, so that thousands are small and still."""

    name: str
    namespace: str = ""
    uid: str = ""  # of one that waits for its load balancer; "" of all others
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None  # as the uid
    labels: dict[str, str] | None = None


class HttpHeader(View, frozen=True):
    """httpGet.httpHeaders[]."""

    name: str
    value: str = ""


class HttpGet(View, frozen=True):
    """readinessProbe.httpGet; defaults are the API server's."""

    port: int | str
    path: str = "/"
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HttpHeader, ...] | None = None


class Probe(View, frozen=True):
    """containers[].readinessProbe; defaults are the API server's."""

    http_get: HttpGet | None = None  # None: another kind of probe
    period_seconds: int = 10
    timeout_seconds: int = 1


class ContainerPort(View, frozen=True):
    """containers[].ports[]."""

    container_port: int
    name: str = ""


class Container(View, frozen=True):
    """containers[]."""

    name: str = ""
    ports: tuple[ContainerPort, ...] | None = None
    readiness_probe: Probe | None = None


class ReadinessGate(View, frozen=True):
    """readinessGates[]."""

    condition_type: str = ""


class PodSpec(View, frozen=True):
    """Pod spec."""

    containers: tuple[Container, ...] | None = None
    readiness_gates: tuple[ReadinessGate, ...] | None = None


class PodCondition(View, frozen=True):
    """status.conditions[]."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""


class PodStatus(View, frozen=True):
    """Pod status."""

    conditions: tuple[PodCondition, ...] | None = None


NO_STATUS: Final = PodStatus()


class Pod(View, frozen=True):
    """core/v1 Pod: who it is and how its readiness is asked for.

    Of its status it has our condition, and that only where the pod's readiness waits for it: else
    nothing that changes while a pod lives, however it is made.
    """

    metadata: PodMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = NO_STATUS

    def __post_init__(self) -> None:
        """Leave out what nobody asks."""
        ours, meta = self.gate, self.metadata
        status = PodStatus((ours,)) if ours is not None and self.is_gated else NO_STATUS
        msgspec.structs.force_setattr(self, "status", status)
        if not self.is_gated and (meta.uid or meta.deletion_timestamp):
            bare = msgspec.structs.replace(meta, uid="", deletion_timestamp=None)
            msgspec.structs.force_setattr(self, "metadata", bare)

    @property
    def is_gated(self) -> bool:
        """Tell whether its readiness waits for the load balancer."""
        gates = self.spec.readiness_gates
        return gates is not None and any(one.condition_type == GATE for one in gates)

    @property
    def gate(self) -> PodCondition | None:
        """Our condition of it, if there is one."""
        return next((one for one in self.status.conditions or () if one.type == GATE), None)

    @property
    def asks_http(self) -> bool:
        """Tell whether a container's readiness is asked for over HTTP; only then a pod matters."""
        probes = (container.readiness_probe for container in self.spec.containers or ())
        return any(probe and probe.http_get for probe in probes)


class SlicePort(View, frozen=True):
    """ports[] of an EndpointSlice; named like the Service's port."""

    name: str | None = None  # None and "": the Service's only port has no name
    port: int | None = None


class SliceConditions(View, frozen=True):
    """endpoints[].conditions: what is not said of `ready` means yes, of the others what `ready` says."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceTarget(View, frozen=True):
    """endpoints[].targetRef."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class SliceEndpoint(View, frozen=True):
    """endpoints[]."""

    addresses: tuple[str, ...]
    conditions: SliceConditions = SliceConditions()
    node_name: str | None = None
    target_ref: SliceTarget | None = None


class SliceMeta(View, frozen=True):
    """metadata of an EndpointSlice: no version, so that one which changes nothing stays the same."""

    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None


class EndpointSlice(View, frozen=True):
    """discovery.k8s.io/v1 EndpointSlice."""

    metadata: SliceMeta
    address_type: str = "IPv4"
    endpoints: tuple[SliceEndpoint, ...] | None = None
    ports: tuple[SlicePort, ...] | None = None

    @property
    def service(self) -> str:
        """The Service, `namespace/name`, that it tells the endpoints of; "" when it says none."""
        name = (self.metadata.labels or {}).get("kubernetes.io/service-name", "")
        return f"{self.metadata.namespace}/{name}" if name else ""


class SecretData(View, frozen=True):
    """data of a Secret of type kubernetes.io/tls; base64 as on the wire."""

    tls_crt: str = msgspec.field(name="tls.crt", default="")
    tls_key: Private | None = msgspec.field(name="tls.key", default=None)


class Secret(View, frozen=True):
    """core/v1 Secret of type kubernetes.io/tls."""

    metadata: Meta
    data: SecretData | None = None


class Taint(View, frozen=True):
    """spec.taints[]."""

    key: str


class NodeSpec(View, frozen=True):
    """Node spec."""

    provider_id: str = msgspec.field(name="providerID", default="")
    taints: tuple[Taint, ...] | None = None


class NodeCondition(View, frozen=True):
    """status.conditions[]."""

    type: str
    status: str


class NodeStatus(View, frozen=True):
    """Node status."""

    conditions: tuple[NodeCondition, ...] | None = None


class Node(View, frozen=True):
    """core/v1 Node."""

    metadata: Meta
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ParametersRef(View, frozen=True):
    """IngressClass spec.parameters."""

    api_group: str | None = None
    kind: str = ""
    name: str = ""


class IngressClassSpec(View, frozen=True):
    """IngressClass spec."""

    controller: str = ""
    parameters: ParametersRef | None = None


class IngressClass(View, frozen=True):
    """networking.k8s.io/v1 IngressClass."""

    metadata: Meta
    spec: IngressClassSpec = IngressClassSpec()


class RequiredPolicy(View, frozen=True):
    """IngressParameters spec.securityPolicy."""

    required: bool = False


class IngressParametersSpec(View, frozen=True):
    """IngressParameters spec."""

    security_policy: RequiredPolicy | None = None
    https_redirect: str = ""  # tls | explicit; "": the configuration decides


class IngressParameters(View, frozen=True):
    """glbc.gcp.kubernetes.io/v1 IngressParameters; cluster-wide."""

    metadata: Meta
    spec: IngressParametersSpec | None = None


VIEWS: Final[dict[str, type[View]]] = {
    "Ingress": Ingress,
    "Service": Service,
    "Node": Node,
    "IngressClass": IngressClass,
    "Secret": Secret,
    "FrontendConfig": FrontendConfig,
    "BackendConfig": BackendConfig,
    "IngressParameters": IngressParameters,
    "Pod": Pod,
    "EndpointSlice": EndpointSlice,
    "ServiceNetworkEndpointGroup": GroupRecord,
}


def decode_hook(wanted: type, value: Any) -> Any:
    """Build the types that JSON has not; for every decoder of views."""
    if wanted is Private:
        return Private(str(value).encode())
    raise NotImplementedError(wanted)


class Identity(msgspec.Struct, frozen=True):
    """Which cluster this is; read once, and never changed while running."""

    cluster_uid: str  # ConfigMap kube-system/ingress-uid, key `uid`
    kube_system_uid: str  # metadata.uid of namespace kube-system
    firewall_name: str = ""  # the same ConfigMap's `provider-uid`; "" means the cluster uid


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster at one moment. Keys are `namespace/name`, of cluster-wide kinds the name."""

    ingresses: Mapping[str, Ingress] = {}
    services: Mapping[str, Service] = {}
    nodes: Mapping[str, Node] = {}
    ingress_classes: Mapping[str, IngressClass] = {}
    secrets: Mapping[str, Secret] = {}  # of type kubernetes.io/tls only
    frontend_configs: Mapping[str, FrontendConfig] = {}
    backend_configs: Mapping[str, BackendConfig] = {}
    credentials: Mapping[str, Credential | None] = {}  # read by name; None: there is no such Secret
    ingress_parameters: Mapping[str, IngressParameters] = {}
    pods: Mapping[str, Pod] = {}
    endpoint_slices: Mapping[str, EndpointSlice] = {}
    group_records: Mapping[str, GroupRecord] = {}  # nothing is wanted because of them
    complete: frozenset[str] = frozenset()  # kinds whose list is done and whose watch is alive
    absent: frozenset[str] = frozenset()  # custom kinds that the cluster does not have


class Misfit(msgspec.Struct, frozen=True):
    """Why the cloud did not take an instance into its zone's group."""

    missing: bool  # there is no such instance; else it is in another load-balanced group
    group: ResourceKey | None = None  # that group, where it is known
    user: ResourceKey | None = None  # the backend service that uses it


class LiveGroup(msgspec.Struct, frozen=True):
    """An endpoint group of ours: of which Service port, and who is in it."""

    service: str  # `namespace/name`
    port: str  # number of the Service's port
    endpoints: tuple[Endpoint, ...] = ()


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """The little that translation may know of the cloud, computed from the actual graph."""

    url_maps: Mapping[ResourceKey, UrlMap] = {}  # the routes served now
    http_proxies: Mapping[ResourceKey, ResourceKey] = {}  # proxy -> the URL map that it serves
    https_proxies: Mapping[ResourceKey, tuple[ResourceKey, ...]] = {}  # -> its certificates
    certificates: Mapping[str, str] = {}  # name -> PEM chain of all that there are, whose ever
    policies: Mapping[str, frozenset[str]] = {}  # kind of policy -> the names of all; none: unknown
    proxy_policies: Mapping[ResourceKey, ResourceKey] = {}  # HTTPS proxy -> its SSL policy
    protected: Mapping[ResourceKey, ResourceKey] = {}  # backend service -> its security policy
    addresses: Mapping[str, str] = {}  # global address -> its IP
    rules: Mapping[ResourceKey, str] = {}  # forwarding rule -> its IP; "" while it is under way
    checks: Mapping[str, HttpCheck] = {}  # name of a health check -> what it asks
    listeners: frozenset[tuple[str, str, ResourceKey]] = frozenset()  # IP, ports, who has them
    endpoint_groups: Mapping[ResourceKey, LiveGroup] = {}  # of ours
    unfit: Mapping[tuple[ResourceKey, Endpoint], str] = {}  # who cannot join its group, and why
    unlisted: frozenset[str] = frozenset()  # kinds that nobody could list so far
    balancing: str = ""  # the mode that live backends of our groups have; "" when there are none
    refused: frozenset[ResourceKey] = frozenset()  # resources whose CREATE is parked
    instance_tags: Mapping[str, tuple[str, ...]] = {}  # instance name -> its network tags
    misfits: Mapping[ResourceKey, Misfit] = {}  # instances that cannot join their group
    health: Mapping[ResourceKey, str] = {}  # of backend services that a live rule leads to
    doubted: frozenset[ResourceKey] = (
        frozenset()
    )  # who fails by an answer from before a route was to leave
    reached: frozenset[ResourceKey] = frozenset()  # backend services that a live rule leads to
    waits: Mapping[tuple[ResourceKey, ResourceKey], float] = {}
    # URL map, backend that it waits for and that is reached -> since when, seconds since 1970
    stuck: frozenset[ResourceKey] = frozenset()  # URL maps of which the cloud refused a warm-up
    firewalls: Mapping[ResourceKey, Firewall] = {}  # every rule of the network's project
    left_behind: Mapping[str, frozenset[ResourceKey]] = {}
    # Ingress that is gone and left its load balancer on purpose -> all that this needs
    protocols: Mapping[ResourceKey, str] = {}  # our backend services -> what each speaks now
