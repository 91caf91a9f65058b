"""What is refused of health checks, backend services and the groups behind them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from fakes.gce.cloud import Cloud
from fakes.gce.draft import Draft
from fakes.gce.errors import ApiError, invalid, required
from fakes.gce.links import Key, parse
from fakes.gce.normalise import CHECK_BLOCKS, HTTP_CHECKS
from fakes.gce.store import Entry
from fakes.gce.wire import Json

NAME: Final = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
PORTS: Final = (1, 65535)
SECONDS: Final = (1, 300)
THRESHOLD: Final = (1, 10)
# Modes that exclude each other on one group; CONNECTION goes with either.
EXCLUSIVE: Final = frozenset({"RATE", "UTILIZATION"})
RATES: Final = ("maxRate", "maxRatePerInstance", "maxRatePerEndpoint")
CONNECTION_LIMITS: Final = (
    "maxConnections",
    "maxConnectionsPerInstance",
    "maxConnectionsPerEndpoint",
)
PASSTHROUGH: Final = ("INTERNAL", "EXTERNAL_PASSTHROUGH")
VM_ENDPOINTS: Final = ("GCE_VM_IP_PORT", "GCE_VM_IP")
# Endpoint groups whose backends are not probed: their service has no health check.
UNCHECKED: Final = ("SERVERLESS", "INTERNET_FQDN_PORT", "INTERNET_IP_PORT")


def within(field: str, value: Any, limits: tuple[float, float]) -> None:
    """Refuse a number outside of its documented range."""
    low, high = limits
    if not low <= value <= high:
        why = f"Must be greater than or equal to {low} and less than or equal to {high}"
        raise invalid(field, value, why)


def health_check(_cloud: Cloud, draft: Draft) -> None:
    """Check intervals, thresholds, and that type and block fit."""
    body, request = draft.body, draft.request
    kind = body["type"]
    if kind not in CHECK_BLOCKS:
        raise invalid("resource.type", kind, "Unsupported health check type.")
    block, _ = CHECK_BLOCKS[kind]
    for other, _ in CHECK_BLOCKS.values():
        if other != block and request.get(other):
            raise invalid(f"resource.{other}", "", f"Not allowed for health check type {kind}.")
    for name in ("checkIntervalSec", "timeoutSec"):
        within(f"resource.{name}", body[name], SECONDS)
    for name in ("healthyThreshold", "unhealthyThreshold"):
        within(f"resource.{name}", body[name], THRESHOLD)
    if body["timeoutSec"] > body["checkIntervalSec"]:
        why = "Timeout must be less than or equal to the check interval."
        raise invalid("resource.timeoutSec", body["timeoutSec"], why)
    _probe(kind, block, body[block])


def _probe(kind: str, block: str, probe: Json) -> None:
    specification = probe.get("portSpecification")
    if "port" in probe:
        within(f"resource.{block}.port", probe["port"], PORTS)
        if specification in ("USE_SERVING_PORT", "USE_NAMED_PORT"):
            why = f"Not allowed when portSpecification is {specification}."
            raise invalid(f"resource.{block}.port", probe["port"], why)
    elif specification == "USE_FIXED_PORT":
        raise required(f"resource.{block}.port")
    if kind in HTTP_CHECKS and not probe["requestPath"].startswith("/"):
        raise invalid(f"resource.{block}.requestPath", probe["requestPath"], "Must begin with '/'.")


def service_fields(_cloud: Cloud, draft: Draft) -> None:
    """Check a backend service's own fields."""
    body = draft.body
    if body.get("portName") and not NAME.fullmatch(body["portName"]):
        why = f"Must be a match of regex '(?:{NAME.pattern})'"
        raise invalid("resource.portName", body["portName"], why)
    if len(body.get("healthChecks", ())) > 1:
        why = "At most one health check is allowed."
        raise invalid("resource.healthChecks", len(body["healthChecks"]), why)
    within("resource.timeoutSec", body["timeoutSec"], (1, 2**31 - 1))
    drain = body.get("connectionDraining", {}).get("drainingTimeoutSec", 0)
    within("resource.connectionDraining.drainingTimeoutSec", drain, (0, 3600))
    if "sampleRate" in body.get("logConfig", {}):
        within("resource.logConfig.sampleRate", body["logConfig"]["sampleRate"], (0.0, 1.0))


