"""The permissions that each method demands.

What it demands of the resource that it is about follows the IAM sections of the API's reference (a
patch reads what it changes, so it demands `get`, too); what it demands of the resources that its
body refers to follows the notes at those fields.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from fakes.gce.cloud import Call, Cloud
from fakes.gce.discovery import Method, discovery
from fakes.gce.kinds import KINDS, references
from fakes.gce.links import GLOBAL, Key, Link
from fakes.gce.verbs import SETTERS

# verb -> the last words of the permissions it demands, where they are not the verb
VERBS: Final[Mapping[str, tuple[str, ...]]] = {
    "insert": ("create",),
    "patch": ("update", "get"),
    "aggregatedList": ("list",),
    "wait": ("get",),
    "getHealth": ("get",),
    "listInstances": ("get",),
    "listNetworkEndpoints": ("get",),
    "getRule": ("get",),
    "testIamPermissions": ("list",),
    "listAvailableFeatures": ("listAvailableFeatures",),
    "listUsable": ("list",),
    "addInstances": ("update",),
    "removeInstances": ("update",),
    "setNamedPorts": ("update",),
    "addRule": ("update",),
    "patchRule": ("update",),
    "removeRule": ("update",),
    "setEdgeSecurityPolicy": ("setSecurityPolicy",),
}
# kind referred to -> the last word of the permission that referring demands, where it is not `use`
REFERRED: Final[Mapping[str, str]] = {"healthChecks": "useReadOnly", "sslCertificates": "get"}
# kinds that are a part of their network's policy, which they change
POLICY: Final = frozenset({"firewalls"})
WRITES: Final = frozenset({"insert", "patch", "update"})


def permissions(method: Method) -> tuple[str, ...]:
    """Return what a method demands of the resource that it is about."""
    words = VERBS.get(method.verb, (method.verb,))
    return tuple(f"compute.{method.collection}.{word}" for word in words)


def demanded(cloud: Cloud, call: Call) -> Iterator[tuple[str, str]]:
    """Yield the permissions that a call demands, each with the path that it demands it for."""
    key = call.key if call.key.name else call.key._replace(name=_text(call.body, "name"))
    for permission in permissions(call.method):
        yield permission, cloud.path(key).rstrip("/")
    for text in _referred(call):
        link = cloud.link(text)
        if link is not None and link.key.kind in KINDS:
            yield _to_refer(link.key), _path(cloud, link)
    if key.kind in POLICY and call.method.mutates:
        network = _network(cloud, call)
        if network is not None:
            yield "compute.networks.updatePolicy", _path(cloud, network)
    yield from _reserved(cloud, call)


def _referred(call: Call) -> Iterator[str]:
    """Yield what the body of a mutation refers to, as it is written there."""
    setter = SETTERS.get(f"{call.key.kind}.{call.method.verb}")
    if call.method.verb in WRITES or setter is not None:
        for where, text, _ in references(call.key.kind, call.body):
            if not (call.key.kind in POLICY and where.endswith(".network")):
                yield text
    elif call.method.verb == "addInstances":
        yield from (_text(row, "instance") for row in call.body.get("instances", ()))


def _to_refer(to: Key) -> str:
    place = "" if to.scope == GLOBAL else to.scope.partition("/")[0]
    collection = _collections().get((to.kind, place), to.kind)
    return f"compute.{collection}.{REFERRED.get(to.kind, 'use')}"


@cache
def _collections() -> Mapping[tuple[str, str], str]:
    """Return what the collection of a kind at a type of place is called."""
    methods = discovery().methods.values()
    return {(one.kind, one.place): one.collection for one in methods if one.verb == "get"}


def _network(cloud: Cloud, call: Call) -> Link | None:
    """Return the network whose policy a firewall rule is a part of."""
    entry = cloud.find(call.key)
    stored = entry.newest.body if entry is not None else {}
    default = KINDS[call.key.kind].defaults["network"]
    return cloud.link(call.body.get("network") or stored.get("network") or default)


def _reserved(cloud: Cloud, call: Call) -> Iterator[tuple[str, str]]:
    """Yield what the use of a reserved address demands."""
    if (call.key.kind, call.method.verb) != ("forwardingRules", "insert"):
        return
    text = _text(call.body, "IPAddress")
    link = cloud.link(text)
    if link is not None:
        yield _to_refer(link.key), _path(cloud, link)
        return
    for entry in cloud.store.at_ip(text) if text else ():
        if entry.key.kind == "addresses" and entry.key.scope == call.key.scope:
            yield _to_refer(entry.key), cloud.path(entry.key)


def _path(cloud: Cloud, link: Link) -> str:
    return f"projects/{link.project or cloud.project}/{link.key.tail}"


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""
