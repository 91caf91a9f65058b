"""Who answers a request, and how: from each forwarding rule down to the backend that gets it.

What is there is looked at as it is; what is only wanted, as it will be. DNS is not asked: every load
balancer that has the host is told, and where none has, what each would do all the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership, Resource
from glbc.model.keys import Kind, Ref, ResourceKey
from glbc.plan.chart import Verdict, judged, port_of, verdicts_of
from glbc.plan.planner import Plan
from glbc.plan.route import ANY, Routed, host_matches, route

PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
REMEDY: Final = "write https://host/path"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    scheme: str  # http | https
    host: str
    port: int  # TCP
    path: str  # without a query

    @property
    def url(self) -> str:
        """The request in a line."""
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate says."""

    names: tuple[str, ...] = ()  # DNS names
    expires: float | None = None  # seconds since 1970; None: it cannot be read


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of the proxy."""

    key: ResourceKey
    facts: Facts
    served: bool  # is it the one that this host gets?
    fits: bool  # is the host one of its names?


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one forwarding rule does with the request."""

    rule: ResourceKey
    verdict: Verdict | None = None  # of the rule; of the others below
    live: bool  # is it there? else it is to be created
    address: str  # "" when it has none yet
    users: tuple[ObjectRef, ...]
    certificates: tuple[Shown, ...] = ()  # in the proxy's order
    url_map: ResourceKey | None = None
    map_verdict: Verdict | None = None
    redirect: str = ""  # the URL that it sends to; "" if it does not
    routed: Routed = Routed(service=None)
    backend_verdict: Verdict | None = None
    has_host: bool  # is there a host rule for it, or for all hosts?


def parse(text: str) -> Request:
    """Read a URL.

    Raises:
        ValueError: it is none that a load balancer answers; the message says what to do.
    """
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"{text!r}: is no URL: {REMEDY}") from error
    if scheme not in PORTS:
        raise ValueError(f"{text!r}: scheme {scheme!r} is neither http nor https: {REMEDY}")
    if not host:
        raise ValueError(f"{text!r}: names no host: {REMEDY}")
    return Request(
        scheme=scheme,
        host=host,
        port=PORTS[scheme] if port is None else port,
        path=parts.path or "/",
    )


class _World(msgspec.Struct, frozen=True):
    """Both graphs; what is there goes first."""

    desired: Graph[Resource]
    actual: Graph[Observed]

    def spec(self, key: ResourceKey | None) -> Any:
        if key is None:
            return None
        found = self.actual.get(key) or self.desired.get(key)
        return found.spec if found else None

    def rules(self) -> dict[ResourceKey, compute.ForwardingRule]:
        keys = sorted({*self.desired.keys(), *self.actual.keys()})
        specs = ((key, self.spec(key)) for key in keys if key.kind == Kind.FORWARDING_RULE)
        return {key: spec for key, spec in specs if isinstance(spec, compute.ForwardingRule)}


def answers(
    request: Request,
    desired: Graph[Resource],
    actual: Graph[Observed],
    plan: Plan,
    read: Callable[[str], Facts],
) -> list[Answer]:
    """Return what each forwarding rule does that listens for the request, sorted by its key.

    Those that have the host where some have it; else all, with what they do for any host.

    Args:
        request: what is asked for.
        desired: everything that anyone wants.
        actual: everything that was seen.
        plan: what comes of the two.
        read: reads a PEM chain.
    """
    world, verdicts = _World(desired, actual), verdicts_of(plan)
    rules = world.rules()
    found = []
    for key, rule in rules.items():
        told = _answer(key, rule, request, world, read) if port_of(rule) == request.port else None
        if told is None or not (_is_ours(key, world) or told.routed.host not in {"", ANY}):
            continue
        if told.redirect and not told.has_host:
            has_host = _serves(rule, rules.values(), request, world)
            told = msgspec.structs.replace(told, has_host=has_host)
        stands = [
            judged(one, desired, actual, verdicts.get(one)) if one else None
            for one in (key, told.url_map, told.routed.service)
        ]
        found.append(
            msgspec.structs.replace(
                told, verdict=stands[0], map_verdict=stands[1], backend_verdict=stands[2]
            )
        )
    having = [one for one in found if one.has_host]
    return having or found


def _is_ours(key: ResourceKey, world: _World) -> bool:
    live = world.actual.get(key)
    return key in world.desired or (live is not None and live.ownership is Ownership.OWNED)


def _answer(
    key: ResourceKey,
    rule: compute.ForwardingRule,
    request: Request,
    world: _World,
    read: Callable[[str], Facts],
) -> Answer | None:
    proxy = world.spec(_to(rule.target))
    wanted_type = compute.TargetHttpsProxy if request.scheme == "https" else compute.TargetHttpProxy
    if not isinstance(proxy, wanted_type):
        return None
    map_key = _to(proxy.url_map)
    url_map = world.spec(map_key)
    if not isinstance(url_map, compute.UrlMap):
        return None
    redirects = url_map.default_url_redirect is not UNSET
    routed = route(url_map, request.host, request.path)
    wanted = world.desired.get(key)
    secure = msgspec.structs.replace(request, scheme="https", port=PORTS["https"])
    return Answer(
        rule=key,
        live=key in world.actual,
        address=rule.ip_address or "",
        users=wanted.wanted_by if wanted else (),
        certificates=tuple(_certificates(proxy, request.host, world, read)),
        url_map=map_key,
        redirect=secure.url if redirects and not routed.service else "",
        routed=routed,
        has_host=bool(routed.host),
    )


def _serves(
    rule: compute.ForwardingRule,
    rules: Iterable[compute.ForwardingRule],
    request: Request,
    world: _World,
) -> bool:
    """Tell whether the load balancer that redirects has the host: its rule for HTTPS leads there."""
    for other in rules:
        proxy = world.spec(_to(other.target))
        if isinstance(proxy, compute.TargetHttpsProxy) and _same_place(rule, other):
            url_map = world.spec(_to(proxy.url_map))
            if isinstance(url_map, compute.UrlMap):
                return bool(route(url_map, request.host, request.path).host)
    return False


def _same_place(one: compute.ForwardingRule, other: compute.ForwardingRule) -> bool:
    """Tell whether two rules are of one load balancer: they have its address."""
    by_name = one.address is not UNSET and one.address == other.address
    return by_name or (bool(one.ip_address) and one.ip_address == other.ip_address)


def _certificates(
    proxy: Any, host: str, world: _World, read: Callable[[str], Facts]
) -> Iterator[Shown]:
    """Yield the proxy's certificates; the first that fits is served, else the first."""
    named = getattr(proxy, "ssl_certificates", UNSET)
    keys = [ref.to for ref in named] if named is not UNSET else []
    facts = []
    for key in keys:
        spec = world.spec(key)
        pem = getattr(spec, "certificate", UNSET)
        facts.append(read(pem) if isinstance(pem, str) else Facts())
    fits = [any(covers(name, host) for name in one.names) for one in facts]
    served = fits.index(True) if True in fits else 0
    for at, key in enumerate(keys):
        yield Shown(key=key, facts=facts[at], served=at == served, fits=fits[at])


def covers(name: str, host: str) -> bool:
    """Tell whether a name of a certificate is good for a host: a `*` stands for one label."""
    name, host = name.lower(), host.lower()
    if name.startswith("*."):
        return host_matches(name, host) and "." not in host.removesuffix(name.removeprefix(ANY))
    return name == host


def _to(ref: object) -> ResourceKey | None:
    return ref.to if isinstance(ref, Ref) else None
