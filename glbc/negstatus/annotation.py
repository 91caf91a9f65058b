"""`cloud.google.com/neg-status` of a Service, byte for byte as ingress-gce writes it."""

from collections.abc import Iterable, Iterator

import msgspec

from glbc.model.calls import (
    ServicePatch,
    Write,
)
from glbc.model.finding import ObjectRef
from glbc.model.views import Service
from glbc.negstatus.facts import Facts
from glbc.translate import annotations
from glbc.translate.pods import Group


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The annotation's JSON; keys and spaces are those of Go's json.Marshal."""

    network_endpoint_groups: dict[str, str] = {}  # number of the Service's port -> name
    zones: tuple[str, ...] = ()


def annotation_of(service: Service, text: str | None, facts: Facts) -> Iterator[Write]:
    """Yield the change of a Service's annotation, if its text is not what it should be."""
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
    except (msgspec.DecodeError, UnicodeError, RecursionError):
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
