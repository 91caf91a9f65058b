"""From an accepted call to an operation, and from a finished operation to the world.

`begin` computes what a resource would become, lets the rules judge it, and holds it; `finish_due`
makes visible what has had its time. Nothing else writes to the store.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from fakes.gce import errors, rules
from fakes.gce.cloud import Call, Cloud
from fakes.gce.discovery import discovery
from fakes.gce.draft import Draft
from fakes.gce.errors import ApiError
from fakes.gce.faults import FailedOperation
from fakes.gce.kinds import GROUPS, KINDS
from fakes.gce.links import Key
from fakes.gce.normalise import fresh, merge, settle, with_defaults
from fakes.gce.operations import Operation
from fakes.gce.rules_backends import NAME
from fakes.gce.store import Entry, State
from fakes.gce.verbs import NO_CHANGE, VERBS
from fakes.gce.wire import Json

# operationType where it is not the verb
TYPES: Final = {"setUrlMap": "SetUrlMap", "setTarget": "SetTarget"}


def begin(cloud: Cloud, call: Call, request_id: str, doom: FailedOperation | None) -> Operation:
    """Start a mutation.

    Args:
        cloud: the world.
        call: the routed and validated call.
        request_id: the client's id of the request, "" if it has none.
        doom: how the operation is scripted to fail, if it is.

    Raises:
        ApiError: the API refuses the call.
    """
    if call.method.verb == "insert":
        return _insert(cloud, call, request_id, doom)
    entry = cloud.find(call.key)
    if entry is None or (entry.state is None and not entry.flight):
        raise errors.not_found(cloud.path(call.key))
    if entry.flight or entry.state is None:
        raise errors.not_ready(cloud.path(entry.key))
    delete = call.method.verb == "delete"
    new = None if delete else _changed(cloud, call, entry.key, entry.state)
    draft = Draft(call.method, entry.key, call.body, entry.state, new)
    failure = _judge(cloud, draft, doom) if new is not NO_CHANGE else _doomed(doom)
    effect = "" if failure or new is NO_CHANGE else "delete" if delete else "update"
    operation = _operation(cloud, call, entry.state, effect, failure, request_id)
    entry.deleting = effect == "delete"
    cloud.store.hold(entry, new if effect == "update" else None, operation.name)
    return _started(cloud, operation)


def _insert(cloud: Cloud, call: Call, request_id: str, doom: FailedOperation | None) -> Operation:
    name = call.body.get("name")
    if not name:
        raise errors.required("resource.name")
    key = call.key._replace(name=name)
    if not NAME.fullmatch(name):
        why = f"Must be a match of regex '(?:{NAME.pattern})'"
        raise errors.invalid("resource.name", name, why)
    if cloud.store.get(key) is not None:
        raise errors.already_exists(cloud.path(key))
    new = settle(cloud, key, fresh(cloud, key, call.body), {})
    failure = _judge(cloud, Draft(call.method, key, call.body, None, new), doom)
    effect = "" if failure else "insert"
    operation = _operation(cloud, call, new, effect, failure, request_id)
    cloud.store.hold(cloud.store.add(key), None if failure else new, operation.name)
    return _started(cloud, operation)


def _changed(cloud: Cloud, call: Call, key: Key, old: State) -> State:
    """Return what a patch, update or verb makes of a resource."""
    verb = call.method.verb
    if verb in ("patch", "update"):
        rules.fingerprint(key.kind, call.body.get("fingerprint", ""), old.body, whole=True)
        name = call.body.get("name") or key.name
        if name != key.name:
            why = f"Must be the name of the resource: '{key.name}'."
            raise errors.invalid("resource.name", name, why)
        body = _patched(old.body, call.body) if verb == "patch" else _updated(key, old, call.body)
        return settle(cloud, key, body, old.hidden)
    act = VERBS.get(f"{key.kind}.{verb}") or VERBS.get(f"*.{verb}")
    if act is None:
        raise errors.not_implemented(call.method.id)
    return act(cloud, call, key, old)


def _patched(old: Json, patch: Json) -> Json:
    merged: Json = merge(old, patch)
    return merged


def _updated(key: Key, old: State, body: Json) -> Json:
    """Return a replaced body: what only the server writes stays."""
    row = KINDS[key.kind]
    kept = discovery().read_only(row.schema) | {"name"}
    fixed = {name: value for name, value in old.body.items() if name in kept}
    if row.labels and "labelFingerprint" in old.body:
        fixed["labelFingerprint"] = old.body["labelFingerprint"]
    return with_defaults(key.kind, body) | fixed


def _judge(cloud: Cloud, draft: Draft, doom: FailedOperation | None) -> Json | None:
    """Return the error fields of an operation that has to fail, None if it may succeed."""
    try:
        rules.check(cloud, draft)
    except ApiError as refusal:
        if any(fnmatchcase(draft.method.id, glob) for glob in cloud.late_failures):
            return refusal.in_operation()
        raise
    return _doomed(doom)


def _doomed(doom: FailedOperation | None) -> Json | None:
    return errors.failed_operation(doom.code, doom.message, doom.http) if doom else None


def _operation(
    cloud: Cloud, call: Call, state: State, effect: str, failure: Json | None, request_id: str
) -> Operation:
    key = call.key._replace(name=state.body["name"])
    now = cloud.clock.time()
    serial = cloud.serial()
    verb = call.method.verb
    return Operation(
        name=f"operation-{int(now * 1000)}-{serial:013x}-{serial % 2**32:08x}-{id_tail(serial)}",
        id=cloud.new_id(),
        type=TYPES.get(verb, verb),
        target=key,
        target_id=state.body["id"],
        effect=effect,
        begun=cloud.clock.monotonic(),
        latency=cloud.latency.of(key.kind, verb),
        inserted=now,
        failure=failure,
        request_id=request_id,
    )


def id_tail(serial: int) -> str:
    """Return the last group of an operation's name."""
    return f"{serial * 2654435761 % 2**32:08x}"


