"""Server-side apply: who owns which field, and what an apply may therefore change.

Ownership is a set of paths per manager. A path is a tuple of steps as FieldsV1 spells them:
`f:name` a field, `k:{"port":80}` an element of a keyed list, `v:"x"` a member of a set; a list
that is neither is one leaf. A value that another manager owns and that would change is a conflict;
a path that a manager applied before and now leaves out goes, unless somebody else owns it too.
"""

import json
from typing import Any, Final

from fakes.kube import schema as schemas
from fakes.kube.errors import ApiError, Obj
from fakes.kube.fields import copied
from fakes.kube.schema import Schema

Path = tuple[str, ...]

UNOWNED: Final = (
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata", "f:name"),
    ("f:metadata", "f:namespace"),
    ("f:metadata", "f:uid"),
    ("f:metadata", "f:resourceVersion"),
    ("f:metadata", "f:generation"),
    ("f:metadata", "f:creationTimestamp"),
    ("f:metadata", "f:managedFields"),
)


def _key(element: Any, keys: list[str]) -> str:
    found: dict[str, Any] = {
        key: element.get(key) for key in sorted(keys) if element.get(key) is not None
    }
    if "protocol" in keys:
        found.setdefault("protocol", "TCP")
    return "k:" + json.dumps(dict(sorted(found.items())), separators=(",", ":"))


def _children(value: Any, schema: Schema) -> list[tuple[str, Any, Schema]] | None:
    """Return the steps below a value, or None for a leaf."""
    if isinstance(value, dict) and value and schema.get("x-kubernetes-map-type") != "atomic":
        return [
            (f"f:{name}", inner, schemas.child(schema, name) or schemas.ANYTHING)
            for name, inner in value.items()
        ]
    if isinstance(value, list) and value:
        if keys := schema.get("x-kubernetes-list-map-keys"):
            inner = schemas.items(schema)
            return [(_key(one, keys), one, inner) for one in value]
        if schema.get("x-kubernetes-list-type") == "set":
            return [(f"v:{json.dumps(one)}", one, schemas.ANYTHING) for one in value]
    return None


def leaves(obj: Any, schema: Schema, prefix: Path = ()) -> dict[Path, Any]:
    """Return every leaf of an object by path, without what nobody can own."""
    below = _children(obj, schema)
    if below is None:
        return {} if prefix in UNOWNED else {prefix: obj}
    found: dict[Path, Any] = {}
    for step, inner, field in below:
        if prefix == () and step == "f:status" and inner == {}:
            continue
        if step.startswith("k:"):  # the element itself is owned, beside its fields
            found[(*prefix, step)] = step
        found |= leaves(inner, field, (*prefix, step))
    return found


def merged(live: Any, applied: Any, schema: Schema) -> Any:
    """Lay the applied configuration over the live object."""
    below = _children(applied, schema)
    if applied == {} and isinstance(live, dict):
        return live
    if below is None or type(live) is not type(applied):
        return copied(applied)
    if isinstance(applied, dict):
        result = dict(live)
        for step, inner, field in below:
            name = step.removeprefix("f:")
            result[name] = merged(live[name], inner, field) if name in live else copied(inner)
        return result
    have = {step: index for index, (step, _, _) in enumerate(_children(live, schema) or [])}
    combined = list(live)
    for step, inner, field in below:
        if step in have:
            combined[have[step]] = merged(live[have[step]], inner, field)
        else:
            combined.append(copied(inner))
    return combined


def removed(obj: Any, path: Path, schema: Schema) -> Any:
    """Return the object without what stands at a path; empty parents go with it."""
    below = _children(obj, schema)
    if below is None:
        return obj
    result: Any = dict(obj) if isinstance(obj, dict) else list(obj)
    for index, (step, inner, field) in enumerate(below):
        if step != path[0]:
            continue
        rest = removed(inner, path[1:], field) if len(path) > 1 else None
        gone = rest is None or rest in ({}, [])
        place: Any = step.removeprefix("f:") if isinstance(obj, dict) else index
        if gone:
            result.pop(place)
        else:
            result[place] = rest
        break
    return result


# --- managedFields ---


def to_fields_v1(paths: set[Path]) -> Obj:
    """Return paths as the nested maps of FieldsV1."""
    tree: Obj = {}
    for path in sorted(paths):
        here = tree
        for step in path:
            here = here.setdefault(step, {})
            if step.startswith("k:"):
                here.setdefault(".", {})
    return tree


