"""Every annotation that glbc reads or writes: key, meaning, default. One table, no other literals.

`docs/annotations.md` is made from the table. A constant here is a row of it (a test compares).
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from glbc.model.view import Meta

CLASS: Final = "kubernetes.io/ingress.class"
ALLOW_HTTP: Final = "kubernetes.io/ingress.allow-http"
STATIC_IP: Final = "kubernetes.io/ingress.global-static-ip-name"
REGIONAL_STATIC_IP: Final = "kubernetes.io/ingress.regional-static-ip-name"
BACKEND_CONFIG: Final = "cloud.google.com/backend-config"
BETA_BACKEND_CONFIG: Final = "beta.cloud.google.com/backend-config"
SUPPRESS_XPN: Final = "networking.gke.io/suppress-firewall-xpn-error"
REQUIRE_SECURITY_POLICY: Final = "glbc.gcp.kubernetes.io/require-security-policy"
PROTECT: Final = "glbc.gcp.kubernetes.io/protect"
PAUSE: Final = "glbc.gcp.kubernetes.io/pause"
ACKNOWLEDGE: Final = "glbc.gcp.kubernetes.io/acknowledge"
ORPHAN: Final = "glbc.gcp.kubernetes.io/orphan"
PRE_SHARED_CERT: Final = "ingress.gcp.kubernetes.io/pre-shared-cert"
MANAGED_CERTIFICATES: Final = "networking.gke.io/managed-certificates"
FRONTEND_CONFIG: Final = "networking.gke.io/v1beta1.FrontendConfig"

URL_MAP: Final = "ingress.kubernetes.io/url-map"
FORWARDING_RULE: Final = "ingress.kubernetes.io/forwarding-rule"
TARGET_PROXY: Final = "ingress.kubernetes.io/target-proxy"
HTTPS_FORWARDING_RULE: Final = "ingress.kubernetes.io/https-forwarding-rule"
HTTPS_TARGET_PROXY: Final = "ingress.kubernetes.io/https-target-proxy"
REDIRECT_URL_MAP: Final = "ingress.kubernetes.io/redirect-url-map"
SSL_CERT: Final = "ingress.kubernetes.io/ssl-cert"
MANAGED_ADDRESS: Final = "ingress.kubernetes.io/static-ip"
BACKENDS: Final = "ingress.kubernetes.io/backends"
CONDITIONS: Final = "glbc.gcp.kubernetes.io/conditions"

NEG: Final = "cloud.google.com/neg"
NEG_STATUS: Final = "cloud.google.com/neg-status"
APP_PROTOCOLS: Final = "cloud.google.com/app-protocols"
APP_PROTOCOLS_ALPHA: Final = "service.alpha.kubernetes.io/app-protocols"

DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One annotation."""

    key: str
    on: Literal["Ingress", "Service", "Ingress, Service", "IngressClass"]
    by: Literal["people", "glbc"]  # who writes it
    form: str
    default: str = ""  # what it means that it is missing; "" for what glbc writes
    meaning: str
    bad: str = ""  # what becomes of a bad value, with the reason code; "" if there is none


