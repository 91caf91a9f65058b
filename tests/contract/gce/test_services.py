"""What a backend service does with requests: cache, gate, headers, affinity, policy, keys."""

import base64
import hashlib

import pytest

from tests.contract.gce.door import URL, Door
from tests.contract.gce.refusals import KEY, PEM

BE = "global/backendServices/be"
SP = "global/securityPolicies/sp"
PROXY = "global/targetHttpsProxies/tps"
IAP = {"enabled": True, "oauth2ClientId": "id", "oauth2ClientSecret": "geheim"}
YEAR = 31_622_400
SIGNING = base64.urlsafe_b64encode(b"\xfb\xff0123456789abcd").decode()  # with - and _ in it


def cdn(**policy) -> dict:
    return {"enableCDN": True, "cdnPolicy": policy}


def negative(*rows: tuple[int, int], caching: bool = True) -> dict:
    policy = [{"code": code, "ttl": ttl} for code, ttl in rows]
    return cdn(negativeCaching=caching, negativeCachingPolicy=policy)


def bypass(*names: str) -> dict:
    return cdn(bypassCacheOnRequestHeaders=[{"headerName": name} for name in names])


def write(door: Door, method: str, body: dict) -> None:
    door.do(method, BE, body | {"fingerprint": door.get(BE)["fingerprint"]})


REFUSED = [
    pytest.param(cdn() | {"iap": IAP}, "enableCDN", id="CDN and IAP"),
    pytest.param(cdn(clientTtl=YEAR + 1), "cdnPolicy.clientTtl", id="clientTtl over a year"),
    pytest.param(cdn(defaultTtl=-1), "cdnPolicy.defaultTtl", id="negative defaultTtl"),
    pytest.param(cdn(maxTtl=YEAR + 1), "cdnPolicy.maxTtl", id="maxTtl over a year"),
    pytest.param(cdn(defaultTtl=9, maxTtl=8), "cdnPolicy.defaultTtl", id="defaultTtl over maxTtl"),
    pytest.param(cdn(defaultTtl=86401), "cdnPolicy.defaultTtl", id="defaultTtl over the default"),
    pytest.param(cdn(serveWhileStale=604_801), "serveWhileStale", id="stale over a week"),
    pytest.param(cdn(signedUrlCacheMaxAgeSec="-1"), "signedUrlCacheMaxAgeSec", id="negative age"),
    pytest.param(cdn(cacheMode="CACHE_SOME"), "cacheMode", id="unknown cache mode"),
    pytest.param(
        cdn(cacheKeyPolicy={"queryStringWhitelist": ["a"], "queryStringBlacklist": ["b"]}),
        "cacheKeyPolicy",
        id="lists that exclude each other",
    ),
    pytest.param(bypass(*"abcdef"), "bypassCacheOnRequestHeaders", id="six bypass headers"),
    pytest.param(bypass("a b"), "Headers[0].headerName", id="a bypass header that is none"),
    pytest.param(negative((418, 1)), "Policy[0].code", id="an answer that is not cached"),
    pytest.param(negative((404, 1), (404, 2)), "Policy[1].code", id="a code twice"),
    pytest.param(negative((404, 1801)), "Policy[0].ttl", id="a code for too long"),
    pytest.param(negative((404, 1), caching=False), "negativeCachingPolicy", id="not caching"),
    pytest.param({"sessionAffinity": "COOKIE"}, "sessionAffinity", id="unknown affinity"),
    pytest.param({"affinityCookieTtlSec": 1_209_601}, "affinityCookieTtlSec", id="over two weeks"),
    pytest.param({"affinityCookieTtlSec": -1}, "affinityCookieTtlSec", id="negative cookie"),
    pytest.param(
        {"connectionDraining": {"drainingTimeoutSec": -1}}, "drainingTimeoutSec", id="no draining"
    ),
    pytest.param({"logConfig": {"sampleRate": 1.1}}, "sampleRate", id="more than all is logged"),
    pytest.param({"logConfig": {"sampleRate": -0.1}}, "sampleRate", id="less than none is logged"),
    pytest.param({"timeoutSec": 0}, "timeoutSec", id="no time"),
]
HEADERS = [
    pytest.param([f"X-{i}: a" for i in range(17)], "", id="seventeen"),
    pytest.param(["X-A"], "[0]", id="no colon"),
    pytest.param([": a"], "[0]", id="no name"),
    pytest.param(["X A: b"], "[0]", id="a name with a space"),
    pytest.param(["X-Ä: b"], "[0]", id="a name that is not ASCII"),
    pytest.param(["X-A: b\r\nX-B: c"], "[0]", id="two lines"),
    pytest.param(["X-A: 1", "x-a: 2"], "[1]", id="a name twice"),
    pytest.param(["Connection: close"], "[0]", id="hop by hop"),
    pytest.param(["X-Goog-Thing: 1"], "[0]", id="Google's own"),
    pytest.param(["CDN-Loop: x"], "[0]", id="the CDN's own"),
]


