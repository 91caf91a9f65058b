"""Where a request goes, on the wire: hosts, paths, redirects, weights, headers, affinity."""

from collections import Counter

import pytest

from tests.edge.site import Site, until

SERVICE = "global/backendServices/"
NAMES = ("root", "shop", "cart", "item", "wild", "fallback")


@pytest.fixture(scope="module")
def routed(shared: Site) -> str:
    for name in NAMES:
        shared.service(name)
    to = {name: SERVICE + name for name in NAMES}
    shared.url_map(
        "routed",
        defaultService=to["root"],
        hostRules=[
            {"hosts": ["shop.example"], "pathMatcher": "shop"},
            {"hosts": ["*.example", "plain.test"], "pathMatcher": "wild"},
        ],
        pathMatchers=[
            {
                "name": "shop",
                "defaultService": to["fallback"],
                "pathRules": [
                    {"paths": ["/*"], "service": to["shop"]},
                    {"paths": ["/cart/*"], "service": to["cart"]},
                    {"paths": ["/cart/item", "/cart/item/*"], "service": to["item"]},
                    {"paths": ["/cart/items/"], "service": to["root"]},
                ],
            },
            {
                "name": "wild",
                "defaultService": to["wild"],
                "pathRules": [{"paths": ["/only"], "service": to["item"]}],
            },
        ],
    )
    ip = shared.rule("routed")
    until("root-0", lambda: shared.who(ip))
    return ip


@pytest.mark.parametrize(
    ("host", "path", "service"),
    [
        pytest.param("nobody.test", "/cart/item", "root", id="unknown host: the map's default"),
        pytest.param("shop.example", "/", "shop", id="/* is everything"),
        pytest.param("SHOP.example:8080", "/x", "shop", id="case and port of the host are ignored"),
        pytest.param("shop.example", "/cart", "shop", id="/cart/* is not /cart"),
        pytest.param("shop.example", "/cart/", "cart", id="/cart/* is /cart/"),
        pytest.param("shop.example", "/cart/a/b?c=/d", "cart", id="/cart/* is all below"),
        pytest.param("shop.example", "/cartoon", "shop", id="no prefix of a name"),
        pytest.param("shop.example", "/cart/item", "item", id="exact beats prefix"),
        pytest.param("shop.example", "/cart/item?x=1", "item", id="the query is not the path"),
        pytest.param("shop.example", "/cart/item/1", "item", id="the longest prefix wins"),
        pytest.param("shop.example", "/cart/items", "cart", id="exact is exact"),
        pytest.param("shop.example", "/cart/items/", "root", id="exact with a slash"),
        pytest.param("shop.example", "/Cart/item", "shop", id="paths have case"),
        pytest.param("a.example", "/", "wild", id="*.example"),
        pytest.param("a.b.example", "/only", "item", id="*.example has any depth"),
        pytest.param("example", "/only", "root", id="*.example is not example"),
        pytest.param("plain.test", "/only", "item", id="two hosts, one matcher"),
        pytest.param("plain.test", "/only/", "wild", id="the matcher's default"),
    ],
)
def test_a_request_goes_where_the_url_map_says(shared: Site, routed, host, path, service):
    until(f"{service}-0", lambda: shared.who(routed, path, host))


def test_a_request_carries_what_the_cloud_adds(shared: Site, routed):
    answer = shared.get(routed, headers={"x-forwarded-for": "203.0.113.9"})
    sent = answer.json()["headers"]
    client = sent["x-forwarded-for"].split(",")
    assert [client[0].strip(), client[-1].strip(), len(client)] == ["203.0.113.9", routed, 3]
    assert (sent["x-forwarded-proto"], sent["via"]) == ("http", "1.1 google")
    assert [name for name in sent if name.startswith("x-envoy") or name == "x-request-id"] == []
    assert answer.headers["via"] == "1.1 google"
    assert [name for name in answer.headers if name.startswith("x-envoy")] == []


@pytest.mark.parametrize(
    ("redirect", "code", "location"),
    [
        pytest.param({"httpsRedirect": True}, 301, "https://a.test/p/q?r=s", id="to HTTPS"),
        pytest.param(
            {"hostRedirect": "b.test", "redirectResponseCode": "FOUND"},
            302,
            "http://b.test/p/q?r=s",
            id="to another host",
        ),
        pytest.param(
            {"pathRedirect": "/new", "redirectResponseCode": "SEE_OTHER", "stripQuery": True},
            303,
            "http://a.test/new",
            id="to another path, query stripped",
        ),
        pytest.param(
            {"pathRedirect": "/new", "redirectResponseCode": "TEMPORARY_REDIRECT"},
            307,
            "http://a.test/new?r=s",
            id="to another path, query kept",
        ),
        pytest.param(
            {"prefixRedirect": "/n/", "redirectResponseCode": "PERMANENT_REDIRECT"},
            308,
            "http://a.test/n/p/q?r=s",
            id="to another prefix",
        ),
    ],
)
def test_a_redirect_answers_as_it_says(shared: Site, redirect, code, location):
    shared.url_map("moved", defaultUrlRedirect={"stripQuery": False, **redirect})
    ip = shared.rule("moved")
    until(True, lambda: shared.listens(ip))

    def answer():
        found = shared.get(ip, "/p/q?r=s", "a.test")
        return found.status_code, found.headers.get("location")

    until((code, location), answer)


