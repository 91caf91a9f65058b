"""A caller with a role: what each method demands, and how it is refused."""

import base64
import json
from dataclasses import replace

import httpx
import pytest

from fakes.clock import VirtualClock
from fakes.gce import Request, World, running
from tests.contract.gce.door import ROOT, ZONE, Door, chain

ROBOT = "robot@demo.iam.gserviceaccount.com"
FORBIDDEN = (403, "forbidden")
GROUP = f"{ZONE}/instanceGroups/ig"


def as_robot(door: Door) -> Door:
    return replace(door, send=lambda request: door.send(replace(request, caller=ROBOT)))


def grant(door: Door, *permissions: str) -> None:
    names = [f"compute.{name}" for name in permissions]
    door.fake("POST", "iam", {"caller": ROBOT, "permissions": names})


@pytest.fixture
def robot(balanced: Door) -> Door:
    """The door as a caller whose role is empty, onto a load balancer."""
    grant(balanced)
    return as_robot(balanced)


def test_the_owner_and_callers_without_a_role_may_do_everything(balanced: Door):
    assert as_robot(balanced).get("global/urlMaps/um")
    grant(balanced)
    assert as_robot(balanced).refused("GET", "global/urlMaps/um").why == FORBIDDEN
    assert balanced.get("global/urlMaps/um")


def test_a_refusal_names_the_permission_and_what_it_is_for(robot: Door):
    refused = robot.refused("GET", "global/urlMaps/um")
    path = "projects/demo/global/urlMaps/um"
    assert refused.message == f"Required 'compute.urlMaps.get' permission for '{path}'"
    grant(robot, "urlMaps.create")
    body = {"name": "new", "defaultService": "global/backendServices/be"}
    refused = robot.refused("POST", "global/urlMaps", body)
    path = "projects/demo/global/backendServices/be"
    assert refused.message == f"Required 'compute.backendServices.use' permission for '{path}'"


def test_what_is_missing_is_no_secret_to_those_who_may_read(robot: Door):
    assert robot.refused("GET", "global/urlMaps/none").why == FORBIDDEN
    grant(robot, "urlMaps.get")
    assert robot.refused("GET", "global/urlMaps/none").why == (404, "notFound")


