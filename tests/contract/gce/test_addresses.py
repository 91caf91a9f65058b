"""Where a forwarding rule's address comes from, and who may share it."""

import pytest

from fakes.clock import VirtualClock
from fakes.gce import Request, World
from tests.contract.gce.door import REGION, URL, Door

RULES = "global/forwardingRules"
TARGET = "global/targetHttpProxies/tp"


def _rule(name, port, **more):
    return {"name": name, "target": TARGET, "portRange": port, **more}


def test_a_rule_without_address_gets_one(balanced: Door):
    rule = balanced.get(f"{RULES}/fr")
    assert rule["IPAddress"].count(".") == 3
    assert rule["portRange"] == "80-80"
    assert (
        balanced.insert(RULES, "other", target=TARGET, portRange="80")["IPAddress"]
        != rule["IPAddress"]
    )


def test_a_rule_made_again_gets_another_address(balanced: Door):
    before = balanced.get(f"{RULES}/fr")["IPAddress"]
    balanced.do("DELETE", f"{RULES}/fr")
    again = balanced.insert(RULES, "fr", target=TARGET, portRange="80")
    assert again["IPAddress"] != before


def test_a_second_rule_may_use_a_live_ephemeral_address(balanced: Door):
    ip = balanced.get(f"{RULES}/fr")["IPAddress"]
    second = balanced.insert(RULES, "second", target=TARGET, portRange="8080", IPAddress=ip)
    assert second["IPAddress"] == ip


def test_the_same_address_and_port_conflict(balanced: Door):
    ip = balanced.get(f"{RULES}/fr")["IPAddress"]
    refusal = balanced.refused("POST", RULES, _rule("second", "80", IPAddress=ip))
    assert refusal.why == (400, "invalid")
    assert "Specified IP address is in-use and would result in a conflict." in refusal.message


def test_an_ephemeral_address_goes_with_its_last_rule(balanced: Door):
    ip = balanced.get(f"{RULES}/fr")["IPAddress"]
    balanced.do("DELETE", f"{RULES}/fr")
    assert balanced.refused("POST", RULES, _rule("x", "80", IPAddress=ip)).why == (400, "invalid")
    body = {"name": "late", "address": ip}
    assert balanced.refused("POST", "global/addresses", body).why == (400, "invalid")


def test_reserving_an_address_in_use_promotes_it(balanced: Door):
    rule = balanced.get(f"{RULES}/fr")
    address = balanced.insert("global/addresses", "kept", address=rule["IPAddress"])
    assert (address["status"], address["users"]) == ("IN_USE", [rule["selfLink"]])
    refusal = balanced.refused("DELETE", "global/addresses/kept")
    assert refusal.why == (400, "resourceInUseByAnotherResource")
    assert "forwardingRules/fr" in refusal.message
    balanced.do("DELETE", f"{RULES}/fr")
    kept = balanced.get("global/addresses/kept")
    assert kept["status"] == "RESERVED"
    assert "users" not in kept
    again = balanced.insert(RULES, "fr", **_rule("fr", "80", IPAddress=rule["IPAddress"]))
    assert again["IPAddress"] == rule["IPAddress"]


def test_an_address_is_reserved_once(balanced: Door):
    address = balanced.insert("global/addresses", "one")
    body = {"name": "two", "address": address["address"]}
    refusal = balanced.refused("POST", "global/addresses", body)
    assert refusal.why == (400, "invalid")
    assert "already reserved" in refusal.message


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("global/addresses/a", id="partial link"),
        pytest.param(f"{URL}global/addresses/a", id="full link"),
    ],
)
def test_an_address_given_by_name_reads_as_literal(balanced: Door, spelling):
    address = balanced.insert("global/addresses", "a")
    rule = balanced.insert(RULES, "x", **_rule("x", "80", IPAddress=spelling))
    assert rule["IPAddress"] == address["address"]


def test_an_address_of_another_scope_is_refused(balanced: Door):
    address = balanced.insert(f"{REGION}/addresses", "a")
    for spelling in (f"{REGION}/addresses/a", address["address"]):
        refusal = balanced.refused("POST", RULES, _rule("x", "80", IPAddress=spelling))
        assert refusal.why == (400, "invalid")


