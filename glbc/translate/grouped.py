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
    alone, odd = _exposed(snapshot, namer)
    groups = [*_served(backends, users), *alone, *_staying(stays, snapshot, hints)]
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


def _exposed(snapshot: Snapshot, namer: Namer) -> tuple[list[Group], list[Finding]]:
    """Return the groups that Services expose without an Ingress, and what cannot be exposed."""
    groups: list[Group] = []
    findings: list[Finding] = []
    owners: dict[str, ObjectRef] = {}
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
            continue
        by_number = {port.port: port for port in reversed(service.spec.ports or ())}
        for number, own in asked.names().items():
            name = own or namer.neg(meta.namespace, meta.name, number)
            if (other := owners.setdefault(name, who)) != who:
                problem, hint = f"{other} has groups called {name}", "give them another name"
                findings.append(Finding(who, Reason.BAD_NEG_ANNOTATION, FIELD, problem, hint))
                continue
            port = endpoint_port(by_number[number])
            groups.append(Group(service=who, port=port, name=name, users=(who,)))
    return groups, findings


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
