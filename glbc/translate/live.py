"""What the URL map of an Ingress does now: the last good targets."""

from collections.abc import Iterator

from glbc.model.compute import UrlMap
from glbc.model.keys import Kind, Ref, ResourceKey, refs_in


def default_of(url_map: UrlMap | None) -> ResourceKey | None:
    """Return where whatever no rule matches leads."""
    default = url_map.default_service if url_map else None
    return default.to if isinstance(default, Ref) else None


def routes_of(url_map: UrlMap | None) -> dict[tuple[str, str], ResourceKey]:
    """Return the target of each host and path, unless it is the default of all."""
    default = default_of(url_map)
    return {at: target for at, target in targets_of(url_map).items() if target != default}


def targets_of(url_map: UrlMap | None) -> dict[tuple[str, str], ResourceKey]:
    """Return the target of each host and path."""
    return dict(_routes(url_map)) if url_map else {}


def backends_of(url_map: UrlMap | None) -> frozenset[ResourceKey]:
    """Return the backend services that the map leads to."""
    return frozenset(key for key in refs_in(url_map) if key.kind == Kind.BACKEND_SERVICE)


def _routes(url_map: UrlMap) -> Iterator[tuple[tuple[str, str], ResourceKey]]:
    for matcher in url_map.path_matchers or ():
        for host in _hosts_of(url_map, matcher.name):
            for rule in matcher.path_rules or ():
                if isinstance(rule.service, Ref):
                    for path in rule.paths:
                        yield (host, path), rule.service.to


def _hosts_of(url_map: UrlMap, matcher: str) -> Iterator[str]:
    for rule in url_map.host_rules or ():
        if rule.path_matcher == matcher:
            yield from rule.hosts
