"""Whether the cloud's firewall lets the health checkers reach a port of an instance. Pure.

As Compute Engine evaluates rules: of those that mean the instance and the packet the one with the
lowest priority number decides, DENY before ALLOW among equals; nothing matches means denied.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from fakes.edge.cloud import Json, name_of

Net = ipaddress.IPv4Network

CHECKERS: Final = (Net("130.211.0.0/22"), Net("35.191.0.0/16"))
ANYWHERE: Final = ("0.0.0.0/0",)
OTHER_SOURCES: Final = ("sourceTags", "sourceServiceAccounts")
TCP: Final = ("tcp", "6", "all")


def admits(rules: Iterable[Json], instance: Json, port: int) -> bool:
    """Tell whether all ranges of health checkers reach a port of an instance."""
    meant = sorted(
        (rule for rule in rules if _means(rule, instance)),
        key=lambda rule: (rule.get("priority", 1000), not rule.get("denied")),
    )
    return all(_reaches(meant, checkers, port) for checkers in CHECKERS)


def _means(rule: Json, instance: Json) -> bool:
    """Tell whether a rule is about what comes in to an instance."""
    if rule.get("direction", "INGRESS") != "INGRESS" or rule.get("disabled"):
        return False
    networks = {name_of(nic.get("network", "")) for nic in instance.get("networkInterfaces", ())}
    if name_of(rule.get("network", "default")) not in networks:
        return False
    if rule.get("targetServiceAccounts"):
        return False  # the fake's instances have none
    targets = set(rule.get("targetTags", ()))
    return not targets or bool(targets & set(instance.get("tags", {}).get("items", ())))


def _reaches(rules: Sequence[Json], checkers: Net, port: int) -> bool:
    for rule in rules:
        denied = rule.get("denied")
        if not any(_covers(row, port) for row in denied or rule.get("allowed", ())):
            continue
        sources = _sources(rule)
        if denied and any(source.overlaps(checkers) for source in sources):
            return False
        if not denied and any(checkers.subnet_of(source) for source in sources):
            return True
    return False


def _sources(rule: Json) -> list[Net]:
    """Return the address ranges a rule is about; adjacent ones count as one."""
    ranges = rule.get("sourceRanges")
    if not ranges:
        ranges = () if any(rule.get(name) for name in OTHER_SOURCES) else ANYWHERE
    wanted = [Net(cidr, strict=False) for cidr in ranges if ":" not in cidr]
    return list(ipaddress.collapse_addresses(wanted))


def _covers(row: Json, port: int) -> bool:
    """Tell whether one `allowed` or `denied` row is about a TCP port."""
    if str(row.get("IPProtocol", "")).lower() not in TCP:
        return False
    ports = row.get("ports")
    if not ports:
        return True
    for text in ports:
        low, _, high = str(text).partition("-")
        if int(low) <= port <= int(high or low):
            return True
    return False
