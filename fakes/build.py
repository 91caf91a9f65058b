"""Kubernetes objects for tests and demos, in one line each: what is not named is as people have it."""

from collections.abc import Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]


def _meta(name: str, **more: Any) -> dict[str, Any]:
    namespace, _, own = name.rpartition("/")
    where = {"namespace": namespace} if namespace else {}
    return {**where, "name": own, **more}


def backend(target: str) -> dict[str, Any]:
    """Return an Ingress backend of `service:port`; the port is a number or a name."""
    name, _, port = target.partition(":")
    wanted = {"number": int(port)} if port.isdigit() else {"name": port}
    return {"service": {"name": name, "port": wanted}}


def ingress(
    name: str,
    rules: Mapping[str, Sequence[tuple[str, str] | tuple[str, str, str]]] | None = None,
    *,
    default: str = "",
    annotations: Mapping[str, str] | None = None,
    finalizers: Sequence[str] = (),
    class_name: str = "",
) -> Manifest:
    """Return an Ingress.

    Args:
        name: `namespace/name`.
        rules: host ("" for every host) -> (path, `service:port`[, pathType]); Prefix when not told.
        default: `service:port` of the default backend.
        annotations: as they are.
        finalizers: as they are.
        class_name: spec.ingressClassName.
    """
    spec: dict[str, Any] = {}
    if class_name:
        spec["ingressClassName"] = class_name
    if default:
        spec["defaultBackend"] = backend(default)
    if rules:
        spec["rules"] = [
            {
                **({"host": host} if host else {}),
                "http": {
                    "paths": [
                        {
                            "path": path,
                            "pathType": kind[0] if kind else "Prefix",
                            "backend": backend(target),
                        }
                        for path, target, *kind in paths
                    ]
                },
            }
            for host, paths in rules.items()
        ]
    more: dict[str, Any] = {}
    if annotations:
        more["annotations"] = dict(annotations)
    if finalizers:
        more["finalizers"] = list(finalizers)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": _meta(name, **more),
        "spec": spec,
    }


def service(
    name: str, *ports: str, kind: str = "NodePort", target: int | str | None = None
) -> Manifest:
    """Return a Service; each port is `[name=]port[->nodePort]`, `80->30080` or `http=80->30080`.

    `target` is the targetPort of them all; as the port itself when not told.
    """
    listed = []
    for text in ports:
        label, _, rest = text.rpartition("=")
        port, _, node_port = rest.partition("->")
        listed.append(
            {
                **({"name": label} if label else {}),
                "port": int(port),
                **({"nodePort": int(node_port)} if node_port else {}),
                **({"targetPort": target} if target is not None else {}),
            }
        )
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(name),
        "spec": {
            "type": kind,
            "selector": {"app": name.rpartition("/")[2]},
            "ports": listed,
        },
    }


def container(name: str, *ports: str, readiness: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a container that declares ports, each `[name=]port`, and has a readinessProbe."""
    listed = []
    for text in ports:
        label, _, port = text.rpartition("=")
        listed.append({**({"name": label} if label else {}), "containerPort": int(port)})
    return {
        "name": name,
        "image": "example.com/app:1",
        **({"ports": listed} if listed else {}),
        **({"readinessProbe": dict(readiness)} if readiness is not None else {}),
    }


def http_get(path: str = "/", port: int | str = 8080, **more: Any) -> dict[str, Any]:
    """Return a readiness probe over HTTP; `more` is of the httpGet itself."""
    return {"httpGet": {"path": path, "port": port, **more}}


def pod(
    name: str,
    *containers: Mapping[str, Any],
    app: str = "web",
    created: str = "",
    gates: Sequence[str] = (),
) -> Manifest:
    """Return a Pod that the Service `app` of its namespace selects; `gates` are of its readiness."""
    when = {"creationTimestamp": created} if created else {}
    waits = {"readinessGates": [{"conditionType": one} for one in gates]} if gates else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _meta(name, labels={"app": app}, **when),
        "spec": {"containers": [dict(one) for one in containers], **waits},
    }


def endpoint_slice(
    name: str,
    service: str,
    endpoints: Sequence[Mapping[str, Any]],
    *ports: str,
) -> Manifest:
    """Return an EndpointSlice of a Service of its namespace; ports are `[name=]port`."""
    listed = []
    for text in ports:
        label, _, port = text.rpartition("=")
        listed.append({"name": label, "port": int(port), "protocol": "TCP"})
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _meta(name, labels={"kubernetes.io/service-name": service}),
        "addressType": "IPv4",
        "endpoints": [dict(one) for one in endpoints],
        "ports": listed,
    }


def endpoint(
    address: str, node: str, *, ready: bool = True, terminating: bool = False, pod: str = ""
) -> dict[str, Any]:
    """Return an endpoint of a slice; one that terminates serves on and is not ready."""
    return {
        "addresses": [address],
        "conditions": {
            "ready": ready and not terminating,
            "serving": ready,
            "terminating": terminating,
        },
        "nodeName": node,
        **({"targetRef": {"kind": "Pod", "name": pod}} if pod else {}),
    }


def node(
    name: str, zone: str = "us-central1-a", *, project: str = "demo", ready: bool = True
) -> Manifest:
    """Return a Node that is the instance of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": _meta(name, labels={"topology.kubernetes.io/zone": zone}),
        "spec": {"providerID": f"gce://{project}/{zone}/{name}"},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def ingress_class(
    name: str,
    controller: str = "ingress.gcp.kubernetes.io/glbc",
    *,
    default: bool = False,
    parameters: str = "",
) -> Manifest:
    """Return an IngressClass.

    Args:
        name: its own.
        controller: spec.controller.
        default: is it the cluster's default class?
        parameters: name of the IngressParameters object.
    """
    spec: dict[str, Any] = {"controller": controller}
    if parameters:
        group = "glbc.gcp.kubernetes.io"
        spec["parameters"] = {"apiGroup": group, "kind": "IngressParameters", "name": parameters}
    marked = {"ingressclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": _meta(name, **({"annotations": marked} if default else {})),
        "spec": spec,
    }


def ingress_parameters(name: str, **spec: Any) -> Manifest:
    """Return an IngressParameters object; its CRD is deploy/crds/ingressparameters.yaml."""
    return {
        "apiVersion": "glbc.gcp.kubernetes.io/v1",
        "kind": "IngressParameters",
        "metadata": _meta(name),
        "spec": spec,
    }
