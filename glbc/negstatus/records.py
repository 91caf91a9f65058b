"""ServiceNetworkEndpointGroups: made, kept, and let go at once when somebody deletes them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import UNSET

from glbc.model import svcneg
from glbc.model.calls import (
    RecordCreate,
    RecordDelete,
    RecordPatch,
    RecordStatus,
    Write,
)
from glbc.model.compute import NetworkEndpointGroup
from glbc.model.finding import ObjectRef
from glbc.model.graph import Observed
from glbc.model.keys import ResourceKey, parse_link
from glbc.model.svcneg import GroupCondition, GroupRecord, GroupReference, GroupStatus
from glbc.model.views import Service, Snapshot
from glbc.negstatus.facts import Facts, name_of, zone_of
from glbc.plan.planner import Blocked
from glbc.translate.pods import TYPE, Group
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


def records_of(facts: Facts) -> Iterator[Write]:
    """Yield what has to be written of the objects: those of groups that are wanted, and those left."""
    wanted = set()
    for group in (group for groups in facts.groups.values() for group in groups):
        where = f"{group.service.namespace}/{group.name}"
        wanted.add(where)
        service = facts.snapshot.services.get(name_of(group.service))
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
    active = zone_of(live.key) in facts.pods.places.zones
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
        [_why(facts.refused[key]) for key in keys if zone_of(key) not in there],
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


def has_records(snapshot: Snapshot) -> bool:
    """Tell whether ServiceNetworkEndpointGroups are installed and completely seen."""
    return svcneg.KIND in snapshot.complete - snapshot.absent
