"""What is refused of proxies, certificates, addresses and forwarding rules."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from fakes.gce import certificates
from fakes.gce.cloud import Cloud
from fakes.gce.draft import Draft
from fakes.gce.errors import ApiError, invalid, not_found, not_ready, required
from fakes.gce.kinds import references
from fakes.gce.store import Entry
from fakes.gce.wire import Json

HIGHEST_PORT: Final = 65535
CONFLICT: Final = "Specified IP address is in-use and would result in a conflict."


def certificates_listed(cloud: Cloud, draft: Draft) -> None:
    """Check how many certificates an HTTPS proxy lists."""
    body = draft.body
    listed = body.get("sslCertificates", [])
    if not listed and not body.get("certificateMap"):
        raise required("resource.sslCertificates")
    limit = cloud.limits.certificates_per_proxy
    if limit is not None and len(listed) > limit:
        why = f"The number of SSL certificates exceeds the maximum of {limit}."
        raise ApiError(400, "tooManySslCertificates", why)
    if len(set(listed)) != len(listed):
        raise invalid("resource.sslCertificates", "", "Duplicate SSL certificate.")


def certificate(_cloud: Cloud, draft: Draft) -> None:
    """Check what was uploaded as certificate and key."""
    body = draft.body
    if body["type"] == "MANAGED":
        if not body.get("managed", {}).get("domains"):
            raise required("resource.managed.domains")
        return
    if not body.get("certificate"):
        raise required("resource.certificate")
    if not draft.hidden.get("privateKey"):
        raise required("resource.privateKey")
    certificates.check(body["certificate"], draft.hidden["privateKey"])


def target(_cloud: Cloud, draft: Draft) -> None:
    """Check that a rule forwards to something, and stays with that sort of thing."""
    body, before = draft.body, draft.before
    wanted, old = body.get("target", ""), before.get("target", "")
    if not wanted and not body.get("backendService"):
        raise required("resource.target")
    if wanted and body.get("backendService"):
        raise invalid("resource.target", wanted, "Not allowed together with backendService.")
    if old and wanted and old.split("/")[-2] != wanted.split("/")[-2]:
        raise invalid("target", wanted, "The new target must be of the same type as the old one.")


def ports(_cloud: Cloud, draft: Draft) -> None:
    """Check a rule's ports: one way to write them, and a single one for a proxy."""
    body = draft.body
    given = [name for name in ("portRange", "ports", "allPorts") if body.get(name)]
    if len(given) > 1:
        raise invalid(f"resource.{given[1]}", body[given[1]], f"Not allowed with {given[0]}.")
    if "target" in body and not given:
        raise required("resource.portRange")
    for low, high in spans(body):
        if "target" in body and low != high:
            why = "Only a single port is allowed for this target."
            raise invalid("resource.portRange", f"{low}-{high}", why)


def port_range(where: str, text: str) -> tuple[int, int]:
    """Return the ends of `80` or `80-90`.

    Raises:
        ApiError: 400, it is neither, or outside 1-65535.
    """
    low, _, high = text.partition("-")
    try:
        span = int(low), int(high or low)
    except ValueError:
        raise invalid(where, text, "Invalid port range.") from None
    if not 0 <= span[0] <= span[1] <= HIGHEST_PORT:
        raise invalid(where, text, "Invalid port range.")
    return span


def spans(body: Json) -> list[tuple[int, int]]:
    """Return the port ranges of a forwarding rule (everything if it names none)."""
    if body.get("portRange"):
        return [port_range("resource.portRange", body["portRange"])]
    if body.get("ports"):
        return [port_range("resource.ports", port) for port in body["ports"]]
    return [(0, HIGHEST_PORT)]


def schemes(cloud: Cloud, draft: Draft) -> None:
    """Refuse a rule whose scheme differs from that of the services it leads to."""
    scheme = draft.body["loadBalancingScheme"]
    for service in _services(cloud, draft.body):
        found = service.newest.body.get("loadBalancingScheme", scheme)
        if found != scheme:
            why = (
                f"The load balancing scheme {scheme} differs from that of "
                f"'{cloud.path(service.key)}', which is {found}."
            )
            raise invalid("resource.loadBalancingScheme", scheme, why)


def _services(cloud: Cloud, body: Json) -> Iterator[Entry]:
    direct = cloud.referred(body.get("backendService", ""))
    if direct is not None:
        yield direct
    proxy = cloud.newest(body.get("target", "")).body
    url_map = cloud.newest(proxy.get("urlMap", "")).body
    for _, text, _ in references("urlMaps", url_map):
        entry = cloud.referred(text)
        if entry is not None:
            yield entry


