"""Discovery, OpenAPI, health, and bodies that are not JSON."""

import pytest

from .conftest import CONFIGMAPS, Door

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def aggregated(door: Door, path: str):
    answer = door.call("GET", path, headers={"accept": AGGREGATED})
    assert answer.headers["content-type"].startswith("application/json;g=apidiscovery.k8s.io;v=v2")
    return answer.body["items"]


def test_aggregated_discovery_names_every_resource(door: Door):
    (core,) = aggregated(door, "/api")
    services = next(
        one for one in core["versions"][0]["resources"] if one["resource"] == "services"
    )
    assert services["shortNames"] == ["svc"]
    assert [one["subresource"] for one in services["subresources"]] == ["status"]
    groups = {one["metadata"]["name"]: one for one in aggregated(door, "/apis")}
    assert [one["version"] for one in groups["networking.k8s.io"]["versions"]] == ["v1", "v1beta1"]
    assert list(groups)[-1] == "extensions", "the newest home of Ingress is found first"


def test_legacy_discovery_says_the_same(door: Door):
    assert door.get("/api").body["versions"] == ["v1"]
    listed = {one["name"]: one for one in door.get("/apis").body["groups"]}
    assert listed.keys() == {one["metadata"]["name"] for one in aggregated(door, "/apis")}
    assert listed["networking.k8s.io"]["preferredVersion"]["version"] == "v1"
    assert door.get("/apis/apps").body["preferredVersion"]["groupVersion"] == "apps/v1"
    resources = {one["name"]: one for one in door.get("/apis/apps/v1").body["resources"]}
    assert resources["deployments/scale"]["kind"] == "Scale"
    assert resources["deployments/status"]["kind"] == "Deployment"
    assert door.get("/apis/nobody.example/v1").status == 404


def test_every_group_has_an_openapi_document(door: Door):
    paths = door.get("/openapi/v3").body["paths"]
    assert "apis/networking.k8s.io/v1" in paths
    for one in paths.values():
        document = door.get(one["serverRelativeURL"].partition("?")[0]).body
        patch = next(iter(document["paths"].values()))["patch"]
        assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
        assert patch["x-kubernetes-group-version-kind"].keys() == {"group", "version", "kind"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez", "/healthz/ping"])
def test_health_is_ok(door: Door, path):
    answer = door.get(path)
    assert (answer.status, answer.body) == (200, "ok")


def test_the_version_is_there(door: Door):
    assert door.get("/version").body["gitVersion"].startswith("v1.37")


def test_reviews_are_answered_and_not_stored(door: Door):
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    spec = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    answer = door.post(path, {"spec": spec})
    assert (answer.status, answer.body["status"]["allowed"]) == (201, True)
    assert door.get(path).status == 405


def test_yaml_is_read_too(door: Door):
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\ndata:\n  day: '2016-01-01'\n"
    made = door.call("POST", CONFIGMAPS, text, headers={"content-type": "application/yaml"})
    assert (made.status, made.body["data"]) == (201, {"day": "2016-01-01"})


def test_unknown_media_types_are_refused(door: Door):
    made = door.call("POST", CONFIGMAPS, b"x", headers={"content-type": "application/cbor"})
    assert (made.status, made.body["reason"]) == (415, "UnsupportedMediaType")


def field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


def envelope(kind: bytes, raw: bytes) -> bytes:
    return b"k8s\x00" + field(1, field(1, b"v1") + field(2, kind)) + field(2, raw)


def test_protobuf_bodies_of_known_kinds_are_read(door: Door):
    meta = field(1, field(1, b"cm"))
    pair = field(2, field(1, b"a") + field(2, b"b"))
    headers = {"content-type": "application/vnd.kubernetes.protobuf"}
    made = door.call("POST", CONFIGMAPS, envelope(b"ConfigMap", meta + pair), headers=headers)
    assert (made.status, made.body["data"]) == (201, {"a": "b"})


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        pytest.param(envelope(b"Quantum", b""), 415, "--dry-run=client -o yaml | kubectl create -f -", id="an unknown kind names the way around"),
        pytest.param(b"k8s\x00\x0a\x7f", 400, "not readable as Kubernetes protobuf", id="a truncated body"),
        pytest.param(b"json?", 400, "lacks the magic prefix", id="no protobuf at all"),
    ],
)  # fmt: skip
def test_protobuf_bodies_that_cannot_be_read_are_refused(door: Door, body, status, message):
    headers = {"content-type": "application/vnd.kubernetes.protobuf"}
    answer = door.call("POST", CONFIGMAPS, body, headers=headers)
    assert answer.status == status
    assert message in answer.body["message"]
