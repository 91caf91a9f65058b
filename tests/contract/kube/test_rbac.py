"""Who may do what: a token is a user, and roles and bindings say what that user may do."""

import copy

import pytest

from fakes.clock import VirtualClock
from fakes.kube import World

from .conftest import CONFIGMAPS, INGRESSES, LEASES, SECRETS, Door, configmap, ingress

GROUP = "rbac.authorization.k8s.io"
USER = "system:serviceaccount:kube-system:robot"
TOKEN = "token-of-the-robot"
SAR = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
LEASE = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "one"}}


def rule(verbs, resources, group="", names=()):
    one = {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}
    return one | ({"resourceNames": list(names)} if names else {})


def role(*rules, namespace="", name="robot"):
    kind = "Role" if namespace else "ClusterRole"
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": meta, "rules": list(rules)}


def binding(namespace="", subject=None, kind="", name="robot"):
    robot = {"kind": "ServiceAccount", "namespace": "kube-system", "name": "robot"}
    kind = kind or ("Role" if namespace else "ClusterRole")
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": meta,
        "subjects": [subject or robot],
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
    }


class Robot:
    """The caller with the token."""

    def __init__(self, door: Door, token: str = TOKEN) -> None:
        self.door, self.headers = door, {"authorization": f"Bearer {token}"}

    def call(self, method, path, body=None, patch="", **query):
        kind = {"content-type": patch} if patch else {}
        return self.door.call(method, path, body, headers=self.headers | kind, **query)

    def status(self, method, path, body=None, **more):
        return self.call(method, path, body, **more).status


@pytest.fixture
def robot(door: Door) -> Robot:
    made = door.post("/_fake/rbac", {"token": TOKEN, "user": USER})
    assert made.body["users"] == [USER]
    return Robot(door)


def test_without_a_binding_all_is_refused_in_the_servers_words(door: Door, robot: Robot):
    door.post(INGRESSES, ingress())
    for method, path, verb, words in (
        ("GET", f"{INGRESSES}/web", "get", 'ingresses.networking.k8s.io "web"'),
        ("GET", INGRESSES, "list", "ingresses.networking.k8s.io"),
        ("DELETE", INGRESSES, "deletecollection", "ingresses.networking.k8s.io"),
        ("PATCH", f"{INGRESSES}/web/status", "patch", 'ingresses.networking.k8s.io "web"'),
    ):
        answer = robot.call(method, path, {} if method == "PATCH" else None)
        resource = "ingresses/status" if "status" in path else "ingresses"
        assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
        assert answer.body["message"] == (
            f'{words} is forbidden: User "{USER}" cannot {verb} resource "{resource}" in API '
            'group "networking.k8s.io" in the namespace "default"'
        )
        assert answer.body["details"]["kind"] == "ingresses"
    watched = robot.call("GET", INGRESSES, watch="true")
    assert (watched.status, watched.watch) == (403, None)
    assert "cannot watch" in watched.body["message"]
    everywhere = robot.call("GET", "/api/v1/pods")
    assert everywhere.body["message"].endswith('in API group "" at the cluster scope')
    assert len(door.world.list("Ingress")) == 1


def test_discovery_is_open_to_all_and_a_token_of_nobody_is_refused(door: Door, robot: Robot):
    assert [robot.status("GET", path) for path in ("/api", "/version", "/readyz")] == [200] * 3
    stranger = Robot(door, "stranger")
    answer = stranger.call("GET", CONFIGMAPS)
    assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")
    assert door.get(CONFIGMAPS).status == 200, "without a token: the administrator"


def test_a_rule_gives_its_verbs_and_no_others(door: Door, robot: Robot):
    door.world.apply(role(rule("get list create", "configmaps")))
    door.world.apply(binding())
    assert robot.status("POST", CONFIGMAPS, configmap("a")) == 201
    assert robot.status("GET", f"{CONFIGMAPS}/a") == robot.status("GET", CONFIGMAPS) == 200
    assert robot.status("GET", CONFIGMAPS, watch="true") == 403
    assert robot.status("PUT", f"{CONFIGMAPS}/a", configmap("a")) == 403
    assert robot.status("PATCH", f"{CONFIGMAPS}/a", {}) == 403
    assert robot.status("DELETE", f"{CONFIGMAPS}/a") == 403
    assert robot.status("GET", SECRETS) == 403


