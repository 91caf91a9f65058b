"""Ingress to LoadBalancer: whose it is, what it serves, and what of it cannot be served.

A bad object removes a path, never an Ingress: a backend that cannot be resolved, or that the cloud
refused, keeps the target it has now, else it gets the default backend, and everything else ships.
"""

from collections.abc import Mapping

import msgspec

from glbc.config import Config
from glbc.model.compute import UrlMap
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Resource
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.loadbalancer import Backend, FrontendNames, Host, LoadBalancer, Route
from glbc.model.views import Hints, Ingress, IngressBackend, ServicePortRef, Snapshot
from glbc.naming import Namer, Scheme, is_valid_name, scheme_of
from glbc.translate import annotations, limits, live, lower
from glbc.translate.backend import World, note, requires_policy, resolve, resolve_service
from glbc.translate.classes import parameters_finding, parameters_of
from glbc.translate.frontend import Front, front_of
from glbc.translate.lower import FrontEndKeys
from glbc.translate.protocols import with_protocol
from glbc.translate.reading import (
    LookedAt,
    Translated,
    configs_of,
    credentials_of,
    found_of,
    front_facts,
    frontend_configs_of,
    services_of,
)
from glbc.translate.reasons import Reason
from glbc.translate.rules import ANY_HOST, ANY_PATH, Rules, is_closed, rules_of
from glbc.translate.switch import DEFAULT_FIELD, Routes, Switch, Target, placed, switch_facts
from glbc.translate.tls import Secured, secret_names, secured


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
        self._odd: list[tuple[ResourceKey, Finding]] = []  # of a backend, if it is wanted at all
        self.url_map = ResourceKey(config.project, Kind.URL_MAP, GLOBAL, names.url_map)
        self.consulted: set[ResourceKey] = set()
        self.protocols: dict[ResourceKey, str | None] = {}  # live ones that mattered
        if ingress.address and not scheme_of(ingress.metadata.finalizers or ()):
            self.consulted.add(v1_url_map(ingress, namer, config))
        self.protected = requires_policy(ingress.metadata)
        self.held: set[ResourceKey] = set()  # serve under a policy that is required
        self.guards = self.protected  # is a policy required anywhere?
        self.live = hints.url_maps.get(self.url_map)
        self.live_routes = live.routes_of(self.live)

    def read(self, snapshot: Snapshot) -> Translated:
        """Return what the Ingress comes to."""
        rules = rules_of(self.ingress)
        parameters = parameters_of(self.ingress, snapshot)
        if parameters.https_redirect:
            self.config = msgspec.structs.replace(
                self.config, https_redirect=parameters.https_redirect
            )
        self.protected = self.protected or parameters.security_policy_required
        self.guards = self.protected
        odd = parameters_finding(self.ingress, parameters)
        for finding in (*rules.findings, *([odd] if odd else [])):
            self._once(finding)
        keys = FrontEndKeys.of(self.names, self.config)
        asked = self._routes(rules, snapshot)
        switch, (default, hosts) = self._switched(asked, keys, rules, snapshot)
        named = self._is_named()
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
        wants = tuple(dict.fromkeys(backend for target in used for backend in target.wants))
        balancer, resources = None, tls.resources
        if default is not None and named and not parameters.problem and self._is_served(front, tls):
            balancer = msgspec.structs.replace(
                self._balancer(default, hosts, switch),
                http=front.http,
                redirect=front.redirect,
                ssl_policy=front.ssl_policy,
                certificates=tls.certificates,
                address=front.address,
            )
            resources = (*lower.frontend_resources(balancer, self.config), *resources)
        if balancer is not None and self._is_over_limit(resources):
            # Nothing of the map changes; the rest of a front end that serves goes on.
            kept |= {self.url_map, *live.backends_of(self.live)}
            wants = tuple(one for one in wants if self._key(one) in kept)
            balancer = balancer if self.live else None
        if parameters.problem:
            kept |= live.backends_of(self.live)
            self.consulted.add(self.url_map)
            wants, resources = (), ()
        if balancer is None:
            kept.update(keys.all())
        services = services_of(self.ingress, self.config)
        configs, credentials = configs_of(services, snapshot)
        wants = wants if named else ()
        wanted = {self._key(backend) for backend in wants}
        for key, finding in self._odd:
            if key in wanted:
                self._once(finding)
        return Translated(
            ingress=self.ingress.ref,
            names=self.names,
            balancer=balancer,
            backends=wants,
            kept=frozenset(kept) if named else frozenset(),
            held=frozenset(self.held & kept) if named else frozenset(),
            consulted=frozenset(self.consulted),
            findings=tuple(self.findings),
            waiting=tuple(sorted(switch.waiting)) if self.url_map not in kept else (),
            resources=tuple(r for r in resources if r.key not in kept) if named else (),
            looked_at=LookedAt(
                ingress=self.ingress,
                services=found_of(services, snapshot.services),
                backend_configs=found_of(configs, snapshot.backend_configs),
                credentials=credentials_of(credentials, snapshot),
                secrets=found_of(secret_names(self.ingress), snapshot.secrets),
                frontend_configs=found_of(
                    frontend_configs_of(self.ingress), snapshot.frontend_configs
                ),
                url_maps=found_of(self.consulted, self.hints.url_maps),
                protocols=tuple(self.protocols.items()),
                parameters=parameters,
                refused=self.hints.refused,
                moves=tuple(sorted(switch.moves)),
                switches=switch_facts(sorted(switch.moves), keys, self.hints),
                front=front_facts(self.ingress, keys, self.hints),
                guarded=self.hints.protected if self.guards else None,
                policies=self.hints.policies,
                certificates=tls.looked_up,
                keys=keys,
                until=min(tls.until, switch.until),
            ),
        )

    def _routes(self, rules: Rules, snapshot: Snapshot) -> Routes:
        """Return where whatever no route matches leads, and where the routes do.

        Without any default backend, an Ingress whose rules match every request is served: a URL map
        needs a default, nothing reaches it, and so what serves every other host may stand there.
        """
        own = self.ingress.spec.default_backend
        if own is None and not self.config.default_backend_service:
            told, spare = list(self.findings), list(self._spare)
            hosts = self._hosts(rules, snapshot, None)
            if is_closed(hosts):
                return hosts[ANY_HOST][ANY_PATH], hosts
            self.findings, self._spare = told, spare
        default = self._default(snapshot)
        return default, self._hosts(rules, snapshot, default)

    def _balancer(
        self, default: Target, hosts: Mapping[str, Mapping[str, Target]], switch: Switch
    ) -> LoadBalancer:
        """Return what routes to where; the front of it is somebody else's."""
        return LoadBalancer(
            owner=self.ingress.ref,
            names=self.names,
            default=default.backend,
            hosts=tuple(
                Host(host, tuple(Route(path, to.backend) for path, to in paths.items()))
                for host, paths in hosts.items()
            ),
            warm_up=switch.warm_up(),
        )

    def _switched(
        self, asked: Routes, keys: FrontEndKeys, rules: Rules, snapshot: Snapshot
    ) -> tuple[Switch, Routes]:
        """Return where the default and the routes lead for now, and what waits."""
        switch = Switch(
            self.ingress.ref,
            keys,
            cluster_uid=self.namer.cluster_uid,
            config=self.config,
            hints=self.hints,
            now=self.now,
        )
        if self.live is not None and self.config.switch_wait_sec:
            self.consulted.add(self.url_map)

        def may_keep(backend: IngressBackend, old: ResourceKey) -> bool:
            return self._guarded(backend, old, snapshot) == old

        said = (self.ingress.spec.default_backend, rules)
        found = placed(switch, asked, said, self.live, may_keep)
        if switch.waiting and found[0] is not None:
            trial = self._balancer(found[0], found[1], switch)
            spec = next(lower.frontend_resources(trial, self.config)).spec
            if isinstance(spec, UrlMap) and limits.excesses(self.url_map, spec, self.config):
                switch.give_up()
                found = asked
        for finding in switch.findings:
            self._once(finding)
        return switch, found

    def _is_over_limit(self, resources: tuple[Resource, ...]) -> bool:
        """Tell whether the URL map is more than the cloud takes, and say so."""
        spec = next(one.spec for one in resources if one.key == self.url_map)
        if not isinstance(spec, UrlMap) or not limits.excesses(self.url_map, spec, self.config):
            return False
        self.consulted.add(self.url_map)
        over = limits.excesses(self.url_map, spec, self.config, self.live)
        if not over:
            return False
        stays = "nothing of it changes" if self.live else "it is not made"
        self._find(
            Reason.LIMIT_EXCEEDED,
            "spec.rules",
            f"the URL map would have {' and '.join(map(str, over))}; {stays}",
            "split the Ingress, or take rules out",
            Severity.ERROR,
        )
        return True

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
        last_good = live.default_of(self.live)
        system = self._of_system(snapshot)
        if own is None:
            return self._or_else(system, field, last_good, None)
        found = self._found(own, field, snapshot)
        last_good = self._guarded(own, last_good, snapshot)
        rest = None
        if isinstance(system, Backend) and not self._refusal(system):
            rest = Target(self._key(system), (system,))
        if rest is not None and last_good == rest.backend:
            last_good = None
        return self._or_else(found, field, last_good, rest)

    def _world(self, snapshot: Snapshot) -> World:
        return World(snapshot, self.hints, self.config, self.protected)

    def _found(self, backend: IngressBackend, field: str, snapshot: Snapshot) -> Backend | Finding:
        found = resolve(backend, self.ingress.ref, field, self._world(snapshot))
        return self._spoken(found, field, snapshot)

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
        if not config.default_backend_service:
            return Finding(
                self.ingress.ref,
                Reason.NO_DEFAULT_BACKEND,
                DEFAULT_FIELD,
                "none is given, and none is configured",
                "set spec.defaultBackend, or default_backend_service in the configuration",
            )
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
        found = self._spoken(
            resolve_service(service, wanted, self.ingress.ref, DEFAULT_FIELD, world),
            DEFAULT_FIELD,
            snapshot,
        )
        if isinstance(found, Backend):
            return msgspec.structs.replace(found, origin="config default_backend_service")
        return msgspec.structs.replace(
            found,
            message=f"none is given, and {found.message}",
            hint=f"set spec.defaultBackend, or {found.hint}",
        )

    def _hosts(
        self, rules: Rules, snapshot: Snapshot, default: Target | None
    ) -> dict[str, dict[str, Target]]:
        """Return where the paths of each host lead, in the order of the URL map."""
        hosts: dict[str, dict[str, Target]] = {}
        for host, paths in rules.hosts.items():
            hosts[host] = {}
            for one, asked in paths.items():
                found = self._found(asked.backend, asked.field, snapshot)
                last_good = self._guarded(
                    asked.backend, self.live_routes.get((host, one)), snapshot
                )
                if target := self._or_else(found, asked.field, last_good, default):
                    hosts[host][one] = target
        return hosts

    def _spoken(
        self, found: Backend | Finding, field: str, snapshot: Snapshot
    ) -> Backend | Finding:
        """Return a backend that was found, with its protocol."""
        if isinstance(found, Finding):
            return found
        key = self._key(found)
        speaks = self.hints.protocols.get(key)
        backend, odd = with_protocol(found, self.ingress.ref, field, snapshot, speaks)
        if isinstance(backend, Backend) and not backend.protocol_asked:
            self.protocols[key] = speaks
        if odd:
            self._odd.append((key, odd))
        return backend

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
