"""Custom resources: the kinds a CustomResourceDefinition adds, and what its schema demands.

A structural schema prunes (unknown fields go), fills in defaults and validates types, enums,
required fields, bounds and patterns. CEL rules are not evaluated.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from fakes.kube.errors import Cause, Obj, Verbatim
from fakes.kube.fields import copied, json_type
from fakes.kube.kinds import Kind
from fakes.kube.schema import Schema, closure, component, is_open

Causes = Iterator[Cause]

_META: Final = ("apiVersion", "kind", "metadata")


def served(crd: Obj) -> list[Kind]:
    """Return a row for every version that a definition serves, the stored one's resource shared."""
    spec = crd["spec"]
    names = spec["names"]
    rows = []
    for version in spec["versions"]:
        if not version.get("served", True):
            continue
        subresources = version.get("subresources") or {}
        rows.append(
            Kind(
                kind=names["kind"],
                plural=names["plural"],
                singular=names.get("singular") or names["kind"].lower(),
                group=spec["group"],
                version=version["name"],
                namespaced=spec.get("scope", "Namespaced") == "Namespaced",
                short=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                status="status" in subresources,
                generation=True,
                unconditional=False,
                custom=True,
            )
        )
    return rows


def version_of(crd: Obj, name: str) -> Obj:
    """Return the definition of one version."""
    found: Obj = next(one for one in crd["spec"]["versions"] if one["name"] == name)
    return found


def schema_of(crd: Obj, version: str) -> Schema:
    """Return the structural schema of one version, with the metadata every object has."""
    schema: Schema = (version_of(crd, version).get("schema") or {}).get("openAPIV3Schema") or {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    closure(["V1ObjectMeta"])  # makes the reference below resolvable
    meta = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": f"#/components/schemas/{component('V1ObjectMeta')}"},
    }
    return schema | {"properties": (schema.get("properties") or {}) | meta}


