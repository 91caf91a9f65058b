"""Lists: selectors, pages, order, tables."""

import pytest

from .conftest import CONFIGMAPS, INGRESSES, SERVICES, Door, configmap, ingress, service

ALL = "/api/v1/configmaps"


def names(answer) -> list[str]:
    return [one["metadata"]["name"] for one in answer.body["items"]]


@pytest.fixture
def labelled(door: Door) -> Door:
    for name, labels in (("a", {"tier": "web", "env": "dev"}), ("b", {"tier": "db"}), ("c", {})):
        door.post(CONFIGMAPS, {"metadata": {"name": name, "labels": labels}})
    return door


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param("tier=web", ["a"], id="equal"),
        pytest.param("tier==web", ["a"], id="equal, written twice"),
        pytest.param("tier!=web", ["b", "c"], id="not equal also matches the absent"),
        pytest.param("tier in (web, db)", ["a", "b"], id="one of"),
        pytest.param("tier notin (web)", ["b", "c"], id="none of also matches the absent"),
        pytest.param("env", ["a"], id="present"),
        pytest.param("!env", ["b", "c"], id="absent"),
        pytest.param("tier in (web,db),!env", ["b"], id="all terms together"),
    ],
)
def test_label_selectors(labelled: Door, selector, expected):
    assert names(labelled.get(CONFIGMAPS, labelSelector=selector)) == expected


@pytest.mark.parametrize(
    ("path", "selector", "expected"),
    [
        pytest.param(ALL, "metadata.name=a", ["a"], id="by name"),
        pytest.param(ALL, "metadata.namespace=kube-system", ["z"], id="by namespace"),
        pytest.param(
            ALL, "metadata.name!=a,metadata.namespace=default", ["b", "c"], id="two terms"
        ),
    ],
)
def test_field_selectors(labelled: Door, path, selector, expected):
    labelled.post(CONFIGMAPS.replace("default", "kube-system"), configmap("z"))
    assert names(labelled.get(path, fieldSelector=selector)) == expected


def test_secrets_are_found_by_type(door: Door):
    for name, kind in (("a", "Opaque"), ("b", "example.com/own")):
        door.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": name}, "type": kind})
    assert names(door.get("/api/v1/secrets", fieldSelector="type=Opaque")) == ["a"]


def test_a_field_the_kind_does_not_offer_is_an_error(door: Door):
    answer = door.get(INGRESSES, fieldSelector="spec.ingressClassName=gce")
    assert (answer.status, answer.body["message"]) == (
        400,
        "field label not supported: spec.ingressClassName",
    )


def test_a_list_says_its_kind_and_version_and_its_items_do_not(door: Door):
    door.post(CONFIGMAPS, configmap())
    body = door.get(CONFIGMAPS).body
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert body["metadata"] == {"resourceVersion": str(door.world.resource_version)}
    assert body["items"][0].keys() == {"metadata"}


def test_pages_show_one_moment_even_when_the_world_moves_on(door: Door):
    for name in "abcde":
        door.post(CONFIGMAPS, configmap(name))
    first = door.get(CONFIGMAPS, limit="2")
    assert names(first) == ["a", "b"]
    assert first.body["metadata"]["remainingItemCount"] == 3
    door.delete(f"{CONFIGMAPS}/c")
    door.post(CONFIGMAPS, configmap("ca"))
    second = door.get(CONFIGMAPS, **{"limit": "2", "continue": first.body["metadata"]["continue"]})
    third = door.get(CONFIGMAPS, **{"limit": "2", "continue": second.body["metadata"]["continue"]})
    assert (names(second), names(third)) == (["c", "d"], ["e"])
    versions = {one.body["metadata"]["resourceVersion"] for one in (first, second, third)}
    assert len(versions) == 1
    assert "continue" not in third.body["metadata"]


def test_a_page_whose_moment_is_compacted_is_gone(door: Door):
    for name in "abc":
        door.post(CONFIGMAPS, configmap(name))
    token = door.get(CONFIGMAPS, limit="1").body["metadata"]["continue"]
    door.post(CONFIGMAPS, configmap("d"))
    door.world.compact()
    answer = door.get(CONFIGMAPS, **{"limit": "1", "continue": token})
    assert (answer.status, answer.body["reason"]) == (410, "Expired")


def rows(door: Door, path: str, *, wide: bool = False) -> list[list[str]]:
    """Return the table as kubectl shows it, the header first."""
    table = door.table(path)
    shown = [i for i, one in enumerate(table["columnDefinitions"]) if wide or not one["priority"]]
    header = [table["columnDefinitions"][i]["name"].upper() for i in shown]
    return [header, *([str(row["cells"][i]) for i in shown] for row in table["rows"])]


def test_the_table_of_ingresses(door: Door, clock):
    door.post(INGRESSES, ingress())
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rules = [{"host": f"{name}.com"} for name in "abcd"]
    door.post(
        INGRESSES,
        ingress(
            "tls",
            defaultBackend=backend,
            rules=rules,
            tls=[{"secretName": "s"}],
            ingressClassName="gce",
        ),
    )
    door.patch(
        f"{INGRESSES}/tls/status", {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}}
    )
    clock.advance(200)
    assert rows(door, INGRESSES) == [
        ["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"],
        ["tls", "gce", "a.com,b.com,c.com + 1 more...", "1.1.1.1", "80, 443", "3m20s"],
        ["web", "<none>", "*", "", "80", "3m20s"],
    ]