NAME: Final = "name of a resource"
ROWS: Final = (
    Row(
        key=CLASS,
        on="Ingress",
        by="people",
        form="text",
        default="`spec.ingressClassName` decides; without one it is ours",
        meaning="`gce`, or the configured `ingress_class`: the Ingress is ours. Where it is set it "
        "decides, whatever `spec.ingressClassName` says.",
        bad="anything else is another controller's; almost ours: `ClassNotServed`",
    ),
    Row(
        key=ALLOW_HTTP,
        on="Ingress",
        by="people",
        form="boolean",
        default="`true`",
        meaning="`false`: no HTTP front end. Without a certificate for HTTPS nothing is served: "
        "`HttpNotAllowed`.",
        bad="counts as missing",
    ),
    Row(
        key=STATIC_IP,
        on="Ingress",
        by="people",
        form="name of a global address",
        default="HTTP and HTTPS together: one reserved by glbc; else whatever the cloud gives",
        meaning="The front end has this address.",
        bad="no other address is used: `StaticAddressNotUsable`",
    ),
    Row(
        key=REGIONAL_STATIC_IP,
        on="Ingress",
        by="people",
        form="name of a regional address",
        default="nothing",
        meaning="Of no use for a global load balancer.",
        bad="always: `StaticAddressNotUsable`",
    ),
    Row(
        key=PRE_SHARED_CERT,
        on="Ingress",
        by="people",
        form="names of certificates, separated by commas",
        default="none",
        meaning="Certificates in the project, served before those of `spec.tls`; never deleted.",
        bad="what does not exist is left out: `CertificateNotFound`",
    ),
    Row(
        key=MANAGED_CERTIFICATES,
        on="Ingress",
        by="people",
        form="names of ManagedCertificates",
        default="none",
        meaning="Says that HTTPS is wanted. Another controller makes the certificates and names "
        f"them in `{PRE_SHARED_CERT}`.",
    ),
    Row(
        key=FRONTEND_CONFIG,
        on="Ingress",
        by="people",
        form="name of a FrontendConfig in the Ingress's namespace",
        default="none",
        meaning="The settings of the front end.",
        bad="one that does not exist changes nothing: `FrontendConfigNotFound`",
    ),
    Row(
        key=SUPPRESS_XPN,
        on="Ingress",
        by="people",
        form="boolean",
        default="`false`",
        meaning="`true`: no event `XPN` with the command that a shared VPC's security admin has to run.",
        bad="counts as missing",
    ),
    Row(
        key=PROTECT,
        on="Ingress",
        by="people",
        form="boolean",
        default="`false`",
        meaning="`true`: nothing of its load balancer is taken away without an acknowledgement: no "
        "route, no setting, no part of it, not even when the Ingress is deleted (`Protected`).",
        bad="counts as missing",
    ),
    Row(
        key=PAUSE,
        on="Ingress",
        by="people",
        form="boolean",
        default="`false`",
        meaning="`true`: glbc goes on to plan, and does nothing about what only this Ingress wants "
        "or uses (`Paused`); a deleted Ingress stays until it is taken out.",
        bad="counts as missing",
    ),
    Row(
        key=ACKNOWLEDGE,
        on="Ingress",
        by="people",
        form="codes, separated by commas",
        default="nothing is agreed to",
        meaning="Agrees to the losses whose codes the Events `Protected`, `Disruptive` and "
        "`OverBudget` tell. A code means one loss of one Ingress; an old one agrees to nothing new.",
        bad="an unknown code agrees to nothing",
    ),
    Row(
        key=ORPHAN,
        on="Ingress",
        by="people",
        form="boolean",
        default="`false`",
        meaning="`true`: when the Ingress is deleted and has an address, its load balancer stays and serves on "
        "as it is (`Orphaned`). `glbc gc --ingress NAMESPACE/NAME` deletes it later; an Ingress of the same "
        "name takes it over.",
        bad="counts as missing",
    ),
    Row(key=URL_MAP, on="Ingress", by="glbc", form=NAME, meaning="The URL map."),
    Row(
        key=FORWARDING_RULE,
        on="Ingress",
        by="glbc",
        form=NAME,
        meaning="The forwarding rule of HTTP.",
    ),
    Row(key=TARGET_PROXY, on="Ingress", by="glbc", form=NAME, meaning="The proxy of HTTP."),
    Row(
        key=HTTPS_FORWARDING_RULE,
        on="Ingress",
        by="glbc",
        form=NAME,
        meaning="The forwarding rule of HTTPS.",
    ),
    Row(key=HTTPS_TARGET_PROXY, on="Ingress", by="glbc", form=NAME, meaning="The proxy of HTTPS."),
    Row(
        key=REDIRECT_URL_MAP,
        on="Ingress",
        by="glbc",
        form=NAME,
        meaning="The URL map that redirects HTTP to HTTPS.",
    ),
    Row(
        key=SSL_CERT,
        on="Ingress",
        by="glbc",
        form="names of resources, separated by commas",
        meaning="The certificates of HTTPS, in the proxy's order.",
    ),
    Row(
        key=MANAGED_ADDRESS,
        on="Ingress",
        by="glbc",
        form=NAME,
        meaning="The address that glbc has reserved, for as long as it is.",
    ),
    Row(
        key=BACKENDS,
        on="Ingress",
        by="glbc",
        form="JSON object: backend service → `HEALTHY`, what else its last instance is, `Unknown`",
        meaning="The health of each backend, at most a minute old or as old as the budget for reading "
        "it allows. One instance that answers makes a backend `HEALTHY`.",
    ),
    Row(
        key=CONDITIONS,
        on="Ingress",
        by="glbc",
        form="JSON list of conditions, in the shape of `metav1.Condition`",
        meaning="`Resolved`, `Programmed`, `CertificatesReady` (where HTTPS is asked for), "
        "`BackendsHealthy`, with what is left out. Their reasons are in `reasons.md`. Written with the "
        "finalizer for the first time, else once a minute at most.",
    ),
    Row(
        key=NEG,
        on="Service",
        by="people",
        form='JSON: `{"ingress": bool, "exposed_ports": {"<port>": {"name": "<group>"}}}`',
        default="the traffic goes through instance groups and node ports",
        meaning="`ingress`: requests go from the load balancer to the pods straight, through network "
        "endpoint groups. `exposed_ports`: these ports have groups whether an Ingress needs them or "
        "not, for load balancers that somebody else makes; the name is ours when none is given.",
        bad="the path keeps what serves it now, and groups stay: `BadNegAnnotation`",
    ),
    Row(
        key=NEG_STATUS,
        on="Service",
        by="glbc",
        form='JSON: `{"network_endpoint_groups": {"<port>": "<group>"}, "zones": ["<zone>"]}`',
        meaning="The groups that there are, one of that name in each of these zones: those with a "
        "node that may get traffic. Other controllers read it. It is written when the groups are "
        "there, and goes before they go.",
    ),
    Row(
        key=APP_PROTOCOLS,
        on="Service",
        by="people",
        form="JSON object: port name → `HTTP`, `HTTPS` or `HTTP2`",
        default="`appProtocol` of the port says what a new backend begins with; else `HTTP`",
        meaning="What the load balancer and its health check speak to the port. `HTTP2` is HTTP/2 "
        "over TLS.",
        bad="what served before goes on, else the default backend does: `BadAppProtocol`; a name "
        "that no port has: `AppProtocolIgnored`",
    ),
    Row(
        key=APP_PROTOCOLS_ALPHA,
        on="Service",
        by="people",
        form="the same",
        default=f"`{APP_PROTOCOLS}` decides",
        meaning="The same, of old. Where it is set, even to `{}`, the other one is not read.",
        bad="the same",
    ),
    Row(
        key=BACKEND_CONFIG,
        on="Service",
        by="people",
        form='JSON object: `{"default": "NAME", "ports": {"PORT": "NAME"}}`; a port by name or number',
        default=f"`{BETA_BACKEND_CONFIG}` decides; else every setting is somebody's",
        meaning="The BackendConfig of each port, in the Service's namespace: by the port's name, else "
        "by its number, else the default.",
        bad="what served before goes on as it is, else the default backend does: `BadBackendConfig`, "
        "`BackendConfigNotFound`",
    ),
    Row(
        key=BETA_BACKEND_CONFIG,
        on="Service",
        by="people",
        form="the same",
        default="none",
        meaning=f"The same, of old. Not read where `{BACKEND_CONFIG}` is set.",
        bad="the same",
    ),
    Row(
        key=REQUIRE_SECURITY_POLICY,
        on="Ingress, Service",
        by="people",
        form="boolean",
        default="what the class's IngressParameters say; else `false`",
        meaning="`true`: no backend of the Ingress, or none of the Service, gets traffic without a "
        "Cloud Armor policy (`SecurityPolicyRequired`). What serves under one keeps it.",
        bad="counts as missing",
    ),
    Row(
        key=DEFAULT_CLASS,
        on="IngressClass",
        by="people",
        form="`true`",
        default="not the default",
        meaning="The class of new Ingresses that name none; the API server writes it into them. "
        "An older Ingress without any class is served by glbc also if the default class is "
        "somebody else's (`DefaultClassIsForeign`), as ingress-gce serves it.",
        bad="counts as missing",
    ),
)

