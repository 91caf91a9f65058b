"""Google's own description of the API: routes, parameters and the shape of bodies.

The document ships with google-api-python-client. It is loaded once and lazily, only the
collections the fake serves are compiled, and nothing here knows what a resource *means*: that is
`rules.py`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fakes.gce.errors import ApiError, invalid
from fakes.gce.wire import Json

PREFIX: Final = ("compute", "v1", "projects")
_SERVED: Final = """
    addresses globalAddresses backendServices regionBackendServices firewalls
    forwardingRules globalForwardingRules globalNetworkEndpointGroups
    regionNetworkEndpointGroups networkEndpointGroups globalOperations regionOperations
    zoneOperations healthChecks regionHealthChecks instanceGroups regionInstanceGroups
    instances networks projects regions zones regionZones securityPolicies
    regionSecurityPolicies sslCertificates regionSslCertificates sslPolicies
    regionSslPolicies subnetworks targetHttpProxies regionTargetHttpProxies
    targetHttpsProxies regionTargetHttpsProxies urlMaps regionUrlMaps
"""
SERVED: Final = frozenset(_SERVED.split())
# Accepted though this revision's document does not name them: older clients send them.
TOLERATED: Final = frozenset({"returnPartialSuccess", "$alt"})
INT_RANGES: Final = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
LONG: Final = frozenset({"int64", "uint64"})  # JSON strings on the wire


@dataclass(frozen=True, slots=True)
class Field:
    """One property: its type and what is allowed in it."""

    type: str
    format: str = ""
    enum: frozenset[str] | None = None
    pattern: re.Pattern[str] | None = None
    read_only: bool = False
    ref: str = ""  # name of a schema
    item: "Field | None" = None  # elements of an array, values of a map
    inline: "Mapping[str, Field] | None" = None  # an object written out in place


@dataclass(frozen=True, slots=True)
class Method:
    """One REST method."""

    id: str  # compute.regionUrlMaps.insert
    http: str
    collection: str  # regionUrlMaps
    verb: str  # insert
    kind: str  # urlMaps: the collection as it stands in the path
    place: str  # "", "regions" or "zones": what the scope is made of; "" is global
    aggregated: bool
    name_param: str  # the path parameter that names the resource, "" if there is none
    path: Mapping[str, Field]
    query: Mapping[str, Field]
    request: str  # name of a schema, "" if there is no body
    response: str
    mutates: bool


@dataclass(slots=True)
class Node:
    """One step of the route tree: literal segments first, then a parameter."""

    literal: "dict[str, Node]" = field(default_factory=dict)
    param: "Node | None" = None
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # HTTP verb -> param names
    methods: dict[str, Method] = field(default_factory=dict)  # HTTP verb -> method


class Discovery:
    """The compiled document."""

    def __init__(self, document: Json) -> None:
        self._raw_schemas: Json = document["schemas"]
        self._schemas: dict[str, Mapping[str, Field]] = {}
        self.common: Mapping[str, Field] = {
            name: _field(raw) for name, raw in document["parameters"].items()
        }
        self.methods: dict[str, Method] = {}
        self._root = Node()
        for collection in sorted(SERVED & document["resources"].keys()):
            for verb, raw in document["resources"][collection]["methods"].items():
                self._add(collection, verb, raw)

    def _add(self, collection: str, verb: str, raw: Json) -> None:
        method = _method(collection, verb, raw)
        self.methods[method.id] = method
        node, names = self._root, []
        for segment in raw["flatPath"].split("/")[1:]:  # "projects" is always there
            if segment.startswith("{"):
                names.append(segment.strip("{}"))
                node.param = node.param or Node()
                node = node.param
            else:
                node = node.literal.setdefault(segment, Node())
        node.methods[method.http] = method
        node.names[method.http] = tuple(names)

    def route(self, http: str, segments: tuple[str, ...]) -> tuple[Method, dict[str, str]] | None:
        """Return the method of a path (segments behind `projects`) and its path parameters."""
        found = _walk(self._root, http, segments, 0, [])
        if found is None:
            return None
        node, values = found
        return node.methods[http], dict(zip(node.names[http], values, strict=True))

    def schema(self, name: str) -> Mapping[str, Field]:
        """Return the properties of a schema."""
        found = self._schemas.get(name)
        if found is None:
            properties = self._raw_schemas[name].get("properties", {})
            found = {key: _field(raw) for key, raw in properties.items()}
            self._schemas[name] = found
        return found

    def kind_of(self, name: str) -> str:
        """Return what a schema says in its `kind` field (`compute#urlMap`), or ""."""
        raw = self._raw_schemas[name].get("properties", {}).get("kind", {})
        return str(raw.get("default", ""))

    def read_only(self, name: str) -> frozenset[str]:
        """Return the top-level fields of a schema that only the server writes."""
        return frozenset(key for key, spec in self.schema(name).items() if spec.read_only)

    def scoped_list(self, method: Method) -> str:
        """Return the field of an aggregated list's scope that holds the resources."""
        item = self.schema(method.response)["items"].item
        assert item is not None  # noqa: S101 - every aggregated list is a map
        return next(key for key, spec in self.schema(item.ref).items() if spec.type == "array")

    def check_body(self, schema: str, body: Any) -> Json:
        """Return a request body with the types of the wire and without read-only fields.

        Raises:
            ApiError: 400, an unknown field, a wrong type, an unknown enum value.
        """
        if body is None:
            body = {}
        if not isinstance(body, dict):
            raise ApiError(
                400, "parseError", "Invalid JSON payload received. Root must be an object."
            )
        return self._object(self.schema(schema), body, "resource")

    def check_query(self, method: Method, query: Mapping[str, str]) -> None:
        """Check names and types of the query parameters.

        Raises:
            ApiError: 400, an unknown parameter or a wrong value.
        """
        for name, value in query.items():
            if name in self.common or name in TOLERATED:
                continue
            spec = method.query.get(name)
            if spec is None:
                raise ApiError(
                    400,
                    "invalid",
                    f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query '
                    f"parameter. Field '{name}' could not be found in request message.",
                )
            if spec.type == "boolean":
                if value not in ("true", "false"):
                    raise _type_error(name, spec, value)
            else:
                self._value(spec, value, name)

    def _object(self, fields: Mapping[str, Field], body: Json, where: str) -> Json:
        clean: Json = {}
        for name, value in body.items():
            spec = fields.get(name)
            if spec is None:
                raise ApiError(
                    400,
                    "invalid",
                    f'Invalid JSON payload received. Unknown name "{name}" at '
                    f"'{where}': Cannot find field.",
                )
            if not spec.read_only:
                clean[name] = self._value(spec, value, f"{where}.{name}")
        return clean

    def _value(self, spec: Field, value: Any, where: str) -> Any:
        if value is None or spec.type == "any":
            return value
        if spec.type == "object":
            return self._nested(spec, value, where)
        if spec.type == "array":
            if not isinstance(value, list) or spec.item is None:
                raise _type_error(where, spec, value)
            return [self._value(spec.item, v, f"{where}[{i}]") for i, v in enumerate(value)]
        return _scalar(spec, value, where)

    def _nested(self, spec: Field, value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _type_error(where, spec, value)
        if spec.item is not None:  # a map
            return {key: self._value(spec.item, v, f"{where}.{key}") for key, v in value.items()}
        fields = spec.inline if spec.inline is not None else self.schema(spec.ref)
        return self._object(fields, value, where)


def _walk(
    node: Node, http: str, segments: tuple[str, ...], at: int, values: list[str]
) -> tuple[Node, list[str]] | None:
    if at == len(segments):
        return (node, values) if http in node.methods else None
    segment = segments[at]
    literal = node.literal.get(segment)
    if literal is not None:
        found = _walk(literal, http, segments, at + 1, values)
        if found is not None:
            return found
    if node.param is None or not segment:
        return None
    return _walk(node.param, http, segments, at + 1, [*values, segment])


def _method(collection: str, verb: str, raw: Json) -> Method:
    segments = raw["flatPath"].split("/")
    literals = [s for s in segments if not s.startswith("{")]
    params = {n: _field(p) for n, p in raw.get("parameters", {}).items() if p["location"] == "path"}
    query = {n: _field(p) for n, p in raw.get("parameters", {}).items() if p["location"] == "query"}
    names = [n for n in raw.get("parameterOrder", ()) if n in params and n != "project"]
    place, kind = "", literals[-1] if len(literals) == 1 else literals[1]
    if len(literals) > 2 and literals[1] in ("regions", "zones", "global", "aggregated"):
        place = literals[1] if literals[1] in ("regions", "zones") else ""
        kind = literals[2]
    scope_params = {"regions": "region", "zones": "zone"}
    if collection in (*scope_params, "projects"):  # no scope but the kind itself
        place, kind = "", collection
    elif place:
        names = [n for n in names if n != scope_params[place]]
    response = raw.get("response", {}).get("$ref", "")
    return Method(
        id=raw["id"],
        http=raw["httpMethod"],
        collection=collection,
        verb=verb,
        kind=kind,
        place=place,
        aggregated="aggregated" in literals,
        name_param=names[0] if names else "",
        path=params,
        query=query,
        request=raw.get("request", {}).get("$ref", ""),
        response=response,
        mutates=response == "Operation" and verb not in ("get", "wait"),
    )


def _field(raw: Json) -> Field:
    if "$ref" in raw:
        return Field("object", ref=raw["$ref"], read_only=_read_only(raw))
    item, inline = None, None
    if raw.get("type") == "array":
        item = _field(raw["items"])
    elif "additionalProperties" in raw:
        item = _field(raw["additionalProperties"])
    elif "properties" in raw:
        inline = {name: _field(inner) for name, inner in raw["properties"].items()}
    return Field(
        type=raw.get("type", "any"),
        format=raw.get("format", ""),
        enum=frozenset(raw["enum"]) if "enum" in raw else None,
        pattern=re.compile(raw["pattern"]) if "pattern" in raw else None,
        read_only=_read_only(raw),
        item=item,
        inline=inline,
    )


def _read_only(raw: Json) -> bool:
    return bool(raw.get("readOnly")) or "[output only]" in raw.get("description", "").lower()


def _scalar(spec: Field, value: Any, where: str) -> Any:
    if spec.type == "boolean":
        if not isinstance(value, bool):
            raise _type_error(where, spec, value)
        return value
    if spec.type in ("integer", "number") or spec.format in LONG:
        return _number(spec, value, where)
    if not isinstance(value, str):
        raise _type_error(where, spec, value)
    if spec.enum is not None and value not in spec.enum:
        raise invalid(where, value, "Must be one of: " + ", ".join(sorted(spec.enum)) + ".")
    if spec.pattern is not None and value and not spec.pattern.fullmatch(value):
        raise invalid(where, value, f"Must be a match of regex '{spec.pattern.pattern}'")
    return value


def _number(spec: Field, value: Any, where: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _type_error(where, spec, value)
    try:
        number = float(value)
        if spec.type == "number":
            return number
        whole = int(value) if isinstance(value, (int, str)) else int(number)
    except ValueError:
        raise _type_error(where, spec, value) from None
    low, high = INT_RANGES.get(spec.format, INT_RANGES["int64"])
    if (whole != number and abs(number) < 2**53) or not low <= whole <= high:
        raise _type_error(where, spec, value)
    return str(whole) if spec.format in LONG else whole


def _type_error(where: str, spec: Field, value: object) -> ApiError:
    wanted = (spec.format or {"boolean": "bool"}.get(spec.type, spec.type)).upper()
    shown = json.dumps(value)
    return ApiError(400, "invalid", f"Invalid value at '{where}' (TYPE_{wanted}), {shown}")


@cache
def discovery() -> Discovery:
    """Return the compiled document (loaded at the first call)."""
    folder = files("googleapiclient").joinpath("discovery_cache", "documents")
    with folder.joinpath("compute.v1.json").open("rb") as source:
        return Discovery(json.load(source))