def test_a_path_may_redirect_and_the_rest_serve(shared: Site):
    shared.service("mixed")
    rule = {"paths": ["/old/*"], "urlRedirect": {"prefixRedirect": "/new/", "stripQuery": False}}
    matcher = {"name": "m", "defaultService": SERVICE + "mixed", "pathRules": [rule]}
    hosts = [{"hosts": ["*"], "pathMatcher": "m"}]
    shared.url_map(
        "mixed", defaultService=SERVICE + "mixed", hostRules=hosts, pathMatchers=[matcher]
    )
    ip = shared.rule("mixed")
    until("mixed-0", lambda: shared.who(ip))
    assert shared.get(ip, "/old/a").headers["location"] == f"http://{ip}/new/a"


def test_weights_headers_and_rewrites_apply(shared: Site):
    heavy = shared.service("heavy", customRequestHeaders=["X-Rtt:{client_rtt_msec}", "X-Pc:5%"])
    light = shared.service("light", customResponseHeaders=["X-Served:{server_ip_address}"])
    action = {
        "weightedBackendServices": [
            {"backendService": SERVICE + "heavy", "weight": 3},
            {"backendService": SERVICE + "light", "weight": 1},
        ],
        "urlRewrite": {"pathPrefixRewrite": "/v2/", "hostRewrite": "inner.test"},
    }
    added = {"headerName": "X-Added", "headerValue": "yes", "replace": True}
    changes = {
        "requestHeadersToAdd": [added],
        "requestHeadersToRemove": ["x-secret"],
        "responseHeadersToRemove": ["x-backend"],
    }
    rules = [{"paths": ["/v1/*", "/one"], "routeAction": action}]
    default = SERVICE + "heavy"
    shared.url_map(
        "weighted",
        defaultService=default,
        hostRules=[{"hosts": ["*"], "pathMatcher": "m"}],
        pathMatchers=[
            {"name": "m", "defaultService": default, "pathRules": rules, "headerAction": changes}
        ],
    )
    ip = shared.rule("weighted")
    for name in ("heavy", "light"):
        until(["HEALTHY"], lambda name=name: shared.health(name))
    until({"heavy-0", "light-0"}, lambda: {shared.who(ip, "/v1/x") for _ in range(20)})
    answers = [shared.get(ip, "/v1/x?y=z", headers={"x-secret": "s"}) for _ in range(40)]
    told = [answer.json() for answer in answers]
    count = Counter(row["name"] for row in told)
    assert count["heavy-0"] > count["light-0"] > 0
    assert {row["path"] for row in told} == {"/v2/x?y=z"}
    assert {row["headers"]["host"] for row in told} == {"inner.test"}
    assert {row["headers"]["x-added"] for row in told} == {"yes"}
    assert [row for row in told if "x-secret" in row["headers"]] == []
    assert [a for a in answers if "x-backend" in a.headers] == []
    of_heavy = next(row["headers"] for row in told if row["name"] == heavy[0].name)
    assert (of_heavy["x-rtt"], of_heavy["x-pc"]) == ("", "5%")
    of_light = next(a for a, row in zip(answers, told, strict=True) if row["name"] == light[0].name)
    assert of_light.headers["x-served"] == ip
    assert shared.get(ip, "/one?q").json()["path"] == "/v2/?q"


def test_a_slow_backend_is_given_its_time_and_no_more(shared: Site):
    (slow,) = shared.service("slow", timeoutSec=1)
    shared.url_map("slow", defaultService=SERVICE + "slow")
    ip = shared.rule("slow")
    until("slow-0", lambda: shared.who(ip))
    slow.delay = 5.0
    answer = shared.get(ip)
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    shared.do("PATCH", SERVICE + "slow", {"timeoutSec": 30, "fingerprint": _mark(shared, "slow")})
    slow.delay = 1.3
    until("slow-0", lambda: shared.who(ip))


def _mark(shared: Site, service: str) -> str:
    return shared.read(SERVICE + service)["fingerprint"]


def test_a_generated_cookie_keeps_a_client_with_its_backend(shared: Site):
    shared.service("sticky", backends=3, sessionAffinity="GENERATED_COOKIE")
    shared.url_map("sticky", defaultService=SERVICE + "sticky")
    ip = shared.rule("sticky")
    until(["HEALTHY"] * 3, lambda: shared.health("sticky"))
    until(True, lambda: shared.listens(ip))
    seen = set()
    for _ in range(12):
        first = shared.get(ip)
        cookie = first.headers["set-cookie"].partition(";")[0]
        assert cookie.startswith("GCLB=")
        again = {shared.get(ip, headers={"cookie": cookie}).json()["name"] for _ in range(5)}
        assert again == {first.json()["name"]}
        seen |= again
    assert len(seen) > 1


def test_client_ip_affinity_keeps_a_client_with_its_backend(shared: Site):
    shared.service("pinned", backends=3, sessionAffinity="CLIENT_IP")
    shared.url_map("pinned", defaultService=SERVICE + "pinned")
    ip = shared.rule("pinned")
    until(["HEALTHY"] * 3, lambda: shared.health("pinned"))
    until(True, lambda: shared.listens(ip))
    assert len({shared.who(ip) for _ in range(12)}) == 1
