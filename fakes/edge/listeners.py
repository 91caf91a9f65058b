"""A forwarding rule and its proxy as Envoy's listener, and certificates as its secrets. Pure.

A listener names the files with its routes and certificates and says little else, so that it
stays as it is (and no connection is drained) when those change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from fakes.edge.cloud import Json, Picture, tail
from fakes.edge.clusters import from_file

TYPE: Final = "type.googleapis.com/envoy.config.listener.v3.Listener"
SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105
TLS: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
MANAGER: Final = (
    "type.googleapis.com/"
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
ROUTER: Final = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

VERSIONS: Final[Mapping[str, str]] = {
    # sslPolicies.minTlsVersion -> Envoy's
    "TLS_1_0": "TLSv1_0",
    "TLS_1_1": "TLSv1_1",
    "TLS_1_2": "TLSv1_2",
    "TLS_1_3": "TLSv1_3",
}
VIA: Final = "1.1 google"
KEEP_ALIVE: Final = "610s"  # how long the front end keeps an idle client
ERROR_PAGE: Final = """\
<!doctype html>
<html><head><meta charset="utf-8"><title>502 Server Error</title></head>
<body><h1>Server Error</h1>
<p>The load balancer could not get an answer from a backend. Try again in 30 seconds.</p>
</body></html>
"""
# Envoy's own answers that mean: no backend could be reached, or it broke off.
NO_ANSWER: Final = ("UH", "UF", "UC", "UR", "LR", "UO", "URX", "NC", "NR", "UPE", "UT")


@dataclass(frozen=True, slots=True)
class Front:
    """A forwarding rule in the words of the data plane."""

    rule: str
    ip: str
    port: int
    proxy: Json
    https: bool

    @property
    def name(self) -> str:
        """Return the listener's name: the address, which outlives a rule made again."""
        return f"{self.ip}:{self.port}"

    @property
    def table(self) -> str:
        """Return the name of the table of routes: the proxy's, so that it may change its URL map."""
        return f"{'https' if self.https else 'http'}.{self.proxy['name']}"


def front(picture: Picture, rule: Json, offset: int) -> Front | None:
    """Return what a forwarding rule asks for, None if it does not lead to an HTTP(S) proxy."""
    target = rule.get("target", "")
    proxy = picture.of(target)
    low = rule.get("portRange", "").partition("-")[0]
    if proxy is None or not low:
        return None
    https = "/targetHttpsProxies/" in target
    return Front(rule["name"], rule["IPAddress"], int(low) + offset, proxy, https)


def secrets(picture: Picture, wanted: Front) -> list[Json]:
    """Return the certificates of a proxy that can be served, its default first.

    They are named after their place in the proxy's list: another certificate in the same place is
    another content of the same secret.
    """
    found: list[Json] = []
    for link in wanted.proxy.get("sslCertificates", ()):
        body, key = picture.of(link), picture.private_keys.get(tail(link))
        if body is not None and key and _usable(body.get("certificate", ""), key):
            found.append(_secret(f"{wanted.table}.{len(found)}", body["certificate"], key))
    return found


def _usable(certificate: str, key: str) -> bool:
    """Tell whether a pair really parses; tests of the API upload placeholders."""
    try:
        leaf = x509.load_pem_x509_certificate(certificate.encode())
        own = serialization.load_pem_private_key(key.encode(), password=None).public_key()
    except (ValueError, TypeError):
        return False
    return leaf.public_key() == own


def _secret(name: str, certificate: str, key: str) -> Json:
    pair = {
        "certificate_chain": {"inline_string": certificate},
        "private_key": {"inline_string": key},
    }
    return {"@type": SECRET, "name": name, "tls_certificate": pair}


def listener(wanted: Front, routes: str, certificates: Mapping[str, str], picture: Picture) -> Json:
    """Return the listener of a forwarding rule.

    Args:
        wanted: the rule.
        routes: the file with the table of routes, which is named after the proxy.
        certificates: the file of each secret, by its name; the first is the default.
        picture: where the proxy's SSL policy is.
    """
    chain: Json = {"filters": [{"name": "http", "typed_config": _manager(wanted, routes)}]}
    if wanted.https:
        policy = picture.of(wanted.proxy.get("sslPolicy", "")) or {}
        chain["transport_socket"] = {"name": "tls", "typed_config": _tls(certificates, policy)}
    return {
        "@type": TYPE,
        "name": wanted.name,
        "address": {"socket_address": {"address": wanted.ip, "port_value": wanted.port}},
        "filter_chains": [chain],
        # two worlds on one address are a mistake that must show
        "enable_reuse_port": False,
    }


def _manager(wanted: Front, routes: str) -> Json:
    mapper = {
        "filter": {"response_flag_filter": {"flags": list(NO_ANSWER)}},
        "status_code": 502,
        "body": {"inline_string": ERROR_PAGE},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "text/html; charset=UTF-8",
        },
    }
    return {
        "@type": MANAGER,
        "stat_prefix": wanted.rule,
        "rds": {"route_config_name": wanted.table, "config_source": from_file(routes)},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": ROUTER, "suppress_envoy_headers": True},
            }
        ],
        "use_remote_address": True,
        "via": VIA,
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": False,
        "common_http_protocol_options": {"idle_timeout": KEEP_ALIVE},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "local_reply_config": {"mappers": [mapper]},
    }


def _tls(certificates: Mapping[str, str], policy: Json) -> Json:
    return {
        "@type": TLS,
        "common_tls_context": {
            "tls_params": {
                "tls_minimum_protocol_version": VERSIONS[policy.get("minTlsVersion", "TLS_1_0")],
                "tls_maximum_protocol_version": "TLSv1_3",
            },
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [
                {"name": name, "sds_config": from_file(path)} for name, path in certificates.items()
            ],
        },
    }
