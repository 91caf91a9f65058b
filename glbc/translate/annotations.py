"""Every annotation that glbc reads or writes: key, meaning, default. One table, no other literals."""

from typing import Final

from glbc.model.view import Meta

CLASS: Final = "kubernetes.io/ingress.class"
ALLOW_HTTP: Final = "kubernetes.io/ingress.allow-http"
PRE_SHARED_CERT: Final = "ingress.gcp.kubernetes.io/pre-shared-cert"
# Another controller turns it into PRE_SHARED_CERT: here it only says that HTTPS is wanted.
MANAGED_CERTIFICATES: Final = "networking.gke.io/managed-certificates"
STATIC_IP: Final = "kubernetes.io/ingress.global-static-ip-name"
REGIONAL_STATIC_IP: Final = "kubernetes.io/ingress.regional-static-ip-name"
# On a Service; the first one that is there counts.
BACKEND_CONFIGS: Final = (
    "cloud.google.com/backend-config",
    "beta.cloud.google.com/backend-config",
)
# Ours, on an Ingress or a Service: no traffic without a Cloud Armor policy.
REQUIRE_SECURITY_POLICY: Final = "glbc.gcp.kubernetes.io/require-security-policy"
FRONTEND_CONFIG: Final = "networking.gke.io/v1beta1.FrontendConfig"
# What makes more of a front end than plain HTTP at any address.
FRONT: Final[tuple[str, ...]] = (
    ALLOW_HTTP,
    PRE_SHARED_CERT,
    MANAGED_CERTIFICATES,
    STATIC_IP,
    REGIONAL_STATIC_IP,
)

# Written on the Ingress, as upstream does: the names of what serves it.
URL_MAP: Final = "ingress.kubernetes.io/url-map"
FORWARDING_RULE: Final = "ingress.kubernetes.io/forwarding-rule"
TARGET_PROXY: Final = "ingress.kubernetes.io/target-proxy"
HTTPS_FORWARDING_RULE: Final = "ingress.kubernetes.io/https-forwarding-rule"
HTTPS_TARGET_PROXY: Final = "ingress.kubernetes.io/https-target-proxy"
REDIRECT_URL_MAP: Final = "ingress.kubernetes.io/redirect-url-map"
SSL_CERT: Final = "ingress.kubernetes.io/ssl-cert"
MANAGED_ADDRESS: Final = "ingress.kubernetes.io/static-ip"  # only while we have reserved one
BACKENDS: Final = "ingress.kubernetes.io/backends"  # JSON: backend service -> health
# Ours: a JSON list of conditions, in the shape of metav1.Condition.
CONDITIONS: Final = "glbc.gcp.kubernetes.io/conditions"
WRITTEN: Final[tuple[str, ...]] = (
    URL_MAP,
    FORWARDING_RULE,
    TARGET_PROXY,
    HTTPS_FORWARDING_RULE,
    HTTPS_TARGET_PROXY,
    REDIRECT_URL_MAP,
    SSL_CERT,
    MANAGED_ADDRESS,
    BACKENDS,
    CONDITIONS,
)

# Go's strconv.ParseBool, which upstream uses.
TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def text(meta: Meta, key: str) -> str:
    """Return an annotation's value, or ""."""
    return (meta.annotations or {}).get(key, "")


def flag(meta: Meta, key: str, *, default: bool) -> bool:
    """Return a boolean annotation; missing or unparsable means the default, as upstream has it."""
    value = text(meta, key)
    return value in TRUE if value in TRUE | FALSE else default