def test_a_subresource_is_a_resource_of_its_own(door: Door, robot: Robot):
    door.post(INGRESSES, ingress())
    door.world.apply(role(rule("patch", "ingresses/status", "networking.k8s.io")))
    door.world.apply(binding())
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
    kind = "application/merge-patch+json"
    assert robot.status("PATCH", f"{INGRESSES}/web/status", status, patch=kind) == 200
    assert robot.status("PATCH", f"{INGRESSES}/web", status, patch=kind) == 403


def test_a_role_holds_in_its_namespace_only(door: Door, robot: Robot):
    door.world.apply(role(rule("list", "configmaps"), namespace="default"))
    door.world.apply(binding("default"))
    assert robot.status("GET", CONFIGMAPS) == 200
    assert robot.status("GET", "/api/v1/namespaces/kube-system/configmaps") == 403
    assert robot.status("GET", "/api/v1/configmaps") == 403


def test_a_cluster_role_can_be_bound_in_one_namespace(door: Door, robot: Robot):
    door.world.apply(role(rule("get", "namespaces")))
    door.world.apply(binding("kube-system", kind="ClusterRole"))
    assert robot.status("GET", "/api/v1/namespaces/kube-system") == 200
    assert robot.status("GET", "/api/v1/namespaces/default") == 403


def test_names_bind_reads_updates_and_watches_of_one_object(door: Door, robot: Robot):
    for name in ("mine", "other"):
        door.post(CONFIGMAPS, configmap(name))
    door.world.apply(role(rule("get list watch update create", "configmaps", names=["mine"])))
    door.world.apply(binding())
    assert robot.status("GET", f"{CONFIGMAPS}/mine") == 200
    assert robot.status("GET", f"{CONFIGMAPS}/other") == 403
    assert robot.status("PUT", f"{CONFIGMAPS}/mine", configmap("mine")) == 200
    assert robot.status("GET", CONFIGMAPS) == 403, "a list of all is more than the one"
    assert robot.status("GET", CONFIGMAPS, fieldSelector="metadata.name=mine") == 200
    assert robot.status("GET", CONFIGMAPS, fieldSelector="metadata.name=other") == 403
    assert robot.status("POST", CONFIGMAPS, configmap("new")) == 403, "a create names nothing"


def test_an_update_that_creates_needs_both_verbs(door: Door, robot: Robot):
    door.world.apply(role(rule("update patch", "leases configmaps", "coordination.k8s.io")))
    door.world.apply(binding())
    assert robot.status("PUT", f"{LEASES}/one", LEASE) == 403
    door.world.apply(role(rule("update create", "leases", "coordination.k8s.io")))
    assert robot.status("PUT", f"{LEASES}/one", LEASE) == 201


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        pytest.param({"kind": "User", "name": USER}, True, id="by name"),
        pytest.param({"kind": "Group", "name": "system:serviceaccounts"}, True, id="as an account"),
        pytest.param(
            {"kind": "Group", "name": "system:serviceaccounts:kube-system"},
            True,
            id="of a namespace",
        ),
        pytest.param({"kind": "Group", "name": "system:masters"}, False, id="not as a master"),
        pytest.param(
            {"kind": "ServiceAccount", "namespace": "default", "name": "robot"},
            False,
            id="not the same name elsewhere",
        ),
    ],
)
def test_a_binding_means_its_subjects(door: Door, robot: Robot, subject, allowed):
    door.world.apply(role(rule("*", "*", "*")))
    door.world.apply(binding(subject=subject))
    assert robot.status("GET", "/api/v1/nodes") == (200 if allowed else 403)


def test_a_binding_to_a_role_that_is_missing_says_so(door: Door, robot: Robot):
    door.world.apply(binding())
    message = robot.call("GET", "/api/v1/nodes").body["message"]
    assert message.endswith(f': RBAC: clusterrole.{GROUP} "robot" not found')


def test_reviews_answer_what_a_call_would(door: Door, robot: Robot):
    door.world.apply(role(rule("get", "nodes")))
    door.world.apply(binding())

    def may(verb: str) -> bool:
        asked = {"resourceAttributes": {"verb": verb, "resource": "nodes"}}
        return robot.call("POST", SAR, {"spec": asked}).body["status"]["allowed"]

    assert (may("get"), may("delete")) == (True, False)
    who = robot.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert who.body["status"]["userInfo"]["username"] == USER


