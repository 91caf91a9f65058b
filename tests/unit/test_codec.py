"""Specs and REST bodies: what is sent is what was meant, and what is read back is what was sent."""

from typing import Any

import msgspec
import pytest

from glbc.model import codec, compute
from glbc.model.graph import Ownership
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, Scope, zone
from glbc.model.kinds import ROWS, completed

API = "https://www.googleapis.com/compute/v1/projects/p"
ZONE = zone("us-central1-a")
CHECK = ResourceKey("p", Kind.HEALTH_CHECK, GLOBAL, "be")
BACKEND = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "be")
GROUP = ResourceKey("p", Kind.INSTANCE_GROUP, ZONE, "ig")
MACHINE = ResourceKey("p", Kind.INSTANCE, ZONE, "n1")
MAP = ResourceKey("p", Kind.URL_MAP, GLOBAL, "um")
PROXY = ResourceKey("p", Kind.TARGET_HTTP_PROXY, GLOBAL, "tp")
TLS_PROXY = ResourceKey("p", Kind.TARGET_HTTPS_PROXY, GLOBAL, "ts")
CERTIFICATE = ResourceKey("p", Kind.SSL_CERTIFICATE, GLOBAL, "cr")
RULE = ResourceKey("p", Kind.FORWARDING_RULE, GLOBAL, "fr")
ADDRESS = ResourceKey("p", Kind.ADDRESS, GLOBAL, "ip")
FIREWALL = ResourceKey("p", Kind.FIREWALL, GLOBAL, "fw")
NETWORK = ResourceKey("host", Kind.NETWORK, GLOBAL, "shared")

# key, spec, body as the API has it
PAIRS: tuple[tuple[ResourceKey, compute.Spec, dict[str, Any]], ...] = (
    (
        CHECK,
        compute.HealthCheck(
            description="d",
            type="HTTP",
            check_interval_sec=60,
            http_health_check=compute.HttpCheck(port=30080, request_path="/", host="h"),
        ),
        {
            "name": "be",
            "description": "d",
            "type": "HTTP",
            "checkIntervalSec": 60,
            "httpHealthCheck": {"port": 30080, "requestPath": "/", "host": "h"},
        },
    ),
    (
        BACKEND,
        compute.BackendService(
            protocol="HTTP",
            port=30080,
            port_name="port30080",
            health_checks=(Ref(CHECK),),
            backends=(
                compute.Backend(group=Ref(GROUP), balancing_mode="RATE", max_rate_per_instance=1.0),
            ),
            log_config=compute.LogConfig(enable=True, sample_rate=1.0),
        ),
        {
            "name": "be",
            "protocol": "HTTP",
            "port": 30080,
            "portName": "port30080",
            "healthChecks": [f"{API}/global/healthChecks/be"],
            "backends": [
                {
                    "group": f"{API}/zones/us-central1-a/instanceGroups/ig",
                    "balancingMode": "RATE",
                    "maxRatePerInstance": 1,
                }
            ],
            "logConfig": {"enable": True, "sampleRate": 1},
        },
    ),
    (
        MAP,
        compute.UrlMap(
            default_service=Ref(BACKEND),
            host_rules=(compute.HostRule(hosts=("*",), path_matcher="m"),),
            path_matchers=(
                compute.PathMatcher(
                    name="m",
                    default_service=Ref(BACKEND),
                    path_rules=(compute.PathRule(paths=("/*",), service=Ref(BACKEND)),),
                ),
            ),
        ),
        {
            "name": "um",
            "defaultService": "global/backendServices/be",
            "hostRules": [{"hosts": ["*"], "pathMatcher": "m"}],
            "pathMatchers": [
                {
                    "name": "m",
                    "defaultService": "global/backendServices/be",
                    "pathRules": [{"paths": ["/*"], "service": "global/backendServices/be"}],
                }
            ],
        },
    ),
    (
        PROXY,
        compute.TargetHttpProxy(description="d", url_map=Ref(MAP)),
        {"name": "tp", "description": "d", "urlMap": "global/urlMaps/um"},
    ),
    (
        TLS_PROXY,
        compute.TargetHttpsProxy(url_map=Ref(MAP), ssl_certificates=(Ref(CERTIFICATE),)),
        {
            "name": "ts",
            "urlMap": "global/urlMaps/um",
            "sslCertificates": [f"{API}/global/sslCertificates/cr"],
        },
    ),
    (
        RULE,
        compute.ForwardingRule(
            ip_address="203.0.113.7", ip_protocol="TCP", port_range="80-80", target=Ref(PROXY)
        ),
        {
            "name": "fr",
            "IPAddress": "203.0.113.7",
            "IPProtocol": "TCP",
            "portRange": "80-80",
            "target": f"{API}/global/targetHttpProxies/tp",
        },
    ),
    (
        FIREWALL,
        compute.Firewall(
            network=Ref(NETWORK),
            source_ranges=("130.211.0.0/22",),
            allowed=(compute.Allowed(ip_protocol="tcp", ports=("30000-32767",)),),
            target_tags=("gke-node",),
        ),
        {
            "name": "fw",
            "network": "https://www.googleapis.com/compute/v1/projects/host/global/networks/shared",
            "sourceRanges": ["130.211.0.0/22"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["30000-32767"]}],
            "targetTags": ["gke-node"],
        },
    ),
    (
        ADDRESS,
        compute.Address(address="203.0.113.7"),
        {"name": "ip", "address": "203.0.113.7"},
    ),
    (CERTIFICATE, compute.SslCertificate(description="d"), {"name": "cr", "description": "d"}),
)
IDS = [str(pair[0].kind) for pair in PAIRS]


