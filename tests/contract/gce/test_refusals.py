"""What the API refuses: shape, references, fingerprints, immutable fields, limits."""

import pytest

from tests.contract.gce.door import REGION, URL, ZONE, Door
from tests.contract.gce.refusals import BE, IG, INSERTS, KEY, PEM

STATUS = {"notFound": 404}


@pytest.mark.parametrize(
    ("collection", "body", "reason", "message"),
    [pytest.param(*row[:4], id=row[4]) for row in INSERTS],
)
def test_an_insert_is_refused(balanced: Door, collection, body, reason, message):
    scope = ZONE if collection == "networkEndpointGroups" else "global"
    before = balanced.world.dump()
    refusal = balanced.refused("POST", f"{scope}/{collection}", body)
    assert refusal.why == (STATUS.get(reason, 400), reason)
    assert message in refusal.message
    assert balanced.world.dump() == before


CALLS = [
    pytest.param("GET", "global/healthChecks/x/y", None, {}, (404, "notFound"), id="no such path"),
    pytest.param("GET", "global/teapots", None, {}, (404, "notFound"), id="no such collection"),
    pytest.param("PUT", "global/healthChecks", {}, {}, (404, "notFound"), id="no such method"),
    pytest.param("GET", "zones/mars-a/instances", None, {}, (404, "notFound"), id="no such zone"),
    pytest.param(
        "GET", "global/urlMaps", None, {"colour": "red"}, (400, "invalid"), id="unknown parameter"
    ),
    pytest.param(
        "GET", "global/urlMaps", None, {"maxResults": "x"}, (400, "invalid"), id="text for a number"
    ),
    pytest.param(
        "GET", "global/urlMaps", None, {"maxResults": "501"}, (400, "invalid"), id="page too large"
    ),
    pytest.param(
        "GET", "global/urlMaps", None, {"filter": "name =="}, (400, "invalid"), id="broken filter"
    ),
    pytest.param(
        "GET", "global/urlMaps", None, {"orderBy": "size"}, (400, "invalid"), id="unknown order"
    ),
    pytest.param(
        "GET", "global/urlMaps", None, {"pageToken": "%"}, (400, "invalid"), id="broken page token"
    ),
    pytest.param("GET", "global/urlMaps/Bad_Name", None, {}, (400, "invalid"), id="bad path name"),
    pytest.param(
        "POST",
        "global/healthChecks",
        {"name": "x", "type": "HTTP"},
        {"requestId": "7"},
        (400, "invalid"),
        id="request id is no UUID",
    ),
    pytest.param(
        "POST",
        "global/healthChecks",
        {"name": "x", "type": "HTTP"},
        {"requestId": "00000000-0000-0000-0000-000000000000"},
        (400, "invalid"),
        id="request id is zero",
    ),
    pytest.param("GET", "", None, {"alt": "json", "prettyPrint": "false"}, None, id="common ones"),
    pytest.param("GET", "global/urlMaps", None, {"returnPartialSuccess": "true"}, None, id="older"),
    pytest.param(
        "POST", "setDefaultNetworkTier", {}, {}, (501, "notImplemented"), id="not implemented"
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "query", "why"), CALLS)
def test_calls_are_routed_and_checked(door: Door, method, path, body, query, why):
    if why is None:
        assert door.call(method, path, body, **query).status == 200
    else:
        assert door.refused(method, path, body, **query).why == why


def test_another_project_is_not_found(door: Door):
    refusal = door.refused("GET", "../other/global/urlMaps")
    assert refusal.status == 404


IN_USE = [
    ("global/healthChecks/hc", "health_check", BE),
    (BE, "backend_service", "global/urlMaps/um"),
    ("global/urlMaps/um", "url_map", "global/targetHttpProxies/tp"),
    ("global/targetHttpProxies/tp", "target_http_proxy", "global/forwardingRules/fr"),
    (IG, "instance_group", BE),
    ("global/networks/default", "network", "regions/"),
]


@pytest.mark.parametrize(
    ("path", "noun", "user"), [pytest.param(*row, id=f"{row[1]} in use") for row in IN_USE]
)
def test_what_is_referred_to_stays(balanced: Door, path, noun, user):
    refusal = balanced.refused("DELETE", path)
    assert refusal.why == (400, "resourceInUseByAnotherResource")
    start = f"The {noun} resource 'projects/demo/{path}' is already being used by 'projects/demo/"
    assert refusal.message.startswith(start + user)
    assert balanced.call("GET", path).status == 200


def test_a_load_balancer_is_taken_down_from_the_front(balanced: Door):
    for path in (
        "global/forwardingRules/fr",
        "global/targetHttpProxies/tp",
        "global/urlMaps/um",
        BE,
        "global/healthChecks/hc",
        IG,
    ):
        balanced.do("DELETE", path)
    left = {path.split("/")[-2] for path in balanced.world.dump()}
    assert left == {"instances", "networks", "regions", "subnetworks", "zones"}


