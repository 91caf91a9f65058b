"""One row per kind: everything about it that can be said as data.

`rules.py`, `verbs.py` and `normalise.py` walk these rows; a new kind is a row. Sources: the field
comments of the discovery document and the Compute Engine API reference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fakes.gce.wire import Json

GROUPS: Final = ("instanceGroups", "networkEndpointGroups")
NETWORK: Final[Mapping[str, tuple[str, ...]]] = {
    "network": ("networks",),
    "subnetwork": ("subnetworks",),
}
SERVICE: Final = ("backendServices",)


@dataclass(frozen=True, slots=True)
class KindRow:
    """What the fake knows of one kind beside its schema."""

    schema: str
    noun: str  # how "already being used" messages call it
    metric: str  # project quota
    refs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # field -> kinds allowed
    defaults: Mapping[str, Any] = field(default_factory=dict)  # scalars the server fills in
    immutable: tuple[str, ...] = ()  # may not change by patch or update
    mutable: tuple[str, ...] | None = None  # if given, nothing else may change
    required: tuple[str, ...] = ()  # at insert, beside the name
    fingerprint: bool = False  # carries one, new at every write
    # patch and update without a fingerprint: "" accepted, "required" 400, "condition" 412
    without_fingerprint: str = ""
    labels: bool = False  # carries labels and a labelFingerprint
    secrets: tuple[str, ...] = ()  # accepted, kept, never returned


KINDS: Final[Mapping[str, KindRow]] = {
    "healthChecks": KindRow(
        schema="HealthCheck",
        noun="health_check",
        metric="HEALTH_CHECKS",
        required=("type",),
        defaults={
            "checkIntervalSec": 5,
            "timeoutSec": 5,
            "healthyThreshold": 2,
            "unhealthyThreshold": 2,
        },
    ),
    "backendServices": KindRow(
        schema="BackendService",
        noun="backend_service",
        metric="BACKEND_SERVICES",
        refs={
            "group": GROUPS,
            "healthChecks": ("healthChecks",),
            "securityPolicy": ("securityPolicies",),
            "edgeSecurityPolicy": ("securityPolicies",),
            "network": ("networks",),
        },
        defaults={
            "description": "",
            "protocol": "HTTP",
            "loadBalancingScheme": "EXTERNAL",
            "timeoutSec": 30,
            "sessionAffinity": "NONE",
            "affinityCookieTtlSec": 0,
            "enableCDN": False,
            "connectionDraining": {"drainingTimeoutSec": 0},
        },
        immutable=("loadBalancingScheme", "network"),
        fingerprint=True,
        without_fingerprint="required",
    ),
    "urlMaps": KindRow(
        schema="UrlMap",
        noun="url_map",
        metric="URL_MAPS",
        refs={
            "defaultService": (*SERVICE, "backendBuckets"),
            "service": (*SERVICE, "backendBuckets"),
            "backendService": SERVICE,
            "errorService": ("backendBuckets",),
        },
        fingerprint=True,
        without_fingerprint="required",
    ),
    "targetHttpProxies": KindRow(
        schema="TargetHttpProxy",
        noun="target_http_proxy",
        metric="TARGET_HTTP_PROXIES",
        refs={"urlMap": ("urlMaps",)},
        required=("urlMap",),
        fingerprint=True,
        without_fingerprint="condition",
    ),
    "targetHttpsProxies": KindRow(
        schema="TargetHttpsProxy",
        noun="target_https_proxy",
        metric="TARGET_HTTPS_PROXIES",
        refs={
            "urlMap": ("urlMaps",),
            "sslCertificates": ("sslCertificates",),
            "sslPolicy": ("sslPolicies",),
        },
        defaults={"quicOverride": "NONE", "tlsEarlyData": "DISABLED"},
        required=("urlMap",),
        fingerprint=True,
        without_fingerprint="condition",
    ),
    "sslCertificates": KindRow(
        schema="SslCertificate",
        noun="ssl_certificate",
        metric="SSL_CERTIFICATES",
        secrets=("privateKey",),
    ),
    "sslPolicies": KindRow(
        schema="SslPolicy",
        noun="ssl_policy",
        metric="SSL_POLICIES",
        defaults={"profile": "COMPATIBLE", "minTlsVersion": "TLS_1_0"},
        fingerprint=True,
        without_fingerprint="condition",
    ),
    "forwardingRules": KindRow(
        schema="ForwardingRule",
        noun="forwarding_rule",
        metric="FORWARDING_RULES",
        refs={
            "target": ("targetHttpProxies", "targetHttpsProxies"),
            "backendService": SERVICE,
            **NETWORK,
        },
        defaults={
            "description": "",
            "IPProtocol": "TCP",
            "loadBalancingScheme": "EXTERNAL",
            "networkTier": "PREMIUM",
        },
        mutable=("allowGlobalAccess", "allowPscGlobalAccess", "sourceIpRanges", "labels"),
        fingerprint=True,
        labels=True,
    ),
    "addresses": KindRow(
        schema="Address",
        noun="address",
        metric="STATIC_ADDRESSES",
        refs=NETWORK,
        defaults={"description": "", "addressType": "EXTERNAL"},
        labels=True,
    ),
    "firewalls": KindRow(
        schema="Firewall",
        noun="firewall",
        metric="FIREWALLS",
        refs={"network": ("networks",)},
        defaults={
            "description": "",
            "network": "global/networks/default",
            "priority": 1000,
            "direction": "INGRESS",
            "disabled": False,
            "logConfig": {"enable": False},
        },
        immutable=("network", "direction"),
    ),
    "networks": KindRow(
        schema="Network",
        noun="network",
        metric="NETWORKS",
        defaults={
            "autoCreateSubnetworks": True,
            "routingConfig": {"routingMode": "REGIONAL"},
            "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        },
        mutable=("routingConfig", "mtu", "networkFirewallPolicyEnforcementOrder"),
    ),
    "subnetworks": KindRow(
        schema="Subnetwork",
        noun="subnetwork",
        metric="SUBNETWORKS",
        refs={"network": ("networks",)},
        defaults={
            "purpose": "PRIVATE",
            "stackType": "IPV4_ONLY",
            "privateIpGoogleAccess": False,
            "enableFlowLogs": False,
        },
        immutable=("network", "ipCidrRange"),
        required=("network", "ipCidrRange"),
        fingerprint=True,
        without_fingerprint="condition",
    ),
    "networkEndpointGroups": KindRow(
        schema="NetworkEndpointGroup",
        noun="network_endpoint_group",
        metric="NETWORK_ENDPOINT_GROUPS",
        refs=NETWORK,
        defaults={"networkEndpointType": "GCE_VM_IP_PORT"},
    ),
    "instanceGroups": KindRow(
        schema="InstanceGroup",
        noun="instance_group",
        metric="INSTANCE_GROUPS",
        defaults={"description": ""},
        fingerprint=True,
    ),
    "instances": KindRow(
        schema="Instance",
        noun="instance",
        metric="INSTANCES",
        refs=NETWORK,
        defaults={"canIpForward": False, "deletionProtection": False, "startRestricted": False},
        fingerprint=True,
        labels=True,
    ),
    "securityPolicies": KindRow(
        schema="SecurityPolicy",
        noun="security_policy",
        metric="SECURITY_POLICIES",
        defaults={"description": "", "type": "CLOUD_ARMOR"},
        immutable=("type",),
        fingerprint=True,
        labels=True,
    ),
    "zones": KindRow(schema="Zone", noun="zone", metric=""),
    "regions": KindRow(schema="Region", noun="region", metric=""),
}

# Fields that change by themselves: left out when two worlds are compared.
VOLATILE: Final = frozenset(
    {"id", "creationTimestamp", "fingerprint", "labelFingerprint", "lastStartTimestamp"}
)


def references(kind: str, body: Json) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield every reference in a body: where it stands, what it says, the kinds allowed there."""
    rows = KINDS[kind].refs
    if rows:
        yield from _walk(rows, body, "resource")


def _walk(
    rows: Mapping[str, tuple[str, ...]], value: Any, where: str
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for name, inner in value.items():
        allowed = rows.get(name)
        if isinstance(inner, str):
            if allowed and inner:
                yield f"{where}.{name}", inner, allowed
        elif isinstance(inner, dict):
            yield from _walk(rows, inner, f"{where}.{name}")
        elif isinstance(inner, list):
            for i, element in enumerate(inner):
                if isinstance(element, dict):
                    yield from _walk(rows, element, f"{where}.{name}[{i}]")
                elif allowed and isinstance(element, str):
                    yield f"{where}.{name}[{i}]", element, allowed