@pytest.mark.parametrize(("body", "where"), REFUSED)
def test_a_backend_service_is_refused(balanced: Door, body, where):
    before = balanced.get(BE)
    refusal = balanced.refused("POST", "global/backendServices", {"name": "x", **body})
    assert refusal.why == (400, "invalid")
    assert where in refusal.message
    body = body | {"fingerprint": before["fingerprint"]}
    for method in ("PATCH", "PUT"):
        assert balanced.refused(method, BE, body).why == (400, "invalid")
    assert balanced.get(BE) == before


@pytest.mark.parametrize("field", ["customRequestHeaders", "customResponseHeaders"])
@pytest.mark.parametrize(("headers", "where"), HEADERS)
def test_custom_headers_are_refused(door: Door, field, headers, where):
    body = {"name": "x", field: headers}
    refusal = door.refused("POST", "global/backendServices", body)
    assert refusal.why == (400, "invalid")
    assert f"resource.{field}{where}" in refusal.message


TAKEN = [
    pytest.param(cdn(clientTtl=YEAR, defaultTtl=YEAR, maxTtl=YEAR), id="a year"),
    pytest.param(cdn(clientTtl=0, defaultTtl=0, maxTtl=0, serveWhileStale=0), id="always anew"),
    pytest.param(cdn(serveWhileStale=604_800, signedUrlCacheMaxAgeSec="0"), id="stale for a week"),
    pytest.param(bypass(*"abcde"), id="five bypass headers"),
    pytest.param(negative((404, 0), (301, 1800)), id="answers of two codes"),
    pytest.param(
        {"sessionAffinity": "GENERATED_COOKIE", "affinityCookieTtlSec": 1_209_600}, id="two weeks"
    ),
    pytest.param({"iap": IAP, "enableCDN": False}, id="IAP while CDN is off"),
    pytest.param(cdn() | {"iap": {"enabled": False}}, id="CDN while IAP is off"),
    pytest.param({"connectionDraining": {"drainingTimeoutSec": 3600}}, id="an hour of draining"),
    pytest.param({"logConfig": {"enable": True, "sampleRate": 0.0}}, id="nothing is logged"),
    pytest.param(
        {
            "customRequestHeaders": [f"X-{i}:{{client_region}}" for i in range(16)],
            "customResponseHeaders": ["X-Blank:", "Strict-Transport-Security: max-age=1; x"],
        },
        id="sixteen headers, a blank one",
    ),
]


@pytest.mark.parametrize("body", TAKEN)
def test_what_is_within_its_limits_is_taken(door: Door, body):
    made = door.insert("global/backendServices", "be", **body)
    flat = {name: value for name, value in body.items() if name not in ("iap", "cdnPolicy")}
    assert flat.items() <= made.items()
    assert body.get("cdnPolicy", {}).items() <= made.get("cdnPolicy", {}).items()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param({"iap": IAP}, cdn(), id="CDN onto IAP"),
        pytest.param(cdn(), {"iap": IAP}, id="IAP onto CDN"),
    ],
)
def test_a_patch_is_judged_with_what_is_there(door: Door, first, then):
    made = door.insert("global/backendServices", "be", **first)
    refusal = door.refused("PATCH", BE, then | {"fingerprint": made["fingerprint"]})
    assert refusal.why == (400, "invalid")
    assert "IAP" in refusal.message


def test_only_its_own_method_sets_a_security_policy(balanced: Door):
    balanced.insert("global/securityPolicies", "sp")
    asked = {"securityPolicy": SP}
    assert "securityPolicy" not in balanced.insert("global/backendServices", "new", **asked)
    for method in ("PATCH", "PUT"):
        write(balanced, method, asked)
        assert "securityPolicy" not in balanced.get(BE)
    balanced.do("POST", f"{BE}/setSecurityPolicy", asked)
    for method in ("PATCH", "PUT"):
        write(balanced, method, {"securityPolicy": "", "timeoutSec": 31})
        assert balanced.get(BE)["securityPolicy"] == URL + SP
    missing = {"securityPolicy": "global/securityPolicies/none"}
    refusal = balanced.refused("POST", f"{BE}/setSecurityPolicy", missing)
    assert refusal.why == (404, "notFound")
    assert balanced.get(BE)["securityPolicy"] == URL + SP
    refusal = balanced.refused("DELETE", SP)
    assert refusal.why == (400, "resourceInUseByAnotherResource")
    balanced.do("POST", f"{BE}/setSecurityPolicy", {"securityPolicy": ""})
    assert "securityPolicy" not in balanced.get(BE)
    balanced.do("DELETE", SP)


