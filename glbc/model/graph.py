"""The two graphs that are compared: what is wanted, and what is there.

A graph is an index of frozen nodes by key, with the references turned round. References are found
by walking the spec (`keys.refs_in`), so that no kind can forget one.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from glbc.model.compute import Spec
from glbc.model.finding import ObjectRef
from glbc.model.keys import ResourceKey, refs_in
from glbc.model.kinds import normalised


class Ownership(StrEnum):
    """Whose a resource in the cloud is; how it is proved is in `glbc.ownership`."""

    OWNED = "owned"  # name and description prove that it is ours
    ADOPTABLE = "adoptable"  # our name, somebody else's description
    FOREIGN = "foreign"  # never written
    UNREADABLE = "unreadable"  # could not be read: a state of its own, never "is not there"


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as it is wanted."""

    key: ResourceKey
    spec: Spec
    origin: Mapping[str, str] = {}  # field -> the object and field that asked for it
    enforced: Mapping[str, str] = {}  # path of the API -> who asks for more than our default
    wanted_by: tuple[ObjectRef, ...] = ()  # the Ingresses that want it, sorted
    refs: frozenset[ResourceKey] = frozenset()


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as it was last seen, own writes folded in."""

    key: ResourceKey
    spec: Spec
    ownership: Ownership
    set_by_us: frozenset[str] = frozenset()  # paths of the API that a later removal must clear
    unmanaged: frozenset[str] = frozenset()  # fields whose elements hold what we do not know
    fingerprint: str = ""  # "" when not known: read before the next write that needs it
    created: str = ""  # RFC 3339, as the cloud writes it; "" when not known
    number: str = ""  # the cloud's `id`; "" when not known
    read_at: float = 0.0  # seconds, monotonic: when the read began or the write ended
    refs: frozenset[ResourceKey] = frozenset()


def wanted(
    key: ResourceKey,
    spec: Spec,
    *,
    origin: Mapping[str, str] | None = None,
    enforced: Mapping[str, str] | None = None,
    wanted_by: Iterable[ObjectRef] = (),
) -> Resource:
    """Return the desired resource, its spec normalised and its references found."""
    return Resource(
        key=key,
        spec=normalised(key.kind, spec),
        origin=origin or {},
        enforced=enforced or {},
        wanted_by=tuple(sorted(set(wanted_by))),
        refs=refs_in(spec),
    )


Node = TypeVar("Node", Resource, Observed)


class Graph(Generic[Node]):
    """Frozen nodes by key, and who refers to whom. Never changed after it is made."""

    def __init__(self, nodes: Iterable[Node] = (), unreadable: Iterable[str] = ()) -> None:
        """Index the nodes.

        Args:
            nodes: at most one for each key.
            unreadable: kinds that could not be listed: their absence here means nothing.

        Raises:
            ValueError: two different nodes have one key.
        """
        self._nodes: dict[ResourceKey, Node] = {}
        for node in nodes:
            if self._nodes.setdefault(node.key, node) is not node:
                raise ValueError(f"{node.key}: wanted twice")
        self.unreadable = frozenset(unreadable)
        self._referrers: dict[ResourceKey, list[ResourceKey]] | None = None

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __contains__(self, key: object) -> bool:
        return key in self._nodes

    def get(self, key: ResourceKey) -> Node | None:
        """Return the node of `key`, or None."""
        return self._nodes.get(key)

    def __getitem__(self, key: ResourceKey) -> Node:
        return self._nodes[key]

    def keys(self) -> Iterable[ResourceKey]:
        """Return the keys of all nodes."""
        return self._nodes.keys()

    def of_kind(self, kind: str) -> list[Node]:
        """Return the nodes of one kind, sorted by key."""
        found = [node for node in self._nodes.values() if node.key.kind == kind]
        return sorted(found, key=lambda node: node.key)

    def referrers(self, key: ResourceKey) -> list[ResourceKey]:
        """Return the keys of the nodes that refer to `key`."""
        if self._referrers is None:
            found: dict[ResourceKey, list[ResourceKey]] = {}
            for node in self._nodes.values():
                for target in node.refs:
                    found.setdefault(target, []).append(node.key)
            self._referrers = found  # whole, or not there: another thread may ask at the same time
        return self._referrers.get(key, [])

    def replace(self, *nodes: Node, without: Iterable[ResourceKey] = ()) -> "Graph[Node]":
        """Return a graph with `nodes` put in place and the keys of `without` taken out."""
        copy = Graph[Node](unreadable=self.unreadable)
        copy._nodes = {**self._nodes, **{node.key: node for node in nodes}}
        for key in without:
            copy._nodes.pop(key, None)
        return copy
