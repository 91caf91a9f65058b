"""One row per kind: what may change in place, whose a list element is, which calls change what.

Code walks these rows; a new kind is a row, not a class. Sources: the Compute Engine API reference
of each kind; what ingress-gce compares decides which of our defaults are *initial*, that is, sent
at creation and then left to whoever edits them.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model import compute
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.ports import spans
from glbc.model.private import Private

OUR_PORT: Final = re.compile(r"port([1-9][0-9]{0,4})")
OUR_MATCHER: Final = re.compile(r"(?:host|warm)[0-9a-f]{32}")  # of a host, or of a warm-up


Owned = Callable[[ResourceKey], bool]
"""Whether the resource of a key is proved to be ours in the actual graph."""


def _always(_element: Any, _owned: Owned) -> bool:
    return True


def _never(_element: Any, _referrer: Any) -> bool:
    return False


class Keyed(msgspec.Struct, frozen=True):
    """A list shared with people and other controllers: elements are told apart by a key.

    We add, change and remove our elements; foreign ones stay where they are.
    """

    key: Callable[[Any], Any]
    ours: Callable[[Any, Owned], bool] = _always  # may we remove it when nobody wants it?
    held: Callable[[Any, Any], bool] = _never  # does the spec of a referrer still use it?
    lazy: bool = False  # removed with the next write that is due anyway, never by a write alone
    enforced: frozenset[str] = frozenset()  # fields of an element that are corrected; rest: initial
    merge: Callable[[Any, Any], Any] | None = None  # instead of all this: (wanted, live) -> list


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What the planner, the codec and the executor need to know of one kind."""

    spec: type[compute.Spec]
    immutable: frozenset[str] = frozenset()  # fields that no call changes
    initial: frozenset[str] = frozenset()  # our defaults: sent at creation, then anyone's
    unordered: frozenset[str] = frozenset()  # lists compared as sets, kept sorted
    ordered_sets: frozenset[str] = frozenset()  # compared as sets, sent in the wanted order
    local: frozenset[str] = frozenset()  # ours to know: never sent, read or compared
    keyed: dict[str, Keyed] = {}
    setters: dict[str, str] = {}  # field -> the verb that sets it, where patch does not exist
    after_insert: frozenset[str] = frozenset()  # fields that insert does not take
    defaults: dict[str, Any] = {}  # what a field left out means, to clear it and to compare it
    cleared: dict[str, Any] = {}  # dotted path of the API -> the same of what stands inside a field
    sets: frozenset[str] = frozenset()  # dotted paths of lists that are compared as sets
    recorded: bool = False  # does its description list what was asked of it? See record.py
    before_traffic: frozenset[str] = frozenset()  # fields set before anything begins to refer to it
    after: dict[str, tuple[Kind, str]] = {}  # field -> the field of a referred kind set before it
    fingerprint: bool = False  # patch and update demand it
    members: str = ""  # the field that a read of its own fills, where the kind is a group
    outlives: frozenset[Kind] = frozenset()  # kinds that need it and do not refer to it
    cost: str = ""  # what keeping one costs when nothing needs it


def _group_of(backend: compute.Backend) -> Any:
    return backend.group


def _our_backend(backend: compute.Backend, owned: Owned) -> bool:
    return owned(backend.group.to)


def _port_used_by(port: compute.NamedPort, referrer: Any) -> bool:
    return isinstance(referrer, compute.BackendService) and referrer.port_name == port.name


def _port_name(port: compute.NamedPort) -> str:
    return port.name


def _our_port(port: compute.NamedPort, _owned: Owned) -> bool:
    found = OUR_PORT.fullmatch(port.name)
    return found is not None and int(found[1]) == port.port


def _matcher_of(rule: compute.HostRule) -> str:
    return rule.path_matcher


def _matcher_name(matcher: compute.PathMatcher) -> str:
    return matcher.name


def _our_host_rule(rule: compute.HostRule, _owned: Owned) -> bool:
    return OUR_MATCHER.fullmatch(rule.path_matcher) is not None


def _our_matcher(matcher: compute.PathMatcher, _owned: Owned) -> bool:
    return OUR_MATCHER.fullmatch(matcher.name) is not None


def _key_name(key: compute.SignedUrlKey) -> str:
    return key.key_name


