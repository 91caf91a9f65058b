"""Lists: pages, filters, order, every scope at once."""

import pytest

from tests.contract.gce.door import REGION, URL, ZONE, Door

CHECKS = "global/healthChecks"


@pytest.fixture
def seven(door: Door) -> Door:
    for i in (3, 1, 7, 5, 2, 6, 4):
        door.world.seed(
            "healthChecks",
            "global",
            f"hc-{i}",
            {"type": "HTTP", "timeoutSec": i, "httpHealthCheck": {"requestPath": f"/p{i}"}},
        )
    return door


def _names(body):
    return [row["name"] for row in body.get("items", [])]


def test_a_list_is_in_order_of_names(seven: Door):
    found = seven.get(CHECKS)
    assert found["kind"] == "compute#healthCheckList"
    assert found["selfLink"] == f"{URL}{CHECKS}"
    assert _names(found) == [f"hc-{i}" for i in range(1, 8)]


def test_pages_add_up(seven: Door):
    seen, token = [], {}
    while True:
        page = seven.get(CHECKS, maxResults="3", **token)
        seen += _names(page)
        if "nextPageToken" not in page:
            break
        assert len(page["items"]) == 3
        token = {"pageToken": page["nextPageToken"]}
    assert seen == [f"hc-{i}" for i in range(1, 8)]


def test_a_page_goes_on_when_its_end_was_deleted(seven: Door):
    page = seven.get(CHECKS, maxResults="3")
    seven.do("DELETE", f"{CHECKS}/hc-3")
    rest = seven.get(CHECKS, pageToken=page["nextPageToken"])
    assert _names(rest) == ["hc-4", "hc-5", "hc-6", "hc-7"]


def test_the_newest_come_first_when_asked(seven: Door):
    found = _names(seven.get(CHECKS, orderBy="creationTimestamp desc"))
    assert found == ["hc-4", "hc-6", "hc-2", "hc-5", "hc-7", "hc-1", "hc-3"]
    assert _names(seven.get(CHECKS, orderBy="name")) == [f"hc-{i}" for i in range(1, 8)]


FILTERS = [
    pytest.param("name = hc-3", [3], id="equal"),
    pytest.param('name = "hc-3"', [3], id="equal, quoted"),
    pytest.param("name eq hc-[12]", [1, 2], id="regex"),
    pytest.param("name eq 'hc-.*'", [1, 2, 3, 4, 5, 6, 7], id="regex, quoted"),
    pytest.param("name eq hc", [], id="a regex matches the whole value"),
    pytest.param("name ne hc-[1-6]", [7], id="not the regex"),
    pytest.param("name != hc-1", [2, 3, 4, 5, 6, 7], id="not equal"),
    pytest.param("name:hc", [1, 2, 3, 4, 5, 6, 7], id="has"),
    pytest.param("name:*", [1, 2, 3, 4, 5, 6, 7], id="is there"),
    pytest.param("description:*", [], id="is not there"),
    pytest.param("name = hc-*", [1, 2, 3, 4, 5, 6, 7], id="star"),
    pytest.param("timeoutSec > 5", [6, 7], id="greater"),
    pytest.param("timeoutSec <= 2", [1, 2], id="less or equal"),
    pytest.param("httpHealthCheck.requestPath = /p4", [4], id="nested"),
    pytest.param("(timeoutSec > 2) (timeoutSec < 5)", [3, 4], id="both, parentheses"),
    pytest.param("timeoutSec > 2 AND timeoutSec < 4", [3], id="both, AND"),
    pytest.param("name = hc-1 OR name = hc-7", [1, 7], id="either"),
    pytest.param("NOT timeoutSec > 1", [1], id="not"),
    pytest.param(f'selfLink = "{URL}{CHECKS}/hc-2"', [2], id="a URL, quoted"),
    pytest.param(f"selfLink = {URL}{CHECKS}/hc-2", [2], id="a URL"),
]


@pytest.mark.parametrize(("wanted", "found"), FILTERS)
def test_a_filter_chooses(seven: Door, wanted, found):
    assert _names(seven.get(CHECKS, filter=wanted)) == [f"hc-{i}" for i in found]


def test_an_aggregated_list_has_every_scope(door: Door):
    door.insert("global/addresses", "a")
    door.insert(f"{REGION}/addresses", "b")
    items = door.get("aggregated/addresses")["items"]
    assert items["global"]["addresses"][0]["name"] == "a"
    assert items[REGION]["addresses"][0]["name"] == "b"
    assert items["regions/us-east1"] == {
        "warning": {
            "code": "NO_RESULTS_ON_PAGE",
            "message": "There are no results for scope 'regions/us-east1' on this page.",
            "data": [{"key": "scope", "value": "regions/us-east1"}],
        }
    }
    assert ZONE not in items
    assert ZONE in door.get("aggregated/addresses", includeAllScopes="true")["items"]


AGGREGATED = [
    "addresses backendServices forwardingRules healthChecks instanceGroups instances",
    "networkEndpointGroups operations securityPolicies sslCertificates sslPolicies subnetworks",
    "targetHttpProxies targetHttpsProxies urlMaps",
]


@pytest.mark.parametrize("kind", " ".join(AGGREGATED).split())
def test_every_kind_aggregates(balanced: Door, kind):
    assert balanced.get(f"aggregated/{kind}")["items"]


def test_an_aggregated_list_has_pages(door: Door):
    for zone in "ab":
        for i in range(3):
            name = f"ig-{i}"
            door.world.seed("instanceGroups", f"zones/us-central1-{zone}", name, {})
    seen, token = [], {}
    while True:
        page = door.get("aggregated/instanceGroups", maxResults="4", **token)
        for scope, inner in page["items"].items():
            seen += [(scope, row["name"]) for row in inner.get("instanceGroups", ())]
        if "nextPageToken" not in page:
            break
        token = {"pageToken": page["nextPageToken"]}
    assert seen == [(f"zones/us-central1-{z}", f"ig-{i}") for z in "ab" for i in range(3)]


def test_members_come_in_pages(balanced: Door):
    door = balanced
    nodes = [f"node-{i}" for i in range(2, 6)]
    for i, node in enumerate(nodes):
        door.world.seed_instance(node, "us-central1-a", ip=f"10.128.1.{i}")
    members = {"instances": [{"instance": f"{ZONE}/instances/{node}"} for node in nodes]}
    door.do("POST", f"{ZONE}/instanceGroups/ig/addInstances", members)
    path = f"{ZONE}/instanceGroups/ig/listInstances"
    first = door.post(path, {}, maxResults="3")
    second = door.post(path, {}, maxResults="3", pageToken=first["nextPageToken"])
    assert (len(first["items"]), len(second["items"])) == (3, 2)


@pytest.mark.parametrize(
    "path",
    ["global/backendServices/listUsable", "global/sslPolicies/listAvailableFeatures"],
)
def test_what_else_lists(balanced: Door, path):
    assert balanced.get(path)