def test_a_target_of_another_type_is_refused(balanced: Door):
    pem = "-----BEGIN {0}-----\nZm9v\n-----END {0}-----\n".format
    keys = {"certificate": pem("CERTIFICATE"), "privateKey": pem("PRIVATE KEY")}
    balanced.insert("global/sslCertificates", "c", **keys)
    balanced.insert(
        "global/targetHttpsProxies",
        "tps",
        urlMap="global/urlMaps/um",
        sslCertificates=["global/sslCertificates/c"],
    )
    other = {"target": "global/targetHttpsProxies/tps"}
    assert balanced.refused("POST", f"{RULES}/fr/setTarget", other).why == (400, "invalid")
    balanced.insert("global/targetHttpProxies", "tp2", urlMap="global/urlMaps/um")
    balanced.do("POST", f"{RULES}/fr/setTarget", {"target": "global/targetHttpProxies/tp2"})
    target = balanced.get(f"{RULES}/fr")["target"]
    assert target == f"{URL}global/targetHttpProxies/tp2"


def test_external_addresses_come_out_of_the_range_asked_for(balanced: Door):
    assert balanced.fake("GET", "addresses") == {"pool": "34.64.0.0/10"}
    given = balanced.get(f"{RULES}/fr")["IPAddress"]
    balanced.fake("POST", "addresses", {"pool": "127.128.3.0/29"})
    found = {balanced.insert("global/addresses", f"a{i}")["address"] for i in range(3)}
    found.add(balanced.insert(RULES, "x", target=TARGET, portRange="80")["IPAddress"])
    assert found == {f"127.128.3.{i}" for i in range(2, 6)}
    assert balanced.get(f"{RULES}/fr")["IPAddress"] == given
    balanced.fake("POST", "reset")
    assert balanced.fake("GET", "addresses") == {"pool": "34.64.0.0/10"}


@pytest.mark.parametrize(
    "pool",
    [
        pytest.param("127.128.3.0/30", id="too small"),
        pytest.param("127.128.3.1/24", id="no network"),
        pytest.param("fd00::/64", id="not IPv4"),
    ],
)
def test_a_range_that_cannot_be_is_refused(world, pool):
    answer = world.handle(Request("POST", "/_fake/addresses", {}, {"pool": pool}))
    assert answer.status == 400
    assert world.addresses == "34.64.0.0/10"


def test_a_world_keeps_the_range_it_was_made_with():
    world = World(clock=VirtualClock(), addresses="127.128.4.0/24")
    world.addresses = "127.128.5.0/24"
    twin = World.restore(world.snapshot())
    assert twin.addresses == "127.128.5.0/24"
    world.reset()
    assert world.addresses == "127.128.4.0/24"
    assert world.seed("addresses", "global", "a", {})["address"].startswith("127.128.4.")


def _internal(door: Door) -> str:
    scheme = {"loadBalancingScheme": "INTERNAL_MANAGED"}
    door.insert(f"{REGION}/backendServices", "be", **scheme)
    door.insert(f"{REGION}/urlMaps", "um", defaultService=f"{REGION}/backendServices/be")
    door.insert(f"{REGION}/targetHttpProxies", "tp", urlMap=f"{REGION}/urlMaps/um")
    return f"{REGION}/targetHttpProxies/tp"


def test_an_internal_rule_takes_an_address_of_its_subnetwork(door: Door):
    rule = door.insert(
        f"{REGION}/forwardingRules",
        "ilb",
        target=_internal(door),
        portRange="80",
        loadBalancingScheme="INTERNAL_MANAGED",
    )
    assert rule["IPAddress"].startswith("10.128.")
    assert rule["subnetwork"] == f"{URL}{REGION}/subnetworks/default"
    assert "networkTier" not in rule


@pytest.mark.parametrize(
    ("purpose", "shared"),
    [
        pytest.param("SHARED_LOADBALANCER_VIP", True, id="a shared address serves two rules"),
        pytest.param("GCE_ENDPOINT", False, id="a plain one serves a single rule"),
    ],
)
def test_internal_rules_share_only_a_shared_address(door: Door, purpose, shared):
    target = _internal(door)
    address = door.insert(f"{REGION}/addresses", "vip", addressType="INTERNAL", purpose=purpose)
    rule = {
        "target": target,
        "loadBalancingScheme": "INTERNAL_MANAGED",
        "IPAddress": address["address"],
    }
    path = f"{REGION}/forwardingRules"
    door.insert(path, "one", **rule, portRange="80")
    if shared:
        door.insert(path, "two", **rule, portRange="443")
    else:
        refusal = door.refused("POST", path, {"name": "two", **rule, "portRange": "443"})
        assert refusal.why == (409, "ipInUseByAnotherResource")
