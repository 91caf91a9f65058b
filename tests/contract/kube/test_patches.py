"""The four kinds of patch, each through both doors."""

import pytest

from .conftest import CONFIGMAPS, INGRESSES, SERVICES, Door, configmap, ingress, service


@pytest.mark.parametrize(
    ("patch", "kind", "data"),
    [
        pytest.param({"data": {"b": "2"}}, "merge", {"a": "1", "b": "2"}, id="merge adds a key"),
        pytest.param({"data": {"a": None, "b": "2"}}, "merge", {"b": "2"}, id="merge: null removes a key"),
        pytest.param({"data": {"a": None, "b": "2"}}, "strategic", {"b": "2"}, id="strategic: null removes a key"),
        pytest.param(
            {"data": {"$patch": "replace", "b": "2"}}, "strategic", {"b": "2"},
            id="strategic: the replace directive",
        ),
        pytest.param(
            {"data": {"$retainKeys": ["b"], "b": "2"}}, "strategic", {"b": "2"},
            id="strategic: the retain directive",
        ),
        pytest.param([{"op": "add", "path": "/data/b", "value": "2"}], "json", {"a": "1", "b": "2"}, id="json: add"),
        pytest.param([{"op": "replace", "path": "/data/a", "value": "2"}], "json", {"a": "2"}, id="json: replace"),
        pytest.param(
            [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "move", "from": "/data/a", "path": "/data/b"}],
            "json", {"b": "1"}, id="json: test and move",
        ),
        pytest.param(
            [{"op": "copy", "from": "/data/a", "path": "/data/x~1y"}], "json", {"a": "1", "x/y": "1"},
            id="json: copy to an escaped key",
        ),
    ],
)  # fmt: skip
def test_patches_of_a_map(door: Door, patch, kind, data):
    if "x/y" in data:  # not a valid key of a ConfigMap's data, but one of an annotation
        made = {"metadata": {"name": "cm", "annotations": {"a": "1"}}}
        door.post(CONFIGMAPS, made)
        moved = [
            one | {"from": "/metadata/annotations/a", "path": "/metadata/annotations/x~1y"}
            for one in patch
        ]
        assert door.patch(f"{CONFIGMAPS}/cm", moved, kind).body["metadata"]["annotations"] == data
        return
    door.post(CONFIGMAPS, configmap(a="1"))
    assert door.patch(f"{CONFIGMAPS}/cm", patch, kind).body["data"] == data


@pytest.mark.parametrize(
    ("patch", "kind", "status"),
    [
        pytest.param(
            [{"op": "test", "path": "/data/a", "value": "2"}], "json", 422, id="a test that fails"
        ),
        pytest.param(
            [{"op": "remove", "path": "/data/b"}], "json", 422, id="removing what is not there"
        ),
        pytest.param({"data": {}}, "json", 400, id="an object for a list"),
        pytest.param(
            {"metadata": {"resourceVersion": "1"}},
            "merge",
            409,
            id="an old version inside the patch",
        ),
        pytest.param({"metadata": {"name": "other"}}, "merge", 400, id="another name"),
        pytest.param({"data": {"a": 1}}, "merge", 400, id="a value of the wrong type"),
    ],
)
def test_patches_that_do_not_fit_are_refused(door: Door, patch, kind, status):
    door.post(CONFIGMAPS, configmap(a="1"))
    assert door.patch(f"{CONFIGMAPS}/cm", patch, kind).status == status


def test_strict_validation_refuses_the_result_of_a_patch(door: Door):
    door.post(INGRESSES, ingress())
    refused = door.patch(f"{INGRESSES}/web", {"spec": {"x": 1}}, fieldValidation="Strict")
    assert refused.status == 422
    assert 'strict decoding error: unknown field "spec.x"' in refused.body["message"]


def ports(door: Door, patch, kind):
    made = service(ports=[{"name": "http", "port": 80}, {"name": "tls", "port": 443}])
    door.post(SERVICES, made)
    answer = door.patch(f"{SERVICES}/web", patch, kind)
    return [
        (one["port"], one.get("name"), one["targetPort"]) for one in answer.body["spec"]["ports"]
    ]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param(
            {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}},
            [(80, "http", 8080), (443, "tls", 443)], id="an element is found by its key",
        ),
        pytest.param(
            {"spec": {"ports": [{"port": 81, "name": "more"}]}},
            [(80, "http", 80), (443, "tls", 443), (81, "more", 81)], id="a new element is added",
        ),
        pytest.param(
            {"spec": {"ports": [{"$patch": "delete", "port": 443}]}},
            [(80, "http", 80)], id="the delete directive removes an element",
        ),
        pytest.param(
            {"spec": {"ports": [{"$patch": "replace"}, {"port": 81, "name": "only"}]}},
            [(81, "only", 81)], id="the replace directive replaces the list",
        ),
        pytest.param(
            {"spec": {"$setElementOrder/ports": [{"port": 443}, {"port": 80}]}},
            [(443, "tls", 443), (80, "http", 80)], id="the order directive sorts",
        ),
    ],
)  # fmt: skip
def test_strategic_patches_of_a_keyed_list(door: Door, patch, expected):
    assert ports(door, patch, "strategic") == expected


