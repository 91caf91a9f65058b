"""One picture of the cloud becomes all that Envoy is told: a function of values."""

from pathlib import Path

import pytest

from fakes.edge.cloud import Picture, tail
from fakes.edge.clusters import assignment, cluster, endpoints, probe
from fakes.edge.cold import STAYS_SEC, Cold
from fakes.edge.desired import Place, desired
from fakes.edge.envoy import Host
from fakes.edge.health import Row, states

ZONE = "zones/a"
BACKENDS = [{"group": f"https://x/projects/p/{ZONE}/instanceGroups/ig"}]
CHECK = {
    "type": "HTTP",
    "checkIntervalSec": 60,
    "timeoutSec": 60,
    "healthyThreshold": 1,
    "unhealthyThreshold": 10,
    "httpHealthCheck": {"requestPath": "/hz", "port": 30080},
}
BODIES = {
    f"{ZONE}/instances/n": {
        "networkInterfaces": [{"network": "default", "networkIP": "127.64.0.1"}]
    },
    f"{ZONE}/instanceGroups/ig": {
        "name": "ig",
        "namedPorts": [{"name": "http", "port": 30080}, {"name": "probe", "port": 30081}],
        "members": [f"{ZONE}/instances/n"],
    },
    f"{ZONE}/networkEndpointGroups/neg": {
        "name": "neg",
        "endpoints": [{"instance": f"{ZONE}/instances/n", "ipAddress": "127.80.0.9", "port": 80}],
    },
    "global/healthChecks/hc": CHECK,
    "global/firewalls/f": {"allowed": [{"IPProtocol": "tcp"}]},
    "global/backendServices/be": {"name": "be", "portName": "http", "backends": BACKENDS},
    "global/urlMaps/um": {"name": "um", "defaultService": "global/backendServices/be"},
    "global/targetHttpProxies/tp": {"name": "tp", "urlMap": "projects/p/global/urlMaps/um"},
    "global/targetHttpsProxies/tp": {"name": "tp", "urlMap": "global/urlMaps/um"},
}
SERVICE = {"portName": "http", "healthChecks": ["global/healthChecks/hc"], "backends": BACKENDS}


def _rule(kind: str, ip: str = "127.128.0.2", port: str = "80-80"):
    return {"name": "fr", "target": f"global/{kind}/tp", "IPAddress": ip, "portRange": port}


def _picture(**more):
    return Picture({**BODIES, **{tail(key.replace("__", "/")): v for key, v in more.items()}})


def test_a_backend_is_cold_until_a_rule_has_led_to_it_for_a_while():
    cold = Cold(10.0)
    assert cold.names(_picture(), 0.0) == {"be"}
    assert cold.wake_at(0.0) is None
    reached = _picture(global__forwardingRules__fr=_rule("targetHttpProxies"))
    assert cold.names(reached, 5.0) == {"be"}
    assert cold.wake_at(5.0) == 15.0
    assert cold.names(reached, 15.0) == frozenset()
    assert cold.wake_at(15.0) is None
    # A request that is on its way there when the last route leaves is still answered.
    assert cold.names(_picture(), 16.0) == frozenset()
    assert cold.wake_at(16.0) == 16.0 + STAYS_SEC
    assert cold.names(_picture(), 16.0 + STAYS_SEC) == {"be"}  # the cloud probes it no longer
    assert cold.names(reached, 100.0) == {"be"}
    assert Cold(0.0).names(_picture(), 0.0) == frozenset()


def test_a_cold_backend_answers_nothing():
    (assigned,) = desired(_picture(), Place(Path("/c"), 0.02), frozenset({"be"})).endpoints.values()
    (row,) = assigned["endpoints"][0]["lb_endpoints"]
    assert row["health_status"] == "UNHEALTHY"


def test_a_rule_becomes_a_listener_routes_and_a_cluster():
    picture = _picture(global__forwardingRules__fr=_rule("targetHttpProxies"))
    found = desired(picture, Place(Path("/c"), 0.02))
    assert list(found.listeners) == ["127.128.0.2:80"]
    assert list(found.routes) == ["/c/routes.http.tp.json"]
    assert list(found.clusters) == ["be"]
    assert list(found.endpoints) == ["/c/endpoints.be.json"]
    assert found.problems == ()


def test_an_offset_moves_every_port():
    picture = _picture(global__forwardingRules__fr=_rule("targetHttpProxies"))
    found = desired(picture, Place(Path("/c"), 0.02, 8000))
    assert list(found.listeners) == ["127.128.0.2:8080"]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        pytest.param(
            _rule("targetHttpProxies", "34.64.0.1"),
            "forwarding rule fr: 34.64.0.1 is no loopback address",
            id="an address that nobody can listen on",
        ),
        pytest.param(
            _rule("targetHttpsProxies"),
            "target proxy tp: no certificate that can be served",
            id="HTTPS without a certificate",
        ),
    ],
)
def test_what_cannot_be_served_is_said(rule, problem):
    found = desired(_picture(global__forwardingRules__fr=rule), Place(Path("/c"), 0.02))
    assert found.listeners == {}
    assert found.problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("block", "probed"),
    [
        pytest.param({"port": 9}, 9, id="port"),
        pytest.param({"portSpecification": "USE_FIXED_PORT", "port": 9}, 9, id="fixed"),
        pytest.param({"portSpecification": "USE_SERVING_PORT"}, 30080, id="serving"),
        pytest.param(
            {"portSpecification": "USE_NAMED_PORT", "portName": "probe"}, 30081, id="named"
        ),
        pytest.param({"portName": "probe"}, 30081, id="named without saying so"),
        pytest.param(
            {"portSpecification": "USE_NAMED_PORT", "portName": "no"}, 0, id="no such name"
        ),
    ],
)
def test_the_probed_port_is_as_the_check_says(block, probed):
    picture = _picture(global__healthChecks__hc=CHECK | {"httpHealthCheck": block})
    (found,) = endpoints(picture, SERVICE)
    assert (found.ip, found.port, found.probed) == ("127.64.0.1", 30080, probed)
    (row,) = assignment("be", [found])["endpoints"][0]["lb_endpoints"]
    assert row["health_status"] == ("UNKNOWN" if probed else "UNHEALTHY")


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        pytest.param({"portName": "http"}, [("127.64.0.1", 30080)], id="members"),
        pytest.param({"portName": "none"}, [], id="no such named port"),
        pytest.param({"backends": []}, [], id="no group"),
        pytest.param(
            {"backends": [{"group": f"{ZONE}/networkEndpointGroups/neg"}]},
            [("127.80.0.9", 80)],
            id="network endpoints",
        ),
        pytest.param({"backends": [BACKENDS[0] | {"capacityScaler": 0}]}, [], id="no capacity"),
    ],
)
def test_endpoints_are_what_is_in_the_groups(service, expected):
    found = endpoints(_picture(), SERVICE | service)
    assert [(e.ip, e.port) for e in found] == expected