def backends(cloud: Cloud, draft: Draft) -> None:
    """Check the list of backends by itself."""
    body = draft.body
    rows = body.get("backends", [])
    limit = cloud.limits.backends_per_service
    if limit is not None and len(rows) > limit:
        raise invalid("resource.backends", len(rows), f"Maximum of {limit} backends allowed.")
    seen: set[str] = set()
    kinds: set[str] = set()
    for i, row in enumerate(rows):
        where = f"resource.backends[{i}]"
        group = row.get("group", "")
        if not group:
            raise required(f"{where}.group")
        if group in seen:
            why = "Duplicate instance groups in backend service."
            raise invalid(f"{where}.group", group, why)
        seen.add(group)
        entry = cloud.referred(group)
        kinds.add(entry.key.kind if entry else "")
        _balancing(body["loadBalancingScheme"], row, where, entry)
        _capacity(row, where, alone=len(rows) == 1)
    if len(kinds) > 1:
        why = "Instance groups and network endpoint groups cannot be mixed."
        raise invalid("resource.backends", "", why)
    _checked(cloud, body, seen)


def _balancing(scheme: str, row: Json, where: str, group: Entry | None) -> None:
    mode = row.get("balancingMode", "")
    if scheme in PASSTHROUGH and mode != "CONNECTION":
        why = f"Balancing mode must be CONNECTION for an {scheme} backend service."
        raise invalid(f"{where}.balancingMode", mode, why)
    if group is None:
        return
    is_neg = group.key.kind == "networkEndpointGroups"
    if is_neg and mode == "UTILIZATION":
        why = "Balancing mode UTILIZATION is not supported for network endpoint groups."
        raise invalid(f"{where}.balancingMode", mode, why)
    if mode == "RATE" and not any(row.get(name) for name in RATES):
        raise required(f"{where}.{'maxRatePerEndpoint' if is_neg else 'maxRatePerInstance'}")
    needs = mode == "CONNECTION" and scheme not in PASSTHROUGH
    if needs and not any(row.get(name) for name in CONNECTION_LIMITS):
        raise required(f"{where}.maxConnections")
    wrong = "maxRatePerInstance" if is_neg else "maxRatePerEndpoint"
    if row.get(wrong):
        raise invalid(f"{where}.{wrong}", row[wrong], "Not supported for this kind of group.")


def _capacity(row: Json, where: str, *, alone: bool) -> None:
    scaler = row.get("capacityScaler")
    if scaler is not None and scaler != 0:
        within(f"{where}.capacityScaler", scaler, (0.1, 1.0))
    elif scaler is not None and alone:
        why = "The only backend of a service cannot have a capacity of 0."
        raise invalid(f"{where}.capacityScaler", scaler, why)
    if "maxUtilization" in row:
        within(f"{where}.maxUtilization", row["maxUtilization"], (0.0, 1.0))


def _checked(cloud: Cloud, body: Json, groups: set[str]) -> None:
    types = {cloud.newest(g).body.get("networkEndpointType", "") for g in groups}
    if types & set(UNCHECKED):
        if body.get("healthChecks"):
            why = "Health checks are not supported for serverless and internet backends."
            raise invalid("resource.healthChecks", "", why)
    elif groups and not body.get("healthChecks"):
        raise required("resource.healthChecks")


def shared_groups(cloud: Cloud, draft: Draft) -> None:
    """Refuse a balancing mode other than that of the group's other services."""
    for row in draft.body.get("backends", ()):
        mode = row.get("balancingMode")
        link = cloud.link(row["group"])
        if mode not in EXCLUSIVE or link is None:
            continue
        # the others agree among themselves, so the first one that matters decides
        for user in cloud.store.users(link.key):
            if user.key == draft.key or user.key.kind != "backendServices":
                continue
            other = _mode(user, row["group"])
            if other not in EXCLUSIVE:
                continue
            if other != mode:
                raise ApiError(
                    400,
                    "invalid",
                    f"Validation failed for instance group '{cloud.path(link.key)}': backend "
                    f"services '{cloud.path(user.key)}' and '{cloud.path(draft.key)}' point to "
                    "the same instance group but the backends have incompatible "
                    "balancing_mode. Values should be the same.",
                )
            break


