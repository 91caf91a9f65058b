"""Manifests that people really apply to GKE, unchanged: each is applied, converges, and is answered.

They are not part of this project: the folder stands beside it, and where it does not, nothing of it
is tested. What people fill in (`$DOMAIN`, `$POLICY_NAME`) is filled in here too.
"""

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.demotls import make_certificate
from tests.e2e.test_wire import answers
from tests.e2e.world import World

CASES = Path(__file__).parents[3] / "shared" / "cases"
FILES = sorted(CASES.glob("*/*.yaml"))
WORDS = {"DOMAIN": "example", "POLICY_NAME": "edge-policy"}
CRDS = Path(__file__).parents[2] / "deploy" / "crds"
MANAGED = {
    # what another controller of GKE brings
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "managedcertificates.networking.gke.io"},
    "spec": {
        "group": "networking.gke.io",
        "scope": "Namespaced",
        "names": {
            "kind": "ManagedCertificate",
            "listKind": "ManagedCertificateList",
            "plural": "managedcertificates",
            "singular": "managedcertificate",
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}

pytestmark = pytest.mark.skipif(not FILES, reason="NOT TESTED: there is no ../shared/cases")


@pytest.fixture(scope="module")
def gke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("cases"), traffic=True) as one:
        one.apply(*(yaml.safe_load(path.read_text()) for path in CRDS.glob("*.yaml")), MANAGED)
        seed_what_people_have(one)
        one.start_glbc()
        yield one
        one.assert_sound()


def seed_what_people_have(one: World) -> None:
    """Make what the manifests name and do not bring: addresses, policies, a managed certificate."""
    crt, key = make_certificate(one.directory, 1)
    bodies = (
        ("addresses", {"name": "iap-test"}),
        ("addresses", {"name": "gke-foobar-public-ip"}),
        ("securityPolicies", {"name": "edge-policy"}),
        ("sslPolicies", {"name": "gke-ingress-ssl-policy-https"}),
        (
            "sslCertificates",
            {
                "name": "mcrt-of-another-controller",
                "certificate": crt.read_text(),
                "privateKey": key.read_text(),
            },
        ),
    )
    for kind, body in bodies:
        one.ask("POST", f"{one.gce}/compute/v1/projects/demo/global/{kind}", body)
    secret = ("secret", "generic", "iap-test", "--from-literal=client_id=me")
    one.kubectl("create", *secret, "--from-literal=client_secret=word")


@pytest.fixture
def applied(gke: World, request: pytest.FixtureRequest) -> Iterator[list[dict[str, Any]]]:
    """Apply a case as it is, and take it away at the end: nothing of it may stay."""
    path: Path = request.param
    text = string.Template(path.read_text()).safe_substitute(WORDS)
    filled = gke.directory / path.name
    filled.write_text(text)
    gke.kubectl("apply", "-f", str(filled))
    yield [one for one in yaml.safe_load_all(text) if one]
    gke.kubectl("delete", "-f", str(filled), "--timeout=60s")
    gke.until(lambda: not gke.ours(), f"nothing of {path.name} is left")


def case(name: str) -> Any:
    found = [path for path in FILES if path.name == name]
    missing = pytest.mark.skipif(not found, reason=f"there is no {name}")
    return pytest.param(found[0] if found else name, id=name, marks=missing)


def backends(gke: World) -> list[dict[str, Any]]:
    return [one for one in gke.bodies("backendServices") if one["name"].startswith("k8s1-")]


@pytest.mark.parametrize("applied", [pytest.param(p, id=p.name) for p in FILES], indirect=True)
def test_every_case_becomes_a_chain(gke: World, applied: list[dict[str, Any]]) -> None:
    """The default is a node port of kube-system; all that the case brings goes to pods straight."""
    (ingress,) = (one for one in applied if one["kind"] == "Ingress")
    name = ingress["metadata"]["name"]
    services = {one["metadata"]["name"] for one in applied if one["kind"] == "Service"}
    replicas = sum(one["spec"]["replicas"] for one in applied if one["kind"] == "Deployment")
    if "networking.gke.io/managed-certificates" in ingress["metadata"].get("annotations", {}):
        cert = "ingress.gcp.kubernetes.io/pre-shared-cert=mcrt-of-another-controller"
        gke.kubectl("annotate", "ingress", name, cert)  # as its controller does
    gke.served(f"default/{name}")
    gke.until(lambda: len(backends(gke)) == len(services), "each Service has a backend")
    gke.until(lambda: len(endpoints(gke)) == replicas, "each pod is an endpoint")
    gke.until(
        lambda: all(len(one.get("backends", ())) == 2 for one in backends(gke)),
        "each backend has the groups of the zones with nodes",
    )


