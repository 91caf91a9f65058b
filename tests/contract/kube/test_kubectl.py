"""The real kubectl, as people use it: what it prints is what is asserted."""

import json
import subprocess
from pathlib import Path

import pytest
import trustme

from .conftest import Kubectl, configmap, ingress, service
from .test_custom import DEFINITION, config

WALKTHROUGH = str(Path(__file__).parent / "manifests" / "walkthrough-2016.yaml")


def lines(text: str) -> list[list[str]]:
    """Return what is printed as words, without ages."""
    return [line.split() for line in text.splitlines()]


def manifest(*objects) -> str:
    return "\n---\n".join(json.dumps(one) for one in objects)


def test_the_walkthrough_of_2016_is_applied_verbatim_and_only_once(kubectl: Kubectl, world):
    assert kubectl("apply", "-f", WALKTHROUGH).splitlines() == [
        "replicationcontroller/echoheaders created",
        "service/echoheaders created",
        "ingress.extensions/echomap created",
    ]
    before = world.resource_version
    again = kubectl("apply", "-f", WALKTHROUGH).splitlines()
    assert [line.split()[-1] for line in again] == ["unchanged"] * 3
    assert world.resource_version == before
    assert kubectl("diff", "-f", WALKTHROUGH) == ""
    assert lines(kubectl("get", "ingress")) == [
        ["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"],
        ["echomap", "<none>", "*", "80,", "443", "0s"],
    ]
    assert lines(kubectl("get", "svc,rc", "-o", "wide", "--no-headers"))[0][:6] == [
        "service/echoheaders", "NodePort", "10.96.0.10", "<none>", "80:30000/TCP", "0s",
    ]  # fmt: skip
    deleted = kubectl("delete", "-f", WALKTHROUGH).splitlines()
    assert [line.split(" deleted")[0] for line in deleted] == [
        'replicationcontroller "echoheaders"',
        'service "echoheaders"',
        'ingress.extensions "echomap"',
    ]


def test_an_edit_by_apply_changes_only_what_it_says(kubectl: Kubectl, world):
    kubectl("apply", "-f", "-", stdin=manifest(service(type="NodePort")))
    changed = service(type="NodePort", ports=[{"name": "http", "port": 80, "targetPort": 8080}])
    diff = kubectl("diff", "-f", "-", stdin=manifest(changed), fails=True)
    assert "-    targetPort: 80\n+    targetPort: 8080\n" in diff
    assert kubectl("apply", "-f", "-", stdin=manifest(changed)) == "service/web configured\n"
    (port,) = world.get("svc", "default/web")["spec"]["ports"]
    assert (port["targetPort"], port["nodePort"]) == (8080, 30000)


def test_server_side_apply_and_its_conflicts(kubectl: Kubectl):
    applied = ("apply", "--server-side", "-f", "-")
    assert kubectl(*applied, stdin=manifest(ingress())) == (
        "ingress.networking.k8s.io/web serverside-applied\n"
    )
    kubectl("patch", "ingress", "web", "--type=merge", "-p", '{"spec":{"ingressClassName":"mine"}}')
    other = manifest(ingress(**ingress()["spec"], ingressClassName="yours"))
    assert 'conflict with "kubectl-patch": .spec.ingressClassName' in kubectl(
        *applied, stdin=other, fails=True
    )
    kubectl(*applied, "--force-conflicts", stdin=other)
    assert kubectl.json("get", "ingress", "web")["spec"]["ingressClassName"] == "yours"


def test_a_list_of_manifests_is_applied(kubectl: Kubectl, world):
    both = {"apiVersion": "v1", "kind": "List", "items": [configmap("a"), configmap("b")]}
    assert kubectl("apply", "-f", "-", stdin=manifest(both)).split()[::2] == [
        "configmap/a",
        "configmap/b",
    ]
    assert len(world.list("cm")) == 2