def _started(cloud: Cloud, operation: Operation) -> Operation:
    cloud.operations.start(operation)
    finish_due(cloud)  # without latency it is done at once
    return operation


def finish_due(cloud: Cloud) -> None:
    """Let every operation whose time has come take effect."""
    for operation in cloud.operations.finish_due(cloud.clock.monotonic()):
        entry = cloud.store.get(operation.target)
        if entry is None or entry.flight != operation.name:
            continue
        lag = cloud.faults.longest_lag
        since = operation.ends if lag else None
        if lag:
            cloud.store.forget(operation.ends - lag)
        _finish(cloud, entry, operation, since)


def _finish(cloud: Cloud, entry: Entry, operation: Operation, since: float | None) -> None:
    match operation.effect:
        case "insert" | "update" if entry.pending is not None:
            cloud.store.show(entry, entry.pending, since)
        case "delete":
            _leave_groups(cloud, entry.key)
            cloud.store.remove(entry, since)
        case _:
            cloud.store.release(entry)


def _leave_groups(cloud: Cloud, key: Key) -> None:
    """End a deleted instance's membership in every group."""
    if key.kind != "instances":
        return
    url = cloud.url(key)
    for user in list(cloud.store.users(key)):
        if user.key.kind not in GROUPS:
            continue
        pending, flight, deleting = user.pending, user.flight, user.deleting
        if user.state is not None:
            cloud.store.show(user, _without(user.state, url))
        cloud.store.hold(user, _without(pending, url) if pending else None, flight)
        user.deleting = deleting


def _without(state: State, url: str) -> State:
    hidden: Mapping[str, object] = {
        "members": [m for m in state.hidden.get("members", ()) if m != url],
        "endpoints": [e for e in state.hidden.get("endpoints", ()) if e.get("instance") != url],
    }
    kept = {name: value for name, value in hidden.items() if name in state.hidden}
    return State(state.body, state.hidden | kept)


def vanish(cloud: Cloud, key: Key) -> None:
    """Make a resource disappear at once, past all rules."""
    entry = cloud.store.get(key)
    if entry is not None:
        _leave_groups(cloud, key)
        cloud.store.remove(entry)
