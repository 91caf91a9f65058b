"""The one thing that people want to know of a resource. Picked by hand, kind by kind: no secret gets in."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET

from glbc import conditions
from glbc.model import compute


def fact(spec: compute.Spec | None) -> str:
    """Return a few words on a resource, "" where there is nothing to tell."""
    tell = FACTS.get(type(spec))
    return tell(spec) if tell else ""


def _rule(spec: compute.ForwardingRule) -> str:
    port = (spec.port_range or "").partition("-")[0]
    return f"{spec.ip_address}:{port}" if spec.ip_address else f"port {port}"


def _url_map(spec: compute.UrlMap) -> str:
    if spec.default_url_redirect is not UNSET:
        return "redirects to HTTPS"
    if not spec.host_rules:
        return "one backend for all"
    rules = sum(len(one.path_rules) for one in spec.path_matchers or ())
    return f"{_many(len(spec.host_rules), 'host')}, {_many(rules, 'path rule')}"


def _proxy(spec: compute.TargetHttpsProxy) -> str:
    return _many(len(spec.ssl_certificates or ()), "certificate")


def _check(spec: compute.HealthCheck) -> str:
    return f"{spec.type or ''} {conditions.path_of(spec)}".strip()


def _group(spec: compute.InstanceGroup) -> str:
    return _many(len(spec.instances or ()), "node")


def _firewall(spec: compute.Firewall) -> str:
    ports = [port for one in spec.allowed or () for port in one.ports]
    return f"opens {', '.join(ports)}" if ports else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


FACTS: Final[Mapping[type | None, Callable[[Any], str]]] = {
    compute.ForwardingRule: _rule,
    compute.TargetHttpsProxy: _proxy,
    compute.Address: lambda spec: spec.address or "",
    compute.UrlMap: _url_map,
    compute.HealthCheck: _check,
    compute.InstanceGroup: _group,
    compute.Firewall: _firewall,
}