def test_get_prints_every_form(kubectl: Kubectl):
    kubectl("create", "-f", "-", stdin=manifest(configmap(a="b")))
    assert kubectl("get", "cm", "-o", "name") == "configmap/cm\n"
    assert kubectl.json("get", "cm", "cm")["data"] == {"a": "b"}
    assert "data:\n  a: b\n" in kubectl("get", "cm", "cm", "-o", "yaml")
    assert kubectl("get", "cm", "-o", "jsonpath={.items[*].data.a}") == "b"
    assert "No resources found in shop namespace." in kubectl("get", "cm", "-n", "shop")


def test_get_watch_prints_changes_as_they_come(kubectl: Kubectl, world):
    world.apply(ingress())
    with subprocess.Popen(
        kubectl.command("get", "ingress", "-w", "--no-headers"),
        env=kubectl.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[:4] == ["web", "<none>", "*", "80"]
        world.apply(ingress() | {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}})
        assert process.stdout.readline().split()[:4] == ["web", "<none>", "*", "1.1.1.1"]
        process.terminate()


def test_describe_shows_backends_and_events(kubectl: Kubectl, world):
    world.apply(service())
    made = world.apply(ingress())
    world.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": 8080}],
        }
    )
    world.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "web.1"},
            "involvedObject": {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "name": "web",
                "namespace": "default",
                "uid": made["metadata"]["uid"],
            },
            "type": "Normal",
            "reason": "Sync",
            "message": "the load balancer is there",
            "source": {"component": "glbc"},
            "firstTimestamp": "2023-11-14T22:13:20Z",
            "lastTimestamp": "2023-11-14T22:13:20Z",
            "count": 1,
        }
    )
    text = kubectl("describe", "ingress", "web")
    assert "web:80 (10.0.0.1:8080)" in text
    assert "Normal" in text
    assert "the load balancer is there" in text
    assert "the load balancer is there" in kubectl("events", "--for", "ingress/web")
    assert lines(kubectl("get", "events"))[1][1:4] == ["Normal", "Sync", "ingress/web"]


def test_delete_waits_for_finalizers(kubectl: Kubectl, world):
    held = ingress() | {"metadata": {"name": "web", "finalizers": ["example.com/lb"]}}
    world.apply(held)
    with subprocess.Popen(
        kubectl.command("delete", "ingress", "web"),
        env=kubectl.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('ingress.networking.k8s.io "web" deleted')
        assert world.get("ing", "default/web")["metadata"]["deletionTimestamp"]
        assert process.poll() is None
        kubectl(
            "patch",
            "ingress",
            "web",
            "--type=json",
            "-p",
            '[{"op":"remove","path":"/metadata/finalizers"}]',
        )
        assert process.wait(60) == 0
    assert world.get("ing", "default/web") is None


def test_wait_ends_with_the_condition(kubectl: Kubectl, world):
    world.apply(ingress())
    condition = "--for=jsonpath={.status.loadBalancer.ingress[0].ip}=1.1.1.1"
    assert "timed out" in kubectl("wait", condition, "ingress/web", "--timeout=10ms", fails=True)
    with subprocess.Popen(
        kubectl.command("wait", condition, "ingress/web", "--timeout=60s"),
        env=kubectl.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        status = {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}
        world.apply(ingress() | {"status": status})
        assert process.communicate(timeout=60)[0] == "ingress.networking.k8s.io/web condition met\n"


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        pytest.param(
            "strategic", '{"spec":{"ports":[{"port":80,"targetPort":8080}]}}', id="strategic"
        ),
        pytest.param(
            "merge", '{"spec":{"ports":[{"name":"http","port":80,"targetPort":8080}]}}', id="merge"
        ),
        pytest.param(
            "json", '[{"op":"replace","path":"/spec/ports/0/targetPort","value":8080}]', id="json"
        ),
    ],
)
def test_patch(kubectl: Kubectl, world, kind, patch):
    world.apply(service())
    assert kubectl("patch", "svc", "web", "--type", kind, "-p", patch) == "service/web patched\n"
    (port,) = world.get("svc", "default/web")["spec"]["ports"]
    assert (port["name"], port["targetPort"]) == ("http", 8080)


