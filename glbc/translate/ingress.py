"""Ingress to LoadBalancer: whose it is, what it serves, and what of it cannot be served.

A bad object removes a path, never an Ingress: a backend that cannot be resolved, or that the cloud
refused, keeps the target it has now, else it gets the default backend, and everything else ships.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.model.loadbalancer import Backend, FrontendNames, Host, LoadBalancer, Route
from glbc.model.views import (
    Hints,
    HttpPath,
    Ingress,
    IngressBackend,
    ServicePortRef,
    Snapshot,
)
from glbc.naming import Namer, Scheme, is_valid_name, scheme_of
from glbc.translate import annotations, lower
from glbc.translate.backend import World, note, requires_policy, resolve, resolve_service
from glbc.translate.backendconfig import credential_names, names_in
from glbc.translate.frontend import Front, front_of
from glbc.translate.lower import FrontEndKeys
from glbc.translate.paths import BadPathError, paths_of
from glbc.translate.reading import (
    LookedAt,
    Translated,
    credentials_of,
    found_of,
    front_facts,
)
from glbc.translate.reasons import Reason
from glbc.translate.tls import Secured, secret_names, secured

DEFAULT_FIELD: Final = "spec.defaultBackend"


class Target(msgspec.Struct, frozen=True):
    """Where a route leads, and what that takes."""

    backend: ResourceKey
    wants: tuple[Backend, ...] = ()  # the Service ports asked for, a refused one included
    is_last_good: bool = False  # served now, though it is not what is asked for


def scheme_for(ingress: Ingress, namer: Namer, hints: Hints, config: Config) -> Scheme:
    """Return the naming scheme: the finalizer's; else v1 iff it has an address and a v1 URL map."""
    if scheme := scheme_of(ingress.metadata.finalizers or ()):
        return scheme
    if ingress.address and v1_url_map(ingress, namer, config) in hints.url_maps:
        return Scheme.V1
    return Scheme(config.new_ingress_scheme)


def v1_url_map(ingress: Ingress, namer: Namer, config: Config) -> ResourceKey:
    """Return the key of the URL map that the Ingress would have under the v1 scheme."""
    names = namer.frontend(Scheme.V1, ingress.metadata.namespace, ingress.metadata.name)
    return ResourceKey(config.project, Kind.URL_MAP, GLOBAL, names.url_map)