FINGERPRINTS = [
    pytest.param(BE, "PATCH", None, (400, "required"), id="backend service patch without"),
    pytest.param(BE, "PUT", None, (400, "required"), id="backend service update without"),
    pytest.param("global/urlMaps/um", "PATCH", None, (400, "required"), id="URL map without"),
    pytest.param(BE, "PATCH", "AAAA", (412, "conditionNotMet"), id="backend service stale"),
    pytest.param("global/urlMaps/um", "PUT", "AAAA", (412, "conditionNotMet"), id="URL map stale"),
    pytest.param(
        "global/targetHttpProxies/tp", "PATCH", "AAAA", (412, "conditionNotMet"), id="proxy stale"
    ),
    pytest.param(
        "global/targetHttpProxies/tp", "PATCH", None, (412, "conditionNotMet"), id="proxy without"
    ),
]


@pytest.mark.parametrize(("path", "method", "sent", "why"), FINGERPRINTS)
def test_a_write_needs_the_present_fingerprint(balanced: Door, path, method, sent, why):
    body = {"description": "x"} | ({"fingerprint": sent} if sent else {})
    assert balanced.refused(method, path, body).why == why


IMMUTABLE = [
    (BE, {"loadBalancingScheme": "EXTERNAL_MANAGED"}, "the scheme of a backend service"),
    (BE, {"name": "other"}, "the name"),
    ("global/forwardingRules/fr", {"portRange": "81"}, "the port of a rule"),
    ("global/forwardingRules/fr", {"IPAddress": "1.2.3.4"}, "the address of a rule"),
    ("global/forwardingRules/fr", {"description": "x"}, "the description of a rule"),
    ("global/firewalls/fw", {"direction": "EGRESS"}, "the direction of a firewall"),
    ("global/firewalls/fw", {"network": "global/networks/n2"}, "the network of a firewall"),
]


@pytest.mark.parametrize(
    ("path", "change"), [pytest.param(*row[:2], id=row[2]) for row in IMMUTABLE]
)
def test_some_fields_cannot_change(balanced: Door, path, change):
    balanced.insert("global/networks", "n2")
    balanced.insert("global/firewalls", "fw", allowed=[{"IPProtocol": "tcp"}])
    found = balanced.get(path)
    mark = {"fingerprint": found["fingerprint"]} if "fingerprint" in found else {}
    refusal = balanced.refused("PATCH", path, change | mark)
    assert refusal.why == (400, "invalid")
    assert f"resource.{next(iter(change))}" in refusal.message
    assert balanced.get(path) == found


def test_a_proxy_holds_fifteen_certificates(balanced: Door):
    urls = []
    for i in range(16):
        balanced.insert("global/sslCertificates", f"c{i}", certificate=PEM, privateKey=KEY)
        urls.append(f"global/sslCertificates/c{i}")
    body = {"name": "tps", "urlMap": "global/urlMaps/um", "sslCertificates": urls}
    refusal = balanced.refused("POST", "global/targetHttpsProxies", body)
    assert refusal.why == (400, "tooManySslCertificates")
    balanced.insert("global/targetHttpsProxies", "tps", **body | {"sslCertificates": urls[:15]})
    more = {"sslCertificates": urls}
    path = "targetHttpsProxies/tps/setSslCertificates"
    assert balanced.refused("POST", path, more).why == (400, "tooManySslCertificates")
    assert balanced.refused("POST", path, {"sslCertificates": []}).why == (400, "required")


@pytest.mark.parametrize(
    ("collection", "body"),
    [
        pytest.param(
            "targetHttpProxies", {"urlMap": "global/urlMaps/um"}, id="regional proxy, global map"
        ),
        pytest.param("urlMaps", {"defaultService": BE}, id="regional map, global backend service"),
        pytest.param(
            "backendServices",
            {
                "loadBalancingScheme": "INTERNAL_MANAGED",
                "healthChecks": ["global/healthChecks/hc"],
                "backends": [{"group": "zones/us-east1-b/networkEndpointGroups/far"}],
            },
            id="group of another region",
        ),
    ],
)
def test_references_stay_within_their_scope(balanced: Door, collection, body):
    balanced.world.seed_zone("us-east1-b")
    balanced.insert("zones/us-east1-b/networkEndpointGroups", "far")
    refusal = balanced.refused("POST", f"{REGION}/{collection}", {"name": "x", **body})
    assert refusal.why == (400, "invalid")


def test_a_quota_is_enforced_and_shown(door: Door):
    door.fake("POST", "limits", {"quotas": {"healthChecks": 1}})
    door.insert("global/healthChecks", "one", type="HTTP")
    refusal = door.refused("POST", "global/healthChecks", {"name": "two", "type": "HTTP"})
    assert refusal.why == (403, "quotaExceeded")
    assert refusal.message.startswith("Quota 'HEALTH_CHECKS' exceeded.  Limit: 1.0")
    quotas = {row["metric"]: row for row in door.get("")["quotas"]}
    assert quotas["HEALTH_CHECKS"] == {"metric": "HEALTH_CHECKS", "limit": 1.0, "usage": 1.0}


def test_another_projects_network_is_taken_on_trust(door: Door):
    network = "projects/host/global/networks/shared"
    made = door.insert("global/firewalls", "f", network=network, allowed=[{"IPProtocol": "tcp"}])
    assert made["network"] == URL.replace("/demo/", "/host/") + "global/networks/shared"
