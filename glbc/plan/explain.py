"""What `glbc explain` prints of an Ingress: each resource, each field, whose it is and why.

A field is *enforced* (somebody asked for it: drift is corrected), *initial* (our default: sent at
creation, then anyone's), or somebody's (we never set it). Made of the graphs and the plan alone.
"""

import textwrap
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET

from glbc.model.finding import Finding, ObjectRef
from glbc.model.graph import Graph, Observed, Resource
from glbc.model.keys import Kind
from glbc.model.kinds import ROWS
from glbc.model.private import Private
from glbc.plan import output
from glbc.plan.chart import Node, chart, verdicts_of
from glbc.plan.drawn import links_out, tree
from glbc.plan.planner import Action, Blocked, Plan
from glbc.plan.render import findings_out, plain, shown

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
    """One resource that the Ingress wants: how it stands, and its fields."""

    node: Node
    fields: tuple[FieldRow, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to say of an Ingress."""

    ingress: ObjectRef
    address: str = ""  # as published
    nothing: str = ""  # why nothing is wanted for it, where nothing is
    findings: tuple[Finding, ...] = ()
    conditions: tuple[output.ConditionOut, ...] = ()  # as published
    chain: tuple[Node, ...] = ()  # what it wants, and what that leads to
    told: tuple[Explained, ...] = ()  # what it wants
    journal: tuple[output.DoneOut, ...] = ()  # the last actions, oldest first
    journal_problem: str = ""  # why there are none; "" when there simply are none


def explain(
    ingress: ObjectRef, desired: Graph[Resource], actual: Graph[Observed], plan: Plan
) -> Explanation:
    """Explain every resource that an Ingress wants, sorted by key."""
    verdicts = verdicts_of(plan)
    chain = chart(desired, actual, plan, ingress)
    told = [
        _explained(node, desired[node.key], actual.get(node.key), verdicts.get(node.key))
        for node in chain
        if ingress in node.wanted_by
    ]
    return Explanation(ingress=ingress, chain=chain, told=tuple(told))


def _explained(
    node: Node, resource: Resource, live: Observed | None, due: Action | Blocked | None
) -> Explained:
    changed = {change.field for change in due.changes} if due else set()
    return Explained(node=node, fields=tuple(_rows(resource, live, changed)))


def _rows(
    resource: Resource, live: Observed | None, changed: Collection[str]
) -> Iterator[FieldRow]:
    row = ROWS[Kind(resource.key.kind)]
    wanted = dict(_leaves(resource.spec))
    there = dict(_leaves(live.spec)) if live else {}
    names = {wire: name for name, wire in _fields(row.spec)}
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


def strange_fields(resource: Resource, live: Observed) -> int:
    """Return how many fields are not as we would set them, and are left to whoever set them."""
    return sum(
        row.standing is Standing.SOMEBODYS or (row.standing is Standing.INITIAL and row.differs)
        for row in _rows(resource, live, ())
        if row.path not in live.set_by_us
    )


def _leaves(spec: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything that is set; a secret shows that it is there, no more."""
    struct: Any = type(spec)
    for name, wire in _fields(struct):
        value, path = getattr(spec, name), f"{before}{wire}"
        if isinstance(value, msgspec.Struct):
            yield from _leaves(value, f"{path}.")
        elif value is not UNSET and not isinstance(value, Private):
            yield path, value


@cache
def _fields(struct: Any) -> tuple[tuple[str, str], ...]:
    """Return the fields of a struct, each with its name on the wire."""
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(struct))


def as_text(told: Explanation, *, width: int = 80, colour: bool = False) -> str:
    """Return the explanation for people; what differs from what is wanted is marked `~`."""
    where = f"at {told.address}" if told.address else "no address yet"
    lines = [f"{told.ingress}: {where}"]
    for finding in sorted(set(told.findings)):
        lines += _folded(f"! {finding.reason}: {finding.field}: {finding.message}", width)
        lines += _folded(finding.hint, width, "    ")
    lines += _conditions(told.conditions, width)
    if told.chain:
        lines += ["", *tree(told.chain, width=width, colour=colour)]
    else:
        lines += ["", *_folded(told.nothing, width)]
    for one in told.told:
        lines += ["", f"{one.node.key}: {one.node.said}"]
        if one.node.hint:
            lines += _folded(one.node.hint, width, "    ")
        lines += _aligned(one.fields)
    if told.journal:
        lines += ["", "Last actions", *_done(told.journal, width)]
    elif told.journal_problem:
        lines += ["", "Last actions", *_folded(told.journal_problem, width, "  ")]
    return "\n".join(lines) + "\n"


def _conditions(conditions: Iterable[output.ConditionOut], width: int) -> Iterator[str]:
    rows = list(conditions)
    widest = max((len(row.type) for row in rows), default=0)
    if rows:
        yield from ("", "Conditions, as published")
    for row in rows:
        since = f", since {row.last_transition_time}" if row.last_transition_time else ""
        yield f"  {row.type:{widest}}  {row.status:7}  {row.reason}{since}"
        if row.message:
            yield from _folded(row.message, width, "      ")


def _done(journal: Iterable[output.DoneOut], width: int) -> Iterator[str]:
    for one in journal:
        result = "" if one.result == "done" else f", {one.result}"
        yield f"  {one.time}  {one.op:6}  {one.resource}"
        yield f"      {one.reason}, {one.seconds:.1f} s{result}"
        for change in (*one.changes, *([one.error] if one.error else [])):
            yield from _folded(change, width, "      ")


def _folded(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


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


def as_output(told: Explanation) -> output.ExplanationOut:
    """Return the explanation for programs; documented in docs/output.md."""
    fields = {one.node.key: one.fields for one in told.told}
    return output.ExplanationOut(
        ingress=output.IngressOut(namespace=told.ingress.namespace, name=told.ingress.name),
        address=told.address,
        findings=findings_out(told.findings),
        conditions=told.conditions,
        resources=tuple(_resource_out(node, fields.get(node.key, ())) for node in told.chain),
        journal=told.journal,
    )


def _resource_out(node: Node, fields: Iterable[FieldRow]) -> output.ExplainedOut:
    return output.ExplainedOut(
        kind=str(node.key.kind),
        scope=node.key.scope,
        name=node.key.name,
        verdict=node.verdict.value,
        state=node.said,
        hint=node.hint,
        links=tuple(links_out(node.links)),
        fields=tuple(
            output.FieldOut(
                path=row.path,
                standing=row.standing.value,
                wanted=plain(row.wanted),
                live=plain(row.live),
                source=row.source,
            )
            for row in fields
        ),
    )
