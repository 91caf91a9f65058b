"""The fake's own endpoints under `/_fake/`: seed, script, look.

No client of the API needs them; tests, the nodes, the data plane and people do. All JSON.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from fakes.gce import faults, host, iam
from fakes.gce.cloud import Probed
from fakes.gce.errors import ApiError
from fakes.gce.wire import Json, Later, Request, Response

if TYPE_CHECKING:
    from fakes.gce.world import World

POLL: Final = 0.02  # seconds between looks for a change while somebody waits for one
LONGEST_POLL: Final = 120.0

Act = Callable[["World", Request, float], Json | Later]


def answer(world: "World", request: Request, waited: float) -> Response | Later:
    """Answer a call under `/_fake/`."""
    route = f"{request.method} {request.path.removeprefix('/_fake/').strip('/')}"
    act = ACTS.get(route)
    if act is None:
        why = f"unknown: {route}: known are {', '.join(ACTS)}"
        return Response(404, ApiError(404, "notFound", why).body())
    try:
        body = act(world, request, waited)
    except ApiError as refusal:
        return Response(refusal.code, refusal.body())
    except (TypeError, ValueError, KeyError, AttributeError) as wrong:
        return Response(400, ApiError(400, "invalid", f"{route}: {wrong!r}").body())
    return body if isinstance(body, Later) else Response(200, body)


def _reset(world: "World", _request: Request, _waited: float) -> Json:
    world.reset()
    return {}


def _seed(world: "World", request: Request, _waited: float) -> Json:
    """Seed `{regions, zones, instances: [{name, zone, tags, ip}], resources: [{kind, …}]}`.

    A resource with `project` goes into the host project of a shared VPC.
    """
    body: Mapping[str, Any] = request.body or {}
    for region in body.get("regions", ()):
        world.seed_region(region)
    for zone in body.get("zones", ()):
        world.seed_zone(zone)
    seeded = [world.seed_instance(**row) for row in body.get("instances", ())]
    seeded += [
        _owner(world, row.get("project", "")).seed(
            row["kind"], row.get("scope", "global"), row["name"], row.get("body", {})
        )
        for row in body.get("resources", ())
    ]
    for row in body.get("removeInstances", ()):
        world.remove_instance(row["name"], row["zone"])
    for zone in body.get("removeZones", ()):
        world.remove_zone(zone)
    return {"items": seeded}


def _owner(world: "World", project: str) -> "World":
    """Return the world of a project: this one, or its host."""
    if world.is_ours(project):
        return world
    if world.host is not None and world.host.is_ours(project):
        return world.host
    raise ApiError(404, "notFound", f"project {project}: unknown: there is {world.project}")


def _host(world: "World", request: Request, _waited: float) -> Json:
    """Set or show `{denied: [glob]}`: what the host project of a shared VPC denies."""
    if world.host is None:
        why = "there is no host project: start the fake with --host-project"
        raise ApiError(404, "notFound", why)
    if request.body:
        world.host_denied = host.denied(request.body["denied"])
    return {"project": world.host.project, "denied": list(world.host_denied)}


def _latency(world: "World", request: Request, _waited: float) -> Json:
    world.latency.update(request.body or {})
    return {"default": world.latency.default} | world.latency.by


def _add_faults(world: "World", request: Request, _waited: float) -> Json:
    rows = request.body if isinstance(request.body, list) else [request.body]
    world.faults.script.extend([faults.from_json(row) for row in rows])
    return _show_faults(world, request, 0.0)


def _show_faults(world: "World", _request: Request, _waited: float) -> Json:
    return {
        "items": [
            asdict(fault) | {"effect": {type(fault.effect).__name__: asdict(fault.effect)}}
            for fault in world.faults.script
        ]
    }


def _clear_faults(world: "World", _request: Request, _waited: float) -> Json:
    world.faults.clear()
    return {}


def _health(world: "World", request: Request, _waited: float) -> Json:
    """Set `{state, service, group, instance, ip, port}`, `{warmup}`, or a list of such rows."""
    rows = request.body if isinstance(request.body, list) else [request.body]
    for row in rows:
        if "warmup" in row:
            world.health.warmup = float(row["warmup"])
            continue
        meant = {name: row[name] for name in Probed._fields if name != "port" and row.get(name)}
        world.health.set(row["state"], port=int(row.get("port", 0)), **meant)
    return {"default": world.health.default, "rows": len(world.health.rows)}


def _addresses(world: "World", request: Request, _waited: float) -> Json:
    """Set or show `{pool}`: the range out of which external addresses are given from now on."""
    if request.body:
        world.addresses = request.body["pool"]
    return {"pool": world.addresses}


def _limits(world: "World", request: Request, _waited: float) -> Json:
    """Set `{hard: {…}, perMinute: {read, mutate}, quotas: {kind: n}, lateFailures: [glob]}`."""
    body: Mapping[str, Any] = request.body or {}
    known = {field.name for field in fields(world.limits)}
    for name, value in body.get("hard", {}).items():
        if name not in known:
            raise ApiError(400, "invalid", f"unknown limit {name}: known are {sorted(known)}")
        setattr(world.limits, name, value)
    world.rates.per_minute |= body.get("perMinute", {})
    world.quotas |= body.get("quotas", {})
    if "lateFailures" in body:
        world.late_failures = tuple(body["lateFailures"])
    return {
        "hard": asdict(world.limits),
        "perMinute": dict(world.rates.per_minute),
        "quotas": dict(world.quotas),
        "lateFailures": list(world.late_failures),
    }


def _iam(world: "World", request: Request, _waited: float) -> Json:
    """Give a role, `{caller, permissions: […]}`, or show all of them and what was used of each."""
    if request.body:
        world.iam.grant(*iam.granted(request.body))
    return world.iam.report()


def _calls(world: "World", request: Request, _waited: float) -> Json:
    since = int(request.query.get("since", 0))
    return {
        "seq": world.journal.seq,
        "items": [call.as_json() for call in world.journal.since(since)],
    }


def _counts(world: "World", _request: Request, _waited: float) -> Json:
    return dict(sorted(world.journal.counts.items()))


def _changes(world: "World", request: Request, waited: float) -> Json | Later:
    """Return the changes behind `since`; wait up to `timeout` seconds if there is none."""
    since = int(request.query.get("since", 0))
    timeout = min(float(request.query.get("timeout", 0)), LONGEST_POLL)
    store = world.store
    if store.seq <= since and waited < timeout:
        return Later(min(POLL, timeout - waited))
    recent = list(takewhile(lambda change: change.seq > since, reversed(store.changes)))
    return {
        "seq": store.seq,
        "changes": [
            {
                "seq": change.seq,
                "op": change.op,
                "kind": change.key.kind,
                "scope": change.key.scope,
                "name": change.key.name,
            }
            for change in reversed(recent)
        ],
    }


def _private_keys(world: "World", _request: Request, _waited: float) -> Json:
    """Return the private keys that the API never returns: the data plane serves with them."""
    return {
        world.url(entry.key): entry.state.hidden["privateKey"]
        for entry in world.store.entries.values()
        if entry.state is not None and "privateKey" in entry.state.hidden
    }


def _dump(world: "World", _request: Request, _waited: float) -> Json:
    return dict(world.dump())


ACTS: Final[Mapping[str, Act]] = {
    "POST reset": _reset,
    "POST seed": _seed,
    "POST latency": _latency,
    "POST faults": _add_faults,
    "GET faults": _show_faults,
    "DELETE faults": _clear_faults,
    "POST health": _health,
    "GET addresses": _addresses,
    "POST addresses": _addresses,
    "POST limits": _limits,
    "GET host": _host,
    "POST host": _host,
    "GET iam": _iam,
    "POST iam": _iam,
    "GET calls": _calls,
    "GET counts": _counts,
    "GET changes": _changes,
    "GET privateKeys": _private_keys,
    "GET dump": _dump,
}
