"""What the server fills in: a table of functions by resource, each changing a copy in place.

A default is set on every write, so an object reads the same whether it was created or replaced.
"""

import base64
from collections.abc import Callable
from typing import Any, Final

from fakes.kube.errors import Obj
from fakes.kube.kinds import CRDS, INGRESSES

_POD_SPEC: Final[Obj] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
_PROBE: Final[Obj] = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def _set(here: Obj, values: Obj) -> None:
    for key, value in values.items():
        here.setdefault(key, value)


def _container(container: Obj) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    _set(
        container,
        {
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always"
            if tag in {"", "latest"} and "@" not in image
            else "IfNotPresent",
            "resources": {},
        },
    )
    for port in container.get("ports") or []:
        _set(port, {"protocol": "TCP"})
    for name in _PROBES:
        if probe := container.get(name):
            _set(probe, _PROBE)
            if get := probe.get("httpGet"):
                _set(get, {"path": "/", "scheme": "HTTP"})


def _pod_spec(spec: Obj) -> None:
    _set(spec, _POD_SPEC)
    _set(spec, {"securityContext": {}})
    for name in ("containers", "initContainers"):
        for container in spec.get(name) or []:
            _container(container)


def _pod(obj: Obj) -> None:
    _pod_spec(obj.setdefault("spec", {}))
    _set(obj["spec"], {"enableServiceLinks": True})
    _set(obj.setdefault("status", {}), {"phase": "Pending", "qosClass": "BestEffort"})


def _template(spec: Obj) -> None:
    if template := spec.get("template"):
        _pod_spec(template.setdefault("spec", {}))


def _deployment(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(
        spec,
        {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": {}},
    )
    _set(spec["strategy"], {"type": "RollingUpdate"})
    if spec["strategy"]["type"] == "RollingUpdate":
        rolling = spec["strategy"].setdefault("rollingUpdate", {})
        _set(rolling, {"maxUnavailable": "25%", "maxSurge": "25%"})
    _template(spec)
    obj.setdefault("status", {})


def _replicas(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"replicas": 1})
    _template(spec)
    _set(obj.setdefault("status", {}), {"replicas": 0})


def _replication_controller(obj: Obj) -> None:
    _replicas(obj)
    labels = ((obj["spec"].get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        _set(obj["spec"], {"selector": dict(labels)})
        _set(obj["metadata"], {"labels": dict(labels)})


def _workload(obj: Obj) -> None:
    _template(obj.setdefault("spec", {}))
    obj.setdefault("status", {})


def _service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    for port in spec.get("ports") or []:
        _set(port, {"protocol": "TCP"})
        if "port" in port:
            _set(port, {"targetPort": port["port"]})
    if spec["type"] != "ExternalName":
        _set(
            spec,
            {
                "internalTrafficPolicy": "Cluster",
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
            },
        )
    if spec["type"] in {"NodePort", "LoadBalancer"}:
        _set(spec, {"externalTrafficPolicy": "Cluster"})
    if spec["type"] == "LoadBalancer":
        _set(spec, {"allocateLoadBalancerNodePorts": True})
    _set(obj.setdefault("status", {}), {"loadBalancer": {}})


def _ingress(obj: Obj) -> None:
    obj.setdefault("spec", {})
    _set(obj.setdefault("status", {}), {"loadBalancer": {}})


def _secret(obj: Obj) -> None:
    _set(obj, {"type": "Opaque"})
    if texts := obj.pop("stringData", None):
        coded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        obj["data"] = (obj.get("data") or {}) | coded


def _namespace(obj: Obj) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    _set(obj.setdefault("spec", {}), {"finalizers": ["kubernetes"]})
    _set(obj.setdefault("status", {}), {"phase": "Active"})


def _node(obj: Obj) -> None:
    obj.setdefault("spec", {})
    obj.setdefault("status", {})


def _ports(parts: list[Obj]) -> None:
    for part in parts:
        for port in part.get("ports") or []:
            _set(port, {"protocol": "TCP"})


def _endpoints(obj: Obj) -> None:
    _ports(obj.get("subsets") or [])


def _endpoint_slice(obj: Obj) -> None:
    _ports([obj])
    for port in obj.get("ports") or []:
        _set(port, {"name": ""})
    obj.setdefault("endpoints", [])


def _event(obj: Obj) -> None:
    _set(obj, {"reportingComponent": "", "reportingInstance": "", "source": {}})


def _job(obj: Obj) -> None:
    _set(obj.setdefault("spec", {}), {"backoffLimit": 6, "completions": 1, "parallelism": 1})
    _workload(obj)


def _crd(obj: Obj) -> None:
    spec: Any = obj.setdefault("spec", {})
    _set(spec, {"conversion": {"strategy": "None"}})
    names = spec.setdefault("names", {})
    kind = names.get("kind", "")
    _set(names, {"singular": kind.lower(), "listKind": f"{kind}List"})


DEFAULTS: Final[dict[str, Callable[[Obj], None]]] = {
    "pods": _pod,
    "services": _service,
    "secrets": _secret,
    "namespaces": _namespace,
    "nodes": _node,
    "endpoints": _endpoints,
    "events": _event,
    "replicationcontrollers": _replication_controller,
    "deployments.apps": _deployment,
    "replicasets.apps": _replicas,
    "daemonsets.apps": _workload,
    "statefulsets.apps": _replicas,
    "jobs.batch": _job,
    "endpointslices.discovery.k8s.io": _endpoint_slice,
    INGRESSES: _ingress,
    CRDS: _crd,
}


def fill(resource: str, obj: Obj) -> None:
    """Fill in what a resource's objects have by default."""
    if resource in DEFAULTS:
        DEFAULTS[resource](obj)
