"""The custom kinds that say more of a backend or a front end than Service and Ingress can.

Fields are upstream's. A block that is absent (None) leaves the cloud alone; one that is there and
empty says so: what that means stands at each field.
"""

import msgspec

from glbc.model.private import Private
from glbc.model.view import Meta, View


class IapCredentials(View, frozen=True):
    """iap.oauthclientCredentials; a Secret wins over what is written inline."""

    secret_name: str | None = None  # with the keys client_id and client_secret
    client_id: str | None = msgspec.field(name="clientID", default=None)
    client_secret: Private | None = None


class IapBlock(View, frozen=True):
    """iap."""

    enabled: bool = False
    oauthclient_credentials: IapCredentials | None = None


class CacheKeyBlock(View, frozen=True):
    """cdn.cachePolicy; absent: host, protocol and query string all count."""

    include_host: bool = False
    include_protocol: bool = False
    include_query_string: bool = False
    query_string_blacklist: tuple[str, ...] | None = None
    query_string_whitelist: tuple[str, ...] | None = None


class NegativeCachingRow(View, frozen=True):
    """cdn.negativeCachingPolicy[]."""

    code: int = 0  # HTTP status
    ttl: int = 0  # seconds


class BypassRow(View, frozen=True):
    """cdn.bypassCacheOnRequestHeaders[]."""

    header_name: str = ""


class SignedUrlKeyRow(View, frozen=True):
    """cdn.signedUrlKeys[]; the value inline, or in a Secret under key_value."""

    key_name: str = ""
    key_value: Private | None = None
    secret_name: str | None = None


class CdnBlock(View, frozen=True):
    """cdn; upstream's defaults for what is absent are in `translate/cdn.py`."""

    enabled: bool = False
    cache_policy: CacheKeyBlock | None = None
    cache_mode: str | None = None
    client_ttl: int | None = None  # seconds, like all that follow
    default_ttl: int | None = None
    max_ttl: int | None = None
    negative_caching: bool | None = None
    negative_caching_policy: tuple[NegativeCachingRow, ...] | None = None
    request_coalescing: bool | None = None
    serve_while_stale: int | None = None
    signed_url_cache_max_age_sec: int | None = None
    bypass_cache_on_request_headers: tuple[BypassRow, ...] | None = None
    signed_url_keys: tuple[SignedUrlKeyRow, ...] | None = None


class SecurityPolicyBlock(View, frozen=True):
    """securityPolicy; an empty name takes the policy away."""

    name: str = ""


class DrainingBlock(View, frozen=True):
    """connectionDraining; empty means 0."""

    draining_timeout_sec: int = 0


class AffinityBlock(View, frozen=True):
    """sessionAffinity; what is absent or "" is left alone."""

    affinity_type: str | None = None
    affinity_cookie_ttl_sec: int | None = None


class HeadersBlock(View, frozen=True):
    """customRequestHeaders and customResponseHeaders; empty takes all headers away."""

    headers: tuple[str, ...] | None = None


class LoggingBlock(View, frozen=True):
    """logging; switched off, the sample rate is 0."""

    enable: bool = False
    sample_rate: float | None = None  # share of requests, 0–1


class HealthCheckBlock(View, frozen=True):
    """healthCheck; what is absent comes from the readiness probe, else from our defaults."""

    check_interval_sec: int | None = None
    timeout_sec: int | None = None
    healthy_threshold: int | None = None
    unhealthy_threshold: int | None = None
    type: str | None = None
    port: int | None = None
    request_path: str | None = None


class BackendConfigSpec(View, frozen=True):
    """BackendConfig spec."""

    iap: IapBlock | None = None
    cdn: CdnBlock | None = None
    security_policy: SecurityPolicyBlock | None = None
    timeout_sec: int | None = None
    connection_draining: DrainingBlock | None = None
    session_affinity: AffinityBlock | None = None
    custom_request_headers: HeadersBlock | None = None
    custom_response_headers: HeadersBlock | None = None
    logging: LoggingBlock | None = None
    health_check: HealthCheckBlock | None = None


class BackendConfig(View, frozen=True):
    """cloud.google.com/v1 BackendConfig."""

    metadata: Meta
    spec: BackendConfigSpec | None = None


class RedirectToHttps(View, frozen=True):
    """FrontendConfig spec.redirectToHttps."""

    enabled: bool = False
    response_code_name: str = ""


class FrontendConfigSpec(View, frozen=True):
    """FrontendConfig spec."""

    redirect_to_https: RedirectToHttps | None = None
    ssl_policy: str | None = None  # absent: left alone; "": none


class FrontendConfig(View, frozen=True):
    """networking.gke.io/v1beta1 FrontendConfig."""

    metadata: Meta
    spec: FrontendConfigSpec | None = None


class CredentialData(View, frozen=True, rename=None):
    """data of a Secret that a BackendConfig names; base64 as on the wire, nothing else is kept."""

    client_id: Private | None = None  # of IAP
    client_secret: Private | None = None
    key_value: Private | None = None  # of a key for signed URLs


class Credential(View, frozen=True):
    """core/v1 Secret, read by its name because a BackendConfig names it."""

    metadata: Meta
    data: CredentialData | None = None
