"""The host project of a shared VPC, as the service project sees it through its door.

Firewall rules and networks are there, served from a store of the host's own, and so are its quotas. All else of that
project is refused, and so is what a world is told to deny, as from a caller without the permission.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fakes.gce.discovery import Method
from fakes.gce.errors import ApiError, forbidden
from fakes.gce.faults import means
from fakes.gce.links import GLOBAL, Key
from fakes.gce.permissions import permissions
from fakes.gce.wire import Later, Request, Response

if TYPE_CHECKING:
    from fakes.gce.world import World

SERVED: Final = frozenset({"firewalls", "networks", "subnetworks", "operations", "projects"})
# What both projects have in common: one log, one script of trouble, one caller's quota and role.
SHARED: Final = ("lock", "journal", "faults", "latency", "rates", "iam")


def share(world: "World", host: "World") -> None:
    """Let a host project keep what it has in common in the world that it is the host of."""
    for name in SHARED:
        setattr(host, name, getattr(world, name))


def answer(
    world: "World",
    host: "World",
    request: Request,
    found: tuple[Method, Mapping[str, str]],
    waited: float,
) -> Response | Later:
    """Answer a call of the host project."""
    method, params = found
    if method.kind in SERVED and not is_denied(method, world.host_denied):
        return host.answer(request, waited)
    name = params.get(method.name_param, "") or _name_in(request.body)
    place = f"{method.place}/{params[method.place.removesuffix('s')]}" if method.place else GLOBAL
    path = host.path(Key(method.kind, place, name)).rstrip("/")
    refusal = forbidden(permissions(method)[0], path)
    request_id = request.query.get("requestId", "")
    world.journal.note(method.id, request.path, name, request_id, refusal.code)
    return Response(refusal.code, refusal.body())


def is_denied(method: Method, globs: Iterable[str]) -> bool:
    """Tell whether a method is among those denied; an operation is whoever's who began it."""
    return method.kind != "operations" and any(means(glob, method.id) for glob in globs)


def denied(told: Any) -> tuple[str, ...]:
    """Read what is to be denied of a host project: globs over method ids.

    Raises:
        ApiError: it is no list of texts.
    """
    if not isinstance(told, list) or not all(isinstance(glob, str) for glob in told):
        raise ApiError(400, "invalid", f"denied: {told!r} is no list of globs over method ids")
    return tuple(told)


def _name_in(body: Any) -> str:
    name = body.get("name") if isinstance(body, dict) else None
    return name if isinstance(name, str) else ""
