"""A watch: a cursor into the history, which somebody else drives.

Nothing here waits. A door asks `poll()` for what has happened since the last time and is told by
the store's listener when asking again is worth while; so the in-process door needs no thread and
the HTTP door no polling.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakes.kube.errors import ApiError, Obj
from fakes.kube.selectors import Predicate
from fakes.kube.store import Change, Store

Event = dict[str, Any]

INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True)
class Scope:
    """What a watch looks at, and how it is shown."""

    resource: str
    namespace: str
    matches: Predicate
    shown: Callable[[Obj], Obj]  # the served version, or a table of one row
    kind: str
    api_version: str


class Watch:
    """Owned by the door that opened it."""

    def __init__(self, store: Store, scope: Scope, *, bookmarks: bool) -> None:
        self.scope = scope
        self.rv = store.rv
        self.closed = False
        self.bookmarks = bookmarks
        self.silent = False  # it hangs: nothing is said any more
        self.timeout: float | None = None  # seconds until a normal end
        self._store = store
        self._first: list[Event] = []
        self._pending_bookmark = False

    def begin(self, rv: int | None, *, initial_end: bool) -> None:
        """Start after a version, or with everything there is.

        Raises:
            ApiError: 410 when the version is compacted.
        """
        scope = self.scope
        if rv is not None:
            self._store.since(scope.resource, rv)
            self.rv = rv
            return
        self._first = [
            {"type": "ADDED", "object": scope.shown(obj)}
            for obj in self._store.all(scope.resource, scope.namespace)
            if scope.matches(obj)
        ]
        if initial_end:
            self._first.append(self._bookmark({INITIAL_END: "true"}))

    def _bookmark(self, annotations: dict[str, str] | None = None) -> Event:
        meta: Obj = {"resourceVersion": str(self.rv), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        body = {"kind": self.scope.kind, "apiVersion": self.scope.api_version, "metadata": meta}
        return {"type": "BOOKMARK", "object": body}

    def _event(self, change: Change) -> Event | None:
        """Return what a change looks like through the selectors; None: it is not seen."""
        scope = self.scope
        if scope.namespace and change.obj["metadata"].get("namespace") != scope.namespace:
            return None
        was = change.old is not None and scope.matches(change.old)
        now = change.type != "DELETED" and scope.matches(change.obj)
        if not was and not now:
            return None
        kind = "MODIFIED" if was and now else "ADDED" if now else "DELETED"
        obj = change.obj
        if kind == "DELETED" and change.type != "DELETED" and change.old is not None:
            version = change.obj["metadata"]["resourceVersion"]
            obj = change.old | {"metadata": change.old["metadata"] | {"resourceVersion": version}}
        return {"type": kind, "object": scope.shown(obj)}

    def poll(self) -> list[Event]:
        """Return the events since the last call; an expired watch gets one ERROR and is closed."""
        if self.closed or self.silent:
            return []
        events, self._first = self._first, []
        try:
            changes = self._store.since(self.scope.resource, self.rv)
        except ApiError as error:
            self.closed = True
            return [*events, {"type": "ERROR", "object": error.status()}]
        for change in changes:
            self.rv = change.rv
            if (event := self._event(change)) is not None:
                events.append(event)
        self.rv = max(self.rv, self._store.rv)
        if self._pending_bookmark:
            self._pending_bookmark = False
            events.append(self._bookmark())
        return events

    def bookmark(self) -> None:
        """Let the next poll end with a bookmark, if this watch asked for them.

        A watch from a version that is still to come (the server's data were put back to older ones)
        hears of nothing up to it, neither changes nor bookmarks: so does the real server's cache.
        """
        self._pending_bookmark = self.bookmarks and self.rv <= self._store.rv