def _merged_keys(
    wanted: tuple[compute.SignedUrlKey, ...], there: tuple[compute.SignedUrlKey, ...]
) -> tuple[compute.SignedUrlKey, ...]:
    """Keep a live key that has our value, or one that nobody recorded; what is recorded may go.

    The value cannot be read back: of a key that somebody else has set, the name alone counts
    (ingress-gce compares nothing else).
    """
    live = {key.key_name: key for key in there}
    names = {key.key_name for key in wanted}
    kept = [
        old
        if (old := live.get(key.key_name)) is not None and old.digest in {UNSET, key.digest}
        else key
        for key in wanted
    ]
    others = [key for key in there if key.key_name not in names and key.digest is UNSET]
    merged = (*kept, *others)
    return there if set(merged) == set(there) else merged


def _protocol_of(part: compute.Allowed) -> str:
    return part.ip_protocol


def _same_ports(
    wanted: tuple[compute.Allowed, ...], there: tuple[compute.Allowed, ...]
) -> tuple[compute.Allowed, ...]:
    """Keep what admits the same ports in other words: ingress-gce never joins ranges."""
    return there if _admitted(wanted) == _admitted(there or ()) else wanted


def _admitted(parts: tuple[compute.Allowed, ...]) -> dict[str, tuple[tuple[int, int], ...]]:
    ports: dict[str, list[str]] = {}
    for part in parts:
        ports.setdefault(part.ip_protocol.lower(), []).extend(part.ports or ("0-65535",))
    return {protocol: spans(listed) for protocol, listed in ports.items()}


