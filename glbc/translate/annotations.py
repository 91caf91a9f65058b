"""Every annotation that glbc reads or writes: key, meaning, default. One table, no other literals."""

from typing import Final

from glbc.model.views import Meta

CLASS: Final = "kubernetes.io/ingress.class"
ALLOW_HTTP: Final = "kubernetes.io/ingress.allow-http"
# These ask for HTTPS, as spec.tls does; that they are there is all this version reads.
PRE_SHARED_CERT: Final = "ingress.gcp.kubernetes.io/pre-shared-cert"
MANAGED_CERTIFICATES: Final = "networking.gke.io/managed-certificates"

# Written on the Ingress, as upstream does: the names of what serves it.
URL_MAP: Final = "ingress.kubernetes.io/url-map"
FORWARDING_RULE: Final = "ingress.kubernetes.io/forwarding-rule"
TARGET_PROXY: Final = "ingress.kubernetes.io/target-proxy"
WRITTEN: Final[tuple[str, ...]] = (URL_MAP, FORWARDING_RULE, TARGET_PROXY)

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
