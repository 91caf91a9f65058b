"""Where the default and the routes of one Ingress lead: what they name, what serves now, or the default.

A bad object removes a path, never an Ingress: a backend that cannot be resolved, or that the cloud
refused, keeps the target it has now, else it gets the default backend.
"""

import msgspec

from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.keys import Kind, ResourceKey
from glbc.model.loadbalancer import Backend
from glbc.model.views import Hints, Ingress, IngressBackend, ServicePortRef, Snapshot
from glbc.naming import Namer
from glbc.translate import live
from glbc.translate.backend import World, key_of, note, requires_policy, resolve, resolve_service
from glbc.translate.protocols import with_protocol
from glbc.translate.reasons import Reason
from glbc.translate.rules import ANY_HOST, ANY_PATH, Rules, is_closed
from glbc.translate.switch import DEFAULT_FIELD, Routes, Target


class Targets:
    """Finds the targets of one Ingress, and remembers what that rests on. Used once."""

    def __init__(  # noqa: PLR0913 (each is given by name)
        self,
        ingress: Ingress,
        *,
        url_map: ResourceKey,
        protected: bool,
        snapshot: Snapshot,
        hints: Hints,
        namer: Namer,
        config: Config,
    ) -> None:
        self.findings: list[Finding] = []
        self.spare: list[Target] = []  # refused, with nothing to serve instead
        self.odd: list[tuple[ResourceKey, Finding]] = []  # of a backend, if it is wanted at all
        self.consulted: set[ResourceKey] = set()  # URL maps whose live routes mattered
        self.protocols: dict[ResourceKey, str | None] = {}  # live ones that mattered
        self.held: set[ResourceKey] = set()  # serve under a policy that is required
        self.guards = protected  # is a policy required anywhere?
        self._ingress = ingress
        self._url_map = url_map
        self._protected = protected
        self._snapshot = snapshot
        self._hints = hints
        self._namer = namer
        self._config = config
        self._live = hints.url_maps.get(url_map)
        self._live_routes = live.routes_of(self._live)

    def routes(self, rules: Rules) -> Routes:
        """Return where whatever no route matches leads, and where the routes do.

        Without any default backend, an Ingress whose rules match every request is served: a URL map
        needs a default, nothing reaches it, and so what serves every other host may stand there.
        """
        own = self._ingress.spec.default_backend
        if own is None and not self._config.default_backend_service:
            told, spare = list(self.findings), list(self.spare)
            hosts = self._hosts(rules, None)
            if is_closed(hosts):
                return hosts[ANY_HOST][ANY_PATH], hosts
            self.findings, self.spare = told, spare
        default = self._default()
        return default, self._hosts(rules, default)

    def _default(self) -> Target | None:
        """Return where whatever no route matches leads: asked for, last good, or the system's."""
        own, field = self._ingress.spec.default_backend, DEFAULT_FIELD
        last_good = live.default_of(self._live)
        system = self._of_system()
        if own is None:
            return self._or_else(system, field, last_good, None)
        found = self._found(own, field)
        last_good = self.guarded(own, last_good)
        rest = None
        if isinstance(system, Backend) and not self._refusal(system):
            rest = Target(self.key_of(system), (system,))
        if rest is not None and last_good == rest.backend:
            last_good = None
        return self._or_else(found, field, last_good, rest)

    def _world(self) -> World:
        return World(self._snapshot, self._hints, self._config, self._protected)

    def _found(self, backend: IngressBackend, field: str) -> Backend | Finding:
        found = resolve(backend, self._ingress.ref, field, self._world())
        return self._spoken(found, field)

    def guarded(self, backend: IngressBackend, last_good: ResourceKey | None) -> ResourceKey | None:
        """Return the last good target, unless a security policy is required and it has none."""
        named = backend.service.name if backend.service else ""
        service = self._snapshot.services.get(f"{self._ingress.metadata.namespace}/{named}")
        required = self._protected or (service is not None and requires_policy(service.metadata))
        self.guards = self.guards or required
        if not required or last_good is None:
            return last_good
        if last_good not in self._hints.protected:
            return None
        self.held.add(last_good)
        return last_good

    def _of_system(self) -> Backend | Finding:
        config = self._config
        if not config.default_backend_service:
            return Finding(
                self._ingress.ref,
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
        world = World(self._snapshot, self._hints, self._config)
        found = self._spoken(
            resolve_service(service, wanted, self._ingress.ref, DEFAULT_FIELD, world),
            DEFAULT_FIELD,
        )
        if isinstance(found, Backend):
            return msgspec.structs.replace(found, origin="config default_backend_service")
        return msgspec.structs.replace(
            found,
            message=f"none is given, and {found.message}",
            hint=f"set spec.defaultBackend, or {found.hint}",
        )

    def _hosts(self, rules: Rules, default: Target | None) -> dict[str, dict[str, Target]]:
        """Return where the paths of each host lead, in the order of the URL map."""
        hosts: dict[str, dict[str, Target]] = {}
        for host, paths in rules.hosts.items():
            hosts[host] = {}
            for one, asked in paths.items():
                found = self._found(asked.backend, asked.field)
                last_good = self.guarded(asked.backend, self._live_routes.get((host, one)))
                if target := self._or_else(found, asked.field, last_good, default):
                    hosts[host][one] = target
        return hosts

    def _spoken(self, found: Backend | Finding, field: str) -> Backend | Finding:
        """Return a backend that was found, with its protocol."""
        if isinstance(found, Finding):
            return found
        key = self.key_of(found)
        speaks = self._hints.protocols.get(key)
        backend, odd = with_protocol(found, self._ingress.ref, field, self._snapshot, speaks)
        if isinstance(backend, Backend) and not backend.protocol_asked:
            self.protocols[key] = speaks
        if odd:
            self.odd.append((key, odd))
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
                return Target(self.key_of(found), wants)
            found = Finding(
                self._ingress.ref,
                Reason.BACKEND_REFUSED,
                field,
                f"the cloud refuses to make {refused}",
                "do what the event of the refusal says",
            )
        self.consulted.add(self._url_map)
        if last_good is not None and last_good not in self._hints.refused:
            self._once(note(found, f"{last_good.name} keeps serving it"))
            return Target(last_good, wants, is_last_good=True)
        if rest is not None:
            self._once(note(found, "the default backend serves it"))
            return Target(rest.backend, (*wants, *rest.wants), rest.is_last_good)
        is_all = field == "spec.defaultBackend"
        self._once(note(found, "nothing serves it", Severity.ERROR if is_all else Severity.WARNING))
        if wants:
            self.spare.append(Target(self.key_of(wants[0]), wants))
        return None

    def _refusal(self, backend: Backend) -> ResourceKey | None:
        """Return what the cloud refuses to make of a backend: itself, or its health check."""
        key = self.key_of(backend)
        check = msgspec.structs.replace(key, kind=Kind.HEALTH_CHECK)
        return next((one for one in (key, check) if one in self._hints.refused), None)

    def key_of(self, backend: Backend) -> ResourceKey:
        """Return the key of a backend's service."""
        return key_of(backend, self._namer, self._config)

    def _once(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)