def test_what_is_granted_in_vain_is_seen(door: Door, robot: Robot):
    door.world.apply(role(rule("get list", "nodes pods")))
    door.world.apply(binding())
    robot.call("GET", "/api/v1/nodes")
    robot.call("GET", "/api/v1/nodes")
    robot.call("GET", SECRETS)
    told = door.get("/_fake/rbac").body
    used = {(one["resource"], one["verb"]): one["used"] for one in told["grants"]}
    assert used == {
        ("nodes", "get"): 0,
        ("nodes", "list"): 2,
        ("pods", "get"): 0,
        ("pods", "list"): 0,
    }
    assert [one["role"] for one in told["grants"]] == ["ClusterRole/robot"] * 4
    assert len(told["denied"]) == 1
    assert 'cannot list resource "secrets"' in told["denied"][0]


def test_what_everybody_may_is_granted_to_the_authenticated(door: Door, robot: Robot):
    everybody = {"kind": "Group", "name": "system:authenticated"}
    door.world.apply(role(rule("get list", "configmaps")))
    door.world.apply(binding(subject=everybody))
    assert robot.status("GET", CONFIGMAPS) == 200
    assert robot.status("GET", SECRETS) == 403
    assert Robot(door, "of-nobody").status("GET", CONFIGMAPS) == 401


@pytest.mark.parametrize(
    ("selector", "allowed"),
    [
        pytest.param({"matchLabels": {"to": "robot"}}, True, id="by a label"),
        pytest.param({"matchLabels": {"to": "man"}}, False, id="not by another value"),
        pytest.param(
            {"matchExpressions": [{"key": "to", "operator": "In", "values": ["robot"]}]},
            True,
            id="by an expression",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "to", "operator": "DoesNotExist"}]},
            False,
            id="not without",
        ),
    ],
)
def test_an_aggregated_role_has_the_rules_of_those_it_selects(
    door: Door, robot: Robot, selector, allowed
):
    part = role(rule("list", "configmaps"), name="part")
    part["metadata"]["labels"] = {"to": "robot"}
    whole = role(rule("list", "secrets")) | {
        "aggregationRule": {"clusterRoleSelectors": [selector]}
    }
    door.world.apply(part)
    door.world.apply(whole)
    door.world.apply(binding())
    assert robot.status("GET", CONFIGMAPS) == (200 if allowed else 403)
    assert robot.status("GET", SECRETS) == 403, "its own rules are overwritten"


def test_a_token_that_has_expired_is_nobodys(door: Door, robot: Robot):
    door.world.apply(role(rule("list", "configmaps")))
    door.world.apply(binding())
    assert robot.status("GET", CONFIGMAPS) == 200
    assert door.call("DELETE", "/_fake/rbac", token=TOKEN).body["users"] == []
    answer = robot.call("GET", CONFIGMAPS)
    assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")
    assert robot.status("GET", "/api") == 200, "discovery of this fake asks nobody"


def test_who_asks_too_often_is_told_to_wait(door: Door, robot: Robot, clock):
    door.world.apply(role(rule("*", "configmaps"), rule("*", "leases", "coordination.k8s.io")))
    door.world.apply(binding())
    assert door.post("/_fake/limit", {"perSecond": 2, "burst": 3}).status == 200
    assert [robot.status("GET", CONFIGMAPS) for _ in range(4)] == [200, 200, 200, 429]
    refused = robot.call("GET", CONFIGMAPS)
    assert refused.headers["retry-after"] == "1"
    assert refused.body["details"] == {"retryAfterSeconds": 1}
    assert robot.status("GET", LEASES.replace("default", "kube-system")) == 200
    assert door.get(CONFIGMAPS).status == 200, "an administrator is exempt"
    clock.advance(1)
    assert [robot.status("GET", CONFIGMAPS) for _ in range(3)] == [200, 200, 429]
    assert door.post("/_fake/limit", {}).status == 200
    assert robot.status("GET", CONFIGMAPS) == 200
    assert door.post("/_fake/limit", {"perMinute": 2}).status == 400


def test_accounts_are_checked_copied_and_forgotten(door: Door, robot: Robot):
    assert door.post("/_fake/rbac", {"token": TOKEN}).status == 400
    twin = Robot(Door(copy.deepcopy(door.world)))
    assert twin.status("GET", CONFIGMAPS) == 403
    door.post("/_fake/reset", {})
    assert robot.status("GET", CONFIGMAPS) == 200


def test_a_world_without_users_asks_nobody():
    door = Door(World(clock=VirtualClock()))
    assert Robot(door).status("GET", CONFIGMAPS) == 200
