"""One entry per action: what was done to which resource, why, and how it ended.

For people, long after: `glbc explain` reads it. Nothing decides by it, and no secret can stand in
it: a value that is not known to be fit for print is not shown (`plan/render.py`).
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from glbc.engine.jobs import Outcome
from glbc.errors import Transient
from glbc.plan.planner import Action
from glbc.plan.render import change_lines


class Result(StrEnum):
    """How an action ended."""

    DONE = "done"
    FAILED = "failed"  # refused, or not carried out
    LOST = "lost"  # sent, and the answer did not come: it is read again


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal. Members are added, never changed."""

    time: str  # when it ended, RFC 3339, UTC
    op: str  # create, update or delete
    resource: str  # for people: kind/name (place)
    path: str  # for programs: the API's path of it
    reason: str  # docs/reasons.md
    result: Result
    seconds: float  # how long it took
    changes: tuple[str, ...] = ()  # of an update: one text per field
    error: str = ""  # the cloud's words
    users: tuple[str, ...] = msgspec.field(name="for", default=())  # the Ingresses that want it


class Journal(Protocol):
    """Keeps what was done; never fails."""

    def note(self, entry: Entry) -> None:
        """Keep one entry."""
        ...


class Journals:
    """Several journals that keep the same."""

    def __init__(self, *journals: Journal) -> None:
        self._journals = journals

    def note(self, entry: Entry) -> None:
        """Keep one entry in each."""
        for journal in self._journals:
            journal.note(entry)


def entry_of(outcome: Outcome, action: Action, now: float) -> Entry:
    """Return the entry for an action that has ended.

    Args:
        outcome: how.
        action: what.
        now: seconds since 1970.
    """
    result = Result.DONE
    if outcome.error is not None:
        lost = isinstance(outcome.error, Transient) and outcome.writes
        result = Result.LOST if lost else Result.FAILED
    return Entry(
        time=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        op=action.op.value,
        resource=str(action.key),
        path=action.key.path,
        reason=action.reason.value,
        result=result,
        seconds=round(outcome.ended - outcome.began, 3),
        changes=tuple(change_lines(action.key.kind, action.changes)),
        error=str(outcome.error or ""),
        users=tuple(str(user) for user in action.wanted_by),
    )