@pytest.mark.parametrize(("key", "spec", "body"), PAIRS, ids=IDS)
def test_what_is_sent(key: ResourceKey, spec: compute.Spec, body: dict[str, Any]) -> None:
    assert body == codec.body_of(key, spec)


@pytest.mark.parametrize(("key", "spec", "body"), PAIRS, ids=IDS)
def test_what_is_sent_is_read_back(
    key: ResourceKey, spec: compute.Spec, body: dict[str, Any]
) -> None:
    assert spec == codec.decode(type(spec), codec.body_of(key, spec), "p")
    assert spec == codec.decode(type(spec), body, "p")


def test_a_group_is_made_empty_and_filled_after_it() -> None:
    group = compute.InstanceGroup(
        named_ports=(compute.NamedPort(name="port30080", port=30080),), instances=(Ref(MACHINE),)
    )
    assert codec.body_of(GROUP, group) == {"name": "ig"}
    assert codec.encode(Kind.INSTANCE_GROUP, group) == {
        "namedPorts": [{"name": "port30080", "port": 30080}],
        "instances": [f"{API}/zones/us-central1-a/instances/n1"],
    }


def test_a_field_that_is_not_ours_is_never_sent() -> None:
    assert codec.body_of(BACKEND, compute.BackendService()) == {"name": "be"}


def test_an_empty_list_is_sent() -> None:
    assert codec.body_of(MAP, compute.UrlMap(host_rules=())) == {"name": "um", "hostRules": []}


@pytest.mark.parametrize("kind", list(ROWS), ids=str)
def test_reading_drops_what_we_do_not_manage(kind: Kind) -> None:
    key = ResourceKey("p", kind, GLOBAL, "x")
    body = {"name": "x", "id": "1", "kind": "compute#x", "labels": {"a": "b"}, "region": None}
    seen = codec.observed(key, body, Ownership.FOREIGN, 1.0)
    assert seen.spec == completed(kind, ROWS[kind].spec())


def test_an_observation_keeps_what_the_next_write_needs() -> None:
    body = {
        "name": "um",
        "defaultService": f"{API}/global/backendServices/be",
        "fingerprint": "abc=",
        "creationTimestamp": "2026-01-02T03:04:05.000-07:00",
    }
    seen = codec.observed(MAP, body, Ownership.OWNED, 4.5)
    assert (seen.fingerprint, seen.created) == ("abc=", "2026-01-02T03:04:05.000-07:00")
    assert (seen.ownership, seen.read_at) == (Ownership.OWNED, 4.5)
    assert seen.refs == {BACKEND}


def test_sets_are_read_sorted() -> None:
    spec = codec.observed(
        FIREWALL, {"name": "fw", "targetTags": ["b", "a"]}, Ownership.OWNED, 0.0
    ).spec
    assert isinstance(spec, compute.Firewall)
    assert spec.target_tags == ("a", "b")


@pytest.mark.parametrize(
    ("body", "scope"),
    [
        pytest.param({"name": "x"}, GLOBAL, id="no place is global"),
        pytest.param({"name": "x", "zone": f"{API}/zones/z-a"}, zone("z-a"), id="zone link"),
        pytest.param({"name": "x", "zone": "z-a"}, zone("z-a"), id="bare zone"),
        pytest.param(
            {"name": "x", "region": f"{API}/regions/r"}, Scope("regions/r"), id="region link"
        ),
    ],
)
def test_the_key_of_a_body(body: dict[str, Any], scope: Scope) -> None:
    assert ResourceKey("p", Kind.ADDRESS, scope, "x") == codec.key_of(Kind.ADDRESS, body, "p")


@pytest.mark.parametrize(
    ("spec", "body", "path"),
    [
        pytest.param(compute.UrlMap, {"hostRules": "x"}, "$.hostRules", id="no list"),
        pytest.param(
            compute.UrlMap, {"pathMatchers": [{}]}, "$.pathMatchers[0]", id="a part left out"
        ),
        pytest.param(compute.BackendService, {"port": "many"}, "$.port", id="no number"),
    ],
)
def test_a_body_of_another_shape_is_refused_with_its_place(
    spec: type[compute.Spec], body: dict[str, Any], path: str
) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        codec.decode(spec, body, "p")
    assert path in str(raised.value)


def test_only_references_are_encoded() -> None:
    with pytest.raises(TypeError, match="cannot encode object"):
        codec.encode(Kind.URL_MAP, object())
