"""A URL map as Envoy's table of routes. Pure.

Envoy takes the first route that fits, the cloud the longest path that fits: so routes are sorted
by length, an exact path before a prefix of equal length. Hosts need no order: both prefer the
exact one, then the longest suffix, then `*`.
"""

from collections.abc import Iterator
from typing import Final

from fakes.edge.actions import HTTPS_PORT, Services, headers, joined, redirect, route
from fakes.edge.cloud import Json

TYPE: Final = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
ANY_HOST: Final = "*"
DEFAULTS: Final = ("defaultService", "defaultUrlRedirect", "defaultRouteAction")
CHOSEN: Final = ("service", "urlRedirect", "routeAction")
# The front end adds its own address behind the client's, and hides what is Envoy's own.
ALWAYS: Final[Json] = {
    "request_headers_to_add": [
        {
            "header": {
                "key": "x-forwarded-for",
                "value": "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
            },
            "append_action": "APPEND_IF_EXISTS_OR_ADD",
        }
    ],
    "request_headers_to_remove": ["x-envoy-internal", "x-envoy-external-address"],
}


def table(name: str, url_map: Json, services: Services, https_port: int = HTTPS_PORT) -> Json:
    """Return a URL map as a route configuration.

    Args:
        name: what the listener asks for it by.
        url_map: the URL map as the API shows it.
        services: every backend service by name.
        https_port: where a redirect to HTTPS leads.
    """
    matchers = {matcher["name"]: matcher for matcher in url_map.get("pathMatchers", ())}
    domains: dict[str, list[str]] = {}
    for rule in url_map.get("hostRules", ()):
        hosts = [host.lower() for host in rule["hosts"]]
        domains.setdefault(rule["pathMatcher"], []).extend(hosts)
    hosts = [
        _host(matcher, sorted(found), matchers[matcher], services, https_port)
        for matcher, found in sorted(domains.items())
        if matcher in matchers
    ]
    if not any(ANY_HOST in host["domains"] for host in hosts):
        routes = [_route("/*", url_map, DEFAULTS, services, https_port)]
        hosts.append({"name": "default", "domains": [ANY_HOST], "routes": routes})
    return {
        "@type": TYPE,
        "name": name,
        "virtual_hosts": hosts,
        "ignore_port_in_host_matching": True,
        **joined(ALWAYS, headers(url_map.get("headerAction", {}))),
    }


def _host(
    name: str, domains: list[str], matcher: Json, services: Services, https_port: int
) -> Json:
    found = sorted(_patterns(matcher), key=lambda row: weight(row[0]), reverse=True)
    routes = [_route(path, rule, CHOSEN, services, https_port) for path, rule in found]
    routes.append(_route("/*", matcher, DEFAULTS, services, https_port))
    changes = headers(matcher.get("headerAction", {}))
    return {"name": name, "domains": domains, "routes": routes, **changes}


def _patterns(matcher: Json) -> Iterator[tuple[str, Json]]:
    for rule in matcher.get("pathRules", ()):
        for path in rule["paths"]:
            yield path, rule


def weight(path: str) -> tuple[int, bool]:
    """Return how much a path pattern says: the longest wins, of equal length the exact one."""
    prefix = path.removesuffix("*")
    return len(prefix), path == prefix


def _route(
    path: str, place: Json, names: tuple[str, str, str], services: Services, https_port: int
) -> Json:
    """Return one route; `names` are the place's fields for service, redirect and action."""
    service, redirected, action = names
    prefix = path.removesuffix("*")
    exact = path == prefix
    found: Json = {"name": path, "match": {"path": path} if exact else {"prefix": prefix}}
    if place.get(redirected):
        found["redirect"] = redirect(place[redirected], https_port)
        return found
    taken, changes = route(place.get(action, {}), place.get(service, ""), services, exact=exact)
    return found | {"route": taken} | changes
