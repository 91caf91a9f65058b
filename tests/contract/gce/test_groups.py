"""Instance groups, network endpoint groups and the health of what is in them."""

import pytest

from tests.contract.gce.door import REGION, URL, ZONE, Door

IG = f"{ZONE}/instanceGroups/ig"
NEG = f"{ZONE}/networkEndpointGroups/neg"
NODE = f"{ZONE}/instances/node-1"


def _members(*paths):
    return {"instances": [{"instance": path} for path in paths]}


def test_members_come_and_go(balanced: Door):
    balanced.world.seed_instance("node-2", "us-central1-a", ip="10.128.0.6")
    balanced.do("POST", f"{IG}/addInstances", _members(f"{ZONE}/instances/node-2"))
    group = balanced.get(IG)
    assert group["size"] == 2
    assert group["network"] == f"{URL}global/networks/default"
    rows = balanced.post(f"{IG}/listInstances", {"instanceState": "ALL"})["items"]
    assert rows[0] == {
        "instance": URL + NODE,
        "status": "RUNNING",
        "namedPorts": [{"name": "http", "port": 30080}],
    }
    balanced.do("POST", f"{IG}/removeInstances", _members(URL + NODE))
    rows = balanced.post(f"{IG}/listInstances", {})["items"]
    assert [row["instance"] for row in rows] == [f"{URL}{ZONE}/instances/node-2"]


def test_an_empty_group_lists_no_items(door: Door):
    door.insert(f"{ZONE}/instanceGroups", "ig")
    assert "items" not in door.post(f"{IG}/listInstances", {})


def test_only_running_instances_are_listed_when_asked(balanced: Door):
    balanced.do("POST", f"{NODE}/stop")
    assert "items" not in balanced.post(f"{IG}/listInstances", {"instanceState": "RUNNING"})


BAD_MEMBERS = [
    pytest.param("addInstances", NODE, (400, "memberAlreadyExists"), id="added twice"),
    pytest.param("removeInstances", f"{ZONE}/instances/idle", (400, "memberNotFound"), id="not in"),
    pytest.param(
        "addInstances", f"{ZONE}/instances/none", (404, "notFound"), id="no such instance"
    ),
    pytest.param("addInstances", "zones/us-central1-b/instances/far", (400, "invalid"), id="zone"),
    pytest.param("addInstances", "nonsense", (400, "invalid"), id="no reference"),
]


@pytest.mark.parametrize(("verb", "path", "why"), BAD_MEMBERS)
def test_a_member_is_refused(balanced: Door, verb, path, why):
    balanced.world.seed_instance("idle", "us-central1-a", ip="10.128.0.7")
    balanced.world.seed_instance("far", "us-central1-b", ip="10.128.0.8")
    assert balanced.refused("POST", f"{IG}/{verb}", _members(path)).why == why


def test_an_instance_is_balanced_by_one_group_only_when_added(balanced: Door):
    balanced.insert(f"{ZONE}/instanceGroups", "two")
    balanced.insert(
        "global/backendServices",
        "be2",
        healthChecks=["global/healthChecks/hc"],
        backends=[{"group": f"{ZONE}/instanceGroups/two"}],
    )
    refusal = balanced.refused("POST", f"{ZONE}/instanceGroups/two/addInstances", _members(NODE))
    assert refusal.why == (400, "instanceInMultipleLoadBalancedIgs")
    assert refusal.message == (
        f"Validation failed for instance 'projects/demo/{NODE}': instance may belong to at most "
        "one load-balanced instance group."
    )


def test_an_instance_is_balanced_by_one_group_only_when_a_service_comes(balanced: Door):
    balanced.insert(f"{ZONE}/instanceGroups", "two")
    balanced.do("POST", f"{ZONE}/instanceGroups/two/addInstances", _members(NODE))
    body = {
        "name": "be2",
        "healthChecks": ["global/healthChecks/hc"],
        "backends": [{"group": f"{ZONE}/instanceGroups/two"}],
    }
    refusal = balanced.refused("POST", "global/backendServices", body)
    assert refusal.why == (400, "instanceInMultipleLoadBalancedIgs")


