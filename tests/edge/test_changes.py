"""What changes while requests come in: nothing is lost, and what is gone is gone."""

import socket

from tests.edge.site import Site, load, until

SERVICE = "global/backendServices/"


def test_a_url_map_edit_and_a_backend_switch_lose_no_request(shared: Site):
    ip = shared.front("before")
    until("before-0", lambda: shared.who(ip))
    url = f"http://{ip}:{shared.edge.port(80)}/"
    with load(url, 2, keep=True) as kept, load(url, 1, keep=False) as fresh:
        shared.service("after")  # not there at all when the load begins
        shared.url_map("before", defaultService=SERVICE + "after")
        until("after-0", lambda: shared.who(ip))
        shared.do("DELETE", SERVICE + "before")
        hosts = [{"hosts": ["h.test"], "pathMatcher": "m"}]
        matcher = {"name": "m", "defaultUrlRedirect": {"httpsRedirect": True, "stripQuery": False}}
        shared.url_map(
            "before", defaultService=SERVICE + "after", hostRules=hosts, pathMatchers=[matcher]
        )
        until("301", lambda: shared.who(ip, host="h.test"))
        # another URL map altogether
        shared.url_map("other-map", defaultService=SERVICE + "after")
        shared.rule("before", "other-map")
        until("after-0", lambda: shared.who(ip, host="h.test"))
        # until Envoy has dropped the cluster that nobody needs
        until(False, lambda: "before" in shared.edge.envoy.clusters())
        sent = kept.sent, fresh.sent
        until(True, lambda: kept.sent > sent[0] + 20 and fresh.sent > sent[1] + 20)
    assert kept.failures + fresh.failures == []
    assert set(kept.seen) == set(fresh.seen) == {"before-0", "after-0"}


def test_a_group_that_moves_to_another_port_loses_no_request(shared: Site):
    ip = shared.front("moving")
    until("moving-0", lambda: shared.who(ip))
    group = "zones/us-central1-a/instanceGroups/moving"
    port = shared.read(group)["namedPorts"][0]["port"]
    twin = shared.twin("twin", port)
    url = f"http://{ip}:{shared.edge.port(80)}/"
    with load(url, 2, keep=True) as kept:
        both = [{"name": "http", "port": p} for p in (port, twin.port)]
        shared.do("POST", f"{group}/setNamedPorts", {"namedPorts": both})
        until({"moving-0", "twin"}, lambda: {shared.who(ip) for _ in range(6)})
        shared.do("POST", f"{group}/setNamedPorts", {"namedPorts": both[1:]})
        until({"twin"}, lambda: {shared.who(ip) for _ in range(6)})
    assert kept.failures == []


def test_a_forwarding_rule_that_goes_is_refused(shared: Site):
    ip = shared.front("going")
    until("going-0", lambda: shared.who(ip))
    shared.do("DELETE", "global/forwardingRules/going")
    seconds = until("ConnectError", lambda: shared.who(ip))
    assert seconds < 20  # Envoy would let what goes linger for ten minutes
    rule = {"target": "global/targetHttpProxies/going", "portRange": "80"}
    ip = shared.put("forwardingRules", "going", rule)["IPAddress"]
    until("going-0", lambda: shared.who(ip))


def test_a_rule_made_again_on_a_reserved_address_serves_there(shared: Site):
    shared.service("stays")
    shared.url_map("stays", defaultService=SERVICE + "stays")
    ip = shared.put("addresses", "stays", {})["address"]
    shared.put("targetHttpProxies", "stays", {"urlMap": "global/urlMaps/stays"})
    rule = {
        "target": "global/targetHttpProxies/stays",
        "portRange": "80",
        "IPAddress": "global/addresses/stays",
    }
    for name in ("first", "second"):
        assert shared.put("forwardingRules", name, rule)["IPAddress"] == ip
        until("stays-0", lambda: shared.who(ip))
        shared.do("DELETE", f"global/forwardingRules/{name}")
    until("ConnectError", lambda: shared.who(ip))


def test_an_address_that_was_taken_is_served_once_it_is_free(shared: Site, caplog):
    shared.service("held")
    shared.url_map("held", defaultService=SERVICE + "held")
    ip = shared.put("addresses", "held", {})["address"]
    shared.put("targetHttpProxies", "held", {"urlMap": "global/urlMaps/held"})
    rule = {"target": "global/targetHttpProxies/held", "portRange": "80", "IPAddress": ip}
    with socket.create_server((ip, shared.edge.port(80))):
        shared.put("forwardingRules", "held", rule)
        until(True, lambda: f"{ip}:{shared.edge.port(80)} is not served" in caplog.text)
    until("held-0", lambda: shared.who(ip))


def test_two_worlds_side_by_side_are_two(shared: Site, other: Site):
    ours = shared.front("same-name")
    other.firewall()
    theirs = other.front("same-name")
    until("same-name-0", lambda: shared.who(ours))
    until("same-name-0", lambda: other.who(theirs))
    assert ours.rpartition(".")[0] != theirs.rpartition(".")[0]
    assert shared.get(ours).json()["headers"]["host"] == ours
    other.do("DELETE", "global/forwardingRules/same-name")
    until("ConnectError", lambda: other.who(theirs))
    assert shared.who(ours) == "same-name-0"


def test_a_cloud_that_was_reset_serves_nothing(other: Site):
    other.firewall()
    ip = other.front("gone")
    until("gone-0", lambda: other.who(ip))
    other.http.post(f"{other.url}/_fake/reset")
    until("ConnectError", lambda: other.who(ip))
    other.firewall()
    ip = other.front("new")
    until("new-0", lambda: other.who(ip))
    until(["HEALTHY"], lambda: other.health("new"))
