"""The loop: one desired graph, one actual graph, one plan, its frontier, and again.

`step` is one turn and never blocks; `run` takes turns until told to stop. Only the loop's thread
touches the inventory and the plan. There is nothing to resume after a crash: the next turn compares
again.
"""

import threading
from collections.abc import Collection
from typing import Final

import structlog

from glbc.config import Config
from glbc.engine.absentees import Turn
from glbc.engine.backoff import Backoff
from glbc.engine.bell import Bell
from glbc.engine.budgets import Budgets
from glbc.engine.executor import moves_endpoints
from glbc.engine.groupnews import GroupNews
from glbc.engine.guards import Guards
from glbc.engine.health import Health
from glbc.engine.inherited import Inherited
from glbc.engine.inventory import Inventory
from glbc.engine.jobs import (
    ActionJob,
    HealthJob,
    ListJob,
    OperationsJob,
    Outcome,
    QuotaJob,
    ReadJob,
)
from glbc.engine.journal import Journal, entry_of
from glbc.engine.lists import Lists
from glbc.engine.pace import Pace
from glbc.engine.parked import Room, refusal_of, wait_sec
from glbc.engine.ports import Clock, Cluster, Fence, Workers
from glbc.engine.publisher import Publisher
from glbc.engine.readiness import Readiness
from glbc.engine.reports import Reports
from glbc.engine.switches import Switches
from glbc.engine.term import ALONE, Term
from glbc.engine.window import Window
from glbc.errors import (
    AlreadyExists,
    CloudError,
    InUse,
    NotFound,
    NotLeading,
    Stale,
    Transient,
)
from glbc.model.compute import Spec
from glbc.model.graph import Graph, Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import is_managed
from glbc.model.views import Hints, Snapshot
from glbc.naming import Namer
from glbc.negstatus.notes import done_notes as group_notes
from glbc.ownership import known_names, ownership_of
from glbc.plan import guard
from glbc.plan.planner import Action, Op, Plan, Reason, Refusal, frontier, plan
from glbc.status import done_notes, leaving_keys, releases, what_holds, writes
from glbc.translate.desired import Desired, translate
from glbc.translate.firewall import projects_of

log = structlog.get_logger()

DOUBLY_BALANCED: Final = frozenset(
    # An instance is in two load-balanced groups; the answer does not say in a field which one.
    {"instanceInMultipleLoadBalancedIgs", "INSTANCE_IN_MULTIPLE_LOAD_BALANCED_IGS"}
)
MOST_CURIOUS: Final = 20  # reads for one node that is in a group of somebody else
LATE_SEC: Final = 120.0  # how long what was sent and not answered may take to appear


