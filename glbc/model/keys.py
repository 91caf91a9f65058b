"""What a cloud resource is called, and how one refers to another.

Equal keys are the same resource. A `Ref` stands wherever the API wants a link; no link text is
built, compared or parsed outside this module.
"""

from enum import StrEnum
from functools import cache
from typing import Any, Final, NewType, get_args, get_type_hints

import msgspec

BASE: Final = "https://www.googleapis.com/compute/v1/"


class Kind(StrEnum):
    """The REST collections that glbc manages or refers to; the value is the path segment."""

    HEALTH_CHECK = "healthChecks"
    INSTANCE_GROUP = "instanceGroups"
    BACKEND_SERVICE = "backendServices"
    URL_MAP = "urlMaps"
    TARGET_HTTP_PROXY = "targetHttpProxies"
    TARGET_HTTPS_PROXY = "targetHttpsProxies"
    SSL_CERTIFICATE = "sslCertificates"
    FORWARDING_RULE = "forwardingRules"
    ADDRESS = "addresses"
    FIREWALL = "firewalls"
    NETWORK_ENDPOINT_GROUP = "networkEndpointGroups"
    # Referred to, never managed:
    INSTANCE = "instances"
    NETWORK = "networks"
    SUBNETWORK = "subnetworks"
    SSL_POLICY = "sslPolicies"
    SECURITY_POLICY = "securityPolicies"


Scope = NewType("Scope", str)
"""Where a resource lives, as the path writes it: `global`, `regions/R` or `zones/Z`."""

GLOBAL: Final = Scope("global")


def zone(name: str) -> Scope:
    """Return the scope of the zone called `name`."""
    return Scope(f"zones/{name}")


class ResourceKey(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """Project, kind, scope and name: equal keys are the same resource."""

    project: str
    kind: str  # a Kind; or, of a foreign resource, a collection that we do not know
    scope: Scope
    name: str

    @property
    def path(self) -> str:
        """The path below the API's base, `projects/p/global/urlMaps/x`."""
        return f"projects/{self.project}/{self.scope}/{self.kind}/{self.name}"

    @property
    def link(self) -> str:
        """The full URL that Compute Engine itself writes."""
        return BASE + self.path

    @property
    def partial(self) -> str:
        """The project-relative link, `global/urlMaps/x`."""
        return f"{self.scope}/{self.kind}/{self.name}"

    def __str__(self) -> str:
        where = "" if self.scope == GLOBAL else f" ({self.scope.partition('/')[2]})"
        return f"{self.kind}/{self.name}{where}"


class Ref:
    """A reference to another resource, compared by its target and never by its spelling."""

    __slots__ = ("to",)
    to: ResourceKey

    def __init__(self, to: ResourceKey) -> None:
        self.to = to

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self.to == other.to

    def __lt__(self, other: "Ref") -> bool:
        return self.to < other.to

    def __hash__(self) -> int:
        return hash(self.to)

    def __repr__(self) -> str:
        return f"Ref({self.to})"


def parse_link(text: str, project: str) -> ResourceKey:
    """Turn a link into the key of what it names.

    Args:
        text: a full URL of any API version, `projects/p/…`, or a partial `global/…`.
        project: the project that a partial link is relative to.

    A text that is no link becomes a key of its own that equals nothing we make: what a foreign
    resource refers to must never stop us from reading it.
    """
    path = text
    if "://" in path:
        _, _, path = path.partition("/projects/")
        path = f"projects/{path}"
    parts = path.strip("/").split("/")
    if parts[0] == "projects" and len(parts) > 2:
        project, parts = parts[1], parts[2:]
    match parts:
        case ["global", kind, name]:
            return ResourceKey(project, kind, GLOBAL, name)
        case ["regions" | "zones" as where, place, kind, name]:
            return ResourceKey(project, kind, Scope(f"{where}/{place}"), name)
    return ResourceKey(project, "unknown", GLOBAL, text)


def refs_in(value: Any) -> frozenset[ResourceKey]:
    """Return the target of every Ref in `value`, however deep: references are found, never listed."""
    found: set[ResourceKey] = set()
    _collect(value, found)
    return frozenset(found)


def _collect(value: Any, found: set[ResourceKey]) -> None:
    if isinstance(value, Ref):
        found.add(value.to)
    elif isinstance(value, tuple):
        for item in value:
            _collect(item, found)
    elif isinstance(value, msgspec.Struct):
        for name in _fields_with_refs(type(value)):
            _collect(getattr(value, name), found)


@cache
def _fields_with_refs(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields whose type can hold a Ref: told by the types, so that none is forgotten."""
    hints = get_type_hints(struct)
    return tuple(name for name in struct.__struct_fields__ if _can_hold(hints[name]))


def _can_hold(annotation: Any) -> bool:
    if annotation is Ref or annotation is Any:
        return True
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return bool(_fields_with_refs(annotation))
    return any(_can_hold(part) for part in get_args(annotation))
