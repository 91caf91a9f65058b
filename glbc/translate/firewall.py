"""The one firewall rule: what it has to admit, and whether a network's rules admit it already.

Three modes: *manage* makes the rule and keeps it, *verify* only looks whether the rules that there
are (ours or anybody's) let the health checks through, *off* does neither. In a shared VPC the rule
lives in the network's project.
"""

import ipaddress
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.config import Config
from glbc.model import compute
from glbc.model.compute import HttpCheck
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Resource, wanted
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, parse_link
from glbc.model.kinds import MANAGED
from glbc.model.loadbalancer import Backend
from glbc.model.ports import ALL, Span, spans, written
from glbc.model.views import Hints
from glbc.naming import Namer
from glbc.translate.reasons import Reason

DESCRIPTION: Final = "GCE L7 firewall rule"
TCP: Final = "tcp"
EVERY_PROTOCOL: Final = "all"
TCP_NUMBER: Final = "6"  # IANA; the API takes numbers too
DEFAULT_PRIORITY: Final = 1000
ANYWHERE: Final = ("0.0.0.0/0",)


def network_key(config: Config) -> ResourceKey:
    """Return the key of the cluster's network, given by name or by link."""
    if "/" in config.network:
        return parse_link(config.network, config.project)
    return ResourceKey(config.project, Kind.NETWORK, GLOBAL, config.network)


def projects_of(config: Config) -> dict[str, str]:
    """Return the project of each managed kind: the firewall is the network's."""
    own = {str(kind): config.project for kind in MANAGED}
    return {**own, str(Kind.FIREWALL): network_key(config).project}


def key(namer: Namer, config: Config) -> ResourceKey:
    """Return the key of the one firewall rule: it lives in the network's project."""
    return ResourceKey(network_key(config).project, Kind.FIREWALL, GLOBAL, namer.firewall())


def open_ports(
    backends: Iterable[Backend],
    kept: Iterable[HttpCheck],
    pods: Iterable[int] = (),
    *,
    node_ports: Iterable[str],
) -> tuple[str, ...]:
    """Return the ports that have to be open: the node ports, and other ones that are probed.

    Args:
        backends: what is wanted.
        kept: what is asked of backends that stay as they are, though nobody can say how they should be.
        pods: ports of pods that get their traffic straight.
        node_ports: of the nodes, none where no traffic comes through them.
    """
    asked = [backend.asked.probe.port for backend in backends if backend.asked is not None]
    asked.extend(check.port for check in kept)
    probed = {str(port) for port in (*asked, *pods) if port is not UNSET}
    return written(spans((*node_ports, *probed)))


def rule(
    ports: tuple[str, ...],
    tags: tuple[str, ...],
    users: Iterable[ObjectRef],
    namer: Namer,
    config: Config,
) -> Resource:
    """Return the rule that lets the load balancers and their health checks reach the node ports."""
    return wanted(
        key(namer, config),
        compute.Firewall(
            description=DESCRIPTION,
            network=Ref(network_key(config)),
            source_ranges=tuple(config.health_check_source_ranges),
            allowed=(compute.Allowed(ip_protocol=TCP, ports=ports),),
            target_tags=tags,
        ),
        origin={
            "allowed": "config node_port_ranges, ports of pods, and ports in a BackendConfig's healthCheck",
            "source_ranges": "config health_check_source_ranges",
            "target_tags": "config node_tags" if config.node_tags else "the instances' tags",
        },
        wanted_by=users,
    )


def command(verb: str, key: ResourceKey, rule: compute.Firewall) -> str:
    """Return the gcloud command that a security admin has to run, as ingress-gce words it.

    Args:
        verb: create, update or delete.
        key: of the rule.
        rule: as it is wanted.
    """
    words = ["gcloud compute firewall-rules", verb, key.name]
    if verb == "create" and isinstance(rule.network, Ref):
        words += ["--network", rule.network.to.name]
    if verb != "delete":
        allow = [f"{TCP}:{port}" for one in rule.allowed or () for port in one.ports]
        words += ["--description", f'"{DESCRIPTION}"', "--allow", ",".join(sorted(allow))]
        words += ["--source-ranges", ",".join(sorted(rule.source_ranges or ()))]
        words += ["--target-tags", ",".join(sorted(rule.target_tags or ()))]
    return " ".join([*words, "--project", key.project])


