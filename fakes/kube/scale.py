"""The scale subresource: a workload seen as a number of replicas."""

from fakes.kube.errors import Obj


def scale_of(obj: Obj) -> Obj:
    """Return the Scale of a Deployment, ReplicaSet, StatefulSet or ReplicationController."""
    spec, status = obj["spec"], obj.get("status") or {}
    selector = spec.get("selector") or {}
    labels = selector if obj["kind"] == "ReplicationController" else selector.get("matchLabels", {})
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: obj["metadata"][name] for name in names},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


def with_replicas(obj: Obj, scale: Obj) -> Obj:
    """Return a workload with the replicas that a Scale asks for."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    return obj | {"spec": obj["spec"] | {"replicas": replicas}}
