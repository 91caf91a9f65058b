"""What `glbc plan` prints: a rehearsal, for people as text and for programs as JSON.

Deterministic, and made of the plan alone: nothing is decided here. An action is one line, and a
name is never cut, because people copy it; what is said below it is folded. A value of a type that
is not known to be fit for print is not printed.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import PathRule
from glbc.model.finding import Finding, Severity
from glbc.model.keys import Kind, Ref, ResourceKey
from glbc.model.kinds import ROWS
from glbc.model.private import HIDDEN
from glbc.plan import output
from glbc.plan.budget import Budget, Shortage
from glbc.plan.diff import Change
from glbc.plan.drawn import object_out
from glbc.plan.planner import Action, Blocked, Op
from glbc.plan.simulate import Rehearsal

SIGN: Final = {Op.CREATE: "+", Op.UPDATE: "~", Op.DELETE: "-"}
COLOUR: Final = {"+": "32", "~": "33", "-": "31", "!": "35"}  # ANSI: green, yellow, red, magenta
NOT_ASKED: Final = Budget()
NAMED_USERS: Final = 2  # how many Ingresses a line names before it only counts them

Line = tuple[str, str, str]
"""The sign and the verb; the object; what is said of it."""


def render_text(
    rehearsal: Rehearsal,
    findings: Iterable[Finding],
    budget: Budget = NOT_ASKED,
    *,
    width: int = 80,
    colour: bool = False,
) -> str:
    """Return the plan for people: what happens step by step, what cannot, what is wrong.

    Args:
        rehearsal: the plan, run on paper.
        findings: what translation found wrong.
        budget: what the quotas say of it.
        width: columns that details are folded to.
        colour: mark each line's sign with ANSI colours.
    """
    page = _Page(width, colour)
    for number, wave in enumerate(rehearsal.waves, 1):
        page.heading(f"Step {number}")
        page.table(
            (_action_line(action), list(change_lines(action.key.kind, action.changes)))
            for action in wave
        )
    if rehearsal.last.blocked:
        page.heading("Blocked")
        page.table((_blocked_line(one), [_in_the_way(one)]) for one in _blocked(rehearsal))
    if ordered := sorted(set(findings)):
        page.heading("Findings")
        page.table(
            (
                (f"! {finding.severity}", f"{finding.object}", finding.reason),
                [f"{finding.field}: {finding.message}: {finding.hint}".removeprefix(": ")],
            )
            for finding in ordered
        )
    if budget.shortages or budget.unread:
        page.heading("Quotas")
        rows = [(_quota_line(one), [_room_of(one)]) for one in budget.shortages]
        page.table(rows + [(_unread_line(project), [why]) for project, why in budget.unread])
    page.heading(_summary_line(_summary(rehearsal)))
    return page.text()


def plan_out(
    rehearsal: Rehearsal, findings: Iterable[Finding], budget: Budget = NOT_ASKED
) -> output.PlanOut:
    """Return the plan for programs: `output.PlanOut`, documented in docs/output.md."""
    return output.PlanOut(
        waves=tuple(tuple(_action_out(action) for action in wave) for wave in rehearsal.waves),
        blocked=tuple(
            output.BlockedOut(**_head(one), by=one.by, hint=one.hint) for one in _blocked(rehearsal)
        ),
        findings=findings_out(findings),
        summary=output.SummaryOut(**_summary(rehearsal)),
        quotas=tuple(
            output.QuotaOut(**msgspec.structs.asdict(one), fits=one.fits, hint=one.hint)
            for one in budget.shortages
        ),
        quotas_unread="; ".join(f"project {project}: {why}" for project, why in budget.unread),
    )


def _blocked(rehearsal: Rehearsal) -> list[Blocked]:
    return sorted(rehearsal.last.blocked, key=lambda one: (one.key, one.op, one.reason))


def _summary(rehearsal: Rehearsal) -> dict[str, int]:
    ops = [action.op for wave in rehearsal.waves for action in wave]
    return {
        **{op.value: ops.count(op) for op in Op},
        "blocked": len(rehearsal.last.blocked),
    }


def _summary_line(count: Mapping[str, int]) -> str:
    blocked = f"{count['blocked']} blocked" if count["blocked"] else ""
    if not any(count[op] for op in Op):
        return f"Nothing can be done: {blocked}." if blocked else "Nothing to do."
    due = ", ".join(f"{count[op]} to {op}" for op in Op)
    return f"Plan: {due}, {blocked}." if blocked else f"Plan: {due}."


# Text ---------------------------------------------------------------------------------------------


class _Page:
    """Lines under headings, the columns of each table aligned. Used once."""

    def __init__(self, width: int, colour: bool) -> None:
        self._width = width
        self._colour = colour
        self._lines: list[str] = []

    def heading(self, text: str) -> None:
        """Begin a section."""
        if self._lines:
            self._lines.append("")
        self._lines.append(text)

    def table(self, rows: Iterable[tuple[Line, Sequence[str]]]) -> None:
        """Add lines in columns, each followed by its own details."""
        rows = list(rows)
        verbs = max(len(verb) for (verb, _, _), _ in rows)
        names = max(len(name) for (_, name, _), _ in rows)
        for (verb, name, said), details in rows:
            self._add(f"  {verb:{verbs}}  {name:{names}}  {said}")
            for detail in details:
                self._fold(detail)

    def text(self) -> str:
        """Return the page."""
        return "\n".join(self._lines) + "\n"

    def _fold(self, text: str) -> None:
        self._lines.extend(
            textwrap.wrap(
                text,
                self._width,
                initial_indent=" " * 6,
                subsequent_indent=" " * 10,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )

    def _add(self, line: str) -> None:
        sign = line[2]
        if self._colour and sign in COLOUR:
            line = f"  \x1b[{COLOUR[sign]}m{sign}\x1b[0m{line[3:]}"
        self._lines.append(line)


def _action_line(action: Action) -> Line:
    said = action.reason + (", interrupts traffic" if action.disruptive else "")
    return _line(SIGN[action.op], action, said)


def _blocked_line(one: Blocked) -> Line:
    return _line("!", one, one.reason)


def _in_the_way(one: Blocked) -> str:
    told = one.by == str(one.key) or one.by in one.hint
    return one.hint if told else f"{one.by}: {one.hint}"


def _quota_line(one: Shortage) -> Line:
    verdict = "nearly met" if one.fits else "exceeded"
    return f"! {Severity.WARNING if one.fits else Severity.ERROR}", one.metric, verdict


def _unread_line(project: str) -> Line:
    return f"! {Severity.WARNING}", f"project {project}", "its quotas cannot be read"


def _room_of(one: Shortage) -> str:
    have = f"project {one.project} has {one.usage} of {one.limit}"
    return f"{have}, and the plan needs {one.needs} more: {one.hint}"


def _line(sign: str, verdict: Action | Blocked, said: str) -> Line:
    users = ", ".join(str(user) for user in verdict.wanted_by[:NAMED_USERS])
    if more := len(verdict.wanted_by) - NAMED_USERS:
        users += f" and {more} more" if more > 0 else ""
    return f"{sign} {verdict.op}", str(verdict.key), f"{said}  ({users})" if users else said


def change_lines(kind: str, changes: Iterable[Change]) -> Iterator[str]:
    """Yield one text per field that changes, or per element of a list."""
    for change in changes:
        keyed = ROWS[Kind(kind)].keyed.get(change.field)
        yield from _differences(
            _wire_name(kind, change.field),
            change.before,
            change.after,
            keyed.key if keyed else None,
        )


def _differences(where: str, before: Any, after: Any, key: Any = None) -> Iterator[str]:
    """Yield what differs between two values: elements of lists, fields of structs, else both."""
    if isinstance(before, msgspec.Struct) and type(before) is type(after):
        for field in msgspec.structs.fields(after):
            old, new = getattr(before, field.name), getattr(after, field.name)
            if old != new:
                yield from _differences(f"{where}.{field.encode_name}", old, new)
    elif isinstance(before or after, tuple):
        yield from _list_differences(where, _items(before), _items(after), key)
    else:
        yield f"{where}: {shown(before)} -> {shown(after)}"


def _list_differences(
    where: str, before: Sequence[Any], after: Sequence[Any], key: Any
) -> Iterator[str]:
    old, new = [x for x in before if x not in after], [x for x in after if x not in before]
    was = {key(x): x for x in old} if key else {}
    for element in new:
        if key and (twin := was.get(key(element))) is not None:
            old.remove(twin)
            yield from _differences(f"{where}[{shown(key(element))}]", twin, element)
        else:
            yield f"{where}: + {shown(element)}"
    for element in old:
        yield f"{where}: - {shown(element)}"


def _items(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _wire_name(kind: str, field: str) -> str:
    fields = msgspec.structs.fields(ROWS[Kind(kind)].spec)
    return next((f.encode_name for f in fields if f.name == field), field)


def shown(value: Any, *, inner: bool = False) -> str:  # noqa: PLR0911  # one for each type
    """Return a value on one line, links shortened to kind/name."""
    match value:
        case _ if value is UNSET or value is None:
            return "(not set)"
        case PathRule():
            return f"{' '.join(value.paths)} -> {shown(value.service)}"
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value) if value != "" else '""'
        case Ref():
            return str(value.to)
        case tuple():
            return f"[{', '.join(shown(item, inner=True) for item in value)}]"
        case msgspec.Struct():
            fields = [
                f"{f.encode_name} {shown(getattr(value, f.name), inner=True)}"
                for f in msgspec.structs.fields(value)
                if getattr(value, f.name) is not UNSET
            ]
            return f"({', '.join(fields)})" if inner else ", ".join(fields)
    return HIDDEN


# JSON ---------------------------------------------------------------------------------------------


def _head(verdict: Action | Blocked) -> dict[str, str]:
    key: ResourceKey = verdict.key
    return {
        "op": verdict.op.value,
        "kind": str(key.kind),
        "scope": str(key.scope),
        "name": key.name,
        "reason": verdict.reason.value,
    }


def _action_out(action: Action) -> output.ActionOut:
    return output.ActionOut(
        **_head(action),
        changes=tuple(
            output.ChangeOut(
                field=_wire_name(action.key.kind, change.field),
                before=plain(change.before),
                after=plain(change.after),
            )
            for change in action.changes
        ),
        wanted_by=tuple(object_out(user) for user in action.wanted_by),
        disruptive=action.disruptive,
    )


def findings_out(findings: Iterable[Finding]) -> tuple[output.FindingOut, ...]:
    """Return findings for programs."""
    return tuple(
        output.FindingOut(
            object=object_out(finding.object),
            reason=str(finding.reason),
            field=finding.field,
            message=finding.message,
            hint=finding.hint,
            severity=finding.severity.value,
        )
        for finding in sorted(set(findings))
    )


def plain(value: Any) -> Any:
    """Return a value as JSON has it, links as the API writes them."""
    match value:
        case _ if value is UNSET or value is None:
            return None
        case bool() | str() | int() | float():
            return value
        case Ref():
            return value.to.link
        case tuple():
            return [plain(item) for item in value]
        case msgspec.Struct():
            return {
                f.encode_name: plain(getattr(value, f.name))
                for f in msgspec.structs.fields(value)
                if getattr(value, f.name) is not UNSET
            }
    return HIDDEN