def findings(
    wish: Resource, owners: Iterable[ObjectRef], hints: Hints, config: Config
) -> Iterator[Finding]:
    """Yield, for each Ingress, what keeps the health checks out: no tags, or in `verify` no rule."""
    if config.firewall == "off" or not isinstance(wish.spec, compute.Firewall):
        return
    reason, hint = Reason.NO_NODE_TAGS, "set node_tags in the configuration"
    problem = "no node has a network tag that is a prefix of its name, so no firewall rule is made"
    if wish.spec.target_tags:
        if config.firewall == "manage" or Kind.FIREWALL in hints.unlisted:
            return
        reason, hint = Reason.FIREWALL_NOT_OPEN, f"run {command('create', wish.key, wish.spec)}"
        problem = gap_in(hints.firewalls, wish.spec)
    if problem:
        for owner in owners:
            yield Finding(owner, reason, "spec", problem, hint, Severity.ERROR)


# Whether it is open already -----------------------------------------------------------------------


class _Rule(msgspec.Struct, frozen=True):
    """A rule of somebody's, as far as it concerns us."""

    order: tuple[int, bool]  # priority, and of equal ones a denial first
    admits: bool
    sources: tuple[tuple[int, int], ...]  # spans of IPv4 addresses
    ports: tuple[Span, ...]
    tags: frozenset[str] | None  # None: every instance


def gap_in(rules: Mapping[ResourceKey, compute.Firewall], want: compute.Firewall) -> str:
    """Return what the rules of a network do not admit of what is wanted; "" when all of it is.

    Direction, priority, denials, targets and sources count as Compute Engine evaluates them; a
    rule whose sources or targets are service accounts is left out: whose an instance is, is not
    known here.
    """
    effective = sorted(
        (one for rule in rules.values() if rule.network == want.network for one in _rules(rule)),
        key=lambda one: one.order,
    )
    ports = spans(port for one in want.allowed or () for port in one.ports)
    for tag in want.target_tags or ():
        fitting = [rule for rule in effective if rule.tags is None or tag in rule.tags]
        for source in want.source_ranges or ():
            for low, high in ports:
                if not _is_open(fitting, _addresses(source), (low, high)):
                    shown = written([(low, high)])[0]
                    return (
                        f"no firewall rule lets {source} reach tcp:{shown} of nodes with tag {tag}"
                    )
    return ""


def _rules(rule: compute.Firewall) -> Iterator[_Rule]:
    if rule.disabled is True or rule.direction == "EGRESS":
        return
    if rule.target_service_accounts or (rule.source_service_accounts and not rule.source_ranges):
        return
    if rule.source_tags and not rule.source_ranges:
        return  # instances of the network, not whom we let in
    priority = rule.priority if isinstance(rule.priority, int) else DEFAULT_PRIORITY
    sources = tuple(map(_addresses, rule.source_ranges or ANYWHERE))
    for admits, parts in ((True, rule.allowed or ()), (False, rule.denied or ())):
        for part in parts:
            if part.ip_protocol.lower() in {TCP, TCP_NUMBER, EVERY_PROTOCOL}:
                yield _Rule(
                    order=(priority, admits),
                    admits=admits,
                    sources=sources,
                    ports=spans(part.ports) or (ALL,),
                    tags=frozenset(rule.target_tags) if rule.target_tags else None,
                )


def _addresses(cidr: str) -> tuple[int, int]:
    """Return the first and the last IPv4 address of a range; an IPv6 range holds none."""
    network = ipaddress.ip_network(cidr, strict=False)
    if network.version != 4:
        return (1, 0)
    return int(network.network_address), int(network.broadcast_address)


def _is_open(rules: list[_Rule], source: tuple[int, int], ports: Span) -> bool:
    """Tell whether every address may reach every port: piece by piece, the first rule decides."""
    fitting = [
        rule
        for rule in rules
        if any(_meet(one, source) for one in rule.sources)
        and any(_meet(one, ports) for one in rule.ports)
    ]
    address_pieces = _pieces(source, [one for rule in fitting for one in rule.sources])
    port_pieces = _pieces(ports, [one for rule in fitting for one in rule.ports])
    return all(
        next(
            (
                rule.admits
                for rule in fitting
                if any(_meet(one, address) for one in rule.sources)
                and any(_meet(one, port) for one in rule.ports)
            ),
            False,
        )
        for address, port in itertools.product(address_pieces, port_pieces)
    )


def _pieces(whole: tuple[int, int], cuts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return `whole` cut wherever one of `cuts` begins or ends: no piece is half inside of one."""
    low, high = whole
    starts = {low}
    for first, last in cuts:
        starts.update(at for at in (first, last + 1) if low < at <= high)
    ordered = [*sorted(starts), high + 1]
    return [(at, after - 1) for at, after in itertools.pairwise(ordered)]


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