def test_the_table_of_services(door: Door):
    door.post(SERVICES, service("a", selector={"app": "a"}))
    door.post(SERVICES, service("b", type="NodePort", ports=[{"port": 80, "nodePort": 30080}]))
    door.post(
        SERVICES,
        service(
            "c", type="LoadBalancer", clusterIP="10.96.1.1", ports=[{"port": 1, "nodePort": 30001}]
        ),
    )
    assert rows(door, SERVICES, wide=True) == [
        ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"],
        ["a", "ClusterIP", "10.96.0.10", "<none>", "80/TCP", "0s", "app=a"],
        ["b", "NodePort", "10.96.0.11", "<none>", "80:30080/TCP", "0s", "<none>"],
        ["c", "LoadBalancer", "10.96.1.1", "<pending>", "1:30001/TCP", "0s", "<none>"],
    ]


_POD = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
}
_NODE = {
    "conditions": [{"type": "Ready", "status": "True"}],
    "nodeInfo": {"kubeletVersion": "v1.37.0"},
    "addresses": [{"type": "InternalIP", "address": "127.64.0.1"}],
}
_META = {"metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("path", "body", "header", "row"),
    [
        pytest.param(
            "/apis/apps/v1/namespaces/default/deployments",
            _META | {"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": _POD}},
            "NAME READY UP-TO-DATE AVAILABLE AGE", "a 0/2 0 0 0s", id="Deployment",
        ),
        pytest.param(
            "/apis/apps/v1/namespaces/default/replicasets",
            _META | {"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": _POD}},
            "NAME DESIRED CURRENT READY AGE", "a 2 0 0 0s", id="ReplicaSet",
        ),
        pytest.param(
            "/api/v1/namespaces/default/replicationcontrollers", _META | {"spec": {"template": _POD}},
            "NAME DESIRED CURRENT READY AGE", "a 1 0 0 0s", id="ReplicationController",
        ),
        pytest.param(
            "/api/v1/namespaces/default/pods", _META | {"spec": _POD["spec"]},
            "NAME READY STATUS RESTARTS AGE", "a 0/1 Pending 0 0s", id="Pod",
        ),
        pytest.param(
            "/api/v1/nodes", _META | {"spec": {"unschedulable": True}, "status": _NODE},
            "NAME STATUS ROLES AGE VERSION", "a Ready,SchedulingDisabled <none> 0s v1.37.0", id="Node",
        ),
        pytest.param(
            "/api/v1/namespaces/default/secrets", _META | {"stringData": {"a": "b"}},
            "NAME TYPE DATA AGE", "a Opaque 1 0s", id="Secret",
        ),
        pytest.param(
            "/api/v1/namespaces/default/configmaps", _META | {"data": {"a": "b"}},
            "NAME DATA AGE", "a 1 0s", id="ConfigMap",
        ),
        pytest.param("/api/v1/namespaces", {"metadata": {"name": "a"}}, "NAME STATUS AGE", "a Active 0s", id="Namespace"),
        pytest.param(
            "/api/v1/namespaces/default/endpoints",
            _META | {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
            "NAME ENDPOINTS AGE", "a 10.0.0.1:80 0s", id="Endpoints",
        ),
        pytest.param(
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
            _META | {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]},
            "NAME ADDRESSTYPE PORTS ENDPOINTS AGE", "a IPv4 80 10.0.0.1 0s", id="EndpointSlice",
        ),
        pytest.param(
            "/apis/coordination.k8s.io/v1/namespaces/default/leases", _META | {"spec": {"holderIdentity": "me"}},
            "NAME HOLDER AGE", "a me 0s", id="Lease",
        ),
        pytest.param(
            "/apis/networking.k8s.io/v1/ingressclasses", _META | {"spec": {"controller": "example.com/glbc"}},
            "NAME CONTROLLER PARAMETERS AGE", "a example.com/glbc <none> 0s", id="IngressClass",
        ),
        pytest.param(
            "/api/v1/namespaces/default/events",
            _META | {
                "involvedObject": {"kind": "Ingress", "name": "web", "namespace": "default"},
                "type": "Normal", "reason": "Sync", "message": "done", "lastTimestamp": "2023-11-14T22:13:15Z",
            },
            "LAST SEEN TYPE REASON OBJECT MESSAGE", "5s Normal Sync ingress/web done", id="Event",
        ),
        pytest.param(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles", _META,
            "NAME CREATED AT", "a 2023-11-14T22:13:20Z", id="ClusterRole",
        ),
    ],
)  # fmt: skip
def test_the_tables_of_the_other_kinds(door: Door, path, body, header, row):
    assert door.post(path, body).status == 201
    table = rows(door, path)
    assert " ".join(table[0]) == header
    assert " ".join(next(one for one in table[1:] if one[0] in {"a", "5s"})) == row


def test_wide_workloads_show_containers_images_and_selector(door: Door):
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": _POD}
    path = "/apis/apps/v1/namespaces/default/deployments"
    door.post(path, _META | {"spec": spec})
    assert rows(door, path, wide=True)[1][5:] == ["c", "nginx:1", "app=a"]


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(1, "1s"), (119, "119s"), (120, "2m"), (599, "9m59s"), (600, "10m"), (3 * 3600, "3h"), (3 * 3600 + 60, "3h1m"),
     (50 * 3600, "2d2h"), (10 * 86400, "10d"), (800 * 86400, "2y70d")],
)  # fmt: skip
def test_ages_are_rounded_as_kubectl_rounds_them(world, clock, seconds, age):
    world.apply(configmap())
    clock.advance(seconds)
    assert rows(Door(world), CONFIGMAPS)[1][2] == age