def test_services_of_one_group_share_its_balancing_mode(balanced: Door):
    backend = {"group": IG, "balancingMode": "RATE", "maxRatePerInstance": 2}
    service = {"healthChecks": ["global/healthChecks/hc"]}
    balanced.insert("global/backendServices", "same", **service, backends=[backend])
    other = {"name": "other", **service, "backends": [{"group": IG}]}
    refusal = balanced.refused("POST", "global/backendServices", other)
    assert refusal.why == (400, "invalid")
    assert "incompatible balancing_mode" in refusal.message


PORTS = [
    pytest.param(
        [{"name": "a", "port": 1}, {"name": "a", "port": 2}], None, id="one name, two ports"
    ),
    pytest.param([{"name": "a", "port": 0}], "port", id="port 0"),
    pytest.param([{"name": "a", "port": 65536}], "port", id="port 65536"),
    pytest.param([{"name": "A", "port": 1}], "name", id="upper case"),
    pytest.param([{"port": 1}], "name", id="no name"),
    pytest.param([{"name": "a", "port": 1}] * 2, "Duplicate", id="the same twice"),
]


@pytest.mark.parametrize(("ports", "message"), PORTS)
def test_named_ports_are_checked(balanced: Door, ports, message):
    body = {"namedPorts": ports}
    if message is None:
        balanced.do("POST", f"{IG}/setNamedPorts", body)
        assert balanced.get(IG)["namedPorts"] == ports
    else:
        assert message in balanced.refused("POST", f"{IG}/setNamedPorts", body).message


def test_named_ports_take_a_fingerprint_but_do_not_need_it(balanced: Door):
    before = balanced.get(IG)["fingerprint"]
    body = {"namedPorts": [{"name": "x", "port": 1}]}
    balanced.do("POST", f"{IG}/setNamedPorts", body | {"fingerprint": before})
    assert balanced.get(IG)["fingerprint"] != before
    refusal = balanced.refused("POST", f"{IG}/setNamedPorts", body | {"fingerprint": before})
    assert refusal.why == (412, "conditionNotMet")
    balanced.do("POST", f"{IG}/setNamedPorts", {"namedPorts": []})
    assert "namedPorts" not in balanced.get(IG)


def test_the_number_of_named_ports_can_be_limited(balanced: Door):
    balanced.fake("POST", "limits", {"hard": {"named_ports_per_group": 1}})
    ports = [{"name": name, "port": 80} for name in ("a", "b")]
    refusal = balanced.refused("POST", f"{IG}/setNamedPorts", {"namedPorts": ports})
    assert refusal.why == (400, "maxDistinctNamedPorts")


def test_a_deleted_instance_leaves_its_groups(balanced: Door):
    balanced.do("DELETE", NODE)
    assert balanced.get(IG)["size"] == 0
    assert balanced.call("GET", NODE).status == 404


@pytest.fixture
def neg(door: Door) -> Door:
    door.world.seed_instance(
        "node-1", "us-central1-a", ip="10.128.0.5", alias_ranges=["10.4.0.0/24"]
    )
    door.insert(f"{ZONE}/networkEndpointGroups", "neg", defaultPort=8080)
    return door


def _endpoints(*rows):
    return {"networkEndpoints": list(rows)}


def test_endpoints_attach_and_detach(neg: Door):
    pod = {"instance": "node-1", "ipAddress": "10.4.0.9"}
    neg.do("POST", f"{NEG}/attachNetworkEndpoints", _endpoints(pod, {"instance": NODE, "port": 81}))
    assert neg.get(NEG)["size"] == 2
    rows = neg.post(f"{NEG}/listNetworkEndpoints", {"healthStatus": "SKIP"})["items"]
    assert [row["networkEndpoint"] for row in rows] == [
        {"instance": URL + NODE, "ipAddress": "10.4.0.9", "port": 8080},
        {"instance": URL + NODE, "ipAddress": "10.128.0.5", "port": 81},
    ]
    neg.do("POST", f"{NEG}/attachNetworkEndpoints", _endpoints(pod))
    neg.do("POST", f"{NEG}/detachNetworkEndpoints", _endpoints(pod))
    assert neg.get(NEG)["size"] == 1
    refusal = neg.refused("POST", f"{NEG}/detachNetworkEndpoints", _endpoints(pod))
    assert refusal.why == (400, "invalid")


