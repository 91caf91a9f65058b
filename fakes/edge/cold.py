"""A backend that no front end led to is cold: the cloud probes it only once one does (recalled).

While it is cold it answers nothing and is UNHEALTHY, whatever its pods say. It stays warm for a while
after the last route has left it: requests on their way there are still answered.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fakes.edge.cloud import Json, Picture, name_of

COLLECTION: Final = "/backendServices/"
STAYS_SEC: Final = 5.0  # how long a backend is probed on when no front end leads to it any more
PROXIES: Final = ("target", "urlMap")  # from a forwarding rule to its URL map
NO_ROUTES: Final = (
    "description",
    "tests",
)  # of a URL map: what may name a backend and lead nowhere


class Cold:
    """Since when a front end leads to each backend service. Used by one thread."""

    def __init__(self, wait_sec: float) -> None:
        """Remember nothing yet.

        Args:
            wait_sec: how long a backend stays cold once a front end leads to it; 0: none is ever cold.
        """
        self._wait = wait_sec
        self._since: Mapping[str, float] = {}
        self._left: Mapping[str, float] = {}  # when the last route left those that are still warm

    def names(self, picture: Picture, now: float) -> frozenset[str]:
        """Return the backend services that are cold at a moment (seconds, monotonic)."""
        if not self._wait:
            return frozenset()
        here = set(reached(picture))
        gone = {name: self._left.get(name, now) for name in self._since if name not in here}
        self._left = {name: at for name, at in gone.items() if at + STAYS_SEC > now}
        self._since = {name: self._since.get(name, now) for name in here | self._left.keys()}
        every = {body["name"] for _, body in picture.within("backendServices")}
        warm = {name for name, since in self._since.items() if since + self._wait <= now}
        return frozenset(every - warm)

    def wake_at(self, now: float) -> float | None:
        """Return when the next one stops to be cold, or becomes so; None when none does by itself."""
        warm = (since + self._wait for since in self._since.values())
        cold = (left + STAYS_SEC for left in self._left.values())
        return min((at for at in (*warm, *cold) if at > now), default=None)


def reached(picture: Picture) -> Iterator[str]:
    """Yield the names of the backend services that a forwarding rule leads to."""
    for _, rule in picture.within("forwardingRules"):
        found: Json = rule
        for name in PROXIES:
            found = picture.of(found.get(name, "")) or {}
        routes = {field: value for field, value in found.items() if field not in NO_ROUTES}
        yield from (name_of(link) for link in _texts(routes) if COLLECTION in link)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text inside a body."""
    if isinstance(value, str):
        yield value
    else:
        inner = value.values() if isinstance(value, dict) else value
        for one in inner if isinstance(value, dict | list) else ():
            yield from _texts(one)
