"""What a Service says of network endpoint groups: `cloud.google.com/neg`, as ingress-gce reads it."""

import re
from typing import Final

import msgspec

from glbc.model.loadbalancer import EndpointPort
from glbc.model.views import Service, ServicePort
from glbc.naming import is_valid_name
from glbc.translate import annotations
from glbc.translate.reasons import BadConfigError, Reason

HINT = 'write {"ingress": true}, or {"exposed_ports": {"80": {}}} for groups that no Ingress needs'

PORT: Final = re.compile("[0-9]{1,10}")  # Go reads an int32; int() refuses thousands of digits

HINT_NAME = "use a letter, then lower-case letters, digits and -, at most 63"


class Exposed(msgspec.Struct, frozen=True):
    """exposed_ports[]."""

    name: str = ""  # of the groups; "": made by us


class Asked(msgspec.Struct, frozen=True):
    """The annotation's JSON."""

    ingress: bool = False  # is the traffic of Ingresses sent to pods straight?
    exposed_ports: dict[str, Exposed | None] = {}

    def names(self) -> dict[int, str]:
        """Return, of each port that has groups of its own, what they are called; "": as we do."""
        return {
            int(port): exposed.name if exposed else ""
            for port, exposed in sorted(self.exposed_ports.items())
        }


NOTHING = Asked()


def asked_of(service: Service) -> Asked:
    """Return what a Service asks of endpoint groups.

    Raises:
        BadConfigError: it is not as it has to be.
    """
    text = annotations.text(service.metadata, annotations.NEG)
    if not text:
        return NOTHING
    where = f"service {service.metadata.namespace}/{service.metadata.name}: {annotations.NEG}"
    try:
        asked = msgspec.json.decode(text, type=Asked)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as bad:
        raise BadConfigError(Reason.BAD_NEG_ANNOTATION, f"{where}: {bad}", HINT) from bad
    have = {port.port for port in service.spec.ports or ()}
    for port, exposed in sorted(asked.exposed_ports.items()):
        if not (PORT.fullmatch(port) and int(port) in have):
            shown = ", ".join(map(str, sorted(have))) or "none"
            problem = f"{where}: exposed_ports: {port!r} is no port of the Service, it has {shown}"
            raise BadConfigError(Reason.BAD_NEG_ANNOTATION, problem, HINT)
        if exposed and exposed.name and not is_valid_name(exposed.name):
            problem = (
                f"{where}: exposed_ports: {exposed.name!r} is no name that Compute Engine accepts"
            )
            raise BadConfigError(Reason.BAD_NEG_ANNOTATION, problem, HINT_NAME)
        if exposed and exposed.name and asked.ingress:
            problem = f"{where}: port {port} has a name of its own and serves Ingresses, too"
            hint = "take the name out, or make another Service for the named groups"
            raise BadConfigError(Reason.BAD_NEG_ANNOTATION, problem, hint)
    return asked


def endpoint_port(port: ServicePort) -> EndpointPort:
    """Return what tells the pods' port of a Service port."""
    return EndpointPort(number=port.port, name=port.name, target=port.target_port or port.port)
