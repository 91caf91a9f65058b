"""What the server makes of a body before it is stored.

Defaults filled in, references as full URLs, addresses and fingerprints assigned, secrets taken
out, empty lists dropped. `settle` is the only way into the store.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from fakes.gce import certificates
from fakes.gce.cloud import Cloud
from fakes.gce.discovery import discovery
from fakes.gce.kinds import KINDS
from fakes.gce.links import GLOBAL, Key, region_of
from fakes.gce.operations import timestamp
from fakes.gce.store import State
from fakes.gce.wire import Json, clone

CHECK_BLOCKS: Final = {  # health check type -> its block and default port
    "HTTP": ("httpHealthCheck", 80),
    "HTTPS": ("httpsHealthCheck", 443),
    "HTTP2": ("http2HealthCheck", 443),
    "TCP": ("tcpHealthCheck", 80),
    "SSL": ("sslHealthCheck", 443),
    "GRPC": ("grpcHealthCheck", 0),
    "GRPC_WITH_TLS": ("grpcTlsHealthCheck", 0),
}
HTTP_CHECKS: Final = ("HTTP", "HTTPS", "HTTP2")
MANAGED: Final = ("EXTERNAL_MANAGED", "INTERNAL_MANAGED", "INTERNAL_SELF_MANAGED")
SSL_FEATURES: Final = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)


def fresh(cloud: Cloud, key: Key, body: Json) -> Json:
    """Return the body of a resource that is about to be inserted, with its system fields."""
    row = KINDS[key.kind]
    stamped: Json = {
        "kind": discovery().kind_of(row.schema),
        "id": cloud.new_id(),
        "creationTimestamp": timestamp(cloud.clock.time()),
    }
    stamped |= with_defaults(key.kind, body)
    stamped["name"] = key.name
    stamped["selfLink"] = cloud.url(key)
    place, _, _ = key.scope.partition("/")
    if place in ("regions", "zones"):
        stamped[place.removesuffix("s")] = cloud.root + key.scope
    return stamped


def with_defaults(kind: str, body: Json) -> Json:
    """Return a request body with the server's defaults under it."""
    defaults = clone(dict(KINDS[kind].defaults))
    given = {name: value for name, value in body.items() if value is not None}
    return _over(defaults, given)


def _over(base: Json, top: Mapping[str, Any]) -> Json:
    merged = dict(base)
    for name, value in top.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[name] = _over(below, value)
        else:
            merged[name] = value
    return merged


