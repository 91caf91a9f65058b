"""Every kind comes, reads back as the API shows it, changes and goes."""

import pytest
import trustme

from tests.contract.gce.door import REGION, URL, ZONE, Door

PEM = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nYmFy\n-----END PRIVATE KEY-----\n"
SIGNING = "MDEyMzQ1Njc4OWFiY2RlZg=="  # 128 bits
CERTIFICATE = {"certificate": PEM, "privateKey": KEY}

LIVES = [
    pytest.param("global/healthChecks", {"type": "HTTP"}, {"type": "HTTP"}, id="health check"),
    pytest.param(f"{REGION}/healthChecks", {"type": "TCP"}, {"type": "TCP"}, id="regional check"),
    pytest.param("global/backendServices", {}, {"protocol": "HTTP"}, id="backend service"),
    pytest.param(
        f"{REGION}/backendServices",
        {"loadBalancingScheme": "INTERNAL_MANAGED"},
        {"localityLbPolicy": "ROUND_ROBIN"},
        id="regional backend service",
    ),
    pytest.param(
        "global/urlMaps",
        {"defaultUrlRedirect": {"httpsRedirect": True}},
        {"defaultUrlRedirect": {"httpsRedirect": True}},
        id="URL map",
    ),
    pytest.param(
        "global/sslCertificates", CERTIFICATE, {"type": "SELF_MANAGED"}, id="SSL certificate"
    ),
    pytest.param(
        f"{REGION}/sslCertificates", CERTIFICATE, {"certificate": PEM}, id="regional certificate"
    ),
    pytest.param("global/sslPolicies", {}, {"minTlsVersion": "TLS_1_0"}, id="SSL policy"),
    pytest.param("global/addresses", {}, {"status": "RESERVED"}, id="global address"),
    pytest.param(f"{REGION}/addresses", {}, {"networkTier": "PREMIUM"}, id="regional address"),
    pytest.param(
        "global/firewalls",
        {"allowed": [{"IPProtocol": "tcp", "ports": ["80"]}]},
        {"priority": 1000, "network": f"{URL}global/networks/default"},
        id="firewall",
    ),
    pytest.param("global/networks", {}, {"autoCreateSubnetworks": True}, id="network"),
    pytest.param(
        f"{REGION}/subnetworks",
        {"network": "global/networks/default", "ipCidrRange": "10.9.0.0/24"},
        {"region": f"{URL}{REGION}"},
        id="subnetwork",
    ),
    pytest.param(f"{ZONE}/instanceGroups", {}, {"size": 0}, id="instance group"),
    pytest.param(f"{ZONE}/networkEndpointGroups", {}, {"size": 0}, id="zonal endpoint group"),
    pytest.param(
        "global/networkEndpointGroups",
        {"networkEndpointType": "INTERNET_FQDN_PORT", "defaultPort": 443},
        {"defaultPort": 443},
        id="internet endpoint group",
    ),
    pytest.param(f"{ZONE}/instances", {}, {"status": "RUNNING"}, id="instance"),
    pytest.param("global/securityPolicies", {}, {"type": "CLOUD_ARMOR"}, id="security policy"),
]


@pytest.mark.parametrize(("collection", "body", "reads"), LIVES)
def test_a_resource_comes_reads_and_goes(door: Door, collection, body, reads):
    made = door.insert(collection, "x", **body)
    kind = collection.rpartition("/")[2]
    assert made["kind"].startswith("compute#")
    assert made["selfLink"] == f"{URL}{collection}/x"
    assert int(made["id"]) > 0
    assert "T" in made["creationTimestamp"]
    assert reads.items() <= made.items()
    assert door.get(f"{collection}/{made['id']}") == made
    assert [row["name"] for row in door.get(collection, filter="name = x")["items"]] == ["x"]
    assert made in door.world.resources(kind)
    assert door.refused("POST", collection, {"name": "x", **body}).why == (409, "alreadyExists")
    door.do("DELETE", f"{collection}/x")
    assert door.refused("GET", f"{collection}/x").why == (404, "notFound")
    assert door.refused("DELETE", f"{collection}/x").why == (404, "notFound")


