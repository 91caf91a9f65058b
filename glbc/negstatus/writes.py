"""All that has to be written about endpoint groups."""

from collections.abc import Iterator

from glbc.model.calls import Write
from glbc.model.graph import Graph, Observed
from glbc.model.keys import Kind
from glbc.model.views import Snapshot
from glbc.negstatus.annotation import annotation_of
from glbc.negstatus.facts import facts_of
from glbc.negstatus.notes import service_of, used_by_others
from glbc.negstatus.records import has_records, records_of
from glbc.plan.planner import Plan
from glbc.status import blocked_note
from glbc.translate import annotations
from glbc.translate.desired import Desired


def writes(
    snapshot: Snapshot, desired: Desired, plan: Plan, actual: Graph[Observed]
) -> Iterator[Write]:
    """Yield what has to be written, for Services and for their ServiceNetworkEndpointGroups."""
    if Kind.NETWORK_ENDPOINT_GROUP in actual.unreadable:
        return
    facts = facts_of(snapshot, desired, plan, actual)
    for name, service in snapshot.services.items():
        text = (service.metadata.annotations or {}).get(annotations.NEG_STATUS)
        if text is not None or name in facts.groups:
            yield from annotation_of(service, text, facts)
    if has_records(snapshot):
        yield from records_of(facts)
    for blocked in used_by_others(plan, actual):
        yield from blocked_note(blocked, service_of(actual[blocked.key].spec), snapshot)
