"""The definitions of deploy/crds: served, complete, strict about values, and lossless in any version."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Door, Kubectl

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BACKEND = "/apis/cloud.google.com/v1/namespaces/default/backendconfigs"
OLD_BACKEND = "/apis/cloud.google.com/v1beta1/namespaces/default/backendconfigs"
FRONTEND = "/apis/networking.gke.io/v1beta1/namespaces/default/frontendconfigs"
HERE = Path(__file__).parents[3] / "deploy" / "crds"
MANIFESTS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(HERE.glob("*.yaml"))}

# Every field that ingress-gce knows, each with a value; also the proof that all are accepted.
FULL_BACKEND: dict[str, Any] = {
    "timeoutSec": 40,
    "connectionDraining": {"drainingTimeoutSec": 60},
    "sessionAffinity": {"affinityType": "GENERATED_COOKIE", "affinityCookieTtlSec": 50},
    "customRequestHeaders": {"headers": ["X-Client-Region: {client_region}"]},
    "customResponseHeaders": {"headers": ["Strict-Transport-Security: max-age=31536000"]},
    "healthCheck": {
        "checkIntervalSec": 15,
        "timeoutSec": 5,
        "healthyThreshold": 1,
        "unhealthyThreshold": 2,
        "type": "HTTP",
        "port": 30080,
        "requestPath": "/ready",
    },
    "logging": {"enable": True, "sampleRate": 0.5},
    "securityPolicy": {"name": "edge"},
    "iap": {
        "enabled": True,
        "oauthclientCredentials": {"secretName": "oauth", "clientID": "i", "clientSecret": "s"},
    },
    "cdn": {
        "enabled": True,
        "cachePolicy": {
            "includeHost": True,
            "includeProtocol": False,
            "includeQueryString": True,
            "queryStringBlacklist": ["utm_source"],
            "queryStringWhitelist": ["page"],
        },
        "cacheMode": "CACHE_ALL_STATIC",
        "clientTtl": 3600,
        "defaultTtl": 0,
        "maxTtl": 31622400,
        "negativeCaching": True,
        "negativeCachingPolicy": [{"code": 404, "ttl": 60}],
        "requestCoalescing": False,
        "serveWhileStale": 604800,
        "signedUrlCacheMaxAgeSec": 7200,
        "bypassCacheOnRequestHeaders": [{"headerName": "X-Bypass"}],
        "signedUrlKeys": [{"keyName": "one", "keyValue": "a2V5", "secretName": "keys"}],
    },
}
FULL_FRONTEND: dict[str, Any] = {
    "sslPolicy": "modern",
    "redirectToHttps": {"enabled": True, "responseCodeName": "PERMANENT_REDIRECT"},
}


def config(spec: Any, kind: str = "BackendConfig", version: str = "cloud.google.com/v1") -> Any:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}


def front(spec: Any) -> Any:
    return config(spec, "FrontendConfig", "networking.gke.io/v1beta1")


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of every field that holds a value."""
    if schema["type"] == "array":
        yield from leaves(schema["items"], f"{path}[]")
    elif "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from leaves(inner, f"{path}.{name}")
    else:
        yield path


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every field of a value, as `leaves` writes it."""
    if isinstance(value, list):
        for one in value:
            yield from paths_of(one, f"{path}[]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from paths_of(inner, f"{path}.{name}")
    else:
        yield path


def spec_schemas(name: str) -> dict[str, dict[str, Any]]:
    return {
        one["name"]: one["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for one in MANIFESTS[name]["spec"]["versions"]
    }


@pytest.fixture
def defined(door: Door) -> Door:
    for manifest in MANIFESTS.values():
        made = door.post(CRDS, manifest, fieldValidation="Strict")
        assert made.status == 201, made.body
    return door


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_schema_of_a_backend_config_has_the_fields_of_ingress_gce_and_no_other(version: str):
    assert set(leaves(spec_schemas("backendconfigs")[version])) == set(paths_of(FULL_BACKEND))


def test_the_schema_of_a_frontend_config_has_the_fields_of_ingress_gce_and_no_other():
    (schema,) = spec_schemas("frontendconfigs").values()
    assert set(leaves(schema)) == set(paths_of(FULL_FRONTEND))


@pytest.mark.parametrize("name", MANIFESTS)
def test_nothing_is_filled_in_because_absent_and_empty_are_two_things(name: str):
    assert "default" not in set(walked(MANIFESTS[name]["spec"]["versions"]))


def walked(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from walked(one)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from walked(inner)


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_field_below_spec_is_described(name: str):
    def bare(schema: dict[str, Any], path: str) -> Iterator[str]:
        for field, inner in schema.get("properties", {}).items():
            if not inner.get("description"):
                yield f"{path}.{field}"
            yield from bare(inner.get("items", inner), f"{path}.{field}")

    for schema in spec_schemas(name).values():
        assert list(bare(schema, "spec")) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(BACKEND, config(FULL_BACKEND), id="BackendConfig v1"),
        pytest.param(
            OLD_BACKEND,
            config(FULL_BACKEND, version="cloud.google.com/v1beta1"),
            id="BackendConfig v1beta1",
        ),
        pytest.param(FRONTEND, front(FULL_FRONTEND), id="FrontendConfig"),
    ],
)
def test_what_says_everything_comes_back_as_it_went_in(defined: Door, path: str, body: Any):
    made = defined.post(path, body, fieldValidation="Strict")
    assert (made.status, made.body.get("spec")) == (201, body["spec"]), made.body


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"connectionDraining": {}}, id="a block without fields"),
        pytest.param({"customResponseHeaders": {"headers": []}}, id="an empty list"),
        pytest.param({"securityPolicy": {"name": ""}}, id="an empty policy, which detaches"),
        pytest.param({"sessionAffinity": {"affinityType": ""}}, id="an empty enumeration"),
        pytest.param(
            {"iap": {"enabled": False, "oauthclientCredentials": {"secretName": ""}}},
            id="credentials without a Secret",
        ),
        pytest.param({"cdn": {"enabled": False}, "iap": {"enabled": False}}, id="both off"),
        pytest.param({"logging": {"enable": True, "sampleRate": 1}}, id="a whole rate"),
    ],
)
def test_absent_and_empty_stay_apart(defined: Door, spec: Any):
    made = defined.post(BACKEND, config(spec), fieldValidation="Strict").body
    assert made.get("spec") == spec, made


def test_an_empty_ssl_policy_stays_and_null_means_absent(defined: Door):
    made = defined.post(FRONTEND, front({"sslPolicy": ""}), fieldValidation="Strict").body
    assert made["spec"] == {"sslPolicy": ""}
    after = defined.patch(f"{FRONTEND}/a", {"spec": {"sslPolicy": None}}).body
    assert after["spec"] == {}


def test_a_write_through_the_older_version_loses_nothing(defined: Door):
    """Bug 2 (a) of the users' list, igce#1508: the Cloud Armor policy was gone."""
    defined.post(BACKEND, config(FULL_BACKEND))
    old = defined.get(f"{OLD_BACKEND}/a").body
    assert (old["apiVersion"], old["spec"]) == ("cloud.google.com/v1beta1", FULL_BACKEND)
    old["spec"]["timeoutSec"] = 41
    put = defined.put(f"{OLD_BACKEND}/a", old)
    assert put.status == 200, put.body
    patched = defined.patch(f"{OLD_BACKEND}/a", {"spec": {"logging": {"sampleRate": 0.25}}})
    assert patched.status == 200, patched.body
    logging = {"enable": True, "sampleRate": 0.25}
    now = defined.get(f"{BACKEND}/a").body
    assert now["spec"] == FULL_BACKEND | {"timeoutSec": 41, "logging": logging}