def test_the_places_of_the_project_are_there(door: Door):
    assert [zone["name"] for zone in door.get("zones")["items"]] == [
        f"us-central1-{letter}" for letter in "abcf"
    ]
    assert door.get("zones/us-central1-a")["region"] == f"{URL}{REGION}"
    assert f"{URL}zones/us-central1-a" in door.get(REGION)["zones"]
    assert len(door.get(f"{REGION}/zones")["items"]) == 4
    assert door.get("")["name"] == "demo"
    subnetwork = door.get(f"{REGION}/subnetworks/default")
    assert subnetwork["selfLink"] in door.get("global/networks/default")["subnetworks"]


def test_a_health_check_gets_the_servers_defaults(door: Door):
    made = door.insert("global/healthChecks", "hc", type="HTTPS")
    wanted = {"port": 443, "requestPath": "/", "proxyHeader": "NONE"}
    assert made["httpsHealthCheck"] == wanted
    assert (made["checkIntervalSec"], made["timeoutSec"]) == (5, 5)
    assert (made["healthyThreshold"], made["unhealthyThreshold"]) == (2, 2)


def test_a_patch_merges_and_an_update_replaces(door: Door):
    door.insert("global/healthChecks", "hc", type="HTTP", description="mine", checkIntervalSec=9)
    door.do("PATCH", "global/healthChecks/hc", {"timeoutSec": 7})
    patched = door.get("global/healthChecks/hc")
    assert (patched["description"], patched["checkIntervalSec"]) == ("mine", 9)
    door.do("PUT", "global/healthChecks/hc", {"type": "HTTP", "name": "hc", "timeoutSec": 3})
    updated = door.get("global/healthChecks/hc")
    assert (updated["checkIntervalSec"], updated["timeoutSec"]) == (5, 3)
    assert "description" not in updated
    assert updated["id"] == patched["id"]


def test_a_change_of_type_leaves_one_block(door: Door):
    door.insert("global/healthChecks", "hc", type="HTTP", httpHealthCheck={"port": 81})
    door.do("PATCH", "global/healthChecks/hc", {"type": "TCP", "tcpHealthCheck": {"port": 82}})
    changed = door.get("global/healthChecks/hc")
    assert "httpHealthCheck" not in changed
    assert changed["tcpHealthCheck"]["port"] == 82


def test_null_clears_a_field_by_patch(door: Door):
    door.insert("global/healthChecks", "hc", type="HTTP", description="mine")
    door.do("PATCH", "global/healthChecks/hc", {"description": None})
    assert "description" not in door.get("global/healthChecks/hc")


def test_an_empty_list_clears_a_list_by_patch(balanced: Door):
    service = balanced.get("global/backendServices/be")
    change = {"backends": [], "fingerprint": service["fingerprint"]}
    balanced.do("PATCH", "global/backendServices/be", change)
    assert "backends" not in balanced.get("global/backendServices/be")


def test_a_fingerprint_changes_with_every_write(balanced: Door):
    before = balanced.get("global/backendServices/be")["fingerprint"]
    change = {"timeoutSec": 31, "fingerprint": before}
    balanced.do("PATCH", "global/backendServices/be", change)
    assert balanced.get("global/backendServices/be")["fingerprint"] != before


def test_references_read_back_as_full_urls(balanced: Door):
    assert balanced.get("global/targetHttpProxies/tp")["urlMap"] == f"{URL}global/urlMaps/um"
    service = balanced.get("global/backendServices/be")
    assert service["healthChecks"] == [f"{URL}global/healthChecks/hc"]
    assert service["backends"][0]["group"] == f"{URL}{ZONE}/instanceGroups/ig"
    assert service["usedBy"] == [{"reference": f"{URL}global/urlMaps/um"}]


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("global/urlMaps/um", id="partial"),
        pytest.param("projects/demo/global/urlMaps/um", id="from projects on"),
        pytest.param(f"{URL}global/urlMaps/um", id="www host"),
        pytest.param(
            "https://compute.googleapis.com/compute/v1/projects/demo/global/urlMaps/um",
            id="compute host",
        ),
        pytest.param(
            "https://www.googleapis.com/compute/beta/projects/demo/global/urlMaps/um",
            id="other version",
        ),
        pytest.param(
            "https://www.googleapis.com/compute/v1/projects/123456789012/global/urlMaps/um",
            id="project number",
        ),
    ],
)
def test_a_reference_has_many_spellings(balanced: Door, spelling):
    balanced.insert("global/targetHttpProxies", "other", urlMap=spelling)
    assert balanced.get("global/targetHttpProxies/other")["urlMap"] == f"{URL}global/urlMaps/um"


