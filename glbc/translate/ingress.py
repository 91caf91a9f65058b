"""Ingress to LoadBalancer: what it serves and how, and what of it cannot be served.

What can be served is: the rest is told, and what serves now stays.
"""

from collections.abc import Mapping

import msgspec

from glbc.config import Config
from glbc.model.compute import UrlMap
from glbc.model.finding import Finding, Severity
from glbc.model.graph import Resource
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.loadbalancer import FrontendNames, Host, LoadBalancer, Route
from glbc.model.views import Hints, Ingress, IngressBackend, Snapshot
from glbc.naming import Namer, Scheme, is_valid_name, scheme_of
from glbc.translate import annotations, limits, live, lower
from glbc.translate.backend import requires_policy
from glbc.translate.classes import parameters_finding, parameters_of
from glbc.translate.frontend import Front, front_of
from glbc.translate.lower import FrontEndKeys
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
from glbc.translate.rules import Rules, rules_of
from glbc.translate.switch import Routes, Switch, Target, placed, switch_facts
from glbc.translate.targets import Targets
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
        self.url_map = ResourceKey(config.project, Kind.URL_MAP, GLOBAL, names.url_map)
        self.consulted: set[ResourceKey] = set()
        if ingress.address and not scheme_of(ingress.metadata.finalizers or ()):
            self.consulted.add(v1_url_map(ingress, namer, config))
        self.live = hints.url_maps.get(self.url_map)

    def read(self, snapshot: Snapshot) -> Translated:
        """Return what the Ingress comes to."""
        rules = rules_of(self.ingress)
        parameters = parameters_of(self.ingress, snapshot)
        if parameters.https_redirect:
            self.config = msgspec.structs.replace(
                self.config, https_redirect=parameters.https_redirect
            )
        odd = parameters_finding(self.ingress, parameters)
        keys = FrontEndKeys.of(self.names, self.config)
        targets = Targets(
            self.ingress,
            url_map=self.url_map,
            protected=requires_policy(self.ingress.metadata) or parameters.security_policy_required,
            snapshot=snapshot,
            hints=self.hints,
            namer=self.namer,
            config=self.config,
        )
        asked = targets.routes(rules)
        for finding in (*rules.findings, *([odd] if odd else []), *targets.findings):
            self._once(finding)
        switch, (default, hosts) = self._switched(asked, keys, rules, targets)
        self.consulted |= targets.consulted
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
        used = [*targets.spare, *([default] if default else [])]
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
            wants = tuple(one for one in wants if targets.key_of(one) in kept)
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
        wanted = {targets.key_of(backend) for backend in wants}
        for key, finding in targets.odd:
            if key in wanted:
                self._once(finding)
        return Translated(
            ingress=self.ingress.ref,
            names=self.names,
            balancer=balancer,
            backends=wants,
            kept=frozenset(kept) if named else frozenset(),
            held=frozenset(targets.held & kept) if named else frozenset(),
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
                protocols=tuple(targets.protocols.items()),
                parameters=parameters,
                refused=self.hints.refused,
                moves=tuple(sorted(switch.moves)),
                switches=switch_facts(sorted(switch.moves), keys, self.hints),
                front=front_facts(self.ingress, keys, self.hints),
                guarded=self.hints.protected if targets.guards else None,
                policies=self.hints.policies,
                certificates=tls.looked_up,
                keys=keys,
                until=min(tls.until, switch.until),
            ),
        )

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
        self, asked: Routes, keys: FrontEndKeys, rules: Rules, targets: Targets
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
            return targets.guarded(backend, old) == old

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
