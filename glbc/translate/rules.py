"""The rules of an Ingress as a URL map has them: one entry for each host, one for each path of it.

As in ingress-gce a later rule of a host replaces the earlier one, and a later path the earlier one.
What can therefore never be reached is told; so is what a URL map cannot hold, which is left out.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.views import Ingress, IngressBackend, IngressRule
from glbc.translate.paths import BadPathError, paths_of
from glbc.translate.reasons import Reason

ANY_HOST: Final = "*"
ANY_PATH: Final = "/*"
MOST_OF_HOST: Final = 253  # characters of a DNS name
LABEL: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
# RFC 1123, as the API server asks of an Ingress; a `*` may stand for what comes first (URL maps: for
# any number of labels).
HOST: Final = re.compile(rf"(\*\.)?{LABEL}(\.{LABEL})*")


class Asked(msgspec.Struct, frozen=True):
    """What an Ingress wants behind one path of a URL map."""

    backend: IngressBackend
    field: str  # path of the backend inside the Ingress


class Rules(msgspec.Struct, frozen=True):
    """Host → path → what is asked for, in the order of the URL map."""

    hosts: Mapping[str, Mapping[str, Asked]] = {}
    findings: tuple[Finding, ...] = ()


def is_closed(hosts: Mapping[str, Mapping[str, object]]) -> bool:
    """Tell whether every request meets a path, so that none ever reaches the default backend."""
    return ANY_HOST in hosts and all(ANY_PATH in paths for paths in hosts.values())


def rules_of(ingress: Ingress) -> Rules:
    """Return the rules of an Ingress, and what is wrong with them."""
    findings: list[Finding] = []
    hosts: dict[str, dict[str, Asked]] = {}
    seen: dict[str, str] = {}
    for index, rule in enumerate(ingress.spec.rules or ()):
        host, field = rule.host or ANY_HOST, f"spec.rules[{index}]"
        if rule.http is None:
            continue
        if not is_host(host):
            findings.append(_bad_host(ingress.ref, host, field))
            continue
        if hosts.pop(host, None) is not None:
            problem = f"host {host} has another rule at {field}, which replaces this one"
            hint = "put all paths of a host into one rule"
            findings.append(Finding(ingress.ref, Reason.DUPLICATE_HOST, seen[host], problem, hint))
        seen[host] = field
        hosts[host] = _paths(ingress.ref, rule, f"{field}.http", findings)
    if ingress.spec.default_backend is not None and is_closed(hosts):
        problem = f"no request reaches it: host {ANY_HOST} and every other one have a path for all"
        hint = f"take it out, or a path {ANY_PATH}; it still serves what has no backend of its own"
        findings.append(
            Finding(
                ingress.ref,
                Reason.DEFAULT_BACKEND_UNREACHABLE,
                "spec.defaultBackend",
                problem,
                hint,
                Severity.NOTE,
            )
        )
    return Rules(hosts, tuple(dict.fromkeys(findings)))


def is_host(host: str) -> bool:
    """Tell whether a URL map, and an API server, take it as a host."""
    if host == ANY_HOST:
        return True
    return len(host) <= MOST_OF_HOST and HOST.fullmatch(host) is not None


def _bad_host(owner: ObjectRef, host: str, field: str) -> Finding:
    lowered = host.lower()
    hint = f"write {lowered}" if is_host(lowered) else "write a DNS name, or *. and a DNS name"
    problem = f"{host!r} is no host name; this rule is left out"
    return Finding(owner, Reason.BAD_HOST, f"{field}.host", problem, hint)


def _paths(
    owner: ObjectRef, rule: IngressRule, field: str, findings: list[Finding]
) -> dict[str, Asked]:
    written: dict[str, tuple[str, ...]] = {}  # field of a path -> what it stands for
    taken: dict[str, str] = {}  # path of the URL map -> the field that has it now
    lost: dict[tuple[str, str], list[str]] = {}  # who takes from whom -> which paths
    paths: dict[str, Asked] = {}
    for at, path in enumerate(rule.http.paths if rule.http else ()):
        where = f"{field}.paths[{at}]"
        try:
            written[where] = paths_of(path.path, path.path_type)
        except BadPathError as bad:
            message = f"{bad}; this path is left out"
            findings.append(Finding(owner, Reason.BAD_PATH, f"{where}.path", message, bad.hint))
            continue
        for one in written[where]:
            paths.pop(one, None)  # the later one stands last
            paths[one] = Asked(path.backend, f"{where}.backend")
            if before := taken.get(one):
                lost.setdefault((where, before), []).append(one)
            taken[one] = where
    shadowed = _shadowed(written, taken, lost)
    for where, winners in shadowed.items():
        findings.append(_never_reached(owner, where, written[where], winners))
    for (where, before), ones in lost.items():
        if before not in shadowed and _is_told(written[before], written[where]):
            findings.append(_replaced(owner, where, ones, rule.host or ANY_HOST))
    return paths


def _shadowed(
    written: Mapping[str, tuple[str, ...]],
    taken: Mapping[str, str],
    lost: Collection[tuple[str, str]],
) -> dict[str, list[str]]:
    """Return the paths that other ones take everything from, and who they are.

    One that the next taker just says again is a duplicate, no more.
    """
    shadowed = {}
    for where, stands_for in written.items():
        winners = sorted({taken[one] for one in stands_for})
        again = len(winners) == 1 and written[winners[0]] == stands_for
        is_repeated = again and (winners[0], where) in lost
        if where not in winners and not is_repeated:
            shadowed[where] = winners
    return shadowed


def _is_told(lost: tuple[str, ...], won: tuple[str, ...]) -> bool:
    """Tell whether a path that gives way to a later one is worth a word.

    One exact path inside an earlier prefix is what Kubernetes means by it: the exact one wins.
    """
    return lost == won or (len(lost) > 1 and won[0].endswith(ANY_PATH))


def _replaced(owner: ObjectRef, where: str, paths: list[str], host: str) -> Finding:
    message = f"path {' and '.join(paths)} of host {host} is there already; this one replaces it"
    hint, field = "keep one of them", f"{where}.path"
    return Finding(owner, Reason.DUPLICATE_PATH, field, message, hint, Severity.NOTE)


def _never_reached(
    owner: ObjectRef, where: str, paths: tuple[str, ...], winners: list[str]
) -> Finding:
    message = f"no request reaches {' or '.join(paths)} here: {', '.join(winners)} replaces it"
    hint = "put this path after that one"
    return Finding(owner, Reason.SHADOWED_PATH, f"{where}.path", message, hint)
