"""The life of objects: create, read, replace, delete, and what the server adds on its own."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import CONFIGMAPS, INGRESSES, LEASES, Door, configmap, ingress, service


def test_a_created_object_gets_identity_and_status(door: Door):
    made = door.post(
        INGRESSES, ingress() | {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}}
    )
    assert made.status == 201
    meta = made.body["metadata"]
    assert (meta["namespace"], meta["generation"], len(meta["uid"])) == ("default", 1, 36)
    assert meta["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert made.body["status"] == {"loadBalancer": {}}
    assert door.get(f"{INGRESSES}/web").body == made.body


def test_versions_come_from_one_counter_for_all_kinds(door: Door):
    first = door.post(CONFIGMAPS, configmap("a")).body
    second = door.post(INGRESSES, ingress()).body
    assert (
        int(second["metadata"]["resourceVersion"]) == int(first["metadata"]["resourceVersion"]) + 1
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        pytest.param(
            "GET", f"{INGRESSES}/no", None, (404, "NotFound", 'ingresses.networking.k8s.io "no" not found'), id="reading what is not there",
        ),
        pytest.param(
            "GET", "/api/v1/namespaces/default/secrets/no", None, (404, "NotFound", 'secrets "no" not found'), id="the core group has no suffix",
        ),
        pytest.param(
            "POST", "/api/v1/namespaces/nowhere/configmaps", configmap(), (404, "NotFound", 'namespaces "nowhere" not found'), id="creating in a missing namespace",
        ),
        pytest.param(
            "POST", "/api/v1/namespaces", {"metadata": {"name": "default"}}, (409, "AlreadyExists", 'namespaces "default" already exists'), id="creating what is there",
        ),
        pytest.param(
            "GET", "/apis/nobody.example/v1/things", None, (404, "NotFound", "the server could not find the requested resource"), id="a group nobody serves",
        ),
        pytest.param(
            "PUT", CONFIGMAPS, configmap(), (405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
            id="replacing a collection",
        ),
        pytest.param(
            "POST", CONFIGMAPS, configmap() | {"apiVersion": "v2"}, (400, "BadRequest", "the API version in the data (v2) does not match the expected API version (v1)"),
            id="another version in the body",
        ),
        pytest.param(
            "POST", CONFIGMAPS,
            {"metadata": {"name": "x", "namespace": "kube-system"}}, (400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"),
            id="another namespace in the body",
        ),
        pytest.param(
            "POST", CONFIGMAPS, {"metadata": {"name": "x", "resourceVersion": "1"}}, (500, "InternalError", "resourceVersion should not be set on objects to be created"),
            id="creating with a version",
        ),
        pytest.param(
            "POST", CONFIGMAPS, b"{", (400, "BadRequest", "couldn't parse the body: Input data was truncated"),
            id="a body that is no JSON",
        ),
    ],
)  # fmt: skip
def test_refusals_are_status_objects(door: Door, method, path, body, expected):
    answer = door.call(method, path, body)
    assert (answer.body["kind"], answer.body["code"]) == ("Status", answer.status)
    assert (answer.status, answer.body["reason"], answer.body["message"]) == expected


def test_a_replacement_from_an_old_version_conflicts(door: Door):
    old = door.post(CONFIGMAPS, configmap(a="1")).body
    door.put(f"{CONFIGMAPS}/cm", old | {"data": {"a": "2"}})
    late = door.put(f"{CONFIGMAPS}/cm", old | {"data": {"a": "3"}})
    assert (late.status, late.body["reason"]) == (409, "Conflict")
    assert late.body["message"].startswith('Operation cannot be fulfilled on configmaps "cm"')


def test_a_replacement_without_version_is_unconditional(door: Door):
    door.post(CONFIGMAPS, configmap(a="1"))
    assert door.put(f"{CONFIGMAPS}/cm", configmap(a="2")).body["data"] == {"a": "2"}


def test_a_lease_is_replaced_only_by_version(door: Door):
    lease = {"metadata": {"name": "leader"}, "spec": {"holderIdentity": "a"}}
    made = door.put(f"{LEASES}/leader", lease)
    assert made.status == 201, "a PUT of a missing Lease creates it"
    refused = door.put(f"{LEASES}/leader", lease)
    assert refused.status == 422
    assert (
        "metadata.resourceVersion: Invalid value: 0x0: must be specified" in refused.body["message"]
    )
    assert door.put(f"{LEASES}/leader", made.body | {"spec": {"holderIdentity": "b"}}).status == 200


def test_a_write_that_changes_nothing_is_no_write(door: Door):
    made = door.post(INGRESSES, ingress()).body
    again = door.put(f"{INGRESSES}/web", ingress()).body
    empty = door.patch(f"{INGRESSES}/web", {"metadata": {"labels": {}}}).body
    assert again == empty == made
    assert door.world.resource_version == int(made["metadata"]["resourceVersion"])


def test_generation_counts_changes_of_the_spec_only(door: Door):
    door.post(INGRESSES, ingress())
    path = f"{INGRESSES}/web"
    label = door.patch(path, {"metadata": {"labels": {"a": "b"}}}).body
    status = door.patch(
        f"{path}/status", {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}}
    ).body
    spec = door.patch(path, {"spec": {"ingressClassName": "gce"}}).body
    assert [one["metadata"]["generation"] for one in (label, status, spec)] == [1, 1, 2]


def test_main_and_status_endpoints_write_different_halves(door: Door):
    door.post(INGRESSES, ingress())
    path = f"{INGRESSES}/web"
    both = {
        "metadata": {"annotations": {"a": "b"}},
        "spec": {"ingressClassName": "gce"},
        "status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}},
    }
    after = door.patch(f"{path}/status", both).body
    assert "ingressClassName" not in after["spec"]
    assert after["status"] == both["status"]
    assert after["metadata"]["annotations"] == {"a": "b"}, "as the real Ingress does"
    main = door.patch(path, both | {"status": {"loadBalancer": None}}).body
    assert main["spec"]["ingressClassName"] == "gce"
    assert main["status"] == both["status"]


def test_finalizers_hold_an_object_until_the_last_is_gone(door: Door):
    door.post(
        INGRESSES, ingress() | {"metadata": {"name": "web", "finalizers": ["a.io/x", "a.io/y"]}}
    )
    path = f"{INGRESSES}/web"
    marked = door.delete(path, {"propagationPolicy": "Background"})
    assert marked.status == 200
    assert marked.body["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:20Z"
    assert marked.body["metadata"]["deletionGracePeriodSeconds"] == 0
    added = door.patch(path, {"metadata": {"finalizers": ["a.io/x", "a.io/y", "a.io/z"]}})
    assert added.status == 422
    assert "no new finalizers can be added if the object is being deleted" in added.body["message"]
    assert door.patch(path, {"metadata": {"finalizers": ["a.io/y"]}}).status == 200
    last = door.patch(path, {"metadata": {"finalizers": None}})
    assert last.status == 200, "the caller's patch succeeds although the object is gone"
    assert door.get(path).status == 404
    deleted = door.world.changes("Ingress", 0)[-1]
    assert deleted["type"] == "DELETED"
    assert deleted["object"]["metadata"]["resourceVersion"] == str(door.world.resource_version)


def test_a_pod_that_is_deleted_has_the_time_that_it_wants_or_is_given(door: Door):
    pods = "/api/v1/namespaces/default/pods"
    held = {"finalizers": ["a.io/x"]}
    spec = {"containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 45}
    for name in ("own", "given"):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name} | held, "spec": spec}
        assert door.post(pods, pod).status == 201

    def grace(name: str, body: dict | None = None) -> int:
        marked = door.delete(f"{pods}/{name}", body)
        assert door.get(f"{pods}/{name}").body == marked.body
        return int(marked.body["metadata"]["deletionGracePeriodSeconds"])

    assert grace("own") == 45
    assert grace("given", {"gracePeriodSeconds": 20}) == 20
    assert grace("given", {"gracePeriodSeconds": 30}) == 20, "it is never given more"
    assert grace("given") == 20
    assert grace("given", {"gracePeriodSeconds": 0}) == 0


def test_a_deletion_without_finalizers_answers_success(door: Door):
    made = door.post(INGRESSES, ingress()).body
    answer = door.delete(f"{INGRESSES}/web").body
    assert answer["status"] == "Success"
    assert answer["details"] == {
        "name": "web",
        "group": "networking.k8s.io",
        "kind": "ingresses",
        "uid": made["metadata"]["uid"],
    }


def test_a_deletion_with_a_wrong_precondition_conflicts(door: Door):
    door.post(CONFIGMAPS, configmap())
    answer = door.delete(f"{CONFIGMAPS}/cm", {"preconditions": {"uid": "another"}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert "Precondition failed: UID in precondition: another" in answer.body["message"]


def test_a_collection_is_deleted_by_selector(door: Door):
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2"})):
        door.post(CONFIGMAPS, {"metadata": {"name": name, "labels": labels}})
    door.delete(CONFIGMAPS, labelSelector="x=1")
    assert [one["metadata"]["name"] for one in door.get(CONFIGMAPS).body["items"]] == ["b"]


def test_deleting_a_namespace_empties_it(door: Door):
    door.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    shop = CONFIGMAPS.replace("default", "shop")
    door.post(shop, configmap("plain"))
    door.post(shop, {"metadata": {"name": "held", "finalizers": ["a.io/x"]}})
    answer = door.delete("/api/v1/namespaces/shop")
    assert answer.body["status"]["phase"] == "Terminating"
    assert [one["metadata"]["name"] for one in door.get(shop).body["items"]] == ["held"]
    refused = door.post(shop, configmap("late"))
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    door.patch(f"{shop}/held", {"metadata": {"finalizers": []}})
    assert door.get("/api/v1/namespaces/shop").status == 404


def test_dry_run_answers_but_stores_nothing(door: Door):
    before = door.world.resource_version
    made = door.post(INGRESSES, ingress(), dryRun="All")
    assert (made.status, made.body["status"]) == (201, {"loadBalancer": {}})
    assert door.world.resource_version == before
    assert door.post(INGRESSES, ingress(rules=[{"host": "1.2.3.4"}]), dryRun="All").status == 422


def test_generated_names_end_in_five_letters(door: Door):
    made = door.post(CONFIGMAPS, {"metadata": {"generateName": "job-"}}).body["metadata"]["name"]
    assert made.startswith("job-")
    assert len(made) == 9


@pytest.mark.parametrize(
    ("mode", "status", "warning"),
    [
        pytest.param("Strict", 400, "", id="strict refuses"),
        pytest.param(
            "Warn", 201, '299 - "unknown field \\"spec.rulez\\""', id="warn says so in a header"
        ),
        pytest.param("Ignore", 201, "", id="ignore is silent"),
    ],
)
def test_unknown_fields_are_reported_as_asked(door: Door, mode, status, warning):
    body = ingress()
    body["spec"] = body["spec"] | {"rulez": []}
    answer = door.post(INGRESSES, body, fieldValidation=mode)
    assert answer.status == status
    assert answer.headers.get("warning", "") == warning
    if status == 201:
        assert "rulez" not in answer.body["spec"]
    else:
        assert answer.body["message"] == (
            'Ingress in version "v1" cannot be handled as a Ingress: '
            'strict decoding error: unknown field "spec.rulez"'
        )


def test_a_value_of_the_wrong_type_is_always_refused(door: Door):
    answer = door.post(
        INGRESSES, ingress(defaultBackend={"service": {"name": "a", "port": {"number": "80"}}})
    )
    assert answer.status == 400
    assert (
        "json: cannot unmarshal string into Go struct field ServiceBackendPort."
        in answer.body["message"]
    )


def test_secrets_are_written_as_text_and_read_as_base64(door: Door):
    made = door.post(
        "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}}
    ).body
    assert (made["data"], made["type"]) == ({"a": "Yg=="}, "Opaque")
    assert "stringData" not in made


def test_a_workload_gets_defaults_and_an_empty_status(door: Door):
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]},
    }
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    path = "/apis/apps/v1/namespaces/default/deployments"
    made = door.post(path, {"metadata": {"name": "web"}, "spec": spec}).body
    assert (made["spec"]["replicas"], made["status"]) == (1, {})
    assert made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    scaled = door.patch(f"{path}/web/scale", {"spec": {"replicas": 3}}).body
    assert (scaled["kind"], scaled["spec"]) == ("Scale", {"replicas": 3})
    assert door.get(f"{path}/web").body["spec"]["replicas"] == 3


def test_a_new_ingress_gets_the_default_class(door: Door):
    door.world.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {
                "name": "gce",
                "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
            },
            "spec": {"controller": "example.com/glbc"},
        }
    )
    assert door.post(INGRESSES, ingress()).body["spec"]["ingressClassName"] == "gce"


def test_writers_in_many_threads_get_versions_of_their_own(world):
    def write(number):
        door = Door(world)
        for step in range(20):
            door.post(CONFIGMAPS, configmap(f"c{number}-{step}"))

    before = world.resource_version
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    versions = [
        int(one["object"]["metadata"]["resourceVersion"]) for one in world.changes("cm", before)
    ]
    assert versions == list(range(before + 1, before + 161))
    assert len(world.calls()) == 160


def test_convenience_leaves_alone_what_others_have_added(world):
    def applied(**meta):
        return world.apply(configmap() | {"metadata": {"name": "cm"} | meta})["metadata"]

    applied(annotations={"mine": "1", "also": "1"}, finalizers=["a.io/mine"])
    door = Door(world)
    door.patch(
        f"{CONFIGMAPS}/cm", {"metadata": {"annotations": {"yours": "1"}, "labels": {"a": "b"}}}
    )
    finalizers = ["a.io/mine", "a.io/yours"]
    door.patch(f"{CONFIGMAPS}/cm", {"metadata": {"finalizers": finalizers}})
    after = applied(annotations={"mine": "2"})
    assert after["annotations"] == {"mine": "2", "yours": "1"}
    assert (after["labels"], after["finalizers"]) == ({"a": "b"}, ["a.io/yours"])


def test_convenience_replaces_the_spec_and_leaves_the_status(door: Door):
    world = door.world
    shop = service() | {"metadata": {"name": "web", "namespace": "shop"}}
    world.apply(shop | {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}})
    port = world.get("svc", "shop/web")["spec"]["ports"][0]
    world.apply(shop | {"spec": {"type": "NodePort", "ports": [{"port": 81}]}})
    after = world.get("Service", "shop/web")
    assert (port["port"], after["spec"]["ports"][0]["port"]) == (80, 81)
    assert after["status"]["loadBalancer"]["ingress"] == [{"ip": "1.1.1.1"}]
    assert [one["metadata"]["name"] for one in world.list("services", "shop")] == ["web"]
    assert world.delete("Service", "shop/web") is True
    assert world.get("Service", "shop/web") is None
