"""From the actual graph to the little that translation may know of it."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

import msgspec

from glbc.model.compute import (
    Address,
    BackendService,
    Firewall,
    ForwardingRule,
    HealthCheck,
    HttpCheck,
    NetworkEndpointGroup,
    SslCertificate,
    TargetHttpProxy,
    TargetHttpsProxy,
    UrlMap,
)
from glbc.model.graph import Observed, Ownership
from glbc.model.keys import Kind, Ref, ResourceKey
from glbc.model.record import service_port_in
from glbc.model.views import Hints, LiveGroup


def hints_of(
    nodes: Iterable[Observed],
    refused: Iterable[ResourceKey],
    instance_tags: Mapping[str, tuple[str, ...]],
    unlisted: Iterable[str] = (),
) -> Hints:
    """Return the hints of what was observed.

    Args:
        nodes: everything that was observed.
        refused: what the cloud refuses to make.
        instance_tags: instance name -> its network tags.
        unlisted: kinds of which nothing is known yet: absence of them means nothing.
    """
    nodes = list(nodes)
    owned = {node.key for node in nodes if node.ownership is Ownership.OWNED}
    groups = {key for key in owned if key.kind == Kind.INSTANCE_GROUP}
    facts: dict[str, Any] = {
        "url_maps": {},
        "http_proxies": {},
        "https_proxies": {},
        "addresses": {},
        "certificates": {},
        "rules": _rules(nodes, owned),
        "firewalls": {node.key: node.spec for node in nodes if isinstance(node.spec, Firewall)},
        "protected": {},
        "proxy_policies": {},
        "endpoint_groups": {
            node.key: _live_group(node.spec)
            for node in nodes
            if isinstance(node.spec, NetworkEndpointGroup) and node.key in owned
        },
        "protocols": _protocols(nodes),
    }
    modes: set[Any] = set()
    listeners: set[tuple[str, str, ResourceKey]] = set()
    for node in nodes:
        match node.spec:
            case UrlMap() if node.ownership is Ownership.OWNED:
                facts["url_maps"][node.key] = node.spec
            case BackendService(backends=tuple() as backends):
                modes.update(b.balancing_mode for b in backends if b.group.to in groups)
                facts["protected"].update(_target(node.key, node.spec.security_policy))
            case TargetHttpProxy(url_map=Ref() as served):
                facts["http_proxies"][node.key] = served.to
            case TargetHttpsProxy(ssl_certificates=tuple() as listed):
                facts["https_proxies"][node.key] = tuple(ref.to for ref in listed)
                facts["proxy_policies"].update(_target(node.key, node.spec.ssl_policy))
            case SslCertificate():
                facts["certificates"][node.key.name] = node.spec.certificate or ""
            case Address(address=str() as ip):
                facts["addresses"][node.key.name] = ip
            case ForwardingRule(ip_address=str() as ip):
                if isinstance(node.spec.port_range, str):
                    listeners.add((ip, node.spec.port_range, node.key))
    known = {mode for mode in modes if isinstance(mode, str)}
    return Hints(
        **facts,
        checks=_checks(nodes),
        listeners=frozenset(listeners),
        unlisted=frozenset(unlisted),
        balancing="UTILIZATION" if "UTILIZATION" in known else "".join(sorted(known)),
        refused=frozenset(refused),
        instance_tags=instance_tags,
    )


def _live_group(spec: NetworkEndpointGroup) -> LiveGroup:
    service, port = service_port_in(spec.description or "")
    return LiveGroup(service, port, spec.network_endpoints or ())


def _rules(nodes: Iterable[Observed], owned: Container[ResourceKey]) -> dict[ResourceKey, str]:
    """Return the IPs of rules that are ours or lead to what is ours: no other's IP is ours to keep."""
    return {
        node.key: node.spec.ip_address
        for node in nodes
        if isinstance(node.spec, ForwardingRule) and isinstance(node.spec.ip_address, str)
        if any(key in owned for key in (node.key, *node.refs))
    }


def _target(key: ResourceKey, ref: Any) -> dict[ResourceKey, ResourceKey]:
    return {key: ref.to} if isinstance(ref, Ref) else {}


def _protocols(nodes: Iterable[Observed]) -> dict[ResourceKey, str]:
    """Return what each backend service speaks; of one that nobody could list, what its check does.

    They are called the same, and speak the same unless somebody says otherwise.
    """
    spoken: dict[ResourceKey, str] = {}
    checked: dict[ResourceKey, str] = {}
    for node in nodes:
        match node.spec:
            case BackendService(protocol=str() as protocol):
                spoken[node.key] = protocol
            case HealthCheck(type=str() as protocol):
                checked[msgspec.structs.replace(node.key, kind=Kind.BACKEND_SERVICE)] = protocol
    return {**checked, **spoken}


def _checks(nodes: Iterable[Observed]) -> dict[str, HttpCheck]:
    return {n.key.name: n.spec.asks for n in nodes if isinstance(n.spec, HealthCheck)}