def is_internal(body: Json) -> bool:
    """Say whether a forwarding rule or address is an internal one."""
    return bool(
        body.get("loadBalancingScheme", "").startswith("INTERNAL")
        or body.get("addressType") == "INTERNAL"
    )


def _in_subnetwork(cloud: Cloud, body: Json) -> bool:
    cidr = cloud.newest(body.get("subnetwork", "")).body.get("ipCidrRange", "10.0.0.0/8")
    ip = body.get("IPAddress") or body.get("address", "")
    return ipaddress.ip_address(ip) in ipaddress.ip_network(cidr, strict=False)


def rule_address(cloud: Cloud, draft: Draft) -> None:
    """Check where a forwarding rule's address comes from."""
    asked = draft.request.get("IPAddress", "") if draft.old is None else ""
    if not asked:
        return
    ip = draft.body["IPAddress"]
    if "/" in asked:
        _named_address(cloud, draft, asked)
        return
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        raise invalid("resource.IPAddress", ip, "Must be a valid IP address.") from None
    holders = list(cloud.store.at_ip(ip))
    reserved = [entry for entry in holders if entry.key.kind == "addresses"]
    rules = [entry for entry in holders if entry.key.kind == "forwardingRules"]
    here = [entry for entry in (*reserved, *rules) if entry.key.scope == draft.key.scope]
    if any(entry.state is not None and not entry.deleting for entry in here):
        return
    if here:
        raise not_ready(cloud.path(here[0].key))
    if is_internal(draft.body) and _in_subnetwork(cloud, draft.body):
        return
    raise invalid("resource.IPAddress", ip, "Invalid IP address specified.")


def _named_address(cloud: Cloud, draft: Draft, asked: str) -> None:
    link = cloud.link(asked)
    if link is None or link.key.kind != "addresses":
        raise invalid("resource.IPAddress", asked, "The URL is malformed.")
    entry = cloud.store.get(link.key)
    if entry is None:
        raise not_found(cloud.path(link.key))
    if entry.state is None or entry.deleting:
        raise not_ready(cloud.path(link.key))
    if entry.key.scope != draft.key.scope:
        why = f"The address must be in the scope of the forwarding rule ({draft.key.scope})."
        raise invalid("resource.IPAddress", asked, why)
    if is_internal(entry.state.body) != is_internal(draft.body):
        raise invalid("resource.IPAddress", asked, "The address is of another type.")


def conflict(cloud: Cloud, draft: Draft) -> None:
    """Refuse two rules on one address, protocol and port."""
    body = draft.body
    mine = spans(body)
    for other in cloud.store.at_ip(body["IPAddress"]):
        if other.key == draft.key or other.key.kind != "forwardingRules":
            continue
        theirs = other.newest.body
        if is_internal(body) and not _shareable(cloud, body["IPAddress"], draft.key.scope):
            raise ApiError(
                409,
                "ipInUseByAnotherResource",
                f"IP_IN_USE_BY_ANOTHER_RESOURCE - IP '{body['IPAddress']}' is already being used "
                "by another resource.",
            )
        if theirs["IPProtocol"] != body["IPProtocol"]:
            continue
        overlap = any(
            low <= their_high and their_low <= high
            for low, high in mine
            for their_low, their_high in spans(theirs)
        )
        if overlap:
            raise invalid("resource.IPAddress", body["IPAddress"], CONFLICT)


def _shareable(cloud: Cloud, ip: str, scope: str) -> bool:
    """Say whether several internal rules may use an address."""
    return any(
        entry.key.kind == "addresses"
        and entry.key.scope == scope
        and entry.newest.body.get("purpose") == "SHARED_LOADBALANCER_VIP"
        for entry in cloud.store.at_ip(ip)
    )


def reserve(cloud: Cloud, draft: Draft) -> None:
    """Check that an address can be reserved; one in use ephemerally is promoted."""
    asked = draft.request.get("address", "") if draft.old is None else ""
    if not asked:
        return
    try:
        ipaddress.ip_address(asked)
    except ValueError:
        raise invalid("resource.address", asked, "Must be a valid IP address.") from None
    holders = [entry for entry in cloud.store.at_ip(asked) if entry.key != draft.key]
    if any(entry.key.kind == "addresses" for entry in holders):
        raise invalid("resource.address", asked, "Specified IP address is already reserved.")
    if any(entry.key.scope == draft.key.scope and entry.state is not None for entry in holders):
        return
    if is_internal(draft.body) and _in_subnetwork(cloud, draft.body):
        return
    raise invalid("resource.address", asked, "Specified IP address is not available.")