def from_fields_v1(tree: Obj, prefix: Path = ()) -> set[Path]:
    """Return the leaves of FieldsV1 as paths."""
    paths: set[Path] = set()
    for step, below in tree.items():
        if step == ".":
            paths.add(prefix)
        else:
            paths |= from_fields_v1(below, (*prefix, step)) or {(*prefix, step)}
    return paths


def owners(obj: Obj) -> list[Obj]:
    """Return the entries of metadata.managedFields."""
    return obj["metadata"].get("managedFields") or []


def entry(manager: str, operation: str, api_version: str, subresource: str, time: str) -> Obj:
    """Return an entry that owns nothing yet."""
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": api_version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {},
    }
    return made | ({"subresource": subresource} if subresource else {})


def same_owner(left: Obj, right: Obj) -> bool:
    """Say whether two entries are one manager's."""
    return all(
        left.get(name) == right.get(name) for name in ("manager", "operation", "subresource")
    )


def printed(path: Path) -> str:
    """Return a path as a conflict names it: `.spec.ports[port=80].name`."""
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "k":
            pairs = ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(rest).items())
            text += f"[{pairs}]"
        elif kind == "v":
            text += f"[={rest}]"
        else:
            text += f".{rest}"
    return text


def conflicts(found: list[tuple[str, Path]]) -> ApiError:
    """Return the 409 that names every manager and field in the way."""
    texts: dict[str, list[str]] = {}
    for manager, path in sorted(set(found)):
        texts.setdefault(manager, []).append(printed(path))
    parts = [
        f'conflict with "{manager}": {paths[0]}'
        if len(paths) == 1
        else f'conflicts with "{manager}":\n' + "\n".join(f"- {path}" for path in paths)
        for manager, paths in texts.items()
    ]
    count = len({path for _, path in found})
    plural = "conflict" if count == 1 else "conflicts"
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{manager}"',
            "field": printed(path),
        }
        for manager, path in sorted(set(found))
    ]
    return ApiError(
        409,
        "Conflict",
        f"Apply failed with {count} {plural}: " + "\n".join(parts),
        {"causes": causes},
    )


def apply(live: Obj, applied: Obj, schema: Schema, who: Obj, *, force: bool) -> Obj:
    """Return the live object as an apply by `who` (an entry) leaves it.

    Raises:
        ApiError: 409 when a value that another manager owns would change and `force` is unset.
    """
    wanted = leaves(applied, schema)
    have = leaves(live, schema)
    others = [one for one in owners(live) if not same_owner(one, who)]
    before: set[Path] = set()
    for one in owners(live):
        if same_owner(one, who):
            before |= from_fields_v1(one.get("fieldsV1") or {})
    clashes: list[tuple[str, Path]] = []
    kept: list[Obj] = []
    owned_by_others: set[Path] = set()
    for other in others:
        paths = from_fields_v1(other.get("fieldsV1") or {})
        lost = {path for path in paths & wanted.keys() if have.get(path) != wanted[path]}
        clashes += [(other["manager"], path) for path in lost]
        owned_by_others |= paths - lost
        if paths - lost:
            kept.append(other | {"fieldsV1": to_fields_v1(paths - lost)})
    if clashes and not force:
        raise conflicts(clashes)
    result: Obj = merged(live, applied, schema)
    for path in sorted(before - wanted.keys() - owned_by_others):
        result = removed(result, path, schema)
    mine = who | {"fieldsV1": to_fields_v1(set(wanted))}
    earlier = [one for one in owners(live) if same_owner(one, who)]
    if earlier and earlier[0].get("fieldsV1") == mine["fieldsV1"]:
        mine = earlier[0]
    result["metadata"] = result["metadata"] | {"managedFields": [*kept, mine]}
    return result


def updated(old: Obj | None, new: Obj, schema: Schema, who: Obj) -> list[Obj]:
    """Return managedFields after an ordinary write: what changed is now the writer's."""
    have = leaves(old, schema) if old is not None else {}
    now = leaves(new, schema)
    taken = {path for path, value in now.items() if path not in have or have[path] != value}
    result: list[Obj] = []
    mine = set(taken)
    for one in owners(old) if old is not None else []:
        paths = from_fields_v1(one.get("fieldsV1") or {}) & now.keys()
        if same_owner(one, who):
            mine |= paths
        elif paths - taken:
            result.append(one | {"fieldsV1": to_fields_v1(paths - taken)})
    if mine:
        result.append(who | {"fieldsV1": to_fields_v1(mine)})
    return result