def test_read_only_fields_of_a_request_are_dropped(door: Door):
    made = door.insert("global/healthChecks", "hc", type="HTTP", id="7", selfLink="x", kind="y")
    assert made["id"] != "7"
    assert made["kind"] == "compute#healthCheck"


def test_an_update_keeps_what_only_the_server_writes(balanced: Door):
    balanced.insert("global/securityPolicies", "sp")
    path = "global/backendServices/be"
    policy = {"securityPolicy": "global/securityPolicies/sp"}
    balanced.do("POST", f"{path}/setSecurityPolicy", policy)
    service = balanced.get(path)
    assert service["securityPolicy"] == f"{URL}global/securityPolicies/sp"
    del service["securityPolicy"]
    balanced.do("PUT", path, service)
    assert balanced.get(path)["securityPolicy"] == f"{URL}global/securityPolicies/sp"
    balanced.do("POST", f"{path}/setSecurityPolicy", {"securityPolicy": ""})
    assert "securityPolicy" not in balanced.get(path)


def test_a_private_key_is_never_returned(door: Door):
    made = door.insert("global/sslCertificates", "c", **CERTIFICATE)
    assert "YmFy" not in str(made)
    assert "YmFy" not in str(door.get("global/sslCertificates"))
    assert door.fake("GET", "privateKeys") == {f"{URL}global/sslCertificates/c": KEY}


def test_labels_have_a_fingerprint_of_their_own(balanced: Door):
    path = "global/forwardingRules/fr"
    rule = balanced.get(path)
    labels = {"labels": {"a": "b"}, "labelFingerprint": rule["labelFingerprint"]}
    balanced.do("POST", f"{path}/setLabels", labels)
    assert balanced.get(path)["labels"] == {"a": "b"}
    refusal = balanced.refused("POST", f"{path}/setLabels", labels)
    assert refusal.why == (412, "conditionNotMet")


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({"Upper": "x"}, id="key in upper case"),
        pytest.param({"9": "x"}, id="key starting with a digit"),
        pytest.param({"a": "B"}, id="value in upper case"),
        pytest.param({"a": "x" * 64}, id="value too long"),
        pytest.param({f"k{i}": "" for i in range(65)}, id="too many"),
    ],
)
def test_labels_have_a_grammar(balanced: Door, labels):
    path = "global/forwardingRules/fr"
    body = {"labels": labels, "labelFingerprint": balanced.get(path)["labelFingerprint"]}
    assert balanced.refused("POST", f"{path}/setLabels", body).why == (400, "invalid")


def test_a_real_certificate_tells_its_names_and_dates(door: Door):
    authority = trustme.CA()
    issued, other = authority.issue_cert("a.example.com"), authority.issue_cert("b.example.com")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems).decode()
    key, wrong = (c.private_key_pem.bytes().decode() for c in (issued, other))
    made = door.insert("global/sslCertificates", "c", certificate=chain, privateKey=key)
    assert made["subjectAlternativeNames"] == ["a.example.com"]
    assert "T" in made["expireTime"]
    body = {"name": "d", "certificate": chain, "privateKey": wrong}
    refusal = door.refused("POST", "global/sslCertificates", body)
    assert refusal.why == (400, "sslCertificateKeyMismatch")
    nested = {"selfManaged": {"certificate": chain, "privateKey": key}}
    assert door.insert("global/sslCertificates", "e", **nested)["certificate"] == chain


