"""The cells of the tables: each function makes of an object what a person reads."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from fakes.kube.errors import Obj

NONE: Final = "<none>"
_UNITS: Final = (("y", 31_536_000), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
# (below this many seconds, biggest unit, smaller unit shown beside it or "")
_SCALES: Final = (
    (120, "s", ""),
    (600, "m", "s"),
    (3 * 3600, "m", ""),
    (8 * 3600, "h", "m"),
    (48 * 3600, "h", ""),
    (8 * 86400, "d", "h"),
    (2 * 31536000, "d", ""),
    (8 * 31536000, "y", "d"),
)


class Moment(NamedTuple):
    """A time stamp that is to be shown as an age."""

    text: str | None


def duration(seconds: float) -> str:
    """Return a span of time as kubectl prints it: 45s, 3m20s, 25h, 3d4h."""
    left = int(seconds)
    if left < -1:
        return "<invalid>"
    left = max(left, 0)
    big, small = next(((b, s) for below, b, s in _SCALES if left < below), ("y", ""))
    sizes = dict(_UNITS)
    text = f"{left // sizes[big]}{big}"
    rest = left % sizes[big] // sizes[small] if small else 0
    return f"{text}{rest}{small}" if rest else text


def age_of(stamp: str | None, now: float) -> str:
    """Return how long ago a time stamp was."""
    if not stamp:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(stamp)
    except ValueError:
        return "<invalid>"
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return duration(now - then.timestamp())


def or_none(value: Any) -> Any:
    """Return the value, or what stands for its absence."""
    return value or NONE


def number(part: str, name: str) -> Callable[[Obj], int]:
    """Return a cell that is a number of the spec or the status, 0 when absent."""
    return lambda obj: (obj.get(part) or {}).get(name) or 0


def some(texts: Iterable[str], most: int) -> str:
    """Return the first few of a list, and how many more there are."""
    every = list(texts)
    if not every:
        return NONE
    more = f" + {len(every) - most} more..." if len(every) > most else ""
    return ",".join(every[:most]) + more


def labels(pairs: dict[str, str]) -> str:
    """Return a map of labels as a selector."""
    return ",".join(f"{key}={value}" for key, value in sorted(pairs.items())) or NONE


def selector(obj: Obj) -> str:
    """Return a workload's or Service's selector."""
    found = obj["spec"].get("selector") or {}
    if "matchLabels" in found and isinstance(found["matchLabels"], dict):
        found = found["matchLabels"]
    return labels({key: value for key, value in found.items() if isinstance(value, str)})


def created(obj: Obj) -> str:
    """Return when an object was created."""
    stamp: str = obj["metadata"]["creationTimestamp"]
    return stamp


def role(obj: Obj) -> str:
    """Return what a binding binds to."""
    ref = obj.get("roleRef") or {}
    return f"{ref.get('kind', '')}/{ref.get('name', '')}"


# --- Ingress ---


def ingress_class(obj: Obj) -> str:
    """Return the class of an Ingress, from its spec or the old annotation."""
    annotations = obj["metadata"].get("annotations") or {}
    found: str | None = obj["spec"].get("ingressClassName")
    return found or annotations.get("kubernetes.io/ingress.class") or NONE


def hosts(obj: Obj) -> str:
    """Return the hosts of an Ingress."""
    found = [rule["host"] for rule in obj["spec"].get("rules") or [] if rule.get("host")]
    return some(found, 3) if found else "*"


def address(obj: Obj) -> str:
    """Return where an Ingress or Service is reached."""
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    found = [one.get("ip") or one.get("hostname") or "" for one in balancer.get("ingress") or []]
    return ",".join(filter(None, found))


def parameters(obj: Obj) -> str:
    """Return what an IngressClass refers to."""
    found = obj["spec"].get("parameters")
    if not found:
        return NONE
    kind = ".".join(filter(None, [found.get("kind", ""), found.get("apiGroup")]))
    return f"{kind}/{found.get('name', '')}"


# --- Service and its endpoints ---


def external_ip(obj: Obj) -> str:
    """Return how a Service is reached from outside."""
    spec = obj["spec"]
    given: list[str] = spec.get("externalIPs") or []
    if spec["type"] == "ExternalName":
        name: str = spec.get("externalName", "")
        return name
    if spec["type"] == "LoadBalancer":
        return ",".join(filter(None, [address(obj), *given])) or "<pending>"
    return ",".join(given) or NONE


def service_ports(obj: Obj) -> str:
    """Return the ports of a Service, with their node ports."""
    texts = []
    for port in obj["spec"].get("ports") or []:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port', 0)}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or NONE


def endpoints(obj: Obj) -> str:
    """Return the addresses of Endpoints."""
    found = [
        f"{one.get('ip', '')}:{port.get('port', 0)}"
        for subset in obj.get("subsets") or []
        for port in subset.get("ports") or []
        for one in subset.get("addresses") or []
    ]
    return some(found, 3)


def slice_ports(obj: Obj) -> str:
    """Return the ports of an EndpointSlice."""
    ports = [one.get("port") for one in obj.get("ports") or []]
    return some([str(one) if one else "*" for one in ports], 3) if ports else "<unset>"


def slice_endpoints(obj: Obj) -> str:
    """Return the addresses of an EndpointSlice."""
    found = [ip for one in obj.get("endpoints") or [] for ip in one.get("addresses") or []]
    return some(found, 3) if found else "<unset>"


# --- workloads ---


def _pod_spec(obj: Obj) -> Obj:
    spec: Obj = ((obj["spec"].get("template") or {}).get("spec")) or {}
    return spec


def containers(obj: Obj) -> str:
    """Return the names of a workload's containers."""
    return ",".join(one.get("name", "") for one in _pod_spec(obj).get("containers") or [])


