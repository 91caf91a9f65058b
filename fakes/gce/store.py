"""What exists, who refers to whom, and what changed when.

An entry holds what is visible (`state`) and what its operation in flight will make visible
(`pending`). References and addresses of both count, so that nothing a running operation relies
on can be taken away. States are never changed in place: copying a world copies no body.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fakes.gce import kinds
from fakes.gce.links import Key, parse
from fakes.gce.wire import Json

CHANGES_KEPT = 100_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """One version of a resource: what reads show, and what they never show."""

    body: Json
    hidden: Json = field(default_factory=dict)

    def __deepcopy__(self, memo: dict[int, Any]) -> "State":
        return self


@dataclass(slots=True)
class Entry:
    """One resource and the operation in flight on it, if any."""

    key: Key
    state: State | None = None  # None: not visible yet
    pending: State | None = None
    flight: str = ""  # name of the operation in flight
    deleting: bool = False
    refs: frozenset[Key] = frozenset()
    ips: frozenset[str] = frozenset()

    @property
    def newest(self) -> State:
        """Return the version that the operation in flight will leave behind."""
        state = self.pending or self.state
        return state if state is not None else State({})


@dataclass(frozen=True, slots=True)
class Change:
    """One visible change of the world."""

    seq: int
    op: str  # insert, update or delete
    key: Key

    def __deepcopy__(self, memo: dict[int, Any]) -> "Change":
        return self


@dataclass(slots=True)
class Store:
    """All entries with their indexes. Owned by the world, used under its lock."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    by_scope: dict[tuple[str, str], dict[str, Entry]] = field(default_factory=dict)
    by_id: dict[str, Key] = field(default_factory=dict)
    changes: deque[Change] = field(default_factory=lambda: deque(maxlen=CHANGES_KEPT))
    seq: int = 0
    past: deque[tuple[float, Key, State | None]] = field(default_factory=deque)
    _users: dict[Key, dict[Key, None]] = field(default_factory=dict)
    _at_ip: dict[str, dict[Key, None]] = field(default_factory=dict)

    def get(self, key: Key) -> Entry | None:
        """Return an entry, visible or not."""
        return self.entries.get(key)

    def visible(self, key: Key) -> State | None:
        """Return what reads show."""
        entry = self.entries.get(key)
        return entry.state if entry else None

    def within(self, kind: str, scope: str) -> dict[str, Entry]:
        """Return the entries of one kind and scope by name."""
        return self.by_scope.get((kind, scope), {})

    def scopes(self, kind: str) -> list[str]:
        """Return the scopes in which entries of a kind exist."""
        return [scope for k, scope in self.by_scope if k == kind]

    def count(self, kind: str) -> int:
        """Return how many entries of a kind exist or are about to."""
        return sum(len(rows) for (k, _), rows in self.by_scope.items() if k == kind)

    def users(self, key: Key) -> Iterator[Entry]:
        """Yield the entries that refer to a resource, or are about to."""
        for user in self._users.get(key, ()):
            yield self.entries[user]

    def at_ip(self, ip: str) -> Iterator[Entry]:
        """Yield the forwarding rules and addresses that hold an IP, or are about to."""
        for user in self._at_ip.get(ip, ()):
            yield self.entries[user]

    def add(self, key: Key) -> Entry:
        """Make room for a resource; it is not visible yet."""
        entry = Entry(key)
        self.entries[key] = entry
        self.by_scope.setdefault((key.kind, key.scope), {})[key.name] = entry
        return entry

    def hold(self, entry: Entry, pending: State | None, operation: str) -> None:
        """Note what an operation in flight will do to an entry."""
        entry.flight = operation
        entry.pending = pending
        self._index(entry)

    def show(self, entry: Entry, state: State, since: float | None = None) -> None:
        """Make a version visible; `since` is given if lagging reads must find the old one."""
        self._remember(entry, since)
        op = "insert" if entry.state is None else "update"
        entry.state, entry.pending, entry.flight = state, None, ""
        self.by_id[str(state.body["id"])] = entry.key
        self._index(entry)
        self._note(op, entry.key)

    def release(self, entry: Entry) -> None:
        """End an operation that changed nothing."""
        entry.pending, entry.flight, entry.deleting = None, "", False
        if entry.state is None:
            self._drop(entry)
        else:
            self._index(entry)

    def remove(self, entry: Entry, since: float | None = None) -> None:
        """Make a resource disappear."""
        self._remember(entry, since)
        self._drop(entry)
        self._note("delete", entry.key)

    def _drop(self, entry: Entry) -> None:
        if entry.state is not None:
            self.by_id.pop(str(entry.state.body["id"]), None)
        entry.state = entry.pending = None
        self._index(entry)
        del self.entries[entry.key]
        del self.by_scope[entry.key.kind, entry.key.scope][entry.key.name]

    def _remember(self, entry: Entry, since: float | None) -> None:
        if since is not None:
            self.past.append((since, entry.key, entry.state))

    def as_of(self, kind: str, scope: str, when: float) -> dict[str, State]:
        """Return the resources of a kind and scope as they were seen at a past time."""
        rows = {n: e.state for n, e in self.within(kind, scope).items() if e.state is not None}
        for changed, key, before in reversed(self.past):
            if changed <= when:
                break
            if (key.kind, key.scope) != (kind, scope):
                continue
            if before is None:
                rows.pop(key.name, None)
            else:
                rows[key.name] = before
        return rows

    def forget(self, before: float) -> None:
        """Drop past versions that no lagging read asks for any more."""
        while self.past and self.past[0][0] < before:
            self.past.popleft()

    def _note(self, op: str, key: Key) -> None:
        self.seq += 1
        self.changes.append(Change(self.seq, op, key))

    def _index(self, entry: Entry) -> None:
        refs: set[Key] = set()
        ips: set[str] = set()
        for state in (entry.state, entry.pending):
            if state is not None:
                refs |= _refs(entry.key.kind, state)
                ips |= _ips(entry.key.kind, state)
        _reindex(self._users, entry.key, entry.refs, frozenset(refs))
        _reindex(self._at_ip, entry.key, entry.ips, frozenset(ips))
        entry.refs, entry.ips = frozenset(refs), frozenset(ips)


def _reindex(
    index: dict[T, dict[Key, None]], key: Key, old: frozenset[T], new: frozenset[T]
) -> None:
    for gone in old - new:
        users = index[gone]
        del users[key]
        if not users:
            del index[gone]
    for come in new - old:
        index.setdefault(come, {})[key] = None


def _refs(kind: str, state: State) -> set[Key]:
    found = {parse(text) for _, text, _ in kinds.references(kind, state.body)}
    for name in ("members", "endpoints"):
        for member in state.hidden.get(name, ()):
            text = member if name == "members" else member.get("instance", "")
            found.add(parse(text) if text else None)
    return {link.key for link in found if link is not None}


def _ips(kind: str, state: State) -> set[str]:
    name = {"forwardingRules": "IPAddress", "addresses": "address"}.get(kind)
    ip = state.body.get(name) if name else None
    return {ip} if ip else set()
