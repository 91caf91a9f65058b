"""Whose health is asked for, and when: within a budget, oldest first, and never faster on trouble.

Owned by the loop. Only backends count that an Ingress of ours uses and that a live forwarding rule
leads to: the cloud probes no others. What could not be read is Unknown and as old as the attempt.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from glbc.config import Config
from glbc.engine.budget import Budget
from glbc.engine.jobs import HealthJob, Outcome, Probe
from glbc.engine.ports import Clock
from glbc.model.compute import BackendService
from glbc.model.graph import Graph, Observed
from glbc.model.health import EMPTY, HEALTHY, UNKNOWN, of_groups
from glbc.model.keys import Kind, ResourceKey
from glbc.translate.desired import Desired
from glbc.translate.reasons import Reason

SICK_SEC: Final = 30.0  # how old an answer may get that says a backend fails: does it last?
EAGER_SEC: Final = 2.0  # how old an answer may get that a switch waits for …
EAGER_SHARE: Final = 0.8  # … as long as all of these take no more than this of the budget
BATCH: Final = 20  # reads of one job: one turn of the loop for all of them


class Seen(msgspec.Struct, frozen=True):
    """The last answer for one group of one backend."""

    state: str
    began: float  # seconds, monotonic: when the read was begun
    ended: float


class Health:
    """What is known of the health of the backends in use."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._interval = float(config.health_interval_sec)
        self.budget = Budget(config.health_reads_per_min, clock)
        self._clock = clock
        self._seen: dict[Probe, Seen] = {}
        self._reading: set[Probe] = set()
        self._probes: dict[ResourceKey, tuple[Probe, ...]] = {}
        self._eager: frozenset[ResourceKey] = frozenset()
        self._eager_wait = EAGER_SEC
        self._used: frozenset[ResourceKey] = frozenset()
        self._looked_at: tuple[Desired | None, Graph[Observed] | None] = (None, None)
        self._states: dict[ResourceKey, str] = {}
        self._is_stale = False
        self.reached: Mapping[ResourceKey, float] = {}  # since when (monotonic) a rule leads there

    def look(self, desired: Desired | None, actual: Graph[Observed]) -> None:
        """Take in whom the Ingresses use now, and what the cloud has."""
        was, seen = self._looked_at
        if desired is was and actual is seen:
            return
        if desired is not was:
            self._used, self._eager = _used(desired)
        if actual is not seen:
            now = self._clock.monotonic()
            self.reached = {key: self.reached.get(key, now) for key in _reached(actual)}
        self._looked_at = (desired, actual)
        self._probes = {}
        for key in sorted(self._used & self.reached.keys()):
            live = actual.get(key)
            if live is not None and isinstance(live.spec, BackendService) and live.spec.backends:
                self._probes[key] = tuple(Probe(key, one.group.to) for one in live.spec.backends)
        known = {probe for probes in self._probes.values() for probe in probes}
        self._seen = {probe: seen for probe, seen in self._seen.items() if probe in known}
        self._is_stale = True
        urgent = sum(len(probes) for key, probes in self._probes.items() if key in self._eager)
        self._eager_wait = max(EAGER_SEC, self.budget.apart(urgent, EAGER_SHARE))

    def jobs(self) -> Iterator[HealthJob]:
        """Yield the reads that are due and that the budget allows."""
        now = self._clock.monotonic()
        due = sorted(
            (probe.service not in self._eager, at, probe)
            for probe, at in self._due()
            if at <= now and probe not in self._reading
        )[: self.budget.left()]
        for urgent in (True, False):
            some = [probe for late, _, probe in due if late is not urgent]
            for start in range(0, len(some), BATCH):
                job = HealthJob(tuple(some[start : start + BATCH]))
                self._reading.update(job.probes)
                self.budget.spend(len(job.probes))
                yield job

    def fold(self, outcome: Outcome, job: HealthJob) -> None:
        """Take in what was read; what the job did not come to keeps its word, and waits as long."""
        self._reading.difference_update(job.probes)
        told = dict(outcome.health)
        for probe in job.probes:
            old = self._seen.get(probe)
            if (state := told.get(probe)) is not None:
                self._seen[probe] = Seen(state, outcome.began, outcome.ended)
            elif old is not None:
                self._seen[probe] = msgspec.structs.replace(old, ended=outcome.ended)
            else:
                self._seen[probe] = Seen(of_groups(()), outcome.began, outcome.ended)
        self._is_stale = True

    def in_flight(self) -> int:
        """Return the number of reads under way."""
        return len(self._reading)

    def wake_at(self) -> Iterator[float]:
        """Yield the moment (monotonic) at which the next read is due and paid for."""
        soonest = min((at for p, at in self._due() if p not in self._reading), default=None)
        if soonest is not None and self.budget:
            yield max(soonest, self.budget.free_at())

    def states(self) -> Mapping[ResourceKey, str]:
        """Return the word for each backend of which one was read since a rule leads to it."""
        if self._is_stale:
            states = {
                key: of_groups(seen.state for seen in found)
                for key, probes in self._probes.items()
                if (found := [s for p in probes if (s := self._fresh(p)) is not None])
            }
            self._is_stale = False
            if states != self._states:  # else the same object: who looked at it need not look again
                self._states = states
        return self._states

    def asked_at(self, service: ResourceKey) -> float:
        """Return when (monotonic) the newest answer for a backend was asked for."""
        asked = (self._fresh(probe) for probe in self._probes.get(service, ()))
        return max((seen.began for seen in asked if seen), default=float("-inf"))

    def is_awaited(self, services: Iterable[ResourceKey]) -> bool:
        """Tell whether the first answer for one of them is still to come."""
        return any(
            self._fresh(probe) is None
            for service in services
            for probe in self._probes.get(service, ())
        )

    def _fresh(self, probe: Probe) -> Seen | None:
        """Return what was read since a rule leads to the backend; what was before says nothing."""
        seen = self._seen.get(probe)
        return seen if seen and seen.began >= self.reached.get(probe.service, 0.0) else None

    def _due(self) -> Iterator[tuple[Probe, float]]:
        for service, probes in self._probes.items():
            for probe in probes:
                seen = self._seen.get(probe)
                yield probe, self._wait(service, seen) + seen.ended if seen else float("-inf")

    def _wait(self, service: ResourceKey, seen: Seen) -> float:
        """Return how old the answer may get, in seconds."""
        if service in self._eager:
            return min(self._eager_wait, self._interval)
        fails = seen.state not in {HEALTHY, UNKNOWN, EMPTY}
        return min(SICK_SEC, self._interval) if fails else self._interval


