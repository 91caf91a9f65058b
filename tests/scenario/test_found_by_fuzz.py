"""What the fuzzer found, each as the smallest story that shows it."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.build import ingress, service
from fakes.gce import Error
from glbc.model.calls import Call
from tests.support import pki
from tests.support.house import CLUSTER_UID, House

CRDS = Path(__file__).parents[2] / "deploy" / "crds"
IAP = {"iap": {"enabled": True, "oauthclientCredentials": {"secretName": "client"}}}


def definition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CRDS / "backendconfigs.yaml").read_text())
    return found


def with_config(house: House, spec: dict[str, Any], crd: Any = None, **words: bytes) -> None:
    """Apply a BackendConfig to shop/web, and a Secret for it."""
    house.apply(crd or definition())
    meta = {"namespace": "shop", "name": "web"}
    house.apply(
        {
            "apiVersion": "cloud.google.com/v1",
            "kind": "BackendConfig",
            "metadata": meta,
            "spec": spec,
        }
    )
    data = {name: base64.b64encode(value).decode() for name, value in words.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data}
    house.apply({**secret, "metadata": {"namespace": "shop", "name": "client"}})
    web = service("shop/web", "80->30080")
    web["metadata"]["annotations"] = {"cloud.google.com/backend-config": '{"default":"web"}'}
    house.apply(web)


def test_a_host_whose_only_path_is_bad_costs_no_write_at_rest() -> None:
    house = House()
    house.apply(
        service("kube-system/default-http-backend", "http=80->30000"),
        ingress("shop/web", {"a.example.com": [("/a/*/*", "web:80", "ImplementationSpecific")]}),
    )
    house.settle()
    (url_map,) = house.gce.resources("urlMaps")
    assert [rule["hosts"] for rule in url_map["hostRules"]] == [["a.example.com"]]
    house.start()
    house.settle()
    assert house.cloud.writes == []


@pytest.mark.parametrize("word", ["client_id", "client_secret"])
def test_a_client_that_is_no_text_is_told_and_takes_nobody_down(word: str) -> None:
    house = House()
    words = {"client_id": b"client", "client_secret": b"word", word: b"\xff\xfe"}
    with_config(house, IAP, **words)
    house.apply(
        service("shop/api", "80->30081"),
        ingress("shop/web", default="web:80"),
        ingress("shop/api", default="api:80"),
    )
    house.settle()
    assert house.address("shop/api")
    (event,) = house.events("BadBackendConfig")
    assert f"secret shop/client: data {word} is not text" in event["message"]


def test_a_secret_that_is_not_read_yet_takes_no_backend_away() -> None:
    """The backend serves nothing here, so no route keeps it; only that it is wanted does."""
    house = House()
    with_config(house, IAP, client_id=b"client", client_secret=b"word")
    nowhere = ingress("shop/web", {"a.example.com": [("/", "web:80")]}, default="gone:80")
    house.apply(nowhere)
    house.settle()
    assert house.names("backendServices") == [f"k8s-be-30080--{CLUSTER_UID}"]
    house.start()
    house.settle()
    assert house.cloud.writes == []


@pytest.mark.parametrize("restart", [False, True], ids=["made", "started again"])
def test_nothing_is_made_for_the_moment_until_a_secret_is_read(restart: bool) -> None:
    """There is no front end here, so no route tells who served: the default backend would."""
    house = House()
    with_config(house, IAP, client_id=b"client", client_secret=b"word")
    silent = {"kubernetes.io/ingress.allow-http": "false"}
    house.apply(ingress("shop/web", default="web:80", annotations=silent))
    house.apply(service("kube-system/default-http-backend", "http=80->30000"))
    if restart:
        house.settle()
        house.start()
    house.settle()
    assert house.names("backendServices") == [f"k8s-be-30080--{CLUSTER_UID}"]
    assert [call.key.name for call in house.cloud.writes if "30000" in call.key.name] == []


def test_a_secret_that_cannot_be_read_is_not_waited_for() -> None:
    house = House()
    with_config(house, IAP, client_id=b"client", client_secret=b"word")
    house.cluster.unreadable.add("shop/client")
    house.apply(
        service("shop/api", "80->30081"),
        ingress("shop/web", {"a.example.com": [("/", "web:80")]}, default="api:80"),
    )
    house.settle()
    assert house.address("shop/web")
    assert house.events("SecretNotRead")


@pytest.mark.parametrize(
    ("cdn", "problem"),
    [
        pytest.param({"clientTtl": 31622401}, "clientTtl: 31622401 is not within", id="over a year"),
        pytest.param({"serveWhileStale": -1}, "serveWhileStale: -1 is not within", id="negative"),
        pytest.param({"negativeCachingPolicy": [{"code": 404, "ttl": 2**40}]}, "ttl 1099511627776 is not within", id="an error kept for ever"),
        pytest.param({"negativeCachingPolicy": [{"code": 200, "ttl": 1}]}, "code 200 is none of", id="a success as an error"),
        pytest.param({"signedUrlKeys": [{"keyName": "One", "keyValue": "A" * 22}]}, "keyName 'One' is not", id="no name of a key"),
        pytest.param({"negativeCachingPolicy": [{"code": 404}] * 2}, "every code stands there once", id="a code twice"),
    ],
)  # fmt: skip
def test_a_definition_without_limits_lets_nothing_through_that_the_cloud_refuses(
    cdn: dict[str, Any], problem: str
) -> None:
    """As ingress-gce's definition is: where it is installed, ours is not."""
    house = House()
    crd = definition()
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for version in crd["spec"]["versions"]:
        version["schema"] = {"openAPIV3Schema": anything}
    with_config(house, {"cdn": {"enabled": True, **cdn}}, crd=crd)
    house.apply(ingress("shop/web", default="web:80"))
    house.settle()
    assert problem in house.events("BadBackendConfig")[0]["message"]
    assert house.refused() == []


def test_a_create_that_ends_after_its_ingress_was_deleted_holds_the_finalizer() -> None:
    """Accepted, its wait failed, a read found nothing: that is no word that it will not come."""
    house = House()
    web = ingress("shop/web", default="web:80")
    web["spec"]["tls"] = [{"secretName": "tls"}]
    tls = pki.secret("shop/tls", *pki.fixed_pair("a.example.com"))
    house.apply(service("shop/web", "80->30301"), tls, web)
    house.gce.latency.update({"addresses.insert": 30.0})

    def lose_its_wait(call: Call) -> None:
        if (call.verb, call.key.kind) == ("insert", "addresses"):
            lost = Error(503, "backendError", "no answer")
            house.gce.faults.add("compute.globalOperations.wait", lost, times=1)

    house.cloud.sent = lose_its_wait
    for _ in range(400):
        house.loop.step()
        house.clock.advance(0.1)
        if any(call.key.kind == "addresses" for call in house.cloud.writes):
            break
    house.kube.delete("Ingress", "shop/web")
    house.settle(patience=20)
    assert house.ingress("shop/web") is not None
    house.settle(patience=200)
    assert house.ingress("shop/web") is None
    assert house.ours() == {}
