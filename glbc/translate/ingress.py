"""Ingress to LoadBalancer: whose it is, what it serves, and what of it cannot be served.

A bad object removes a path, never an Ingress: a backend that cannot be resolved, or that the cloud
refused, keeps the target it has now, else it gets the default backend, and everything else ships.
"""

from collections.abc import Iterator

import msgspec

from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.model.loadbalancer import Backend, FrontendNames, Host, LoadBalancer, Route
from glbc.model.views import Hints, HttpPath, Ingress, ServicePortRef, Snapshot
from glbc.naming import Namer, Scheme, is_valid_name, scheme_of
from glbc.translate import annotations
from glbc.translate.backend import note, resolve, resolve_service
from glbc.translate.paths import BadPathError, paths_of

CONTROLLER = "ingress.gcp.kubernetes.io/glbc"
"""spec.controller of the IngressClasses that are ours."""


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """What one Ingress comes to."""

    ingress: ObjectRef
    names: FrontendNames
    balancer: LoadBalancer | None  # None: nothing can be said; what exists is kept as it is
    backends: tuple[Backend, ...] = ()
    kept: frozenset[ResourceKey] = frozenset()  # last good targets: kept as they are
    consulted: frozenset[ResourceKey] = frozenset()  # URL maps whose live state mattered
    findings: tuple[Finding, ...] = ()


