"""What the API shows: single resources, lists, aggregated lists, health, members.

Reads change nothing. A few fields are not stored but follow from the rest of the world (`size`,
`users`, `status`); they are added here.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fakes.gce import errors, rules
from fakes.gce.cloud import Call, Cloud
from fakes.gce.discovery import discovery
from fakes.gce.draft import Draft
from fakes.gce.errors import ApiError, invalid
from fakes.gce.kinds import KINDS
from fakes.gce.links import GLOBAL, Key, region_of
from fakes.gce.normalise import SSL_FEATURES, settle
from fakes.gce.operations import timestamp
from fakes.gce.query import predicate, sort_key
from fakes.gce.rules_urlmaps import failed_tests
from fakes.gce.store import State
from fakes.gce.wire import Json

PAGE: Final = 500
REGIONAL: Final = frozenset({"instanceGroups", "instances"})  # quotas of their regions
UNLIMITED: Final = 1_000_000.0  # shown as the limit of a quota that a world does not set


def show(cloud: Cloud, key: Key, state: State) -> Json:
    """Return a resource as the API shows it."""
    extra = DERIVED.get(key.kind)
    return state.body if extra is None else state.body | extra(cloud, key, state)


def _address(cloud: Cloud, key: Key, state: State) -> Json:
    users = sorted(
        cloud.url(entry.key)
        for entry in cloud.store.at_ip(state.body["address"])
        if entry.key.kind == "forwardingRules"
        and entry.key.scope == key.scope
        and entry.state is not None
    )
    return {"status": "IN_USE", "users": users} if users else {"status": "RESERVED"}


def _instance_group(cloud: Cloud, _key: Key, state: State) -> Json:
    members = state.hidden.get("members", [])
    shown: Json = {"size": len(members)}
    if members:
        nics = cloud.newest(members[0]).body.get("networkInterfaces", [])
        if nics:
            shown |= {"network": nics[0]["network"], "subnetwork": nics[0]["subnetwork"]}
    return shown


def _endpoint_group(_cloud: Cloud, _key: Key, state: State) -> Json:
    return {"size": len(state.hidden.get("endpoints", ()))}


def _backend_service(cloud: Cloud, key: Key, _state: State) -> Json:
    users = sorted(cloud.url(u.key) for u in cloud.store.users(key) if u.state is not None)
    return {"usedBy": [{"reference": user} for user in users]} if users else {}


def _network(cloud: Cloud, key: Key, _state: State) -> Json:
    users = cloud.store.users(key)
    subnetworks = sorted(cloud.url(u.key) for u in users if u.key.kind == "subnetworks")
    return {"subnetworks": subnetworks} if subnetworks else {}


DERIVED: Final[Mapping[str, Callable[[Cloud, Key, State], Json]]] = {
    "addresses": _address,
    "instanceGroups": _instance_group,
    "networkEndpointGroups": _endpoint_group,
    "backendServices": _backend_service,
    "networks": _network,
}


def get(cloud: Cloud, call: Call, lag: float) -> Json:
    """Answer `get`."""
    entry = cloud.find(call.key)
    if lag:
        past = cloud.clock.monotonic() - lag
        key = entry.key if entry else call.key
        state = cloud.store.as_of(key.kind, key.scope, past).get(key.name)
        if state is not None:
            return show(cloud, key, state)
    elif entry is not None and entry.state is not None:
        return show(cloud, entry.key, entry.state)
    raise errors.not_found(cloud.path(call.key))


def rows(cloud: Cloud, kind: str, scope: str, lag: float = 0.0) -> list[Json]:
    """Return the resources of a kind and scope as shown, by name."""
    if lag:
        past = cloud.store.as_of(kind, scope, cloud.clock.monotonic() - lag)
        states = sorted(past.items())
    else:
        entries = cloud.store.within(kind, scope).items()
        states = sorted((n, e.state) for n, e in entries if e.state is not None)
    return [show(cloud, Key(kind, scope, name), state) for name, state in states]


def page(
    query: Mapping[str, str], found: Iterable[Json], name: Callable[[Json], str]
) -> tuple[list[Json], str]:
    """Return one page of what matches the filter, in order, and the token of the next."""
    wanted = query.get("filter", "").strip()
    matching = list(filter(predicate(wanted), found)) if wanted else list(found)
    if query.get("orderBy"):
        key, backwards = sort_key(query["orderBy"])
        matching.sort(key=key, reverse=backwards)
    limit = int(query.get("maxResults") or PAGE)
    if limit > PAGE:
        why = f"Must be less than or equal to {PAGE}"
        raise ApiError(400, "invalid", f"Invalid value for field 'maxResults': '{limit}'. {why}")
    start = 0
    if query.get("pageToken"):
        last = _decoded(query["pageToken"])
        names = [name(row) for row in matching]
        after = [i for i, n in enumerate(names) if n == last]
        # what the page ended with may have gone since: go on behind its place
        start = after[0] + 1 if after else sum(n <= last for n in names)
    rest = matching[start:]
    token = _encoded(name(rest[limit - 1])) if len(rest) > (limit or PAGE) else ""
    return rest[: limit or PAGE], token


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("pageToken", token, "Invalid page token.") from None


def list_(cloud: Cloud, call: Call, lag: float) -> Json:
    """Answer `list`."""
    key = call.key
    if call.method.collection == "regionZones":
        region = key.scope.partition("/")[2]
        found = [z for z in rows(cloud, "zones", "") if region_of(f"zones/{z['name']}") == region]
    elif key.kind == "operations":
        found = _operations(cloud, key.scope)
    else:
        found = rows(cloud, key.kind, key.scope, lag)
    shown, token = page(call.query, found, lambda row: str(row["name"]))
    return envelope(cloud, call, shown, token)


def envelope(cloud: Cloud, call: Call, items: Any, token: str) -> Json:
    """Return a list answer around its items."""
    scope = f"{call.key.scope}/" if call.key.scope else ""
    path = f"aggregated/{call.key.kind}" if call.method.aggregated else f"{scope}{call.key.kind}"
    if call.key.name:
        path += f"/{call.key.name}/{call.method.verb}"
    body: Json = {
        "kind": discovery().kind_of(call.method.response),
        "id": f"projects/{cloud.project}/{path}",
        "selfLink": cloud.root + path,
    }
    if items:
        body["items"] = items
    if token:
        body["nextPageToken"] = token
    known = discovery().schema(call.method.response)  # not every list has a selfLink
    return {name: value for name, value in body.items() if name in known}


def _operations(cloud: Cloud, scope: str) -> list[Json]:
    now = cloud.clock.monotonic()
    known = [o for o in cloud.operations.known.values() if o.scope == scope]
    return [o.body(cloud.project, now) for o in sorted(known, key=lambda o: o.name)]


def aggregated(cloud: Cloud, call: Call, lag: float) -> Json:
    """Answer `aggregatedList`: everything of a kind, scope by scope, empty ones with a warning."""
    kind = call.key.kind
    field = discovery().scoped_list(call.method)
    scopes = _visible_scopes(cloud, kind, everything=call.query.get("includeAllScopes") == "true")
    found: dict[str, str] = {}
    bodies: list[Json] = []
    for scope in scopes:
        here = _operations(cloud, scope) if kind == "operations" else rows(cloud, kind, scope, lag)
        bodies += here
        found |= {str(body["id"]): scope for body in here}
    ordered = {scope: i for i, scope in enumerate(scopes)}
    shown, token = page(
        call.query, bodies, lambda body: f"{ordered[found[str(body['id'])]]:04d}/{body['name']}"
    )
    items: dict[str, Json] = {scope: {} for scope in scopes}
    for body in shown:
        items[found[str(body["id"])]].setdefault(field, []).append(body)
    for scope, inner in items.items():
        if not inner:
            items[scope] = _empty(scope)
    return envelope(cloud, call, items, token)


def _visible_scopes(cloud: Cloud, kind: str, *, everything: bool) -> list[str]:
    scopes = cloud.all_scopes()
    if everything or kind == "operations":
        return scopes
    places = {m.place for m in discovery().methods.values() if m.kind == kind and m.verb == "list"}
    return [s for s in scopes if ("" if s == GLOBAL else s.partition("/")[0]) in places]


def _empty(scope: str) -> Json:
    return {
        "warning": {
            "code": "NO_RESULTS_ON_PAGE",
            "message": f"There are no results for scope '{scope}' on this page.",
            "data": [{"key": "scope", "value": scope}],
        }
    }


def project(cloud: Cloud, _call: Call, _lag: float) -> Json:
    """Answer `projects.get`."""
    quotas = [
        {
            "metric": row.metric,
            "limit": float(cloud.quotas.get(kind, UNLIMITED)),
            "usage": float(cloud.store.count(kind)),
        }
        for kind, row in KINDS.items()
        if row.metric and kind not in REGIONAL
    ]
    return {
        "kind": "compute#project",
        "id": str(cloud.number),
        "creationTimestamp": timestamp(0),
        "name": cloud.project,
        "selfLink": cloud.root.rstrip("/"),
        "defaultNetworkTier": "PREMIUM",
        "defaultServiceAccount": f"{cloud.number}-compute@developer.gserviceaccount.com",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "quotas": quotas,
    }


def existing(cloud: Cloud, key: Key) -> State:
    """Return the visible version of a resource, or raise 404."""
    entry = cloud.find(key)
    if entry is None or entry.state is None:
        raise errors.not_found(cloud.path(key))
    return entry.state


def validate(cloud: Cloud, call: Call, _lag: float) -> Json:
    """Answer `urlMaps.validate`: whether the map loads, and which of its tests fail."""
    resource = call.body.get("resource", {})
    state = settle(cloud, call.key, resource, {})
    draft = Draft(call.method, call.key, resource, State({}), state)
    failures = []
    try:
        rules.check(cloud, draft)
    except ApiError as refusal:
        failures = list(failed_tests(state.body))
        if not failures:
            return {"result": {"loadSucceeded": False, "loadErrors": [refusal.message]}}
    result: Json = {"loadSucceeded": True, "testPassed": not failures}
    return {"result": result | ({"testFailures": failures} if failures else {})}


def permissions(cloud: Cloud, call: Call, _lag: float) -> Json:
    """Answer `testIamPermissions`: what of it the caller holds."""
    return {"permissions": cloud.iam.held(call.caller, call.body.get("permissions", []))}


def policy_rule(cloud: Cloud, call: Call, _lag: float) -> Json:
    """Answer `securityPolicies.getRule`."""
    wanted = int(call.query.get("priority", 0))
    for rule in existing(cloud, call.key).body.get("rules", ()):
        if rule["priority"] == wanted:
            return dict(rule)
    raise invalid("priority", wanted, "There is no rule of this priority.")


def ssl_features(_cloud: Cloud, _call: Call, _lag: float) -> Json:
    """Answer `sslPolicies.listAvailableFeatures`."""
    return {"features": list(SSL_FEATURES)}
