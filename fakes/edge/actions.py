"""What a URL map does with a request, in Envoy's words: redirects, rewrites, headers, weights. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fakes.edge.cloud import Json, name_of

HTTPS_PORT: Final = 443
REDIRECTS: Final[Mapping[str, str]] = {
    # urlRedirect.redirectResponseCode -> Envoy's name of the same
    "MOVED_PERMANENTLY_DEFAULT": "MOVED_PERMANENTLY",  # 301
    "FOUND": "FOUND",  # 302
    "SEE_OTHER": "SEE_OTHER",  # 303
    "TEMPORARY_REDIRECT": "TEMPORARY_REDIRECT",  # 307
    "PERMANENT_REDIRECT": "PERMANENT_REDIRECT",  # 308
}
REDIRECT_FIELDS: Final = (
    # urlRedirect field, Envoy's field
    ("httpsRedirect", "https_redirect"),
    ("hostRedirect", "host_redirect"),
    ("pathRedirect", "path_redirect"),
    ("prefixRedirect", "prefix_rewrite"),
    ("stripQuery", "strip_query"),
)
HEADER_FIELDS: Final = (
    # headerAction field that adds, that removes, Envoy's prefix
    ("requestHeadersToAdd", "requestHeadersToRemove", "request_headers"),
    ("responseHeadersToAdd", "responseHeadersToRemove", "response_headers"),
)
VARIABLES: Final[Mapping[str, str]] = {
    # variables of custom headers; one that is not here is empty, as for an unknown client
    "client_ip_address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "client_port": "%DOWNSTREAM_REMOTE_PORT%",
    "server_ip_address": "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
    "server_port": "%DOWNSTREAM_LOCAL_PORT%",
    "tls_version": "%DOWNSTREAM_TLS_VERSION%",
    "tls_cipher_suite": "%DOWNSTREAM_TLS_CIPHER%",
    "tls_sni_hostname": "%REQUESTED_SERVER_NAME%",
}
VARIABLE: Final = re.compile(r"\{([a-z_]+)\}")
OVERWRITE: Final = "OVERWRITE_IF_EXISTS_OR_ADD"
APPEND: Final = "APPEND_IF_EXISTS_OR_ADD"
GENERATED_COOKIE: Final = "GCLB"
# What the front end tries again by itself: only what may be sent twice.
RETRIES: Final[Json] = {
    "retry_on": "connect-failure,refused-stream,reset",
    "num_retries": 2,
    "retriable_request_headers": [
        {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    ],
    "retry_host_predicate": [
        {
            "name": "previous",
            "typed_config": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 3,
}
Services = Mapping[str, Json]  # backend services by name


def duration(seconds: float) -> str:
    """Return seconds as Envoy reads them."""
    return f"{seconds:.3f}s"


def seconds_of(value: Json) -> float:
    """Return the seconds of the API's `{seconds, nanos}`."""
    return int(value.get("seconds", 0)) + int(value.get("nanos", 0)) / 1e9


def redirect(wanted: Json, https_port: int) -> Json:
    """Return a `urlRedirect` as Envoy's redirect action."""
    found = {theirs: wanted[ours] for ours, theirs in REDIRECT_FIELDS if wanted.get(ours)}
    code = wanted.get("redirectResponseCode", "MOVED_PERMANENTLY_DEFAULT")
    found["response_code"] = REDIRECTS[code]
    if wanted.get("httpsRedirect") and https_port != HTTPS_PORT:
        found["port_redirect"] = https_port
    return found


def headers(action: Json) -> Json:
    """Return a `headerAction` as the fields that a route, a host and a table of routes share."""
    found: Json = {}
    for adds, removes, prefix in HEADER_FIELDS:
        added = [
            _header(
                row["headerName"], row.get("headerValue", ""), replace=row.get("replace", False)
            )
            for row in action.get(adds, ())
        ]
        if added:
            found[f"{prefix}_to_add"] = added
        if action.get(removes):
            found[f"{prefix}_to_remove"] = action[removes]
    return found


def custom_headers(service: Json) -> Json:
    """Return a backend service's custom headers, as `headers` does."""
    found: Json = {}
    for ours, theirs in (
        ("customRequestHeaders", "request_headers_to_add"),
        ("customResponseHeaders", "response_headers_to_add"),
    ):
        rows = [text.partition(":") for text in service.get(ours, ())]
        if rows:
            found[theirs] = [_header(n.strip(), v.strip(), replace=True) for n, _, v in rows]
    return found


