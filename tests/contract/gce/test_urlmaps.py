"""URL maps: syntax, consistency, their own tests, size."""

import pytest

from tests.contract.gce.door import Door

BE = "global/backendServices/be"


def _map(hosts=("a.example.com",), matcher="m", **rest):
    return {
        "defaultService": BE,
        "hostRules": [{"hosts": list(hosts), "pathMatcher": "m"}],
        "pathMatchers": [{"name": matcher, "defaultService": BE, **rest}],
    }


def _paths(*paths):
    return _map(pathRules=[{"paths": list(paths), "service": BE}])


BAD = [
    pytest.param({}, "required", "defaultService", id="nowhere to go"),
    pytest.param(
        {"defaultService": BE, "defaultUrlRedirect": {"httpsRedirect": True}},
        "invalid",
        "Not allowed together",
        id="service and redirect",
    ),
    pytest.param(
        _map(matcher="n"), "invalid", "Bad path matcher name specified in host rule", id="matcher"
    ),
    pytest.param(_map(hosts=["a.com", "a.com"]), "invalid", "one host rule only", id="host twice"),
    pytest.param(
        _map() | {"hostRules": [{"hosts": ["a.com"], "pathMatcher": "m"}] * 2},
        "invalid",
        "one host rule only",
        id="host in two rules",
    ),
    pytest.param(_map(hosts=["a.*.com"]), "invalid", "Invalid host", id="star within a host"),
    pytest.param(_map(hosts=["*a.com"]), "invalid", "Invalid host", id="star without a dot"),
    pytest.param(_map(hosts=[]), "required", "hosts", id="no host"),
    pytest.param(
        _map() | {"pathMatchers": [{"name": "m", "defaultService": BE}] * 2},
        "invalid",
        "Duplicate path matcher",
        id="matcher twice",
    ),
    pytest.param(_paths("a"), "invalid", "start with '/'", id="path without slash"),
    pytest.param(_paths("/a*"), "invalid", "'*'", id="star not behind a slash"),
    pytest.param(_paths("/*/a"), "invalid", "'*'", id="star not at the end"),
    pytest.param(_paths("/a?b"), "invalid", "'?'", id="query in a path"),
    pytest.param(_paths("/a", "/a"), "invalid", "Duplicate path", id="path twice"),
    pytest.param(_map(pathRules=[{"service": BE}]), "required", "paths", id="rule without path"),
    pytest.param(
        _map(pathRules=[{"paths": ["/a"]}]), "required", "service", id="rule without service"
    ),
    pytest.param(
        _map(pathRules=[{"paths": ["/a"], "service": "global/backendServices/none"}]),
        "notFound",
        "backendServices/none",
        id="missing backend service in a path rule",
    ),
    pytest.param(
        _map(
            routeRules=[
                {
                    "priority": 1,
                    "matchRules": [{"prefixMatch": "/"}],
                    "routeAction": {
                        "weightedBackendServices": [
                            {"backendService": "global/backendServices/none", "weight": 1}
                        ]
                    },
                }
            ]
        ),
        "notFound",
        "backendServices/none",
        id="missing backend service in a weighted action",
    ),
]


@pytest.mark.parametrize(("body", "reason", "message"), BAD)
def test_a_map_is_refused(balanced: Door, body, reason, message):
    refusal = balanced.refused("POST", "global/urlMaps", {"name": "x", **body})
    assert refusal.reason == reason
    assert message in refusal.message


GOOD = [
    pytest.param(_paths("/", "/*", "/a", "/a/", "/a/*"), id="paths"),
    pytest.param(_map(hosts=["*", "*.a.com", "*-b.com", "a.com"]), id="hosts"),
    pytest.param({"defaultUrlRedirect": {"httpsRedirect": True}}, id="only a redirect"),
    pytest.param(
        {"defaultRouteAction": {"weightedBackendServices": [{"backendService": BE, "weight": 1}]}},
        id="only a weighted action",
    ),
    pytest.param(
        _map(
            pathRules=[
                {
                    "paths": ["/a"],
                    "service": BE,
                    "routeAction": {"urlRewrite": {"hostRewrite": "b"}},
                }
            ]
        ),
        id="a service with a rewrite",
    ),
]


