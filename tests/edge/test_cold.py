"""In a cloud that probes no backend before a front end leads to it: what a switch costs, and how not."""

from collections.abc import Iterator

import pytest

from fakes.edge.cloud import Picture
from fakes.edge.cold import reached
from tests.edge.site import Site, load, site, until

SERVICE = "global/backendServices/"
COLD_SEC = 1.0
NOBODY = "warm.invalid"  # a host that no client asks for


@pytest.fixture
def cold(slices, tmp_path) -> Iterator[Site]:
    number = next(slices)
    within = f"127.128.{number}.0/24", f"127.64.{number}"
    with site(tmp_path, *within, cold_sec=COLD_SEC) as made:
        made.firewall()
        yield made


def _until_served(site: Site, ip: str, name: str) -> list[str]:
    """Ask until a backend answers; return what was answered until then."""
    seen: list[str] = []

    def look() -> str:
        seen.append(site.who(ip))
        return seen[-1]

    until(name, look)
    return seen[:-1]


def test_a_new_backend_answers_502_and_then_serves(cold: Site):
    ip = cold.front("fresh")
    assert set(_until_served(cold, ip, "fresh-0")) <= {"ConnectError", "502"}
    cold.service("next")
    assert cold.health("next") == ["UNHEALTHY"]
    cold.url_map("fresh", defaultService=SERVICE + "next")
    answers = _until_served(cold, ip, "next-0")
    assert "502" in answers
    assert set(answers) <= {"fresh-0", "502"}
    until(["HEALTHY"], lambda: cold.health("next"))


def test_a_backend_that_no_front_end_leads_to_is_never_healthy(cold: Site):
    cold.service("alone")
    cold.service("mapped")
    cold.url_map("mapped", defaultService=SERVICE + "mapped")  # a URL map without a rule in front
    _until_served(cold, cold.front("warm"), "warm-0")
    until(["HEALTHY"], lambda: cold.health("warm"))
    assert cold.health("alone") == cold.health("mapped") == ["UNHEALTHY"]


def test_a_switch_to_a_cold_backend_loses_requests(cold: Site):
    ip = cold.front("old")
    _until_served(cold, ip, "old-0")
    cold.service("new")
    with load(f"http://{ip}:{cold.edge.port(80)}/", 1, keep=False) as found:
        cold.url_map("old", defaultService=SERVICE + "new")
        until(True, lambda: "new-0" in found.seen)
    assert set(found.failures) == {"502"}


def test_a_backend_warmed_by_a_host_that_nobody_asks_for_is_switched_to_without_loss(cold: Site):
    ip = cold.front("old")
    _until_served(cold, ip, "old-0")
    cold.service("new")
    with load(f"http://{ip}:{cold.edge.port(80)}/", 2, keep=False) as found:
        hosts = [{"hosts": [NOBODY], "pathMatcher": "warm"}]
        matchers = [{"name": "warm", "defaultService": SERVICE + "new"}]
        before = {"defaultService": SERVICE + "old"}
        cold.url_map("old", **before, hostRules=hosts, pathMatchers=matchers)
        until(["HEALTHY"], lambda: cold.health("new"))
        assert set(found.seen) == {"old-0"}
        cold.url_map("old", defaultService=SERVICE + "new")
        until(True, lambda: "new-0" in found.seen)
        sent = found.sent
        until(True, lambda: found.sent > sent + 50)
    assert found.failures == []


def test_a_rule_that_leaves_makes_its_backend_cold_again(cold: Site):
    ip = cold.front("leaving")
    until(["HEALTHY"], lambda: cold.health("leaving"))
    cold.do("DELETE", "global/forwardingRules/leaving")
    until(["UNHEALTHY"], lambda: cold.health("leaving"))
    ip = cold.rule("leaving")
    assert "502" in _until_served(cold, ip, "leaving-0")


def _picture(**url_map) -> Picture:
    return Picture(
        {
            "global/forwardingRules/f": {"name": "f", "target": "global/targetHttpProxies/t"},
            "global/targetHttpProxies/t": {"name": "t", "urlMap": "global/urlMaps/u"},
            "global/urlMaps/u": {"name": "u", **url_map},
        }
    )


def _matched(**matcher) -> dict:
    hosts = [{"hosts": ["*"], "pathMatcher": "m"}]
    return {"hostRules": hosts, "pathMatchers": [{"name": "m", **matcher}]}


WEIGHTED = {"weightedBackendServices": [{"backendService": SERVICE + "b", "weight": 1}]}


@pytest.mark.parametrize(
    ("url_map", "found"),
    [
        pytest.param({"defaultService": SERVICE + "b"}, {"b"}, id="by default"),
        pytest.param({"defaultRouteAction": WEIGHTED}, {"b"}, id="a share by default"),
        pytest.param(_matched(defaultService=SERVICE + "b"), {"b"}, id="a host"),
        pytest.param(
            _matched(pathRules=[{"paths": ["/a"], "service": SERVICE + "b"}]), {"b"}, id="a path"
        ),
        pytest.param(
            _matched(pathRules=[{"paths": ["/a"], "routeAction": WEIGHTED}]),
            {"b"},
            id="a share of a path",
        ),
        pytest.param(
            {"tests": [{"host": "a", "path": "/", "service": SERVICE + "b"}]},
            set(),
            id="a test of the map leads nowhere",
        ),
        pytest.param({"description": f"/{SERVICE}b"}, set(), id="nor does what is said of it"),
    ],
)
def test_a_backend_is_reached_through(url_map, found):
    assert set(reached(_picture(**url_map))) == found
    assert set(reached(Picture({"global/urlMaps/u": {"name": "u", **url_map}}))) == set()