BE, HC, UM, TP = (
    f"global/{one}" for one in ("backendServices", "healthChecks", "urlMaps", "targetHttpProxies")
)
MEMBER = {"instances": [{"instance": f"{ZONE}/instances/node-2"}]}
BALANCED = {"group": GROUP, "balancingMode": "RATE", "maxRatePerInstance": 1}
ALLOWED = {"allowed": [{"IPProtocol": "tcp"}]}
FRONT = {"name": "new", "target": f"{TP}/tp", "portRange": "8080"}
CALLS = [
    # what is called                                                what it demands
    ("a list", "GET", UM, None, ["urlMaps.list"]),
    ("an aggregated list", "GET", "aggregated/instanceGroups", None, ["instanceGroups.list"]),
    ("the members of a group", "POST", f"{GROUP}/listInstances", {}, ["instanceGroups.get"]),
    ("health", "POST", f"{BE}/be/getHealth", {"group": GROUP}, ["backendServices.get"]),
    ("a deletion", "DELETE", "global/forwardingRules/fr", None, ["globalForwardingRules.delete"]),
    (
        "a patch, which reads what it changes",
        "PATCH",
        f"{HC}/hc",
        {"timeoutSec": 4},
        ["healthChecks.update", "healthChecks.get"],
    ),
    (
        "an update and all that it refers to",
        "PUT",
        f"{UM}/um",
        {"name": "um", "defaultService": f"{BE}/be"},
        ["urlMaps.update", "backendServices.use"],
    ),
    (
        "a backend service",
        "POST",
        BE,
        {"name": "new", "healthChecks": [f"{HC}/hc"], "backends": [BALANCED]},
        ["backendServices.create", "instanceGroups.use", "healthChecks.useReadOnly"],
    ),
    (
        "a security policy",
        "POST",
        f"{BE}/be/setSecurityPolicy",
        {"securityPolicy": "global/securityPolicies/armor"},
        ["backendServices.setSecurityPolicy", "securityPolicies.use"],
    ),
    (
        "no security policy",
        "POST",
        f"{BE}/be/setSecurityPolicy",
        {},
        ["backendServices.setSecurityPolicy"],
    ),
    (
        "a signed-URL key",
        "POST",
        f"{BE}/be/addSignedUrlKey",
        {"keyName": "k", "keyValue": "AAAAAAAAAAAAAAAAAAAAAA=="},
        ["backendServices.addSignedUrlKey"],
    ),
    (
        "members",
        "POST",
        f"{GROUP}/addInstances",
        MEMBER,
        ["instanceGroups.update", "instances.use"],
    ),
    (
        "named ports",
        "POST",
        f"{GROUP}/setNamedPorts",
        {"namedPorts": []},
        ["instanceGroups.update"],
    ),
    (
        "another map for a proxy",
        "POST",
        "targetHttpProxies/tp/setUrlMap",
        {"urlMap": f"{UM}/um"},
        ["targetHttpProxies.setUrlMap", "urlMaps.use"],
    ),
    (
        "a front end without an address of its own",
        "POST",
        "global/forwardingRules",
        FRONT,
        ["globalForwardingRules.create", "targetHttpProxies.use"],
    ),
    (
        "a front end at a reserved address",
        "POST",
        "global/forwardingRules",
        FRONT | {"IPAddress": "the reserved one"},
        ["globalForwardingRules.create", "targetHttpProxies.use", "globalAddresses.use"],
    ),
    (
        "a firewall rule, which is its network's",
        "POST",
        "global/firewalls",
        {"name": "new", **ALLOWED},
        ["firewalls.create", "networks.updatePolicy"],
    ),
    (
        "the end of a firewall rule",
        "DELETE",
        "global/firewalls/fw",
        None,
        ["firewalls.delete", "networks.updatePolicy"],
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in CALLS]
)
def test_a_method_demands_each_of_its_permissions_and_no_other(
    robot: Door, balanced: Door, method, path, body, wanted
):
    balanced.world.seed_instance("node-2", "us-central1-a", tags=["nodes"], ip="10.128.0.6")
    balanced.insert("global/firewalls", "fw", **ALLOWED)
    balanced.insert("global/securityPolicies", "armor")
    reserved = balanced.insert("global/addresses", "ip")["address"]
    if body and "IPAddress" in body:
        body = body | {"IPAddress": reserved}
    if method == "PUT":
        body = body | {"fingerprint": balanced.get(path)["fingerprint"]}
    for missing in wanted:
        grant(balanced, *(one for one in wanted if one != missing))
        refused = robot.refused(method, path, body)
        assert refused.why == FORBIDDEN
        assert f"'compute.{missing}'" in refused.message
    grant(balanced, *wanted)
    answer = robot.call(method, path, body)
    assert answer.status == 200, answer.body
    told = balanced.fake("GET", "iam")
    assert set(told["roles"][ROBOT]) <= told["used"].keys()
    assert len(told["denied"]) == len(wanted)


def test_waiting_for_an_operation_is_reading_it(robot: Door):
    grant(robot, "healthChecks.create")
    operation = robot.start("POST", HC, {"name": "new", "type": "HTTP"})
    path = operation["selfLink"].partition("/demo/")[2]
    assert "compute.globalOperations.get" in robot.refused("POST", f"{path}/wait").message
    grant(robot, "globalOperations.get")
    assert robot.wait(operation)["status"] == "DONE"


def test_who_asks_what_it_may_is_told(robot: Door):
    both = ["compute.urlMaps.list", "compute.urlMaps.delete"]
    grant(robot, "urlMaps.list")
    told = robot.post(f"{UM}/um/testIamPermissions", {"permissions": both})
    assert told["permissions"] == ["compute.urlMaps.list"]


def test_a_role_that_cannot_be_read_is_refused(balanced: Door):
    for body in ({"caller": ROBOT}, {"caller": "", "permissions": []}, {"permissions": [1]}):
        answer = balanced.send(Request("POST", "/_fake/iam", {}, body))
        assert answer.status == 400
        assert answer.body["error"]["message"].startswith("give {caller")


def test_a_signed_token_says_who_sends_it():
    world = World(clock=VirtualClock())
    world.iam.grant(ROBOT, [])
    claims = base64.urlsafe_b64encode(json.dumps({"iss": ROBOT}).encode()).decode().rstrip("=")
    with running(world) as url, httpx.Client(base_url=url) as client:
        for token, status in ((f"e30.{claims}.c2ln", 403), (ROBOT, 403), ("a.b.c", 200)):
            headers = {"authorization": f"Bearer {token}"}
            assert client.get(f"{ROOT}global/urlMaps", headers=headers).status_code == status


def test_a_role_holds_in_the_host_project_too():
    world = World(clock=VirtualClock(), host_project="host")
    door = Door(world, world.handle)
    chain(door)
    grant(door, "firewalls.list")
    host = as_robot(replace(door, project="host"))
    assert host.get("global/firewalls")
    refused = host.refused("POST", "global/firewalls", {"name": "new", **ALLOWED})
    assert "compute.firewalls.create" in refused.message
