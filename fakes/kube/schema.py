"""What fields a built-in kind has, as JSON schemas.

The models that the Kubernetes client ships are generated from the API's own OpenAPI document,
so they are read instead of being typed again. What that document knows and the models lost
(merge keys, quantities, int-or-string) stands in the tables here. A schema is built when first
asked for: a Pod's closure is some two hundred models.
"""

import re
from functools import cache
from importlib import import_module
from typing import Any, Final

Schema = dict[str, Any]

REF: Final = "#/components/schemas/"

# (model, field) -> key of a strategic merge, keys of server-side apply
MERGED: Final[dict[tuple[str, str], tuple[str, tuple[str, ...]]]] = {
    ("V1ObjectMeta", "ownerReferences"): ("uid", ("uid",)),
    ("V1ServiceSpec", "ports"): ("port", ("port", "protocol")),
    ("V1PodSpec", "containers"): ("name", ("name",)),
    ("V1PodSpec", "initContainers"): ("name", ("name",)),
    ("V1PodSpec", "ephemeralContainers"): ("name", ("name",)),
    ("V1PodSpec", "volumes"): ("name", ("name",)),
    ("V1PodSpec", "imagePullSecrets"): ("name", ("name",)),
    ("V1PodSpec", "hostAliases"): ("ip", ("ip",)),
    ("V1Container", "env"): ("name", ("name",)),
    ("V1Container", "ports"): ("containerPort", ("containerPort", "protocol")),
    ("V1Container", "volumeMounts"): ("mountPath", ("mountPath",)),
    ("V1Container", "volumeDevices"): ("devicePath", ("devicePath",)),
    ("V1PodStatus", "podIPs"): ("ip", ("ip",)),
    ("V1NodeStatus", "addresses"): ("type", ("type",)),
    ("V1NodeSpec", "taints"): ("key", ()),
    ("V1ServiceAccount", "secrets"): ("name", ("name",)),
    ("V1ServiceAccount", "imagePullSecrets"): ("name", ("name",)),
}
SETS: Final = {("V1ObjectMeta", "finalizers"), ("V1NodeSpec", "podCIDRs")}
INT_OR_STRING: Final = {
    "port",
    "targetPort",
    "maxUnavailable",
    "minAvailable",
    "maxSurge",
    "servicePort",
}
QUANTITIES: Final = {
    ("V1ResourceRequirements", "limits"),
    ("V1ResourceRequirements", "requests"),
    ("V1VolumeResourceRequirements", "limits"),
    ("V1VolumeResourceRequirements", "requests"),
    ("V1NodeStatus", "capacity"),
    ("V1NodeStatus", "allocatable"),
    ("V1ResourceQuotaSpec", "hard"),
    ("V1PersistentVolumeSpec", "capacity"),
    ("V1EmptyDirVolumeSource", "sizeLimit"),
}
MICRO_TIMES: Final = {
    ("V1LeaseSpec", "acquireTime"),
    ("V1LeaseSpec", "renewTime"),
    ("CoreV1Event", "eventTime"),
    ("EventsV1Event", "eventTime"),
    ("CoreV1EventSeries", "lastObservedTime"),
    ("EventsV1EventSeries", "lastObservedTime"),
}
PRIMITIVES: Final[dict[str, Schema]] = {
    "str": {"type": "string"},
    "int": {"type": "integer", "format": "int32"},
    "float": {"type": "number", "format": "double"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "format": "byte"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {"x-kubernetes-preserve-unknown-fields": True},
}
_OPEN: Final = {"V1FieldsV1": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
_CONTAINER: Final = re.compile(r"^(List|Dict)\[(?:str, )?(.+)\]$")


def _ref(model: str) -> Schema:
    return {"$ref": REF + component(model)}


def component(model: str) -> str:
    """Return the name a model has in OpenAPI: `v1.Ingress`, of which kubectl shows the tail."""
    match = re.match(r"^([A-Z][a-z]+)??(V\d+(?:(?:alpha|beta)\d+)?)(.+)$", model)
    if match is None:
        return model
    prefix, version, name = match.groups()
    return ".".join(filter(None, [(prefix or "").lower(), version.lower(), name]))


_BY_COMPONENT: Final[dict[str, str]] = {}


def _typed(kind: str) -> Schema:
    if match := _CONTAINER.match(kind):
        inner = _typed(match[2])
        if match[1] == "List":
            return {"type": "array", "items": inner}
        return {"type": "object", "additionalProperties": inner}
    if kind in PRIMITIVES:
        return dict(PRIMITIVES[kind])
    _BY_COMPONENT[component(kind)] = kind
    return _ref(kind)


def _field(model: str, name: str, kind: str) -> Schema:
    key = (model, name)
    if key in QUANTITIES:
        quantity = {"type": "string", "format": "quantity"}
        return {"type": "object", "additionalProperties": quantity} if "[" in kind else quantity
    if kind == "object" and name in INT_OR_STRING:
        return {"x-kubernetes-int-or-string": True}
    if key in MICRO_TIMES:
        return {"type": "string", "format": "micro-time"}
    schema = _typed(kind)
    if schema.get("type") == "array":
        merge_key, keys = MERGED.get(key, ("", ()))
        if name == "conditions" and "Condition" in kind:
            merge_key, keys = "type", ("type",)
        if merge_key:
            schema["x-kubernetes-patch-merge-key"] = merge_key
        if keys:
            schema["x-kubernetes-list-map-keys"] = list(keys)
        schema["x-kubernetes-list-type"] = "map" if keys else "set" if key in SETS else "atomic"
    return schema


def _described(schema: Schema, text: str | None) -> Schema:
    if not text:
        return schema
    if "$ref" in schema:
        return {"allOf": [schema], "description": text}
    return schema | {"description": text}


@cache
def definition(model: str) -> Schema:
    """Return the schema of one model; nested models are references."""
    if model in _OPEN:
        return _OPEN[model]
    if model in EXTRA:
        return EXTRA[model]
    if model == "V1JSONSchemaProps":  # kept as it was sent
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    cls: Any = getattr(import_module("kubernetes.client.models"), model)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for attribute, kind in cls.openapi_types.items():
        name = cls.attribute_map[attribute]
        info = cls.model_fields.get(attribute)
        properties[name] = _described(
            _field(model, name, kind), info.description if info is not None else None
        )
        if info is not None and info.is_required():
            required.append(name)
    schema: Schema = {
        "type": "object",
        "properties": dict(sorted(properties.items())),
        "x-model": model,
    }
    if required:
        schema["required"] = sorted(required)
    return schema


def resolve(schema: Schema) -> Schema:
    """Follow a reference, also one that carries a description."""
    if "allOf" in schema and len(schema["allOf"]) == 1 and "$ref" in schema["allOf"][0]:
        schema = schema["allOf"][0]
    if "$ref" in schema:
        return definition(_BY_COMPONENT[schema["$ref"].removeprefix(REF)])
    return schema


ANYTHING: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}


def is_open(schema: Schema) -> bool:
    """Say whether any field may stand here."""
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))


