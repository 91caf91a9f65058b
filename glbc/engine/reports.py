"""When the condition of an Ingress is written, and when its health is worth an event.

What is said follows from values (`glbc.conditions`); here is the memory that keeps an idle cluster
quiet: what was said last, and when. Owned by the loop.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from glbc import conditions
from glbc.conditions import Condition, Facts, Report, Status, Type, Why
from glbc.engine.absentees import Turn
from glbc.engine.health import Health
from glbc.engine.ports import Clock
from glbc.model.calls import EventNote, IngressPatch, Write
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed
from glbc.model.health import HEALTHY, UNKNOWN
from glbc.model.keys import ResourceKey
from glbc.model.views import Ingress
from glbc.plan.planner import Blocked
from glbc.status import Told
from glbc.translate import annotations
from glbc.translate.desired import Desired
from glbc.translate.reading import Translated
from glbc.translate.surprises import why_it_fails

APART_SEC: Final = 60.0  # between two writes of their own for one Ingress
BUSY_SEC: Final = 30.0  # how long work must last before it is said that it lasts
AWAIT_SEC: Final = 60.0  # how long the first answer about health is waited for
RETRY_SEC: Final = 10.0  # within which a write that failed is the same write
LASTS_SEC: Final = 30.0  # how long a backend must fail before it is told
START_SEC: Final = 60.0  # that the cloud has to probe a backend once a rule leads to it
SAID: Final = Report()  # nothing is due to be said


class Said(msgspec.Struct, frozen=True):
    """What was written last of one Ingress, and when (monotonic)."""

    values: Mapping[str, str]
    conditions: tuple[Condition, ...]
    written: float
    flipped: float  # the last write in which a status changed


class Basis(NamedTuple):
    """What the facts of one Ingress rest on; compared by identity, which costs nothing."""

    ingress: Ingress
    read: Translated
    actual: Graph[Observed]
    states: Mapping[ResourceKey, str]
    steps: bool
    blocked: tuple[Blocked, ...]

    def is_same(self, other: "Basis") -> bool:
        """Tell whether nothing has changed."""
        pairs = zip(self[:-1], other[:-1], strict=True)
        return all(one is two for one, two in pairs) and self.blocked == other.blocked


class Draft(msgspec.Struct, frozen=True):
    """What is due to be said of one Ingress."""

    basis: Basis
    facts: Facts
    conditions: tuple[Condition, ...]
    values: Mapping[str, str]


class Reports:
    """What was said of each Ingress."""

    def __init__(self, health: Health, clock: Clock) -> None:
        self._health = health
        self._clock = clock
        self._said: dict[str, Said] = {}
        self._drafts: dict[str, Draft] = {}
        self._since: dict[tuple[str, str], float] = {}  # Ingress, what of it lasts -> since when
        self._due: dict[str, float] = {}  # when what is held back may be written
        self._sick: dict[tuple[ObjectRef, ResourceKey], float] = {}  # since when it fails
        self._told: dict[tuple[ObjectRef, ResourceKey], EventNote] = {}  # failures that were told

    def of(self, turn: Turn) -> dict[str, Report]:
        """Return what is to be written of each Ingress that is served."""
        steps = {owner for action in turn.plan.actions for owner in action.wanted_by}
        blocked: dict[ObjectRef, list[Blocked]] = {}
        for one in turn.plan.blocked:
            for owner in one.wanted_by:
                blocked.setdefault(owner, []).append(one)
        states = self._health.states()
        reports: dict[str, Report] = {}
        self._due = {}
        for name in turn.desired.served:
            ingress = turn.snapshot.ingresses.get(name)
            if ingress is None:
                continue
            basis = Basis(
                ingress,
                turn.desired.read[name],
                turn.actual,
                states,
                ingress.ref in steps,
                tuple(blocked.get(ingress.ref, ())),
            )
            draft = self._draft(name, basis, turn.desired)
            self._drafts[name] = draft
            reports[name] = self._judged(name, ingress, draft)
        for memory in (self._said, self._drafts):
            for name in memory.keys() - turn.desired.served.keys():
                del memory[name]
        self._since = {at: since for at, since in self._since.items() if at[0] in self._drafts}
        return reports

    def noted(self, writes: Iterable[Write]) -> None:
        """Remember what is being written."""
        now = self._clock.monotonic()
        for write in writes:
            if not isinstance(write, IngressPatch) or not write.annotations:
                continue
            name = f"{write.ingress.namespace}/{write.ingress.name}"
            draft = self._drafts.get(name)
            if draft is None or draft.values.keys().isdisjoint(write.annotations):
                continue
            old = self._said.get(name)
            if old and old.values == draft.values and now - old.written < RETRY_SEC:
                continue
            was = conditions.status_of(old.conditions) if old else {}
            flips = was != conditions.status_of(draft.conditions)
            # That work has begun is the first word of an Ingress, and holds back no other.
            counts = flips and not _is_busy(draft.conditions)
            flipped = now if counts else (old.flipped if old else float("-inf"))
            self._said[name] = Said(draft.values, draft.conditions, now, flipped)

    def events(self, turn: Turn) -> Iterator[EventNote]:
        """Yield a warning for each backend that has failed for a while, and a word when it is back."""
        failing: set[tuple[ObjectRef, ResourceKey]] = set()
        for draft in self._drafts.values():
            ingress = draft.facts.ingress
            for service, state in draft.facts.health:
                at = (ingress.ref, service)
                if state == HEALTHY:
                    if self._told.pop(at, None):
                        text = f"backend {service.name} answers its health check again"
                        yield _note(ingress, "Normal", Told.HEALTHY, text)
                    continue
                failing.add(at)
                if state != UNKNOWN and self._lasts(at):
                    text = f"backend {service.name} is {state}: {_why(service, turn)}"
                    self._told.setdefault(at, _note(ingress, "Warning", Told.UNHEALTHY, text))
                if at in self._told:
                    yield self._told[at]
        self._sick = {at: since for at, since in self._sick.items() if at in failing}
        self._told = {at: note for at, note in self._told.items() if at in failing}

    def due(self) -> Iterator[float]:
        """Yield the moments at which something held back may be written."""
        yield from self._due.values()

    def _draft(self, name: str, basis: Basis, desired: Desired) -> Draft:
        old = self._drafts.get(name)
        if old is not None and old.basis.is_same(basis):
            return old
        facts = conditions.facts_of(
            basis.ingress,
            desired,
            basis.actual,
            basis.states,
            steps=basis.steps,
            blocked=basis.blocked,
        )
        if old is not None and old.facts == facts:
            return msgspec.structs.replace(old, basis=basis)
        said = self._said.get(name)
        previous = said.conditions if said else _published(basis.ingress)
        made = conditions.fold(facts, previous, self._clock.time())
        values = {annotations.CONDITIONS: conditions.encoded(made)}
        if facts.health:
            values[annotations.BACKENDS] = conditions.backends_map(facts.health)
        return Draft(basis, facts, made, values)

    def _judged(self, name: str, ingress: Ingress, draft: Draft) -> Report:
        """Tell whether what is due is worth a write of its own now; else remember when it is."""
        have = ingress.metadata.annotations or {}
        if all(have.get(key) == value for key, value in draft.values.items()):
            self._since.pop((name, "busy"), None)
            self._since.pop((name, "awaited"), None)
            return SAID
        busy = _is_busy(draft.conditions)
        report = Report(values=draft.values, early=busy)
        now, said = self._clock.monotonic(), self._said.get(name)
        awaited = self._health.is_awaited(service for service, _ in draft.facts.health)
        busy_since = self._lasting(name, "busy", busy, now)
        awaited_since = self._lasting(name, "awaited", awaited, now)
        if said and said.values == draft.values and now - said.written < RETRY_SEC:
            return msgspec.structs.replace(report, alone=True)
        was = conditions.status_of(said.conditions if said else _published(ingress))
        now_is = conditions.status_of(draft.conditions)
        allowed = float("-inf")
        if said:
            allowed = (said.flipped if was != now_is else said.written) + APART_SEC
        if busy:
            allowed = max(allowed, busy_since + BUSY_SEC)
        bad_news = any(
            status == Status.FALSE and was.get(kind) != status
            for kind, status in now_is.items()
            if kind != Type.BACKENDS_HEALTHY
        )
        if awaited and not bad_news:
            allowed = max(allowed, awaited_since + AWAIT_SEC)
        if now >= allowed:
            return msgspec.structs.replace(report, alone=True)
        self._due[name] = allowed
        return report

    def _lasting(self, name: str, what: str, holds: bool, now: float) -> float:
        """Return since when something holds of an Ingress without a break."""
        if not holds:
            self._since.pop((name, what), None)
            return now
        return self._since.setdefault((name, what), now)

    def _lasts(self, at: tuple[ObjectRef, ResourceKey]) -> bool:
        """Tell whether a backend has failed for a while, the time apart that the cloud needs."""
        asked, reached = self._health.asked_at(at[1]), self._health.reached.get(at[1], 0.0)
        since = self._sick.setdefault(at, max(asked, reached + START_SEC))
        return asked - since >= LASTS_SEC


def _is_busy(made: Iterable[Condition]) -> bool:
    return any(one.type == Type.PROGRAMMED and one.reason == Why.IN_PROGRESS for one in made)


def _published(ingress: Ingress) -> tuple[Condition, ...]:
    return conditions.decoded(annotations.text(ingress.metadata, annotations.CONDITIONS))


def _why(service: ResourceKey, turn: Turn) -> str:
    check = conditions.check_of(service, turn.actual)
    words = [conditions.checked_by(check)]
    pods = turn.desired.shared.probed.backends.get(service)
    if pods is not None and (path := conditions.path_of(check)):
        words.append(why_it_fails(pods.facts, path))
    return "; ".join(filter(None, words))


def _note(ingress: Ingress, kind: str, reason: str, message: str) -> EventNote:
    uid = ingress.metadata.uid
    return EventNote(object=ingress.ref, uid=uid, type=kind, reason=reason, message=message)
