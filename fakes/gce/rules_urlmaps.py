"""What is refused of URL maps, and the routing that their own tests are checked with."""

import json
import re
from collections.abc import Iterator
from typing import Final

from fakes.gce.cloud import Cloud
from fakes.gce.draft import Draft
from fakes.gce.errors import ApiError, invalid, required
from fakes.gce.wire import Json

# `*` alone or first, then followed by `-` or `.`
HOST: Final = re.compile(r"\*|(?:\*[-.])?[a-zA-Z0-9_]([-.a-zA-Z0-9_]*[a-zA-Z0-9_])?(?::\d+)?")
# what a place in the map may send requests to
TARGETS: Final = ("service", "urlRedirect", "routeAction")
DEFAULTS: Final = ("defaultService", "defaultUrlRedirect", "defaultRouteAction")


def size(cloud: Cloud, draft: Draft) -> None:
    """Check the size and the counts that a world limits."""
    body, limits = draft.body, cloud.limits
    if limits.url_map_bytes is not None:
        whole = draft.body if draft.method.verb == "patch" else draft.request
        length = len(json.dumps(whole, separators=(",", ":")))
        if length > limits.url_map_bytes:
            raise ApiError(
                413,
                "uploadTooLarge",
                f"The URL map of {length} bytes is larger than {limits.url_map_bytes} bytes.",
            )
    counts = (
        ("hostRules", len(body.get("hostRules", ())), limits.host_rules_per_url_map),
        ("pathMatchers", len(body.get("pathMatchers", ())), limits.path_matchers_per_url_map),
        ("tests", len(body.get("tests", ())), limits.tests_per_url_map),
        *(
            (
                f"pathMatchers[{i}].pathRules",
                len(m.get("pathRules", ())),
                limits.path_rules_per_matcher,
            )
            for i, m in enumerate(body.get("pathMatchers", ()))
        ),
    )
    for name, count, limit in counts:
        if limit is not None and count > limit:
            why = f"Value exceeds maximum allowed: {limit}."
            raise invalid(f"resource.{name}", count, why)


def hosts(_cloud: Cloud, draft: Draft) -> None:
    """Check host rules: syntax, no host twice, and a path matcher for each."""
    body = draft.body
    _one_of(body, DEFAULTS, "resource")
    matchers = [matcher.get("name", "") for matcher in body.get("pathMatchers", ())]
    for i, name in enumerate(matchers):
        if not name:
            raise required(f"resource.pathMatchers[{i}].name")
        if name in matchers[:i]:
            raise invalid(f"resource.pathMatchers[{i}].name", name, "Duplicate path matcher name.")
    seen: set[str] = set()
    used: set[str] = set()
    for i, rule in enumerate(body.get("hostRules", ())):
        where = f"resource.hostRules[{i}]"
        if not rule.get("hosts"):
            raise required(f"{where}.hosts")
        for j, host in enumerate(rule["hosts"]):
            if not HOST.fullmatch(host):
                raise invalid(f"{where}.hosts[{j}]", host, "Invalid host.")
            if host in seen:
                why = "A host may appear in one host rule only."
                raise invalid(f"{where}.hosts[{j}]", host, why)
            seen.add(host)
        if rule.get("pathMatcher", "") not in matchers:
            why = "Bad path matcher name specified in host rule"
            raise invalid(f"{where}.pathMatcher", rule.get("pathMatcher", ""), why)
        used.add(rule["pathMatcher"])


def paths(_cloud: Cloud, draft: Draft) -> None:
    """Check path matchers: syntax, no path twice, somewhere to go."""
    for i, matcher in enumerate(draft.body.get("pathMatchers", ())):
        where = f"resource.pathMatchers[{i}]"
        _one_of(matcher, DEFAULTS, where)
        if matcher.get("pathRules") and matcher.get("routeRules"):
            raise invalid(f"{where}.routeRules", "", "Not allowed together with pathRules.")
        seen: set[str] = set()
        for j, rule in enumerate(matcher.get("pathRules", ())):
            here = f"{where}.pathRules[{j}]"
            _one_of(rule, TARGETS, here)
            if not rule.get("paths"):
                raise required(f"{here}.paths")
            for k, path in enumerate(rule["paths"]):
                _path(f"{here}.paths[{k}]", path)
                if path in seen:
                    why = "Duplicate path in path matcher."
                    raise invalid(f"{here}.paths[{k}]", path, why)
                seen.add(path)


def _path(where: str, path: str) -> None:
    star = path.find("*")
    if not path.startswith("/"):
        raise invalid(where, path, "Path must start with '/'.")
    if "?" in path or "#" in path:
        raise invalid(where, path, "Path must not contain '?' or '#'.")
    if star >= 0 and (star != len(path) - 1 or path[star - 1] != "/"):
        raise invalid(where, path, "A '*' is allowed only at the end and only after a '/'.")


def _one_of(place: Json, names: tuple[str, str, str], where: str) -> None:
    """Check that a place sends requests somewhere, and not to two places at once."""
    service, redirect, action = names
    weighted = place.get(action, {}).get("weightedBackendServices")
    given = [n for n, v in ((service, service in place), (action, weighted)) if v]
    given += [redirect] if redirect in place else []
    if not given:
        raise required(f"{where}.{service}")
    if len(given) > 1:
        raise invalid(f"{where}.{given[1]}", "", f"Not allowed together with {given[0]}.")


def tests(_cloud: Cloud, draft: Draft) -> None:
    """Refuse a map that fails its own tests."""
    failures = list(failed_tests(draft.body))
    if failures:
        first = failures[0]
        raise ApiError(
            400,
            "invalid",
            f"Test failure: host '{first['host']}' path '{first['path']}' expected "
            f"'{first['expectedService']}' but got '{first['actualService']}'.",
        )


def failed_tests(body: Json) -> Iterator[Json]:
    """Yield the tests of a URL map that it fails, as `urlMaps.validate` lists them."""
    for test in body.get("tests", ()):
        if "service" not in test:
            continue
        actual = routed(body, test.get("host", ""), test.get("path", ""))
        if actual != test["service"]:
            yield {
                "host": test.get("host", ""),
                "path": test.get("path", ""),
                "expectedService": test["service"],
                "actualService": actual,
            }


def routed(body: Json, host: str, path: str) -> str:
    """Return the backend service URL that a request goes to ("" for a redirect or action)."""
    matcher = _matcher(body, host)
    if matcher is None:
        return str(body.get("defaultService", ""))
    best, service = -1, str(matcher.get("defaultService", ""))
    for rule in matcher.get("pathRules", ()):
        for pattern in rule["paths"]:
            prefix = pattern.removesuffix("*")
            fits = path.startswith(prefix) if pattern != prefix else path == pattern
            # of equal length the exact path wins over the prefix
            weight = 2 * len(prefix) + (pattern == prefix)
            if fits and weight > best:
                best, service = weight, str(rule.get("service", ""))
    return service


def _matcher(body: Json, host: str) -> Json | None:
    best, name = -1, ""
    for rule in body.get("hostRules", ()):
        for pattern in rule["hosts"]:
            suffix = pattern.removeprefix("*")
            fits = host.endswith(suffix) if pattern != suffix else host == pattern
            weight = 2 * len(suffix) + (pattern == suffix)
            if fits and weight > best:
                best, name = weight, rule["pathMatcher"]
    matchers: list[Json] = body.get("pathMatchers", [])
    return next((m for m in matchers if name and m["name"] == name), None)
