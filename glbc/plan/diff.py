"""Three-way field diff: what is wanted, what is there, what we set before.

Own fields, not objects: a field that is neither wanted nor set by us is somebody's and stays.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import Spec
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import ROWS, Keyed, Row

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
    kind: str, want: Spec, live: Spec, near: Neighbours, set_by_us: Iterable[str] = ()
) -> tuple[Change, ...]:
    """Return what must change in `live` to hold what is wanted, in the order of the fields.

    Args:
        kind: the kind of both specs; its row says which fields are initial, keyed or sets.
        want: the wanted spec, normalised. A field left UNSET is not wanted.
        live: the observed spec, completed.
        near: ownership and referrers in the actual graph.
        set_by_us: fields that we set earlier: those are cleared when they are not wanted any more.
    """
    row = ROWS[Kind(kind)]
    ours = frozenset(set_by_us)
    changes, riding = [], []
    for name in want.__struct_fields__:
        wanted, there = getattr(want, name), getattr(live, name)
        if wanted == there or name in row.local:
            continue
        if name in row.initial:
            if there is UNSET and name in RIDING.get(kind, ()):
                riding.append(Change(name, UNSET, wanted))
            continue
        if wanted is UNSET:
            cleared = row.defaults.get(name, UNSET)
            if name in ours and there != cleared and name not in row.immutable:
                changes.append(Change(name, there, cleared))
            continue
        after = merged(row, name, wanted, there, near)
        if after != there:
            changes.append(Change(name, there, after))
    return (*changes, *riding) if changes else ()


def merged(row: Row, name: str, wanted: Any, there: Any, near: Neighbours) -> Any:
    """Return the value that the field must have: `there` itself when it already holds `wanted`."""
    if name in row.keyed:
        return _merged_list(row.keyed[name], wanted, there, near)
    if name in row.ordered_sets and there is not UNSET and set(wanted) == set(there):
        return there
    if isinstance(wanted, msgspec.Struct) and isinstance(there, msgspec.Struct):
        return _overlaid(there, wanted, wanted.__struct_fields__)
    return wanted


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
