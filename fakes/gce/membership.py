"""Who is in a group and how they are: listInstances, listNetworkEndpoints, getHealth."""

from typing import NamedTuple

from fakes.gce import errors
from fakes.gce.cloud import Call, Cloud, Probed
from fakes.gce.errors import invalid
from fakes.gce.links import Key
from fakes.gce.reads import envelope, existing, page
from fakes.gce.store import State
from fakes.gce.verbs import identity
from fakes.gce.wire import Json


class Group(NamedTuple):
    """A group as a backend service sees it."""

    service: str  # name
    name: str
    state: State


def health(cloud: Cloud, call: Call, _lag: float) -> Json:
    """Answer `getHealth` for one group of a backend service."""
    service = existing(cloud, call.key)
    asked = call.body.get("group", "")
    if not asked:
        raise errors.required("group")
    link = cloud.link(asked)
    url = cloud.url(link.key) if link else asked
    if link is None or url not in {b["group"] for b in service.body.get("backends", ())}:
        raise invalid("group", asked, "The group is not a backend of the backend service.")
    group = Group(call.key.name, link.key.name, existing(cloud, link.key))
    if link.key.kind == "networkEndpointGroups":
        endpoints = group.state.hidden.get("endpoints", ())
        found = [_probed(cloud, group, row, repr(identity(row))) for row in endpoints]
    else:
        found = _members_health(cloud, group, service.body)
    shown: Json = {"kind": "compute#backendServiceGroupHealth"}
    return shown | ({"healthStatus": found} if found else {})


def _members_health(cloud: Cloud, group: Group, service: Json) -> list[Json]:
    ports = [
        row["port"]
        for row in group.state.body.get("namedPorts", ())
        if row["name"] == service.get("portName")
    ]
    found = []
    for member in group.state.hidden.get("members", ()):
        for port in ports or [service.get("port", 80)]:
            endpoint = {"instance": member, "ipAddress": _primary_ip(cloud, member), "port": port}
            row = _probed(cloud, group, endpoint, member)
            # a group that does not say which port is meant is not probed
            found.append(row if ports else row | {"healthState": "UNHEALTHY"})
    return found


def _primary_ip(cloud: Cloud, instance: str) -> str:
    nics = cloud.newest(instance).body.get("networkInterfaces", [])
    return str(nics[0].get("networkIP", "")) if nics else ""


def _probed(cloud: Cloud, group: Group, endpoint: Json, mark: str) -> Json:
    """Return the health of one endpoint; `mark` is how the group notes when it was attached."""
    instance, port = endpoint.get("instance", ""), endpoint.get("port", 0)
    ip = endpoint.get("ipAddress", "")
    machine = instance.rpartition("/")[2]
    health = cloud.health.of(Probed(group.service, group.name, machine, ip, port))
    since = group.state.hidden.get("attached", {}).get(mark)
    if since is not None and cloud.clock.monotonic() - since < cloud.health.warmup:
        health = "UNHEALTHY"
    row: Json = {"healthState": health, "ipAddress": ip, "port": port}
    told = {name: endpoint[name] for name in ("instance", "annotations") if endpoint.get(name)}
    return row | told


def instances_of_group(cloud: Cloud, call: Call, _lag: float) -> Json:
    """Answer `instanceGroups.listInstances`."""
    group = existing(cloud, call.key)
    ports = group.body.get("namedPorts", [])
    found = []
    for member in group.hidden.get("members", ()):
        status = cloud.newest(member).body.get("status", "RUNNING")
        if call.body.get("instanceState", "ALL") in ("ALL", status):
            row: Json = {"instance": member, "status": status}
            found.append(row | ({"namedPorts": ports} if ports else {}))
    shown, token = page(call.query, found, lambda row: str(row["instance"]))
    return envelope(cloud, call, shown, token)


def endpoints_of_group(cloud: Cloud, call: Call, _lag: float) -> Json:
    """Answer `listNetworkEndpoints`."""
    group = existing(cloud, call.key)
    found: list[Json] = []
    for endpoint in group.hidden.get("endpoints", ()):
        row: Json = {"networkEndpoint": endpoint}
        if call.body.get("healthStatus") == "SHOW":
            row["healths"] = _endpoint_health(cloud, call.key, group, endpoint)
        found.append({name: value for name, value in row.items() if value})
    shown, token = page(call.query, found, lambda row: repr(sorted(row["networkEndpoint"].items())))
    return envelope(cloud, call, shown, token)


def _endpoint_health(cloud: Cloud, key: Key, state: State, endpoint: Json) -> list[Json]:
    mark = repr(identity(endpoint))
    found = []
    for user in cloud.store.users(key):
        if user.key.kind == "backendServices" and user.state is not None:
            group = Group(user.key.name, key.name, state)
            service = {"backendService": cloud.url(user.key)}
            told = _probed(cloud, group, endpoint, mark)["healthState"]
            found.append({"backendService": service, "healthState": told})
    return found
