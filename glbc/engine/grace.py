"""Backends that an edit has just left: requests may be on their way there for a while yet.

A change of a URL map takes time to reach every front end of the cloud. Owned by the loop; a process
that starts knows of nobody who has just left.
"""

from collections.abc import Iterator, Mapping

from glbc.engine.ports import Clock
from glbc.model.graph import Graph, Observed, Resource
from glbc.model.keys import Kind, ResourceKey


class Grace:
    """Which backend services the URL map of a living Ingress left lately."""

    def __init__(self, clock: Clock, wait_sec: float) -> None:
        """Keep each for `wait_sec` seconds."""
        self._clock = clock
        self._wait = wait_sec
        self._seen: Graph[Observed] | None = None
        self._leads: Mapping[ResourceKey, frozenset[ResourceKey]] = {}
        self._left: dict[ResourceKey, tuple[ResourceKey, float]] = {}  # backend -> map, when

    def look(self, desired: Graph[Resource], actual: Graph[Observed]) -> frozenset[ResourceKey]:
        """Return who stays for a while; who was left by an Ingress that goes itself does not."""
        now = self._clock.monotonic()
        if actual is not self._seen:
            leads = {
                node.key: frozenset(ref for ref in node.refs if ref.kind == Kind.BACKEND_SERVICE)
                for node in actual.of_kind(Kind.URL_MAP)
            }
            for url_map, before in self._leads.items():
                for backend in before - leads.get(url_map, frozenset()):
                    self._left[backend] = (url_map, now)
            self._seen, self._leads = actual, leads
        self._left = {
            backend: (url_map, at)
            for backend, (url_map, at) in self._left.items()
            if now < at + self._wait and url_map in desired
        }
        return frozenset(self._left)

    def due(self) -> Iterator[float]:
        """Yield the moments (monotonic) at which one may go."""
        return (at + self._wait for _, at in self._left.values())
