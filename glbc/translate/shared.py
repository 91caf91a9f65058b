"""What the Ingresses of a cluster share: backends, the groups behind them, and the firewall rule.

Each Service port is lowered once, as its first user names it, so that no two Ingresses can disagree
about one. No instance group is made that no backend needs, and no port is opened that nobody asks.
"""

from collections.abc import Iterable, Mapping

import msgspec

from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Resource
from glbc.model.keys import Kind, ResourceKey
from glbc.model.loadbalancer import Backend
from glbc.model.views import Hints, LiveGroup, Snapshot
from glbc.naming import Namer
from glbc.translate import cluster, firewall, lower, multicluster, probes
from glbc.translate.backend import key_of
from glbc.translate.cluster import Machine
from glbc.translate.grouped import grouped
from glbc.translate.pods import Pods, seated
from glbc.translate.reading import Translated
from glbc.translate.reasons import Reason
from glbc.translate.surprises import surprises


class Wanted(msgspec.Struct, frozen=True):
    """All that the resources of one backend are made of."""

    key: ResourceKey
    backend: Backend
    groups: tuple[ResourceKey, ...] | None  # None: nobody knows
    users: frozenset[ObjectRef]
    balancing: str


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What one translation comes to here; the next takes over what rests on the same."""

    resources: tuple[Resource, ...] = ()
    keep: frozenset[ResourceKey] = frozenset()
    findings: tuple[Finding, ...] = ()
    lowered: Mapping[Wanted, tuple[Resource, ...]] = {}  # by backend
    probed: probes.Probed = probes.Probed()  # what pods say of health checks
    pods: Pods = Pods()  # who is in endpoint groups
    watched: frozenset[str] = frozenset()  # names of the groups whose live endpoints were looked at

    def groups_hold(
        self, old: Mapping[ResourceKey, LiveGroup], new: Mapping[ResourceKey, LiveGroup]
    ) -> bool:
        """Tell whether two views of the live groups are alike in all that was looked at."""
        return old.keys() == new.keys() and all(
            (there.service, there.port) == (new[key].service, new[key].port)
            and (key.name not in self.watched or there.endpoints == new[key].endpoints)
            for key, there in old.items()
        )


class Sharing:
    """What is shared, and how it comes about. Used once."""

    def __init__(
        self,
        read: Mapping[str, Translated],
        world: tuple[Snapshot, Hints],
        settings: tuple[Namer, Config],
        before: Shared,
        kept: Iterable[ResourceKey],
    ) -> None:
        """Take what there is to know.

        Args:
            read: what each Ingress comes to.
            world: the cluster, and the little to know of the cloud.
            settings: makes the names; the settings.
            before: of the last translation.
            kept: what stays as it is though no Ingress speaks of it.
        """
        self._read, self._before = read, before
        self._snapshot, self._hints = world
        self._namer, self._config = settings
        self._backends, self._users = _backends(read, *settings)
        self._theirs = multicluster.others(self._snapshot, *settings)
        self._keep = {*self._theirs.keys, *kept}
        self._resources: list[Resource] = []
        self._findings: list[Finding] = []
        for one in read.values():
            self._keep |= one.kept
            for key in one.held:  # it serves under a policy that somebody requires: nobody takes it
                self._backends.pop(key, None)

    def shared(self) -> Shared:
        """Return what is shared."""
        everyone = sorted({one.ingress for one in self._read.values() if _is_reached(one)})
        probed = probes.probed(self._backends, self._snapshot, self._before.probed)
        pods = self._pods()
        lowered: Mapping[Wanted, tuple[Resource, ...]] = {}
        if everyone:
            nodes, odd = cluster.machines(self._snapshot)
            self._findings.extend(odd)
            if not nodes:
                self._keep.update(self._backends)  # a cluster without nodes is a hole
            groups = self._instance_groups(nodes)
            lowered = self._lowered(probed, pods, groups)
            self._firewall(nodes, pods, everyone)
        return Shared(
            resources=tuple(self._resources),
            keep=frozenset(self._keep),
            findings=tuple(self._findings),
            lowered=lowered,
            probed=probed,
            pods=pods,
            watched=pods.watched() | {key.name for key in self._keep},
        )

    def _pods(self) -> Pods:
        """Return who is in the endpoint groups of backends and Services, and of what stays as it is."""
        settings = self._namer, self._config
        asked, odd = grouped(
            self._backends, self._users, self._stays(), self._snapshot, self._hints, self._namer
        )
        pods = seated(asked, self._snapshot, self._hints, settings, self._before.pods)
        self._findings.extend((*odd, *pods.findings()))
        self._resources.extend(pods.resources())
        return pods

    def _stays(self) -> dict[str, set[ObjectRef]]:
        """Return the names of the backend services that stay as they are, and the Ingresses on them."""
        names: dict[str, set[ObjectRef]] = {
            key.name: set() for key in self._keep if key.kind == Kind.BACKEND_SERVICE
        }
        for one in self._read.values():
            for key in one.kept:
                if key.kind == Kind.BACKEND_SERVICE:
                    names[key.name].add(one.ingress)
        return names

    def _instance_groups(self, nodes: list[Machine]) -> tuple[ResourceKey, ...] | None:
        """Want the instance groups, if anybody does; return those that can be used, None: unknown."""
        users = sorted({one.ingress for one in self._read.values() if self._uses_nodes(one)})
        if not users:
            return None
        # A refused group is still wanted; until it is there the other zones serve.
        made = cluster.group_keys(nodes, self._namer, self._config)
        joining, left_out = cluster.members(nodes, self._hints, self._config)
        self._findings.extend(left_out)
        if joining is None:
            self._findings.extend(_none_ready(owner) for owner in users)
        ports = [one.node_port for one in self._backends.values() if not one.endpoints]
        ports.extend(self._theirs.node_ports)
        self._resources.extend(
            cluster.groups(nodes, ports, users, joining, self._namer, self._config)
        )
        return tuple(key for key in made if key not in self._hints.refused) if nodes else None

    def _uses_nodes(self, one: Translated) -> bool:
        """Tell whether nodes serve the Ingress; a last good target does not live without them."""
        return any(not backend.endpoints for backend in one.backends) or any(
            key.kind == Kind.BACKEND_SERVICE and not self._namer.is_of_endpoints(key.name)
            for key in one.kept
        )

    def _lowered(
        self, probed: probes.Probed, pods: Pods, groups: tuple[ResourceKey, ...] | None
    ) -> Mapping[Wanted, tuple[Resource, ...]]:
        """Want each backend with its health check."""
        hints, lowered = self._hints, {}
        for key, checked in probed.backends.items():
            backend, users = checked.backend, self._users[key]
            if checked.facts.may_surprise and Kind.HEALTH_CHECK not in hints.unlisted:
                live = hints.checks.get(key.name)
                self._findings.extend(surprises(backend, checked.facts, checked.service, live))
            behind, balancing = groups, hints.balancing
            if backend.endpoints:
                there = (one for one in pods.keys_of(key.name) if one not in hints.refused)
                behind, balancing = tuple(there) or None, ""
            wanted = Wanted(key, backend, behind, frozenset(users), balancing)
            lowered[wanted] = self._before.lowered.get(wanted) or tuple(
                lower.backend_resources(
                    key, backend, behind, users, balancing=balancing, namer=self._namer
                )
            )
            self._resources.extend(lowered[wanted])
        return lowered

    def _firewall(self, nodes: list[Machine], pods: Pods, everyone: list[ObjectRef]) -> None:
        """Want the firewall rule."""
        hints, config = self._hints, self._config
        stay = {key.name for key in self._keep if key.kind == Kind.BACKEND_SERVICE}
        checks = [check for name, check in hints.checks.items() if name in stay]
        serving = {
            one.port
            for key, live in hints.endpoint_groups.items()
            if key.name in stay
            for one in live.endpoints
        }
        on_nodes = any(not one.endpoints for one in self._backends.values()) or any(
            not self._namer.is_of_endpoints(name) for name in stay
        )
        ports = firewall.open_ports(
            self._backends.values(),
            checks,
            pods.ports() | serving,
            node_ports=config.node_port_ranges if on_nodes else (),
        )
        tags = cluster.node_tags(nodes, hints, config)
        rule = firewall.rule(ports, tags, everyone, self._namer, config)
        unknown = stay and Kind.HEALTH_CHECK in hints.unlisted  # it may be asked on any port
        if tags and ports and config.firewall == "manage" and not unknown:
            self._resources.append(rule)
        self._findings.extend(firewall.findings(rule, everyone, hints, config))


def _backends(
    read: Mapping[str, Translated], namer: Namer, config: Config
) -> tuple[dict[ResourceKey, Backend], dict[ResourceKey, set[ObjectRef]]]:
    """Return each Service port once, as its first user names it, and all its users."""
    backends: dict[ResourceKey, Backend] = {}
    users: dict[ResourceKey, set[ObjectRef]] = {}
    for one in read.values():
        for backend in one.backends:
            key = key_of(backend, namer, config)
            backends.setdefault(key, backend)
            users.setdefault(key, set()).add(one.ingress)
    return backends, users


def _is_reached(one: Translated) -> bool:
    """Tell whether requests of the Ingress reach the cluster: through a backend, or a last good one."""
    return bool(one.backends) or any(key.kind == Kind.BACKEND_SERVICE for key in one.kept)


def _none_ready(owner: ObjectRef) -> Finding:
    return Finding(
        owner,
        Reason.NO_NODE_READY,
        "spec",
        "no node of the cluster can get traffic; the members of the groups stay as they are",
        "see kubectl get nodes",
        Severity.ERROR,
    )