def test_an_endpoints_address_belongs_to_its_instance(neg: Door):
    row = {"instance": "node-1", "ipAddress": "10.0.0.13"}
    refusal = neg.refused("POST", f"{NEG}/attachNetworkEndpoints", _endpoints(row))
    assert refusal.message == (
        "Invalid value for field 'resource.ipAddress': '10.0.0.13'. Specified IP address "
        "10.0.0.13 doesn't belong to the (sub)network default or to the instance node-1."
    )


def test_an_endpoint_needs_its_instance(neg: Door):
    row = {"instance": "node-9"}
    refusal = neg.refused("POST", f"{NEG}/attachNetworkEndpoints", _endpoints(row))
    assert refusal.why == (404, "notFound")
    refusal = neg.refused("POST", f"{NEG}/attachNetworkEndpoints", _endpoints({"port": 80}))
    assert refusal.why == (400, "required")


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        pytest.param({"balancingMode": "UTILIZATION"}, (400, "invalid"), id="UTILIZATION"),
        pytest.param({"balancingMode": "RATE"}, (400, "required"), id="RATE without a rate"),
        pytest.param(
            {"balancingMode": "RATE", "maxRatePerInstance": 1}, (400, "invalid"), id="per instance"
        ),
        pytest.param({"balancingMode": "RATE", "maxRatePerEndpoint": 1}, None, id="per endpoint"),
    ],
)
def test_an_endpoint_group_is_balanced_by_rate(neg: Door, backend, why):
    neg.insert("global/healthChecks", "hc", type="HTTP")
    body = {"healthChecks": ["global/healthChecks/hc"], "backends": [backend | {"group": NEG}]}
    if why is None:
        neg.insert("global/backendServices", "x", **body)
    else:
        assert neg.refused("POST", "global/backendServices", {"name": "x", **body}).why == why


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"defaultPort": 0}, id="port 0"),
        pytest.param({"networkEndpointType": "GCE_VM_IP", "defaultPort": 80}, id="GCE_VM_IP"),
    ],
)
def test_the_default_port_of_an_endpoint_group_is_checked(neg: Door, body):
    refusal = neg.refused("POST", f"{ZONE}/networkEndpointGroups", {"name": "x", **body})
    assert refusal.why == (400, "invalid")


def test_the_number_of_endpoints_is_limited(neg: Door):
    neg.fake("POST", "limits", {"hard": {"endpoints_per_neg": 1}})
    rows = _endpoints({"instance": "node-1", "port": 1}, {"instance": "node-1", "port": 2})
    refusal = neg.refused("POST", f"{NEG}/attachNetworkEndpoints", rows)
    assert refusal.why == (400, "invalid")
    neg.fake("POST", "limits", {"hard": {"endpoints_per_neg": None, "endpoints_per_call": 1}})
    refusal = neg.refused("POST", f"{NEG}/attachNetworkEndpoints", rows)
    assert refusal.why == (400, "invalid")


def test_groups_of_two_kinds_do_not_mix(balanced: Door):
    balanced.insert(f"{ZONE}/networkEndpointGroups", "neg")
    body = {
        "name": "x",
        "healthChecks": ["global/healthChecks/hc"],
        "backends": [
            {"group": IG, "balancingMode": "RATE", "maxRatePerInstance": 1},
            {"group": NEG, "balancingMode": "RATE", "maxRatePerEndpoint": 1},
        ],
    }
    assert balanced.refused("POST", "global/backendServices", body).why == (400, "invalid")


