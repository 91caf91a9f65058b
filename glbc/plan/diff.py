"""Three-way field diff: what is wanted, what is there, what we set before.

Own fields, not objects: a field that is neither wanted nor set by us is somebody's and stays. An
initial value (our default) is sent at creation and then anyone's; a field that a user asks for is
corrected, and when he asks no more it goes back to our default, or to the API's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import Spec
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import ROWS, Keyed, Row
from glbc.model.private import Private
from glbc.model.record import orphan_of, recorded, renewed, with_orphan

RIDING: Final[Mapping[str, frozenset[str]]] = {
    Kind.HEALTH_CHECK: frozenset({"http_health_check", "https_health_check", "http2_health_check"}),
}
"""Initial fields that go with a due change where they are missing: a check that gets another type
needs that type's own block."""


class Change(msgspec.Struct, frozen=True):
    """One field that has to change; `after` is the whole new value, UNSET to clear it."""

    field: str
    before: Any
    after: Any


class Neighbours(msgspec.Struct, frozen=True):
    """What the diff of one resource must know of those around it in the actual graph."""

    owned: Callable[[ResourceKey], bool]
    referrers: tuple[Spec, ...] = ()  # specs of what refers to the resource
    unseen: bool = False  # may there be more that refer to it?


def diff(
    kind: str,
    want: Spec,
    live: Spec,
    near: Neighbours,
    set_by_us: Iterable[str] = (),
    enforced: Iterable[str] = (),
) -> tuple[Change, ...]:
    """Return what must change in `live` to hold what is wanted, in the order of the fields.

    Args:
        kind: the kind of both specs; its row says which fields are initial, keyed or sets.
        want: the wanted spec, normalised. A field left UNSET is not wanted.
        live: the observed spec, completed.
        near: ownership and referrers in the actual graph.
        set_by_us: paths that we set earlier: those are cleared when they are not wanted any more.
        enforced: paths that a user asks for: those are corrected though they be initial.
    """
    row = ROWS[Kind(kind)]
    said = _Said(row, frozenset(set_by_us), frozenset(enforced))
    changes: list[Change] = []
    riding: list[Change] = []
    for name, path in _fields(type(want)):
        wanted, there = getattr(want, name), getattr(live, name)
        if wanted == there or name in row.local:
            continue
        if name in row.initial:
            if name == "description":
                continue
            if there is UNSET and name in RIDING.get(kind, ()):
                (changes if said.asks(path) else riding).append(Change(name, UNSET, wanted))
                continue
            if not said.touches(path):
                continue
        after = merged(name, wanted, there, near, said)
        if after != there and not (wanted is UNSET and name in row.immutable):
            changes.append(Change(name, there, after))
    changes = [*changes, *riding] if changes else []
    return (*_words_change(row, want, live, said, due=bool(changes)), *changes)


class _Said(msgspec.Struct, frozen=True):
    """Who has said what about the fields of one resource; paths are the API's, dotted."""

    row: Row
    ours: frozenset[str]  # we set them before
    asked: frozenset[str]  # a user asks for them

    def asks(self, path: str) -> bool:
        """Tell whether a user asks for the field or for something in it."""
        return any(one == path or one.startswith(f"{path}.") for one in self.asked)

    def touches(self, path: str) -> bool:
        """Tell the same also of what we set before."""
        if not self.ours and not self.asked:
            return False
        return any(one == path or one.startswith(f"{path}.") for one in self.ours | self.asked)


@cache
def _fields(struct: Any) -> tuple[tuple[str, str], ...]:
    """Return the fields of a struct, each with its name on the wire."""
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(struct))


def _words_change(row: Row, want: Spec, live: Spec, said: _Said, *, due: bool) -> Iterator[Change]:
    """Yield the change of what we have to say in the description: our record, and an orphan's mark.

    The record changes with a write that is due, or because it claims too much.
    """
    before = live.description if isinstance(live.description, str) else ""
    wanted = want.description if isinstance(want.description, str) else ""
    after = before
    if row.recorded and (due or recorded(before) - said.asked):
        after = renewed(before, wanted, said.asked)
    if orphan_of(after) != orphan_of(wanted):
        after = with_orphan(after, orphan_of(wanted))
    if after != before:
        yield Change("description", live.description, after or UNSET)