def _mode(user: Entry, group: str) -> str:
    for row in user.newest.body.get("backends", ()):
        if row.get("group") == group:
            return str(row.get("balancingMode", ""))
    return ""


def newly_balanced(cloud: Cloud, draft: Draft) -> None:
    """Refuse to balance over a group whose instances another balanced group has too."""
    before = {row.get("group") for row in draft.before.get("backends", ())}
    for row in draft.body.get("backends", ()):
        link = cloud.link(row["group"])
        if row["group"] in before or link is None or link.key.kind != "instanceGroups":
            continue
        if is_balanced(cloud, link.key):
            continue  # checked when it became so
        for member in cloud.newest(row["group"]).hidden.get("members", ()):
            _once(cloud, member, link.key, draft)


def is_balanced(cloud: Cloud, group: Key) -> bool:
    """Say whether some backend service uses a group."""
    return any(user.key.kind == "backendServices" for user in cloud.store.users(group))


def _once(cloud: Cloud, member: str, group: Key, draft: Draft) -> None:
    link = parse(member)
    if link is None:
        return
    asked = {row.get("group") for row in draft.body.get("backends", ())}
    for user in cloud.store.users(link.key):
        if user.key == group or user.key.kind != "instanceGroups":
            continue
        if is_balanced(cloud, user.key) or cloud.url(user.key) in asked:
            raise ApiError(
                400,
                "instanceInMultipleLoadBalancedIgs",
                f"Validation failed for instance '{cloud.path(link.key)}': instance may belong "
                "to at most one load-balanced instance group.",
            )


def named_ports(cloud: Cloud, draft: Draft) -> None:
    """Check an instance group's named ports."""
    rows = draft.body.get("namedPorts", [])
    limit = cloud.limits.named_ports_per_group
    if limit is not None and len({row.get("name") for row in rows}) > limit:
        raise ApiError(400, "maxDistinctNamedPorts", f"At most {limit} named ports are allowed.")
    seen: set[tuple[str, int]] = set()
    for i, row in enumerate(rows):
        where = f"resource.namedPorts[{i}]"
        if not NAME.fullmatch(row.get("name", "")):
            why = f"Must be a match of regex '(?:{NAME.pattern})'"
            raise invalid(f"{where}.name", row.get("name", ""), why)
        within(f"{where}.port", row.get("port", 0), PORTS)
        pair = (row["name"], row["port"])
        if pair in seen:
            raise invalid(where, row["name"], "Duplicate named port.")
        seen.add(pair)


def members(cloud: Cloud, draft: Draft) -> None:
    """Check an instance group's instances: one load-balanced group each."""
    now = draft.hidden.get("members", ())
    limit = cloud.limits.instances_per_group
    if limit is not None and len(now) > limit:
        raise invalid("resource.instances", len(now), f"Maximum of {limit} instances allowed.")
    before: Mapping[str, Any] = draft.old.hidden if draft.old else {}
    new = set(now) - set(before.get("members", ()))
    if new and is_balanced(cloud, draft.key):
        for member in sorted(new):
            _once(cloud, member, draft.key, draft)


def endpoints(cloud: Cloud, draft: Draft) -> None:
    """Check a network endpoint group and the number of its endpoints."""
    body = draft.body
    count = len(draft.hidden.get("endpoints", ()))
    limit = cloud.limits.endpoints_per_neg
    if limit is not None and count > limit:
        raise invalid("resource.networkEndpoints", count, f"Maximum of {limit} endpoints allowed.")
    if "defaultPort" in body:
        within("resource.defaultPort", body["defaultPort"], PORTS)
        if body["networkEndpointType"] == "GCE_VM_IP":
            why = "Not allowed for endpoint type GCE_VM_IP."
            raise invalid("resource.defaultPort", body["defaultPort"], why)
