"""What a URL map does with a request: which rule wins, and which others match and lose.

The map as the cloud reads it (API: urlMaps): of the host rules the exact name wins, then the longest
pattern, then `*`; inside its path matcher the longest path wins, whatever the order. A host that has
a rule never falls back to the paths of another one.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import HostRule, PathMatcher, UrlMap
from glbc.model.keys import Ref, ResourceKey

ANY: Final = "*"


class Candidate(msgspec.Struct, frozen=True):
    """A path of a matcher that matches a request."""

    path: str  # as the URL map has it
    service: ResourceKey | None  # None: the rule names none that we read


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes."""

    service: ResourceKey | None  # None: nowhere that we read
    host: str = ""  # the host pattern that matched; "" if none did
    matcher: str = ""  # the path matcher that decided; "" if none did
    path: str = ""  # the path that won; "" if the default of the matcher or the map did
    shadowed: tuple[Candidate, ...] = ()  # paths that match too and lose, the longest first


def route(url_map: UrlMap, host: str, path: str) -> Routed:
    """Return what the map does with a request.

    Args:
        url_map: as it is wanted, or as it is.
        host: of the request, with or without a port.
        path: of the request, without a query; begins with "/".
    """
    default = _key(url_map.default_service)
    found = _host_rule(url_map, host.partition(":")[0].lower())
    if found is None:
        return Routed(service=default)
    pattern, rule = found
    matcher = next((m for m in _matchers(url_map) if m.name == rule.path_matcher), None)
    if matcher is None:
        return Routed(service=default, host=pattern)
    matching = sorted(_matching(matcher, path), key=lambda one: _weight(one.path), reverse=True)
    if not matching:
        fallback = _key(matcher.default_service)
        return Routed(service=fallback or default, host=pattern, matcher=matcher.name)
    first, *rest = matching
    return Routed(
        service=first.service,
        host=pattern,
        matcher=matcher.name,
        path=first.path,
        shadowed=tuple(rest),
    )


def host_matches(pattern: str, host: str) -> bool:
    """Tell whether a host pattern, `name`, `*.name`, `*-name` or `*`, matches a host."""
    if pattern.startswith(ANY):
        rest = pattern.removeprefix(ANY)
        return host.endswith(rest) and len(host) > len(rest)
    return pattern.partition(":")[0].lower() == host


def path_matches(pattern: str, path: str) -> bool:
    """Tell whether a path of a URL map matches: as it is written, or below what ends in `/*`."""
    if pattern.endswith("/*"):
        return path.startswith(pattern.removesuffix(ANY))
    return pattern == path


def _host_rule(url_map: UrlMap, host: str) -> tuple[str, HostRule] | None:
    rules = () if url_map.host_rules is UNSET else url_map.host_rules
    found = [
        (pattern, rule)
        for rule in rules
        for pattern in rule.hosts
        if pattern == ANY or host_matches(pattern, host)
    ]
    return max(found, key=lambda one: _weight(one[0]), default=None)


def _weight(pattern: str) -> tuple[bool, int]:
    """Return how specific a pattern is: a whole name before any wildcard, then the longer one."""
    return ANY not in pattern, len(pattern)


def _matching(matcher: PathMatcher, path: str) -> Iterator[Candidate]:
    for rule in matcher.path_rules:
        for pattern in rule.paths:
            if path_matches(pattern, path):
                yield Candidate(pattern, _key(rule.service))


def _matchers(url_map: UrlMap) -> tuple[PathMatcher, ...]:
    return () if url_map.path_matchers is UNSET else url_map.path_matchers


def _key(service: object) -> ResourceKey | None:
    return service.to if isinstance(service, Ref) else None