def test_without_a_firewall_rule_an_endpoint_is_unreachable():
    bodies = {key: body for key, body in BODIES.items() if "firewalls" not in key}
    (found,) = endpoints(Picture(bodies), SERVICE)
    assert not found.reachable


def test_seconds_are_scaled_and_thresholds_are_not():
    found = probe(CHECK, 0.02)
    assert (found["interval"], found["no_traffic_interval"]) == ("1.200s", "1.200s")
    assert (found["timeout"], found["unhealthy_threshold"]) == ("1.200s", 10)
    assert probe(CHECK | {"checkIntervalSec": 1, "timeoutSec": 1}, 0.02)["interval"] == "0.100s"


@pytest.mark.parametrize(
    ("kind", "block", "field", "expected"),
    [
        pytest.param("HTTP", "httpHealthCheck", "http_health_check", "HTTP1", id="HTTP"),
        pytest.param("HTTPS", "httpsHealthCheck", "http_health_check", "HTTP1", id="HTTPS"),
        pytest.param("HTTP2", "http2HealthCheck", "http_health_check", "HTTP2", id="HTTP/2"),
        pytest.param("TCP", "tcpHealthCheck", "tcp_health_check", None, id="TCP"),
        pytest.param("SSL", "sslHealthCheck", "tcp_health_check", None, id="SSL"),
        pytest.param("GRPC", "grpcHealthCheck", "grpc_health_check", None, id="gRPC"),
    ],
)
def test_every_type_of_check_has_its_probe(kind, block, field, expected):
    check = {**CHECK, "type": kind, block: {"response": "ok", "request": "hi"}}
    found = probe(check, 1.0)
    assert found[field].get("codec_client_type") == expected
    tls = kind in ("HTTPS", "HTTP2", "SSL")
    assert found["transport_socket_match_criteria"] == {"probe": "tls" if tls else "plain"}


@pytest.mark.parametrize(
    ("service", "socket", "protocol", "policy"),
    [
        pytest.param({"protocol": "HTTP"}, "plain", "http", "ROUND_ROBIN", id="HTTP"),
        pytest.param({"protocol": "HTTPS"}, "tls", "http", "ROUND_ROBIN", id="HTTPS"),
        pytest.param({"protocol": "HTTP2"}, "tls", "http2", "ROUND_ROBIN", id="HTTP/2"),
        pytest.param({"protocol": "H2C"}, "plain", "http2", "ROUND_ROBIN", id="cleartext HTTP/2"),
        pytest.param({"sessionAffinity": "CLIENT_IP"}, "plain", "http", "RING_HASH", id="sticky"),
        pytest.param({"localityLbPolicy": "RANDOM"}, "plain", "http", "RANDOM", id="random"),
    ],
)
def test_a_cluster_speaks_the_services_protocol(service, socket, protocol, policy):
    found = cluster("be", _picture(), SERVICE | service, "/c/e.json", 1.0)
    (options,) = found["typed_extension_protocol_options"].values()
    assert found["transport_socket"]["name"] == socket
    assert list(options["explicit_http_config"]) == [f"{protocol}_protocol_options"]
    assert found["lb_policy"] == policy
    assert found["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


def test_an_endpoint_is_as_each_of_its_services_finds_it():
    (row,) = endpoints(_picture(), SERVICE)
    address = (row.ip, row.port)
    well, ill = Host(healthy=True, probed=True), Host(healthy=False, probed=True)
    members = {"a": (row,), "b": (row,)}
    a, b = (Row(name, "ig", "n", "127.64.0.1", 30080) for name in "ab")
    both = {"a": {address: well}, "b": {address: well}}
    assert states(members, both) == {a: True, b: True}
    assert states(members, both | {"a": {address: ill}}) == {a: False, b: True}
    assert states(members, {"a": {address: well}}) == {a: True, b: False}


def test_a_listener_does_not_change_with_routes_or_certificates():
    rule = _rule("targetHttpProxies")
    edited = {"name": "um", "defaultUrlRedirect": {"httpsRedirect": True}}
    place = Place(Path("/c"), 0.02)
    one = desired(_picture(global__forwardingRules__fr=rule), place)
    two = desired(_picture(global__forwardingRules__fr=rule, global__urlMaps__um=edited), place)
    assert one.listeners == two.listeners
    assert one.routes != two.routes
