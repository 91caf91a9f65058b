"""The graph as a person asks for it: each resource with its verdict, each reference with its field.

One Ingress's part, or all. What is wanted is drawn as it is wanted; what is only there, as it is.
Instances and networks are left out: they are many, and nobody's to judge here.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership, Resource
from glbc.model.keys import Kind, Ref, ResourceKey
from glbc.model.kinds import POLICIES
from glbc.plan.planner import Action, Blocked, Op, Plan

LEFT_OUT: Final = frozenset({Kind.INSTANCE, Kind.NETWORK, Kind.SUBNETWORK})


class Verdict(StrEnum):
    """How a resource stands."""

    RIGHT = "right"
    CREATE = "to be created"
    DIFFERS = "differs"
    DELETE = "to be deleted"
    BLOCKED = "blocked"
    FOREIGN = "foreign"  # used, and never written
    UNREADABLE = "unreadable"
    KEPT = "kept"  # nobody can say what it should be, so it stays as it is
    MISSING = "missing"  # referred to, not there, and not ours to make


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One reference of a resource."""

    field: str  # path in the API: `pathMatchers[0].pathRules[1].service`
    to: ResourceKey
    requests: str = ""  # of a URL map: the hosts and paths that go there

    @property
    def label(self) -> str:
        """The field in a word, and for whom."""
        words = [word for word in self.field.split(".") if word not in {"service", "group"}]
        name = words[-1].partition("[")[0]
        return f"{name} {self.requests}".rstrip()


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One resource."""

    key: ResourceKey
    verdict: Verdict
    said: str  # for people: why
    hint: str = ""  # what to do, where something blocks it
    at: str = ""  # of a forwarding rule: address and port
    wanted_by: tuple[ObjectRef, ...] = ()
    links: tuple[Link, ...] = ()


def chart(
    desired: Graph[Resource],
    actual: Graph[Observed],
    plan: Plan,
    only: ObjectRef | None = None,
) -> tuple[Node, ...]:
    """Return the nodes, sorted by key.

    Args:
        desired: everything that anyone wants.
        actual: everything that was seen.
        plan: what comes of the two.
        only: the Ingress whose part is asked for; None for everything that is ours or used.
    """
    verdicts = verdicts_of(plan)
    if only is None:
        start = {*desired.keys(), *(one.key for one in actual if one.ownership in _OURS)}
    else:
        start = {one.key for one in desired if only in one.wanted_by}
    found: dict[ResourceKey, Node] = {}
    todo = sorted(start)
    while todo:
        key = todo.pop()
        if key not in found and key.kind not in LEFT_OUT:
            found[key] = node = _node(key, desired, actual, verdicts.get(key))
            todo.extend(link.to for link in node.links)
    return tuple(found[key] for key in sorted(found))


_OURS: Final = frozenset({Ownership.OWNED, Ownership.ADOPTABLE})


def verdicts_of(plan: Plan) -> Mapping[ResourceKey, Action | Blocked]:
    """Return what the plan says of each resource."""
    due: dict[ResourceKey, Action | Blocked] = {one.key: one for one in plan.actions}
    return due | {one.key: one for one in plan.blocked}


def judged(
    key: ResourceKey,
    desired: Graph[Resource],
    actual: Graph[Observed],
    due: Action | Blocked | None,
) -> Verdict:
    """Return how a resource stands."""
    live = actual.get(key)
    lost = live is None and key.kind in actual.unreadable
    if lost or (live and live.ownership is Ownership.UNREADABLE):
        return Verdict.UNREADABLE
    if due is not None:
        return _of_due(due, is_wanted=key in desired)
    if live is None:
        return Verdict.FOREIGN if key.kind in POLICIES else Verdict.MISSING
    if live.ownership is Ownership.FOREIGN:
        return Verdict.FOREIGN
    return Verdict.RIGHT if key in desired else Verdict.KEPT


def _of_due(due: Action | Blocked, *, is_wanted: bool) -> Verdict:
    if isinstance(due, Blocked):
        return Verdict.BLOCKED
    if due.op is Op.CREATE:
        return Verdict.CREATE
    return Verdict.DIFFERS if is_wanted else Verdict.DELETE


def links(spec: Any) -> tuple[Link, ...]:
    """Return the references of a spec that are drawn, in the order of its fields."""
    requests = dict(_requests(spec)) if isinstance(spec, compute.UrlMap) else {}
    return tuple(
        Link(field=field, to=to, requests=requests.get(field, ""))
        for field, to in _refs(spec, "")
        if to.kind not in LEFT_OUT
    )


def _node(
    key: ResourceKey,
    desired: Graph[Resource],
    actual: Graph[Observed],
    due: Action | Blocked | None,
) -> Node:
    wanted, live = desired.get(key), actual.get(key)
    spec = wanted.spec if wanted else live.spec if live else None
    verdict = judged(key, desired, actual, due)
    return Node(
        key=key,
        verdict=verdict,
        said=_said(due, verdict),
        hint=due.hint if isinstance(due, Blocked) else "",
        at=place(live.spec if live else spec),
        wanted_by=wanted.wanted_by if wanted else (),
        links=() if spec is None else links(spec),
    )


def _said(due: Action | Blocked | None, verdict: Verdict) -> str:
    match due:
        case Action():
            return f"to {due.op}: {due.reason}"
        case Blocked():
            told = due.by == str(due.key) or due.by in due.hint
            return f"cannot {due.op}: {due.reason}{'' if told else f': {due.by}'}"
    return "as wanted" if verdict is Verdict.RIGHT else verdict.value


def place(spec: Any) -> str:
    """Return address and port of a forwarding rule, as far as they are known; "" of other kinds."""
    if not isinstance(spec, compute.ForwardingRule):
        return ""
    if not spec.ip_address:
        return f"port {port_of(spec)}, no address yet"
    return f"{spec.ip_address}:{port_of(spec)}"


def port_of(rule: compute.ForwardingRule) -> int:
    """Return the port that a forwarding rule listens at; 0 when it does not say."""
    text = (rule.port_range or "").partition("-")[0]
    return int(text) if text.isdigit() else 0


def _refs(value: Any, path: str) -> Iterator[tuple[str, ResourceKey]]:
    if isinstance(value, Ref):
        yield path, value.to
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _refs(item, f"{path}[{at}]")
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            inner = getattr(value, field.name)
            yield from _refs(inner, f"{path}.{field.encode_name}" if path else field.encode_name)


def _requests(url_map: compute.UrlMap) -> Iterator[tuple[str, str]]:
    """Yield the fields that lead to a backend, and the requests that they do it for."""
    hosts: dict[str, list[str]] = {}
    for rule in _items(url_map.host_rules):
        hosts.setdefault(rule.path_matcher, []).extend(rule.hosts)
    for at, matcher in enumerate(_items(url_map.path_matchers)):
        named = hosts.get(matcher.name, [])
        yield f"pathMatchers[{at}].defaultService", ", ".join(named)
        for of, rule in enumerate(matcher.path_rules):
            told = [f"{host}{path}" for host in named for path in rule.paths]
            yield f"pathMatchers[{at}].pathRules[{of}].service", ", ".join(told)


def _items(value: Any) -> Iterable[Any]:
    return () if value is UNSET else value
