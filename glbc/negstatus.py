"""What is told of endpoint groups: on their Service, and in ServiceNetworkEndpointGroups.

Both as ingress-gce writes them, for those who put the groups behind load balancers of their own. A
name stands there only while its groups do: it comes when they are there, and goes before they go.
Nothing reads this to decide what is wanted.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.model import svcneg
from glbc.model.calls import (
    EventNote,
    RecordCreate,
    RecordDelete,
    RecordPatch,
    RecordStatus,
    ServicePatch,
    Write,
)
from glbc.model.compute import NetworkEndpointGroup, Spec
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind, ResourceKey, parse_link
from glbc.model.record import service_port_in
from glbc.model.svcneg import GroupCondition, GroupRecord, GroupReference, GroupStatus
from glbc.model.views import Service, Snapshot
from glbc.plan.planner import Action, Blocked, Op, Plan
from glbc.plan.planner import Reason as Verdict
from glbc.status import TOLD, blocked_note, event_on, held_by_others
from glbc.translate import annotations
from glbc.translate.desired import Desired
from glbc.translate.pods import TYPE, Group, Pods
from glbc.translate.reasons import Reason

INITIALIZED: Final = "Initialized"
SYNCED: Final = "Synced"
WHY: Final = {
    # (type, does it hold?) -> ingress-gce's reason
    (INITIALIZED, True): "NegInitializationSuccessful",
    (INITIALIZED, False): "NegInitializationFailed",
    (SYNCED, True): "NegSyncSuccessful",
    (SYNCED, False): "NegSyncFailed",
}


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The annotation's JSON; keys and spaces are those of Go's json.Marshal."""

    network_endpoint_groups: dict[str, str] = {}  # number of the Service's port -> name
    zones: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """What there is of endpoint groups, and what is about to become of it."""

    snapshot: Snapshot
    pods: Pods
    actual: Graph[Observed]
    live: Mapping[tuple[str, str], Mapping[str, Observed]]  # Service, name -> zone -> group
    groups: Mapping[str, tuple[Group, ...]]  # Service -> those that are wanted
    refused: Mapping[ResourceKey, Blocked]  # for a reason that lasts
    changing: frozenset[ResourceKey]
    going: frozenset[ResourceKey]

    def there(self, group: Group) -> Mapping[str, Observed]:
        """Return the groups of that name that there are, by zone."""
        return self.live.get((_name(group.service), group.name), {})

    def is_on_its_way(self, group: Group) -> bool:
        """Tell whether one is still to come, and nothing says that it cannot."""
        there = self.there(group)
        keys = self.pods.keys_of(group.name)
        return any(_zone(key) not in there and key not in self.refused for key in keys)

    def lets_go(self, service: str, name: str) -> bool:
        """Tell whether the groups of that name are gone, go now, or wait for somebody else only."""
        live = self.live.get((service, name), {}).values()
        return all(one.key in self.going or held_by_others(one.key, self.actual) for one in live)


def writes(
    snapshot: Snapshot, desired: Desired, plan: Plan, actual: Graph[Observed]
) -> Iterator[Write]:
    """Yield what has to be written, for Services and for their ServiceNetworkEndpointGroups."""
    if Kind.NETWORK_ENDPOINT_GROUP in actual.unreadable:
        return
    facts = _facts(snapshot, desired, plan, actual)
    for name, service in snapshot.services.items():
        text = (service.metadata.annotations or {}).get(annotations.NEG_STATUS)
        if text is not None or name in facts.groups:
            yield from _annotated(service, text, facts)
    if svcneg.KIND in snapshot.complete - snapshot.absent:
        yield from _records(facts)
    for blocked in used_by_others(plan, actual):
        yield from blocked_note(blocked, _service_of(actual[blocked.key].spec), snapshot)