def is_ours(ingress: Ingress, snapshot: Snapshot, config: Config) -> bool:
    """Tell whether the Ingress's class is ours.

    The legacy annotation decides where it is set: `gce`, or the configured extra class. Where it is
    absent or empty, `spec.ingressClassName` decides: unset is ours, and so is an IngressClass whose
    controller is ours. (Upstream reads the annotation only.)
    """
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    if legacy:
        return legacy in {"gce", config.ingress_class}
    name = ingress.spec.ingress_class_name
    if not name:
        return True
    known = snapshot.ingress_classes.get(name)
    return known is not None and known.spec.controller == CONTROLLER


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

    def __init__(
        self, ingress: Ingress, names: FrontendNames, namer: Namer, config: Config, hints: Hints
    ) -> None:
        self.ingress = ingress
        self.names = names
        self.namer = namer
        self.config = config
        self.hints = hints
        self.backends: dict[ResourceKey, Backend] = {}
        self.kept: set[ResourceKey] = set()
        self.findings: list[Finding] = []
        self.url_map = ResourceKey(config.project, Kind.URL_MAP, GLOBAL, names.url_map)
        self.consulted: set[ResourceKey] = set()
        if ingress.address and not scheme_of(ingress.metadata.finalizers or ()):
            self.consulted.add(v1_url_map(ingress, namer, config))
        self.live = hints.url_maps.get(self.url_map)
        self.live_routes = dict(self._live_routes())

    def read(self, snapshot: Snapshot) -> Translated:
        """Return what the Ingress comes to."""
        default = self._default(snapshot)
        hosts = self._hosts(snapshot, default)
        if not is_valid_name(self.names.url_map):
            self._find(
                "InvalidName",
                "metadata.name",
                f"the name makes {self.names.url_map!r}, which Compute Engine refuses",
                "use lower-case letters, digits and - only",
                Severity.ERROR,
            )
        if self.ingress.spec.tls:
            self._find(
                "TlsNotServed",
                "spec.tls",
                "HTTPS is not served by this version; HTTP is",
                "do not point users of HTTPS at the address yet",
            )
        usable = default is not None and is_valid_name(self.names.url_map)
        return Translated(
            ingress=self.ingress.ref,
            names=self.names,
            balancer=LoadBalancer(
                owner=self.ingress.ref, names=self.names, default=default, hosts=hosts
            )
            if default is not None and usable
            else None,
            backends=tuple(self.backends.values()),
            kept=frozenset(self.kept),
            consulted=frozenset(self.consulted),
            findings=tuple(self.findings),
        )

    def _default(self, snapshot: Snapshot) -> ResourceKey | None:
        own = self.ingress.spec.default_backend
        if own is not None:
            field = "spec.defaultBackend"
            found = resolve(own, self.ingress.ref, field, snapshot, self.config)
        else:
            field = "spec"
            namespace, _, name = self.config.default_backend_service.partition("/")
            found = resolve_service(
                ObjectRef("Service", namespace, name),
                ServicePortRef(name=self.config.default_backend_service_port),
                self.ingress.ref,
                field,
                snapshot,
                self.config,
            )
        live = self.live.default_service if self.live else None
        target = self._resolved(found, field)
        return self._or_last_good(target, live.to if isinstance(live, Ref) else None, None)

    def _hosts(self, snapshot: Snapshot, default: ResourceKey | None) -> tuple[Host, ...]:
        hosts: dict[str, Host] = {}
        seen: dict[str, str] = {}
        for index, rule in enumerate(self.ingress.spec.rules or ()):
            if rule.http is None:
                continue
            name, field = rule.host or "*", f"spec.rules[{index}]"
            if name in hosts:
                # Upstream: the later rule replaces the earlier one and stands last.
                del hosts[name]
                self._find(
                    "DuplicateHost",
                    seen[name],
                    f"host {name} has another rule at {field}, which replaces this one",
                    "put all paths of a host into one rule",
                )
            seen[name] = field
            routes: dict[str, ResourceKey] = {}
            for at, path in enumerate(rule.http.paths):
                where = f"{field}.http.paths[{at}]"
                self._route(path, where, name, snapshot, default, routes)
            hosts[name] = Host(name, tuple(Route(p, b) for p, b in routes.items()))
        return tuple(hosts.values())

    def _route(  # one path, in its place
        self,
        path: HttpPath,
        field: str,
        host: str,
        snapshot: Snapshot,
        default: ResourceKey | None,
        routes: dict[str, ResourceKey],
    ) -> None:
        try:
            written = paths_of(path.path, path.path_type)
        except BadPathError as bad:
            self._find("BadPath", f"{field}.path", f"{bad}; this path is left out", bad.hint)
            return
        found = resolve(path.backend, self.ingress.ref, f"{field}.backend", snapshot, self.config)
        target = self._resolved(found, f"{field}.backend")
        for one in written:
            if routes.pop(one, None) is not None:
                self._find(
                    "DuplicatePath",
                    f"{field}.path",
                    f"path {one} of host {host} is there already; this one replaces it",
                    "keep one of them",
                    Severity.NOTE,
                )
            served = self._or_last_good(target, self.live_routes.get((host, one)), default)
            if served is not None:
                routes[one] = served

    def _resolved(self, found: Backend | Finding, field: str) -> ResourceKey | Finding:
        """Return the backend service, which is wanted from now on, unless the cloud refuses it."""
        if isinstance(found, Finding):
            return found
        key = self._key(found)
        self.backends.setdefault(key, found)
        if key not in self.hints.refused:
            return key
        return Finding(
            self.ingress.ref,
            "BackendRefused",
            field,
            f"the cloud refuses to make {key}",
            "the event of the refusal says why",
        )

    def _or_last_good(
        self,
        found: ResourceKey | Finding,
        live: ResourceKey | None,
        default: ResourceKey | None,
    ) -> ResourceKey | None:
        """Return where the traffic goes; say so where that is not where the user wants it."""
        if isinstance(found, ResourceKey):
            return found
        self.consulted.add(self.url_map)
        if live is not None:
            self.kept.add(live)
            self._once(note(found, f"{live.name} keeps serving it"))
            return live
        rest = "the default backend serves it" if default else "nothing serves it"
        self._once(note(found, rest))
        return default

    def _key(self, backend: Backend) -> ResourceKey:
        name = self.namer.backend(backend.node_port)
        return ResourceKey(self.config.project, Kind.BACKEND_SERVICE, GLOBAL, name)

    def _live_routes(self) -> Iterator[tuple[tuple[str, str], ResourceKey]]:
        """Yield the target that each host and path has now."""
        for matcher in (self.live.path_matchers if self.live else ()) or ():
            for host in self._hosts_of(matcher.name):
                for rule in matcher.path_rules or ():
                    if isinstance(rule.service, Ref):
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
