"""What `glbc explain` prints of an Ingress: each resource, each field, whose it is and why.

A field is *enforced* (somebody asked for it: drift is corrected), *initial* (our default: sent at
creation, then anyone's), or somebody's (we never set it). Made of the graphs and the plan alone.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET

from glbc.model.finding import Finding, ObjectRef
from glbc.model.graph import Graph, Observed, Resource
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import ROWS
from glbc.model.private import Private
from glbc.plan.planner import Action, Blocked, Plan
from glbc.plan.render import plain, shown

OUR_DEFAULT = "our default"
OUR_RECORD = "description"  # proof and record, never a wish


class Standing(StrEnum):
    """Whose a field is."""

    ENFORCED = "enforced"
    INITIAL = "initial"
    SOMEBODYS = "somebody's"


class FieldRow(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one resource."""

    path: str  # as the API writes it, dotted
    standing: Standing
    wanted: Any = UNSET
    live: Any = UNSET
    source: str = ""  # who asks for it
    differs: bool = False  # is it to be corrected; or, of an initial one, was it edited?


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One resource: how it stands, and its fields."""

    key: ResourceKey
    state: str  # one line
    hint: str = ""  # what to do, where something blocks it
    fields: tuple[FieldRow, ...] = ()


def explain(
    ingress: ObjectRef, desired: Graph[Resource], actual: Graph[Observed], plan: Plan
) -> list[Explained]:
    """Explain every resource that an Ingress wants, sorted by key."""
    verdicts: dict[ResourceKey, Action | Blocked] = {action.key: action for action in plan.actions}
    verdicts |= {blocked.key: blocked for blocked in plan.blocked}
    return [
        _explained(resource, actual.get(resource.key), verdicts.get(resource.key))
        for resource in sorted(desired, key=lambda one: one.key)
        if ingress in resource.wanted_by
    ]


def _explained(
    resource: Resource, live: Observed | None, verdict: Action | Blocked | None
) -> Explained:
    hint = ""
    match verdict:
        case None:
            state = "as wanted" if live else "not there yet"
        case Action():
            state = f"to {verdict.op}: {verdict.reason}"
        case Blocked():
            state = f"cannot {verdict.op}: {verdict.reason}: {verdict.by}"
            hint = verdict.hint
    changed = {change.field for change in verdict.changes} if verdict else set()
    rows = tuple(_rows(resource, live, changed))
    return Explained(key=resource.key, state=state, hint=hint, fields=rows)


def _rows(
    resource: Resource, live: Observed | None, changed: Collection[str]
) -> Iterator[FieldRow]:
    row = ROWS[Kind(resource.key.kind)]
    wanted = dict(_leaves(resource.spec))
    there = dict(_leaves(live.spec)) if live else {}
    names = {field.encode_name: field.name for field in msgspec.structs.fields(row.spec)}
    for path in sorted(wanted.keys() | there.keys() | resource.enforced.keys()):
        name = names.get(path.partition(".")[0], "")
        if name == OUR_RECORD or name in row.local or "#" in path:
            continue
        if path not in wanted and name in row.immutable:
            continue  # assigned by the cloud
        if path not in wanted and path not in resource.enforced:
            default = row.defaults.get(name, UNSET)
            if there[path] not in (default, row.cleared.get(path, UNSET), False, (), ""):
                yield FieldRow(path=path, standing=Standing.SOMEBODYS, live=there[path])
            continue
        asked = path in resource.enforced or name not in row.initial
        mine, theirs = wanted.get(path, UNSET), there.get(path, UNSET)
        edited = theirs is not UNSET and mine != theirs
        yield FieldRow(
            path=path,
            standing=Standing.ENFORCED if asked else Standing.INITIAL,
            wanted=mine,
            live=theirs,
            differs=(name in changed and mine != theirs) if asked else edited,
            source=resource.enforced.get(path) or resource.origin.get(name) or OUR_DEFAULT,
        )


def _leaves(spec: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything that is set; a secret shows that it is there, no more."""
    for field in msgspec.structs.fields(spec):
        value, path = getattr(spec, field.name), f"{before}{field.encode_name}"
        if isinstance(value, msgspec.Struct):
            yield from _leaves(value, f"{path}.")
        elif value is not UNSET and not isinstance(value, Private):
            yield path, value


def as_text(
    ingress: ObjectRef, told: Iterable[Explained], findings: Iterable[Finding], address: str
) -> str:
    """Return the explanation for people; what differs from what is wanted is marked `~`."""
    lines = [f"{ingress}: {f'at {address}' if address else 'no address yet'}"]
    for finding in sorted(set(findings)):
        lines += [f"! {finding.reason}: {finding.field}: {finding.message}", f"    {finding.hint}"]
    for one in told:
        lines += ["", f"{one.key}: {one.state}"]
        if one.hint:
            lines.append(f"    {one.hint}")
        lines += _aligned(one.fields)
    return "\n".join(lines) + "\n"


def _aligned(rows: Iterable[FieldRow]) -> Iterator[str]:
    rows = list(rows)
    width = max((len(row.path) for row in rows), default=0)
    for row in rows:
        sign = "~" if row.differs else " "
        source = "" if row.source == OUR_DEFAULT else row.source
        value = row.wanted if row.live is UNSET and not row.differs else row.live
        listed = isinstance(value, tuple)
        said = (source and f"from {source}") if listed else shown(value)
        if row.differs and not listed:
            what = "wanted" if row.standing is Standing.ENFORCED else row.source
            said += f" ({what}: {shown(row.wanted)})"
        yield f"{sign} {row.path:{width}}  {row.standing:10}  {said}".rstrip()
        if listed:
            yield from (f"      - {shown(element)}" for element in value)
        elif source:
            yield f"  {'':{width}}  {'':10}  from {source}"


def as_json(
    ingress: ObjectRef, told: Iterable[Explained], findings: Iterable[Finding], address: str
) -> Mapping[str, Any]:
    """Return the explanation for programs; members are added, never changed.

    {"ingress": {"namespace", "name"}, "address",
     "findings": [{"reason", "field", "message", "hint", "severity"}],
     "resources": [{"kind", "scope", "name", "state", "hint",
                    "fields": [{"path", "standing", "wanted", "live", "source"}]}]}
    """
    return {
        "ingress": {"namespace": ingress.namespace, "name": ingress.name},
        "address": address,
        "findings": [
            {
                "reason": finding.reason,
                "field": finding.field,
                "message": finding.message,
                "hint": finding.hint,
                "severity": finding.severity.value,
            }
            for finding in sorted(set(findings))
        ],
        "resources": [
            {
                "kind": one.key.kind,
                "scope": one.key.scope,
                "name": one.key.name,
                "state": one.state,
                "hint": one.hint,
                "fields": [
                    {
                        "path": row.path,
                        "standing": row.standing.value,
                        "wanted": plain(row.wanted),
                        "live": plain(row.live),
                        "source": row.source,
                    }
                    for row in one.fields
                ],
            }
            for one in told
        ],
    }
