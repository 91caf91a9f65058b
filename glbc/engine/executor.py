"""Jobs for the cloud: one action, one read, one list. They run in workers and end in an outcome.

A job never raises: what went wrong is part of its outcome, and the loop decides. Nothing here
plans, and nothing here touches the inventory.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.engine.jobs import (
    ActionJob,
    Body,
    HealthJob,
    Job,
    ListJob,
    OperationsJob,
    Outcome,
    Probe,
    QuotaJob,
    ReadJob,
    Seat,
)
from glbc.engine.ports import Clock, Cloud, Fence
from glbc.engine.term import ALONE
from glbc.errors import (
    AlreadyExists,
    CloudError,
    NotFound,
    NotLeading,
    Rejected,
    Stale,
    Transient,
)
from glbc.model import codec
from glbc.model.calls import Call, Verb
from glbc.model.graph import Observed, Ownership
from glbc.model.health import UNKNOWN, Member, of_members
from glbc.model.keys import Kind, Ref, ResourceKey
from glbc.model.kinds import ROWS
from glbc.model.private import privates_in, veil
from glbc.model.quota import Quota
from glbc.plan.diff import Change
from glbc.plan.planner import Action, Op

VERBS: Final = {verb.value: verb for verb in Verb}
READ_AFTER_CREATE: Final = frozenset(
    {Kind.FORWARDING_RULE, Kind.ADDRESS}
)  # the answer holds what we need


class Joining(msgspec.Struct, frozen=True):
    """How the members of a group come and go: those that come are first."""

    add: Verb
    remove: Verb
    batch: int  # members of one call


JOINING: Final = {
    "instances": Joining(Verb.ADD_INSTANCES, Verb.REMOVE_INSTANCES, 1000),
    "network_endpoints": Joining(Verb.ATTACH_ENDPOINTS, Verb.DETACH_ENDPOINTS, 500),
}
ADDING: Final = frozenset(joining.add for joining in JOINING.values())


def _seats(kind: str, members: Sequence[Any]) -> Body:
    """Return the body of a call that moves these members of a group."""
    if kind == Kind.INSTANCE_GROUP:
        return {"instances": [{"instance": ref.to.link} for ref in members]}
    return {"networkEndpoints": codec.encode(kind, tuple(members))}


def seat(group: ResourceKey, member: Any) -> Seat:
    """Return who it is that cannot join: an instance whatever the group, or an endpoint of this one."""
    return member.to if isinstance(member, Ref) else (group, member)


def moves_endpoints(action: Action) -> bool:
    """Tell whether an action does nothing but attach and detach endpoints."""
    fields = {change.field for change in action.changes}
    return action.op is Op.UPDATE and fields == {"network_endpoints"}


class Runner:
    """Runs jobs against a cloud. Stateless; shared by all workers."""

    def __init__(self, cloud: Cloud, clock: Clock, fence: Fence = ALONE) -> None:
        self._cloud = cloud
        self._clock = clock
        self._fence = fence

    def run(self, job: Job) -> Outcome:
        """Run one job to its end."""
        began = self._clock.monotonic()
        attempt = Attempt(self._cloud, self._clock, self._fence)
        error: CloudError | None = None
        bodies: tuple[Body, ...] = ()
        health: tuple[tuple[Probe, str], ...] = ()
        quotas: tuple[Quota, ...] = ()
        members: dict[Probe, tuple[Member, ...]] = {}
        try:
            match job:
                case HealthJob():
                    health = tuple(self._health(job, members))
                case ListJob():
                    bodies = tuple(self._list(job))
                case OperationsJob():
                    bodies = tuple(self._cloud.under_way(job.project))
                case QuotaJob():
                    quotas = tuple(self._cloud.quotas(job.project))
                case ReadJob():
                    attempt.read(job.key)
                case ActionJob():
                    attempt.act(job.action, job.live, job.term)
        except CloudError as failure:
            error = failure
            if isinstance(job, ActionJob):
                attempt.look_again(job.action.key, failure)
        return Outcome(
            job=job,
            began=began,
            ended=self._clock.monotonic(),
            error=error,
            read=attempt.body,
            was_read=attempt.was_read,
            read_began=attempt.read_began,
            bodies=bodies,
            writes=attempt.writes,
            misfits=tuple(sorted(attempt.misfits.items(), key=lambda row: str(row[0]))),
            health=health,
            quotas=quotas,
            members=members,
        )

    def _health(
        self, job: HealthJob, members: dict[Probe, tuple[Member, ...]]
    ) -> Iterator[tuple[Probe, str]]:
        """Ask for one group after the other; a cloud that does not answer is not asked on."""
        for probe in job.probes:
            try:
                members[probe] = tuple(self._cloud.health(probe.service, probe.group))
                yield probe, of_members(member.state for member in members[probe])
            except CloudError as failure:
                yield probe, UNKNOWN
                if isinstance(failure, Transient):
                    return

    def _list(self, job: ListJob) -> Iterator[Body]:
        ours = {(group.name, group.scope.rpartition("/")[2]): group for group in job.groups}
        for body in self._cloud.list(job.kind):
            place = body.get("zone", "").rpartition("/")[2]
            group = ours.get((body["name"], place))
            yield body if group is None else with_members(self._cloud, group, body)


def with_members(cloud: Cloud, group: ResourceKey, body: Body) -> Body:
    """Return the body of a group with who is in it, which takes a read of its own; others as they are.

    Raises:
        NotFound: the group is not there any more.
    """
    if group.kind == Kind.INSTANCE_GROUP:
        return {**body, "instances": list(cloud.members(group))}
    if group.kind == Kind.NETWORK_ENDPOINT_GROUP:
        return {**body, "networkEndpoints": [_by_name(one) for one in cloud.endpoints(group)]}
    return body


def _by_name(endpoint: Body) -> Body:
    """Return an endpoint whose instance is its name: the API takes that and writes a link."""
    return {**endpoint, "instance": endpoint.get("instance", "").rpartition("/")[2]}


class Attempt:
    """One job under way: what it has read and sent so far."""

    def __init__(self, cloud: Cloud, clock: Clock, fence: Fence) -> None:
        self._cloud = cloud
        self._clock = clock
        self._fence = fence
        self._term = 0  # in which it may write
        self.body: Body | None = None
        self.was_read = False
        self.read_began = 0.0
        self.writes = 0
        self._looked = False  # whether the group is there, since somebody was refused
        self.misfits: dict[Seat, CloudError] = {}  # instances and endpoints that cannot join
        self._stuck: CloudError | None = None  # why an endpoint that is still there cannot leave

    def read(self, key: ResourceKey) -> Body | None:
        """Read `key`, with the members if it is a group; None when it is not there."""
        self.read_began = self._clock.monotonic()
        try:
            body = with_members(self._cloud, key, self._cloud.get(key))
        except NotFound:
            body = None
        self.body, self.was_read = body, True
        return body

    def act(self, action: Action, live: Observed | None, term: int) -> None:
        """Carry out the action: its writes in order, and the reads that they need.

        Raises:
            NotLeading: its term has ended before a write.
        """
        self._term = term
        try:
            match action.op:
                case Op.CREATE:
                    self._create(action)
                case Op.UPDATE if live is not None:
                    self._update(action, live)
                case Op.DELETE:
                    with contextlib.suppress(NotFound):
                        self._send(Verb.DELETE, action.key, None)
                    self.read(action.key)
        except Exception as failure:
            veil(failure, privates_in(action.spec))
            raise

    def look_again(self, key: ResourceKey, failure: CloudError) -> None:
        """After a failed write, read what is there now, if the failure leaves that open."""
        if self.writes or isinstance(failure, (AlreadyExists, NotFound, Stale, Transient)):
            try:
                self.read(key)
            except CloudError:
                self.was_read = False

    def _create(self, action: Action) -> None:
        key, spec = action.key, action.spec
        self._send(Verb.INSERT, key, codec.body_of(key, spec))
        for name in sorted(ROWS[Kind(key.kind)].after_insert):
            value = getattr(spec, name)
            if value is not UNSET and value:
                self._set(key, name, (), value, "")
        if key.kind in READ_AFTER_CREATE:
            self.read(key)

    def _update(self, action: Action, live: Observed) -> None:
        """Write what changes: what must go first, then fields in place, then what has a verb of its own.

        The record of what we set stands in the description: it is written before what it tells of is
        there, and what it tells of is gone before it does not tell of it any more.
        """
        key, row = action.key, ROWS[Kind(action.key.kind)]
        patched = [change for change in action.changes if change.field not in row.setters]
        sent = {
            codec.wire_name(key.kind, change.field): (
                codec.encode(key.kind, change.before),
                codec.encode(key.kind, change.after),
            )
            for change in patched
        }
        clears = any(codec.loses(before, after) for before, after in sent.values())
        shared = not live.unmanaged.isdisjoint(change.field for change in patched)
        fingerprint = live.fingerprint
        fresh: Body | None = None
        if clears or shared or not (fingerprint or moves_endpoints(action)):
            fresh = self.read(key)
            if fresh is None:
                return
            seen = codec.observed(key, fresh, live.ownership, self.read_began)
            if seen.spec != live.spec:
                return  # not what was planned on: the loop plans again with what was read
            fingerprint = seen.fingerprint
        if self._take_out(key, action.changes):
            fingerprint = (self.read(key) or {}).get("fingerprint", "")
        self.was_read = False
        if sent:
            stamp = {"fingerprint": fingerprint} if fingerprint and row.fingerprint else {}
            verb = Verb.UPDATE if clears else Verb.PATCH
            self._send(verb, key, codec.changed_body(key.kind, sent, fresh, whole=clears) | stamp)
        for change in action.changes:
            if change.field in row.setters and change.after is not UNSET:
                self._set(key, change.field, change.before, change.after, fingerprint)

    def _take_out(self, key: ResourceKey, changes: Iterable[Change]) -> bool:
        """Take away what has a verb of its own and goes; tell if there was anything.

        That is a policy, and a key for signed URLs that goes or whose value changes.
        """
        sent = self.writes
        for change in changes:
            if change.field == "signed_url_keys":
                for old in (old for old in change.before if old not in change.after):
                    query = {"keyName": old.key_name}
                    self._send(Verb.DELETE_SIGNED_URL_KEY, key, None, query)
            elif change.after is UNSET and change.field in ROWS[Kind(key.kind)].setters:
                self._set(key, change.field, change.before, UNSET, "")
        return self.writes > sent

    def _set(self, key: ResourceKey, field: str, before: Any, after: Any, fingerprint: str) -> None:
        """Change one field that has a verb of its own."""
        if field in JOINING:
            old, new = set(before or ()), set(after)
            joining = JOINING[field]
            for verb, members in ((joining.add, new - old), (joining.remove, old - new)):
                rest = sorted(members)
                for start in range(0, len(rest), joining.batch):
                    self._move(verb, key, rest[start : start + joining.batch])
            if self.misfits and self.read(key) is None:
                self.misfits.clear()  # the group itself is gone
                raise NotFound(f"{key}: is not there any more")
            if self._stuck:
                raise self._stuck  # all others have moved
            return
        if field == "signed_url_keys":
            for new_one in (one for one in after if one not in before):
                told = msgspec.structs.replace(new_one, digest=UNSET)
                self._send(Verb.ADD_SIGNED_URL_KEY, key, codec.encode(key.kind, told))
            return
        verb = VERBS[ROWS[Kind(key.kind)].setters[field]]
        value = "" if after is UNSET else codec.encode(key.kind, after)
        body = {codec.wire_name(key.kind, field): value}
        if verb is Verb.SET_NAMED_PORTS and fingerprint:
            body["fingerprint"] = fingerprint
        self._send(verb, key, body)

    def _move(self, verb: Verb, key: ResourceKey, members: Sequence[Any]) -> None:
        """Add or remove members; one that the cloud refuses is told apart from the others.

        A refusal speaks of one member and takes the whole call with it: halves are tried, so that
        of a thousand one that is odd costs some twenty calls, once.
        """
        try:
            self._send(verb, key, _seats(key.kind, members))
        except (NotFound, Rejected) as refusal:
            if isinstance(refusal, NotFound) and not self._looked:
                self._looked = True  # is it one of them that is not there, or the group?
                gone, self.was_read = self.read(key) is None, False
                if gone:
                    raise
            if verb is Verb.DETACH_ENDPOINTS and (left := self._left_in(key, members)) != members:
                if left:
                    self._move(verb, key, left)
            elif len(members) > 1:
                half = len(members) // 2
                self._move(verb, key, members[:half])
                self._move(verb, key, members[half:])
            elif verb in ADDING:
                self.misfits[seat(key, members[0])] = refusal
            elif isinstance(refusal, NotFound):
                return  # an instance that is gone has left its group
            elif key.kind == Kind.INSTANCE_GROUP:
                raise
            else:
                self._stuck = refusal

    def _left_in(self, group: ResourceKey, endpoints: Sequence[Any]) -> Sequence[Any]:
        """Return who of them is in the group: with its instance an endpoint goes by itself."""
        body = self.read(group)
        self.was_read = False  # what is sent next makes it old
        if body is None:
            raise NotFound(f"{group}: is not there any more")
        there: Any = codec.observed(group, body, Ownership.OWNED, self.read_began).spec
        return [one for one in endpoints if one in (there.network_endpoints or ())]

    def _send(
        self, verb: Verb, key: ResourceKey, body: Body | None, query: Mapping[str, str] = {}
    ) -> None:
        if self._fence.term() != self._term:
            raise NotLeading(f"{verb} {key}: not sent: another process may lead")
        self.writes += 1
        self._cloud.call(Call(verb, key, body, query))
