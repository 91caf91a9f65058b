"""What a URL map does with a request."""

import pytest

from glbc.model.compute import HostRule, PathMatcher, PathRule, UrlMap
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.plan.route import route


def _key(name: str) -> ResourceKey:
    return ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, name)


def _map(hosts: dict[str, dict[str, str]], default: str = "default") -> UrlMap:
    return UrlMap(
        default_service=Ref(_key(default)),
        host_rules=tuple(
            HostRule(hosts=(host,), path_matcher=f"m{at}") for at, host in enumerate(hosts)
        ),
        path_matchers=tuple(
            PathMatcher(
                name=f"m{at}",
                default_service=Ref(_key(f"{default}-{at}")),
                path_rules=tuple(
                    PathRule(paths=(path,), service=Ref(_key(to))) for path, to in paths.items()
                ),
            )
            for at, paths in enumerate(hosts.values())
        ),
    )


SHOP = _map(
    {
        "*": {"/any": "any"},
        "*.example.com": {"/*": "wild"},
        "*.a.example.com": {"/*": "wilder"},
        "www.a.example.com": {
            "/*": "all",
            "/api": "api",
            "/api/*": "below",
            "/api/v1/*": "deep",
            "/api/v1/x": "exact",
        },
    }
)


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        pytest.param("www.a.example.com", "/", "all", id="everything"),
        pytest.param("www.a.example.com", "/api", "api", id="the name itself"),
        pytest.param("www.a.example.com", "/api/", "below", id="below it"),
        pytest.param("www.a.example.com", "/apis", "all", id="not what only begins so"),
        pytest.param("www.a.example.com", "/api/v1/y", "deep", id="the longest wins"),
        pytest.param("www.a.example.com", "/api/v1/x", "exact", id="a whole path wins"),
        pytest.param("WWW.A.example.com:8080", "/api", "api", id="case and port do not matter"),
        pytest.param("b.example.com", "/api", "wild", id="a wildcard"),
        pytest.param("x.y.example.com", "/", "wild", id="a wildcard takes several labels"),
        pytest.param("x.a.example.com", "/", "wilder", id="the longer wildcard wins"),
        pytest.param(
            "example.com", "/", "default-0", id="a wildcard wants something before the dot"
        ),
        pytest.param("other.org", "/any", "any", id="every other host"),
        pytest.param("other.org", "/no", "default-0", id="the matcher's own default"),
        pytest.param(
            "b.example.com", "/any", "wild", id="a host never falls back to another's paths"
        ),
    ],
)
def test_where_a_request_goes(host: str, path: str, expected: str) -> None:
    assert route(SHOP, host, path).service == _key(expected)


def test_a_map_without_a_fitting_host_uses_its_default() -> None:
    only = _map({"a.example.com": {"/*": "all"}})
    found = route(only, "b.example.com", "/")
    assert (found.service, found.host, found.matcher) == (_key("default"), "", "")


def test_what_loses_is_told_the_longest_first() -> None:
    found = route(SHOP, "www.a.example.com", "/api/v1/x")
    assert found.path == "/api/v1/x"
    assert [one.path for one in found.shadowed] == ["/api/v1/*", "/api/*", "/*"]
    assert found.host == "www.a.example.com"


def test_a_matcher_without_a_default_uses_the_maps() -> None:
    bare = UrlMap(
        default_service=Ref(_key("default")),
        host_rules=(HostRule(hosts=("*",), path_matcher="m"),),
        path_matchers=(PathMatcher(name="m"),),
    )
    assert route(bare, "a.b", "/").service == _key("default")
    assert route(UrlMap(), "a.b", "/").service is None
