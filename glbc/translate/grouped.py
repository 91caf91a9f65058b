"""Which endpoint groups are wanted: by Ingresses, by Services for others, and by what stays as it is."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from glbc.model.finding import Finding, ObjectRef
from glbc.model.keys import ResourceKey
from glbc.model.loadbalancer import Backend
from glbc.model.views import Hints, Snapshot
from glbc.naming import Namer
from glbc.translate import annotations
from glbc.translate.negs import asked_of, endpoint_port
from glbc.translate.pods import Group
from glbc.translate.reasons import BadConfigError, Reason

FIELD: Final = f"metadata.annotations[{annotations.NEG}]"


def grouped(
    backends: Mapping[ResourceKey, Backend],
    users: Mapping[ResourceKey, Collection[ObjectRef]],
    stays: Mapping[str, Collection[ObjectRef]],
    snapshot: Snapshot,
    hints: Hints,
    namer: Namer,
) -> tuple[list[Group], list[Finding]]:
    """Return the groups, one for each name, and what cannot be exposed.

    Args:
        backends: what Ingresses want, by the key of the backend service.
        users: who wants each.
        stays: backend services that stay as they are, and the Ingresses on them: their pods change.
        snapshot: the Services.
        hints: says whose the live groups are.
        namer: makes the names.
    """
    served = _served(backends, users)
    alone, odd = _exposed(served, snapshot, hints, namer)
    groups = [*served, *alone, *_staying(stays, snapshot, hints)]
    found: dict[str, Group] = {}
    for group in groups:
        same = found.get(group.name)
        owners = tuple(sorted({*group.users, *(same.users if same else ())}))
        found[group.name] = msgspec.structs.replace(same or group, users=owners)
    return [found[name] for name in sorted(found)], odd


def _served(
    backends: Mapping[ResourceKey, Backend], users: Mapping[ResourceKey, Collection[ObjectRef]]
) -> list[Group]:
    return [
        Group(service=one.service, port=one.endpoints, name=key.name, users=tuple(users[key]))
        for key, one in backends.items()
        if one.endpoints
    ]


def _exposed(
    served: Collection[Group], snapshot: Snapshot, hints: Hints, namer: Namer
) -> tuple[list[Group], list[Finding]]:
    """Return the groups that Services expose without an Ingress, and what cannot be exposed.

    A name is one Service port's: that of an Ingress's backend first, then whose groups have it now.
    Where nobody can say what a Service exposes, the groups that it has stay.
    """
    asking: list[Group] = []
    staying: list[Group] = []
    findings: list[Finding] = []
    for where in sorted(snapshot.services):
        service = snapshot.services[where]
        meta = service.metadata
        if annotations.NEG not in (meta.annotations or {}) or meta.deletion_timestamp is not None:
            continue
        who = ObjectRef("Service", meta.namespace, meta.name)
        try:
            asked = asked_of(service)
        except BadConfigError as bad:
            findings.append(Finding(who, bad.reason, FIELD, str(bad), bad.hint))
            live = {
                key.name: [who]
                for key, one in hints.endpoint_groups.items()
                if one.service == where
            }
            staying.extend(_staying(live, snapshot, hints))
            continue
        by_number = {port.port: port for port in reversed(service.spec.ports or ())}
        for number, own in asked.names().items():
            name = own or namer.neg(meta.namespace, meta.name, number)
            port = endpoint_port(by_number[number])
            asking.append(Group(service=who, port=port, name=name, users=(who,)))
    has = {key.name: (live.service, live.port) for key, live in hints.endpoint_groups.items()}
    asking.sort(key=lambda one: has.get(one.name) != _whose(one))  # stable
    owners = {one.name: one for one in reversed((*served, *staying, *asking))}
    groups: list[Group] = list(staying)
    for one in asking:
        owner = owners[one.name]
        if _whose(owner) == _whose(one):
            groups.append(one)
        else:
            problem = f"port {owner.port.number} of {owner.service} has groups called {one.name}"
            hint = "give those of one of them another name"
            findings.append(Finding(one.service, Reason.BAD_NEG_ANNOTATION, FIELD, problem, hint))
    return groups, findings


def _whose(group: Group) -> tuple[str, str]:
    return f"{group.service.namespace}/{group.service.name}", str(group.port.number)


def _staying(
    stays: Mapping[str, Collection[ObjectRef]], snapshot: Snapshot, hints: Hints
) -> list[Group]:
    """Return the groups of what stays as it is, as far as their Services are still there."""
    found: dict[str, Group] = {}
    for key, live in hints.endpoint_groups.items():
        service = snapshot.services.get(live.service)
        ports = service.spec.ports or () if service else ()
        port = next((one for one in ports if str(one.port) == live.port), None)
        if key.name in stays and port is not None:
            namespace, _, name = live.service.partition("/")
            found[key.name] = Group(
                service=ObjectRef("Service", namespace, name),
                port=endpoint_port(port),
                name=key.name,
                users=tuple(stays[key.name]),
            )
    return list(found.values())
