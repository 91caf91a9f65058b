"""The objects, the one counter of their versions, and the history that watches read.

A stored object is never changed: every write puts a new dict in its place. So a snapshot of the
store is a copy of its indexes, readers need no lock, and an old version is still there for a
watch that lags. One counter serves all kinds. History is kept until it is compacted; who asks for
older versions is told so (410), never given less.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from fakes.kube.errors import Obj, expired

HISTORY: Final = 20_000  # changes kept per resource before the oldest half goes

Key = tuple[str, str]  # namespace ("" when the kind has none), name


class Change(NamedTuple):
    """One step of an object's life."""

    rv: int
    type: str  # ADDED, MODIFIED or DELETED
    obj: Obj
    old: Obj | None


def key_of(obj: Obj) -> Key:
    """Return where an object is stored."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Store:
    """Owned by one World, which serialises the writes."""

    def __init__(self) -> None:
        self.rv = 1
        self.oldest = 0  # versions below are gone for everybody
        self.objects: dict[str, dict[Key, Obj]] = {}
        self.history: dict[str, list[Change]] = {}
        self.floor: dict[str, int] = {}  # the same per resource, from trimming
        self.listeners: list[Callable[[str], None]] = []

    def get(self, resource: str, key: Key) -> Obj | None:
        """Return an object, or None."""
        return self.objects.get(resource, {}).get(key)

    def all(self, resource: str, namespace: str = "") -> list[Obj]:
        """Return the objects of a resource by namespace and name."""
        objects = self.objects.get(resource, {})
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def at(self, resource: str, namespace: str, rv: int) -> list[Obj]:
        """Return the objects as they were at a version; raise 410 when that is compacted."""
        objects = dict(self.objects.get(resource, {}))
        for change in reversed(self.since(resource, rv)):
            if change.old is None:
                objects.pop(key_of(change.obj), None)
            else:
                objects[key_of(change.obj)] = change.old
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def resources(self) -> Iterator[str]:
        """Yield the resources that have objects."""
        yield from sorted(resource for resource, objects in self.objects.items() if objects)

    def put(self, resource: str, obj: Obj) -> Obj:
        """Store an object under the next version and tell the watches."""
        objects = self.objects.setdefault(resource, {})
        old = objects.get(key_of(obj))
        self.rv += 1
        obj = obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self.rv)}}
        objects[key_of(obj)] = obj
        self._record(resource, Change(self.rv, "MODIFIED" if old else "ADDED", obj, old))
        return obj

    def remove(self, resource: str, obj: Obj) -> Obj:
        """Drop an object; its last state, under the next version, is what watches are told."""
        old = self.objects[resource].pop(key_of(obj))
        self.rv += 1
        obj = obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self.rv)}}
        self._record(resource, Change(self.rv, "DELETED", obj, old))
        return obj

    def _record(self, resource: str, change: Change) -> None:
        history = self.history.setdefault(resource, [])
        history.append(change)
        if len(history) > HISTORY:
            self.floor[resource] = history[HISTORY // 2].rv
            self.history[resource] = history[HISTORY // 2 + 1 :]
        for listener in tuple(self.listeners):
            listener(resource)

    def since(self, resource: str, rv: int) -> list[Change]:
        """Return the changes after a version; raise 410 when some of them are compacted."""
        oldest = max(self.oldest, self.floor.get(resource, 0))
        if rv < oldest:
            raise expired(rv, oldest)
        history = self.history.get(resource, [])
        return history[bisect_right(history, rv, key=lambda change: change.rv) :]

    def compact(self) -> int:
        """Forget all history up to now; return the oldest version that can still be asked for."""
        self.oldest = self.rv
        self.history.clear()
        return self.oldest

    def copy(self) -> "Store":
        """Return an independent store with the same content and no listeners."""
        twin = Store()
        twin.become(self)
        return twin

    def become(self, other: "Store") -> None:
        """Take over another store's content, keeping the listeners."""
        self.rv, self.oldest = other.rv, other.oldest
        self.objects = {resource: dict(objects) for resource, objects in other.objects.items()}
        self.history = {resource: list(changes) for resource, changes in other.history.items()}
        self.floor = dict(other.floor)