REFUSED = [
    pytest.param({"timeoutSec": -1}, "spec.timeoutSec", id="a negative timeout"),
    pytest.param({"timeoutSec": 2**31}, "spec.timeoutSec", id="a timeout beyond 32 bits"),
    pytest.param({"timeoutSec": "30"}, "spec.timeoutSec", id="a timeout in quotes"),
    pytest.param({"timeoutSec": 1.5}, "spec.timeoutSec", id="half a second"),
    pytest.param(
        {"connectionDraining": {"drainingTimeoutSec": 3601}},
        "spec.connectionDraining.drainingTimeoutSec",
        id="draining over an hour",
    ),
    pytest.param(
        {"sessionAffinity": {"affinityType": "COOKIE"}},
        "spec.sessionAffinity.affinityType",
        id="an affinity that there is not",
    ),
    pytest.param(
        {"sessionAffinity": {"affinityCookieTtlSec": 86401}},
        "spec.sessionAffinity.affinityCookieTtlSec",
        id="a cookie over a day",
    ),
    pytest.param(
        {"customRequestHeaders": {"headers": [1]}},
        "spec.customRequestHeaders.headers[0]",
        id="a header that is a number",
    ),
    pytest.param(
        {"customResponseHeaders": {"headers": "X: y"}},
        "spec.customResponseHeaders.headers",
        id="a header that is not in a list",
    ),
    pytest.param(
        {"healthCheck": {"checkIntervalSec": 0}},
        "spec.healthCheck.checkIntervalSec",
        id="no interval",
    ),
    pytest.param({"healthCheck": {"timeoutSec": 301}}, "spec.healthCheck.timeoutSec", id="a probe over 300 s"),
    pytest.param({"healthCheck": {"healthyThreshold": 11}}, "spec.healthCheck.healthyThreshold", id="eleven successes"),
    pytest.param({"healthCheck": {"unhealthyThreshold": 0}}, "spec.healthCheck.unhealthyThreshold", id="no failure"),
    pytest.param({"healthCheck": {"type": "http"}}, "spec.healthCheck.type", id="a protocol in lower case"),
    pytest.param({"healthCheck": {"port": 65536}}, "spec.healthCheck.port", id="a port beyond 65535"),
    pytest.param({"healthCheck": {"port": 0}}, "spec.healthCheck.port", id="port 0"),
    pytest.param({"logging": {"sampleRate": 1.1}}, "spec.logging.sampleRate", id="more than all"),
    pytest.param({"logging": {"enable": "true"}}, "spec.logging.enable", id="true in quotes"),
    pytest.param({"securityPolicy": {}}, "spec.securityPolicy.name", id="a policy without a name"),
    pytest.param({"iap": {}}, "spec.iap.enabled", id="IAP neither on nor off"),
    pytest.param(
        {"iap": {"enabled": True, "oauthclientCredentials": {"clientID": "i"}}},
        "spec.iap.oauthclientCredentials.secretName",
        id="credentials without the word secretName",
    ),
    pytest.param({"cdn": {"cacheMode": "FORCE_CACHE_ALL"}}, "spec.cdn.enabled", id="CDN neither on nor off"),
    pytest.param({"cdn": {"enabled": True, "cacheMode": "ALL"}}, "spec.cdn.cacheMode", id="a cache mode that there is not"),
    pytest.param({"cdn": {"enabled": True, "clientTtl": 31622401}}, "spec.cdn.clientTtl", id="kept by browsers over a year"),
    pytest.param({"cdn": {"enabled": True, "defaultTtl": -1}}, "spec.cdn.defaultTtl", id="a negative lifetime"),
    pytest.param({"cdn": {"enabled": True, "maxTtl": 31622401}}, "spec.cdn.maxTtl", id="kept over a year"),
    pytest.param({"cdn": {"enabled": True, "serveWhileStale": 604801}}, "spec.cdn.serveWhileStale", id="stale over a week"),
    pytest.param(
        {"cdn": {"enabled": True, "signedUrlCacheMaxAgeSec": -1}},
        "spec.cdn.signedUrlCacheMaxAgeSec",
        id="a negative age",
    ),
    pytest.param(
        {"cdn": {"enabled": True, "negativeCachingPolicy": [{"code": 200, "ttl": 1}]}},
        "spec.cdn.negativeCachingPolicy[0].code",
        id="a success cached as an error",
    ),
    pytest.param(
        {"cdn": {"enabled": True, "negativeCachingPolicy": [{"code": 404, "ttl": 1801}]}},
        "spec.cdn.negativeCachingPolicy[0].ttl",
        id="an error cached over half an hour",
    ),
    pytest.param(
        {"cdn": {"enabled": True, "bypassCacheOnRequestHeaders": [{"headerName": "x"}] * 6}},
        "spec.cdn.bypassCacheOnRequestHeaders",
        id="six headers that bypass",
    ),
    pytest.param(
        {"cdn": {"enabled": True, "signedUrlKeys": [{"keyName": "One"}]}},
        "spec.cdn.signedUrlKeys[0].keyName",
        id="a key name in capitals",
    ),
    pytest.param(
        {"cdn": {"enabled": True, "cachePolicy": {"queryStringWhitelist": [None]}}},
        "spec.cdn.cachePolicy.queryStringWhitelist[0]",
        id="null in a list",
    ),
]  # fmt: skip