# What makes more of a front end than plain HTTP at any address.
FRONT: Final[tuple[str, ...]] = (
    ALLOW_HTTP,
    PRE_SHARED_CERT,
    MANAGED_CERTIFICATES,
    STATIC_IP,
    REGIONAL_STATIC_IP,
)
# What is taken away again when the Ingress is not ours any more.
WRITTEN: Final[tuple[str, ...]] = tuple(
    row.key for row in ROWS if row.on == "Ingress" and row.by == "glbc"
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


def first(meta: Meta, *keys: str) -> str:
    """Return the first of the keys that is set, be it to nothing; "" if none is."""
    return next((key for key in keys if key in (meta.annotations or {})), "")


def page() -> str:
    """Return docs/annotations.md."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "# Annotations"
    yield ""
    yield "Made from `glbc/translate/annotations.py` by `pytest tests/walls --update-golden`."
    yield ""
    yield "The keys are ingress-gce's; glbc's own begin with `glbc.gcp.kubernetes.io/`. A boolean is"
    yield f"one of {_listed(TRUE)} or {_listed(FALSE)}. Any other annotation is not read."
    for on in ("Ingress", "Service", "IngressClass"):
        yield ""
        yield f"## On {'an' if on[0] in 'AEIOU' else 'a'} {on}"
        yield ""
        yield "| Annotation | Form | Meaning | Missing | A bad value |"
        yield "|---|---|---|---|---|"
        for row in (row for row in ROWS if on in row.on.split(", ") and row.by == "people"):
            missing, bad = row.default or "", row.bad or "every value is good"
            yield f"| `{row.key}` | {row.form} | {row.meaning} | {missing} | {bad} |"
        if written := [row for row in ROWS if row.on == on and row.by == "glbc"]:
            yield ""
            yield "glbc writes these, when the front end is there, and takes them away with it:"
            yield ""
            yield "| Annotation | Form | Meaning |"
            yield "|---|---|---|"
            for row in written:
                yield f"| `{row.key}` | {row.form} | {row.meaning} |"
    yield ""


def _listed(words: frozenset[str]) -> str:
    return " ".join(f"`{word}`" for word in sorted(words))
