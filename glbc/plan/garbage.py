"""What nothing needs any more: which of it may go, what holds the rest, and whose it was.

Made of a plan alone. Collecting is a plan with less desired: only its deletes are carried out, and
one that needs an update first waits for the controller, which makes that update.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import UNSET

from glbc.model.graph import Graph, Observed
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import ROWS
from glbc.model.record import users_in
from glbc.plan.losses import Why, hold
from glbc.plan.output import PieceOut
from glbc.plan.planner import Action, Op, Plan, Reason

FREE: Final = "free"
SHARED: Final = frozenset({Kind.INSTANCE_GROUP, Kind.FIREWALL})  # nobody's in particular
DAY_SEC: Final = 86400


def only_deletes(plan: Plan, within: Callable[[ResourceKey], bool]) -> Plan:
    """Return the deletes of a plan, of these resources only, that need nothing else done first."""
    hint = "`glbc run` does it, on its next turn"
    waits = Why(Reason.NEEDS_BLOCKED, "something has to be changed first", hint)

    def judge(action: Action) -> Why | None:
        return waits if action.op is not Op.DELETE or action.disruptive else None

    held = hold(plan, judge)
    return Plan(
        tuple(action for action in held.actions if within(action.key)),
        tuple(one for one in held.blocked if one.op is Op.DELETE and within(one.key)),
    )


def pieces(
    plan: Plan, actual: Graph[Observed], reason_of: Callable[[str], str]
) -> tuple[PieceOut, ...]:
    """Return what a plan of deletes is about, in the order of the keys.

    Args:
        plan: deletes, and deletes that are held back.
        actual: what is there.
        reason_of: says why nothing needs what was this object's (`ingress shop/web`, or "").
    """
    held = {one.key: (one.by, one.hint) for one in plan.blocked}
    found = {one.key for one in plan.actions} | held.keys()

    def piece(live: Observed) -> PieceOut:
        whose = "" if live.key.kind in SHARED else whose_of(live.key, actual)
        by, hint = held.get(live.key, ("", ""))
        return PieceOut(
            kind=live.key.kind,
            name=live.key.name,
            scope=str(live.key.scope),
            project=live.key.project,
            created=live.created,
            whose=whose,
            why=reason_of(whose),
            cost=ROWS[Kind(live.key.kind)].cost or FREE,
            blocked_by=by,
            hint=hint,
        )

    return tuple(piece(actual[key]) for key in sorted(found) if key in actual)


def whose_of(key: ResourceKey, actual: Graph[Observed]) -> str:
    """Return what the description of a resource, or of the nearest that uses it, says it is for."""
    todo, seen = [key], {key}
    for one in todo:
        live = actual.get(one)
        description = live.spec.description if live else UNSET
        if isinstance(description, str) and (user := users_in(description)):
            return user
        fresh = sorted(set(actual.referrers(one)) - seen)
        seen.update(fresh)
        todo.extend(fresh)
    return ""


def as_text(found: Collection[PieceOut], now: float) -> str:
    """Return the table for people; a name is never cut, because people copy it.

    Args:
        found: the rows.
        now: seconds since 1970, for the ages.
    """
    return "".join(f"{line}\n" for piece in found for line in _lines(piece, now))


def _lines(piece: PieceOut, now: float) -> Iterator[str]:
    sign = "!" if piece.blocked_by else "-"
    place = "" if piece.scope == "global" else f" ({piece.scope.rpartition('/')[2]})"
    yield f"  {sign} {piece.kind}/{piece.name}{place}"
    age = f"{_age(piece.created, now)} old" if piece.created else ""
    why = f"{piece.whose}: {piece.why}" if piece.whose else piece.why
    yield f"      {'; '.join(part for part in (age, why, piece.cost) if part)}"
    if piece.blocked_by:
        yield f"      kept: {piece.blocked_by}: {piece.hint}"


def _age(created: str, now: float) -> str:
    """Return an age as kubectl writes it."""
    try:
        seconds = now - datetime.fromisoformat(created).astimezone(UTC).timestamp()
    except ValueError:
        return "of unknown age,"
    for size, unit in ((DAY_SEC, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
