"""Manifests in place of a cluster: what of a directory counts, and what cannot be known."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from glbc.commands import manifests
from glbc.errors import GlbcError
from glbc.model.finding import ObjectRef
from glbc.model.views import VIEWS
from glbc.translate.reasons import Reason

INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
"""
UIDS = ["--cluster-uid", "16f2a1b3c4d5e6f7", "--kube-system-uid", "6d1f3c1e"]


def read(directory: Path, text: str) -> manifests.Manifests:
    (directory / "ingress.yaml").write_text(INGRESS)
    (directory / "other.yaml").write_text(text)
    return manifests.read(directory)


def test_an_object_without_a_namespace_is_in_the_default_one(tmp_path: Path) -> None:
    assert set(read(tmp_path, "").snapshot.ingresses) == {"default/web"}


def test_a_cluster_wide_kind_has_none(tmp_path: Path) -> None:
    text = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: gce, namespace: odd}
"""
    assert set(read(tmp_path, text).snapshot.ingress_classes) == {"gce"}


def test_a_file_with_another_ending_is_nothing_to_us(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("{")
    (tmp_path / "chart.yaml.tpl").write_text("{{ x }}")
    assert read(tmp_path, "").problems == ()


def test_a_pod_is_made_as_the_workload_would(tmp_path: Path) -> None:
    text = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: cart, readinessProbe: {httpGet: {path: /ready, port: 80}}}]}
"""
    (pod,) = read(tmp_path, text).snapshot.pods.values()
    assert (pod.metadata.namespace, pod.metadata.labels) == ("shop", {"app": "cart"})
    assert pod.asks_http


def test_a_secret_can_be_written_as_text(tmp_path: Path) -> None:
    text = """
apiVersion: v1
kind: Secret
metadata: {name: iap}
stringData: {client_id: me, client_secret: hush}
"""
    found = read(tmp_path, text)
    secret = found.snapshot.credentials["default/iap"]
    assert secret is not None
    assert secret.data is not None
    assert secret.data.client_secret is not None
    assert base64.b64decode(secret.data.client_secret.reveal()) == b"hush"
    assert found.snapshot.secrets == {}  # it has no certificate
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        pytest.param("apps/v1", "ControllerRevision", id="a kind that says nothing of traffic"),
        pytest.param("serving.knative.dev/v1", "Service", id="another group's Service"),
        pytest.param("config.openshift.io/v1", "Ingress", id="another group's Ingress"),
        pytest.param("cloud.google.com/v1beta1", "BackendConfig", id="an old version we read"),
    ],
)
def test_other_kinds_are_no_problem(tmp_path: Path, version: str, kind: str) -> None:
    found = read(tmp_path, f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n")
    assert found.problems == ()
    assert set(found.snapshot.ingresses) == {"default/web"}
    assert found.snapshot.services == {}


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        pytest.param("", set(), id="all is well"),
        pytest.param(
            "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: 1\n",
            {"Service"},
            id="a Service cannot be read",
        ),
        pytest.param("hello", set(VIEWS) - {"Pod"}, id="nobody knows what it was to be"),
    ],
)
def test_what_cannot_be_read_may_have_been_a_wish(tmp_path: Path, text: str, unseen) -> None:
    assert set(VIEWS) - read(tmp_path, text).snapshot.complete == unseen


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        pytest.param("type: NodePort, ports: [{port: 80}]", ["spec.ports[0].nodePort"], id="open"),
        pytest.param(
            "type: LoadBalancer, ports: [{port: 80, nodePort: 30080}, {port: 81}]",
            ["spec.ports[1].nodePort"],
            id="one of two",
        ),
        pytest.param("type: NodePort, ports: [{port: 80, nodePort: 30080}]", [], id="said"),
        pytest.param("ports: [{port: 80}]", [], id="a Service that never gets one"),
    ],
)
def test_a_node_port_that_the_cluster_chooses_is_not_known(tmp_path: Path, spec, fields) -> None:
    text = f"apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{{spec}}}\n"
    web = ObjectRef("Service", "default", "web")
    found = [one for one in read(tmp_path, text).findings if one.object == web]
    assert [(one.reason, one.field) for one in found] == [
        (Reason.NOT_KNOWN, field) for field in fields
    ]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda _: None, "has no .yaml, .yml or .json file", id="an empty directory"),
        pytest.param(
            lambda path: (path / "a.yaml").write_text("# nothing\n---\n"),
            "has no Ingress",
            id="empty documents",
        ),
    ],
)
def test_nothing_to_read_is_an_error(tmp_path: Path, make, problem: str) -> None:
    make(tmp_path)
    with pytest.raises(GlbcError, match=problem):
        manifests.read(tmp_path)


def test_a_plan_without_the_cloud_loads_no_cloud_library(tmp_path: Path) -> None:
    read(tmp_path, "")
    script = f"""
import sys
from glbc.cli import main
code = main(["plan", "--from", {str(tmp_path)!r}, "--no-cloud", *{UIDS!r}])
print(code, [name for name in sys.modules if name.split(".")[0] == "google"], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "0 []\n", done.stdout
