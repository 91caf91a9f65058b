"""Load balancers that a deleted Ingress left behind on purpose: they serve on as they are.

The mark stands in the cloud, in the description of the URL map, so that every process, and one that
starts when the cluster is long gone, sees it.
"""

from collections.abc import Mapping

from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.model.record import orphan_of


def left_behind(actual: Graph[Observed]) -> Mapping[str, frozenset[ResourceKey]]:
    """Return, for each Ingress that left one behind, everything that its load balancer needs."""
    found: dict[str, frozenset[ResourceKey]] = {}
    for live in actual.of_kind(Kind.URL_MAP):
        ingress = orphan_of(live.spec.description)
        if ingress and live.ownership is Ownership.OWNED:
            chain = _led_to(_leading_to({live.key}, actual), actual)
            found[ingress] = found.get(ingress, frozenset()) | chain
    return found


def _leading_to(keys: set[ResourceKey], actual: Graph[Observed]) -> set[ResourceKey]:
    """Return what refers to these, directly or not, with them."""
    found, todo = set(keys), list(keys)
    while todo:
        fresh = set(actual.referrers(todo.pop())) - found
        found |= fresh
        todo.extend(fresh)
    return found


def _led_to(keys: set[ResourceKey], actual: Graph[Observed]) -> frozenset[ResourceKey]:
    """Return what these refer to, directly or not, with them."""
    found, todo = set(keys), list(keys)
    while todo:
        live = actual.get(todo.pop())
        fresh = (set(live.refs) if live else set()) - found
        found |= fresh
        todo.extend(fresh)
    return frozenset(found)
