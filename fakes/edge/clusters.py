"""A backend service as Envoy's cluster: who serves, how they are probed, how they are reached. Pure.

Health checks run in Envoy against the same ports as the cloud's; intervals are scaled, thresholds
are not. What no firewall rule lets the checkers reach is unhealthy whatever Envoy finds.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fakes.edge.actions import affinity, duration
from fakes.edge.attached import Attachment
from fakes.edge.cloud import Json, Picture, name_of, tail
from fakes.edge.firewall import admits

TYPE: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINTS: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
TLS: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
RAW: Final = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
HTTP: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

PROTOCOLS: Final[Mapping[str, tuple[bool, bool]]] = {
    # backendServices.protocol -> TLS, HTTP/2
    "HTTP": (False, False),
    "HTTPS": (True, False),
    "HTTP2": (True, True),
    "H2C": (False, True),
    "GRPC": (True, True),
}
CHECKS: Final[Mapping[str, tuple[str, bool, str]]] = {
    # healthChecks.type -> its block, TLS, Envoy's check
    "HTTP": ("httpHealthCheck", False, "http"),
    "HTTPS": ("httpsHealthCheck", True, "http"),
    "HTTP2": ("http2HealthCheck", True, "http2"),
    "TCP": ("tcpHealthCheck", False, "tcp"),
    "SSL": ("sslHealthCheck", True, "tcp"),
    "GRPC": ("grpcHealthCheck", False, "grpc"),
    "GRPC_WITH_TLS": ("grpcTlsHealthCheck", True, "grpc"),
}
BALANCING: Final[Mapping[str, str]] = {
    # localityLbPolicy -> Envoy's policy, where it is not round robin
    "LEAST_REQUEST": "LEAST_REQUEST",
    "RANDOM": "RANDOM",
    "RING_HASH": "RING_HASH",
    "MAGLEV": "MAGLEV",
}
AGENT: Final = "GoogleHC/1.0"
SHORTEST_INTERVAL: Final = 0.1  # seconds between probes, however short the scale makes them
SHORTEST_TIMEOUT: Final = 1.0  # a busy machine may take as long for an honest answer
UNLIMITED: Final = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """One address that may serve, and whose health that is."""

    ip: str
    port: int  # where requests go
    probed: int  # where probes go; 0: nowhere, the named port is missing
    group: str
    instance: str
    reachable: bool  # the firewall lets the checkers in
    host: str = ""  # what a probe asks for by name; "": the address


def endpoints(
    picture: Picture, service: Json, unknown: Collection[Attachment] = ()
) -> list[Endpoint]:
    """Return the endpoints of a backend service, each address once, in order.

    Args:
        picture: what the cloud shows.
        service: the backend service.
        unknown: endpoints that are not served from yet.
    """
    firewalls = [body for _, body in picture.within("firewalls")]
    check = _check(picture, service)
    found: dict[tuple[str, int], Endpoint] = {}
    for backend in service.get("backends", ()):
        group = picture.of(backend.get("group", ""))
        if group is None or backend.get("capacityScaler") == 0:
            continue
        path = tail(backend["group"])
        for instance, ip, port in _members(picture, group, service):
            if Attachment(path, ip, port) in unknown:
                continue
            machine = picture.of(instance) or {}
            probed = _probed_port(check, group, port) if check else port
            # whatever a probe may not reach, a request may not either
            reachable = all(admits(firewalls, machine, p) for p in {port, probed} if p)
            name = name_of(instance)
            host = _block(check).get("host", "") if check else ""
            found[ip, port] = Endpoint(ip, port, probed, group["name"], name, reachable, host)
    return sorted(found.values())


def _members(picture: Picture, group: Json, service: Json) -> Iterator[tuple[str, str, int]]:
    """Yield instance, address and port of everything in a group."""
    for row in group.get("endpoints", ()):  # a network endpoint group
        if row.get("ipAddress") and row.get("port"):
            yield row.get("instance", ""), row["ipAddress"], row["port"]
    for port in _named(group, service.get("portName", "")):
        for member in group.get("members", ()):
            nics = (picture.of(member) or {}).get("networkInterfaces", ())
            if nics and nics[0].get("networkIP"):
                yield member, nics[0]["networkIP"], port


def _named(group: Json, name: str) -> list[int]:
    return [row["port"] for row in group.get("namedPorts", ()) if row["name"] == name]


def _check(picture: Picture, service: Json) -> Json | None:
    checks = [picture.of(link) for link in service.get("healthChecks", ())]
    return checks[0] if checks else None


def _block(check: Json) -> Json:
    name, _, _ = CHECKS[check["type"]]
    block: Json = check.get(name, {})
    return block


def _probed_port(check: Json, group: Json, serving: int) -> int:
    """Return the port that a health check probes of an endpoint, 0 if its name is missing."""
    block = _block(check)
    specification = block.get("portSpecification")
    if specification == "USE_SERVING_PORT":
        return serving
    if specification == "USE_NAMED_PORT" or ("port" not in block and "portName" in block):
        return next(iter(_named(group, block.get("portName", ""))), 0)
    return int(block.get("port", serving))


def assignment(name: str, found: list[Endpoint]) -> Json:
    """Return the endpoints of a cluster."""
    rows = [
        {
            "endpoint": {
                "address": {"socket_address": {"address": e.ip, "port_value": e.port}},
                "health_check_config": {
                    "port_value": e.probed or e.port,
                    "hostname": e.host or e.ip,
                },
            },
            "health_status": "UNKNOWN" if e.reachable and e.probed else "UNHEALTHY",
        }
        for e in found
    ]
    return {
        "@type": ENDPOINTS,
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": rows}] if rows else [],
    }


def cluster(name: str, picture: Picture, service: Json, path: str, scale: float) -> Json:
    """Return a backend service as a cluster whose endpoints are in a file of their own.

    Args:
        name: the backend service's.
        picture: where its health check is.
        service: the backend service as the API shows it.
        path: the file with the endpoints.
        scale: what the health check's seconds are multiplied by.
    """
    tls, http2 = PROTOCOLS.get(service.get("protocol", "HTTP"), (False, False))
    check = _check(picture, service)
    protocol = "http2_protocol_options" if http2 else "http_protocol_options"
    most = {
        f"max_{what}": UNLIMITED
        for what in ("connections", "pending_requests", "requests", "retries")
    }
    return {
        "@type": TYPE,
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"service_name": name, "eds_config": from_file(path)},
        "connect_timeout": "5s",
        "lb_policy": _policy(service),
        "common_lb_config": {
            "healthy_panic_threshold": {"value": 0},
            "update_merge_window": "0s",  # health shows at once, not gathered for a second
        },
        "ignore_health_on_host_removal": True,
        "circuit_breakers": {"thresholds": [most]},
        "health_checks": [probe(check, scale)] if check else [],
        "transport_socket": _socket(tls=tls),
        "transport_socket_matches": [
            {"name": how, "match": {"probe": how}, "transport_socket": _socket(tls=how == "tls")}
            for how in ("tls", "plain")
        ],
        "typed_extension_protocol_options": {
            HTTP: {
                "@type": f"type.googleapis.com/{HTTP}",
                "explicit_http_config": {protocol: {}},
            }
        },
    }


def from_file(path: str) -> Json:
    """Return where Envoy finds a resource that has a file of its own."""
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def _policy(service: Json) -> str:
    if affinity(service):
        return "RING_HASH"
    return BALANCING.get(service.get("localityLbPolicy", ""), "ROUND_ROBIN")


def _socket(*, tls: bool) -> Json:
    if not tls:
        return {"name": "plain", "typed_config": {"@type": RAW}}
    # as the cloud does, a backend's certificate is not verified
    return {"name": "tls", "typed_config": {"@type": TLS, "common_tls_context": {}}}


def probe(check: Json, scale: float) -> Json:
    """Return a health check as Envoy's."""
    _, tls, how = CHECKS[check["type"]]
    interval = duration(max(check["checkIntervalSec"] * scale, SHORTEST_INTERVAL))
    block = _block(check)
    found: Json = {
        "timeout": duration(max(check["timeoutSec"] * scale, SHORTEST_TIMEOUT)),
        "interval": interval,
        "no_traffic_interval": interval,
        "healthy_threshold": check["healthyThreshold"],
        "unhealthy_threshold": check["unhealthyThreshold"],
        "reuse_connection": False,
        "transport_socket_match_criteria": {"probe": "tls" if tls else "plain"},
    }
    if how == "grpc":
        name = block.get("grpcServiceName", "")
        return found | {"grpc_health_check": {"service_name": name} if name else {}}
    if how == "tcp":
        return found | {"tcp_health_check": _said(block)}
    http: Json = {
        "path": block.get("requestPath", "/"),
        "codec_client_type": "HTTP2" if how == "http2" else "HTTP1",
        "request_headers_to_add": [
            {
                "header": {"key": "user-agent", "value": AGENT},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
        # a wrong answer counts towards the threshold like none
        "retriable_statuses": [{"start": 100, "end": 600}],
    }
    if block.get("response"):
        http["receive"] = [{"text": block["response"].encode().hex()}]
    return found | {"http_health_check": http}


def _said(block: Json) -> Json:
    found: Json = {}
    if block.get("request"):
        found["send"] = {"text": block["request"].encode().hex()}
    if block.get("response"):
        found["receive"] = [{"text": block["response"].encode().hex()}]
    return found
