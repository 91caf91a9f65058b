"""`kubectl apply -k deploy/`, by the real kubectl, and what it has put there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.stack import Stack
from glbc.config import Config, parse

SYSTEM = ("-n", "kube-system")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("install")) as stack:
        done = stack.run("kubectl", "apply", "-k", "deploy/", "--validate=strict")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        yield stack


def read(stack: Stack, *words: str) -> dict[str, Any]:
    done = stack.run("kubectl", "get", *words, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pod_specs(stack: Stack) -> dict[str, dict[str, Any]]:
    job = read(stack, "cronjob", "glbc-gc", *SYSTEM)["spec"]["jobTemplate"]["spec"]
    found = {"glbc-gc": job["template"]["spec"]}
    for name in ("glbc", "default-http-backend"):
        deployment = read(stack, "deployment", name, *SYSTEM)
        found[name] = deployment["spec"]["template"]["spec"]
    return found


def test_applied_once_more_nothing_changes(installed: Stack) -> None:
    done = installed.run("kubectl", "diff", "-k", "deploy/")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_everything_is_there(installed: Stack) -> None:
    for kind, name in (
        ("customresourcedefinition", "backendconfigs.cloud.google.com"),
        ("customresourcedefinition", "frontendconfigs.networking.gke.io"),
        ("customresourcedefinition", "ingressparameters.glbc.gcp.kubernetes.io"),
        ("customresourcedefinition", "servicenetworkendpointgroups.networking.gke.io"),
        ("ingressclass", "gce"),
        ("clusterrole", "glbc"),
        ("service", "default-http-backend"),
        ("poddisruptionbudget", "glbc"),
        ("configmap", "glbc-alerts"),
    ):
        assert read(installed, kind, name, *SYSTEM)["metadata"]["name"] == name


def test_the_controller_has_two_replicas_that_are_asked_how_they_are(installed: Stack) -> None:
    spec = read(installed, "deployment", "glbc", *SYSTEM)["spec"]
    assert spec["replicas"] == 2
    (container,) = spec["template"]["spec"]["containers"]
    asked = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert {name: (get["path"], get["port"]) for name, get in asked.items()} == {
        "livenessProbe": ("/healthz", "http"),
        "readinessProbe": ("/readyz", "http"),
    }
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert container["args"][-2:] == ["--http-address", "0.0.0.0:8080"]
    budget = read(installed, "poddisruptionbudget", "glbc", *SYSTEM)["spec"]
    assert budget["minAvailable"] == 1
    assert budget["selector"] == spec["selector"]


@pytest.mark.parametrize("name", ["glbc", "glbc-gc", "default-http-backend"])
def test_a_pod_has_no_more_rights_than_it_needs(installed: Stack, name: str) -> None:
    spec = pod_specs(installed)[name]
    (container,) = spec["containers"]
    security = spec.get("securityContext", {}) | container["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", ["glbc", "glbc-gc"])
def test_a_pod_is_the_service_account_and_reads_the_configuration(
    installed: Stack, name: str
) -> None:
    spec = pod_specs(installed)[name]
    assert spec["serviceAccountName"] == "glbc"
    (volume,) = [one for one in spec["volumes"] if one["name"] == "config"]
    stored = read(installed, "configmap", volume["configMap"]["name"], *SYSTEM)
    assert parse(stored["data"]["config.yaml"], "config.yaml") == Config()
    (container,) = spec["containers"]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "config"]
    assert f"{mount['mountPath']}/config.yaml" in container["args"]


def test_the_job_that_collects_deletes_nothing_by_itself(installed: Stack) -> None:
    (container,) = pod_specs(installed)["glbc-gc"]["containers"]
    assert container["args"][0] == "gc"
    assert "--dry-run" in container["args"]
    assert "--yes" not in container["args"]


def test_the_service_account_of_the_pods_is_the_one_with_the_rights(installed: Stack) -> None:
    for kind, where in (("clusterrolebinding", ()), ("rolebinding", SYSTEM)):
        (subject,) = read(installed, kind, "glbc", *where)["subjects"]
        assert (subject["namespace"], subject["name"]) == ("kube-system", "glbc")
    assert read(installed, "serviceaccount", "glbc", *SYSTEM)
