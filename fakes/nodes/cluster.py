"""What the API server holds, as far as it concerns us: one store per kind, kept by list and watch.

Our own writes are folded in at once, so a decision never rests on a state that we have changed
ourselves since: without that a controller would make its Pods twice. An older version never
replaces a newer one, and what we saw deleted does not come back by a late event.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from fakes.nodes.api import Api, ApiError
from fakes.nodes.available import Available
from fakes.nodes.kinds import NAMESPACE, WATCHED, Key, Kind, Obj, key_of, uid_of, version_of

AGAIN_SEC: Final = (0.05, 1.0)  # the first and the longest wait before the API is tried again
SHORT_SEC: Final = 0.05  # a watch that ended well is opened again no sooner
GONE: Final = 410
REMEMBERED: Final = 5000  # UIDs of deleted objects

log = logging.getLogger(__name__)

Listener = Callable[[Kind, Obj | None, Obj | None], None]  # kind, what it was, what it is


class ClusterChangedError(Exception):
    """Behind the same address is another cluster now: start over."""


class Store:
    """The objects of one kind. Its only writers are its reflector and `fold`."""

    def __init__(self, kind: Kind, changed: Listener) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        self._changed = changed
        self._objects: dict[Key, Obj] = {}
        self._deleted: dict[str, None] = {}  # UIDs, oldest first

    def __iter__(self) -> Iterator[Obj]:
        return iter(tuple(self._objects.values()))

    def get(self, namespace: str, name: str) -> Obj | None:
        """Return an object, None when there is none."""
        return self._objects.get((namespace, name))

    def fold(self, obj: Obj) -> None:
        """Take in a version of an object, unless a newer one is known."""
        old = self._objects.get(key_of(obj))
        if uid_of(obj) in self._deleted:
            return
        if old is not None and version_of(old) >= version_of(obj):
            return
        self._objects[key_of(obj)] = obj
        self._changed(self.kind, old, obj)

    def drop(self, obj: Obj) -> None:
        """Take note that an object is gone; a successor of the same name stays."""
        self._deleted[uid_of(obj)] = None
        if len(self._deleted) > REMEMBERED:
            del self._deleted[next(iter(self._deleted))]
        old = self._objects.get(key_of(obj))
        if old is not None and uid_of(old) == uid_of(obj):
            del self._objects[key_of(obj)]
            self._changed(self.kind, old, None)

    def replace(self, version: int, objs: list[Obj]) -> None:
        """Take in a list that was made at a version; what is newer here stays."""
        listed = {key_of(obj) for obj in objs}
        for key, old in tuple(self._objects.items()):
            if key not in listed and version_of(old) <= version:
                self.drop(old)
        for obj in objs:
            was = self._objects.get(key_of(obj))
            if was is not None and uid_of(was) != uid_of(obj) and version_of(was) <= version:
                self.drop(was)
            self.fold(obj)
        self.synced.set()


class Cluster:
    """All stores and the one way to write. Owned by one event loop."""

    def __init__(self, api: Api, scale: float = 1.0) -> None:
        """Know nothing yet; `scale` is what the seconds of manifests are multiplied by."""
        self.api = api
        self.stores = {kind: Store(kind, self._tell) for kind in WATCHED}
        self.available = Available(scale)
        self.listeners: list[Listener] = [self.available.changed]
        self._identity = ""

    def __getitem__(self, kind: Kind) -> Store:
        return self.stores[kind]

    def _tell(self, kind: Kind, old: Obj | None, new: Obj | None) -> None:
        for listener in self.listeners:
            listener(kind, old, new)

    async def synced(self) -> None:
        """Wait until every kind has been listed."""
        for store in self.stores.values():
            await store.synced.wait()

    # --- writing: the answer is folded in before anybody else runs ---

    async def create(self, kind: Kind, obj: Obj) -> Obj:
        """Create an object; return it."""
        made = await self.api.create(kind, obj)
        self.stores[kind].fold(made)
        return made

    async def patch(self, kind: Kind, obj: Obj, body: Obj, *, sub: str = "") -> Obj:
        """Change an object; return what it became."""
        made = await self.api.patch(kind, obj, body, sub=sub)
        store = self.stores[kind]
        meta = made["metadata"]
        held = meta.get("finalizers") or meta.get("deletionGracePeriodSeconds")
        if meta.get("deletionTimestamp") and not held:
            store.drop(made)  # it went with its last finalizer
        else:
            store.fold(made)
        return made

    async def delete(self, kind: Kind, obj: Obj, *, grace: int | None = None) -> None:
        """Ask for an object's deletion; fine when it is gone already."""
        try:
            left = await self.api.delete(kind, obj, grace=grace)
        except ApiError as error:
            if error.status not in {404, 409}:
                raise
            left = {}
        if (left.get("metadata") or {}).get("uid") == uid_of(obj):
            self.stores[kind].fold(left)
        else:
            self.stores[kind].drop(obj)

    # --- reading ---

    async def reflect(self, kind: Kind) -> None:
        """Keep one store, for ever.

        Raises:
            ClusterChangedError: the server came back with another cluster.
        """
        wait = AGAIN_SEC[0]
        while True:
            try:
                await self._check_identity()
                version, objs = await self.api.list(kind)
                self.stores[kind].replace(version, objs)
                wait = AGAIN_SEC[0]
                await self._follow(kind, version)
            except ApiError as error:
                if error.status != GONE:
                    log.info("%s: %s", kind.plural, error)
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, AGAIN_SEC[1])

    async def _follow(self, kind: Kind, version: int) -> None:
        """Watch until something breaks; a watch that merely ended is opened again."""
        store = self.stores[kind]
        while True:
            async with contextlib.aclosing(self.api.watch(kind, version)) as events:
                async for event in events:
                    obj = event["object"]
                    if event["type"] in {"ADDED", "MODIFIED"}:
                        store.fold(obj)
                    elif event["type"] == "DELETED":
                        store.drop(obj)
                    version = max(version, version_of(obj))
            await asyncio.sleep(SHORT_SEC)
            await self._check_identity()

    async def _check_identity(self) -> None:
        """Compare the cluster with the one of last time, by its oldest namespace."""
        meta = (await self.api.get(NAMESPACE, "", "kube-system"))["metadata"]
        identity = f"{meta.get('uid')} {meta.get('creationTimestamp')}"
        if self._identity not in {"", identity}:
            raise ClusterChangedError(self.api.host)
        self._identity = identity