def _used(desired: Desired | None) -> tuple[frozenset[ResourceKey], frozenset[ResourceKey]]:
    """Return the backends that Ingresses use, and those that a switch waits for or leaves."""
    used: set[ResourceKey] = set()
    eager: set[ResourceKey] = set()
    for one in desired.read.values() if desired else ():
        used |= one.serving()
        left = {move.old for move in one.looked_at.moves}  # why a route leaves it is not forgotten
        used |= left
        waited_for = {key for move in one.waiting for key in (move.old, move.new)}
        used |= waited_for
        if not any(finding.reason == Reason.SWITCH_WAITS for finding in one.findings):
            eager |= waited_for | left  # else it may take for ever, and is in no hurry
    return frozenset(used), frozenset(eager)


def _reached(actual: Graph[Observed]) -> Iterator[ResourceKey]:
    """Yield the backend services that a live forwarding rule leads to."""
    todo: Collection[ResourceKey] = {rule.key for rule in actual.of_kind(Kind.FORWARDING_RULE)}
    for kinds in ({Kind.TARGET_HTTP_PROXY, Kind.TARGET_HTTPS_PROXY}, {Kind.URL_MAP}):
        todo = {
            ref
            for key in todo
            if (live := actual.get(key)) is not None
            for ref in live.refs
            if ref.kind in kinds
        }
    found = {ref for key in todo if (live := actual.get(key)) is not None for ref in live.refs}
    yield from (key for key in found if key.kind == Kind.BACKEND_SERVICE)