def child(schema: Schema, name: str) -> Schema | None:
    """Return the schema of a field, or None for a field that does not exist."""
    properties = schema.get("properties") or {}
    if name in properties:
        return resolve(properties[name])
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        return resolve(more)
    return ANYTHING if is_open(schema) or more is True else None


def items(schema: Schema) -> Schema:
    """Return the schema of a list's elements."""
    inner = schema.get("items")
    return resolve(inner) if isinstance(inner, dict) else ANYTHING


def closure(models: list[str]) -> dict[str, Schema]:
    """Return the components that the models reach, by component name."""
    found: dict[str, Schema] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        name = component(model)
        if name in found:
            continue
        found[name] = schema = definition(model)
        refs = re.findall(r"'#/components/schemas/([^']+)'", repr(schema))
        waiting.extend(_BY_COMPONENT[ref] for ref in refs)
    return found


_OLD_BACKEND: Final[Schema] = {
    "type": "object",
    "x-model": "V1beta1IngressBackend",
    "properties": {
        "serviceName": {"type": "string"},
        "servicePort": {"x-kubernetes-int-or-string": True},
        "resource": _typed("V1TypedLocalObjectReference"),
    },
}
EXTRA: Final[dict[str, Schema]] = {
    "V1PartialObjectMetadata": {
        "type": "object",
        "x-model": "V1PartialObjectMetadata",
        "properties": {"metadata": _typed("V1ObjectMeta")},
    },
    "V1beta1Ingress": {
        "type": "object",
        "x-model": "V1beta1Ingress",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": _typed("V1ObjectMeta"),
            "spec": {
                "type": "object",
                "x-model": "V1beta1IngressSpec",
                "properties": {
                    "backend": _OLD_BACKEND,
                    "ingressClassName": {"type": "string"},
                    "tls": _typed("List[V1IngressTLS]"),
                    "rules": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "host": {"type": "string"},
                                "http": {
                                    "type": "object",
                                    "properties": {
                                        "paths": {
                                            "type": "array",
                                            "items": {
                                                "type": "object",
                                                "properties": {
                                                    "path": {"type": "string"},
                                                    "pathType": {"type": "string"},
                                                    "backend": _OLD_BACKEND,
                                                },
                                            },
                                        }
                                    },
                                },
                            },
                        },
                    },
                },
            },
            "status": _typed("V1IngressStatus"),
        },
    },
}
