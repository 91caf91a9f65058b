"""Kinds that are views of another kind's storage: the old Ingresses and the new Events.

A view is a pair of functions. Going to the storage and back must give the same object, else a
`kubectl apply` of an old manifest would find a difference each time.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from fakes.kube.errors import Obj
from fakes.kube.kinds import Kind


class View(NamedTuple):
    """How one served version is stored and shown."""

    store: Callable[[Obj], Obj]
    show: Callable[[Obj], Obj]


def _new_backend(old: Obj) -> Obj:
    if old.get("resource") is not None:
        return {"resource": old["resource"]}
    port = old.get("servicePort")
    number = int(str(port)) if str(port).isdigit() else None
    service: Obj = {"name": old.get("serviceName", "")}
    if port is not None:
        service["port"] = {"number": number} if number is not None else {"name": port}
    return {"service": service}


def _old_backend(new: Obj) -> Obj:
    if "service" not in new:
        return new
    service = new["service"]
    port = service.get("port") or {}
    old = {"serviceName": service.get("name", "")}
    found = port.get("number", port.get("name"))
    return old | ({"servicePort": found} if found is not None else {})


def _rules(rules: list[Obj], backend: Callable[[Obj], Obj], defaults: Obj) -> list[Obj]:
    """Convert the backends of all paths; `defaults` are the fields a path gets when it lacks them."""
    result = []
    for rule in rules:
        new = dict(rule)
        if "http" in rule:
            paths = [
                defaults
                | path
                | ({"backend": backend(path["backend"])} if "backend" in path else {})
                for path in rule["http"].get("paths") or []
            ]
            new["http"] = {"paths": paths}
        result.append(new)
    return result


def _store_old_ingress(obj: Obj) -> Obj:
    if "spec" not in obj:  # an apply of metadata alone
        return obj | {"apiVersion": "networking.k8s.io/v1"}
    spec = dict(obj["spec"])
    if "backend" in spec:
        spec["defaultBackend"] = _new_backend(spec.pop("backend"))
    if "rules" in spec:
        defaults = {"pathType": "ImplementationSpecific"}
        spec["rules"] = _rules(spec["rules"], _new_backend, defaults)
    return obj | {"spec": spec, "apiVersion": "networking.k8s.io/v1"}


def _show_old_ingress(api_version: str) -> Callable[[Obj], Obj]:
    def show(obj: Obj) -> Obj:
        spec = dict(obj.get("spec") or {})
        if "defaultBackend" in spec:
            spec["backend"] = _old_backend(spec.pop("defaultBackend"))
        if "rules" in spec:
            spec["rules"] = _rules(spec["rules"], _old_backend, {})
        return obj | {"spec": spec, "apiVersion": api_version}

    return show


# events.k8s.io/v1 -> core/v1
EVENT_FIELDS: Final = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_STORED_FIELDS: Final = {core: new for new, core in EVENT_FIELDS.items()}


def _renamed(obj: Obj, names: dict[str, str], api_version: str) -> Obj:
    renamed: dict[str, Any] = {names.get(key, key): value for key, value in obj.items()}
    return renamed | {"apiVersion": api_version}


def _store_event(obj: Obj) -> Obj:
    return _renamed(obj, EVENT_FIELDS, "v1")


def _show_event(obj: Obj) -> Obj:
    return {"eventTime": None} | _renamed(obj, _STORED_FIELDS, "events.k8s.io/v1")


_VIEWS: Final = {
    ("ingresses", "networking.k8s.io/v1beta1"): View(
        _store_old_ingress, _show_old_ingress("networking.k8s.io/v1beta1")
    ),
    ("ingresses", "extensions/v1beta1"): View(
        _store_old_ingress, _show_old_ingress("extensions/v1beta1")
    ),
    ("events", "events.k8s.io/v1"): View(_store_event, _show_event),
}


def store(kind: Kind, obj: Obj) -> Obj:
    """Return an object of a served version as it is stored."""
    view = _VIEWS.get((kind.plural, kind.api_version))
    return view.store(obj) if view is not None else obj


def show(kind: Kind, obj: Obj) -> Obj:
    """Return a stored object as a served version shows it."""
    view = _VIEWS.get((kind.plural, kind.api_version))
    if view is not None:
        return view.show(obj)
    if kind.custom and obj.get("apiVersion") != kind.api_version:
        return obj | {"apiVersion": kind.api_version}
    return obj