class Reader:
    """Reads one Ingress; collects what it finds on the way. Used once."""

    def __init__(  # noqa: PLR0913 (each is given by name)
        self,
        ingress: Ingress,
        names: FrontendNames,
        *,
        scheme: Scheme,
        namer: Namer,
        config: Config,
        hints: Hints,
        now: float,
    ) -> None:
        self.ingress = ingress
        self.scheme = scheme
        self.now = now
        self.names = names
        self.namer = namer
        self.config = config
        self.hints = hints
        self.findings: list[Finding] = []
        self._spare: list[Target] = []  # refused, with nothing to serve instead
        self.url_map = ResourceKey(config.project, Kind.URL_MAP, GLOBAL, names.url_map)
        self.consulted: set[ResourceKey] = set()
        if ingress.address and not scheme_of(ingress.metadata.finalizers or ()):
            self.consulted.add(v1_url_map(ingress, namer, config))
        self.protected = requires_policy(ingress.metadata)
        self.held: set[ResourceKey] = set()  # serve under a policy that is required
        self.guards = self.protected  # is a policy required anywhere?
        self.live = hints.url_maps.get(self.url_map)
        self.live_routes = dict(self._live_routes())

    def read(self, snapshot: Snapshot) -> Translated:
        """Return what the Ingress comes to."""
        default = self._default(snapshot)
        hosts = self._hosts(snapshot, default)
        named = self._is_named()
        keys = FrontEndKeys.of(self.names, self.config)
        tls = secured(
            self.ingress,
            names=self.names,
            proxy=keys.https_proxy,
            scheme=self.scheme,
            snapshot=snapshot,
            hints=self.hints,
            namer=self.namer,
            now=self.now,
        )
        front = front_of(self.ingress, keys, tls, (snapshot, self.hints), self.config)
        for finding in (*tls.findings, *front.findings):
            self._once(finding)
        used = [*self._spare, *([default] if default else [])]
        used.extend(target for paths in hosts.values() for target in paths.values())
        kept = {target.backend for target in used if target.is_last_good} | tls.kept | front.kept
        balancer = None
        if default is not None and named and self._is_served(front, tls):
            routes = tuple(
                Host(host, tuple(Route(path, to.backend) for path, to in paths.items()))
                for host, paths in hosts.items()
            )
            balancer = LoadBalancer(
                owner=self.ingress.ref,
                names=self.names,
                default=default.backend,
                hosts=routes,
                http=front.http,
                redirect=front.redirect,
                ssl_policy=front.ssl_policy,
                certificates=tls.certificates,
                address=front.address,
            )
        else:
            kept.update(keys.all())
        resources = tuple(lower.frontend_resources(balancer, self.config)) if balancer else ()
        wants = dict.fromkeys(backend for target in used for backend in target.wants)
        configs, credentials = self._configs(snapshot)
        return Translated(
            ingress=self.ingress.ref,
            names=self.names,
            balancer=balancer,
            backends=tuple(wants) if named else (),
            kept=frozenset(kept) if named else frozenset(),
            held=frozenset(self.held & kept) if named else frozenset(),
            consulted=frozenset(self.consulted),
            findings=tuple(self.findings),
            resources=tuple(r for r in (*resources, *tls.resources) if r.key not in kept)
            if named
            else (),
            looked_at=LookedAt(
                ingress=self.ingress,
                services=found_of(self._services(), snapshot.services),
                backend_configs=found_of(configs, snapshot.backend_configs),
                credentials=credentials_of(credentials, snapshot),
                secrets=found_of(secret_names(self.ingress), snapshot.secrets),
                frontend_configs=found_of(self._frontend_configs(), snapshot.frontend_configs),
                url_maps=found_of(self.consulted, self.hints.url_maps),
                refused=self.hints.refused,
                front=front_facts(self.ingress, keys, self.hints),
                guarded=self.hints.protected if self.guards else None,
                policies=self.hints.policies,
                keys=keys,
                until=tls.until,
            ),
        )

    def _is_served(self, front: Front, tls: Secured) -> bool:
        """Tell whether any protocol is left; if not, what exists is kept."""
        if front.http or tls.certificates:
            return True
        self._find(
            Reason.HTTP_NOT_ALLOWED,
            f"metadata.annotations[{annotations.ALLOW_HTTP}]",
            "HTTP is switched off and there is no certificate for HTTPS: no front end is made",
            "add a certificate in spec.tls, or take the annotation out",
            Severity.ERROR,
        )
        return False

    def _configs(self, snapshot: Snapshot) -> tuple[set[str], set[str]]:
        """Return the BackendConfigs that the Services name, and the Secrets that these name."""
        configs: set[str] = set()
        for name in self._services():
            if service := snapshot.services.get(name):
                configs |= names_in(service.metadata)
        credentials: set[str] = set()
        for name in configs:
            credentials |= credential_names(snapshot.backend_configs.get(name))
        return configs, credentials

    def _frontend_configs(self) -> list[str]:
        name = annotations.text(self.ingress.metadata, annotations.FRONTEND_CONFIG)
        return [f"{self.ingress.metadata.namespace}/{name}"] if name else []

    def _services(self) -> set[str]:
        """Return every Service that the Ingress names, and the system's default."""
        spec, namespace = self.ingress.spec, self.ingress.metadata.namespace
        paths = [
            path for rule in spec.rules or () for path in (rule.http.paths if rule.http else ())
        ]
        named = [spec.default_backend, *(path.backend for path in paths)]
        own = {f"{namespace}/{b.service.name}" for b in named if b and b.service}
        return own | {self.config.default_backend_service}

    def _is_named(self) -> bool:
        if is_valid_name(self.names.url_map):
            return True
        self._find(
            Reason.INVALID_NAME,
            "metadata.name",
            f"the name makes {self.names.url_map!r}, which Compute Engine refuses",
            "use lower-case letters, digits and - only",
            Severity.ERROR,
        )
        return False

    def _default(self, snapshot: Snapshot) -> Target | None:
        """Return where whatever no route matches leads: asked for, last good, or the system's."""
        own, field = self.ingress.spec.default_backend, DEFAULT_FIELD
        live = self.live.default_service if self.live else None
        last_good = live.to if isinstance(live, Ref) else None
        system = self._of_system(snapshot)
        if own is None:
            return self._or_else(system, field, last_good, None)
        found = resolve(own, self.ingress.ref, field, self._world(snapshot))
        last_good = self._guarded(own, last_good, snapshot)
        rest = None
        if isinstance(system, Backend) and not self._refusal(system):
            rest = Target(self._key(system), (system,))
        if rest is not None and last_good == rest.backend:
            last_good = None
        return self._or_else(found, field, last_good, rest)

    def _world(self, snapshot: Snapshot) -> World:
        return World(snapshot, self.hints, self.config, self.protected)

    def _guarded(
        self, backend: IngressBackend, last_good: ResourceKey | None, snapshot: Snapshot
    ) -> ResourceKey | None:
        """Return the last good target, unless a security policy is required and it has none."""
        named = backend.service.name if backend.service else ""
        service = snapshot.services.get(f"{self.ingress.metadata.namespace}/{named}")
        required = self.protected or (service is not None and requires_policy(service.metadata))
        self.guards = self.guards or required
        if not required or last_good is None:
            return last_good
        if last_good not in self.hints.protected:
            return None
        self.held.add(last_good)
        return last_good

    def _of_system(self, snapshot: Snapshot) -> Backend | Finding:
        config = self.config
        namespace, _, name = config.default_backend_service.partition("/")
        port = config.default_backend_service_port
        wanted = (
            ServicePortRef(number=int(port))
            if port.isascii() and port.isdigit()
            else ServicePortRef(name=port)
        )
        service = ObjectRef("Service", namespace, name)
        # A required policy is about what the Ingress names; this one is the operator's.
        world = World(snapshot, self.hints, self.config)
        found = resolve_service(service, wanted, self.ingress.ref, DEFAULT_FIELD, world)
        if isinstance(found, Backend):
            return msgspec.structs.replace(found, origin="config default_backend_service")
        return msgspec.structs.replace(
            found,
            message=f"none is given, and {found.message}",
            hint=f"set spec.defaultBackend, or {found.hint}",
        )

    def _hosts(self, snapshot: Snapshot, default: Target | None) -> dict[str, dict[str, Target]]:
        """Return where the paths of each host lead, in the order of the URL map."""
        hosts: dict[str, dict[str, Target]] = {}
        for host, paths in self._written().items():
            hosts[host] = {}
            for one, (backend, field) in paths.items():
                found = resolve(backend, self.ingress.ref, field, self._world(snapshot))
                last_good = self._guarded(backend, self.live_routes.get((host, one)), snapshot)
                if target := self._or_else(found, field, last_good, default):
                    hosts[host][one] = target
        return hosts

    def _written(self) -> dict[str, dict[str, tuple[IngressBackend, str]]]:
        """Return the backend of each path of each host, and its field.

        As upstream: a later rule of a host and a later path replace the earlier one and stand last.
        """
        hosts: dict[str, dict[str, tuple[IngressBackend, str]]] = {}
        seen: dict[str, str] = {}
        for index, rule in enumerate(self.ingress.spec.rules or ()):
            if rule.http is None:
                continue
            host, field = rule.host or "*", f"spec.rules[{index}]"
            if hosts.pop(host, None) is not None:
                self._find(
                    Reason.DUPLICATE_HOST,
                    seen[host],
                    f"host {host} has another rule at {field}, which replaces this one",
                    "put all paths of a host into one rule",
                )
            seen[host] = field
            paths = hosts.setdefault(host, {})
            for at, path in enumerate(rule.http.paths):
                where = f"{field}.http.paths[{at}]"
                for one in self._paths(path, f"{where}.path"):
                    if paths.pop(one, None) is not None:
                        self._find(
                            Reason.DUPLICATE_PATH,
                            f"{where}.path",
                            f"path {one} of host {host} is there already; this one replaces it",
                            "keep one of them",
                            Severity.NOTE,
                        )
                    paths[one] = (path.backend, f"{where}.backend")
        return hosts

    def _paths(self, path: HttpPath, field: str) -> tuple[str, ...]:
        try:
            return paths_of(path.path, path.path_type)
        except BadPathError as bad:
            self._find(Reason.BAD_PATH, field, f"{bad}; this path is left out", bad.hint)
            return ()

    def _or_else(
        self,
        found: Backend | Finding,
        field: str,
        last_good: ResourceKey | None,
        rest: Target | None,
    ) -> Target | None:
        """Return where the traffic goes; say so where that is not where the user wants it."""
        wants: tuple[Backend, ...] = ()
        if isinstance(found, Backend):
            wants = (found,)  # a refused one too: it is tried again for as long as it is wanted
            refused = self._refusal(found)
            if refused is None:
                return Target(self._key(found), wants)
            found = Finding(
                self.ingress.ref,
                Reason.BACKEND_REFUSED,
                field,
                f"the cloud refuses to make {refused}",
                "do what the event of the refusal says",
            )
        self.consulted.add(self.url_map)
        if last_good is not None and last_good not in self.hints.refused:
            self._once(note(found, f"{last_good.name} keeps serving it"))
            return Target(last_good, wants, is_last_good=True)
        if rest is not None:
            self._once(note(found, "the default backend serves it"))
            return Target(rest.backend, (*wants, *rest.wants), rest.is_last_good)
        is_all = field == "spec.defaultBackend"
        self._once(note(found, "nothing serves it", Severity.ERROR if is_all else Severity.WARNING))
        if wants:
            self._spare.append(Target(self._key(wants[0]), wants))
        return None

    def _refusal(self, backend: Backend) -> ResourceKey | None:
        """Return what the cloud refuses to make of a backend: itself, or its health check."""
        key = self._key(backend)
        check = msgspec.structs.replace(key, kind=Kind.HEALTH_CHECK)
        return next((one for one in (key, check) if one in self.hints.refused), None)

    def _key(self, backend: Backend) -> ResourceKey:
        name = self.namer.backend(backend.node_port)
        return ResourceKey(self.config.project, Kind.BACKEND_SERVICE, GLOBAL, name)

    def _live_routes(self) -> Iterator[tuple[tuple[str, str], ResourceKey]]:
        """Yield the target that each host and path has now, unless it is the default of all."""
        default = self.live.default_service if self.live else None
        for matcher in (self.live.path_matchers if self.live else ()) or ():
            for host in self._hosts_of(matcher.name):
                for rule in matcher.path_rules or ():
                    if isinstance(rule.service, Ref) and rule.service != default:
                        for path in rule.paths:
                            yield (host, path), rule.service.to

    def _hosts_of(self, matcher: str) -> Iterator[str]:
        for rule in (self.live.host_rules if self.live else ()) or ():
            if rule.path_matcher == matcher:
                yield from rule.hosts

    def _find(
        self,
        reason: str,
        field: str,
        message: str,
        hint: str,
        severity: Severity = Severity.WARNING,
    ) -> None:
        self._once(Finding(self.ingress.ref, reason, field, message, hint, severity))

    def _once(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)
