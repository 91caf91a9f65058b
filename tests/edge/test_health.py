"""Health is real: probed by Envoy, gated by the firewall, told by getHealth, 502 without any."""

from tests.edge.site import CHECK, ZONE, Site, until

SERVICE = "global/backendServices/"
GROUP = f"zones/{ZONE}/instanceGroups"


def _front(site: Site, name: str, backends: int = 1):
    found = site.service(name, backends)
    site.url_map(name, defaultService=SERVICE + name)
    ip = site.rule(name)
    until(["HEALTHY"] * backends, lambda: site.health(name))
    until(True, lambda: site.who(ip).startswith(name))
    return ip, found


def test_an_unhealthy_backend_is_taken_out_and_comes_back(shared: Site):
    ip, (first, second) = _front(shared, "pair", 2)
    first.health = 500
    until(["UNHEALTHY", "HEALTHY"], lambda: shared.health("pair"))
    until({second.name}, lambda: {shared.who(ip) for _ in range(10)})
    second.health = 404
    until("502", lambda: shared.who(ip))
    until(["UNHEALTHY", "UNHEALTHY"], lambda: shared.health("pair"))
    answer = shared.get(ip)
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert "<title>502 Server Error</title>" in answer.text
    first.health = second.health = 200
    until(["HEALTHY", "HEALTHY"], lambda: shared.health("pair"))
    until({first.name, second.name}, lambda: {shared.who(ip) for _ in range(6)})


def test_a_stopped_backend_is_taken_out(shared: Site):
    ip, (only,) = _front(shared, "lone")
    shared.backends.stop(only)
    until("502", lambda: shared.who(ip))
    until(["UNHEALTHY"], lambda: shared.health("lone"))
    shared.backends.start(only)
    until("lone-0", lambda: shared.who(ip))


def test_probes_are_as_the_health_check_says(shared: Site):
    _, (only,) = _front(shared, "probed")
    shared.put("healthChecks", "probed", _check(host="probe.test"))
    until(True, lambda: only.probes[-1]["host"] == "probe.test")
    assert only.probes[-1]["user-agent"] == "GoogleHC/1.0"
    shared.put("healthChecks", "probed", _check(requestPath="/wrong"))
    until(["/wrong"] * 3, lambda: only.asked[-3:])
    shared.put("healthChecks", "probed", _check(portSpecification="USE_FIXED_PORT", port=9))
    until(["UNHEALTHY"], lambda: shared.health("probed"))
    shared.put("healthChecks", "probed", CHECK)
    until(["HEALTHY"], lambda: shared.health("probed"))
    named = _check(portSpecification="USE_NAMED_PORT", portName="none")
    shared.put("healthChecks", "probed", named)
    until(["UNHEALTHY"], lambda: shared.health("probed"))


def _check(**block):
    return CHECK | {"httpHealthCheck": CHECK["httpHealthCheck"] | block}


def test_without_a_firewall_rule_nothing_is_healthy(other: Site):
    other.service("walled")
    other.url_map("walled", defaultService=SERVICE + "walled")
    ip = other.rule("walled")
    until("502", lambda: other.who(ip))
    until(["UNHEALTHY"], lambda: other.health("walled"))
    other.firewall(targetTags=["somebody-else"])
    other.firewall("half", sourceRanges=["130.211.0.0/22"])
    until(True, lambda: other.edge.applied >= other.world.store.seq)
    assert other.who(ip) == "502"
    other.firewall(targetTags=["node"])
    until("walled-0", lambda: other.who(ip))
    until(["HEALTHY"], lambda: other.health("walled"))
    other.do("DELETE", "global/firewalls/checkers")
    until("502", lambda: other.who(ip))
    until(["UNHEALTHY"], lambda: other.health("walled"))


def test_a_missing_named_port_means_no_endpoint(shared: Site):
    ip, (only,) = _front(shared, "unnamed")
    path = f"{GROUP}/unnamed/setNamedPorts"
    shared.do("POST", path, {"namedPorts": [{"name": "other", "port": only.port}]})
    until("502", lambda: shared.who(ip))
    until(["UNHEALTHY"], lambda: shared.health("unnamed"))
    shared.do("POST", path, {"namedPorts": [{"name": "http", "port": only.port}]})
    until("unnamed-0", lambda: shared.who(ip))


def test_an_instance_that_leaves_the_group_serves_no_more(shared: Site):
    ip, (first, second) = _front(shared, "leaving", 2)
    row = {"instances": [{"instance": f"zones/{ZONE}/instances/{first.name}"}]}
    shared.do("POST", f"{GROUP}/leaving/removeInstances", row)
    until({second.name}, lambda: {shared.who(ip) for _ in range(6)})
    until(["HEALTHY"], lambda: shared.health("leaving"))
    other = {"instances": [{"instance": f"zones/{ZONE}/instances/{second.name}"}]}
    shared.do("POST", f"{GROUP}/leaving/removeInstances", other)
    until("502", lambda: shared.who(ip))
    until([], lambda: shared.health("leaving"))
    shared.do("POST", f"{GROUP}/leaving/addInstances", row)
    until(first.name, lambda: shared.who(ip))


def test_an_instance_that_vanishes_serves_no_more(shared: Site):
    ip, (first, second) = _front(shared, "vanishing", 2)
    shared.world.remove_instance(first.name, ZONE)
    until({second.name}, lambda: {shared.who(ip) for _ in range(6)})
