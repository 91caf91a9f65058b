"""Service port to Backend: once per Service port, so that no two Ingresses can disagree about one."""

from typing import Final

import msgspec

from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.loadbalancer import Backend, Check
from glbc.model.views import IngressBackend, Service, ServicePort, ServicePortRef, Snapshot
from glbc.translate.reasons import Reason

WITH_NODE_PORTS: Final = frozenset({"NodePort", "LoadBalancer"})


def resolve(
    reference: IngressBackend, user: ObjectRef, field: str, snapshot: Snapshot, config: Config
) -> Backend | Finding:
    """Find the Service port that a backend names.

    Args:
        reference: the backend as the Ingress writes it.
        user: the Ingress; the Service is looked up in its namespace.
        field: path of the backend inside the Ingress, for the finding.
        snapshot: the cluster.
        config: the settings of the health check's path and the system default backend.
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
    return resolve_service(
        ObjectRef("Service", user.namespace, named.name), named.port, user, field, snapshot, config
    )


def resolve_service(  # who asks, where, for what
    service: ObjectRef,
    port: ServicePortRef,
    user: ObjectRef,
    field: str,
    snapshot: Snapshot,
    config: Config,
) -> Backend | Finding:
    """Find a port of a Service; a Finding on the Ingress says what is missing."""
    where = f"{service.namespace}/{service.name}"
    found = snapshot.services.get(where)
    if found is None:
        return Finding(
            user,
            Reason.SERVICE_NOT_FOUND,
            field,
            f"service {where} does not exist",
            "create it, or name another one",
        )
    chosen = _port(found, port)
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
    if found.spec.type not in WITH_NODE_PORTS or not chosen.node_port:
        return Finding(
            user,
            Reason.NO_NODE_PORT,
            field,
            f"service {where} of type {found.spec.type} has no node port for {chosen.port}",
            "set the Service's type to NodePort",
        )
    is_default = where == config.default_backend_service
    path_setting = "default_backend_health_check_path" if is_default else "health_check_path"
    return Backend(
        service=service,
        port_name=port.name,
        port_number=0 if port.name else port.number,
        node_port=chosen.node_port,
        protocol="HTTP",
        check=Check(
            path=getattr(config, path_setting), origin=(("path", f"config {path_setting}"),)
        ),
        origin=f"{user} {field}",
    )


def _port(service: Service, wanted: ServicePortRef) -> ServicePort | None:
    """Return the port by name if the reference has one, else the first with that number."""
    for port in service.spec.ports or ():
        if (port.name == wanted.name) if wanted.name else (port.port == wanted.number):
            return port
    return None


def note(finding: Finding, consequence: str, severity: Severity = Severity.WARNING) -> Finding:
    """Return the finding with what it means for the traffic added to its message."""
    message = f"{finding.message}; {consequence}"
    return msgspec.structs.replace(finding, message=message, severity=severity)
