"""The cloud's hard limits, met before the first call: what is over one is never half applied.

A number stands here only if a source establishes it. What the sources contradict each other about
is a setting (`limits` in the configuration) and no limit until somebody sets it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.config import Config
from glbc.model import codec
from glbc.model.compute import UrlMap
from glbc.model.keys import ResourceKey

MOST_IN_CHAIN: Final = 5  # certificates of one chain (API: sslCertificates.certificate)
MOST_CERTIFICATES: Final = 15  # of one proxy, classic (API: targetHttpsProxies.sslCertificates)
MOST_BYTES: Final = 64 * 1024  # of one URL map of a classic load balancer (quotas page)

SETTINGS: Final = {
    # what is counted of one URL map -> the setting of `limits` that holds the most of it
    "hosts": "hosts",
    "path rules": "path_rules",
    "path rules of one host": "path_rules_of_host",
}


class Excess(msgspec.Struct, frozen=True):
    """A limit, and how much there would be."""

    what: str
    count: int
    most: int

    def __str__(self) -> str:
        return f"{self.count} {self.what}, {self.count - self.most} over the limit of {self.most}"


def excesses(
    key: ResourceKey, url_map: UrlMap, config: Config, live: UrlMap | None = None
) -> tuple[Excess, ...]:
    """Return the limits that a URL map would exceed.

    Args:
        key: of the map.
        url_map: as it is wanted.
        config: has the limits that no source establishes.
        live: the map as it is: what the cloud holds already, it takes again, and less of it too.
    """
    held = counts(key, live) if live else {}
    most: dict[str, int] = {what: getattr(config.limits, name) for what, name in SETTINGS.items()}
    most["bytes"] = MOST_BYTES
    return tuple(
        Excess(what, count, most[what])
        for what, count in sorted(counts(key, url_map).items())
        if most[what] and count > max(most[what], held.get(what, 0))
    )


def counts(key: ResourceKey, url_map: UrlMap) -> Mapping[str, int]:
    """Return how much of everything that has a limit a URL map holds."""
    hosts = () if url_map.host_rules is UNSET else url_map.host_rules
    matchers = () if url_map.path_matchers is UNSET else url_map.path_matchers
    rules = [len(one.path_rules) for one in matchers]
    return {
        "hosts": len(hosts),
        "path rules": sum(rules),
        "path rules of one host": max(rules, default=0),
        "bytes": len(msgspec.json.encode(codec.body_of(key, url_map))),
    }
