"""Which pods the load balancer has in service: upstream's readiness gate, never open too early.

A pod counts only when each group that an Ingress sends requests to has it, that group's backend
service lists the group of the pod's own zone, and the cloud, asked after all that, calls this endpoint
HEALTHY. Upstream is content with one group of many: then a rollout takes the last old pod out of the
others while nobody serves there. The wait is bounded, so that no rollout hangs for ever, and what was
once True stays so: a gate that closes again would take a whole Service away when the cloud stumbles.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from glbc.model.calls import ConditionPatch, EventNote, Write
from glbc.model.compute import Endpoint, NetworkEndpointGroup
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.views import GATE, Pod
from glbc.status import Told
from glbc.translate.pods import Pods, Seated, serving

TIMEOUT_SEC: Final = 600.0  # after a pod was made it is taken for ready, as upstream has it …
LEAST_SEC: Final = 60.0  # … but not before we have tried for so long: nobody may have been there

NO_GROUP: Final = (
    "it belongs into no network endpoint group: no Service that has such groups lists it, or its "
    "endpoint cannot be in one: see the Events of the Service"
)


class Seat(msgspec.Struct, frozen=True):
    """An endpoint of a pod in the group of one zone, and whose word on its health counts."""

    group: ResourceKey
    endpoint: Endpoint
    expected: bool  # is it, or will it be, behind a backend service?
    services: tuple[ResourceKey, ...] = ()  # one of them is enough
    lacks: str = ""  # what must come before anybody can be asked

    def __str__(self) -> str:
        place = self.group.scope.rpartition("/")[2]
        where = f"network endpoint group {self.group.name} of {place}"
        return f"{self.endpoint.ip_address}:{self.endpoint.port} in {where}"


class Place(msgspec.Struct, frozen=True):
    """What the group of one zone is like."""

    members: frozenset[Endpoint]
    services: tuple[ResourceKey, ...]  # whose word counts there
    expected: bool  # must there be one?


class Waiting(msgspec.Struct, frozen=True):
    """A pod that waits, and where its endpoints are."""

    pod: Pod
    since: float  # seconds since 1970: when we have begun to look after it
    seats: tuple[Seat, ...]

    @property
    def expires(self) -> float:
        """The moment, in seconds since 1970, at which it has waited for long enough."""
        created = self.pod.metadata.creation_timestamp
        made = datetime.fromisoformat(created).timestamp() if created else self.since
        return max(made + TIMEOUT_SEC, self.since + LEAST_SEC)


class Verdict(msgspec.Struct, frozen=True):
    """What our condition of a pod has to say."""

    status: str
    reason: Told
    message: str


def waits(pod: Pod) -> bool:
    """Tell whether it waits for us: one that goes is left alone."""
    if not pod.is_gated or pod.metadata.deletion_timestamp is not None:
        return False
    return pod.gate is None or pod.gate.status != "True"


def waiting(
    pods: Collection[Pod], since: Mapping[str, float], groups: Pods, actual: Graph[Observed]
) -> list[Waiting]:
    """Return where the endpoints of pods are, and what each still lacks.

    Args:
        pods: that wait.
        since: uid of each -> when we have begun to look after it, seconds since 1970.
        groups: who is wanted in which group.
        actual: the newest actual graph.
    """
    by_name = {_name(pod): pod for pod in pods}
    namespaces = {pod.metadata.namespace for pod in pods}
    seats: dict[str, list[Seat]] = {name: [] for name in by_name}
    for one in groups.groups.values():
        if one.group.service.namespace in namespaces:
            for name, seat in _seats(one, by_name, actual):
                seats[name].append(seat)
    return [
        Waiting(pod, since[pod.metadata.uid], tuple(seats[name])) for name, pod in by_name.items()
    ]


def verdict(one: Waiting, is_healthy: Callable[[Seat], bool], now: float) -> Verdict:
    """Return what is to be said of a pod.

    Args:
        one: the pod.
        is_healthy: tells whether the cloud has called an endpoint HEALTHY since it may be asked.
        now: seconds since 1970.
    """
    served = [seat for seat in one.seats if seat.expected]
    missing = next((seat.lacks for seat in served or one.seats if seat.lacks), "")
    if not one.seats:
        missing = NO_GROUP
    elif not missing and not served:
        told = f"{one.seats[0]}: no backend service uses it, so nobody asks for its health"
        return Verdict("True", Told.NEG_WITHOUT_HEALTH_CHECK, told)
    elif not missing:
        sick = next((seat for seat in served if not is_healthy(seat)), None)
        if sick is None:
            told = "; ".join(f"{seat} is HEALTHY" for seat in served)
            return Verdict("True", Told.NEG_READY, told)
        missing = f"{sick} is not HEALTHY yet"
    if now >= one.expires:
        told = f"taken for ready {TIMEOUT_SEC / 60:.0f} minutes after it was made: {missing}"
        return Verdict("True", Told.NEG_TIMEOUT, told)
    return Verdict("False", Told.NEG_NOT_READY, missing)


def writes(pod: Pod, due: Verdict) -> Iterator[Write]:
    """Yield what has to be written: nothing where the pod says so already."""
    old = pod.gate
    if old is not None and (old.status, old.reason, old.message) == msgspec.structs.astuple(due):
        return
    meta = pod.metadata
    ref = ObjectRef("Pod", meta.namespace, meta.name)
    yield ConditionPatch(
        pod=ref,
        uid=meta.uid,
        type=GATE,
        status=due.status,
        reason=due.reason,
        message=due.message,
        flips=old is None or old.status != due.status,
    )
    if old is None or (old.status, old.reason) != (due.status, due.reason):
        yield EventNote(
            object=ref, uid=meta.uid, type="Normal", reason=due.reason, message=due.message
        )


def _name(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _seats(
    one: Seated, pods: dict[str, Pod], actual: Graph[Observed]
) -> Iterator[tuple[str, Seat]]:
    """Yield where the endpoints of these pods are that belong into one Service port's groups."""
    listed: list[tuple[str, str, int]] = []
    for told, port in serving(one.slices, one.group.port):
        target = told.target_ref
        name = f"{one.group.service.namespace}/{target.name}" if target else ""
        pod = pods.get(name)
        if pod and target and target.uid in {"", pod.metadata.uid}:  # else one that had its name
            listed.extend((name, address, port) for address in told.addresses[:1])
    if not listed:
        return
    wanted = {
        (endpoint.ip_address, endpoint.port): (resource.key, endpoint)
        for resource in one.resources
        for endpoint in _members(resource.spec)
    }
    places = {key: _place(one, key, actual) for key in {key for key, _ in wanted.values()}}
    for name, address, port in listed:
        if (found := wanted.get((address, port))) is not None:
            key, endpoint = found
            yield name, _seat(Seat(key, endpoint, places[key].expected), places[key])


