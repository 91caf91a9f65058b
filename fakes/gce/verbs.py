"""What the methods beside insert, patch, update and delete make of a resource.

Most only set fields and are rows of `SETTERS`; the rest are functions with one signature.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fakes.gce import errors, rules, rules_services
from fakes.gce.cloud import Call, Cloud
from fakes.gce.errors import invalid
from fakes.gce.kinds import KINDS
from fakes.gce.links import Key
from fakes.gce.normalise import merge, settle
from fakes.gce.store import State
from fakes.gce.wire import Json

Verb = Callable[[Cloud, Call, Key, State], State]
NO_CHANGE: Final = State({"name": ""})  # the operation runs and changes nothing


@dataclass(frozen=True, slots=True)
class Setter:
    """One `set…` method."""

    field: str  # of the request and of the resource
    whole: bool = False  # the request itself is the field's value
    needed: bool = True  # 400 if the request lacks it
    from_query: str = ""  # the value is this query parameter


SETTERS: Final[Mapping[str, Setter]] = {
    "targetHttpProxies.setUrlMap": Setter("urlMap"),
    "targetHttpsProxies.setUrlMap": Setter("urlMap"),
    "targetHttpsProxies.setSslCertificates": Setter("sslCertificates", needed=False),
    "targetHttpsProxies.setSslPolicy": Setter("sslPolicy", needed=False),
    "targetHttpsProxies.setQuicOverride": Setter("quicOverride"),
    "targetHttpsProxies.setCertificateMap": Setter("certificateMap", needed=False),
    "forwardingRules.setTarget": Setter("target"),
    "backendServices.setSecurityPolicy": Setter("securityPolicy", needed=False),
    "backendServices.setEdgeSecurityPolicy": Setter("edgeSecurityPolicy", needed=False),
    "instanceGroups.setNamedPorts": Setter("namedPorts", needed=False),
    "subnetworks.setPrivateIpGoogleAccess": Setter("privateIpGoogleAccess"),
    "instances.setTags": Setter("tags", whole=True),
    "instances.setMetadata": Setter("metadata", whole=True),
    "instances.setDeletionProtection": Setter(
        "deletionProtection", from_query="deletionProtection"
    ),
}
STATUS: Final = {
    "start": "RUNNING",
    "resume": "RUNNING",
    "stop": "TERMINATED",
    "suspend": "SUSPENDED",
}


def _set(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    row = SETTERS[f"{key.kind}.{call.method.verb}"]
    if row.whole:
        return _set_whole(cloud, call, key, old, row.field)
    rules.fingerprint(key.kind, call.body.get("fingerprint", ""), old.body, whole=False)
    if row.from_query:
        value: object = call.query.get(row.from_query, "true") == "true"
    else:
        value = call.body.get(row.field)
    if row.needed and value in (None, ""):
        raise errors.required(row.field)
    return settle(cloud, key, old.body | {row.field: value}, old.hidden)


def _set_whole(cloud: Cloud, call: Call, key: Key, old: State, field: str) -> State:
    sent = call.body.get("fingerprint", "")
    if sent != old.body.get(field, {}).get("fingerprint", ""):
        raise errors.stale()
    value = {name: inner for name, inner in call.body.items() if name != "fingerprint"}
    return settle(cloud, key, old.body | {field: value}, old.hidden)


def _set_labels(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    if call.body.get("labelFingerprint", "") != old.body.get("labelFingerprint", ""):
        raise errors.stale_labels()
    labels = {"labels": call.body.get("labels", {}), "labelFingerprint": cloud.new_fingerprint()}
    return settle(cloud, key, old.body | labels, old.hidden)


def _set_status(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    return settle(cloud, key, old.body | {"status": STATUS[call.method.verb]}, old.hidden)


def _instances(cloud: Cloud, call: Call, key: Key) -> list[str]:
    """Return the instances that a call names, as URLs, each of them there and in the zone."""
    urls = []
    for i, row in enumerate(call.body.get("instances", ())):
        where = f"resource.instances[{i}].instance"
        link = cloud.link(row.get("instance", ""))
        if link is None or link.key.kind != "instances":
            raise invalid(where, row.get("instance", ""), "The URL is malformed.")
        entry = cloud.store.get(link.key)
        if entry is None:
            raise errors.not_found(cloud.path(link.key))
        if entry.state is None or entry.deleting:
            raise errors.not_ready(cloud.path(link.key))
        if link.key.scope != key.scope:
            raise invalid(where, row["instance"], f"The instance is not in {key.scope}.")
        urls.append(cloud.url(link.key))
    if not urls:
        raise errors.required("resource.instances")
    return urls


def _add_instances(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    members = list(old.hidden.get("members", ()))
    for url in _instances(cloud, call, key):
        if url in members:
            link = cloud.link(url)
            path = cloud.path(link.key) if link else url
            raise errors.ApiError(
                400,
                "memberAlreadyExists",
                f"Instance '{path}' is already a member of '{cloud.path(key)}'.",
            )
        members.append(url)
    attached = _stamped(cloud, old, set(members) - set(old.hidden.get("members", ())))
    return settle(cloud, key, old.body, old.hidden | {"members": members, "attached": attached})


def _stamped(cloud: Cloud, old: State, new: set[str]) -> Json:
    """Return when each member or endpoint was attached, in monotonic seconds."""
    now = cloud.clock.monotonic()
    before: Json = old.hidden.get("attached", {})
    return before | dict.fromkeys(sorted(new), now)


def _remove_instances(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    members = list(old.hidden.get("members", ()))
    for url in _instances(cloud, call, key):
        if url not in members:
            link = cloud.link(url)
            path = cloud.path(link.key) if link else url
            raise errors.ApiError(
                400, "memberNotFound", f"Instance '{path}' is not a member of '{cloud.path(key)}'."
            )
        members.remove(url)
    return settle(cloud, key, old.body, old.hidden | {"members": members})


def _endpoint(cloud: Cloud, key: Key, group: Json, asked: Json) -> Json:
    """Return a network endpoint with what follows from its group and instance."""
    kind = group["networkEndpointType"]
    endpoint = {name: value for name, value in asked.items() if value is not None}
    if kind in ("GCE_VM_IP_PORT", "GCE_VM_IP"):
        text = endpoint.get("instance", "")
        if not text:
            raise errors.required("resource.networkEndpoints.instance")
        link = cloud.link(text if "/" in text else f"{key.scope}/instances/{text}")
        if link is None:
            raise invalid("resource.instance", text, "The URL is malformed.")
        entry = cloud.store.get(link.key)
        if entry is None or entry.state is None or link.key.scope != key.scope:
            raise errors.not_found(cloud.path(link.key))
        endpoint["instance"] = cloud.url(link.key)
        _check_ip(endpoint, entry.state.body)
    if kind == "GCE_VM_IP":
        if "port" in endpoint:
            raise invalid("resource.port", endpoint["port"], "Not allowed for GCE_VM_IP.")
    elif "port" not in endpoint:
        if "defaultPort" not in group:
            raise errors.required("resource.networkEndpoints.port")
        endpoint["port"] = group["defaultPort"]
    return endpoint


def _check_ip(endpoint: Json, instance: Json) -> None:
    nics = instance.get("networkInterfaces", [])
    own = [nic.get("networkIP", "") for nic in nics]
    ip = endpoint.setdefault("ipAddress", own[0] if own else "")
    ranges = [r["ipCidrRange"] for nic in nics for r in nic.get("aliasIpRanges", ())]
    if ip in own or any(_inside(ip, cidr) for cidr in ranges):
        return
    why = (
        f"Specified IP address {ip} doesn't belong to the (sub)network default "
        f"or to the instance {instance['name']}."
    )
    raise invalid("resource.ipAddress", ip, why)


def _inside(ip: str, cidr: str) -> bool:
    return ipaddress.ip_address(ip) in ipaddress.ip_network(cidr, strict=False)


def identity(endpoint: Json) -> tuple[str, str, str, int]:
    """Return what makes two endpoints of a group the same."""
    return (
        endpoint.get("instance", ""),
        endpoint.get("ipAddress", ""),
        endpoint.get("fqdn", ""),
        endpoint.get("port", 0),
    )


def _attach(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    asked = _asked_endpoints(cloud, call)
    endpoints = {identity(e): e for e in old.hidden.get("endpoints", ())}
    for row in asked:
        endpoint = _endpoint(cloud, key, old.body, row)
        endpoints[identity(endpoint)] = endpoint  # attaching twice is harmless
    before = {identity(e) for e in old.hidden.get("endpoints", ())}
    attached = _stamped(cloud, old, {repr(row) for row in endpoints.keys() - before})
    now = {"endpoints": list(endpoints.values()), "attached": attached}
    return settle(cloud, key, old.body, old.hidden | now)


def _detach(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    endpoints = {identity(e): e for e in old.hidden.get("endpoints", ())}
    for row in _asked_endpoints(cloud, call):
        endpoint = _endpoint(cloud, key, old.body, row)
        if endpoints.pop(identity(endpoint), None) is None:
            what = endpoint.get("ipAddress") or endpoint.get("fqdn", "")
            why = "The specified network endpoint does not exist."
            raise invalid("resource.networkEndpoints", what, why)
    return settle(cloud, key, old.body, old.hidden | {"endpoints": list(endpoints.values())})


def _asked_endpoints(cloud: Cloud, call: Call) -> list[Json]:
    asked: list[Json] = call.body.get("networkEndpoints", [])
    if not asked:
        raise errors.required("resource.networkEndpoints")
    limit = cloud.limits.endpoints_per_call
    if limit is not None and len(asked) > limit:
        why = f"Maximum of {limit} endpoints per call."
        raise invalid("resource.networkEndpoints", len(asked), why)
    return asked


def _add_key(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    keys = dict(old.hidden.get("signedUrlKeys", {}))
    rules_services.signed_url_key(cloud, call.body, keys)
    keys[call.body["keyName"]] = call.body["keyValue"]
    return settle(cloud, key, old.body, old.hidden | {"signedUrlKeys": keys})


def _delete_key(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    keys = dict(old.hidden.get("signedUrlKeys", {}))
    name = call.query.get("keyName", "")
    if keys.pop(name, None) is None:
        raise invalid("keyName", name, "There is no key of this name.")
    return settle(cloud, key, old.body, old.hidden | {"signedUrlKeys": keys})


def _rule(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    """Add, patch or remove one rule of a security policy."""
    verb = call.method.verb
    wanted = int(call.query.get("priority") or call.body.get("priority") or 0)
    table = {rule["priority"]: rule for rule in old.body.get("rules", ())}
    if verb == "addRule":
        if wanted in table:
            raise invalid(
                "resource.priority", wanted, "Cannot have rules with the same priorities."
            )
        table[wanted] = call.body
    elif wanted not in table:
        raise invalid("priority", wanted, "There is no rule of this priority.")
    elif verb == "patchRule":
        table[wanted] = merge(table[wanted], call.body)
    else:
        del table[wanted]
    return settle(cloud, key, old.body | {"rules": list(table.values())}, old.hidden)


def _expand(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    wider = call.body.get("ipCidrRange")
    if not wider:
        raise errors.required("ipCidrRange")
    return settle(cloud, key, old.body | {"ipCidrRange": wider}, old.hidden)


def _nothing(_cloud: Cloud, _call: Call, _key: Key, _old: State) -> State:
    return NO_CHANGE


VERBS: Final[Mapping[str, Verb]] = {
    **dict.fromkeys(SETTERS, _set),
    **{f"{kind}.setLabels": _set_labels for kind, row in KINDS.items() if row.labels},
    **{f"instances.{verb}": _set_status for verb in STATUS},
    "instances.reset": _nothing,
    "instanceGroups.addInstances": _add_instances,
    "instanceGroups.removeInstances": _remove_instances,
    "networkEndpointGroups.attachNetworkEndpoints": _attach,
    "networkEndpointGroups.detachNetworkEndpoints": _detach,
    "backendServices.addSignedUrlKey": _add_key,
    "backendServices.deleteSignedUrlKey": _delete_key,
    "securityPolicies.addRule": _rule,
    "securityPolicies.patchRule": _rule,
    "securityPolicies.removeRule": _rule,
    "subnetworks.expandIpCidrRange": _expand,
    "urlMaps.invalidateCache": _nothing,
}