def used_by_others(plan: Plan, actual: Graph[Observed]) -> Iterator[Blocked]:
    """Yield the groups that should go and that somebody else's backend service uses."""
    for one in plan.blocked:
        in_use = one.op is Op.DELETE and one.reason is Verdict.IN_USE
        if (
            in_use
            and one.key.kind == Kind.NETWORK_ENDPOINT_GROUP
            and held_by_others(one.key, actual)
        ):
            yield one


def done_notes(action: Action, snapshot: Snapshot) -> Iterator[EventNote]:
    """Yield ingress-gce's events for a group that was made, deleted, filled or emptied."""
    spec = action.spec
    if not isinstance(spec, NetworkEndpointGroup):
        return
    service = _service_of(spec)
    name, place = action.key.name, _zone(action.key)
    if action.op is not Op.UPDATE:
        verb, done = ("Create", "Created") if action.op is Op.CREATE else ("Delete", "Deleted")
        _, port = service_port_in(spec.description or "")
        whose = f"{service.namespace}/{service.name}:{port}"
        message = f'{done} NEG "{name}" for {whose} in "{place}".'
        yield from event_on(service, "Normal", verb, message, snapshot)
    for verb, number in _moved(action):
        message = f'{verb} {number} network endpoint(s) (NEG "{name}" in zone "{place}")'
        yield from event_on(service, "Normal", verb, message, snapshot)


def _moved(action: Action) -> Iterator[tuple[str, int]]:
    """Yield how many endpoints have come, and how many have gone."""
    for change in action.changes:
        if change.field == "network_endpoints":
            before, after = set(change.before or ()), set(change.after or ())
            if after - before:
                yield "Attach", len(after - before)
            if before - after:
                yield "Detach", len(before - after)


def _service_of(spec: Spec) -> ObjectRef:
    """Return the Service that a group's description names."""
    namespace, _, name = service_port_in(spec.description or "")[0].partition("/")
    return ObjectRef("Service", namespace, name)


def _facts(snapshot: Snapshot, desired: Desired, plan: Plan, actual: Graph[Observed]) -> Facts:
    live: dict[tuple[str, str], dict[str, Observed]] = {}
    for one in actual.of_kind(Kind.NETWORK_ENDPOINT_GROUP):
        if one.ownership in {Ownership.OWNED, Ownership.UNREADABLE}:
            service, _ = service_port_in(one.spec.description or "")
            live.setdefault((service, one.key.name), {})[_zone(one.key)] = one
    groups: dict[str, tuple[Group, ...]] = {}
    for seated in desired.shared.pods.groups.values():
        where = _name(seated.group.service)
        groups[where] = (*groups.get(where, ()), seated.group)
    of_ours = [one for one in plan.actions if one.key.kind == Kind.NETWORK_ENDPOINT_GROUP]
    return Facts(
        snapshot=snapshot,
        pods=desired.shared.pods,
        actual=actual,
        live=live,
        groups=groups,
        refused={one.key: one for one in plan.blocked if one.reason in TOLD},
        changing=frozenset(one.key for one in of_ours if one.op is not Op.DELETE),
        going=frozenset(one.key for one in of_ours if one.op is Op.DELETE),
    )


# The annotation -----------------------------------------------------------------------------------


def _annotated(service: Service, text: str | None, facts: Facts) -> Iterator[Write]:
    meta = service.metadata
    name = f"{meta.namespace}/{meta.name}"
    groups, zones = facts.groups.get(name, ()), facts.pods.places.zones
    old = _read(text)
    # No port has this number: another controller's groups for a load balancer of layer 4.
    theirs = {port: one for port, one in old.network_endpoint_groups.items() if port == "0"}
    wanted = {group.name for group in groups}
    left = set(old.network_endpoint_groups.values()) - {*theirs.values(), *wanted}
    if (
        meta.deletion_timestamp is not None
        or (groups and not zones)
        or any(facts.is_on_its_way(group) for group in groups)
        or not all(facts.lets_go(name, one) for one in left)
    ):
        return
    ports, zones = _there(groups, zones, facts)
    if not ports and theirs:
        zones = old.zones
    made = (
        Told(dict(sorted({**theirs, **ports}.items())), tuple(zones)) if ports or theirs else None
    )
    value = msgspec.json.encode(made).decode() if made else None
    if text != value:
        yield ServicePatch(
            object=ObjectRef("Service", meta.namespace, meta.name),
            resource_version=meta.resource_version,
            annotations={annotations.NEG_STATUS: value},
        )