ROWS: Final[dict[Kind, Row]] = {
    Kind.HEALTH_CHECK: Row(
        spec=compute.HealthCheck,
        # Upstream compares the type only: every other field survives an edit by hand.
        initial=frozenset(
            {
                "description",
                "check_interval_sec",
                "timeout_sec",
                "healthy_threshold",
                "unhealthy_threshold",
                "http_health_check",
                "https_health_check",
                "http2_health_check",
            }
        ),
        recorded=True,
    ),
    Kind.INSTANCE_GROUP: Row(
        spec=compute.InstanceGroup,
        initial=frozenset({"description"}),
        keyed={
            "named_ports": Keyed(
                _port_name, _our_port, _port_used_by, lazy=True, enforced=frozenset({"port"})
            )
        },
        unordered=frozenset({"instances"}),
        setters={"named_ports": "setNamedPorts", "instances": "members"},
        after_insert=frozenset({"named_ports", "instances"}),
        defaults={"named_ports": (), "instances": ()},
        members="instances",
    ),
    Kind.NETWORK_ENDPOINT_GROUP: Row(
        spec=compute.NetworkEndpointGroup,
        immutable=frozenset({"network_endpoint_type", "network", "subnetwork"}),
        initial=frozenset({"description"}),
        unordered=frozenset({"network_endpoints"}),
        setters={"network_endpoints": "members"},
        after_insert=frozenset({"network_endpoints"}),
        defaults={"network_endpoints": ()},
        members="network_endpoints",
    ),
    Kind.BACKEND_SERVICE: Row(
        spec=compute.BackendService,
        immutable=frozenset({"load_balancing_scheme"}),
        # The description is proof and record, never wanted: a port by name or by number is one backend.
        initial=frozenset({"description", "port", "log_config"}),
        keyed={
            "backends": Keyed(_group_of, _our_backend),
            "signed_url_keys": Keyed(_key_name, merge=_merged_keys),
        },
        setters={"security_policy": "setSecurityPolicy", "signed_url_keys": "keys"},
        after_insert=frozenset({"security_policy", "signed_url_keys"}),
        defaults={
            "backends": (),
            "health_checks": (),
            "protocol": "HTTP",
            "timeout_sec": 30,
            "session_affinity": "NONE",
            "affinity_cookie_ttl_sec": 0,
            "custom_request_headers": (),
            "custom_response_headers": (),
            "enable_cdn": False,
            "signed_url_keys": (),
        },
        cleared={
            "connectionDraining.drainingTimeoutSec": 0,
            "iap.enabled": False,
            "iap.oauth2ClientId": "",
            "iap.oauth2ClientSecret": Private(b""),
        },
        sets=frozenset(
            {
                "cdnPolicy.negativeCachingPolicy",
                "cdnPolicy.bypassCacheOnRequestHeaders",
                "cdnPolicy.cacheKeyPolicy.queryStringBlacklist",
                "cdnPolicy.cacheKeyPolicy.queryStringWhitelist",
            }
        ),
        recorded=True,
        before_traffic=frozenset({"security_policy", "iap"}),
        after={
            "port_name": (Kind.INSTANCE_GROUP, "named_ports"),
            "protocol": (Kind.HEALTH_CHECK, "type"),
        },
        fingerprint=True,
    ),
    Kind.URL_MAP: Row(
        spec=compute.UrlMap,
        initial=frozenset({"description"}),
        keyed={
            "host_rules": Keyed(_matcher_of, _our_host_rule, enforced=frozenset({"hosts"})),
            "path_matchers": Keyed(
                _matcher_name, _our_matcher, enforced=frozenset({"default_service", "path_rules"})
            ),
        },
        defaults={"host_rules": (), "path_matchers": ()},
        recorded=True,
        fingerprint=True,
    ),
    Kind.TARGET_HTTP_PROXY: Row(
        spec=compute.TargetHttpProxy,
        initial=frozenset({"description"}),
        setters={"url_map": "setUrlMap"},
    ),
    Kind.TARGET_HTTPS_PROXY: Row(
        spec=compute.TargetHttpsProxy,
        initial=frozenset({"description"}),
        setters={
            "url_map": "setUrlMap",
            "ssl_certificates": "setSslCertificates",
            "ssl_policy": "setSslPolicy",
        },
        recorded=True,
        ordered_sets=frozenset({"ssl_certificates"}),
        fingerprint=True,
    ),
    Kind.SSL_CERTIFICATE: Row(
        spec=compute.SslCertificate,
        # The name holds the content's hash: what bears the name is what is wanted.
        initial=frozenset({"certificate", "private_key"}),
    ),
    Kind.FORWARDING_RULE: Row(
        spec=compute.ForwardingRule,
        immutable=frozenset({"ip_address", "ip_protocol", "port_range", "load_balancing_scheme"}),
        initial=frozenset({"description"}),
        setters={"target": "setTarget"},
        local=frozenset({"address"}),
        cost="billed by the hour, and it holds an address",
    ),
    Kind.ADDRESS: Row(
        spec=compute.Address,
        initial=frozenset({"address"}),  # an address is never replaced
        cost="billed by the hour while nothing uses it",
    ),
    Kind.FIREWALL: Row(
        spec=compute.Firewall,
        immutable=frozenset({"network"}),
        initial=frozenset({"description"}),
        unordered=frozenset({"source_ranges", "target_tags"}),
        keyed={"allowed": Keyed(_protocol_of, merge=_same_ports)},
        outlives=frozenset({Kind.BACKEND_SERVICE}),  # it lets their probes in
        defaults={"source_ranges": (), "target_tags": ()},
    ),
}

MANAGED: Final = tuple(ROWS)
GROUPS: Final = tuple(kind for kind, row in ROWS.items() if row.members)
POLICIES: Final = (Kind.SECURITY_POLICY, Kind.SSL_POLICY)  # listed for their names, never managed


def is_managed(key: ResourceKey) -> bool:
    """Tell whether a resource is of a kind and a scope that we list: only then its absence means anything.

    People put regional groups and groups of the whole world behind our backend services, too.
    """
    row = ROWS.get(key.kind)  # type: ignore[call-overload]  # a foreign kind is plain text
    return row is not None and (
        key.scope.startswith("zones/") if row.members else key.scope == GLOBAL
    )


def normalised(kind: str, spec: compute.Spec) -> compute.Spec:
    """Return `spec` with its sets sorted, so that equal sets are equal."""
    changed = {
        name: tuple(sorted(value))
        for name in ROWS[Kind(kind)].unordered
        if (value := getattr(spec, name)) is not UNSET and len(value) > 1
    }
    return msgspec.structs.replace(spec, **changed) if changed else spec


def completed(kind: str, spec: compute.Spec) -> compute.Spec:
    """Return a spec read from the cloud as it is compared: normalised, and what was left out said."""
    spec = normalised(kind, spec)
    missing = {
        name: value
        for name, value in ROWS[Kind(kind)].defaults.items()
        if getattr(spec, name) is UNSET
    }
    return msgspec.structs.replace(spec, **missing) if missing else spec
