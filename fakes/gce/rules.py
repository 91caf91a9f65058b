"""What Compute Engine refuses, for every kind.

Written from the API documentation and from error texts in public issue threads. A rule looks at a
`Draft` (one mutation as it would be stored) and raises; it changes nothing. Rules of single kinds
are in `rules_backends.py`, `rules_services.py`, `rules_urlmaps.py` and `rules_frontends.py`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fakes.gce import errors, rules_backends, rules_frontends, rules_services, rules_urlmaps
from fakes.gce.cloud import Cloud
from fakes.gce.draft import Draft
from fakes.gce.errors import invalid
from fakes.gce.kinds import GROUPS, KINDS, references
from fakes.gce.links import GLOBAL, Key, region_of
from fakes.gce.store import Entry
from fakes.gce.wire import Json

LABEL_KEY: Final = re.compile(r"[a-z][-_a-z0-9]{0,62}")
LABEL_VALUE: Final = re.compile(r"[-_a-z0-9]{0,63}")
MOST_LABELS: Final = 64
SYSTEM: Final = frozenset({"fingerprint", "labelFingerprint"})
# A missing network is told as 400; everything else as 404.
MISSING_IS_INVALID: Final = frozenset({"networks", "subnetworks"})
# Whoever refers so does not keep the instance: membership ends with it.
MEMBERSHIP: Final = frozenset(GROUPS)
# References that may not leave the scope of the resource that makes them.
SAME_SCOPE: Final = frozenset({"urlMaps", "targetHttpProxies", "targetHttpsProxies"})


@dataclass(frozen=True, slots=True)
class KindRules:
    """The checks of one kind, for a version to be stored and for a deletion."""

    store: tuple[Callable[[Cloud, Draft], None], ...] = ()
    delete: tuple[Callable[[Cloud, Draft], None], ...] = ()


def check(cloud: Cloud, draft: Draft) -> None:
    """Check one mutation.

    Raises:
        ApiError: the API would refuse it.
    """
    kind = BY_KIND.get(draft.key.kind, KindRules())
    if draft.new is None:
        unused(cloud, draft)
        checks = kind.delete
    else:
        if draft.old is None:
            quota(cloud, draft.key)
            complete(draft)
        else:
            unchanged(draft)
        present(cloud, draft)
        labels(draft)
        checks = kind.store
    for rule in checks:
        rule(cloud, draft)


def fingerprint(kind: str, sent: str, old: Json, *, whole: bool) -> None:
    """Check the fingerprint of a write; `whole` says it is a patch or update of the resource.

    Raises:
        ApiError: 412 it is not the present one, or what the kind answers if it is missing.
    """
    row = KINDS[kind]
    if sent:
        if row.fingerprint and sent != old.get("fingerprint"):
            raise errors.stale()
    elif whole and row.without_fingerprint == "required":
        raise errors.required("resource.fingerprint")
    elif whole and row.without_fingerprint == "condition":
        raise errors.stale()


def quota(cloud: Cloud, key: Key) -> None:
    """Refuse what would be one too many of a kind."""
    limit = cloud.quotas.get(key.kind)
    if limit is not None and cloud.store.count(key.kind) >= limit:
        raise errors.over_quota(KINDS[key.kind].metric, limit)


def complete(draft: Draft) -> None:
    """Refuse an insert that lacks a field."""
    body = draft.body
    for name in KINDS[draft.key.kind].required:
        if body.get(name) in (None, ""):
            raise errors.required(f"resource.{name}")


def unchanged(draft: Draft) -> None:
    """Refuse a change of a field that can only be set at creation."""
    row, old, new = KINDS[draft.key.kind], draft.before, draft.body
    if draft.method.verb not in ("patch", "update"):
        return
    names = row.immutable
    if row.mutable is not None:
        names = tuple((old.keys() | new.keys()) - set(row.mutable) - SYSTEM)
    for name in sorted(names):
        if old.get(name) != new.get(name):
            raise invalid(f"resource.{name}", new.get(name, ""), "Field cannot be changed.")


def present(cloud: Cloud, draft: Draft) -> None:
    """Refuse references to what does not exist, is not ready, or stands elsewhere."""
    for where, text, allowed in references(draft.key.kind, draft.body):
        link = cloud.link(text)
        if link is None:
            raise invalid(where, text, "The URL is malformed.")
        if link.key.kind not in KINDS:
            continue  # a collection that the fake does not serve
        if link.key.kind not in allowed:
            wanted = ", ".join(allowed)
            why = f"Unexpected resource collection '{link.key.kind}'. Must be one of [{wanted}]"
            raise invalid(where, text, why)
        if link.project:
            continue  # another project's: taken on trust
        _ready(cloud, cloud.store.get(link.key), link.key, where)
        _reachable(draft.key, link.key, where, text)


def _ready(cloud: Cloud, entry: Entry | None, key: Key, where: str) -> None:
    if entry is None:
        if key.kind in MISSING_IS_INVALID:
            noun = KINDS[key.kind].noun
            why = f"The referenced {noun} resource cannot be found."
            raise invalid(where, cloud.url(key), why)
        raise errors.not_found(cloud.path(key))
    if entry.state is None or entry.deleting:
        raise errors.not_ready(cloud.path(key))


def _reachable(user: Key, target: Key, where: str, text: str) -> None:
    both = (user.kind, target.kind)
    strict = target.kind in SAME_SCOPE or both in (
        ("urlMaps", "backendServices"),
        ("forwardingRules", "backendServices"),
        ("targetHttpsProxies", "sslCertificates"),
    )
    if strict and user.scope != target.scope:
        raise invalid(where, text, f"Must be in the same scope as the resource ({user.scope}).")
    regional = user.scope.startswith("regions/") and target.scope not in (GLOBAL, "")
    if regional and region_of(target.scope) != region_of(user.scope):
        raise invalid(where, text, "Cross-region reference is not allowed for this resource.")


def labels(draft: Draft) -> None:
    """Refuse labels outside of their grammar."""
    given = draft.body.get("labels", {})
    if len(given) > MOST_LABELS:
        raise invalid("resource.labels", len(given), f"Maximum of {MOST_LABELS} labels allowed.")
    for key, value in given.items():
        if not LABEL_KEY.fullmatch(key):
            raise invalid("resource.labels", key, "Label key violates format constraints.")
        if not LABEL_VALUE.fullmatch(value):
            raise invalid("resource.labels", value, "Label value violates format constraints.")


def unused(cloud: Cloud, draft: Draft) -> None:
    """Refuse the deletion of what somebody refers to."""
    key = draft.key
    for user in cloud.store.users(key):
        if key.kind == "instances" and user.key.kind in MEMBERSHIP:
            continue
        raise errors.in_use(KINDS[key.kind].noun, cloud.path(key), cloud.path(user.key))


def _address_unused(cloud: Cloud, draft: Draft) -> None:
    for user in cloud.store.at_ip(draft.before.get("address", "")):
        if user.key.kind == "forwardingRules" and user.key.scope == draft.key.scope:
            raise errors.in_use("address", cloud.path(draft.key), cloud.path(user.key))


def _firewall(_cloud: Cloud, draft: Draft) -> None:
    body = draft.body
    if not body.get("allowed") and not body.get("denied"):
        raise errors.required("resource.allowed")
    if body.get("allowed") and body.get("denied"):
        raise invalid("resource.denied", "", "Only one of allowed and denied may be specified.")
    if not 0 <= body["priority"] <= 65535:
        raise invalid("resource.priority", body["priority"], "Must be between 0 and 65535.")
    for side in ("allowed", "denied"):
        for i, rule in enumerate(body.get(side, ())):
            if not rule.get("IPProtocol"):
                raise errors.required(f"resource.{side}[{i}].IPProtocol")
            for port in rule.get("ports", ()):
                rules_frontends.port_range(f"resource.{side}[{i}].ports", port)
    if body["direction"] == "INGRESS" and body.get("destinationRanges") and body.get("sourceTags"):
        raise invalid("resource.destinationRanges", "", "Not allowed with sourceTags.")


BY_KIND: Final[Mapping[str, KindRules]] = {
    "healthChecks": KindRules(store=(rules_backends.health_check,)),
    "backendServices": KindRules(
        store=(
            rules_backends.service_fields,
            rules_backends.backends,
            rules_backends.shared_groups,
            rules_backends.newly_balanced,
            rules_services.affinity,
            rules_services.one_gate,
            rules_services.cdn_policy,
            rules_services.custom_headers,
        )
    ),
    "instanceGroups": KindRules(
        store=(rules_backends.named_ports, rules_backends.members),
    ),
    "networkEndpointGroups": KindRules(store=(rules_backends.endpoints,)),
    "urlMaps": KindRules(
        store=(rules_urlmaps.size, rules_urlmaps.hosts, rules_urlmaps.paths, rules_urlmaps.tests)
    ),
    "targetHttpsProxies": KindRules(store=(rules_frontends.certificates_listed,)),
    "sslCertificates": KindRules(store=(rules_frontends.certificate,)),
    "forwardingRules": KindRules(
        store=(
            rules_frontends.target,
            rules_frontends.ports,
            rules_frontends.schemes,
            rules_frontends.rule_address,
            rules_frontends.conflict,
        )
    ),
    "addresses": KindRules(store=(rules_frontends.reserve,), delete=(_address_unused,)),
    "firewalls": KindRules(store=(_firewall,)),
}
