"""What a Service port speaks: HTTP, HTTPS or HTTP/2 over TLS.

The annotation decides, as in ingress-gce. Where it is silent about a port, `appProtocol` says what a
new backend begins with: ingress-gce does not read that field, so a backend that is live keeps what
it speaks until the annotation says otherwise.
"""

from typing import Final

import msgspec

from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.loadbalancer import Backend
from glbc.model.views import Service, ServicePort, ServicePortRef, Snapshot
from glbc.translate import annotations
from glbc.translate.backend import port_of
from glbc.translate.reasons import Reason

DEFAULT: Final = "HTTP"
SPOKEN: Final = ("HTTP", "HTTPS", "HTTP2")
HTTP2_CLEARTEXT: Final = "kubernetes.io/h2c"
MEANT: Final = {
    # Service.spec.ports[].appProtocol, lower-cased -> what the load balancer speaks. IANA names, names
    # that Kubernetes defines (KEP-3726), and `HTTP2`, which on GKE means HTTP/2 over TLS. WebSocket
    # begins as HTTP/1.1. Any other name says nothing to us.
    "http": "HTTP",
    "https": "HTTPS",
    "http2": "HTTP2",
    "kubernetes.io/ws": "HTTP",
    "kubernetes.io/wss": "HTTPS",
    HTTP2_CLEARTEXT: "HTTP",  # classic backends have no HTTP/2 without TLS
}


class BadProtocolError(ValueError):
    """The annotation cannot be used for the port; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Odd(msgspec.Struct, frozen=True):
    """Something said that has no effect."""

    reason: Reason
    message: str
    hint: str


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """The protocol of one Service port."""

    protocol: str = DEFAULT
    asked: bool = True  # enforced; False: said by appProtocol alone
    origin: str = ""  # object and field that say so; "" for the default
    odd: Odd | None = None


def with_protocol(
    backend: Backend, user: ObjectRef, field: str, snapshot: Snapshot, live: str | None
) -> tuple[Backend | Finding, Finding | None]:
    """Return the backend with the protocol of its Service port, and what is odd about it.

    Args:
        backend: found, with the default protocol.
        user: the Ingress that asks for it, for findings.
        field: path of the backend inside the Ingress, for findings.
        snapshot: has the Service.
        live: the protocol of the backend's backend service, None while there is none.
    """
    service = snapshot.services[f"{backend.service.namespace}/{backend.service.name}"]
    port = port_of(service, ServicePortRef(name=backend.port_name, number=backend.port_number))
    try:
        found = spoken(service, port, live) if port else Spoken()
    except BadProtocolError as bad:
        return Finding(user, Reason.BAD_APP_PROTOCOL, field, str(bad), bad.hint), None
    odd = None
    if found.odd:
        odd = Finding(
            user, found.odd.reason, field, found.odd.message, found.odd.hint, Severity.NOTE
        )
    spoken_backend = msgspec.structs.replace(
        backend, protocol=found.protocol, protocol_asked=found.asked, protocol_origin=found.origin
    )
    return spoken_backend, odd


def spoken(service: Service, port: ServicePort, live: str | None) -> Spoken:
    """Return what a port speaks.

    Args:
        service: has the annotations.
        port: one of its ports.
        live: the protocol of the port's backend service, None while there is none.

    Raises:
        BadProtocolError: the annotation is not what it must be.
    """
    where = f"service {service.metadata.namespace}/{service.metadata.name}"
    key = annotations.first(
        service.metadata, annotations.APP_PROTOCOLS_ALPHA, annotations.APP_PROTOCOLS
    )
    said = _said(annotations.text(service.metadata, key), where, key) if key else {}
    if port.name and port.name in said:
        found = said[port.name]
        if found not in SPOKEN:
            problem = f"{where}: annotation {key} gives port {port.name} the protocol {found!r}"
            raise BadProtocolError(problem, f"use one of {', '.join(SPOKEN)}, written so")
        return Spoken(protocol=str(found), origin=f"{where} metadata.annotations[{key}]")
    odd = _unmatched(service, said, where, key)
    wish = MEANT.get((port.app_protocol or "").lower())
    if wish is None:
        return Spoken(odd=odd)
    field = f"{where} spec.ports[{port.name or port.port}].appProtocol"
    if (port.app_protocol or "").lower() == HTTP2_CLEARTEXT:
        message = f"{field} is {HTTP2_CLEARTEXT}, which a classic load balancer does not speak"
        odd = Odd(Reason.APP_PROTOCOL_IGNORED, f"{message}; HTTP is used", "serve HTTP/1.1 too")
    if live is not None and live != wish:
        message = f"{field} is {port.app_protocol}, and the backend that is live speaks {live}"
        hint = f"to change it set the annotation {annotations.APP_PROTOCOLS}"
        odd = Odd(Reason.APP_PROTOCOL_IGNORED, f"{message}; it stays so", hint)
        wish = live if live in SPOKEN else DEFAULT
    return Spoken(protocol=wish, asked=False, origin=field, odd=odd)


def _said(text: str, where: str, key: str) -> dict[str, object]:
    try:
        # `null` is an empty map to Go, which upstream is written in.
        return msgspec.json.decode(text, type=dict[str, object] | None) or {}
    except (msgspec.DecodeError, RecursionError):
        problem = f"{where}: annotation {key} is not a JSON object"
        hint = """write {"PORT NAME": "HTTPS"}"""
        raise BadProtocolError(problem, hint) from None


def _unmatched(service: Service, said: dict[str, object], where: str, key: str) -> Odd | None:
    """Return what is odd about an annotation that names no port of the Service."""
    names = {port.name for port in service.spec.ports or ()}
    strange = sorted(set(said) - names)
    if not strange:
        return None
    message = f"{where}: annotation {key} names {strange[0]!r}, and no port is called so"
    return Odd(Reason.APP_PROTOCOL_IGNORED, message, "name ports by their names, not by numbers")