def test_only_a_policy_that_exists_is_set_on_a_proxy(balanced: Door):
    balanced.insert("global/sslCertificates", "c", certificate=PEM, privateKey=KEY)
    listed = ["global/sslCertificates/c"]
    balanced.insert(
        "global/targetHttpsProxies", "tps", urlMap="global/urlMaps/um", sslCertificates=listed
    )
    balanced.insert("global/sslPolicies", "modern", profile="MODERN")
    asked = {"sslPolicy": "global/sslPolicies/modern"}
    balanced.do("POST", f"{PROXY}/setSslPolicy", asked)
    refusal = balanced.refused(
        "POST", f"{PROXY}/setSslPolicy", {"sslPolicy": "global/sslPolicies/none"}
    )
    assert refusal.why == (404, "notFound")
    assert balanced.get(PROXY)["sslPolicy"] == f"{URL}global/sslPolicies/modern"
    balanced.do("POST", f"{PROXY}/setSslPolicy", {"sslPolicy": ""})
    assert "sslPolicy" not in balanced.get(PROXY)


@pytest.mark.parametrize(
    ("key", "why", "field"),
    [
        pytest.param({"keyName": "k"}, "required", "keyValue", id="no value"),
        pytest.param({"keyValue": SIGNING}, "required", "keyName", id="no name"),
        pytest.param({"keyName": "K", "keyValue": SIGNING}, "invalid", "keyName", id="bad name"),
        pytest.param({"keyName": "k", "keyValue": "c2VjcmV0"}, "invalid", "keyValue", id="48 bits"),
        pytest.param(
            {"keyName": "k", "keyValue": base64.urlsafe_b64encode(bytes(32)).decode()},
            "invalid",
            "keyValue",
            id="256 bits",
        ),
        pytest.param(
            {"keyName": "k", "keyValue": SIGNING.replace("-", "+").replace("_", "/")},
            "invalid",
            "keyValue",
            id="plain base64",
        ),
        pytest.param({"keyName": "k", "keyValue": "?" * 22}, "invalid", "keyValue", id="no base64"),
        pytest.param({"keyName": "there", "keyValue": SIGNING}, "invalid", "keyName", id="again"),
    ],
)
def test_a_key_for_signed_urls_is_refused(balanced: Door, key, why, field):
    there = {"keyName": "there", "keyValue": SIGNING.rstrip("=")}
    balanced.do("POST", f"{BE}/addSignedUrlKey", there)
    refusal = balanced.refused("POST", f"{BE}/addSignedUrlKey", key)
    assert refusal.why == (400, why)
    assert field in refusal.message
    assert key.get("keyValue", SIGNING) not in refusal.message
    assert balanced.get(BE)["cdnPolicy"]["signedUrlKeyNames"] == ["there"]


def test_an_update_resets_what_it_leaves_out_to_the_servers_defaults(balanced: Door):
    plain = balanced.get(BE)
    asked = {
        "timeoutSec": 77,
        "sessionAffinity": "GENERATED_COOKIE",
        "affinityCookieTtlSec": 60,
        "connectionDraining": {"drainingTimeoutSec": 300},
        "customRequestHeaders": ["X-A: b"],
        "customResponseHeaders": ["X-B: c"],
        "logConfig": {"enable": True, "sampleRate": 0.5},
        **cdn(clientTtl=1),
    }
    write(balanced, "PATCH", asked)
    changed = balanced.get(BE)
    assert changed["cdnPolicy"]["clientTtl"] == 1
    flat = {name: value for name, value in asked.items() if name != "cdnPolicy"}
    assert flat.items() <= changed.items()
    write(balanced, "PUT", {name: plain[name] for name in ("name", "backends", "healthChecks")})
    assert {**balanced.get(BE), "fingerprint": ""} == {**plain, "fingerprint": ""}


def test_an_update_keeps_the_keys_for_signed_urls(balanced: Door):
    balanced.do("POST", f"{BE}/addSignedUrlKey", {"keyName": "k", "keyValue": SIGNING})
    write(balanced, "PUT", {"cdnPolicy": {"signedUrlKeyNames": ["other"]}})
    assert balanced.get(BE)["cdnPolicy"]["signedUrlKeyNames"] == ["k"]


def test_an_iap_secret_stays_over_a_patch_that_does_not_name_it(door: Door):
    made = door.insert("global/backendServices", "be", iap=IAP)
    digest = hashlib.sha256(b"geheim").hexdigest()
    assert made["iap"]["oauth2ClientSecretSha256"] == digest
    write(door, "PATCH", {"iap": {"enabled": False}})
    shown = {"enabled": False, "oauth2ClientId": "id", "oauth2ClientSecretSha256": digest}
    assert door.get(BE)["iap"] == shown
    write(door, "PATCH", {"iap": {"oauth2ClientSecret": "anders"}})
    shown |= {"oauth2ClientSecretSha256": hashlib.sha256(b"anders").hexdigest()}
    assert door.get(BE)["iap"] == shown
