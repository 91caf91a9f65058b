"""Google's schema as a check on answers: no field that it does not name, no wrong type."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

NUMBERS = ("int64", "uint64")
SCALARS = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "boolean": lambda value: isinstance(value, bool),
    "any": lambda _: True,
}


@cache
def document() -> dict[str, Any]:
    folder = files("googleapiclient").joinpath("discovery_cache", "documents")
    return json.loads(folder.joinpath("compute.v1.json").read_bytes())


@cache
def response_schema(method_id: str) -> str:
    _, collection, verb = method_id.split(".")
    method = document()["resources"][collection]["methods"][verb]
    return method.get("response", {}).get("$ref", "")


def problems(method_id: str, body: Any) -> list[str]:
    name = response_schema(method_id)
    return list(_walk({"$ref": name}, body, name)) if name else []


def _walk(spec: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    if "$ref" in spec:
        spec = document()["schemas"][spec["$ref"]]
    kind = spec.get("type", "any")
    if kind == "object":
        yield from _object(spec, value, where)
    elif kind == "array":
        if not isinstance(value, list) or not value:
            yield f"{where}: not a list with something in it: {value!r}"
        else:
            for i, element in enumerate(value):
                yield from _walk(spec["items"], element, f"{where}[{i}]")
    elif not SCALARS[kind](value):
        yield f"{where}: not of type {kind}: {value!r}"
    elif spec.get("format") in NUMBERS and not value.lstrip("-").isdigit():
        yield f"{where}: not a number in a string: {value!r}"
    elif value not in spec.get("enum", [value]):
        yield f"{where}: not in the enum: {value!r}"


def _object(spec: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: not an object"
        return
    for name, inner in value.items():
        below = spec.get("properties", {}).get(name) or spec.get("additionalProperties")
        if below is None:
            yield f"{where}.{name}: not in the schema"
        else:
            yield from _walk(below, inner, f"{where}.{name}")
