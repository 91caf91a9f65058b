"""Service port to Backend: once per Service port, so that no two Ingresses can disagree about one."""

from typing import Final

import msgspec
from msgspec import UNSET

from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.loadbalancer import Backend, Check
from glbc.model.view import Meta
from glbc.model.views import Hints, IngressBackend, Service, ServicePort, ServicePortRef, Snapshot
from glbc.naming import Namer
from glbc.translate import annotations, negs
from glbc.translate.backendconfig import asked_of
from glbc.translate.reasons import BadConfigError, Reason

WITH_NODE_PORTS: Final = frozenset({"NodePort", "LoadBalancer"})
HEADLESS: Final = "None"  # spec.clusterIP
OF_PODS: Final = Check(
    # A pod is asked by itself, so that more often than a node's shared port is not too often.
    check_interval_sec=15,
    timeout_sec=15,
    healthy_threshold=1,
    unhealthy_threshold=2,
    description="Default kubernetes L7 Loadbalancing health check for NEG.",
)


class World(msgspec.Struct, frozen=True):
    """What a backend is looked up in."""

    snapshot: Snapshot
    hints: Hints
    config: Config
    protected: bool = False  # does the Ingress require a security policy for every backend?


def resolve(
    reference: IngressBackend, user: ObjectRef, field: str, world: World
) -> Backend | Finding:
    """Find the Service port that a backend names.

    Args:
        reference: the backend as the Ingress writes it.
        user: the Ingress; the Service is looked up in its namespace.
        field: path of the backend inside the Ingress, for the finding.
        world: the cluster, what may be known of the cloud, and the settings.
    """
    named = reference.service
    if named is None:
        return Finding(
            user,
            Reason.BACKEND_NOT_A_SERVICE,
            field,
            "the backend is not a service",
            "use backend.service; resource backends are not supported",
        )
    service = ObjectRef("Service", user.namespace, named.name)
    return resolve_service(service, named.port, user, field, world)


def resolve_service(
    service: ObjectRef, port: ServicePortRef, user: ObjectRef, field: str, world: World
) -> Backend | Finding:
    """Find a port of a Service; a Finding on the Ingress says what is missing."""
    where, config = f"{service.namespace}/{service.name}", world.config
    found = world.snapshot.services.get(where)
    if found is None:
        return Finding(
            user,
            Reason.SERVICE_NOT_FOUND,
            field,
            f"service {where} does not exist",
            "create it, or name another one",
        )
    try:
        straight = negs.asked_of(found).ingress
        chosen = _chosen(found, port, user, field, straight=straight)
        if isinstance(chosen, Finding):
            return chosen
        asked = asked_of(found.metadata, chosen, world.snapshot, world.hints, config.project)
    except BadConfigError as bad:
        return Finding(user, bad.reason, field, str(bad), bad.hint)
    has_policy = asked is not None and asked.service.security_policy is not UNSET
    if not has_policy and (world.protected or requires_policy(found.metadata)):
        return Finding(
            user,
            Reason.SECURITY_POLICY_REQUIRED,
            field,
            f"a Cloud Armor policy is required for service {where}, and none is named",
            "name one in spec.securityPolicy of its BackendConfig",
        )
    is_default = where == config.default_backend_service
    path_setting = "default_backend_health_check_path" if is_default else "health_check_path"
    return Backend(
        service=service,
        port_name=port.name,
        port_number=0 if port.name else port.number,
        node_port=chosen.node_port,
        protocol="HTTP",
        check=msgspec.structs.replace(
            OF_PODS if straight else Check(),
            path=getattr(config, path_setting),
            origin=(("path", f"config {path_setting}"),),
        ),
        endpoints=negs.endpoint_port(chosen) if straight else None,
        origin=f"{user} {field}",
        asked=asked,
    )


def key_of(backend: Backend, namer: Namer, config: Config) -> ResourceKey:
    """Return the key of a backend's service: of a node port, or of the endpoint groups' own name."""
    service, straight = backend.service, backend.endpoints
    name = (
        namer.neg(service.namespace, service.name, straight.number)
        if straight
        else namer.backend(backend.node_port)
    )
    return ResourceKey(config.project, Kind.BACKEND_SERVICE, GLOBAL, name)


def _chosen(
    found: Service, port: ServicePortRef, user: ObjectRef, field: str, *, straight: bool
) -> ServicePort | Finding:
    """Return the port that is meant; a Finding where it cannot be served."""
    where = f"{found.metadata.namespace}/{found.metadata.name}"
    if refused := _refused(found, user, field, straight=straight):
        return refused
    chosen = port_of(found, port)
    if chosen is None:
        wanted = port.name or port.number
        have = ", ".join(f"{p.name or '-'}:{p.port}" for p in found.spec.ports or ())
        return Finding(
            user,
            Reason.SERVICE_PORT_NOT_FOUND,
            field,
            f"service {where} has no port {wanted}",
            f"name one that it has: {have}" if have else "give it ports",
        )
    if not straight and (found.spec.type not in WITH_NODE_PORTS or not chosen.node_port):
        return Finding(
            user,
            Reason.NO_NODE_PORT,
            field,
            f"service {where} of type {found.spec.type} has no node port for {chosen.port}",
            "write nodePort down, or see why the cluster has chosen none"
            if found.spec.type == "NodePort"
            else f'annotate the Service with {annotations.NEG}: {{"ingress": true}}, or set its '
            "type to NodePort",
        )
    return chosen


def requires_policy(meta: Meta) -> bool:
    """Tell whether an Ingress or a Service requires a Cloud Armor policy."""
    return annotations.flag(meta, annotations.REQUIRE_SECURITY_POLICY, default=False)


def _refused(service: Service, user: ObjectRef, field: str, *, straight: bool) -> Finding | None:
    """Return why no port of the Service can ever be served, or None."""
    where = f"service {service.metadata.namespace}/{service.metadata.name}"
    if service.spec.type == "ExternalName":
        return Finding(
            user,
            Reason.EXTERNAL_NAME_SERVICE,
            field,
            f"{where} is of type ExternalName, which has no node port",
            "name a Service of type NodePort",
        )
    if service.spec.cluster_ip == HEADLESS and not straight:
        return Finding(
            user,
            Reason.HEADLESS_SERVICE,
            field,
            f"{where} is headless, so it has no node port",
            f'annotate it with {annotations.NEG}: {{"ingress": true}}, or make another Service of '
            "type NodePort for the same pods",
        )
    return None


def port_of(service: Service, wanted: ServicePortRef) -> ServicePort | None:
    """Return the port by name if the reference has one, else the first with that number."""
    for port in service.spec.ports or ():
        if (port.name == wanted.name) if wanted.name else (port.port == wanted.number):
            return port
    return None


def note(finding: Finding, consequence: str, severity: Severity = Severity.WARNING) -> Finding:
    """Return the finding with what it means for the traffic added to its message."""
    message = f"{finding.message}; {consequence}"
    return msgspec.structs.replace(finding, message=message, severity=severity)