HEALTH = [
    pytest.param([], "HEALTHY", id="healthy by default"),
    pytest.param([{"state": "UNHEALTHY"}], "UNHEALTHY", id="everything"),
    pytest.param([{"state": "UNHEALTHY", "group": "ig"}], "UNHEALTHY", id="the group"),
    pytest.param([{"state": "UNHEALTHY", "group": "other"}], "HEALTHY", id="another group"),
    pytest.param([{"state": "UNHEALTHY", "port": 30080}], "UNHEALTHY", id="the port"),
    pytest.param(
        [
            {"state": "UNHEALTHY", "group": "ig"},
            {"state": "HEALTHY", "group": "ig", "instance": "node-1"},
        ],
        "HEALTHY",
        id="the instance overrides the group",
    ),
]


@pytest.mark.parametrize(("rows", "state"), HEALTH)
def test_health_is_what_it_is_set_to(balanced: Door, rows, state):
    if rows:
        balanced.fake("POST", "health", rows)
    health = balanced.post("global/backendServices/be/getHealth", {"group": URL + IG})
    assert health["healthStatus"] == [
        {
            "instance": URL + NODE,
            "ipAddress": "10.128.0.5",
            "port": 30080,
            "healthState": state,
        }
    ]


def test_health_lags_attach(balanced: Door):
    balanced.fake("POST", "health", {"warmup": 10})
    balanced.world.clock.advance(10)
    balanced.world.seed_instance("node-2", "us-central1-a", ip="10.128.0.6")
    balanced.do("POST", f"{IG}/addInstances", _members(f"{ZONE}/instances/node-2"))

    def states():
        health = balanced.post("global/backendServices/be/getHealth", {"group": IG})
        return [row["healthState"] for row in health["healthStatus"]]

    assert states() == ["HEALTHY", "UNHEALTHY"]
    balanced.world.clock.advance(10)
    assert states() == ["HEALTHY", "HEALTHY"]


def test_a_group_without_the_named_port_is_unhealthy(balanced: Door):
    balanced.do("POST", f"{IG}/setNamedPorts", {"namedPorts": []})
    health = balanced.post("global/backendServices/be/getHealth", {"group": IG})
    assert health["healthStatus"][0]["healthState"] == "UNHEALTHY"


def test_the_health_of_a_group_that_is_no_backend_is_refused(balanced: Door):
    balanced.insert(f"{ZONE}/instanceGroups", "other")
    body = {"group": f"{ZONE}/instanceGroups/other"}
    assert balanced.refused("POST", "global/backendServices/be/getHealth", body).status == 400


def test_the_health_of_endpoints(neg: Door):
    neg.do("POST", f"{NEG}/attachNetworkEndpoints", _endpoints({"instance": "node-1"}))
    neg.insert("global/healthChecks", "hc", type="HTTP")
    backend = {"group": NEG, "balancingMode": "RATE", "maxRatePerEndpoint": 1}
    neg.insert(
        "global/backendServices", "be", healthChecks=["global/healthChecks/hc"], backends=[backend]
    )
    health = neg.post("global/backendServices/be/getHealth", {"group": NEG})
    assert health["healthStatus"][0]["port"] == 8080
    rows = neg.post(f"{NEG}/listNetworkEndpoints", {"healthStatus": "SHOW"})["items"]
    assert rows[0]["healths"][0]["healthState"] == "HEALTHY"
    neg.fake("POST", "health", {"warmup": 1000})
    rows = neg.post(f"{NEG}/listNetworkEndpoints", {"healthStatus": "SHOW"})["items"]
    assert rows[0]["healths"][0]["healthState"] == "UNHEALTHY"


def test_a_zone_appears_and_vanishes(door: Door):
    door.fake("POST", "seed", {"zones": ["us-central1-z"]})
    door.insert("zones/us-central1-z/instanceGroups", "ig")
    assert f"{URL}zones/us-central1-z" in door.get(REGION)["zones"]
    door.fake("POST", "seed", {"removeZones": ["us-central1-z"]})
    assert door.refused("GET", "zones/us-central1-z/instanceGroups/ig").status == 404