def test_the_setters_set(balanced: Door):
    balanced.insert("global/urlMaps", "um2", defaultService="global/backendServices/be")
    for name in ("c1", "c2"):
        balanced.insert("global/sslCertificates", name, **CERTIFICATE)
    balanced.insert("global/sslPolicies", "policy", profile="MODERN")
    balanced.insert(
        "global/targetHttpsProxies",
        "tps",
        urlMap="global/urlMaps/um",
        sslCertificates=["global/sslCertificates/c1"],
    )
    setters = [
        ("targetHttpProxies/tp/setUrlMap", {"urlMap": "global/urlMaps/um2"}),
        ("targetHttpsProxies/tps/setUrlMap", {"urlMap": "global/urlMaps/um2"}),
        (
            "targetHttpsProxies/tps/setSslCertificates",
            {"sslCertificates": ["global/sslCertificates/c2"]},
        ),
        (
            "global/targetHttpsProxies/tps/setSslPolicy",
            {"sslPolicy": "global/sslPolicies/policy"},
        ),
        ("global/targetHttpsProxies/tps/setQuicOverride", {"quicOverride": "DISABLE"}),
    ]
    for path, body in setters:
        balanced.do("POST", path, body)
    assert balanced.get("global/targetHttpProxies/tp")["urlMap"] == f"{URL}global/urlMaps/um2"
    proxy = balanced.get("global/targetHttpsProxies/tps")
    assert proxy["urlMap"] == f"{URL}global/urlMaps/um2"
    assert proxy["sslCertificates"] == [f"{URL}global/sslCertificates/c2"]
    assert proxy["sslPolicy"] == f"{URL}global/sslPolicies/policy"
    assert proxy["quicOverride"] == "DISABLE"
    balanced.do("POST", "global/targetHttpsProxies/tps/setSslPolicy", {"sslPolicy": ""})
    assert "sslPolicy" not in balanced.get("global/targetHttpsProxies/tps")


def test_signed_url_keys_show_their_names_only(balanced: Door):
    path = "global/backendServices/be"
    for name in ("k1", "k2", "k3"):
        key = {"keyName": name, "keyValue": SIGNING}
        balanced.do("POST", f"{path}/addSignedUrlKey", key)
    service = balanced.get(path)
    assert service["cdnPolicy"]["signedUrlKeyNames"] == ["k1", "k2", "k3"]
    assert SIGNING not in str(service)
    fourth = {"keyName": "k4", "keyValue": SIGNING}
    assert balanced.refused("POST", f"{path}/addSignedUrlKey", fourth).status == 400
    balanced.do("POST", f"{path}/deleteSignedUrlKey", None, keyName="k2")
    assert balanced.get(path)["cdnPolicy"]["signedUrlKeyNames"] == ["k1", "k3"]


def test_an_iap_secret_shows_its_hash_only(door: Door):
    iap = {"enabled": True, "oauth2ClientId": "id", "oauth2ClientSecret": "geheim"}
    made = door.insert("global/backendServices", "be", iap=iap)
    assert "geheim" not in str(made)
    assert len(made["iap"]["oauth2ClientSecretSha256"]) == 64


def test_the_rules_of_a_security_policy_change(door: Door):
    path = "global/securityPolicies/sp"
    door.insert("global/securityPolicies", "sp")
    source = {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["1.2.3.4/32"]}}
    rule = {"priority": 10, "action": "deny(403)", "match": source}
    door.do("POST", f"{path}/addRule", rule)
    assert [row["priority"] for row in door.get(path)["rules"]] == [10, 2**31 - 1]
    assert door.refused("POST", f"{path}/addRule", rule).status == 400
    door.do("POST", f"{path}/patchRule", {"preview": True}, priority="10")
    assert door.get(f"{path}/getRule", priority="10")["preview"] is True
    door.do("POST", f"{path}/removeRule", None, priority="10")
    assert [row["priority"] for row in door.get(path)["rules"]] == [2**31 - 1]


def test_a_managed_certificate_is_being_provisioned(door: Door):
    made = door.insert("global/sslCertificates", "m", managed={"domains": ["a.example.com"]})
    assert made["type"] == "MANAGED"
    assert made["managed"]["status"] == "PROVISIONING"
    assert made["managed"]["domains"] == ["a.example.com."]


def test_an_instances_tags_are_set_with_their_fingerprint(door: Door):
    made = door.world.seed_instance("n", "us-central1-a", tags=["a"], ip="10.128.0.9")
    path = f"{ZONE}/instances/n"
    tags = {"items": ["a", "b"], "fingerprint": made["tags"]["fingerprint"]}
    door.do("POST", f"{path}/setTags", tags)
    assert door.get(path)["tags"]["items"] == ["a", "b"]
    assert door.refused("POST", f"{path}/setTags", tags).why == (412, "conditionNotMet")
    door.do("POST", f"{path}/stop")
    assert door.get(path)["status"] == "TERMINATED"