def merged(name: str, wanted: Any, there: Any, near: Neighbours, said: _Said) -> Any:
    """Return the value that the field must have: `there` itself when it already holds `wanted`."""
    row = said.row
    path = dict(_fields(row.spec))[name]
    if wanted is UNSET and not said.touches(path):
        return there
    if (keyed := row.keyed.get(name)) and keyed.merge:
        return keyed.merge(() if wanted is UNSET else wanted, there)
    if isinstance(wanted, msgspec.Struct) or isinstance(there, msgspec.Struct):
        return _laid(path, wanted, there, said, initial=name in row.initial)
    if wanted is UNSET:
        return row.defaults.get(name, UNSET)
    if keyed:
        return _merged_list(keyed, wanted, there, near)
    same = name in row.ordered_sets and there is not UNSET and set(wanted) == set(there)
    return there if same else wanted


def _laid(path: str, wanted: Any, there: Any, said: _Said, *, initial: bool) -> Any:
    """Return a struct with what is asked for put on top, and what is asked no more taken out."""
    kind: Any = type(there if wanted is UNSET else wanted)
    wish, old = (kind() if value is UNSET else value for value in (wanted, there))
    over = {}
    for name, wire in _fields(kind):
        inner, mine, theirs = f"{path}.{wire}", getattr(wish, name), getattr(old, name)
        if isinstance(mine, msgspec.Struct) or isinstance(theirs, msgspec.Struct):
            value = _laid(inner, mine, theirs, said, initial=initial)
        else:
            unsaid = theirs is UNSET and there is not UNSET  # of a struct that is there: zero
            same = unsaid and mine is not UNSET and not mine and not isinstance(mine, Private)
            value = theirs if same else _leaf(inner, mine, theirs, said, initial=initial)
        if value != theirs:
            over[name] = value
    if not over:
        return there
    secrets = {
        name: v for name, _ in _fields(kind) if isinstance(v := getattr(wish, name), Private)
    }
    new = msgspec.structs.replace(old, **secrets, **over)
    return UNSET if new == kind() else new


def _leaf(path: str, wanted: Any, there: Any, said: _Said, *, initial: bool) -> Any:
    """Return one value inside of a struct."""
    cleared = said.row.cleared.get(path, UNSET)
    if path in said.asked or (wanted is not UNSET and not initial):
        if isinstance(wanted, Private):
            return there  # never read back: it goes with what tells of it
        same = wanted == (cleared if there is UNSET else there)
        if path in said.row.sets and isinstance(there, tuple):
            same = sorted(wanted) == sorted(there)
        return there if same else wanted
    if path not in said.ours:
        return there
    value = cleared if wanted is UNSET else wanted
    is_default = there is UNSET and value == cleared and not isinstance(value, Private)
    return there if is_default else value


def _overlaid(there: Any, wanted: Any, fields: Iterable[str]) -> Any:
    """Return `there` with those fields of `wanted` that are set and differ put on top."""
    over = {
        name: value
        for name in fields
        if (value := getattr(wanted, name)) is not UNSET and value != getattr(there, name)
    }
    return msgspec.structs.replace(there, **over) if over else there


def _merged_list(keyed: Keyed, wanted: Any, there: Any, near: Neighbours) -> Any:
    ours = {keyed.key(element) for element in wanted}
    live: dict[Any, list[Any]] = {}
    for element in there or ():
        live.setdefault(keyed.key(element), []).append(element)
    result = []
    due = False  # an element is new or changes: a write is due whatever is removed
    for element in wanted:
        twins = live.get(keyed.key(element), ())
        old = next((twin for twin in twins if twin == element), twins[0] if twins else None)
        new = element if old is None else _overlaid(old, element, keyed.enforced)
        due = due or new is not old or len(twins) > 1  # of one of ours there is one
        result.append(new)
    for element in there or ():
        if keyed.key(element) in ours:
            continue
        used = any(keyed.held(element, spec) for spec in near.referrers)
        if used or (keyed.lazy and near.unseen) or not keyed.ours(element, near.owned):
            result.append(element)
        elif not keyed.lazy:
            due = True
        elif not due:
            result.append(element)
    return tuple(result) if due else there


def applied(live: Spec, changes: Iterable[Change]) -> Spec:
    """Return `live` after the changes."""
    return msgspec.structs.replace(live, **{change.field: change.after for change in changes})
