"""The fields of Compute Engine's kinds that glbc manages, one frozen struct per kind.

A field left UNSET is not ours to set: it is never sent, compared or cleared. Names are the API's,
camelCase on the wire. The rules of each kind (what is immutable, whose a list element is, …) are
rows of `kinds.py`, not methods here.
"""

import msgspec
from msgspec import UNSET, UnsetType

from glbc.model.keys import Ref
from glbc.model.private import Private


class Spec(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What every kind has."""

    description: str | UnsetType = UNSET  # free text; for some kinds the proof that it is ours


class HttpCheck(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How an HTTP, HTTPS or HTTP/2 health check asks; healthChecks.httpHealthCheck and siblings."""

    port: int | UnsetType = UNSET  # TCP port 1–65535; the node port
    port_specification: str | UnsetType = (
        UNSET  # USE_FIXED_PORT | USE_NAMED_PORT | USE_SERVING_PORT
    )
    request_path: str | UnsetType = UNSET  # starts with "/"; API default "/"
    host: str | UnsetType = UNSET  # Host header of the probe; API default: the backend's address


class HealthCheck(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.healthChecks."""

    type: str | UnsetType = UNSET  # HTTP | HTTPS | HTTP2: the protocol of the backend
    check_interval_sec: int | UnsetType = UNSET  # seconds, 1–300; API default 5
    timeout_sec: int | UnsetType = UNSET  # seconds, ≤ interval; API default 5
    healthy_threshold: int | UnsetType = UNSET  # probes, 1–10; API default 2
    unhealthy_threshold: int | UnsetType = UNSET  # probes, 1–10; API default 2
    http_health_check: HttpCheck | UnsetType = UNSET
    https_health_check: HttpCheck | UnsetType = UNSET
    http2_health_check: HttpCheck | UnsetType = UNSET

    @property
    def asks(self) -> HttpCheck:
        """How it asks, whichever block says so: the API gives the one of its type."""
        blocks = (self.http_health_check, self.https_health_check, self.http2_health_check)
        return next((block for block in blocks if block is not UNSET), HttpCheck())


class NamedPort(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A port of an instance group that backend services call by name."""

    name: str  # `port<node port>` when ours
    port: int  # TCP port 1–65535


class InstanceGroup(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.instanceGroups (unmanaged, zonal)."""

    named_ports: tuple[NamedPort, ...] | UnsetType = UNSET  # setNamedPorts
    instances: tuple[Ref, ...] | UnsetType = UNSET  # members; addInstances, removeInstances


class Endpoint(msgspec.Struct, frozen=True, rename="camel", kw_only=True, order=True):
    """One pod behind a network endpoint group, as `listNetworkEndpoints` tells it and attach takes it."""

    ip_address: str  # literal IPv4, of the instance's alias range
    port: int  # TCP port 1–65535
    instance: str = ""  # name of the node's instance, in the group's zone


class NetworkEndpointGroup(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.networkEndpointGroups (zonal)."""

    network_endpoint_type: str | UnsetType = UNSET  # GCE_VM_IP_PORT
    network: Ref | UnsetType = UNSET
    subnetwork: Ref | UnsetType = UNSET  # of the nodes
    network_endpoints: tuple[Endpoint, ...] | UnsetType = (
        UNSET  # members; attachNetworkEndpoints, detachNetworkEndpoints
    )


class Backend(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One group behind a backend service; backendServices.backends[]."""

    group: Ref
    balancing_mode: str | UnsetType = UNSET  # RATE | UTILIZATION; one mode per shared group
    max_rate_per_instance: float | UnsetType = UNSET  # requests/s; only with RATE
    max_rate_per_endpoint: float | UnsetType = UNSET  # requests/s; of endpoint groups
    capacity_scaler: float | UnsetType = UNSET  # 0 or 0.1–1.0; API default 1


class LogConfig(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """backendServices.logConfig."""

    enable: bool | UnsetType = UNSET
    sample_rate: float | UnsetType = UNSET  # share of requests, 0–1


class ConnectionDraining(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """backendServices.connectionDraining."""

    draining_timeout_sec: int | UnsetType = UNSET  # seconds, 0–3600; API default 0


class Iap(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """backendServices.iap (Identity-Aware Proxy)."""

    enabled: bool | UnsetType = UNSET
    oauth2_client_id: str | UnsetType = msgspec.field(name="oauth2ClientId", default=UNSET)
    oauth2_client_secret: Private | UnsetType = msgspec.field(
        name="oauth2ClientSecret", default=UNSET
    )  # write-only
    oauth2_client_secret_sha256: str | UnsetType = msgspec.field(
        name="oauth2ClientSecretSha256", default=UNSET
    )  # hex; output only: what tells whether the secret is the wanted one


class CacheKeyPolicy(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """backendServices.cdnPolicy.cacheKeyPolicy: what makes two requests the same."""

    include_host: bool | UnsetType = UNSET
    include_protocol: bool | UnsetType = UNSET
    include_query_string: bool | UnsetType = UNSET
    query_string_blacklist: tuple[str, ...] | UnsetType = UNSET  # parameters left out
    query_string_whitelist: tuple[str, ...] | UnsetType = UNSET  # the only parameters; not both


class NegativeCaching(msgspec.Struct, frozen=True, rename="camel", kw_only=True, order=True):
    """backendServices.cdnPolicy.negativeCachingPolicy[]."""

    code: int  # HTTP status
    ttl: int = 0  # seconds, 0–1800; 0 is never shown by the API


class BypassHeader(msgspec.Struct, frozen=True, rename="camel", kw_only=True, order=True):
    """backendServices.cdnPolicy.bypassCacheOnRequestHeaders[]."""

    header_name: str


class CdnPolicy(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """backendServices.cdnPolicy (Cloud CDN)."""

    cache_mode: str | UnsetType = UNSET  # CACHE_ALL_STATIC | USE_ORIGIN_HEADERS | FORCE_CACHE_ALL
    cache_key_policy: CacheKeyPolicy | UnsetType = UNSET
    client_ttl: int | UnsetType = UNSET  # seconds, 0–86400
    default_ttl: int | UnsetType = UNSET  # seconds, 0–31622400
    max_ttl: int | UnsetType = UNSET  # seconds, 0–31622400; with CACHE_ALL_STATIC only
    negative_caching: bool | UnsetType = UNSET
    negative_caching_policy: tuple[NegativeCaching, ...] | UnsetType = UNSET  # a set
    request_coalescing: bool | UnsetType = UNSET
    serve_while_stale: int | UnsetType = UNSET  # seconds, 0–604800
    signed_url_cache_max_age_sec: int | UnsetType = UNSET  # seconds; API default 3600
    bypass_cache_on_request_headers: tuple[BypassHeader, ...] | UnsetType = UNSET  # at most 5


class SignedUrlKey(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A key for signed URLs; addSignedUrlKey, deleteSignedUrlKey, cdnPolicy.signedUrlKeyNames."""

    key_name: str
    key_value: Private | UnsetType = UNSET  # 128 bits, base64url; write-only
    digest: str | UnsetType = UNSET  # of the value, from our record; UNSET: somebody else's key


class BackendService(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.backendServices."""

    protocol: str | UnsetType = UNSET  # HTTP | HTTPS | HTTP2; API default HTTP
    port: int | UnsetType = UNSET  # TCP port; kept beside port_name as upstream does
    port_name: str | UnsetType = UNSET  # the group's named port that gets the traffic
    health_checks: tuple[Ref, ...] | UnsetType = UNSET  # exactly one for groups
    backends: tuple[Backend, ...] | UnsetType = UNSET  # keyed by group
    log_config: LogConfig | UnsetType = UNSET
    load_balancing_scheme: str | UnsetType = UNSET  # API default EXTERNAL
    # What follows is set where a BackendConfig says so; else it is somebody's.
    timeout_sec: int | UnsetType = UNSET  # seconds, ≥ 1; API default 30
    connection_draining: ConnectionDraining | UnsetType = UNSET
    session_affinity: str | UnsetType = UNSET  # NONE (API default) | CLIENT_IP | GENERATED_COOKIE
    affinity_cookie_ttl_sec: int | UnsetType = UNSET  # seconds, 0–86400; 0: until the browser ends
    custom_request_headers: tuple[str, ...] | UnsetType = UNSET  # `Name: value`, at most 16
    custom_response_headers: tuple[str, ...] | UnsetType = UNSET
    security_policy: Ref | UnsetType = UNSET  # Cloud Armor; setSecurityPolicy
    iap: Iap | UnsetType = UNSET
    enable_cdn: bool | UnsetType = msgspec.field(name="enableCDN", default=UNSET)
    cdn_policy: CdnPolicy | UnsetType = UNSET
    signed_url_keys: tuple[SignedUrlKey, ...] | UnsetType = UNSET  # at most 3


class HostRule(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """urlMaps.hostRules[]."""

    hosts: tuple[str, ...]  # DNS names, `*.x` or `*`
    path_matcher: str  # name of the matcher for these hosts


class PathRule(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """urlMaps.pathMatchers[].pathRules[]: the longest match wins, whatever the order."""

    paths: tuple[str, ...]  # start with "/"; `*` only last and after "/"
    service: Ref | UnsetType = UNSET


class PathMatcher(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """urlMaps.pathMatchers[]."""

    name: str
    default_service: Ref | UnsetType = UNSET
    path_rules: tuple[PathRule, ...] = ()  # none when left out, as the API leaves out none


class UrlRedirect(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """urlMaps.defaultUrlRedirect."""

    https_redirect: bool | UnsetType = UNSET
    redirect_response_code: str | UnsetType = UNSET  # API default MOVED_PERMANENTLY_DEFAULT


class UrlMap(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.urlMaps."""

    default_service: Ref | UnsetType = UNSET
    host_rules: tuple[HostRule, ...] | UnsetType = UNSET
    path_matchers: tuple[PathMatcher, ...] | UnsetType = UNSET
    default_url_redirect: UrlRedirect | UnsetType = UNSET  # instead of a default service


class TargetHttpProxy(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.targetHttpProxies."""

    url_map: Ref | UnsetType = UNSET  # setUrlMap


class TargetHttpsProxy(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.targetHttpsProxies."""

    url_map: Ref | UnsetType = UNSET  # setUrlMap
    ssl_certificates: tuple[Ref, ...] | UnsetType = (
        UNSET  # setSslCertificates; 1–15, first: default
    )
    ssl_policy: Ref | UnsetType = UNSET  # setSslPolicy; from a FrontendConfig


class SslCertificate(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.sslCertificates (self-managed): content is in the name, nothing changes in place."""

    certificate: str | UnsetType = UNSET  # PEM chain, leaf first, at most 5
    private_key: Private | UnsetType = UNSET  # PEM; write-only


class ForwardingRule(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.globalForwardingRules."""

    ip_address: str | UnsetType = msgspec.field(name="IPAddress", default=UNSET)  # literal IPv4
    ip_protocol: str | UnsetType = msgspec.field(name="IPProtocol", default=UNSET)  # TCP
    port_range: str | UnsetType = UNSET  # `80-80`
    target: Ref | UnsetType = UNSET  # setTarget
    address: Ref | UnsetType = UNSET  # the address whose IP it has; ours to know, never sent
    load_balancing_scheme: str | UnsetType = UNSET  # API default EXTERNAL


class Address(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.globalAddresses."""

    address: str | UnsetType = UNSET  # literal IPv4


class Allowed(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """firewalls.allowed[]."""

    ip_protocol: str = msgspec.field(name="IPProtocol")  # tcp
    ports: tuple[str, ...] = ()  # `80` or `30000-32767`; none means all


class Firewall(Spec, frozen=True, rename="camel", kw_only=True):
    """compute.firewalls."""

    network: Ref | UnsetType = UNSET
    source_ranges: tuple[str, ...] | UnsetType = UNSET  # CIDRs
    allowed: tuple[Allowed, ...] | UnsetType = UNSET
    target_tags: tuple[str, ...] | UnsetType = UNSET  # instance tags; none means every instance
    # Of somebody's rules, to tell what they admit; never set by us.
    denied: tuple[Allowed, ...] | UnsetType = UNSET
    direction: str | UnsetType = UNSET  # INGRESS (API default) | EGRESS
    priority: int | UnsetType = UNSET  # 0–65535, the lowest decides; API default 1000
    disabled: bool | UnsetType = UNSET
    source_tags: tuple[str, ...] | UnsetType = UNSET
    source_service_accounts: tuple[str, ...] | UnsetType = UNSET
    target_service_accounts: tuple[str, ...] | UnsetType = UNSET
