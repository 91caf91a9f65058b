"""Everything Envoy should be told, from one picture of the cloud. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fakes.edge import clusters, listeners, routes
from fakes.edge.attached import Attachment
from fakes.edge.cloud import Json, Picture
from fakes.edge.clusters import Endpoint

LOOPBACK: Final = "127."
HTTPS_PORT: Final = 443


@dataclass(frozen=True, slots=True)
class Place:
    """Where configuration goes and how the world is scaled."""

    directory: Path
    time_scale: float
    offset: int = 0  # added to every port that is served

    def file(self, sort: str, name: str) -> str:
        """Return the path of the file of one resource."""
        return str(self.directory / f"{sort}.{name}.json")


@dataclass(frozen=True, slots=True)
class Desired:
    """What is to be written; files by path, resources by name."""

    endpoints: Mapping[str, Json] = field(default_factory=dict)
    clusters: Mapping[str, Json] = field(default_factory=dict)
    routes: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, Json] = field(default_factory=dict)
    listeners: Mapping[str, Json] = field(default_factory=dict)
    members: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def desired(
    picture: Picture,
    place: Place,
    cold: Collection[str] = frozenset(),
    unknown: Collection[Attachment] = frozenset(),
) -> Desired:
    """Return what Envoy should be told about a picture of the cloud.

    Args:
        picture: what the cloud shows.
        place: where it goes.
        cold: the names of backend services that the cloud does not probe yet.
        unknown: network endpoints that the cloud does not send requests to yet.
    """
    services = {body["name"]: body for _, body in picture.within("backendServices")}
    eds, cds, members = dict[str, Json](), dict[str, Json](), dict[str, tuple[Endpoint, ...]]()
    for name, service in services.items():
        path = place.file("endpoints", name)
        rows = clusters.endpoints(picture, service, unknown)
        if name in cold:
            rows = [replace(row, reachable=False) for row in rows]
        members[name] = tuple(rows)
        eds[path] = clusters.assignment(name, rows)
        cds[name] = clusters.cluster(name, picture, service, path, place.time_scale)
    front = _front_ends(picture, place, services)
    return Desired(eds, cds, front.routes, front.secrets, front.listeners, members, front.problems)


def _front_ends(picture: Picture, place: Place, services: Mapping[str, Json]) -> Desired:
    rds, sds, lds = dict[str, Json](), dict[str, Json](), dict[str, Json]()
    problems = []
    for _, rule in picture.within("forwardingRules"):
        wanted = listeners.front(picture, rule, place.offset)
        if wanted is None:
            continue
        if not wanted.ip.startswith(LOOPBACK):
            problems.append(
                f"forwarding rule {wanted.rule}: {wanted.ip} is no loopback address: "
                "give the fake cloud a slice of 127.128.0.0/16 as its addresses"
            )
            continue
        pairs = listeners.secrets(picture, wanted) if wanted.https else []
        if wanted.https and not pairs:
            name = wanted.proxy["name"]
            problems.append(f"target proxy {name}: no certificate that can be served")
            continue
        url_map = picture.of(wanted.proxy["urlMap"]) or {}
        path = place.file("routes", wanted.table)
        rds[path] = routes.table(wanted.table, url_map, services, HTTPS_PORT + place.offset)
        files = {pair["name"]: place.file("secret", pair["name"]) for pair in pairs}
        sds |= {files[pair["name"]]: pair for pair in pairs}
        lds[wanted.name] = listeners.listener(wanted, path, files, picture)
    return Desired(routes=rds, secrets=sds, listeners=lds, problems=tuple(problems))
