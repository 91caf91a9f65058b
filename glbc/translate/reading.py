"""What reading one Ingress came to, and what it rests on: so that it is read again only when due."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from glbc.config import Config
from glbc.model.compute import UrlMap
from glbc.model.configs import BackendConfig, Credential, FrontendConfig
from glbc.model.finding import Finding, ObjectRef
from glbc.model.graph import Resource
from glbc.model.keys import ResourceKey
from glbc.model.loadbalancer import Backend, FrontendNames, LoadBalancer
from glbc.model.views import Hints, Ingress, Secret, Service, Snapshot
from glbc.translate import annotations
from glbc.translate.backendconfig import credential_names, names_in
from glbc.translate.classes import ClassParameters, parameters_of
from glbc.translate.lower import FrontEndKeys
from glbc.translate.switch import Move, switch_facts
from glbc.translate.tls import pre_shared

Name = TypeVar("Name")
Item = TypeVar("Item")


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """What one Ingress comes to."""

    ingress: ObjectRef
    names: FrontendNames
    balancer: LoadBalancer | None  # None: nothing can be said; what exists is kept as it is
    backends: tuple[Backend, ...] = ()
    kept: frozenset[ResourceKey] = frozenset()  # what nobody can say better: left as it is
    held: frozenset[ResourceKey] = frozenset()  # … whatever others say of it
    consulted: frozenset[ResourceKey] = frozenset()  # URL maps whose live state mattered
    findings: tuple[Finding, ...] = ()
    waiting: tuple[Move, ...] = ()  # routes that change their backend when the new one is HEALTHY
    resources: tuple[Resource, ...] = ()  # the front end
    looked_at: "LookedAt"

    def serving(self) -> frozenset[ResourceKey]:
        """Return the backend services that its routes lead to."""
        if self.balancer is None:
            return frozenset()
        routes = {route.backend for host in self.balancer.hosts for route in host.routes}
        return frozenset({self.balancer.default, *routes})

    def still_holds(self, ingress: Ingress, snapshot: Snapshot, hints: Hints, now: float) -> bool:
        """Tell whether reading the Ingress again would find the same."""
        seen = self.looked_at
        return (
            seen.ingress is ingress
            and all(snapshot.services.get(name) is found for name, found in seen.services)
            and all(snapshot.secrets.get(name) is found for name, found in seen.secrets)
            and all(
                snapshot.backend_configs.get(name) is found for name, found in seen.backend_configs
            )
            and seen.credentials
            == credentials_of((name for name, *_ in seen.credentials), snapshot)
            and all(
                snapshot.frontend_configs.get(name) is found
                for name, found in seen.frontend_configs
            )
            and seen.parameters == parameters_of(ingress, snapshot)
            and self.hints_hold(hints, now)
        )

    def hints_hold(self, hints: Hints, now: float) -> bool:
        """Tell whether what the reading knew of the cloud, and of the time, is still so."""
        seen = self.looked_at
        return (
            now < seen.until
            and seen.refused == hints.refused
            and all(hints.url_maps.get(key) == live for key, live in seen.url_maps)
            and all(hints.protocols.get(key) == live for key, live in seen.protocols)
            and seen.switches == switch_facts(seen.moves, seen.keys, hints)
            and seen.front == front_facts(seen.ingress, seen.keys, hints)
            and seen.policies == hints.policies
            and all(hints.certificates.get(name) == there for name, there in seen.certificates)
            and (seen.guarded is None or seen.guarded == hints.protected)
        )


class LookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading rests on, with what was looked for and not found (None)."""

    ingress: Ingress
    services: tuple[tuple[str, Service | None], ...]
    secrets: tuple[tuple[str, Secret | None], ...]
    frontend_configs: tuple[tuple[str, FrontendConfig | None], ...]
    backend_configs: tuple[tuple[str, BackendConfig | None], ...]
    credentials: tuple[tuple[str, bool, Credential | None], ...]  # name, was it read, what it is
    url_maps: tuple[tuple[ResourceKey, UrlMap | None], ...]
    protocols: tuple[tuple[ResourceKey, str | None], ...]  # live, of backends
    parameters: ClassParameters
    refused: frozenset[ResourceKey]
    moves: tuple[Move, ...]  # live routes that are wanted at another backend, waiting or not
    switches: tuple[Any, ...]  # switch_facts: nothing at rest
    front: tuple[Any, ...]  # front_facts
    policies: Mapping[str, frozenset[str]]
    certificates: tuple[tuple[str, str | None], ...]  # our names, and the chain that is there
    guarded: Mapping[ResourceKey, ResourceKey] | None  # None: no policy is required
    keys: FrontEndKeys
    until: float  # seconds since 1970: from then on time alone may change it


