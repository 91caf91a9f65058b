"""One fake cluster, and the two doors' common way in: `handle`.

All state is here and under one lock: the store, the clock's reading, the faults, the record of
calls. A world can be copied (`copy.deepcopy`) or put back (`snapshot`, `restore`), which costs
the indexes only, since stored objects never change.
"""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from fakes.clock import Clock, RealClock, VirtualClock
from fakes.kube.bodies import Target
from fakes.kube.control import control
from fakes.kube.door import ConnectionDroppedError, Request, Response
from fakes.kube.errors import ApiError, Obj
from fakes.kube.faults import Call, Fault, Journal
from fakes.kube.fields import copied
from fakes.kube.kinds import Kind
from fakes.kube.objects import NAMESPACES, Options
from fakes.kube.priority import Limit
from fakes.kube.routes import Router, refusal
from fakes.kube.store import Key, Store, key_of
from fakes.kube.watch import Watch

Objs = list[Obj]  # World.list hides the name of the type
Calls = list[Call]

SEEDED = ("default", "kube-public", "kube-system")


class Snapshot(NamedTuple):
    """The state of a world at one moment; good for any number of restores."""

    store: Store
    random: Any
    next_port: int
    next_ip: int
    applied: dict[tuple[str, Key], Obj]


class World:
    """A cluster without controllers. Every method may be called from any thread."""

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        self.clock: Clock = clock or RealClock()
        self.seed = seed  # of the UIDs: two clusters that meet must differ in it
        self.bookmark_every = 60.0  # seconds between the bookmarks of an HTTP watch
        self._lock = threading.RLock()
        self._wakers: list[Callable[[], None]] = []
        self._applied: dict[tuple[str, Key], Obj] = {}  # metadata of the last manifests applied
        self._store = Store()
        self._begin()

    def _begin(self) -> None:
        self._router = Router(self._store, self.clock, self.seed)
        self._objects, self._verbs = self._router.objects, self._router.verbs
        for name in SEEDED:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    # --- the door ---

    def handle(self, request: Request) -> Response:
        """Answer a request in process; the body may be changed by the caller.

        Raises:
            ConnectionDroppedError: a fault dropped the connection.
        """
        response = self.answer(request)
        if response.delay:
            self._wait(response.delay)
        if response.dropped:
            raise ConnectionDroppedError(f"{request.method} {request.path}: dropped on demand")
        if isinstance(response.body, bytes) and response.body:
            response.body = msgspec.json.decode(response.body)
        response.body = copied(response.body)
        return response

    def _wait(self, seconds: float) -> None:
        if isinstance(self.clock, VirtualClock):
            self.clock.advance(seconds)
        else:
            time.sleep(seconds)

    def answer(self, request: Request) -> Response:
        """Answer a request for a door that waits and drops connections itself."""
        parts = [part for part in request.url_path.split("/") if part]
        with self._lock:
            if parts[:1] != ["_fake"]:
                return self._router.answer(request)
            try:
                return control(self, request, parts[1:])
            except ApiError as error:
                return refusal(error)

    @property
    def gone_in_stream(self) -> bool:
        """How a watch below the compaction is refused: in its stream, or by HTTP 410."""
        return self._router.gone_in_stream

    @gone_in_stream.setter
    def gone_in_stream(self, value: bool) -> None:
        self._router.gone_in_stream = value

    # --- in process, for tests and for the other fakes ---

    @property
    def resource_version(self) -> int:
        """Return the version of the last write."""
        return self._store.rv

    def apply(self, obj: Obj) -> Obj:
        """Create an object, or replace its spec and leave its status; return it.

        The namespace is made when it is missing; a status in the manifest is written too. Labels,
        annotations and finalizers that others have added stay; those of an earlier manifest that
        this one leaves out go, as with `kubectl apply`.

        Raises:
            ApiError: what the server refuses.
        """
        with self._lock:
            kind = self._objects.catalog.of(obj)
            meta = dict(obj.get("metadata") or {})
            if kind.namespaced:
                meta.setdefault("namespace", "default")
                self._ensure_namespace(meta["namespace"])
            place = Target(kind, meta.get("namespace", ""), meta.get("name", ""))
            for name in ("resourceVersion", "uid", "managedFields"):
                meta.pop(name, None)
            body = copied(obj) | {"metadata": meta}
            self._verbs.bodies.warnings = []
            new = self._verbs.bodies.manifest(place, body)
            old = self._store.get(kind.resource, (place.namespace, place.name))
            mine = copied(new["metadata"])
            if old is None:
                stored = self._objects.create(kind, new, Options())
            else:
                last = self._applied.get((kind.resource, key_of(old)), {})
                new["metadata"] |= _carried(old["metadata"], mine, last)
                new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
                stored = self._objects.replace(kind, old, new, Options())
            self._applied[kind.resource, key_of(stored)] = mine
            if kind.status and "status" in new:
                stored = self._objects.replace(
                    kind, stored, stored | {"status": new["status"]}, Options(subresource="status")
                )
            shown: Obj = copied(self._verbs.show(kind, stored))
            return shown

    def _ensure_namespace(self, name: str) -> None:
        if self._store.get(NAMESPACES, ("", name)) is None:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def get(self, kind: str, name: str) -> Obj | None:
        """Return an object by `ns/name` (or `name`, in no namespace), or None."""
        with self._lock:
            row = self._objects.catalog.named(kind)
            found: Obj | None = copied(self._store.get(row.resource, _key(row, name)))
            return found

    def list(self, kind: str, namespace: str = "") -> Objs:
        """Return the objects of a kind by namespace and name."""
        with self._lock:
            row = self._objects.catalog.named(kind)
            return [copied(obj) for obj in self._store.all(row.resource, namespace)]

    def delete(self, kind: str, name: str) -> bool:
        """Ask for an object's deletion; return whether it is gone already.

        Raises:
            ApiError: 404 when it is not there.
        """
        with self._lock:
            row = self._objects.catalog.named(kind)
            obj = self._objects.get(row, *_key(row, name))
            return self._objects.delete(row, obj)[1]

    def changes(self, kind: str, since_rv: int | str = 0) -> Objs:
        """Return the watch events of a kind after a version, oldest first.

        Raises:
            ApiError: 410 when the version is compacted.
        """
        with self._lock:
            row = self._objects.catalog.named(kind)
            return [
                {"type": change.type, "object": copied(change.obj)}
                for change in self._store.since(row.resource, int(since_rv))
            ]

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Have a function called (with the resource) on every write; return how to end that.

        It is called under the world's lock, so it should do no more than wake somebody.
        """
        self._store.listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._store.listeners:
                    self._store.listeners.remove(listener)

        return end

    # --- trouble ---

    def fault(self, fault: Fault | None = None, **fields: Any) -> None:
        """Let a fault wait for its calls: a Fault, or its fields."""
        with self._lock:
            self._router.faults.add(fault or Fault(**fields))

    def faults(self) -> Objs:
        """Return the faults that wait."""
        with self._lock:
            return self._router.faults.listed()

    def clear_faults(self) -> None:
        """Take back all faults."""
        with self._lock:
            self._router.faults.clear()

    def compact(self) -> int:
        """Forget the history: older watches and continue tokens get 410 from now on."""
        with self._lock:
            return self._store.compact()

    def close_watches(self) -> int:
        """End all open watches as a server that restarts does; return how many."""
        with self._lock:
            open_ones = [one for one in self._router.watches if not one.closed]
            for watch in open_ones:
                watch.closed = True
            self._router.watches.clear()
            self._wake()
            return len(open_ones)

    def open_watches(self) -> int:
        """Return how many watches are open."""
        with self._lock:
            return sum(not one.closed for one in self._router.watches)

    def bookmark(self) -> None:
        """Send a bookmark now on every watch that asked for them."""
        with self._lock:
            for watch in self._router.watches:
                watch.bookmark()
            self._wake()

    def wake_with(self, waker: Callable[[], None]) -> Callable[[], None]:
        """Have a function called when a watch ends or has a bookmark; return how to end that."""
        self._wakers.append(waker)

        def end() -> None:
            with self._lock:
                if waker in self._wakers:
                    self._wakers.remove(waker)

        return end

    def _wake(self) -> None:
        for waker in tuple(self._wakers):
            waker()

    def poll(self, watch: Watch) -> Objs:
        """Return a watch's new events, under the lock."""
        with self._lock:
            return watch.poll()

    # --- users ---

    def limit(self, limit: Limit | None = None, **fields: Any) -> None:
        """Let each user who has a token ask only so often: a Limit, or its fields; none lifts it."""
        with self._lock:
            self._router.fairness.limit = limit or Limit(**fields)

    def authorize(self, token: str, user: str) -> None:
        """Let a token be a user's: its calls may do what RBAC grants that user, and no more."""
        with self._lock:
            self._router.authorizer.users[token] = user

    def revoke(self, token: str) -> None:
        """Let a token be nobody's: its calls are answered with 401, as when it has expired."""
        with self._lock:
            self._router.authorizer.revoke(token)

    def rbac(self) -> Obj:
        """Return the users, their grants with how often each was used, and what was denied."""
        with self._lock:
            return self._router.authorizer.report()

    # --- the record ---

    def calls(self, since: int = 0) -> Calls:
        """Return the calls after a number (0: all)."""
        with self._lock:
            return self._router.journal.since(since)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many calls there were per verb and resource."""
        with self._lock:
            return self._router.journal.counts()

    def forget_calls(self) -> None:
        """Begin the record anew."""
        with self._lock:
            self._router.journal = Journal()

    # --- copies ---

    def reset(self) -> None:
        """Begin anew: an empty cluster, no faults, no calls, no watches."""
        with self._lock:
            self.close_watches()
            self._applied.clear()
            rv = self._store.rv
            self._store.become(Store())
            self._store.rv = rv + 1  # versions never go back for clients that are still there
            self._store.compact()
            self._begin()

    def snapshot(self) -> Snapshot:
        """Return the state of the cluster, without faults and calls."""
        with self._lock:
            objects = self._objects
            allocator = objects.allocator
            state = objects.random.getstate()
            return Snapshot(
                self._store.copy(),
                state,
                allocator.next_port,
                allocator.next_ip,
                dict(self._applied),
            )

    def restore(self, snapshot: Snapshot) -> None:
        """Put a state back; open watches are closed."""
        with self._lock:
            self.close_watches()
            self._store.become(snapshot.store)
            objects = self._objects
            objects.random.setstate(snapshot.random)
            objects.allocator.next_port = snapshot.next_port
            objects.allocator.next_ip = snapshot.next_ip
            objects.allocator.forget()
            self._applied = dict(snapshot.applied)

    def __deepcopy__(self, memo: dict[int, Any]) -> "World":
        twin = World(copy.deepcopy(self.clock, memo), seed=self.seed)
        twin.gone_in_stream, twin.bookmark_every = self.gone_in_stream, self.bookmark_every
        twin.restore(self.snapshot())
        twin._router.authorizer.become(self._router.authorizer)
        memo[id(self)] = twin
        return twin

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock, for several calls that belong together."""
        with self._lock:
            yield


def _carried(old: Obj, new: Obj, last: Obj) -> Obj:
    """Return what others have put into labels, annotations and finalizers, and the manifest's."""
    carried: Obj = {}
    for field in ("labels", "annotations"):
        kept = {k: v for k, v in (old.get(field) or {}).items() if k not in (last.get(field) or {})}
        carried[field] = kept | (new.get(field) or {})
    wanted = new.get("finalizers") or []
    mine = {*wanted, *(last.get("finalizers") or [])}
    carried["finalizers"] = [one for one in old.get("finalizers") or [] if one not in mine] + wanted
    return {field: value for field, value in carried.items() if value}


def _key(kind: Kind, name: str) -> tuple[str, str]:
    namespace, _, rest = name.rpartition("/")
    return (namespace or "default", rest) if kind.namespaced else ("", rest)