def endpoints(gke: World) -> list[str]:
    found = []
    for group in gke.bodies("networkEndpointGroups"):
        zone = group["zone"].rpartition("/")[2]
        where = f"zones/{zone}/networkEndpointGroups/{group['name']}/listNetworkEndpoints"
        answer = gke.ask("POST", f"{gke.gce}/compute/v1/projects/demo/{where}", {})
        found += [row["networkEndpoint"]["ipAddress"] for row in answer.get("items", ())]
    return found


@pytest.mark.parametrize(
    ("applied", "path", "host"),
    [
        (*case("external-ingress-basic.yaml").values, "/", "foo.example.com"),
        (*case("custom-http-hc-ingress.yaml").values, "/", "any.example.com"),
        (*case("cloudarmor-ingress.yaml").values, "/whereami", "any.example.com"),
    ],
    ids=["basic", "custom health check", "Cloud Armor"],
    indirect=["applied"],
)
def test_a_request_reaches_a_pod(
    gke: World, applied: list[dict[str, Any]], path: str, host: str
) -> None:
    (ingress,) = (one for one in applied if one["kind"] == "Ingress")
    (app,) = (one["metadata"]["name"] for one in applied if one["kind"] == "Deployment")
    address = gke.served(f"default/{ingress['metadata']['name']}")
    gke.until(lambda: answers(address, path, host).startswith(f"{app}-"), "a pod answers")


@pytest.mark.parametrize("applied", [case("custom-http-hc-ingress.yaml")], indirect=True)
def test_a_health_check_is_what_the_backend_config_says(gke: World, applied: Any) -> None:
    def asks() -> dict[str, Any]:
        found = [one for one in gke.bodies("healthChecks") if one["name"].startswith("k8s1-")]
        return found[0] if found else {}

    gke.until(lambda: asks().get("timeoutSec") == 1, "the check is made")
    block = asks()["httpHealthCheck"]
    assert (block["port"], block["requestPath"]) == (8080, "/healthz")
    assert block["portSpecification"] == "USE_FIXED_PORT"


@pytest.mark.parametrize("applied", [case("cloudarmor-ingress.yaml")], indirect=True)
def test_a_policy_stands_before_the_backend(gke: World, applied: Any) -> None:
    gke.until(
        lambda: (
            [one.get("securityPolicy", "") for one in backends(gke)]
            and all(one.get("securityPolicy", "").endswith("/edge-policy") for one in backends(gke))
        ),
        "the backend has the policy",
    )


@pytest.mark.parametrize("applied", [case("iap-ingress.yaml")], indirect=True)
def test_iap_is_on_with_the_credentials_of_the_secret(gke: World, applied: Any) -> None:
    gke.until(lambda: any(one.get("iap", {}).get("enabled") for one in backends(gke)), "IAP is on")
    (one,) = backends(gke)
    assert one["iap"]["oauth2ClientId"] == "me"
    assert "word" not in str(one)


@pytest.mark.parametrize("applied", [case("secure-ingress.yaml")], indirect=True)
def test_a_front_end_has_its_address_its_policy_and_its_redirect(gke: World, applied: Any) -> None:
    cert = "ingress.gcp.kubernetes.io/pre-shared-cert=mcrt-of-another-controller"
    gke.kubectl("annotate", "ingress", "secure-ingress", cert)
    reserved = gke.cloud("global/addresses/gke-foobar-public-ip")["address"]

    def addresses() -> list[str]:
        return [one["IPAddress"] for one in gke.bodies("forwardingRules")]

    def policies() -> list[str]:
        proxies = gke.bodies("targetHttpsProxies")
        return [one.get("sslPolicy", "").rpartition("/")[2] for one in proxies]

    # the Ingress may be seen before its FrontendConfig: each kind has a watch of its own
    gke.until(lambda: addresses() == [reserved] * 2, "both protocols are served at its address")
    gke.until(lambda: policies() == ["gke-ingress-ssl-policy-https"], "the proxy has its policy")
    gke.until(
        lambda: any(
            one.get("defaultUrlRedirect", {}).get("httpsRedirect") for one in gke.bodies("urlMaps")
        ),
        "there is a redirect",
    )