def services_of(ingress: Ingress, config: Config) -> set[str]:
    """Return every Service that an Ingress names, and the system's default."""
    spec, namespace = ingress.spec, ingress.metadata.namespace
    paths = [path for rule in spec.rules or () for path in (rule.http.paths if rule.http else ())]
    named = [spec.default_backend, *(path.backend for path in paths)]
    own = {f"{namespace}/{b.service.name}" for b in named if b and b.service}
    return own | ({config.default_backend_service} - {""})


def configs_of(services: Iterable[str], snapshot: Snapshot) -> tuple[set[str], set[str]]:
    """Return the BackendConfigs that Services name, and the Secrets that these name."""
    configs: set[str] = set()
    for name in services:
        if service := snapshot.services.get(name):
            configs |= names_in(service.metadata)
    credentials: set[str] = set()
    for name in configs:
        credentials |= credential_names(snapshot.backend_configs.get(name))
    return configs, credentials


def frontend_configs_of(ingress: Ingress) -> list[str]:
    """Return the FrontendConfig that an Ingress names."""
    name = annotations.text(ingress.metadata, annotations.FRONTEND_CONFIG)
    return [f"{ingress.metadata.namespace}/{name}"] if name else []


def credentials_of(
    names: Iterable[str], snapshot: Snapshot
) -> tuple[tuple[str, bool, Credential | None], ...]:
    """Return what is known of each Secret: one that was not read is not one that is not there."""
    known = snapshot.credentials
    return tuple((name, name in known, known.get(name)) for name in sorted(names))


def front_facts(ingress: Ingress, keys: FrontEndKeys, hints: Hints) -> tuple[Any, ...]:
    """Return what the front end's translation may know of the cloud; little for plain HTTP."""
    meta, spec = ingress.metadata, ingress.spec
    asked = [annotations.text(meta, key) for key in annotations.FRONT]
    if not spec.tls and not any(asked):
        return (
            hints.http_proxies.get(keys.http_proxy) == keys.redirect_map,
            hints.addresses.get(keys.address.name),
            hints.rules.get(keys.http_rule),
            hints.rules.get(keys.https_rule),
            hints.unlisted,
        )
    static = annotations.text(meta, annotations.STATIC_IP)
    return (
        hints.http_proxies.get(keys.http_proxy),
        hints.url_maps.get(keys.redirect_map) if keys.redirect_map else None,
        hints.https_proxies.get(keys.https_proxy),
        hints.proxy_policies.get(keys.https_proxy),
        hints.rules.get(keys.http_rule),
        hints.rules.get(keys.https_rule),
        hints.addresses.get(keys.address.name),
        hints.addresses.get(static) if static else None,
        tuple(name in hints.certificates for name in pre_shared(ingress)),
        hints.listeners if static else None,
        hints.unlisted,
    )


def found_of(
    names: Iterable[Name], views: Mapping[Name, Item]
) -> tuple[tuple[Name, Item | None], ...]:
    """Return what was found under each name; None for what is not there."""
    return tuple((name, views.get(name)) for name in names)
