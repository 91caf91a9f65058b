"""The eviction subresource: who may go, as PodDisruptionBudgets say, and what the answer is."""

from typing import Any

import pytest

from .conftest import Door

PODS = "/api/v1/namespaces/default/pods"
LABELS = {"app": "web"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": "x"}]}}


def put_pods(door: Door, ready: int, unready: int = 0, wanted: int = 3) -> list[str]:
    """Make Pods of one ReplicaSet of a Deployment, and say of some that they are ready."""
    path = "/apis/apps/v1/namespaces/default"
    spec = {"replicas": wanted, "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
    made = door.post(f"{path}/deployments", {"metadata": {"name": "web"}, "spec": spec}).body
    meta = {"name": "web-1", "ownerReferences": [owner(made)]}
    made = door.post(f"{path}/replicasets", {"metadata": meta, "spec": spec}).body
    names = [f"web-{number}" for number in range(ready + unready)]
    for number, name in enumerate(names):
        meta = {"name": name, "labels": LABELS, "ownerReferences": [owner(made)]}
        meta["finalizers"] = ["example.com/kubelet"]  # it is there until its container has ended
        body = {"metadata": meta, "spec": TEMPLATE["spec"] | {"nodeName": "node-1"}}
        assert door.post(PODS, body).status == 201
        status = "True" if number < ready else "False"
        said = {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]}
        assert door.patch(f"{PODS}/{name}/status", {"status": said}).status == 200
    return names


def owner(obj: dict[str, Any]) -> dict[str, Any]:
    names = {name: obj["metadata"][name] for name in ("name", "uid")}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "controller": True, **names}


def put_budget(door: Door, name: str = "web", **spec: Any) -> None:
    body = {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": LABELS}} | spec}
    path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    assert door.post(path, body).status == 201


def evict(door: Door, name: str, **options: Any) -> Any:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": "default"},
        "deleteOptions": options,
    }
    return door.post(f"{PODS}/{name}/eviction", body)


def is_going(door: Door, name: str) -> bool:
    return "deletionTimestamp" in door.get(f"{PODS}/{name}").body["metadata"]


def test_discovery_names_it_as_kubectl_looks_for_it(door: Door):
    rows = {row["name"]: row for row in door.get("/api/v1").body["resources"]}
    row = rows["pods/eviction"]
    assert (row["group"], row["version"], row["kind"]) == ("policy", "v1", "Eviction")
    assert row["verbs"] == ["create"]


def test_without_a_budget_a_pod_is_deleted_with_its_grace(door: Door):
    first, second, _ = put_pods(door, 3)
    answer = evict(door, first)
    assert (answer.status, answer.body["status"]) == (201, "Success")
    assert door.get(f"{PODS}/{first}").body["metadata"]["deletionGracePeriodSeconds"] == 30
    assert evict(door, second, gracePeriodSeconds=5).status == 201
    assert door.get(f"{PODS}/{second}").body["metadata"]["deletionGracePeriodSeconds"] == 5


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        pytest.param({"maxUnavailable": 1}, 1, id="one may be away"),
        pytest.param({"maxUnavailable": 0}, 0, id="nobody may be away"),
        pytest.param({"maxUnavailable": "34%"}, 2, id="a percentage is rounded up"),
        pytest.param({"minAvailable": 2}, 1, id="two must be there"),
        pytest.param({"minAvailable": "50%"}, 1, id="half of them must be there, rounded up"),
        pytest.param({}, 2, id="one must be there as long as nothing is said"),
        pytest.param({"minAvailable": 9, "selector": {}}, 0, id="an empty selector is everybody"),
        pytest.param(
            {"minAvailable": 9, "selector": {"matchLabels": {"app": "api"}}}, 3, id="of others"
        ),
    ],
)
def test_a_budget_lets_as_many_go_as_it_says(door: Door, spec, allowed):
    names = put_pods(door, 3)
    put_budget(door, **spec)
    codes = [evict(door, name).status for name in names]
    assert codes == [201] * allowed + [429] * (3 - allowed)
    assert [is_going(door, name) for name in names] == [True] * allowed + [False] * (3 - allowed)


def test_what_a_budget_forbids_is_said_as_kubectl_prints_it(door: Door):
    name, *_ = put_pods(door, 3)
    put_budget(door, minAvailable=3)
    refused = evict(door, name).body
    assert refused["reason"] == "TooManyRequests"
    assert refused["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    (cause,) = refused["details"]["causes"]
    assert cause == {
        "reason": "DisruptionBudget",
        "message": "The disruption budget web needs 3 healthy pods and has 3 currently",
    }


@pytest.mark.parametrize(
    ("ready", "more", "code"),
    [
        pytest.param(2, {}, 201, id="may go while the others are enough"),
        pytest.param(1, {}, 429, id="may not while they are not"),
        pytest.param(1, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, 201, id="may if it is said"),
    ],
)
def test_a_pod_that_is_not_ready(door: Door, ready, more, code):
    *_, sick = put_pods(door, ready, 1)
    put_budget(door, minAvailable=2, **more)
    assert evict(door, sick).status == code


def test_two_budgets_of_one_pod_are_not_supported(door: Door):
    name, *_ = put_pods(door, 3)
    put_budget(door, maxUnavailable=3)
    put_budget(door, "other", maxUnavailable=3)
    assert evict(door, name).status == 500


def test_who_is_going_already_asks_no_budget(door: Door):
    name, *_ = put_pods(door, 3)
    door.delete(f"{PODS}/{name}")
    put_budget(door, maxUnavailable=0)
    assert evict(door, name).status == 201


def test_what_is_wrong_is_refused_and_deletes_nothing(door: Door):
    name, *_ = put_pods(door, 3)
    assert evict(door, "nobody").status == 404
    assert door.post(f"{PODS}/{name}/eviction", {"metadata": {"name": "other"}}).status == 400
    assert evict(door, name, preconditions={"uid": "of-another"}).status == 409
    assert evict(door, name, dryRun=["All"]).status == 201
    assert door.get(f"{PODS}/{name}/eviction").status == 405
    assert not is_going(door, name)