def merge(base: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386): null removes, lists are replaced."""
    if not isinstance(patch, dict) or not isinstance(base, dict):
        return clone(patch)
    merged = dict(base)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name, {} if isinstance(value, dict) else None), value)
    return merged


def settle(cloud: Cloud, key: Key, body: Json, hidden: Json) -> State:
    """Return the version to store for a body as asked for."""
    row = KINDS[key.kind]
    body, hidden = prune(body), dict(hidden)
    body.pop("params", None)  # input only, of many kinds
    for secret in row.secrets:
        if secret in body:
            hidden[secret] = body.pop(secret)
    body = _linked(cloud, row.refs, body)
    finish = FINISH.get(key.kind)
    if finish is not None:
        finish(cloud, key, body, hidden)
    if row.fingerprint:
        body["fingerprint"] = cloud.new_fingerprint()
    if row.labels:
        body.setdefault("labelFingerprint", cloud.new_fingerprint())
        if not body.get("labels"):
            body.pop("labels", None)
    return State(body, hidden)


def prune(value: Any) -> Any:
    """Return a copy without nulls and empty lists, which the API does not show."""
    if isinstance(value, dict):
        return {
            name: prune(inner) for name, inner in value.items() if inner is not None and inner != []
        }
    if isinstance(value, list):
        return [prune(inner) for inner in value]
    return value


def _linked(cloud: Cloud, refs: Mapping[str, tuple[str, ...]], value: Any) -> Any:
    """Return a body with every reference written as a full URL."""
    if not refs or not isinstance(value, dict):
        return value
    linked: Json = {}
    for name, inner in value.items():
        if isinstance(inner, list):
            linked[name] = [
                _full(cloud, element)
                if name in refs and isinstance(element, str)
                else _linked(cloud, refs, element)
                for element in inner
            ]
        elif isinstance(inner, str):
            linked[name] = _full(cloud, inner) if name in refs else inner
        else:
            linked[name] = _linked(cloud, refs, inner)
    return {name: inner for name, inner in linked.items() if inner != "" or name not in refs}


def _full(cloud: Cloud, text: str) -> str:
    link = cloud.link(text)
    if link is None:
        return text
    if link.project:
        return cloud.root.replace(f"/{cloud.project}/", f"/{link.project}/") + link.key.tail
    return cloud.url(link.key)


def _health_check(_cloud: Cloud, _key: Key, body: Json, _hidden: Json) -> None:
    kind = body.get("type", "")
    if kind not in CHECK_BLOCKS:
        return
    block, port = CHECK_BLOCKS[kind]
    for other, _ in CHECK_BLOCKS.values():
        if other != block:
            body.pop(other, None)
    wanted = body.setdefault(block, {})
    if port and "portSpecification" not in wanted and "portName" not in wanted:
        wanted.setdefault("port", port)
    if not kind.startswith("GRPC"):
        wanted.setdefault("proxyHeader", "NONE")
    if kind in HTTP_CHECKS:
        wanted.setdefault("requestPath", "/")


def _backend_service(_cloud: Cloud, _key: Key, body: Json, hidden: Json) -> None:
    protocol, scheme = body.get("protocol", ""), body.get("loadBalancingScheme", "")
    for backend in body.get("backends", ()):
        passthrough = scheme in ("INTERNAL", "EXTERNAL_PASSTHROUGH")
        backend.setdefault("balancingMode", "CONNECTION" if passthrough else "UTILIZATION")
        if not passthrough:
            backend.setdefault("capacityScaler", 1.0)
    if protocol.startswith("HTTP") and scheme != "INTERNAL":
        body.setdefault("portName", "http")
        body.setdefault("port", 443 if protocol == "HTTPS" else 80)
    if scheme in MANAGED and protocol.startswith(("HTTP", "GRPC")):
        body.setdefault("localityLbPolicy", "ROUND_ROBIN")
    _iap(body, hidden)
    _cdn(body, hidden)


def _iap(body: Json, hidden: Json) -> None:
    iap = body.get("iap")
    if iap is not None:
        secret = iap.pop("oauth2ClientSecret", None)
        if secret is not None:
            hidden["oauth2ClientSecret"] = secret
        kept = hidden.get("oauth2ClientSecret", "")
        iap.setdefault("enabled", False)
        iap.setdefault("oauth2ClientId", "")
        iap["oauth2ClientSecretSha256"] = hashlib.sha256(kept.encode()).hexdigest()


def _cdn(body: Json, hidden: Json) -> None:
    names = sorted(hidden.get("signedUrlKeys", ()))
    if names:
        body.setdefault("cdnPolicy", {})["signedUrlKeyNames"] = names
    elif "cdnPolicy" in body:
        body["cdnPolicy"].pop("signedUrlKeyNames", None)
    if body.get("enableCDN"):
        policy = body.setdefault("cdnPolicy", {})
        policy.setdefault("cacheMode", "CACHE_ALL_STATIC")
        if policy["cacheMode"] != "USE_ORIGIN_HEADERS":
            policy.setdefault("clientTtl", 3600)
            policy.setdefault("defaultTtl", 3600)
        if policy["cacheMode"] == "CACHE_ALL_STATIC":
            policy.setdefault("maxTtl", 86400)


def _forwarding_rule(cloud: Cloud, key: Key, body: Json, _hidden: Json) -> None:
    given = body.get("IPAddress", "")
    link = cloud.link(given) if "/" in given else None
    if link is not None and not link.project and link.key.kind == "addresses":
        body["IPAddress"] = cloud.newest(given).body.get("address", given)
    internal = body.get("loadBalancingScheme", "").startswith("INTERNAL")
    if internal:
        body.pop("networkTier", None)
        if key.scope != GLOBAL and "subnetwork" not in body:
            region = region_of(key.scope)
            body["subnetwork"] = cloud.url(Key("subnetworks", f"regions/{region}", "default"))
        body.setdefault("network", cloud.url(Key("networks", GLOBAL, "default")))
    if not given:
        body["IPAddress"] = cloud.new_ip(key, body.get("subnetwork", "") if internal else None)
    port_range = body.get("portRange", "")
    if port_range and "-" not in port_range:
        body["portRange"] = f"{port_range}-{port_range}"
    if key.scope != GLOBAL:
        body["selfLinkWithId"] = cloud.url(key._replace(name=body["id"]))


def _address(cloud: Cloud, key: Key, body: Json, _hidden: Json) -> None:
    if body.get("addressType") == "INTERNAL":
        if key.scope != GLOBAL:
            body.setdefault("purpose", "GCE_ENDPOINT")
            region = region_of(key.scope)
            default = cloud.url(Key("subnetworks", f"regions/{region}", "default"))
            body.setdefault("subnetwork", default)
        if not body.get("address"):
            body["address"] = cloud.new_ip(key, body.get("subnetwork", ""))
        return
    body.setdefault("networkTier", "PREMIUM")
    if key.scope == GLOBAL:
        body.setdefault("ipVersion", "IPV4")
    if not body.get("address"):
        body["address"] = cloud.new_ip(key, None)


def _certificate(_cloud: Cloud, _key: Key, body: Json, _hidden: Json) -> None:
    managed = body.get("managed")
    body.setdefault("type", "MANAGED" if managed else "SELF_MANAGED")
    if managed:
        names = [name.rstrip(".") + "." for name in managed.get("domains", ())]
        body["managed"] = managed | {
            "domains": names,
            "status": "PROVISIONING",
            "domainStatus": dict.fromkeys(names, "PROVISIONING"),
        }
        return
    block = body.pop("selfManaged", {})
    text = body.get("certificate") or block.get("certificate", "")
    if text:
        body["certificate"] = text
        body["selfManaged"] = {"certificate": text}
        body |= certificates.facts(text)


def _take_nested_key(cloud: Cloud, key: Key, body: Json, hidden: Json) -> None:
    nested = body.get("selfManaged", {}).pop("privateKey", None)
    if nested is not None:
        hidden["privateKey"] = nested
    _certificate(cloud, key, body, hidden)


def _ssl_policy(_cloud: Cloud, _key: Key, body: Json, _hidden: Json) -> None:
    custom = body.get("profile") == "CUSTOM"
    body["enabledFeatures"] = body.get("customFeatures", []) if custom else list(SSL_FEATURES)


def _instance(cloud: Cloud, key: Key, body: Json, _hidden: Json) -> None:
    body.setdefault("status", "RUNNING")
    region = region_of(key.scope)
    for i, nic in enumerate(body.setdefault("networkInterfaces", [{}])):
        nic.setdefault("kind", "compute#networkInterface")
        nic.setdefault("name", f"nic{i}")
        nic.setdefault("network", cloud.url(Key("networks", GLOBAL, "default")))
        nic.setdefault("subnetwork", cloud.url(Key("subnetworks", f"regions/{region}", "default")))
        if not nic.get("networkIP"):
            nic["networkIP"] = cloud.new_ip(key, nic["subnetwork"])
        nic["fingerprint"] = cloud.new_fingerprint()
    body.setdefault("tags", {}).setdefault("fingerprint", cloud.new_fingerprint())
    body.setdefault("metadata", {}).setdefault("fingerprint", cloud.new_fingerprint())


def _endpoint_group(cloud: Cloud, key: Key, body: Json, _hidden: Json) -> None:
    if key.scope.startswith("zones/"):
        body.setdefault("network", cloud.url(Key("networks", GLOBAL, "default")))


def _security_policy(_cloud: Cloud, _key: Key, body: Json, _hidden: Json) -> None:
    rules = body.setdefault("rules", [])
    if not any(rule.get("priority") == 2**31 - 1 for rule in rules):
        rules.append(
            {
                "priority": 2**31 - 1,
                "action": "allow",
                "description": "default rule",
                "match": {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["*"]}},
                "preview": False,
            }
        )
    for rule in rules:
        rule["kind"] = "compute#securityPolicyRule"
    rules.sort(key=lambda rule: rule.get("priority", 0))


FINISH: Final[Mapping[str, Callable[[Cloud, Key, Json, Json], None]]] = {
    "healthChecks": _health_check,
    "backendServices": _backend_service,
    "forwardingRules": _forwarding_rule,
    "addresses": _address,
    "sslCertificates": _take_nested_key,
    "sslPolicies": _ssl_policy,
    "instances": _instance,
    "networkEndpointGroups": _endpoint_group,
    "securityPolicies": _security_policy,
}