def _read(text: str | None) -> Told:
    try:
        return msgspec.json.decode(text or "{}", type=Told)
    except (msgspec.DecodeError, UnicodeError):
        return Told()


def _there(
    groups: Iterable[Group], zones: tuple[str, ...], facts: Facts
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the ports and the zones to name: every port has its group in every zone.

    Where the cloud refuses one, either its port or its zone is not named, whichever leaves more.
    """
    found = {
        str(group.port.number): (group.name, frozenset(zones) & facts.there(group).keys())
        for group in groups
    }
    whole = {port: name for port, (name, there) in found.items() if len(there) == len(zones)}
    some = {port: name for port, (name, there) in found.items() if there}
    common = frozenset(zones).intersection(*(there for _, there in found.values() if there))
    if len(whole) * len(zones) >= len(some) * len(common):
        return whole, zones if whole else ()
    return some, tuple(sorted(common))


# The objects --------------------------------------------------------------------------------------


def _records(facts: Facts) -> Iterator[Write]:
    wanted = set()
    for group in (group for groups in facts.groups.values() for group in groups):
        where = f"{group.service.namespace}/{group.name}"
        wanted.add(where)
        service = facts.snapshot.services.get(_name(group.service))
        if service is None or service.metadata.deletion_timestamp is not None:
            continue
        record = facts.snapshot.group_records.get(where)
        if record is None:
            if facts.there(group):
                yield _made(group, service)
        elif _is_ours(record):
            yield from _released(record) or _kept(record, group, facts)
    for where, record in facts.snapshot.group_records.items():
        if where not in wanted and _is_ours(record):
            yield from _released(record) or _left(record, facts)


def _is_ours(record: GroupRecord) -> bool:
    """Tell whether it is of a Service port; 0 is none, but a load balancer of layer 4."""
    labels = record.metadata.labels or {}
    port = labels.get(svcneg.SERVICE_PORT, "")
    return labels.get(svcneg.MANAGED_BY) == svcneg.MANAGER and port not in {"", "0"}


def _labels(group: Group) -> dict[str, str]:
    return {
        svcneg.MANAGED_BY: svcneg.MANAGER,
        svcneg.SERVICE_NAME: group.service.name,
        svcneg.SERVICE_PORT: str(group.port.number),
    }


def _made(group: Group, service: Service) -> RecordCreate:
    return RecordCreate(
        object=ObjectRef(svcneg.KIND, group.service.namespace, group.name),
        service=group.service.name,
        service_uid=service.metadata.uid,
        labels=tuple(_labels(group).items()),
    )


def _released(record: GroupRecord) -> list[Write]:
    """Return the removal of the finalizer from what is being deleted.

    It is there for ingress-gce's sake, which finds groups by these objects only. We list them: no
    namespace waits for us (igce#1720).
    """
    meta = record.metadata
    kept = tuple(one for one in meta.finalizers or () if one != svcneg.FINALIZER)
    if meta.deletion_timestamp is None:
        return []
    return [
        RecordPatch(object=_ref(record), resource_version=meta.resource_version, finalizers=kept)
    ]


def _left(record: GroupRecord, facts: Facts) -> Iterator[Write]:
    """Yield the deletion of what tells of groups that are all gone."""
    meta = record.metadata
    service = f"{meta.namespace}/{(meta.labels or {}).get(svcneg.SERVICE_NAME, '')}"
    if not facts.live.get((service, meta.name)):
        yield RecordDelete(
            object=_ref(record), uid=meta.uid, resource_version=meta.resource_version
        )


def _kept(record: GroupRecord, group: Group, facts: Facts) -> Iterator[Write]:
    meta = record.metadata
    have = meta.labels or {}
    labels = tuple((k, v) for k, v in _labels(group).items() if have.get(k) != v)
    if labels:
        yield RecordPatch(
            object=_ref(record), resource_version=meta.resource_version, labels=labels
        )
    elif (status := _status(record.status, group, facts)) != record.status:
        yield RecordStatus(
            object=_ref(record), resource_version=meta.resource_version, status=status
        )


def _ref(record: GroupRecord) -> ObjectRef:
    return ObjectRef(svcneg.KIND, record.metadata.namespace, record.metadata.name)


def _status(old: GroupStatus, group: Group, facts: Facts) -> GroupStatus:
    """Return how the groups of a name are; as it was told last while one is still to come."""
    there = facts.there(group)
    if facts.is_on_its_way(group) or not there:
        return old
    told = old.network_endpoint_groups or ()
    known = {_target(one): (at, one) for at, one in enumerate(told)}
    rows = [
        (known.get(live.key, (len(known), None))[0], _reference(live, known.get(live.key), facts))
        for _, live in sorted(there.items())
    ]
    was = {one.type: one for one in old.conditions or ()}
    now = was | {one.type: one for one in _conditions(was, group, facts)}
    return GroupStatus(
        network_endpoint_groups=tuple(one for _, one in sorted(rows, key=lambda row: row[0])),
        conditions=tuple(now.values()),
    )


def _target(reference: GroupReference) -> ResourceKey:
    return parse_link(reference.self_link, "")


def _reference(
    live: Observed, known: tuple[int, GroupReference] | None, facts: Facts
) -> GroupReference:
    """Return what is told of one group; a link that leads to the same stays as it is written."""
    told = known[1] if known else GroupReference()
    spec = live.spec
    if not isinstance(spec, NetworkEndpointGroup):
        return told
    subnet = UNSET if spec.subnetwork is UNSET else spec.subnetwork.to
    same = subnet is not UNSET and parse_link(told.subnet_url, subnet.project) == subnet
    active = _zone(live.key) in facts.pods.places.zones
    return GroupReference(
        id=live.number or told.id,
        self_link=told.self_link or live.key.link,
        subnet_url=told.subnet_url if same or subnet is UNSET else subnet.link,
        network_endpoint_type=TYPE,
        state="ACTIVE" if active else "INACTIVE",
    )


def _conditions(
    was: Mapping[str, GroupCondition], group: Group, facts: Facts
) -> Iterator[GroupCondition]:
    keys = facts.pods.keys_of(group.name)
    there = facts.there(group)
    yield _condition(
        INITIALIZED,
        [_why(facts.refused[key]) for key in keys if _zone(key) not in there],
        was,
    )
    if not any(key in facts.changing for key in keys):  # else it is told when that has ended
        findings = facts.pods.groups[group.name].findings
        bad = [one.message for one in findings if one.reason == Reason.ENDPOINT_REFUSED]
        held = [_why(facts.refused[key]) for key in keys if key in facts.refused]
        yield _condition(SYNCED, [*held, *bad], was)


def _why(blocked: Blocked) -> str:
    return f"cannot {blocked.op} {blocked.key}: {blocked.by}: {blocked.hint}"


def _condition(
    kind: str, bad: Collection[str], was: Mapping[str, GroupCondition]
) -> GroupCondition:
    status = "False" if bad else "True"
    old = was.get(kind)
    return GroupCondition(
        type=kind,
        status=status,
        reason=WHY[kind, not bad],
        message="; ".join(bad),
        last_transition_time=old.last_transition_time if old and old.status == status else "",
    )


def _name(service: ObjectRef) -> str:
    return f"{service.namespace}/{service.name}"


def _zone(key: ResourceKey) -> str:
    return key.scope.partition("/")[2]