@pytest.mark.parametrize("path", [BACKEND, OLD_BACKEND])
@pytest.mark.parametrize(("spec", "field"), REFUSED)
def test_what_compute_engine_would_refuse_is_refused_here(
    defined: Door, path: str, spec: Any, field: str
):
    group, version = path.split("/")[2:4]
    answer = defined.post(path, config(spec, version=f"{group}/{version}"))
    assert (answer.status, [one["field"] for one in answer.body["details"]["causes"]]) == (
        422,
        [field],
    )


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param({"sslPolicy": 1}, "spec.sslPolicy", id="a policy that is a number"),
        pytest.param({"redirectToHttps": {}}, "spec.redirectToHttps.enabled", id="neither on nor off"),
        pytest.param(
            {"redirectToHttps": {"enabled": True, "responseCodeName": "301"}},
            "spec.redirectToHttps.responseCodeName",
            id="a code instead of its name",
        ),
    ],
)  # fmt: skip
def test_a_frontend_config_is_checked(defined: Door, spec: Any, field: str):
    answer = defined.post(FRONTEND, front(spec))
    assert (answer.status, [one["field"] for one in answer.body["details"]["causes"]]) == (
        422,
        [field],
    )


def test_a_field_that_nobody_knows_is_refused_by_strict_clients(defined: Door):
    answer = defined.post(
        BACKEND, config({"securitypolicy": {"name": "edge"}}), fieldValidation="Strict"
    )
    assert 'unknown field "spec.securitypolicy"' in answer.body["message"]


def test_kubectl_applies_them_knows_the_short_name_and_explains(kubectl: Kubectl):
    said = kubectl("apply", "-f", str(HERE))
    assert said.count("created") == len(MANIFESTS)
    assert kubectl("apply", "-f", str(HERE)).count("unchanged") == len(MANIFESTS)
    kubectl("create", "-f", "-", stdin=yaml.safe_dump(config({"timeoutSec": 40})))
    assert "backendconfig.cloud.google.com/a" in kubectl("get", "bc", "-o", "name")
    assert "0 (always ask" in kubectl("explain", "bc.spec.cdn.defaultTtl")


def test_every_example_is_accepted_by_strict_kubectl(kubectl: Kubectl):
    kubectl("apply", "-f", str(HERE))
    examples = HERE.parent / "examples"
    for path in sorted(examples.glob("*.yaml")):
        kubectl("apply", "--validate=strict", "-f", str(path))