def _header(name: str, value: str, *, replace: bool) -> Json:
    return {
        "header": {"key": name, "value": _filled(value)},
        "append_action": OVERWRITE if replace else APPEND,
        "keep_empty_value": True,
    }


def _filled(value: str) -> str:
    """Return a header value with its variables, everything else literal."""
    literal = value.replace("%", "%%")
    return VARIABLE.sub(lambda found: VARIABLES.get(found[1], ""), literal)


def joined(*parts: Json) -> Json:
    """Return the fields of several `headers` in one, lists one after the other."""
    found: dict[str, list[Any]] = {}
    for part in parts:
        for name, rows in part.items():
            found[name] = found.get(name, []) + list(rows)
    return found


def route(action: Json, service: str, services: Services, *, exact: bool) -> tuple[Json, Json]:
    """Return Envoy's route action for a service or a `routeAction`, and the headers to change.

    Args:
        action: the `routeAction`, empty if there is none.
        service: the backend service, "" if the action weighs several.
        services: every backend service by name.
        exact: whether the path matches as a whole, not by a prefix.
    """
    rows = action.get("weightedBackendServices") or [{"backendService": service, "weight": 1}]
    bodies = [services.get(name_of(row["backendService"]), {}) for row in rows]
    extra: Json = {}
    found: Json = {}
    if len(rows) == 1:
        found["cluster"] = name_of(rows[0]["backendService"])
        extra = joined(headers(rows[0].get("headerAction", {})), custom_headers(bodies[0]))
    else:
        clusters = [_weighted(row, body) for row, body in zip(rows, bodies, strict=True)]
        found["weighted_clusters"] = {"clusters": clusters}
    timeouts = [float(body.get("timeoutSec", 30)) for body in bodies]
    given = action.get("timeout")
    found["timeout"] = duration(seconds_of(given) if given else max(timeouts))
    found["retry_policy"] = _retries(action.get("retryPolicy"))
    found |= _rewrite(action.get("urlRewrite", {}), exact=exact)
    hashes = [row for body in bodies for row in affinity(body)]
    if hashes:
        found["hash_policy"] = hashes
    mirror = action.get("requestMirrorPolicy", {}).get("backendService")
    if mirror:
        found["request_mirror_policies"] = [{"cluster": name_of(mirror)}]
    return found, extra


def _weighted(row: Json, body: Json) -> Json:
    changes = joined(headers(row.get("headerAction", {})), custom_headers(body))
    name = name_of(row["backendService"])
    return {"name": name, "weight": int(row.get("weight", 0)), **changes}


def _rewrite(wanted: Json, *, exact: bool) -> Json:
    found: Json = {}
    if wanted.get("hostRewrite"):
        found["host_rewrite_literal"] = wanted["hostRewrite"]
    prefix = wanted.get("pathPrefixRewrite")
    if prefix and exact:
        found["regex_rewrite"] = {"pattern": {"regex": "^[^?]*"}, "substitution": prefix}
    elif prefix:
        found["prefix_rewrite"] = prefix
    return found


def _retries(policy: Json | None) -> Json:
    if not policy:
        return dict(RETRIES)
    conditions: Sequence[str] = policy.get("retryConditions", ())
    found: Json = {
        "retry_on": ",".join(conditions),  # the API took over Envoy's words
        "num_retries": int(policy.get("numRetries", 1)),
    }
    if policy.get("perTryTimeout"):
        found["per_try_timeout"] = duration(seconds_of(policy["perTryTimeout"]))
    return found


def affinity(service: Json) -> list[Json]:
    """Return what a backend service's session affinity goes by, as Envoy's hash policies."""
    kind, hashing = service.get("sessionAffinity", "NONE"), service.get("consistentHash", {})
    match kind:
        case "CLIENT_IP":
            return [{"connection_properties": {"source_ip": True}}]
        case "GENERATED_COOKIE":
            ttl = duration(service.get("affinityCookieTtlSec", 0))
            return [{"cookie": {"name": GENERATED_COOKIE, "ttl": ttl, "path": "/"}}]
        case "HTTP_COOKIE":
            cookie = hashing.get("httpCookie", {})
            ttl = duration(seconds_of(cookie.get("ttl", {})))
            path = cookie.get("path", "/")
            return [{"cookie": {"name": cookie.get("name", ""), "ttl": ttl, "path": path}}]
        case "HEADER_FIELD":
            return [{"header": {"header_name": hashing.get("httpHeaderName", "")}}]
    return []
