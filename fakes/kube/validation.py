"""What the server refuses with 422: a table of functions by resource.

Each yields the causes in the order in which the real server finds them. What must not change
between two versions of an object stands in tables of its own: most kinds need no function for it.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from fakes.kube import grammar
from fakes.kube.crd import check_definition
from fakes.kube.errors import Cause, Obj
from fakes.kube.ingress import check_ingress, check_ingress_class
from fakes.kube.kinds import CRDS, INGRESSES
from fakes.kube.selectors import value_at

Causes = Iterator[Cause]

IMMUTABLE: Final = "field is immutable"

# resource -> grammar of its names; every other is a DNS subdomain
NAMES: Final[dict[str, Callable[[str], list[str]]]] = {
    "namespaces": grammar.label,
    "services": grammar.old_label,
    "events": lambda _: [],
    "roles.rbac.authorization.k8s.io": grammar.path_segment,
    "rolebindings.rbac.authorization.k8s.io": grammar.path_segment,
    "clusterroles.rbac.authorization.k8s.io": grammar.path_segment,
    "clusterrolebindings.rbac.authorization.k8s.io": grammar.path_segment,
}
# resource -> fields that stay as they were created
FIXED: Final[dict[str, tuple[str, ...]]] = {
    "secrets": ("type",),
    "endpointslices.discovery.k8s.io": ("addressType",),
    "deployments.apps": ("spec.selector",),
    "replicasets.apps": ("spec.selector",),
    "daemonsets.apps": ("spec.selector",),
    "ingressclasses.networking.k8s.io": ("spec.controller",),
    CRDS: ("spec.group", "spec.names.plural", "spec.names.kind", "spec.scope"),
}


def one_of(field: str, value: Any, allowed: tuple[str, ...]) -> Causes:
    """Refuse a value that is not in the table."""
    if value not in allowed:
        names = ", ".join(json.dumps(name) for name in sorted(allowed))
        yield Cause(field, "NotSupported", f"supported values: {names}", value)


def metadata(resource: str, obj: Obj) -> Causes:
    """Check name, labels, annotations and finalizers."""
    meta = obj["metadata"]
    name = meta.get("name", "")
    if not name:
        yield Cause("metadata.name", "Required", "name or generateName is required")
    else:
        for wrong in NAMES.get(resource, grammar.subdomain)(name):
            yield Cause("metadata.name", "Invalid", wrong, name)
    yield from _labels(meta)
    for index, finalizer in enumerate(meta.get("finalizers") or []):
        for wrong in grammar.qualified(finalizer):
            yield Cause(f"metadata.finalizers[{index}]", "Invalid", wrong, finalizer)


def _labels(meta: Obj) -> Causes:
    """Check labels and annotations."""
    for key, value in (meta.get("labels") or {}).items():
        for wrong in grammar.qualified(key):
            yield Cause("metadata.labels", "Invalid", wrong, key)
        for wrong in grammar.value(value):
            yield Cause("metadata.labels", "Invalid", wrong, value)
    annotations = meta.get("annotations") or {}
    for key in annotations:
        for wrong in grammar.qualified(key.lower()):
            yield Cause("metadata.annotations", "Invalid", wrong, key)
    if sum(len(key) + len(text) for key, text in annotations.items()) > 262144:
        yield Cause("metadata.annotations", "TooLong", "may not be more than 262144 bytes")


def metadata_update(old: Obj, new: Obj) -> Causes:
    """Refuse finalizers that come after the deletion was asked for."""
    if not old["metadata"].get("deletionTimestamp"):
        return
    had = set(old["metadata"].get("finalizers") or [])
    if extra := [one for one in new["metadata"].get("finalizers") or [] if one not in had]:
        found = "[]string{" + ", ".join(json.dumps(one) for one in extra) + "}"
        yield Cause(
            "metadata.finalizers",
            "Forbidden",
            "no new finalizers can be added if the object is being deleted, "
            f"found new finalizers {found}",
        )


def _service(obj: Obj, _: Obj | None) -> Causes:
    spec = obj["spec"]
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    yield from one_of("spec.type", spec["type"], types)
    yield from one_of("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    ports = spec.get("ports") or []
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            yield Cause("spec.externalName", "Required")
        return
    if not ports and spec.get("clusterIP") != "None":
        yield Cause("spec.ports", "Required")
    names: set[str] = set()
    seen: set[tuple[int, str]] = set()
    for index, port in enumerate(ports):
        field = f"spec.ports[{index}]"
        yield from _service_port(field, port, spec, named=len(ports) > 1)
        if (name := port.get("name")) and name in names:
            yield Cause(f"{field}.name", "Duplicate", "", name)
        names.add(port.get("name", ""))
        key = (port.get("port", 0), port["protocol"])
        if key in seen:
            yield Cause(field, "Duplicate", "", {"port": key[0], "protocol": key[1]})
        seen.add(key)


def _service_port(field: str, port: Obj, spec: Obj, *, named: bool) -> Causes:
    name = port.get("name", "")
    if named and not name:
        yield Cause(f"{field}.name", "Required")
    if name:
        for wrong in grammar.label(name):
            yield Cause(f"{field}.name", "Invalid", wrong, name)
    for wrong in grammar.port(port.get("port", 0)):
        yield Cause(f"{field}.port", "Invalid", wrong, port.get("port", 0))
    yield from one_of(f"{field}.protocol", port["protocol"], ("SCTP", "TCP", "UDP"))
    target = port.get("targetPort")
    if isinstance(target, int):
        for wrong in grammar.port(target):
            yield Cause(f"{field}.targetPort", "Invalid", wrong, target)
    elif isinstance(target, str):
        for wrong in grammar.port_name(target):
            yield Cause(f"{field}.targetPort", "Invalid", wrong, target)
    if spec["type"] == "ClusterIP" and port.get("nodePort"):
        yield Cause(f"{field}.nodePort", "Forbidden", "may not be used when `type` is 'ClusterIP'")


def _service_update(new: Obj, old: Obj) -> Causes:
    had, has = old["spec"].get("clusterIPs"), new["spec"].get("clusterIPs")
    both = "ExternalName" not in {old["spec"]["type"], new["spec"]["type"]}
    if both and had and has != had:
        yield Cause("spec.clusterIPs[0]", "Invalid", "may not change once set", has)


def _secret(obj: Obj, _: Obj | None) -> Causes:
    data = obj.get("data") or {}
    for key in data:
        if not key or not all(char.isalnum() or char in "-_." for char in key):
            yield Cause(
                f"data[{key}]",
                "Invalid",
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                key,
            )
    if obj["type"] == "kubernetes.io/tls":
        for key in ("tls.crt", "tls.key"):
            if key not in data:
                yield Cause(f"data[{key}]", "Required")


def _sealed(new: Obj, old: Obj) -> Causes:
    """Refuse changes of a Secret or ConfigMap that is marked immutable."""
    if not old.get("immutable"):
        return
    sealed = "field is immutable when `immutable` is set"
    for field in ("immutable", "data", "binaryData"):
        if new.get(field) != old.get(field):
            yield Cause(field, "Forbidden", sealed)


def _lease(obj: Obj, _: Obj | None) -> Causes:
    spec = obj.get("spec") or {}
    for name, least, sentence in (
        ("leaseDurationSeconds", 1, "must be greater than 0"),
        ("leaseTransitions", 0, "must be greater than or equal to 0"),
    ):
        if name in spec and spec[name] < least:
            yield Cause(f"spec.{name}", "Invalid", sentence, spec[name])


def _event(obj: Obj, _: Obj | None) -> Causes:
    about = (obj.get("involvedObject") or {}).get("namespace", "")
    if about != obj["metadata"].get("namespace", "") and (
        about or obj["metadata"].get("namespace") != "default"
    ):
        yield Cause("involvedObject.namespace", "Invalid", "does not match event.namespace", about)


def _endpoint_slice(obj: Obj, _: Obj | None) -> Causes:
    if "addressType" not in obj:
        yield Cause("addressType", "Required")
    else:
        yield from one_of("addressType", obj["addressType"], ("FQDN", "IPv4", "IPv6"))
    for index, endpoint in enumerate(obj["endpoints"]):
        if not endpoint.get("addresses"):
            yield Cause(
                f"endpoints[{index}].addresses", "Required", "must contain at least 1 address"
            )


def _workload(obj: Obj, _: Obj | None) -> Causes:
    spec = obj["spec"]
    if spec.get("replicas", 0) < 0:
        yield Cause(
            "spec.replicas", "Invalid", "must be greater than or equal to 0", spec["replicas"]
        )
    selector = spec.get("selector") or {}
    wanted = selector.get("matchLabels", {}) if "template" in spec else {}
    if obj["kind"] == "ReplicationController":
        wanted = selector
    if not wanted and not selector.get("matchExpressions"):
        yield Cause("spec.selector", "Required")
    template = spec.get("template")
    if template is None:
        yield Cause("spec.template", "Required")
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not wanted.items() <= labels.items():
        yield Cause(
            "spec.template.metadata.labels",
            "Invalid",
            "`selector` does not match template `labels`",
            labels,
        )
    yield from _pod_spec(template.get("spec") or {}, "spec.template.spec")


def _pod_spec(spec: Obj, field: str) -> Causes:
    containers = spec.get("containers") or []
    if not containers:
        yield Cause(f"{field}.containers", "Required")
    names: set[str] = set()
    for index, container in enumerate(containers):
        where = f"{field}.containers[{index}]"
        name = container.get("name", "")
        if not name:
            yield Cause(f"{where}.name", "Required")
        elif wrong := grammar.label(name):
            yield Cause(f"{where}.name", "Invalid", wrong[0], name)
        if name and name in names:
            yield Cause(f"{where}.name", "Duplicate", "", name)
        names.add(name)
        if not container.get("image"):
            yield Cause(f"{where}.image", "Required")


def _pod(obj: Obj, old: Obj | None) -> Causes:
    if old is None:
        yield from _pod_spec(obj["spec"], "spec")


CHECKS: Final[dict[str, Callable[[Obj, Obj | None], Causes]]] = {
    "services": _service,
    "secrets": _secret,
    "events": _event,
    "pods": _pod,
    "leases.coordination.k8s.io": _lease,
    "endpointslices.discovery.k8s.io": _endpoint_slice,
    "ingressclasses.networking.k8s.io": check_ingress_class,
    "replicationcontrollers": _workload,
    "deployments.apps": _workload,
    "replicasets.apps": _workload,
    INGRESSES: check_ingress,
    CRDS: check_definition,
}
CHANGES: Final[dict[str, Callable[[Obj, Obj], Causes]]] = {
    "services": _service_update,
    "secrets": _sealed,
    "configmaps": _sealed,
}


def check(resource: str, new: Obj, old: Obj | None) -> list[Cause]:
    """Return everything that is wrong with an object, given what it replaces."""
    causes = list(metadata(resource, new))
    if resource in CHECKS:
        causes += CHECKS[resource](new, old)
    if old is None:
        return causes
    causes += metadata_update(old, new)
    for field in FIXED.get(resource, ()):
        if _at(new, field) != _at(old, field):
            causes.append(Cause(field, "Invalid", IMMUTABLE, _at(new, field)))
    if resource in CHANGES:
        causes += CHANGES[resource](new, old)
    return causes


def _at(obj: Obj, field: str) -> Any:
    here: Any = obj
    for step in field.split("."):
        here = (here or {}).get(step)
    return here if isinstance(here, (dict, list)) else value_at(obj, field)