def test_patching_the_status(kubectl: Kubectl, world):
    world.apply(ingress())
    patch = '{"status":{"loadBalancer":{"ingress":[{"ip":"1.1.1.1"}]}}}'
    kubectl("patch", "ingress", "web", "--subresource=status", "--type=merge", "-p", patch)
    assert lines(kubectl("get", "ingress", "web"))[1][3] == "1.1.1.1"


def test_label_annotate_and_scale(kubectl: Kubectl, world):
    kubectl("create", "deployment", "web", "--image=nginx:1", "--port=80")
    assert kubectl("label", "deploy", "web", "tier=front") == "deployment.apps/web labeled\n"
    assert kubectl("annotate", "deploy", "web", "a=b") == "deployment.apps/web annotated\n"
    assert kubectl("label", "deploy", "web", "tier-") == "deployment.apps/web unlabeled\n"
    assert kubectl("scale", "deploy", "web", "--replicas=3") == "deployment.apps/web scaled\n"
    made = world.get("deploy", "default/web")
    assert made["spec"]["replicas"] == 3
    assert made["metadata"]["labels"] == {"app": "web"}
    assert made["metadata"]["annotations"] == {"a": "b"}


def test_replace_and_edit(kubectl: Kubectl, world):
    kubectl("create", "-f", "-", stdin=manifest(configmap(a="1")))
    assert (
        kubectl("replace", "-f", "-", stdin=manifest(configmap(a="2"))) == "configmap/cm replaced\n"
    )
    editor = kubectl.home / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/"2"/"3"/\' "$1"\n')
    editor.chmod(0o755)
    done = subprocess.run(
        kubectl.command("edit", "cm", "cm"),
        env=kubectl.environment | {"KUBE_EDITOR": str(editor)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "configmap/cm edited" in done.stdout
    assert world.get("cm", "default/cm")["data"] == {"a": "3"}


@pytest.mark.parametrize(
    ("words", "kind", "expected"),
    [
        pytest.param(("namespace", "made"), "ns", {"status": {"phase": "Active"}}, id="namespace"),
        pytest.param(("configmap", "made", "--from-literal=a=b"), "cm", {"data": {"a": "b"}}, id="configmap"),
        pytest.param(
            ("secret", "generic", "made", "--from-literal=a=b"), "secret", {"type": "Opaque", "data": {"a": "Yg=="}},
            id="secret generic",
        ),
        pytest.param(("serviceaccount", "made"), "sa", {}, id="serviceaccount"),
    ],
)  # fmt: skip
def test_create(kubectl: Kubectl, world, words, kind, expected):
    assert kubectl("create", *words).split()[-1] == "created"
    made = world.get(kind, "made" if kind == "ns" else "default/made")
    assert {key: made[key] for key in expected} == expected


def test_create_services_and_ingress(kubectl: Kubectl, world):
    kubectl("create", "service", "nodeport", "np", "--tcp=80:8080", "--node-port=30080")
    kubectl("create", "service", "clusterip", "ip", "--tcp=80:http")
    (port,) = world.get("svc", "default/np")["spec"]["ports"]
    assert (port["port"], port["targetPort"], port["nodePort"]) == (80, 8080, 30080)
    kubectl(
        "create",
        "ingress",
        "web",
        "--class=gce",
        "--rule=a.com/x*=np:80,tls=cert",
        "--default-backend=np:80",
    )
    spec = world.get("ing", "default/web")["spec"]
    assert spec["tls"] == [{"hosts": ["a.com"], "secretName": "cert"}]
    assert spec["defaultBackend"] == {"service": {"name": "np", "port": {"number": 80}}}
    assert spec["rules"][0]["http"]["paths"][0]["pathType"] == "Prefix"
    kubectl("create", "deployment", "app", "--image=nginx", "--port=80", "--replicas=2")
    kubectl("expose", "deployment", "app", "--type=NodePort", "--name=exposed")
    assert world.get("svc", "default/exposed")["spec"]["selector"] == {"app": "app"}


def test_create_secret_tls(kubectl: Kubectl, world):
    authority = trustme.CA()
    issued = authority.issue_cert("a.com")
    key, chain = kubectl.home / "tls.key", kubectl.home / "tls.crt"
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(chain)
    made = kubectl("create", "secret", "tls", "tls-secret", "--cert", str(chain), "--key", str(key))
    assert made == "secret/tls-secret created\n"
    stored = world.get("secret", "default/tls-secret")
    assert (stored["type"], set(stored["data"])) == ("kubernetes.io/tls", {"tls.crt", "tls.key"})
    assert lines(kubectl("get", "secret"))[1] == ["tls-secret", "kubernetes.io/tls", "2", "0s"]


@pytest.mark.parametrize("mode", ["client", "server"])
def test_dry_runs_change_nothing(kubectl: Kubectl, world, mode):
    before = world.resource_version
    text = kubectl(
        "create", f"--dry-run={mode}", "-o", "yaml", "-f", "-", stdin=manifest(ingress())
    )
    assert "name: web" in text
    said = kubectl("apply", f"--dry-run={mode}", "-f", "-", stdin=manifest(ingress()))
    assert "dry run)" in said
    assert world.resource_version == before


def test_mistakes_are_named(kubectl: Kubectl):
    unknown = ingress(**ingress()["spec"], rulez=[])
    assert 'strict decoding error: unknown field "spec.rulez"' in kubectl(
        "apply", "-f", "-", stdin=manifest(unknown), fails=True
    )
    text = kubectl(
        "apply", "-f", "-", stdin=manifest(ingress(rules=[{"host": "1.2.3.4"}])), fails=True
    )
    assert text == (
        'The Ingress "web" is invalid: spec.rules[0].host: Invalid value: "1.2.3.4": '
        "must be a DNS name, not an IP address\n"
    )
    assert kubectl("get", "ingress", "none", fails=True) == (
        'Error from server (NotFound): ingresses.networking.k8s.io "none" not found\n'
    )


def test_explain_can_i_and_the_small_ones(kubectl: Kubectl):
    assert "ingressClassName\t<string>" in kubectl("explain", "ingress.spec")
    assert kubectl("auth", "can-i", "create", "ingresses") == "yes\n"
    assert "Server Version: v1.37" in kubectl("version")
    assert "is running at http://127.0.0.1" in kubectl("cluster-info")
    assert "ingresses" in kubectl("api-resources", "--api-group=networking.k8s.io")
    assert kubectl("get", "--raw", "/readyz") == "ok"


def test_deleting_a_namespace_waits_until_it_is_empty(kubectl: Kubectl, world):
    kubectl("create", "namespace", "shop")
    world.apply(configmap() | {"metadata": {"name": "cm", "namespace": "shop"}})
    kubectl("delete", "namespace", "shop")
    assert world.get("ns", "shop") is None
    assert world.list("cm") == []


def test_a_custom_resource_is_applied_once_it_is_defined(kubectl: Kubectl):
    kubectl("apply", "-f", "-", stdin=manifest(DEFINITION))
    kubectl(
        "wait", "--for=condition=Established", "crd/backendconfigs.example.com", "--timeout=60s"
    )
    assert kubectl("apply", "-f", "-", stdin=manifest(config(timeoutSec=1))).endswith("created\n")
    assert kubectl("apply", "-f", "-", stdin=manifest(config(timeoutSec=2))).endswith(
        "configured\n"
    )
    assert lines(kubectl("get", "bc")) == [["NAME", "TIMEOUT", "AGE"], ["a", "2", "0s"]]
    assert "timeoutSec\t<integer> -required-" in kubectl("explain", "backendconfig.spec")
