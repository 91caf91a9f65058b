"""Custom resources: served once defined, pruned, completed and checked by their schema."""

import pytest

from .conftest import PATCHES, Door

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CONFIGS = "/apis/example.com/v1/namespaces/default/backendconfigs"
SPEC = {
    "type": "object",
    "required": ["timeoutSec"],
    "properties": {
        "timeoutSec": {"type": "integer", "minimum": 1, "maximum": 100},
        "mode": {"type": "string", "enum": ["ON", "OFF"], "default": "ON"},
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
        "port": {"x-kubernetes-int-or-string": True},
        "codes": {"type": "array", "maxItems": 2, "items": {"type": "integer"}},
        "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "backendconfigs.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "backendconfigs", "kind": "BackendConfig", "shortNames": ["bc"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": SPEC,
                            "status": {
                                "type": "object",
                                "properties": {"note": {"type": "string"}},
                            },
                        },
                    }
                },
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Timeout", "type": "integer", "jsonPath": ".spec.timeoutSec"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
            }
        ],
    },
}


@pytest.fixture
def defined(door: Door) -> Door:
    made = door.post(CRDS, DEFINITION)
    assert made.status == 201, made.body
    return door


def config(**spec):
    return {
        "apiVersion": "example.com/v1",
        "kind": "BackendConfig",
        "metadata": {"name": "a"},
        "spec": spec,
    }


def test_nothing_is_served_before_the_definition_and_after_its_deletion(door: Door):
    assert door.get(CONFIGS).status == 404
    made = door.post(CRDS, DEFINITION).body
    conditions = {one["type"]: one["status"] for one in made["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    door.post(CONFIGS, config(timeoutSec=1))
    listed = door.get(CONFIGS).body
    assert (listed["kind"], listed["items"][0]["kind"]) == ("BackendConfigList", "BackendConfig")
    door.delete(f"{CRDS}/backendconfigs.example.com")
    assert door.get(CONFIGS).status == 404
    door.post(CRDS, DEFINITION)
    assert door.get(CONFIGS).body["items"] == []


def test_unknown_fields_go_and_defaults_come(defined: Door):
    made = defined.post(CONFIGS, config(timeoutSec=1, other=2, extra={"any": 1})).body
    assert made["spec"] == {"timeoutSec": 1, "mode": "ON", "extra": {"any": 1}}
    strict = defined.post(CONFIGS, config(timeoutSec=1, other=2), fieldValidation="Strict")
    assert (strict.status, strict.body["message"]) == (
        400,
        'strict decoding error: unknown field "spec.other"',
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({}, "spec.timeoutSec: Required value", id="a required field"),
        pytest.param(
            {"timeoutSec": "1"},
            'spec.timeoutSec: Invalid value: "string": spec.timeoutSec in body must be of type integer: "string"',
            id="a wrong type",
        ),
        pytest.param(
            {"timeoutSec": 0},
            "spec.timeoutSec: Invalid value: 0: spec.timeoutSec in body should be greater than or equal to 1",
            id="below the minimum",
        ),
        pytest.param(
            {"timeoutSec": 101},
            "spec.timeoutSec: Invalid value: 101: spec.timeoutSec in body should be less than or equal to 100",
            id="above the maximum",
        ),
        pytest.param(
            {"timeoutSec": 1, "mode": "MAYBE"},
            'spec.mode: Unsupported value: "MAYBE": supported values: "ON", "OFF"', id="not in the enum",
        ),
        pytest.param(
            {"timeoutSec": 1, "name": "A"},
            "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'", id="against the pattern",
        ),
        pytest.param(
            {"timeoutSec": 1, "name": "abcdef"}, "spec.name: Too long: may not be more than 5 bytes", id="too long",
        ),
        pytest.param(
            {"timeoutSec": 1, "codes": [1, "2"]}, 'spec.codes[1] in body must be of type integer: "string"',
            id="an element of a wrong type",
        ),
        pytest.param(
            {"timeoutSec": 1, "codes": [1, 2, 3]}, "spec.codes in body should have at most 2 items",
            id="too many elements",
        ),
        pytest.param(
            {"timeoutSec": 1, "labels": {"a": 1}}, 'spec.labels.a in body must be of type string: "integer"',
            id="a map's value of a wrong type",
        ),
        pytest.param(
            {"timeoutSec": 1, "port": True}, "spec.port in body must be of type integer,string", id="neither number nor name",
        ),
    ],
)  # fmt: skip
def test_the_schema_refuses(defined: Door, spec, message):
    answer = defined.post(CONFIGS, config(**spec))
    assert answer.status == 422
    assert message in answer.body["message"]


def test_status_and_main_are_apart_and_metadata_stays(defined: Door):
    made = defined.post(CONFIGS, config(timeoutSec=1) | {"status": {"note": "dropped"}}).body
    assert "status" not in made
    path = f"{CONFIGS}/a"
    both = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"timeoutSec": 2},
        "status": {"note": "seen"},
    }
    after = defined.patch(f"{path}/status", both).body
    assert (after["spec"]["timeoutSec"], after["status"]) == (1, {"note": "seen"})
    assert "labels" not in after["metadata"]
    main = defined.patch(path, {"spec": {"timeoutSec": 2}}).body
    assert [after["metadata"]["generation"], main["metadata"]["generation"]] == [1, 2]


def test_what_differs_from_built_in_kinds(defined: Door):
    made = defined.post(CONFIGS, config(timeoutSec=1)).body
    path = f"{CONFIGS}/a"
    strategic = defined.patch(path, {"spec": {}}, "strategic")
    assert strategic.status == 415
    assert PATCHES["merge"] in strategic.body["message"]
    assert defined.put(path, config(timeoutSec=2)).status == 422, "a replacement needs the version"
    assert defined.put(path, made | {"spec": {"timeoutSec": 2}}).status == 200
    forced = defined.patch(path, config(timeoutSec=3), "apply", fieldManager="me", force="true")
    assert forced.body["spec"]["timeoutSec"] == 3


def test_the_table_has_the_columns_of_the_definition(defined: Door):
    defined.post(CONFIGS, config(timeoutSec=7))
    table = defined.table(CONFIGS)
    assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Timeout", "Age"]
    assert table["rows"][0]["cells"] == ["a", 7, "0s"]


def test_they_are_watched_like_all_others(defined: Door):
    with defined.watch(CONFIGS) as watch:
        defined.post(CONFIGS, config(timeoutSec=1))
        assert [one["type"] for one in watch.take(1)] == ["ADDED"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"metadata": {"name": "x"}}, 'metadata.name: Invalid value: "x": must be spec.names.plural', id="a name that does not fit"),
        pytest.param(
            {"spec": DEFINITION["spec"] | {"versions": [{"name": "v1", "served": True, "storage": True}]}},
                        "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required", id="no schema",
        ),
        pytest.param(
            {"spec": DEFINITION["spec"] | {"versions": [{
                "name": "v1", "served": True, "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {}}}},
            }]}},
            "openAPIV3Schema.properties[spec].type: Required value: must not be empty",
            id="a schema that leaves a type open",
        ),
    ],
)  # fmt: skip
def test_definitions_are_checked(door: Door, change, message):
    answer = door.post(CRDS, DEFINITION | change)
    assert answer.status == 422
    assert message in answer.body["message"]