def test_a_merge_patch_replaces_a_keyed_list(door: Door):
    assert ports(door, {"spec": {"ports": [{"port": 81}]}}, "merge") == [(81, None, 81)]


def test_finalizers_are_a_set_for_a_strategic_patch(door: Door):
    door.post(CONFIGMAPS, {"metadata": {"name": "cm", "finalizers": ["a.io/x"]}})
    path = f"{CONFIGMAPS}/cm"
    both = door.patch(path, {"metadata": {"finalizers": ["a.io/y"]}}, "strategic").body
    assert both["metadata"]["finalizers"] == ["a.io/x", "a.io/y"]
    less = door.patch(
        path, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.io/x"]}}, "strategic"
    ).body
    assert less["metadata"]["finalizers"] == ["a.io/y"]


def test_ingress_rules_are_replaced_whole(door: Door):
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    door.post(
        INGRESSES, ingress(defaultBackend=backend, rules=[{"host": "a.com"}, {"host": "b.com"}])
    )
    patched = door.patch(
        f"{INGRESSES}/web", {"spec": {"rules": [{"host": "c.com"}]}}, "strategic"
    ).body
    assert patched["spec"]["rules"] == [{"host": "c.com"}]


def test_an_empty_list_clears_the_address(door: Door):
    door.post(INGRESSES, ingress())
    status = f"{INGRESSES}/web/status"
    for cleared in ([], None):
        door.patch(status, {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}})
        after = door.patch(status, {"status": {"loadBalancer": {"ingress": cleared}}}).body
        assert after["status"] == {"loadBalancer": {}}


# --- server-side apply ---


def applied(door: Door, body, manager, **query):
    path = f"{CONFIGMAPS}/cm"
    full = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}} | body
    return door.patch(path, full, "apply", fieldManager=manager, **query)


def test_apply_creates_and_then_changes_nothing(door: Door):
    first = applied(door, {"data": {"a": "1"}}, "me")
    again = applied(door, {"data": {"a": "1"}}, "me")
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    owner = first.body["metadata"]["managedFields"][0]
    assert (owner["manager"], owner["operation"]) == ("me", "Apply")
    assert owner["fieldsV1"] == {"f:data": {"f:a": {}}}


def test_a_field_left_out_goes_unless_somebody_else_owns_it(door: Door):
    applied(door, {"data": {"a": "1", "b": "2"}}, "me")
    applied(door, {"data": {"b": "2"}}, "you")
    after = applied(door, {"data": {"c": "3"}}, "me")
    assert after.body["data"] == {"b": "2", "c": "3"}


def test_another_managers_value_is_a_conflict_until_forced(door: Door):
    applied(door, {"data": {"a": "1"}}, "me")
    refused = applied(door, {"data": {"a": "2"}}, "you")
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "me": .data.a'
    assert refused.body["details"]["causes"][0]["reason"] == "FieldManagerConflict"
    forced = applied(door, {"data": {"a": "2"}}, "you", force="true")
    assert forced.body["data"] == {"a": "2"}
    assert [one["manager"] for one in forced.body["metadata"]["managedFields"]] == ["you"]


def test_an_ordinary_write_takes_ownership(door: Door):
    applied(door, {"data": {"a": "1"}}, "me")
    door.patch(f"{CONFIGMAPS}/cm", {"data": {"a": "2"}}, fieldManager="editor")
    assert (
        'conflict with "editor": .data.a'
        in applied(door, {"data": {"a": "1"}}, "me").body["message"]
    )


def test_apply_finds_elements_of_keyed_lists(door: Door):
    def ports_of(manager, *ports):
        body = {"metadata": {"name": "web"}, "spec": {"ports": list(ports)}}
        return door.patch(f"{SERVICES}/web", body, "apply", fieldManager=manager).body["spec"][
            "ports"
        ]

    ports_of("me", {"name": "http", "port": 80}, {"name": "tls", "port": 443})
    ports_of("you", {"name": "more", "port": 81})
    assert [one["port"] for one in ports_of("me", {"name": "http", "port": 80})] == [80, 81]


def test_apply_to_the_status_owns_the_address(door: Door):
    door.post(INGRESSES, ingress())
    body = {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}}
    path = f"{INGRESSES}/web/status"
    assert door.patch(path, body, "apply", fieldManager="lb").body["status"] == body["status"]
    cleared = door.patch(path, {"metadata": {"name": "web"}}, "apply", fieldManager="lb").body
    assert cleared["status"] == {"loadBalancer": {}}


def test_apply_without_a_manager_is_refused(door: Door):
    answer = door.patch(f"{CONFIGMAPS}/cm", {"metadata": {"name": "cm"}}, "apply")
    assert answer.status == 422
    assert "fieldManager: Required value: is required for apply patch" in answer.body["message"]
