"""The protobuf bodies of kubectl's imperative commands, read into JSON.

kubectl never falls back to JSON when it is refused, so what people create that way is decoded
here: a generic reader of the wire format, and a table of fields per message. A kind that is not
in the table is refused with the way around. Field numbers: generated.proto of each API group.
"""

import base64
import struct
from collections.abc import Iterator
from typing import Any, Final

from fakes.kube.errors import Obj, bad_request, unsupported

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
MAGIC: Final = b"k8s\x00"

# A type is str, int, bool, bytes, a message's name, [type] for a list, {type} for a map from str
Type = Any
Fields = dict[int, tuple[str, Type]]

# fmt: off
_META: Final[Fields] = {
    1: ("name", str), 2: ("generateName", str), 3: ("namespace", str), 5: ("uid", str),
    6: ("resourceVersion", str), 11: ("labels", {str}), 12: ("annotations", {str}),
    14: ("finalizers", [str]),
}
MESSAGES: Final[dict[str, Fields]] = {
    "ObjectMeta": _META,
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec")},
    "NamespaceSpec": {1: ("finalizers", [str])},
    "Secret": {1: ("metadata", "ObjectMeta"), 2: ("data", {bytes}), 3: ("type", str), 4: ("stringData", {str}), 5: ("immutable", bool)},
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", {str}), 3: ("binaryData", {bytes}), 4: ("immutable", bool)},
    "ServiceAccount": {1: ("metadata", "ObjectMeta")},
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec")},
    "ServiceSpec": {
        1: ("ports", ["ServicePort"]), 2: ("selector", {str}), 3: ("clusterIP", str), 4: ("type", str), 5: ("externalIPs", [str]),
        7: ("sessionAffinity", str), 8: ("loadBalancerIP", str), 10: ("externalName", str), 11: ("externalTrafficPolicy", str),
        18: ("clusterIPs", [str]),
    },
    "ServicePort": {1: ("name", str), 2: ("protocol", str), 3: ("port", int), 4: ("targetPort", "IntOrString"), 5: ("nodePort", int), 6: ("appProtocol", str)},
    "Ingress": {1: ("metadata", "ObjectMeta"), 2: ("spec", "IngressSpec")},
    "IngressSpec": {1: ("defaultBackend", "IngressBackend"), 2: ("tls", ["IngressTLS"]), 3: ("rules", ["IngressRule"]), 4: ("ingressClassName", str)},
    "IngressTLS": {1: ("hosts", [str]), 2: ("secretName", str)},
    "IngressRule": {1: ("host", str), 2: ("", "IngressRuleValue")},  # its fields stand in the rule itself
    "IngressRuleValue": {1: ("http", "HTTPIngressRuleValue")},
    "HTTPIngressRuleValue": {1: ("paths", ["HTTPIngressPath"])},
    "HTTPIngressPath": {1: ("path", str), 2: ("backend", "IngressBackend"), 3: ("pathType", str)},
    "IngressBackend": {3: ("resource", "TypedLocalObjectReference"), 4: ("service", "IngressServiceBackend")},
    "TypedLocalObjectReference": {1: ("apiGroup", str), 2: ("kind", str), 3: ("name", str)},
    "IngressServiceBackend": {1: ("name", str), 2: ("port", "ServiceBackendPort")},
    "ServiceBackendPort": {1: ("name", str), 2: ("number", int)},
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec")},
    "DeploymentSpec": {1: ("replicas", int), 2: ("selector", "LabelSelector"), 3: ("template", "PodTemplateSpec"), 5: ("minReadySeconds", int)},
    "LabelSelector": {1: ("matchLabels", {str})},
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "Pod": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {2: ("containers", ["Container"]), 3: ("restartPolicy", str), 6: ("dnsPolicy", str)},
    "Container": {
        1: ("name", str), 2: ("image", str), 3: ("command", [str]), 4: ("args", [str]), 6: ("ports", ["ContainerPort"]),
        7: ("env", ["EnvVar"]), 14: ("imagePullPolicy", str),
    },
    "ContainerPort": {1: ("name", str), 2: ("hostPort", int), 3: ("containerPort", int), 4: ("protocol", str)},
    "EnvVar": {1: ("name", str), 2: ("value", str)},
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "SelfSubjectAccessReviewSpec")},
    "SelfSubjectAccessReviewSpec": {1: ("resourceAttributes", "ResourceAttributes"), 2: ("nonResourceAttributes", "NonResourceAttributes")},
    "ResourceAttributes": {
        1: ("namespace", str), 2: ("verb", str), 3: ("group", str), 4: ("version", str), 5: ("resource", str), 6: ("subresource", str), 7: ("name", str),
    },
    "NonResourceAttributes": {1: ("path", str), 2: ("verb", str)},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", int), 2: ("preconditions", "Preconditions"), 3: ("orphanDependents", bool), 4: ("propagationPolicy", str), 5: ("dryRun", [str]),
    },
    "Preconditions": {1: ("uid", str), 2: ("resourceVersion", str)},
    "Scale": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ScaleSpec")},
    "ScaleSpec": {1: ("replicas", int)},
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", bytes)},
    "TypeMeta": {1: ("apiVersion", str), 2: ("kind", str)},
    "IntOrString": {1: ("type", int), 2: ("int", int), 3: ("str", str)},
}
# fmt: on
# fields that Go writes although they are empty, and the server takes for absent
_EMPTY: Final = ("", 0, None)


