"""The three patches that change a document: JSON patch, merge patch, strategic merge patch.

All are functions of a document and a patch that leave both untouched. A strategic merge needs to
know which lists are maps in disguise; the schema says so, and a list it says nothing about is
replaced whole (as an Ingress's rules are).
"""

from collections.abc import Callable
from typing import Any, Final

from fakes.kube import schema as schemas
from fakes.kube.errors import ApiError, Obj, bad_request
from fakes.kube.fields import copied
from fakes.kube.schema import Schema

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

_ORDER: Final = "$setElementOrder/"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"


def merge(document: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copied(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


# --- JSON patch (RFC 6902) ---


def _unprocessable(message: str) -> ApiError:
    return ApiError(
        422,
        "Invalid",
        f"the server rejected our request due to an error in our request: {message}",
        {},
    )


def _steps(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise bad_request(f"a JSON pointer starts with '/': {pointer!r}")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _index(here: list[Any], step: str, *, end: bool = False) -> int:
    if step == "-" and end:
        return len(here)
    if not step.isdigit() or int(step) > len(here) - (not end):
        raise _unprocessable(f"invalid array index: {step}")
    return int(step)


def _find(document: Any, steps: list[str]) -> Any:
    here = document
    for step in steps:
        if isinstance(here, list):
            here = here[_index(here, step)]
        elif isinstance(here, dict) and step in here:
            here = here[step]
        else:
            raise _unprocessable(f"doc is missing path: {'/'.join(['', *steps])}: missing value")
    return here


def _add(document: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    parent = _find(document, steps[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, steps[-1], end=True), value)
    elif isinstance(parent, dict):
        parent[steps[-1]] = value
    else:
        raise _unprocessable(f"doc is missing path: {'/'.join(['', *steps])}")
    return document


def _take(document: Any, steps: list[str]) -> Any:
    if not steps:
        raise _unprocessable("the whole document cannot be removed")
    value = _find(document, steps)
    parent = _find(document, steps[:-1])
    parent.pop(_index(parent, steps[-1]) if isinstance(parent, list) else steps[-1])
    return value


def _op_add(document: Any, steps: list[str], operation: Obj) -> Any:
    return _add(document, steps, copied(operation.get("value")))


def _op_remove(document: Any, steps: list[str], _: Obj) -> Any:
    _take(document, steps)
    return document


def _op_replace(document: Any, steps: list[str], operation: Obj) -> Any:
    if steps:
        _take(document, steps)
    return _op_add(document, steps, operation)


def _op_test(document: Any, steps: list[str], operation: Obj) -> Any:
    if _find(document, steps) != operation.get("value"):
        raise _unprocessable(f"testing value {operation.get('path')} failed: test failed")
    return document


def _op_move(document: Any, steps: list[str], operation: Obj) -> Any:
    return _add(document, steps, _take(document, _steps(operation.get("from", ""))))


def _op_copy(document: Any, steps: list[str], operation: Obj) -> Any:
    return _add(document, steps, copied(_find(document, _steps(operation.get("from", "")))))


_OPERATIONS: Final[dict[str, Callable[[Any, list[str], Obj], Any]]] = {
    "add": _op_add,
    "remove": _op_remove,
    "replace": _op_replace,
    "test": _op_test,
    "move": _op_move,
    "copy": _op_copy,
}


def json_patch(document: Obj, operations: Any) -> Any:
    """Apply a JSON patch; raise 422 where it does not fit the document."""
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    result: Any = copied(document)
    for operation in operations:
        carry_out = _OPERATIONS.get(str(operation.get("op")))
        if carry_out is None:
            raise bad_request(f"unexpected kind of patch operation: {operation.get('op')!r}")
        result = carry_out(result, _steps(operation.get("path", "")), operation)
    return result


# --- strategic merge patch ---


def strategic(document: Any, patch: Obj, schema: Schema) -> Any:
    """Apply a strategic merge patch with its directives."""
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: copied(value) for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    result: Obj = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$"):
            _list_directive(result, key, value, schema)
        elif value is None:
            result.pop(key, None)
        else:
            field = schemas.child(schema, key) or schemas.ANYTHING
            order = patch.get(_ORDER + key)
            result[key] = _strategic_value(result.get(key), value, field, order)
    return result


def _list_directive(result: Obj, key: str, value: Any, schema: Schema) -> None:
    """Carry out the directives that stand beside a list instead of in it."""
    if key.startswith(_DELETE_FROM):
        name = key.removeprefix(_DELETE_FROM)
        result[name] = [one for one in result.get(name) or [] if one not in value]
    elif key.startswith(_ORDER):
        name = key.removeprefix(_ORDER)
        field = schemas.child(schema, name) or schemas.ANYTHING
        if result.get(name):
            result[name] = _ordered(result[name], value, field)


def _strategic_value(old: Any, new: Any, field: Schema, order: Any) -> Any:
    if isinstance(new, dict):
        return strategic(old, new, field)
    if not isinstance(new, list):
        return new
    if merge_key := field.get("x-kubernetes-patch-merge-key"):
        return _merged_list(old or [], new, merge_key, field, order)
    if field.get("x-kubernetes-list-type") == "set":
        merged = [*(old or []), *(one for one in new if one not in (old or []))]
        return _ordered(merged, order, field) if order else merged
    return copied(new)


def _merged_list(old: list[Any], new: list[Any], key: str, field: Schema, order: Any) -> list[Any]:
    inner = schemas.items(field)
    if not all(isinstance(one, dict) for one in new):
        raise bad_request(f"an element of a list that merges by {key!r} is not an object")
    if any(one.get("$patch") == "replace" and len(one) == 1 for one in new):
        return [copied(one) for one in new if "$patch" not in one]
    result = list(old)
    for one in new:
        if key not in one:
            raise bad_request(f"map: {one} does not contain declared merge key: {key}")
        place = next((i for i, had in enumerate(result) if had.get(key) == one[key]), None)
        if one.get("$patch") == "delete":
            result = [had for had in result if had.get(key) != one[key]]
        elif place is None:
            result.append(strategic({}, one, inner))
        else:
            result[place] = strategic(result[place], one, inner)
    return _ordered(result, order, field) if order else result


def _ordered(have: list[Any], order: list[Any], field: Schema) -> list[Any]:
    """Sort a list by the order the patch asks for; what it does not name keeps its place after."""
    merge_key = field.get("x-kubernetes-patch-merge-key")

    def name(one: Any) -> Any:
        return one.get(merge_key) if merge_key and isinstance(one, dict) else one

    rank = {name(one): position for position, one in enumerate(order)}
    return sorted(have, key=lambda one: rank.get(name(one), len(rank)))
