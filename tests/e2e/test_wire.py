"""Requests on the wire: kubectl applies, Envoy carries, pods answer; under load nothing is lost.

Every load prints how many requests it sent and how many failed.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from fakes.build import ingress
from fakes.demotls import Load, make_certificate
from tests.e2e.world import World

HOST = "shop.example.com"
CONFIG = "networking.gke.io/v1beta1.FrontendConfig"
ANYTHING = httpx.create_ssl_context(verify=False)


def deployment(name: str, replicas: int = 2, **labels: str) -> dict[str, Any]:
    match = {"app": name}
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
    container = {
        "name": "echo",
        "image": "registry.k8s.io/echoserver:1.10",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": probe,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "default", "name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": match},
            "template": {
                "metadata": {"labels": {**match, **labels}},
                "spec": {"containers": [container]},
            },
        },
    }


def service(name: str, app: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    spec = {"type": "NodePort", "selector": {"app": app}, "ports": ports}
    meta = {"namespace": "default", "name": name}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def ask(address: str, path: str = "/", host: str = HOST, scheme: str = "http") -> httpx.Response:
    with httpx.Client(verify=ANYTHING, timeout=5, trust_env=False) as client:
        return client.get(f"{scheme}://{address}{path}", headers={"host": host})


def answers(address: str, path: str = "/", host: str = HOST, scheme: str = "http") -> str:
    """Return the pod that answers, or the code, or what went wrong."""
    try:
        got = ask(address, path, host, scheme)
    except httpx.HTTPError as error:
        return type(error).__name__
    if got.status_code != 200:
        return str(got.status_code)
    return got.text.splitlines()[0].removeprefix("Hostname: ")


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("wire"), traffic=True) as one:
        one.apply(
            deployment("web"), deployment("api"), service("web", "web"), service("api", "api")
        )
        put_secret(one, 1)  # whichever tests run here, there is a key to look for
        one.start_glbc()
        yield one
        keys = {path.read_text().splitlines()[1] for path in one.directory.glob("*.key")}
        said = "".join(one.log(part) for part in ("glbc", "gce", "kube", "nodes", "edge"))
        told_events = one.kubectl("get", "events", "-o", "json")
        assert keys
        assert not [key for key in keys if key in said + told_events]


@contextmanager
def served(one: World, body: dict[str, Any]) -> Iterator[str]:
    """Apply an Ingress, wait until it answers at all, and delete it at the end."""
    name = body["metadata"]["name"]
    one.apply(body)
    address = one.served(f"default/{name}")
    one.until(lambda: answers(address).startswith(("web-", "api-", "301")), f"{name} answers")
    yield address
    one.kubectl("delete", "ingress", name, "--timeout=60s")


def put_secret(one: World, serial: int) -> None:
    crt, key = make_certificate(one.directory, serial)
    made = one.kubectl(
        *("create", "secret", "tls", "wire", "--dry-run=client", "-o", "json"),
        *("--cert", str(crt), "--key", str(key)),
    )
    one.apply(json.loads(made))


def serial_of(address: str) -> int:
    import ssl  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415

    pem = ssl.get_server_certificate((address, 443)).encode()
    return x509.load_pem_x509_certificate(pem).serial_number


def told(load: Load, what: str) -> None:
    print(f"{what}: {load.asked} requests, {len(load.failed)} failed {load.failed[:3]}")


def test_hosts_and_paths_reach_their_pods(wire: World) -> None:
    body = ingress(
        "default/paths",
        {
            HOST: [("/api", "api:80"), ("/exact", "api:80", "Exact")],
            "*.wild.example.com": [("/*", "api:80", "ImplementationSpecific")],
        },
        default="web:80",
        class_name="gce",
    )
    with served(wire, body) as address:
        wire.until(lambda: answers(address, "/api").startswith("api-"), "the path answers")
        table = {
            (HOST, "/"): "web",
            (HOST, "/api"): "api",
            (HOST, "/api/deep"): "api",
            (HOST, "/apis"): "web",
            (HOST, "/exact"): "api",
            (HOST, "/exact/not"): "web",
            ("a.wild.example.com", "/x"): "api",
            ("other.example.com", "/"): "web",
        }

        def found() -> dict[tuple[str, str], str]:
            asked = {(host, path): answers(address, path, host) for host, path in table}
            return {where: pod.partition("-")[0] for where, pod in asked.items()}

        wire.until(lambda: found() == table, "each path answers")


def test_rotation_under_load_loses_no_request(wire: World) -> None:
    put_secret(wire, 11)
    body = ingress("default/rotate", default="web:80", class_name="gce")
    body["spec"]["tls"] = [{"secretName": "wire"}]
    with served(wire, body) as address:
        wire.until(lambda: answers(address, scheme="https").startswith("web-"), "HTTPS answers")
        with Load(f"https://{address}/") as load:
            wire.until(lambda: load.asked > 30, "requests flow")
            for serial in (12, 13):
                put_secret(wire, serial)
                wire.until(lambda serial=serial: serial_of(address) == serial, "it is served")
            seen = load.asked
            wire.until(lambda: load.asked > seen + 30, "requests flow on")
        told(load, "rotation, twice")
        assert load.failed == []


def test_the_redirect_goes_off_and_on_under_load_and_loses_no_request(wire: World) -> None:
    wire.kubectl("apply", "-f", "deploy/crds/frontendconfigs.yaml")
    front: dict[str, Any] = {
        "apiVersion": "networking.gke.io/v1beta1",
        "kind": "FrontendConfig",
        "metadata": {"namespace": "default", "name": "front"},
        "spec": {"redirectToHttps": {"enabled": True}},
    }
    wire.until(lambda: not wire.run("kubectl", "get", "frontendconfigs").returncode, "it is known")
    wire.apply(front)
    put_secret(wire, 21)
    body = ingress(
        "default/redirect", default="web:80", class_name="gce", annotations={CONFIG: "front"}
    )
    body["spec"]["tls"] = [{"secretName": "wire"}]
    with served(wire, body) as address:
        wire.until(lambda: answers(address, scheme="https").startswith("web-"), "HTTPS answers")
        wire.until(lambda: answers(address) == "301", "HTTP redirects")
        with Load(f"https://{address}/") as load, Load(f"http://{address}/", {200, 301}) as plain:
            for enabled, answer in ((False, "web-"), (True, "301"), (False, "web-")):
                wire.apply({**front, "spec": {"redirectToHttps": {"enabled": enabled}}})
                wire.until(lambda answer=answer: answers(address).startswith(answer), answer)
        told(load, "redirect, HTTPS")
        told(plain, "redirect, HTTP")
        assert (load.failed, plain.failed) == ([], [])


def test_a_rolling_update_under_load(wire: World) -> None:
    with served(wire, ingress("default/roll", default="web:80", class_name="gce")) as address:
        with Load(f"http://{address}/") as load:
            wire.until(lambda: load.asked > 30, "requests flow")
            wire.apply(deployment("web", version="2"))
            wire.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
            seen = load.asked
            wire.until(lambda: load.asked > seen + 30, "requests flow on")
        told(load, "rolling update")
        assert len(load.failed) <= load.asked * 0.02


def test_a_backend_switch_under_load_loses_no_request(wire: World) -> None:
    with served(wire, ingress("default/switch", default="web:80", class_name="gce")) as address:
        with Load(f"http://{address}/") as load:
            wire.until(lambda: load.asked > 30, "requests flow")
            wire.apply(ingress("default/switch", default="api:80", class_name="gce"))
            wire.until(lambda: answers(address).startswith("api-"), "the new backend answers")
            seen = load.asked
            wire.until(lambda: load.asked > seen + 100, "requests flow on")
        told(load, "backend switch")
        assert load.failed == []
        assert "glbc.invalid" not in json.dumps(wire.url_map("default/switch"))


def test_a_node_removed_under_load(wire: World) -> None:
    with served(wire, ingress("default/node", default="web:80", class_name="gce")) as address:
        with Load(f"http://{address}/") as load:
            wire.until(lambda: load.asked > 30, "requests flow")
            wire.kubectl("delete", "node", "node-3")
            wire.until(
                lambda: sum(g.get("size", 0) for g in wire.bodies("instanceGroups")) == 2,
                "the node has left its group",
            )
            wire.until(lambda: answers(address).startswith("web-"), "it is served")
            seen = load.asked
            wire.until(lambda: load.asked > seen + 50, "requests flow on")
        told(load, "node removed")
        assert len(load.failed) < load.asked * 0.5
        wire.until(lambda: answers(address).startswith("web-"), "it answers on")


def test_a_broken_secret_takes_nothing_away(wire: World) -> None:
    put_secret(wire, 31)
    body = ingress("default/broken", default="web:80", class_name="gce")
    body["spec"]["tls"] = [{"secretName": "wire"}]
    with served(wire, body) as address:
        wire.until(lambda: answers(address, scheme="https").startswith("web-"), "HTTPS answers")
        secret = json.loads(wire.kubectl("get", "secret", "wire", "-o", "json"))
        secret["data"]["tls.key"] = ""
        wire.apply(secret)
        wire.until(lambda: "BadCertificate" in wire.kubectl("get", "events"), "the event tells it")
        assert serial_of(address) == 31
