"""One kind of the cluster as frozen views: listed, then watched, for ever.

What must hold: an old view is better than none, so nothing is forgotten until a good list or a DELETED event says so;
a kind counts as complete only while a list is done, no object is unreadable, and the watch is alive or was moments
ago, for only a complete view may lead to deletions. `complete` and the views are read under one lock: a list that ends
between the two reads would make an empty view look complete.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from glbc.errors import ClusterError
from glbc.kube.client import Api, ApiError, error_event
from glbc.kube.wire import Event, Named, Page
from glbc.model.view import View
from glbc.model.views import decode_hook

Key = tuple[str, str]  # kind, namespace/name
OnChange = Callable[[set[Key]], None]

_JITTER: Final = random.SystemRandom()
_GONE: Final = 410  # the version we know is compacted: list again
_NOT_FOUND: Final = 404
_EVER: Final = float("inf")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One kind that is watched."""

    kind: str
    path: str  # of the collection, all namespaces
    view: type[View]
    field: str  # of Snapshot
    field_selector: str = ""
    optional: bool = False  # a custom kind that may not be installed: 404 means there are none
    every_version: bool = False  # we patch it guarded by its version: tell also of unseen changes
    matters: Callable[[Any], bool] = lambda _: (
        True
    )  # is a change from or to this view worth telling?

    @property
    def thread_name(self) -> str:
        """Return `watch-ingresses`."""
        return f"watch-{self.path.rpartition('/')[2]}"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the threads are; all in seconds."""

    grace: float = 10.0  # a kind stays complete this long after its watch broke
    backoff_first: float = 0.5  # after the first failure; doubles with each further one
    backoff_most: float = 30.0
    between: float = 0.5  # from the end of a short-lived stream to the next one
    short_lived: float = 5.0  # a stream that lived less is not yet a success
    silence: float = 90.0  # bookmarks come each minute: a stream silent for longer is dead
    watch_least: float = 240.0  # the server is asked to end a stream after a random time
    watch_most: float = 300.0
    empty_again: float = 1.0  # before an empty list in place of a full one is asked for again
    absent_again: float = 10.0  # before an optional kind that is not there is looked for again
    absent_sure: float = 60.0  # how long 404 must last before a kind that had objects is gone
    page: int = 500  # objects per list request


class Reflector:
    """One kind. `run` belongs to its thread, which alone changes the fields; `state` is for all others."""

    def __init__(
        self,
        row: Row,
        api: Api,
        timing: Timing,
        on_change: OnChange,
        believe: Callable[[], None] = lambda: None,
    ) -> None:
        self.row = row
        self.listed = threading.Event()
        self._api = api
        self._timing = timing
        self._on_change = on_change
        self._believe = believe  # raises ClusterError when what was just read does not count
        self._log = structlog.get_logger().bind(kind=row.kind)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            row.view, dec_hook=decode_hook
        )
        self._selected = {"fieldSelector": row.field_selector} if row.field_selector else {}
        self._stopping = threading.Event()
        self._version = ""  # to watch from; "" means list first
        self._failures = 0  # in a row
        self._broken_since: float | None = None  # monotonic
        self._absent_since: float | None = None  # monotonic; since when the kind is not found
        self._last_status = 0  # of the last failure
        self._lock = threading.Lock()  # guards all below
        self._views: dict[str, View] = {}
        self._shared: Mapping[str, View] | None = {}  # a copy of _views that is never changed
        self._unreadable: dict[str, str] = {}  # key -> what is wrong
        self._absent = False  # the kind itself: it is optional, and not installed
        self._open = False  # a watch is
        self._fresh_at = -_EVER  # monotonic; when the views were last known to be up to date

    def state(self) -> tuple[Mapping[str, View], bool]:
        """Return the views, and whether they are complete."""
        with self._lock:
            if self._shared is None:
                self._shared = self._views.copy()
            unseen = self._unreadable.keys() - self._views.keys()
            return self._shared, self.listed.is_set() and self._fresh() and not unseen

    @property
    def absent(self) -> bool:
        """Tell whether the cluster has no such kind."""
        with self._lock:
            return self._absent

    def _fresh(self) -> bool:
        return self._open or time.monotonic() - self._fresh_at <= self._timing.grace

    def unreadable(self) -> Mapping[str, str]:
        """Return the objects that cannot be decoded, and why; their last good views stay."""
        with self._lock:
            return dict(self._unreadable)

    def run(self) -> None:
        """List and watch until told to stop."""
        try:
            while not self._stopping.is_set():
                try:
                    pause = self._turn()
                except ClusterError as error:
                    pause = self._failed(error)
                self._stopping.wait(pause)
        finally:  # however the thread ends, nobody may take its views for fresh
            with self._lock:
                self._open, self._fresh_at = False, -_EVER

    def stop(self) -> None:
        """Tell `run` to end; closing the Api wakes it."""
        self._stopping.set()

    def _turn(self) -> float:
        """List if needed, then watch one stream to its end; return the seconds to wait then."""
        with self._lock:
            # after a longer outage the server may not be the one whose versions we know
            if not self._fresh():
                self._version = ""
        if not self._version:
            self._list()
            if not self._version:
                with self._lock:  # "there are none" holds until it is looked for again
                    self._fresh_at = time.monotonic() + self._timing.absent_again
                return self._timing.absent_again
        lived = self._watch()
        return 0.0 if lived >= self._timing.short_lived else self._timing.between

    def _failed(self, error: ClusterError) -> float:
        """Record a failure; return the seconds to wait before the next try."""
        if self._stopping.is_set():
            return 0.0
        expired = error.status == _GONE
        if expired:
            self._version = ""
        if expired:
            self._log.info("watch_expired")
        elif (
            self._broken_since is None or error.status != self._last_status
        ):  # a line per outage, not per try
            self._log.warning("watch_broken", error=str(error), status=error.status)
        self._last_status = error.status
        if self._broken_since is None:
            self._broken_since = time.monotonic()
        doubled: float = self._timing.backoff_first * 2.0 ** min(self._failures, 16)
        self._failures += 1
        after = error.retry_after if isinstance(error, ApiError) else 0.0
        # a server that names a time means it: then jitter only adds
        if after:
            return max(after, self._timing.backoff_first) * _JITTER.uniform(1.0, 1.2)
        return min(doubled, self._timing.backoff_most) * _JITTER.uniform(0.5, 1.0)

    def _tell_restored(self) -> None:
        """The server answers: tell if that was not so."""
        since, self._broken_since = self._broken_since, None
        if since is not None:
            self._log.info("watch_restored", seconds=round(time.monotonic() - since, 1))
            self._on_change(set())  # completeness has changed

    # -- list

    def _list(self) -> None:
        views, unreadable, version = self._pages()
        if not views and not unreadable and self._views:
            # suspicious: an API server that lost its storage looks like that for a moment
            self._log.warning("list_suddenly_empty", known=len(self._views))
            if self._stopping.wait(self._timing.empty_again):
                return
            views, unreadable, version = self._pages()
        if self.listed.is_set():  # at the start it was looked at a moment ago
            self._believe()
        self._version = version
        self._replace(views, unreadable)

    def _pages(self) -> tuple[dict[str, View], dict[str, str], str]:
        """Return the views of a whole list, what could not be read, and the list's version."""
        views: dict[str, View] = {}
        unreadable: dict[str, str] = {}
        query = {"limit": str(self._timing.page), **self._selected}
        while True:
            try:
                body = self._api.request("GET", self.row.path, query)
            except ApiError as error:
                if error.status == _NOT_FOUND and self._is_gone():
                    return {}, {}, ""
                raise
            try:
                page = msgspec.json.decode(body, type=Page)
            except msgspec.MsgspecError as error:
                raise ApiError(f"{self._where}: the answer is not a list: {error}") from error
            self._absent_since = None
            for raw in page.items or ():
                self._read(raw, views, unreadable)
            if not page.metadata.next_page:
                return views, unreadable, page.metadata.resource_version
            query["continue"] = page.metadata.next_page

    def _is_gone(self) -> bool:
        """Say whether 404 means that there are none: a server that starts says so of custom kinds, too.

        A kind that is removed is emptied first, and that is seen; so one that had objects a moment ago
        must be away for a while.
        """
        now = time.monotonic()
        self._absent_since = now if self._absent_since is None else self._absent_since
        sure = not self._views or now - self._absent_since >= self._timing.absent_sure
        return self.row.optional and sure

    def _read(
        self, raw: msgspec.Raw, views: dict[str, View], unreadable: dict[str, str]
    ) -> str | None:
        """Decode one object into `views`, or note in `unreadable` why not; return its key."""
        try:
            view = self._decoder.decode(raw)
        except msgspec.MsgspecError as error:
            named = self._named(raw)
            if named is None:
                return None
            if named.key not in self._unreadable:
                self._log.error("object_unreadable", object=named.key, error=str(error))
            unreadable[named.key] = str(error)
            return named.key
        key = f"{view.metadata.namespace}/{view.metadata.name}"
        key = key.removeprefix("/")
        views[key] = view
        unreadable.pop(key, None)
        return key

    def _named(self, raw: msgspec.Raw) -> Named | None:
        try:
            named = msgspec.json.decode(raw, type=Named)
        except msgspec.MsgspecError as error:
            self._log.error("object_without_name", error=str(error))
            return None
        return named

    def _replace(self, views: dict[str, View], unreadable: dict[str, str]) -> None:
        """Take over a finished list; what it could not read keeps its old view."""
        old = self._views
        kept = {key: old[key] for key in unreadable if key in old and key not in views}
        new = views | kept
        changed = {
            key for key in old.keys() | new.keys() if self._differs(old.get(key), new.get(key))
        }
        with self._lock:
            first = not self.listed.is_set()
            came = self._absent and bool(self._version)
            self._absent = not self._version
            self._views, self._shared, self._unreadable = new, None, unreadable
            self._fresh_at = time.monotonic()
            self.listed.set()
        self._tell_restored()
        if first:
            self._log.info("kind_listed", objects=len(new), unreadable=len(unreadable))
        if changed or first or came:
            self._on_change({(self.row.kind, key) for key in changed})

    # -- watch

    def _watch(self) -> float:
        """Watch one stream to its end; return the seconds that it lived."""
        timing = self._timing
        seconds = _JITTER.uniform(timing.watch_least, timing.watch_most)
        query = {
            "watch": "true",
            **self._selected,
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        with self._api.stream(self.row.path, query, silence=timing.silence) as stream:
            began = time.monotonic()
            self._believe()
            self._set_open()
            good = said = False  # a stream that breaks before it said anything proves nothing
            try:
                for line in stream:
                    if line.strip() and not self._stopping.is_set():
                        self._take(line)
                        good = said = True
                good = True
            finally:
                lived = time.monotonic() - began
                if not said and lived >= timing.silence:
                    # a server that was put back to older data is silent up to a version it had
                    self._version = ""
                self._set_closed(good=good or lived >= timing.short_lived)
                if lived >= timing.short_lived:
                    self._failures = 0
        return lived

    def _set_open(self) -> None:
        with self._lock:
            self._open = True
        self._tell_restored()

    def _set_closed(self, *, good: bool) -> None:
        with self._lock:
            self._open = False
            if good:
                self._fresh_at = time.monotonic()

    def _take(self, line: bytes) -> None:
        """Handle one event, and only then move our version past it."""
        try:
            event = msgspec.json.decode(line, type=Event)
        except msgspec.MsgspecError as error:
            raise ApiError(f"{self._where}: the watch sent no event: {error}") from error
        if event.type == "ERROR":
            raise error_event(self._where, event.object)
        named = self._named(event.object)
        if named is None:
            return
        if event.type in {"ADDED", "MODIFIED"}:
            self._put(event.object)
        elif event.type == "DELETED":
            self._drop(named.key)
        self._version = named.metadata.resource_version or self._version

    def _put(self, raw: msgspec.Raw) -> None:
        views: dict[str, View] = {}
        unreadable: dict[str, str] = {}
        key = self._read(raw, views, unreadable)
        if key is None:
            return
        old, new = self._views.get(key), views.get(key)
        with self._lock:
            self._unreadable.pop(key, None)
            if new is None:
                self._unreadable |= unreadable
                return
            if new == old:  # a change of what the view leaves out: who holds it needs no other
                return
            self._views[key] = new
            self._shared = None
        if self._differs(old, new):
            self._on_change({(self.row.kind, key)})

    def _drop(self, key: str) -> None:
        with self._lock:
            old = self._views.pop(key, None)
            unread = self._unreadable.pop(key, None) is not None
            self._shared = None
        if unread or self._differs(old, None):
            self._on_change({(self.row.kind, key)})

    def _differs(self, old: View | None, new: View | None) -> bool:
        """Say whether a change is worth telling; a node's heartbeat, for one, is not."""
        if not any(view is not None and self.row.matters(view) for view in (old, new)):
            return False
        if old is None or new is None or self.row.every_version:
            return old != new
        return _versionless(old) != _versionless(new)

    @property
    def _where(self) -> str:
        return f"{self._api.host}{self.row.path}"


def _versionless(view: Any) -> View:
    if not hasattr(view.metadata, "resource_version"):
        return view  # type: ignore[no-any-return]
    meta = msgspec.structs.replace(view.metadata, resource_version="")
    replaced: View = msgspec.structs.replace(view, metadata=meta)
    return replaced
