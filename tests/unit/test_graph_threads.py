"""A graph is shared between threads: nobody may see it half indexed."""

import threading
from collections.abc import Iterator

from msgspec.structs import force_setattr

from glbc.model.compute import BackendService
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import GLOBAL, Kind, ResourceKey

CHECK = ResourceKey("demo", Kind.HEALTH_CHECK, GLOBAL, "check")
KEYS = [ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, f"be-{n}") for n in range(3)]


class Interrupted:
    """References that another thread asks for while the first is in the middle of its index."""

    def __init__(self) -> None:
        self.graph: Graph[Observed] | None = None
        self.seen: list[list[ResourceKey]] = []

    def __iter__(self) -> Iterator[ResourceKey]:
        graph, self.graph = self.graph, None
        if graph is not None:
            other = threading.Thread(target=lambda: self.seen.append([*graph.referrers(CHECK)]))
            other.start()
            other.join()
        return iter((CHECK,))


def test_who_asks_in_the_middle_of_the_index_sees_all_of_it() -> None:
    nodes = [
        Observed(key=key, spec=BackendService(), ownership=Ownership.OWNED, refs=frozenset({CHECK}))
        for key in KEYS
    ]
    between = Interrupted()
    force_setattr(nodes[1], "refs", between)
    between.graph = graph = Graph(nodes)
    assert graph.referrers(CHECK) == KEYS
    assert between.seen == [KEYS]
