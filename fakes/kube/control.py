"""`/_fake/`: trouble, records and state of a world over HTTP.

GET    /_fake/calls[?since=N]   the calls           GET  /_fake/counts   per verb and resource
DELETE /_fake/calls             begin the record anew
GET    /_fake/faults            what waits          POST /_fake/faults   one fault or a list
DELETE /_fake/faults            take all back
POST   /_fake/compact           forget history      POST /_fake/close-watches
POST   /_fake/bookmark          send bookmarks      POST /_fake/gone?how=stream|http
POST   /_fake/apply             one manifest or a list of them, as World.apply
POST   /_fake/reset             an empty cluster
GET    /_fake/rbac              what the users may do, how often each grant was used, what was denied
POST   /_fake/rbac              one {token, user} or a list: a token that is that user's from now on
DELETE /_fake/rbac?token=T      a token that is nobody's from now on
POST   /_fake/limit             {perSecond, burst}: how often each user with a token may ask; {} lifts it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fakes.kube.door import Request, Response
from fakes.kube.errors import bad_request, no_such_path
from fakes.kube.faults import Fault
from fakes.kube.priority import Limit
from fakes.kube.rbac import Account

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.kube.world import World


def _body(request: Request) -> list[Any]:
    try:
        body = msgspec.json.decode(request.raw())
    except msgspec.DecodeError as error:
        raise bad_request(f"couldn't parse the body: {error}") from error
    return body if isinstance(body, list) else [body]


def _calls(world: World, request: Request) -> Any:
    since = int(request.params().get("since", "0"))
    return {"calls": [call._asdict() for call in world.calls(since)]}


def _counts(world: World, _: Request) -> Any:
    return {
        "counts": [
            {"verb": verb, "resource": resource, "count": count}
            for (verb, resource), count in world.counts().items()
        ]
    }


def _forget(world: World, _: Request) -> Any:
    world.forget_calls()
    return {}


def _faults(world: World, _: Request) -> Any:
    return {"faults": world.faults()}


def _add_faults(world: World, request: Request) -> Any:
    try:
        found = [msgspec.convert(one, Fault) for one in _body(request)]
    except msgspec.ValidationError as error:
        raise bad_request(f"a fault cannot be read: {error}") from error
    for fault in found:
        world.fault(fault)
    return {"faults": world.faults()}


def _clear_faults(world: World, _: Request) -> Any:
    world.clear_faults()
    return {}


def _compact(world: World, _: Request) -> Any:
    return {"oldest": world.compact()}


def _close(world: World, _: Request) -> Any:
    return {"closed": world.close_watches()}


def _bookmark(world: World, _: Request) -> Any:
    world.bookmark()
    return {}


def _gone(world: World, request: Request) -> Any:
    how = request.params().get("how", "")
    if how not in {"stream", "http"}:
        raise bad_request("how: stream or http")
    world.gone_in_stream = how == "stream"
    return {"how": how}


def _apply(world: World, request: Request) -> Any:
    return {"items": [world.apply(one) for one in _body(request)]}


def _reset(world: World, _: Request) -> Any:
    world.reset()
    return {}


def _rbac(world: World, _: Request) -> Any:
    return world.rbac()


def _add_accounts(world: World, request: Request) -> Any:
    try:
        found = [msgspec.convert(one, Account) for one in _body(request)]
    except msgspec.ValidationError as error:
        raise bad_request(f"an account cannot be read: {error}") from error
    for one in found:
        world.authorize(one.token, one.user)
    return world.rbac()


def _revoke(world: World, request: Request) -> Any:
    world.revoke(request.params().get("token", ""))
    return world.rbac()


def _limit(world: World, request: Request) -> Any:
    try:
        (found,) = [msgspec.convert(one, Limit) for one in _body(request)]
    except ValueError as error:
        raise bad_request(f"a limit cannot be read: {error}") from error
    world.limit(found)
    return msgspec.to_builtins(found)


_ROUTES: Final[dict[tuple[str, str], Callable[[World, Request], Any]]] = {
    ("GET", "calls"): _calls,
    ("DELETE", "calls"): _forget,
    ("GET", "counts"): _counts,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "compact"): _compact,
    ("POST", "close-watches"): _close,
    ("POST", "bookmark"): _bookmark,
    ("POST", "gone"): _gone,
    ("POST", "apply"): _apply,
    ("POST", "reset"): _reset,
    ("GET", "rbac"): _rbac,
    ("POST", "rbac"): _add_accounts,
    ("DELETE", "rbac"): _revoke,
    ("POST", "limit"): _limit,
}


def control(world: World, request: Request, rest: list[str]) -> Response:
    """Answer a request below /_fake/; raise 404."""
    route = _ROUTES.get((request.method, "/".join(rest)))
    if route is None:
        raise no_such_path()
    return Response(200, route(world, request))
