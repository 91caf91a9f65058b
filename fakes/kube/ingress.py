"""What the server demands of an Ingress and an IngressClass, in its words."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from fakes.kube import grammar
from fakes.kube.errors import Cause, Obj, Verbatim

Causes = Iterator[Cause]

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"
PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
IN_NO_PATH: Final = ("//", "/./", "/../", "%2f", "%2F")
AT_NO_END: Final = ("/..", "/.")


def check_ingress(obj: Obj, old: Obj | None) -> Causes:
    """Yield what is wrong with an Ingress."""
    spec = obj["spec"]
    rules = spec.get("rules") or []
    if not rules and "defaultBackend" not in spec:
        yield Cause(
            "spec",
            "Invalid",
            "either `defaultBackend` or `rules` must be specified",
            Verbatim("[]networking.IngressRule(nil)"),
        )
    if "defaultBackend" in spec:
        yield from _backend(spec["defaultBackend"], "spec.defaultBackend")
    for index, rule in enumerate(rules):
        yield from _rule(rule, f"spec.rules[{index}]")
    for index, tls in enumerate(spec.get("tls") or []):
        yield from _tls(tls, f"spec.tls[{index}]")
    if name := spec.get("ingressClassName"):
        for wrong in grammar.subdomain(name):
            yield Cause("spec.ingressClassName", "Invalid", wrong, name)
        annotations = obj["metadata"].get("annotations") or {}
        if old is None and CLASS_ANNOTATION in annotations:
            yield Cause(
                f"metadata.annotations[{CLASS_ANNOTATION}]",
                "Invalid",
                "can not be set when the class field is also set",
                annotations[CLASS_ANNOTATION],
            )


def _host(host: str, field: str) -> Causes:
    wrongs = grammar.wildcard(host) if "*" in host else grammar.subdomain(host)
    for wrong in wrongs:
        yield Cause(field, "Invalid", wrong, host)


def _rule(rule: Obj, field: str) -> Causes:
    if host := rule.get("host"):
        if _is_ip(host):
            yield Cause(f"{field}.host", "Invalid", "must be a DNS name, not an IP address", host)
        else:
            yield from _host(host, f"{field}.host")
    if "http" not in rule:
        return
    paths = rule["http"].get("paths") or []
    if not paths:
        yield Cause(f"{field}.http.paths", "Required")
    for index, path in enumerate(paths):
        yield from _path(path, f"{field}.http.paths[{index}]")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _path(path: Obj, field: str) -> Causes:
    text = path.get("path", "")
    kind = path.get("pathType")
    if kind is None:
        yield Cause(f"{field}.pathType", "Required", "pathType must be specified")
    elif kind not in PATH_TYPES:
        names = ", ".join(f'"{name}"' for name in PATH_TYPES)
        yield Cause(f"{field}.pathType", "NotSupported", f"supported values: {names}", kind)
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield Cause(f"{field}.path", "Invalid", "must be an absolute path", text)
    else:
        yield from _strict_path(text, f"{field}.path")
    yield from _backend(path.get("backend") or {}, f"{field}.backend")


def _strict_path(text: str, field: str) -> Causes:
    if not text.startswith("/"):
        yield Cause(field, "Invalid", "must be an absolute path", text)
    for part in IN_NO_PATH:
        if part in text:
            yield Cause(field, "Invalid", f"must not contain '{part}'", text)
    for end in AT_NO_END:
        if text.endswith(end):
            yield Cause(field, "Invalid", f"cannot end with '{end}'", text)


def _backend(backend: Obj, field: str) -> Causes:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield Cause(field, "Invalid", "cannot set both resource and service backends", "")
    elif resource is not None:
        for name in ("kind", "name"):
            if not resource.get(name):
                yield Cause(f"{field}.resource.{name}", "Required")
    elif service is not None:
        yield from _service(service, field)
    else:
        yield Cause(field, "Invalid", "resource or service backend is required", "")


def _service(service: Obj, field: str) -> Causes:
    name, port = service.get("name", ""), service.get("port") or {}
    if not name:
        yield Cause(f"{field}.service.name", "Required")
    else:
        for wrong in grammar.old_label(name):
            yield Cause(f"{field}.service.name", "Invalid", wrong, name)
    if port.get("name") and port.get("number"):
        yield Cause(field, "Invalid", "cannot set both port name & port number", "")
    elif port.get("name"):
        for wrong in grammar.port_name(port["name"]):
            yield Cause(f"{field}.service.port.name", "Invalid", wrong, port["name"])
    elif port.get("number"):
        for wrong in grammar.port(port["number"]):
            yield Cause(f"{field}.service.port.number", "Invalid", wrong, port["number"])
    else:
        yield Cause(field, "Required", "port name or number is required")


def _tls(tls: Obj, field: str) -> Causes:
    for index, host in enumerate(tls.get("hosts") or []):
        yield from _host(host, f"{field}.hosts[{index}]")
    if name := tls.get("secretName"):
        for wrong in grammar.subdomain(name):
            yield Cause(f"{field}.secretName", "Invalid", wrong, name)


def check_ingress_class(obj: Obj, _: Obj | None) -> Causes:
    """Yield what is wrong with an IngressClass."""
    controller = (obj.get("spec") or {}).get("controller", "")
    if not controller:
        yield Cause("spec.controller", "Required")
    elif "/" not in controller:
        yield Cause(
            "spec.controller",
            "Invalid",
            'must be a domain-prefixed path (such as "acme.io/foo")',
            controller,
        )


def with_default_class(obj: Obj, classes: list[Obj]) -> Obj:
    """Return a new Ingress with the cluster's default class, unless it names one itself."""
    annotations = obj["metadata"].get("annotations") or {}
    if "ingressClassName" in obj["spec"] or CLASS_ANNOTATION in annotations:
        return obj
    defaults = [
        one
        for one in classes
        if (one["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    if not defaults:
        return obj
    newest = max(
        defaults, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"])
    )
    return obj | {"spec": obj["spec"] | {"ingressClassName": newest["metadata"]["name"]}}