def established(crd: Obj, now: str) -> Obj:
    """Return a definition with the status the server gives it once it is served."""
    names = crd["spec"]["names"]
    stored = [one["name"] for one in crd["spec"]["versions"] if one.get("storage")]
    had = {one.get("type"): one for one in (crd.get("status") or {}).get("conditions") or []}
    conditions = [
        had.get(kind)
        or {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": now,
        }
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    status = {"acceptedNames": copied(names), "conditions": conditions, "storedVersions": stored}
    return crd | {"status": status}


def check_definition(obj: Obj, _: Obj | None) -> Causes:
    """Yield what is wrong with a CustomResourceDefinition."""
    spec = obj["spec"]
    plural = (spec.get("names") or {}).get("plural", "")
    wanted = f"{plural}.{spec.get('group', '')}"
    for field, value in (
        ("spec.group", spec.get("group")),
        ("spec.scope", spec.get("scope")),
        ("spec.names.plural", plural),
        ("spec.names.kind", (spec.get("names") or {}).get("kind")),
        ("spec.versions", spec.get("versions")),
    ):
        if not value:
            yield Cause(field, "Required")
    if obj["metadata"].get("name") != wanted:
        yield Cause(
            "metadata.name",
            "Invalid",
            'must be spec.names.plural+"."+spec.group',
            obj["metadata"].get("name"),
        )
    versions = spec.get("versions") or []
    if sum(bool(one.get("storage")) for one in versions) != 1:
        yield Cause(
            "spec.versions",
            "Invalid",
            "must have exactly one version marked as storage version",
            [one.get("name") for one in versions],
        )
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield Cause(
                f"spec.versions[{index}].schema.openAPIV3Schema",
                "Required",
                "schemas are required",
            )
        else:
            yield from _structural(
                version["schema"]["openAPIV3Schema"],
                f"spec.versions[{index}].schema.openAPIV3Schema",
            )


_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")


def _structural(schema: Any, field: str) -> Causes:
    """Yield the places where a schema does not say what may stand there."""
    if not isinstance(schema, dict):
        yield Cause(field, "Invalid", "must be a schema", Verbatim(json.dumps(schema)))
        return
    kind = schema.get("type")
    if not kind and not is_open(schema) and not schema.get("x-kubernetes-int-or-string"):
        yield Cause(f"{field}.type", "Required", "must not be empty for specified object fields")
    elif kind and kind not in _TYPES:
        names = ", ".join(json.dumps(name) for name in _TYPES)
        yield Cause(f"{field}.type", "NotSupported", f"supported values: {names}", kind)
    properties = schema.get("properties") or {}
    if not isinstance(properties, dict):
        yield Cause(f"{field}.properties", "Invalid", "must be a map", Verbatim("..."))
        return
    for name, below in properties.items():
        yield from _structural(below, f"{field}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _structural(schema[name], f"{field}.{name}")


def pruned(obj: Obj, schema: Schema) -> tuple[Obj, list[str]]:
    """Return a custom object without unknown fields and nulls, and what was dropped."""
    unknown: list[str] = []

    def walk(value: Any, here: Schema, path: str) -> Any:
        if isinstance(value, list):
            inner = here.get("items") or {}
            return [walk(one, inner, f"{path}[{i}]") for i, one in enumerate(value)]
        if not isinstance(value, dict):
            return value
        properties = here.get("properties") or {}
        more = here.get("additionalProperties")
        result: Obj = {}
        for key, inner in value.items():
            where = f"{path}.{key}" if path else key
            if not path and key in _META:
                result[key] = inner
            elif key in properties:
                if inner is not None or properties[key].get("nullable"):
                    result[key] = walk(inner, properties[key], where)
            elif isinstance(more, dict):
                result[key] = walk(inner, more, where)
            elif more is True or is_open(here) or here.get("x-kubernetes-embedded-resource"):
                result[key] = inner
            else:
                unknown.append(f'unknown field "{where}"')
        return result

    return walk(obj, schema, ""), unknown


def defaulted(value: Any, schema: Schema) -> Any:
    """Return a value with the schema's defaults filled in."""
    if isinstance(value, list):
        inner = schema.get("items") or {}
        return [defaulted(one, inner) for one in value]
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for name, field in (schema.get("properties") or {}).items():
        if name not in result and "default" in field:
            result[name] = copied(field["default"])
        if name in result:
            result[name] = defaulted(result[name], field)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        known = schema.get("properties") or {}
        for name in result.keys() - known.keys():
            result[name] = defaulted(result[name], more)
    return result


# keyword -> (test that the value passes, cause type, sentence)
_Rule = tuple[Callable[[Any, Any], bool], str, str]
_NUMBERS: Final[dict[str, _Rule]] = {
    "minimum": (
        lambda v, n: v >= n,
        "Invalid",
        "{f} in body should be greater than or equal to {n}",
    ),
    "maximum": (lambda v, n: v <= n, "Invalid", "{f} in body should be less than or equal to {n}"),
    "multipleOf": (lambda v, n: v % n == 0, "Invalid", "{f} in body should be a multiple of {n}"),
}
_STRINGS: Final[dict[str, _Rule]] = {
    "maxLength": (lambda v, n: len(v) <= n, "TooLong", "may not be more than {n} bytes"),
    "minLength": (
        lambda v, n: len(v) >= n,
        "Invalid",
        "{f} in body should be at least {n} chars long",
    ),
    "pattern": (
        lambda v, n: re.search(n, v) is not None,
        "Invalid",
        "{f} in body should match '{n}'",
    ),
}
_ARRAYS: Final[dict[str, _Rule]] = {
    "maxItems": (lambda v, n: len(v) <= n, "Invalid", "{f} in body should have at most {n} items"),
    "minItems": (lambda v, n: len(v) >= n, "Invalid", "{f} in body should have at least {n} items"),
}
_OBJECTS: Final[dict[str, _Rule]] = {
    "maxProperties": (
        lambda v, n: len(v) <= n,
        "Invalid",
        "{f} in body should have at most {n} properties",
    ),
    "minProperties": (
        lambda v, n: len(v) >= n,
        "Invalid",
        "{f} in body should have at least {n} properties",
    ),
}
_RULES: Final = {
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "string": _STRINGS,
    "array": _ARRAYS,
    "object": _OBJECTS,
}


def check(value: Any, schema: Schema, field: str = "") -> Causes:
    """Yield what a schema refuses in a value."""
    got = json_type(value)
    if value is None and schema.get("nullable"):
        return
    wanted = schema.get("type", "")
    allowed = {wanted} if wanted else {got}
    if schema.get("x-kubernetes-int-or-string"):
        wanted, allowed = "integer,string", {"integer", "string"}
    if got not in allowed and (wanted, got) != ("number", "integer"):
        yield _mistyped(field, wanted, got)
        return
    if "enum" in schema and value not in schema["enum"]:
        names = ", ".join(json.dumps(name) for name in schema["enum"])
        yield Cause(field, "NotSupported", f"supported values: {names}", value)
    for word, (passes, kind, sentence) in _RULES.get(got, {}).items():
        if word in schema and not passes(value, schema[word]):
            yield Cause(field, kind, sentence.format(f=field, n=schema[word]), value)
    if got == "array":
        for index, one in enumerate(value):
            yield from check(one, schema.get("items") or {}, f"{field}[{index}]")
    elif got == "object":
        yield from _check_object(value, schema, field)


def _check_object(value: Obj, schema: Schema, field: str) -> Causes:
    for name in schema.get("required") or ():
        if name not in value:
            yield Cause(f"{field}.{name}" if field else name, "Required")
    properties = schema.get("properties") or {}
    more = schema.get("additionalProperties")
    for name, inner in value.items():
        if not field and name in _META:
            continue
        below = properties.get(name, more if isinstance(more, dict) else None)
        if below is not None:
            yield from check(inner, below, f"{field}.{name}" if field else name)


def _mistyped(field: str, wanted: str, got: str) -> Cause:
    sentence = f'{field} in body must be of type {wanted}: "{got}"'
    return Cause(field, "TypeInvalid", sentence, got)
