"""Reading an object by its schema, as the real server's typed decoder does.

The result has no unknown field, no null and no empty list; what was dropped is reported, and
the caller decides (by `fieldValidation`) whether that is an error, a warning or nothing.
A value of the wrong type is always an error.
"""

import re
from typing import Any, Final, NamedTuple

from fakes.kube import schema as schemas
from fakes.kube.errors import Obj
from fakes.kube.schema import Schema

# lists that stay when they are empty: (model, field)
KEPT_EMPTY: Final = {
    ("V1EndpointSlice", "endpoints"),
    ("V1Role", "rules"),
    ("V1ClusterRole", "rules"),
}
# maps that go when they are empty: (model, field)
DROPPED_EMPTY: Final = {
    ("V1ObjectMeta", "labels"),
    ("V1ObjectMeta", "annotations"),
    ("V1Secret", "data"),
    ("V1Secret", "stringData"),
    ("V1ConfigMap", "data"),
    ("V1ConfigMap", "binaryData"),
    ("V1ServiceSpec", "selector"),
}
_SECONDS: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_ZONE: Final = r"(Z|[+-]\d\d:\d\d)"
# format -> (what a time looks like, the layout that Go names when it does not)
TIMES: Final = {
    "date-time": (re.compile(rf"{_SECONDS}(\.\d+)?{_ZONE}"), "2006-01-02T15:04:05Z07:00"),
    "micro-time": (re.compile(rf"{_SECONDS}\.\d{{6}}{_ZONE}"), "2006-01-02T15:04:05.000000Z07:00"),
}
GO_TYPES: Final = {
    "string": "string",
    "integer": "int32",
    "number": "float64",
    "boolean": "bool",
    "array": "[]",
    "object": "map",
}


class Read(NamedTuple):
    """What reading an object gave."""

    obj: Obj
    unknown: list[str]  # `unknown field "spec.x"`
    wrong: list[str]  # `json: cannot unmarshal …`


def json_type(value: Any) -> str:
    """Return the JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((str, "string"), (int, "integer"), (float, "number"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "object"


def _fits(schema: Schema, got: str) -> bool:
    wanted = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        return got in {"integer", "string"}
    if schema.get("format") == "quantity":
        return got in {"integer", "number", "string"}
    return wanted is None or wanted == got or (wanted == "number" and got == "integer")


class _Reader:
    """One reading: walks an object beside its schema and collects what is wrong."""

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self.wrong: list[str] = []

    def value(self, value: Any, schema: Schema, path: str, owner: str) -> Any:
        """Return a value as it is kept; None when it is not."""
        got = json_type(value)
        if not _fits(schema, got):
            word = {"integer": "number", "boolean": "bool"}.get(got, got)
            go = GO_TYPES.get(schema.get("type", ""), "intstr.IntOrString")
            self.wrong.append(
                f"json: cannot unmarshal {word} into Go struct field {owner}.{path} of type {go}"
            )
            return None
        if got == "array":
            inner = schemas.items(schema)
            return [self.value(one, inner, path, owner) for one in value if one is not None]
        if got == "object":
            return self.object(value, schema, path, owner)
        form = schema.get("format")
        if got == "string" and form in TIMES:
            pattern, layout = TIMES[form]
            if not pattern.fullmatch(value):
                self.wrong.append(f'parsing time "{value}" as "{layout}": cannot parse "{value}"')
        return str(value) if form == "quantity" else value

    def object(self, value: Obj, schema: Schema, path: str, owner: str) -> Obj:
        """Return an object with the fields that are kept."""
        result: Obj = {}
        here = schema.get("x-model", "")
        name = schemas.component(here).split(".")[-1] if here else owner
        for key, inner in value.items():
            field = schemas.child(schema, key)
            where = f"{path}.{key}" if path else key
            if field is None:
                self.unknown.append(f'unknown field "{where}"')
            elif inner is not None:
                new = self.value(inner, field, where, name)
                if new is not None and not _dropped(new, (here, key), field):
                    result[key] = new
        return result


def _dropped(value: Any, where: tuple[str, str], field: Schema) -> bool:
    """Say whether a field goes because it is empty."""
    if value == []:
        return where not in KEPT_EMPTY and not schemas.is_open(field)
    return value == {} and where in DROPPED_EMPTY


def read(obj: Obj, model: str) -> Read:
    """Read an object by a model's schema; an empty model reads anything."""
    if not model:
        return Read(without_nulls(obj), [], [])
    reader = _Reader()
    clean = reader.object(obj, schemas.definition(model), "", "")
    return Read(clean, _indexed(obj, reader.unknown), reader.wrong)


def _indexed(obj: Obj, unknown: list[str]) -> list[str]:
    """Put list positions into the paths, as the strict decoder prints them."""
    if not unknown:
        return []
    found: dict[str, list[str]] = {}

    def walk(value: Any, plain: str, printed: str) -> None:
        if isinstance(value, list):
            for index, one in enumerate(value):
                walk(one, plain, f"{printed}[{index}]")
        elif isinstance(value, dict):
            for key, inner in value.items():
                dot = "." if plain else ""
                found.setdefault(f"{plain}{dot}{key}", []).append(f"{printed}{dot}{key}")
                walk(inner, f"{plain}{dot}{key}", f"{printed}{dot}{key}")

    walk(obj, "", "")
    texts: list[str] = []
    for text in dict.fromkeys(unknown):
        plain = text.removeprefix('unknown field "').removesuffix('"')
        texts += [f'unknown field "{printed}"' for printed in found.get(plain, [plain])]
    return texts


def without_nulls(value: Any) -> Any:
    """Return a copy without null fields."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    return value


def copied(value: Any) -> Any:
    """Return a deep copy of JSON; much faster than copy.deepcopy."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [copied(one) for one in value]
    return value
