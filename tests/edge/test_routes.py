"""A URL map becomes Envoy's routes: a function of values."""

import pytest

from fakes.edge.actions import affinity, custom_headers, headers, redirect, route
from fakes.edge.routes import table, weight

SERVICES = {
    "plain": {"name": "plain", "timeoutSec": 30},
    "quick": {"name": "quick", "timeoutSec": 3},
}


def _routed(**url_map):
    return table("t", {"defaultService": "global/backendServices/plain", **url_map}, SERVICES)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(["/*", "/a/*", "/a/", "/a/b", "/a/b/*"], id="short first"),
        pytest.param(["/a/b/*", "/a/b", "/a/", "/a/*", "/*"], id="long first"),
    ],
)
def test_routes_come_longest_first_and_exact_before_prefix(order):
    assert sorted(order, key=weight, reverse=True) == ["/a/b/*", "/a/b", "/a/", "/a/*", "/*"]
    rules = [{"paths": [path], "service": "global/backendServices/quick"} for path in order]
    matcher = {"name": "m", "defaultUrlRedirect": {"httpsRedirect": True}, "pathRules": rules}
    hosts = [{"hosts": ["*", "A.test"], "pathMatcher": "m"}]
    (host,) = _routed(hostRules=hosts, pathMatchers=[matcher])["virtual_hosts"]
    assert host["domains"] == ["*", "a.test"]
    assert [row["match"] for row in host["routes"]] == [
        {"prefix": "/a/b/"},
        {"path": "/a/b"},
        {"path": "/a/"},
        {"prefix": "/a/"},
        {"prefix": "/"},
        {"prefix": "/"},
    ]
    assert host["routes"][-1]["redirect"]["https_redirect"]


def test_hosts_of_several_rules_with_one_matcher_are_one_virtual_host():
    matcher = {"name": "m", "defaultService": "global/backendServices/quick"}
    rules = [{"hosts": [host], "pathMatcher": "m"} for host in ("b.test", "*.a.test")]
    found = _routed(hostRules=rules, pathMatchers=[matcher])["virtual_hosts"]
    assert [host["domains"] for host in found] == [["*.a.test", "b.test"], ["*"]]
    assert [host["routes"][0]["route"]["cluster"] for host in found] == ["quick", "plain"]


@pytest.mark.parametrize(
    ("wanted", "port", "expected"),
    [
        pytest.param(
            {"httpsRedirect": True},
            443,
            {"https_redirect": True, "response_code": "MOVED_PERMANENTLY"},
            id="HTTPS",
        ),
        pytest.param(
            {"httpsRedirect": True, "redirectResponseCode": "FOUND"},
            8443,
            {"https_redirect": True, "port_redirect": 8443, "response_code": "FOUND"},
            id="HTTPS on another port",
        ),
        pytest.param(
            {"hostRedirect": "h", "prefixRedirect": "/p", "stripQuery": True},
            8443,
            {
                "host_redirect": "h",
                "prefix_rewrite": "/p",
                "strip_query": True,
                "response_code": "MOVED_PERMANENTLY",
            },
            id="host and prefix",
        ),
    ],
)
def test_redirects(wanted, port, expected):
    assert redirect(wanted, port) == expected


@pytest.mark.parametrize(
    ("action", "service", "field", "expected"),
    [
        pytest.param({}, "p/backendServices/quick", "timeout", "3.000s", id="service's timeout"),
        pytest.param(
            {"timeout": {"seconds": "1", "nanos": 500000000}},
            "quick",
            "timeout",
            "1.500s",
            id="action's timeout",
        ),
        pytest.param(
            {"requestMirrorPolicy": {"backendService": "global/backendServices/plain"}},
            "quick",
            "request_mirror_policies",
            [{"cluster": "plain"}],
            id="mirror",
        ),
        pytest.param(
            {
                "retryPolicy": {
                    "numRetries": 3,
                    "retryConditions": ["5xx", "cancelled"],
                    "perTryTimeout": {"seconds": 2},
                }
            },
            "quick",
            "retry_policy",
            {"retry_on": "5xx,cancelled", "num_retries": 3, "per_try_timeout": "2.000s"},
            id="retries",
        ),
    ],
)
def test_route_actions(action, service, field, expected):
    found, _ = route(action, service, SERVICES, exact=False)
    assert found[field] == expected


def test_headers_are_literal_but_for_variables():
    service = {"customRequestHeaders": ["X-A: 100%:{client_ip_address}{unknown_thing}"]}
    (row,) = custom_headers(service)["request_headers_to_add"]
    value = "100%%:%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
    assert row["header"] == {"key": "X-A", "value": value}
    (row,) = headers({"responseHeadersToAdd": [{"headerName": "B", "headerValue": "c"}]})[
        "response_headers_to_add"
    ]
    assert row["append_action"] == "APPEND_IF_EXISTS_OR_ADD"


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        pytest.param({}, [], id="none"),
        pytest.param(
            {"sessionAffinity": "CLIENT_IP"},
            [{"connection_properties": {"source_ip": True}}],
            id="client address",
        ),
        pytest.param(
            {"sessionAffinity": "GENERATED_COOKIE", "affinityCookieTtlSec": 60},
            [{"cookie": {"name": "GCLB", "ttl": "60.000s", "path": "/"}}],
            id="generated cookie",
        ),
        pytest.param(
            {"sessionAffinity": "HTTP_COOKIE", "consistentHash": {"httpCookie": {"name": "n"}}},
            [{"cookie": {"name": "n", "ttl": "0.000s", "path": "/"}}],
            id="cookie",
        ),
        pytest.param(
            {"sessionAffinity": "HEADER_FIELD", "consistentHash": {"httpHeaderName": "x"}},
            [{"header": {"header_name": "x"}}],
            id="header",
        ),
    ],
)
def test_affinity(service, expected):
    assert affinity(service) == expected
