"""Endpoints of zonal network endpoint groups: whose they are, how they are, and when a group goes."""

import pytest

from tests.contract.gce.door import URL, ZONE, Door

NEG = f"{ZONE}/networkEndpointGroups/neg"
NODE = f"{ZONE}/instances/node-1"
HERE = {"instance": "node-1", "ipAddress": "10.4.0.2", "port": 8080}
THERE = {"instance": "node-1", "ipAddress": "10.4.0.3", "port": 8080}
BACKEND = {"group": NEG, "balancingMode": "RATE", "maxRatePerEndpoint": 1}


@pytest.fixture
def neg(door: Door) -> Door:
    """A group with two pods of one machine on one port, behind a backend service."""
    door.world.seed_instance(
        "node-1", "us-central1-a", ip="10.128.0.5", alias_ranges=["10.4.0.0/28"]
    )
    door.insert(f"{ZONE}/networkEndpointGroups", "neg")
    attach(door, HERE, THERE)
    door.insert("global/healthChecks", "hc", type="HTTP")
    checks = ["global/healthChecks/hc"]
    door.insert("global/backendServices", "be", healthChecks=checks, backends=[BACKEND])
    return door


def attach(door: Door, *rows: dict) -> None:
    door.do("POST", f"{NEG}/attachNetworkEndpoints", {"networkEndpoints": list(rows)})


def listed(door: Door, **body: str) -> list[dict]:
    rows: list[dict] = door.post(f"{NEG}/listNetworkEndpoints", body).get("items", [])
    return rows


def test_health_is_told_of_each_endpoint(neg: Door):
    neg.fake("POST", "health", {"state": "UNHEALTHY", "group": "neg", "ip": "10.4.0.3"})
    told = neg.post("global/backendServices/be/getHealth", {"group": NEG})
    assert told == {
        "kind": "compute#backendServiceGroupHealth",
        "healthStatus": [
            {
                "instance": URL + NODE,
                "ipAddress": address,
                "port": 8080,
                "healthState": state,
            }
            for address, state in (("10.4.0.2", "HEALTHY"), ("10.4.0.3", "UNHEALTHY"))
        ],
    }
    shown = {
        row["networkEndpoint"]["ipAddress"]: row["healths"]
        for row in listed(neg, healthStatus="SHOW")
    }
    service = {"backendService": f"{URL}global/backendServices/be"}
    assert shown == {
        "10.4.0.2": [{"backendService": service, "healthState": "HEALTHY"}],
        "10.4.0.3": [{"backendService": service, "healthState": "UNHEALTHY"}],
    }


def test_health_is_told_of_each_backend_service(neg: Door):
    checks = ["global/healthChecks/hc"]
    neg.insert("global/backendServices", "be2", healthChecks=checks, backends=[BACKEND])
    neg.fake("POST", "health", {"state": "UNHEALTHY", "service": "be2", "ip": "10.4.0.3"})

    def states(service: str) -> list[str]:
        told = neg.post(f"global/backendServices/{service}/getHealth", {"group": NEG})
        return [row["healthState"] for row in told["healthStatus"]]

    assert states("be") == ["HEALTHY", "HEALTHY"]
    assert states("be2") == ["HEALTHY", "UNHEALTHY"]
    shown = [
        {
            row["backendService"]["backendService"].rpartition("/")[2]: row["healthState"]
            for row in one["healths"]
        }
        for one in listed(neg, healthStatus="SHOW")
    ]
    assert shown == [
        {"be": "HEALTHY", "be2": "HEALTHY"},
        {"be": "HEALTHY", "be2": "UNHEALTHY"},
    ]


@pytest.mark.parametrize("body", [{}, {"healthStatus": "SKIP"}], ids=["unasked", "skipped"])
def test_health_is_listed_only_when_asked_for(neg: Door, body):
    assert [row.keys() for row in listed(neg, **body)] == [{"networkEndpoint"}] * 2


def test_endpoints_of_a_group_without_a_service_have_no_health(neg: Door):
    neg.do("DELETE", "global/backendServices/be")
    assert [row.keys() for row in listed(neg, healthStatus="SHOW")] == [{"networkEndpoint"}] * 2


def test_what_an_endpoint_is_annotated_with_is_told_with_its_health(neg: Door):
    attach(neg, {**HERE, "port": 8081, "annotations": {"a": "b"}})
    told = neg.post("global/backendServices/be/getHealth", {"group": NEG})["healthStatus"]
    assert [row.get("annotations") for row in told] == [None, None, {"a": "b"}]


def test_a_group_in_use_stays_and_one_with_endpoints_goes(neg: Door):
    refusal = neg.refused("DELETE", NEG)
    assert refusal.why == (400, "resourceInUseByAnotherResource")
    assert refusal.message == (
        f"The network_endpoint_group resource 'projects/demo/{NEG}' is already being used by "
        "'projects/demo/global/backendServices/be'"
    )
    neg.do("DELETE", "global/backendServices/be")
    assert neg.get(NEG)["size"] == 2
    neg.do("DELETE", NEG)
    assert neg.call("GET", NEG).status == 404
    assert neg.get(NODE)["status"] == "RUNNING"


def test_an_instance_of_another_zone_is_not_found(neg: Door):
    neg.world.seed_instance("far", "us-central1-b", ip="10.128.0.9")
    for name in ("far", "zones/us-central1-b/instances/far"):
        rows = {"networkEndpoints": [{"instance": name, "port": 80}]}
        assert neg.refused("POST", f"{NEG}/attachNetworkEndpoints", rows).why == (404, "notFound")


def test_endpoints_that_are_there_may_be_attached_again(neg: Door):
    before = listed(neg)
    attach(neg, HERE, THERE)
    assert listed(neg) == before
    assert neg.get(NEG)["size"] == 2


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_a_call_names_at_most_500_endpoints(neg: Door, verb):
    rows = [HERE | {"port": port} for port in range(1, 502)]
    path = f"{NEG}/{verb}NetworkEndpoints"
    refusal = neg.refused("POST", path, {"networkEndpoints": rows})
    assert refusal.why == (400, "invalid")
    attach(neg, *rows[:500])
    assert neg.get(NEG)["size"] == 502
    neg.do("POST", f"{NEG}/detachNetworkEndpoints", {"networkEndpoints": rows[:500]})
    assert neg.get(NEG)["size"] == 2


def test_a_machine_takes_its_endpoints_with_it(neg: Door):
    neg.do("DELETE", NODE)
    assert listed(neg) == []
    assert neg.get(NEG)["size"] == 0