def decode(raw: bytes) -> Obj:
    """Return a protobuf body as the JSON object it stands for.

    Raises:
        ApiError: 415 for a kind that is not in the table, 400 for bytes that are no message.
    """
    if not raw.startswith(MAGIC):
        raise bad_request("the body is not Kubernetes protobuf: it lacks the magic prefix")
    try:
        envelope = _message(raw[len(MAGIC) :], "Unknown")
        kind = envelope["typeMeta"]["kind"]
        if kind not in MESSAGES:
            raise unsupported(
                f"this fake does not read {kind} as protobuf: pipe it as JSON instead: "
                "kubectl create ... --dry-run=client -o yaml | kubectl create -f -"
            )
        body = _message(base64.b64decode(envelope.get("raw", "")), kind)
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise bad_request(f"the body is not readable as Kubernetes protobuf: {error!r}") from error
    return {name: value for name, value in envelope["typeMeta"].items() if value} | body


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value - (1 << 64) if value >> 63 else value), at
        shift += 7


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the raw value of each field."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
        elif kind == 2:
            size, at = _varint(data, at)
            yield number, data[at : at + size]
            at += size
        else:
            size = 8 if kind == 1 else 4
            yield number, data[at : at + size]
            at += size


def _value(raw: int | bytes, kind: Type) -> Any:
    if kind is int:
        return raw
    if kind is bool:
        return bool(raw)
    data = raw if isinstance(raw, bytes) else b""
    if kind is str:
        return data.decode()
    if kind is bytes:
        return base64.b64encode(data).decode()
    if kind == "IntOrString":
        both = _message(data, kind)
        return both.get("str", "") if both.get("type") else both.get("int", 0)
    return _message(data, kind)


def _message(data: bytes, name: str) -> Obj:
    table = MESSAGES[name]
    result: Obj = {}
    for number, raw in _wire(data):
        if number not in table:
            continue
        field, kind = table[number]
        if isinstance(kind, list):
            result.setdefault(field, []).append(_value(raw, kind[0]))
        elif isinstance(kind, set):
            entry = dict(_wire(raw)) if isinstance(raw, bytes) else {}
            key = _value(entry.get(1, b""), str)
            result.setdefault(field, {})[key] = _value(entry.get(2, b""), next(iter(kind)))
        elif not field:
            result |= _value(raw, kind)
        else:
            value = _value(raw, kind)
            if value not in _EMPTY or name in {"IntOrString", "ScaleSpec", "EnvVar"}:
                result[field] = value
    return result