@pytest.mark.parametrize("body", GOOD)
def test_a_map_is_accepted(balanced: Door, body):
    made = balanced.insert("global/urlMaps", "x", **body)
    assert made["fingerprint"]


ROUTES = [
    pytest.param("a.com", "/", "one", id="the exact host's default"),
    pytest.param("a.com", "/x", "two", id="an exact path"),
    pytest.param("a.com", "/x/y", "one", id="not below an exact path"),
    pytest.param("a.com", "/p/q", "two", id="below a prefix"),
    pytest.param("a.com", "/p/q/r", "three", id="the longer prefix wins"),
    pytest.param("b.a.com", "/x", "three", id="a wildcard host"),
    pytest.param("c.com", "/x", "be", id="no host: the map's default"),
]


def _routes():
    service = "global/backendServices/{}".format
    return {
        "defaultService": BE,
        "hostRules": [
            {"hosts": ["a.com"], "pathMatcher": "exact"},
            {"hosts": ["*.a.com"], "pathMatcher": "wild"},
        ],
        "pathMatchers": [
            {
                "name": "exact",
                "defaultService": service("one"),
                "pathRules": [
                    {"paths": ["/x", "/p/*"], "service": service("two")},
                    {"paths": ["/p/q/*"], "service": service("three")},
                ],
            },
            {"name": "wild", "defaultService": service("three")},
        ],
    }


@pytest.mark.parametrize(("host", "path", "service"), ROUTES)
def test_a_map_is_held_to_its_own_tests(balanced: Door, host, path, service):
    for name in ("one", "two", "three"):
        balanced.insert("global/backendServices", name)
    test = {"host": host, "path": path, "service": f"global/backendServices/{service}"}
    balanced.insert("global/urlMaps", "good", **_routes(), tests=[test])
    wrong = test | {"service": "global/backendServices/be" if service != "be" else test["path"]}
    if service != "be":
        bad = {"name": "bad", **_routes(), "tests": [wrong]}
        assert "Test failure" in balanced.refused("POST", "global/urlMaps", bad).message
        report = balanced.post("global/urlMaps/good/validate", {"resource": bad})
        assert report["result"]["testPassed"] is False
        assert report["result"]["testFailures"][0]["host"] == host


def test_validate_tells_why_a_map_does_not_load(balanced: Door):
    good = balanced.post("global/urlMaps/um/validate", {"resource": {"defaultService": BE}})
    assert good == {"result": {"loadSucceeded": True, "testPassed": True}}
    bad = balanced.post("global/urlMaps/um/validate", {"resource": _map(matcher="n")})
    assert bad["result"]["loadSucceeded"] is False
    assert "Bad path matcher" in bad["result"]["loadErrors"][0]


LIMITS = [
    pytest.param({"url_map_bytes": 100}, 413, id="bytes"),
    pytest.param({"host_rules_per_url_map": 0}, 400, id="host rules"),
    pytest.param({"path_matchers_per_url_map": 0}, 400, id="path matchers"),
    pytest.param({"path_rules_per_matcher": 0}, 400, id="path rules"),
]


@pytest.mark.parametrize(("limit", "status"), LIMITS)
def test_the_size_of_a_map_can_be_limited(balanced: Door, limit, status):
    body = {"name": "x", **_paths("/a")}
    balanced.insert("global/urlMaps", "before", **_paths("/a"))
    balanced.fake("POST", "limits", {"hard": limit})
    assert balanced.refused("POST", "global/urlMaps", body).status == status


def test_a_cache_invalidation_changes_nothing(balanced: Door):
    before = balanced.get("global/urlMaps/um")
    balanced.do("POST", "global/urlMaps/um/invalidateCache", {"path": "/*"})
    assert balanced.get("global/urlMaps/um") == before