def images(obj: Obj) -> str:
    """Return the images of a workload's containers."""
    return ",".join(one.get("image", "") for one in _pod_spec(obj).get("containers") or [])


def ready_of_wanted(obj: Obj) -> str:
    """Return how many replicas are ready of how many are wanted."""
    ready = (obj.get("status") or {}).get("readyReplicas") or 0
    return f"{ready}/{obj['spec'].get('replicas', 0)}"


def _container_states(obj: Obj) -> list[Obj]:
    states: list[Obj] = (obj.get("status") or {}).get("containerStatuses") or []
    return states


def ready_containers(obj: Obj) -> str:
    """Return how many of a Pod's containers are ready."""
    ready = sum(bool(one.get("ready")) for one in _container_states(obj))
    return f"{ready}/{len(obj['spec'].get('containers') or [])}"


def pod_status(obj: Obj) -> str:
    """Return a Pod's phase, or why it waits."""
    status = obj.get("status") or {}
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for one in _container_states(obj):
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            reason: str = waiting["reason"]
            return reason
    phase: str = status.get("reason") or status.get("phase") or "Unknown"
    return phase


def restarts(obj: Obj) -> str:
    """Return how often a Pod's containers were started again."""
    return str(sum(one.get("restartCount", 0) for one in _container_states(obj)))


def nominated(obj: Obj) -> str:
    """Return the node that a Pod waits for."""
    found: str = (obj.get("status") or {}).get("nominatedNodeName") or NONE
    return found


def gates(obj: Obj) -> str:
    """Return how many readiness gates of a Pod are open."""
    wanted = [one.get("conditionType") for one in obj["spec"].get("readinessGates") or []]
    if not wanted:
        return NONE
    conditions = (obj.get("status") or {}).get("conditions") or []
    true = {one.get("type") for one in conditions if one.get("status") == "True"}
    return f"{sum(gate in true for gate in wanted)}/{len(wanted)}"


# --- Node ---


def node_status(obj: Obj) -> str:
    """Return whether a Node is ready, and whether it takes new Pods."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    ready = next((one.get("status") for one in conditions if one.get("type") == "Ready"), "Unknown")
    text = {"True": "Ready", "False": "NotReady"}.get(
        ready, "NotReady" if conditions else "Unknown"
    )
    return text + (",SchedulingDisabled" if obj["spec"].get("unschedulable") else "")


def roles(obj: Obj) -> str:
    """Return the roles that a Node's labels give it."""
    prefix = "node-role.kubernetes.io/"
    found = {
        key.removeprefix(prefix)
        for key in obj["metadata"].get("labels") or {}
        if key.startswith(prefix)
    }
    return ",".join(sorted(found - {""})) or NONE


def node_info(name: str) -> Callable[[Obj], str]:
    """Return a cell that is a field of status.nodeInfo."""
    return lambda obj: ((obj.get("status") or {}).get("nodeInfo") or {}).get(name) or "<unknown>"


def node_address(kind: str) -> Callable[[Obj], str]:
    """Return a cell that is one kind of a Node's addresses."""

    def cell(obj: Obj) -> str:
        for one in (obj.get("status") or {}).get("addresses") or []:
            if one.get("type") == kind:
                found: str = one.get("address", "")
                return found
        return NONE

    return cell


def config_size(obj: Obj) -> int:
    """Return how many entries a ConfigMap has."""
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


# --- Event ---


def last_seen(obj: Obj) -> Moment:
    """Return when an Event happened last."""
    series = obj.get("series") or {}
    return Moment(
        series.get("lastObservedTime")
        or obj.get("lastTimestamp")
        or obj.get("eventTime")
        or obj.get("firstTimestamp")
    )


def first_seen(obj: Obj) -> Moment:
    """Return when an Event happened first."""
    return Moment(obj.get("firstTimestamp") or obj.get("eventTime"))


def event_object(obj: Obj) -> str:
    """Return what an Event is about."""
    about = obj.get("involvedObject") or {}
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def event_field(obj: Obj) -> str:
    """Return the part of the object that an Event is about."""
    path: str = (obj.get("involvedObject") or {}).get("fieldPath", "")
    return path


def event_source(obj: Obj) -> str:
    """Return who wrote an Event."""
    source = obj.get("source") or {}
    parts = [
        source.get("component") or obj.get("reportingComponent", ""),
        source.get("host") or obj.get("reportingInstance", ""),
    ]
    return ", ".join(filter(None, parts))


def event_count(obj: Obj) -> int:
    """Return how often an Event happened."""
    count: int = (obj.get("series") or {}).get("count") or obj.get("count") or 1
    return count