class Loop:
    """The owner of inventory, plan and everything in flight. One thread."""

    def __init__(  # noqa: PLR0913 (a composition root hands everything over once)
        self,
        config: Config,
        namer: Namer,
        cluster: Cluster,
        workers: Workers,
        clock: Clock,
        journal: Journal | None = None,
        *,
        fence: Fence = ALONE,
        pace: Pace | None = None,
    ) -> None:
        self.config = config
        self.namer = namer
        self.cluster = cluster
        self.workers = workers
        self.clock = clock
        self.journal = journal
        projects = projects_of(config)
        self.inventory = Inventory(projects, self._ownership_of)
        self.turn: Turn | None = None
        self.window = Window(clock)
        self.pace = pace or Pace(clock)
        self._learnt: Collection[str] = ()  # the Ingresses whose names are known
        self._known: frozenset[str] = frozenset()
        self._flying: dict[ResourceKey, Action] = {}
        self._reading: set[ResourceKey] = set()
        self._lists = Lists(config, clock)
        self._parked: dict[ResourceKey, Refusal] = {}
        self._taken: frozenset[ResourceKey] = frozenset()  # ours to want, somebody else's to have
        self._backoff = Backoff()
        self._room = Room()
        self._budgets = Budgets(clock, float(config.resync_sec))
        self._publisher = Publisher(workers, clock)
        self._group_news = GroupNews()
        self._translated: tuple[Snapshot, Hints, Desired] | None = None
        self._curious: set[ResourceKey] = set()  # groups whose members are worth a read
        self._suspected: set[ResourceKey] = set()  # … because one of ours may be in them too
        self._seen_complete = False
        self._guards = Guards(config, namer, clock)
        self._term = Term(fence, clock)
        patience_sec = float(config.cloud.operation_timeout_sec)
        self._inherited = Inherited(projects.values(), clock, patience_sec)
        self._health = Health(config, clock)
        self._reports = Reports(self._health, clock)
        self._switches = Switches(self._health, clock)
        self._readiness = Readiness(self._health.budget, clock)

    # One turn -----------------------------------------------------------------------------------

    def step(self, changed_at: float | None = None) -> bool:
        """Take one turn: fold what has come, plan, start what may start, publish.

        Args:
            changed_at: when the oldest change of the cluster came since the last turn, if any did.

        Returns:
            True if this turn started or published something.
        """
        self.window.begins()
        self.pace.begins(changed_at)
        self._fold()
        if self._term.begins(self._lists.kinds):
            self._inherited.begins()
            self.resync()
        self._unpark()
        self.inventory.forget_misfits(self.clock.monotonic())
        self.inventory.forget_late(self.clock.monotonic())
        listing = self._list_again()
        snapshot = self.cluster.snapshot()
        self._seen_complete = self._seen_complete or snapshot.complete >= guard.NEEDED_VIEWS
        if not self._seen_complete or not self._lists.surveyed():
            return listing
        actual = self.inventory.graph()
        desired = self._desired(snapshot)
        full = plan(desired.graph, actual, desired.keep, self._parked)
        if self._learn_taken(full):
            desired = self._desired(snapshot)
            full = plan(desired.graph, actual, desired.keep, self._parked)
        verdicts = {one.key for one in full.actions} | {one.key for one in full.blocked}
        self.inventory.agreed(one for one in desired.graph if one.key not in verdicts)
        held = self._guards.hold(full, self.turn, snapshot, desired, actual)
        due = guard.listed_first(held, self._term.unlisted)
        self.turn = Turn(snapshot, desired, actual, due)
        self.pace.look(self.turn, leads=self._term.lasts())
        self._health.look(desired, actual)
        leads = self._term.lasts() and not self.config.guards.read_only
        self._readiness.look(self.turn, leads=leads)
        started = self._term.lasts() and not self._inherited.unknown() and self._start(due)
        asked = self._read(snapshot, desired)
        told = self._term.lasts() and self._term.surveyed() and self._publish(self.turn)
        if started or told:
            self.pace.tell(due, len(self._flying))
        flying, states = self._flying.values(), self._health.states()
        self.window.show(self.turn, flying, states, self._lists.kinds)
        return listing or started or asked or told

    def finish(self) -> None:
        """Take note of what has ended since the last turn; start nothing more."""
        self._fold()

    def in_flight(self) -> int:
        """Return the number of cloud jobs that have not come back."""
        busy = len(self._flying) + len(self._reading) + self._lists.in_flight()
        asked = self._inherited.in_flight() + self._budgets.in_flight()
        return busy + asked + self._health.in_flight() + self._readiness.in_flight()

    def wake_in(self) -> float:
        """Return the seconds until something is due by itself."""
        now = self.clock.monotonic()
        due = [*self._backoff.due(now), *self._publisher.due(now)]
        due.extend(
            (
                *self._lists.due(self._awaited()),
                *self._guards.due(),
                *self.inventory.misfits_due(),
                *self.inventory.late_due(),
            )
        )
        due.extend((*self._health.wake_at(), *self._readiness.wake_at()))
        due.extend(self._inherited.due(now))
        if self._term.number:
            due.extend(self._reports.due())
        if self.turn is not None:
            until = self.turn.desired.until
            due.append(now + max(0.0, until - self.clock.time()))
        due.append(now + self.config.resync_sec)  # never for ever, whatever is due
        return max(0.0, min(due, default=now + 1.0) - now)

    def resync(self) -> None:
        """List everything once more at the next turn."""
        self._lists.again()

    # Desired ------------------------------------------------------------------------------------

    def _desired(self, snapshot: Snapshot) -> Desired:
        """Translate, unless nothing that the last translation looked at has changed."""
        self._learn_names(snapshot)
        refused = {key for key, refusal in self._parked.items() if refusal.action.op is Op.CREATE}
        hints = self.inventory.hints(refused | self._taken, self._flying.keys())
        before: Desired | None = self._translated[2] if self._translated else None
        actual = self.inventory.graph()
        hints = self._switches.known(hints, before, actual, self._parked.values())
        now = self.clock.time()
        if self._translated is not None:
            seen, old, before = self._translated
            if seen is snapshot and before.hints_hold(old, hints, now):
                return before
        desired = translate(snapshot, hints, self.namer, self.config, before, now=now)
        self._translated = (snapshot, hints, desired)
        self.cluster.want_credentials(desired.credentials())
        return desired

    def _learn_taken(self, full: Plan) -> bool:
        """Remember whose names strangers have: they count as refused. Return True if that is news."""
        taken = frozenset(
            blocked.key
            for blocked in full.blocked
            if blocked.reason in {Reason.NAME_TAKEN, Reason.NOT_OURS}
        )
        news, self._taken = taken != self._taken, taken
        return news

    def _learn_names(self, snapshot: Snapshot) -> None:
        """Keep the front-end names of all Ingresses: a trimmed name alone proves nothing."""
        if snapshot.ingresses.keys() != self._learnt:
            self._learnt = snapshot.ingresses.keys()
            self._known = known_names(snapshot, self.namer)
            self.inventory.reclassify()

    def _ownership_of(self, key: ResourceKey, spec: Spec) -> Ownership:
        return ownership_of(key, spec, self.namer, self._known)

    def _unpark(self) -> None:
        """Let what was refused be tried again when its time has come, or there is room for it."""
        now = self.clock.monotonic()
        over = {key for key, refusal in self._parked.items() if refusal.over_quota}
        for key in self._room.made(self.inventory.graph() if over else Graph(), over):
            self._backoff.cleared(key)
        for key in [key for key in self._parked if self._backoff.allows(key, now)]:
            del self._parked[key]

    # Jobs ---------------------------------------------------------------------------------------

    def _start(self, due: Plan) -> bool:
        now, started = self.clock.monotonic(), False
        for job in self._budgets.jobs(due):
            self.workers.start(job)
            started = True
        for action in frontier(due, self._flying.values()):
            refusal = self._parked.get(action.key)  # of something else: this is not held back
            # An endpoint that cannot leave keeps nobody else from coming.
            moves = refusal is not None and not refusal.denied and moves_endpoints(action)
            another = moves or (refusal is not None and refusal.over_quota)
            if not (another or self._backoff.allows(action.key, now)):
                continue
            self._flying[action.key] = action
            self.inventory.expect(action.key)
            live = self.inventory.get(action.key)
            self.workers.start(ActionJob(action, live, self._term.number))
            started = True
        return started

    def _read(self, snapshot: Snapshot, desired: Desired) -> bool:
        """Read what is in doubt, and what must be confirmed gone before a finalizer goes."""
        now = self.clock.monotonic()
        keys = self.inventory.doubted() | self._curious
        self._curious.clear()
        leaving = {
            key
            for name in desired.leaving
            for key in leaving_keys(snapshot.ingresses[name], desired, self.namer, self.config)
        }
        self.inventory.forget_absent(leaving)
        for key in leaving:
            unsure = not self.inventory.is_confirmed_absent(key)
            if unsure and not (self.inventory.get(key) or self.inventory.may_still_come(key, now)):
                keys.add(key)
        started = False
        for key in sorted(keys - self._reading - self._flying.keys() - self._inherited.held()):
            if self._backoff.allows(key, now):
                self._reading.add(key)
                self.workers.start(ReadJob(key))
                started = True
        for job in (*self._readiness.jobs(), *self._health.jobs()):
            self.workers.start(job)
            started = True
        return started

    def _awaited(self) -> Collection[str]:
        """Return the kinds of which one is named and not there."""
        return self.turn.desired.awaited() if self.turn is not None else ()

    def _list_again(self) -> bool:
        """Start the lists that are due.

        In a new term first what is under way: only a list that begins after that shows what has ended.
        """
        started = False
        for asked in self._inherited.jobs():
            self.workers.start(asked)
            started = True
        if self._inherited.unknown():
            return started
        for job in self._lists.jobs(self._awaited(), self.inventory.owned_groups):
            self.workers.start(job)
            started = True
        return started

    # Outcomes -----------------------------------------------------------------------------------

    def _fold(self) -> None:
        for outcome in self.workers.drain():
            match outcome.job:
                case ListJob():
                    self._fold_list(outcome, outcome.job)
                case ReadJob():
                    self._reading.discard(outcome.job.key)
                    self._fold_read(outcome, outcome.job.key)
                case HealthJob():
                    self._health.fold(outcome, outcome.job)
                    self._readiness.fold(outcome, outcome.job)
                case QuotaJob():
                    due = self.turn.plan if self.turn else Plan()
                    self._budgets.fold(outcome, outcome.job, due)
                case OperationsJob():
                    for key in self._inherited.fold(outcome, outcome.job):
                        self.inventory.doubt(key)
                case ActionJob():
                    self._flying.pop(outcome.job.action.key, None)
                    self._fold_action(outcome, outcome.job.action)
        self._publisher.fold()

    def _fold_list(self, outcome: Outcome, job: ListJob) -> None:
        if outcome.error is not None:
            log.warning("list_failed", kind=job.kind, error=str(outcome.error))
        else:
            self.inventory.fold_list(job.kind, outcome.bodies, outcome.began)
            self.window.listed(job.kind)
            for key in set(self.inventory.owned_groups(job.kind)) - set(job.groups):
                self.inventory.doubt(key)  # who is in it was not read with the list
        self._lists.fold(outcome, job, counts=self._term.listed(job.kind, outcome))

    def _fold_read(self, outcome: Outcome, key: ResourceKey) -> None:
        if outcome.error is not None:
            self._backoff.failed(key, outcome.ended)
        else:
            self._backoff.cleared(key)
            self.inventory.fold_read(key, outcome.read, outcome.read_began)
            if key in self._inherited.held():  # it was asked for before that was known
                self.inventory.doubt(key)
            if key in self._suspected:
                self._suspected.discard(key)
                until = outcome.ended + self.config.resync_sec
                for instance in self.inventory.shared_with(key):
                    self.inventory.leave_out(instance, until, missing=False)

    def _fold_action(self, outcome: Outcome, action: Action) -> None:
        key = action.key
        fields = {"op": action.op.value, "key": str(key), "reason": action.reason.value}
        seconds = round(outcome.ended - outcome.began, 3)
        if self.journal is not None and (outcome.writes or outcome.error is not None):
            self.journal.note(entry_of(outcome, action, self.clock.time()))
        if outcome.error is None:
            self._backoff.cleared(key)
            self._parked.pop(key, None)
            self.pace.done(key)
            if outcome.writes:
                log.info("action_done", **fields, seconds=seconds)
                written = outcome.read_began if outcome.was_read else outcome.ended
                self.inventory.fold_done(action, written)
                if self.turn is not None:
                    seen = self.turn.snapshot
                    notes = (*done_notes(action, seen), *group_notes(action, seen))
                    self._publisher.tell(notes, seen, happened=True)
        elif isinstance(outcome.error, NotLeading):
            log.info("action_dropped", **fields, error=str(outcome.error))
        else:
            log.warning("action_failed", **fields, seconds=seconds, error=str(outcome.error))
            self._fold_refusal(outcome, action, outcome.error)
            if action.op is Op.CREATE and outcome.writes and isinstance(outcome.error, Transient):
                self.inventory.may_come(key, outcome.ended + LATE_SEC)
        self._fold_misfits(outcome)
        if outcome.was_read:
            self.inventory.fold_read(key, outcome.read, outcome.read_began)
        elif outcome.error is not None and outcome.writes:
            self.inventory.doubt(key)

    def _fold_misfits(self, outcome: Outcome) -> None:
        """Remember who cannot join its group, and look for the group that has an instance."""
        until = outcome.ended + self.config.resync_sec
        for instance, refusal in outcome.misfits:
            if isinstance(instance, tuple):
                group, endpoint = instance
                log.warning(
                    "endpoint_left_out",
                    key=str(group),
                    endpoint=f"{endpoint.ip_address}:{endpoint.port}",
                    error=str(refusal),
                )
                self.inventory.leave_endpoint_out(group, endpoint, until, str(refusal))
                continue
            missing = isinstance(refusal, NotFound)
            log.warning("node_left_out", instance=str(instance), error=str(refusal))
            self.inventory.leave_out(instance, until, missing=missing)
            if not missing:
                self._curious.update(self.inventory.foreign_groups(instance.scope)[:MOST_CURIOUS])

    def _fold_refusal(self, outcome: Outcome, action: Action, error: CloudError) -> None:
        """Decide what a failed action means: by the class of its error, never by its text."""
        wait = None
        if refusal := refusal_of(action, error):
            self._parked[action.key] = refusal
            times, first = self._backoff.times(action.key), float(self.config.parked_retry_sec)
            wait = wait_sec(refusal, times, first, float(self.config.resync_sec))
        elif isinstance(error, InUse):
            self.resync()  # somebody refers to it whom we have not seen
        if error.reason in DOUBLY_BALANCED:
            for group in (key for key in action.relies_on if key.kind == Kind.INSTANCE_GROUP):
                others = self.inventory.foreign_groups(group.scope)
                self._curious.update(others[:MOST_CURIOUS])
                self._suspected.update(others)
        elif isinstance(error, NotFound):
            for target in action.relies_on:  # one of them is not what we take it for
                if is_managed(target):
                    self.inventory.doubt(target)
        elif isinstance(error, (Stale, AlreadyExists)) and not self._backoff.times(action.key):
            wait = 0.0  # what was read just now is the answer
        self._backoff.failed(action.key, outcome.ended, wait)

    # Kubernetes ---------------------------------------------------------------------------------

    def _publish(self, turn: Turn) -> bool:
        if self.config.guards.read_only:
            return False
        snapshot, desired, actual, due = turn.snapshot, turn.desired, turn.actual, turn.plan
        leaving = releases(
            snapshot,
            desired,
            due,
            actual,
            flying=self._flying.values(),
            gone=self.inventory.is_confirmed_absent,
            namer=self.namer,
            config=self.config,
        )
        current = list(writes(snapshot, desired, due, actual, self._reports.of(turn)))
        self._reports.noted(current)
        current.extend((*self._reports.events(turn), *self._publisher.refused(snapshot)))
        current.extend(
            what_holds(snapshot, desired, due, actual, namer=self.namer, config=self.config)
        )
        current.extend(self._readiness.writes())
        current.extend(self._group_news.of(turn))
        sent = self._publisher.tell(current, snapshot)
        self._publisher.forget(current, snapshot)
        return self._publisher.tell(leaving, snapshot) or sent


def run(loop: Loop, bell: Bell, stop: threading.Event) -> None:
    """Take turns until told to stop: at once when woken, else when something is due."""
    changed_at: float | None = None
    while not stop.is_set():
        loop.step(changed_at)
        changed_at = bell.wait(loop.wake_in())
