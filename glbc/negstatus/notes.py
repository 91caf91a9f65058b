"""Events about endpoint groups, on their Service."""

from collections.abc import Iterator

from glbc.model.calls import EventNote
from glbc.model.compute import NetworkEndpointGroup, Spec
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed
from glbc.model.keys import Kind
from glbc.model.record import service_port_in
from glbc.model.views import Snapshot
from glbc.negstatus.facts import zone_of
from glbc.plan.planner import Action, Blocked, Op, Plan
from glbc.plan.planner import Reason as Verdict
from glbc.status import event_on, held_by_others


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
    service = service_of(spec)
    name, place = action.key.name, zone_of(action.key)
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


def service_of(spec: Spec) -> ObjectRef:
    """Return the Service that a group's description names."""
    namespace, _, name = service_port_in(spec.description or "")[0].partition("/")
    return ObjectRef("Service", namespace, name)
