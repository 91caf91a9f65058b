"""Whose health is asked for on behalf of pods that wait for their load balancer, and what they are told.

One read tells of all endpoints of a group. Nobody is asked while nobody waits, and all that wait take
no more than their share of the budget. Owned by the loop; what is said follows from values
(`glbc.readiness`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from glbc import readiness
from glbc.engine.absentees import Turn
from glbc.engine.budget import Budget
from glbc.engine.health import BATCH
from glbc.engine.jobs import HealthJob, Outcome, Probe
from glbc.engine.ports import Clock
from glbc.model.calls import Write
from glbc.model.compute import Endpoint
from glbc.model.health import HEALTHY
from glbc.model.views import Pod
from glbc.readiness import Seat, Verdict, Waiting

APART_SEC: Final = 2.0  # between two reads of one group …
SHARE: Final = 0.5  # … as long as all of them take no more than this of the budget


class Answer(NamedTuple):
    """The last answer for one group of one backend service."""

    began: float  # seconds, monotonic
    ended: float
    healthy: frozenset[tuple[str, int]]  # address, port


class Asked(NamedTuple):
    """An endpoint of a pod whose health may be asked for: an answer from before says nothing of it."""

    pod: str  # uid
    probe: Probe
    endpoint: Endpoint


class Readiness:
    """The pods that wait, and what is known of them."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._pods: Mapping[str, Pod] = {}
        self._waits: tuple[Pod, ...] = ()  # of these pods
        self._seen: dict[str, float] = {}  # uid -> since when we look after it, seconds since 1970
        self._since: dict[Asked, float] = {}  # monotonic
        self._answers: dict[Probe, Answer] = {}
        self._reading: set[Probe] = set()
        self._open: dict[str, Verdict] = {}  # by uid: what was said stays said
        self._due: list[tuple[Waiting, Verdict]] = []

    def look(self, turn: Turn, *, leads: bool) -> None:
        """Take in who waits for what; nobody who does not lead has a say."""
        if turn.snapshot.pods is not self._pods:
            self._pods = turn.snapshot.pods
            self._waits = tuple(pod for pod in self._pods.values() if readiness.waits(pod))
        if not (self._waits and leads):
            self._due = []
            for memory in (self._seen, self._since, self._answers, self._open):
                memory.clear()
            return
        now, today = self._clock.monotonic(), self._clock.time()
        uids = (pod.metadata.uid for pod in self._waits)
        self._seen = {uid: self._seen.get(uid, today) for uid in uids}
        groups = turn.desired.shared.pods
        found = readiness.waiting(self._waits, self._seen, groups, turn.actual)
        asked = {at for one in found for seat in one.seats for at in _asked(one, seat)}
        self._since = {at: self._since.get(at, now) for at in asked}
        probes = {at.probe for at in asked}
        self._answers = {probe: got for probe, got in self._answers.items() if probe in probes}
        verdicts = ((one, one.pod.metadata.uid) for one in found)
        self._due = [(one, self._open.get(uid) or self._verdict(one)) for one, uid in verdicts]
        self._open = {one.pod.metadata.uid: due for one, due in self._due if due.status == "True"}

    def jobs(self) -> Iterator[HealthJob]:
        """Yield the reads that are due and that the budget allows, those of the oldest answers first."""
        now = self._clock.monotonic()
        due = sorted((at, probe) for probe, at in self._due_at().items() if at <= now)
        some = [probe for _, probe in due[: self._budget.left()]]
        for start in range(0, len(some), BATCH):
            job = HealthJob(tuple(some[start : start + BATCH]))
            self._reading.update(job.probes)
            self._budget.spend(len(job.probes))
            yield job

    def fold(self, outcome: Outcome, job: HealthJob) -> None:
        """Take in what was read, whoever asked; what was not answered waits as long as what was."""
        self._reading.difference_update(job.probes)
        for probe in job.probes:
            healthy = frozenset(
                (member.ip_address, member.port)
                for member in outcome.members.get(probe, ())
                if member.state == HEALTHY
            )
            self._answers[probe] = Answer(outcome.began, outcome.ended, healthy)

    def writes(self) -> Iterator[Write]:
        """Yield what has to be told to pods."""
        for one, due in self._due:
            yield from readiness.writes(one.pod, due)

    def in_flight(self) -> int:
        """Return the number of reads under way."""
        return len(self._reading)

    def wake_at(self) -> Iterator[float]:
        """Yield the moments (monotonic) at which a read is due and paid for, or a wait ends."""
        soonest = min(self._due_at().values(), default=None)
        if soonest is not None and self._budget:
            yield max(soonest, self._budget.free_at())
        now, today = self._clock.monotonic(), self._clock.time()
        yield from (now + max(0.0, one.expires - today) for one in self._unready())

    def _verdict(self, one: Waiting) -> Verdict:
        def is_healthy(seat: Seat) -> bool:
            return any(self._is_healthy(at) for at in _asked(one, seat))

        return readiness.verdict(one, is_healthy, self._clock.time())

    def _is_healthy(self, at: Asked) -> bool:
        answer = self._answers.get(at.probe)
        if answer is None or answer.began < self._since[at]:
            return False
        return (at.endpoint.ip_address, at.endpoint.port) in answer.healthy

    def _unready(self) -> Iterator[Waiting]:
        return (one for one, due in self._due if due.status != "True")

    def _due_at(self) -> dict[Probe, float]:
        """Return when (monotonic) each group may be asked about again that somebody waits for."""
        probes = {
            at.probe for one in self._unready() for seat in one.seats for at in _asked(one, seat)
        }
        apart = max(APART_SEC, self._budget.apart(len(probes), SHARE))
        return {
            probe: got.ended + apart if (got := self._answers.get(probe)) else float("-inf")
            for probe in probes - self._reading
        }


def _asked(one: Waiting, seat: Seat) -> Iterable[Asked]:
    uid = one.pod.metadata.uid
    return (Asked(uid, Probe(service, seat.group), seat.endpoint) for service in seat.services)
