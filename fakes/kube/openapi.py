"""OpenAPI v3: enough for kubectl to leave validation to the server, and for `kubectl explain`."""

import hashlib
import json
from typing import Any, Final

import msgspec

from fakes.kube.catalog import Catalog
from fakes.kube.errors import Obj, no_such_path
from fakes.kube.kinds import Kind
from fakes.kube.schema import REF, Schema, closure, component

V2: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_QUERY: Final = ("dryRun", "fieldManager", "fieldValidation")


def _base(api_version: str) -> str:
    return f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"


def index(catalog: Catalog) -> Obj:
    """Return the answer of /openapi/v3."""
    paths: dict[str, Any] = {}
    for kind in catalog.kinds():
        base = _base(kind.api_version)
        paths[base] = {"serverRelativeURL": f"/openapi/v3/{base}?hash={_hash(catalog, base)}"}
    return {"paths": paths}


def _hash(catalog: Catalog, base: str) -> str:
    rows = [repr(kind) for kind in catalog.kinds() if _base(kind.api_version) == base]
    return hashlib.sha256("".join(rows).encode()).hexdigest()[:16].upper()


def _name(kind: Kind) -> str:
    return f"{kind.group}.{kind.version}.{kind.kind}" if kind.custom else component(kind.model)


def _operations(kind: Kind) -> Obj:
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    reply = {"content": {"application/json": {"schema": {"$ref": REF + _name(kind)}}}}
    query = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in _QUERY
    ]
    operations: dict[str, Any] = {
        method: {
            "responses": {"200": {"description": "OK"} | reply},
            "x-kubernetes-action": method,
            "x-kubernetes-group-version-kind": gvk,
            "parameters": [] if method == "get" else query,
        }
        for method in ("get", "put", "patch")
    }
    return operations


def _clean(schema: Any) -> Any:
    """Return a schema without the notes that only the fake reads."""
    if isinstance(schema, dict):
        return {key: _clean(value) for key, value in schema.items() if key != "x-model"}
    if isinstance(schema, list):
        return [_clean(one) for one in schema]
    return schema


def document(catalog: Catalog, base: str) -> bytes:
    """Return the answer of /openapi/v3/apis/G/V; raise 404."""
    rows = [kind for kind in catalog.kinds() if _base(kind.api_version) == base]
    if not rows:
        raise no_such_path()
    paths: dict[str, Any] = {}
    schemas: dict[str, Schema] = closure([kind.model for kind in rows if not kind.custom])
    schemas |= closure(["V1ObjectMeta"])
    for kind in rows:
        where = "/namespaces/{namespace}" if kind.namespaced else ""
        paths[f"/{base}{where}/{kind.plural}/{{name}}"] = _operations(kind)
        schema = catalog.schema(kind)
        gvk = [{"group": kind.group, "version": kind.version, "kind": kind.kind}]
        schemas[_name(kind)] = schema | {"x-kubernetes-group-version-kind": gvk}
    body = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.0-fake"},
        "paths": paths,
        "components": {"schemas": _clean(schemas)},
    }
    return msgspec.json.encode(json.loads(json.dumps(body)))