def _place(one: Seated, key: ResourceKey, actual: Graph[Observed]) -> Place:
    live = actual.get(key)
    members = frozenset(_members(live.spec) if live else ())
    services = _services_of(key, actual)
    if any(user.kind == "Ingress" for user in one.group.users):
        own = ResourceKey(key.project, Kind.BACKEND_SERVICE, GLOBAL, key.name)
        services, expected = [service for service in services if service == own], True
    else:
        # Whoever uses the group of another zone will use this one, too: it comes to that.
        others = (resource.key for resource in one.resources)
        expected = any(_services_of(other, actual) for other in others)
        expected = expected or Kind.BACKEND_SERVICE in actual.unreadable
    return Place(members, tuple(services), expected)


def _seat(seat: Seat, place: Place) -> Seat:
    if seat.endpoint not in place.members:
        return msgspec.structs.replace(seat, lacks=f"{seat} is not there yet")
    if place.expected and not place.services:
        lacks = f"{seat} is not behind a backend service yet"
        return msgspec.structs.replace(seat, lacks=lacks)
    return msgspec.structs.replace(seat, services=place.services)


def _services_of(group: ResourceKey, actual: Graph[Observed]) -> list[ResourceKey]:
    return sorted(key for key in actual.referrers(group) if key.kind == Kind.BACKEND_SERVICE)


def _members(spec: object) -> Iterable[Endpoint]:
    found = spec.network_endpoints if isinstance(spec, NetworkEndpointGroup) else ()
    return found or ()
