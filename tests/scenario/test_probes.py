"""Health checks from readiness probes: what a new check asks, and that nobody mends it later."""

from typing import Any

import pytest

from fakes.build import container, http_get, ingress, pod, service
from glbc.model.keys import Kind
from glbc.model.views import VIEWS
from glbc.translate.podless import MOMENT_SEC
from tests.scenario.test_stories import edit, routes, wrote
from tests.scenario.test_takeover import a_cluster_of_ingress_gce
from tests.support.house import House

UID = "16f2a1b3c4d5e6f7"
FRONT = f"k8s-be-30301--{UID}"
PROBED = "Kubernetes L7 health check generated with readiness probe settings."
SERVICES = (
    service("shop/front", "80->30301", target="http"),
    service("kube-system/default-http-backend", "http=80->30000", target=8080),
)
WEB = ingress("shop/web", {"a.example.com": [("/", "front:80")]})
PROBE = {**http_get("/ready", "http"), "periodSeconds": 15, "timeoutSeconds": 5}


def app(name: str, probe: dict[str, Any]) -> dict[str, Any]:
    """Return a pod of the Service front, as its Deployment makes it."""
    return pod(f"shop/{name}", container("app", "http=8080", readiness=probe), app="front")


def shop(*pods: dict[str, Any]) -> House:
    house = House()
    house.apply(*SERVICES, *pods, WEB)
    house.settle()
    house.cloud.writes.clear()
    return house


def asked(house: House, name: str = FRONT) -> tuple[str, int, int]:
    body = house.body("healthChecks", name)
    path = body["httpHealthCheck"]["requestPath"]
    return path, body["checkIntervalSec"], body["timeoutSec"]


def test_a_probe_applied_before_the_ingress_makes_the_check() -> None:
    """The body of the reference, at creation, with what the probe says."""
    house = shop(app("front-1", PROBE))
    body = house.body("healthChecks", FRONT)
    sent = {
        "name": FRONT,
        "description": PROBED,
        "type": "HTTP",
        "checkIntervalSec": 75,
        "timeoutSec": 5,
        "healthyThreshold": 1,
        "unhealthyThreshold": 10,
    }
    assert sent == {name: body[name] for name in sent}
    assert body["httpHealthCheck"]["port"] == 30301
    assert body["httpHealthCheck"]["requestPath"] == "/ready"
    assert "host" not in body["httpHealthCheck"]


def test_the_system_default_backend_is_asked_at_healthz_unless_its_pod_has_a_probe() -> None:
    default = f"k8s-be-30000--{UID}"
    assert asked(shop(), default) == ("/healthz", 60, 60)
    own = container("server", "8080", readiness=http_get("/alive"))
    of_default = pod("kube-system/default-1", own, app="default-http-backend")
    assert asked(shop(of_default), default) == ("/alive", 70, 1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda house: house.apply(app("front-1", http_get("/new"))), id="changed"),
        pytest.param(lambda house: house.kube.delete("Pod", "shop/front-1"), id="taken away"),
    ],
)
def test_a_probe_that_changes_later_writes_nothing(change: Any) -> None:
    house = shop(app("front-1", PROBE))
    change(house)
    house.settle()
    assert wrote(house) == []
    assert asked(house) == ("/ready", 75, 5)


def test_a_probe_that_comes_later_writes_nothing() -> None:
    house = shop()
    house.apply(app("front-1", PROBE))
    house.settle()
    assert wrote(house) == []
    assert asked(house) == ("/", 60, 60)


def test_a_check_edited_by_hand_survives_every_change_of_the_probe() -> None:
    house = shop(app("front-1", PROBE))
    edit(
        house,
        f"global/healthChecks/{FRONT}",
        {"checkIntervalSec": 9, "timeoutSec": 3, "httpHealthCheck": {"requestPath": "/mine"}},
    )
    house.apply(app("front-1", http_get("/new", "http")))
    house.loop.resync()
    house.settle()
    assert wrote(house) == []
    assert asked(house) == ("/mine", 9, 3)


def test_one_apply_of_everything_waits_for_the_first_pod() -> None:
    """The Ingress is seen before its Deployment's pod: a check made then would ask / for ever."""
    house = House()
    house.apply(*SERVICES, WEB)
    house.settle(patience=1.0)
    assert house.names("healthChecks") == []
    house.apply(app("front-1", PROBE))
    house.settle()
    assert asked(house) == ("/ready", 75, 5)
    assert house.address("shop/web")


def test_a_pod_that_never_comes_is_waited_for_a_moment_only() -> None:
    house = House()
    house.apply(*SERVICES, WEB)
    house.settle(patience=MOMENT_SEC + 1)
    assert asked(house) == ("/", 60, 60)


def test_what_serves_goes_on_while_a_new_backend_waits_for_its_pod() -> None:
    house = shop(app("front-1", PROBE))
    rules = {"a.example.com": [("/", "front:80"), ("/more", "more:80")]}
    house.apply(service("shop/more", "80->30309"), ingress("shop/web", rules))
    house.settle(patience=1.0)
    assert not [call for call in house.cloud.writes if call.key.kind == Kind.URL_MAP]
    assert "/more" not in routes(house)
    house.settle()
    assert routes(house)["/more"] == f"k8s-be-30309--{UID}"


def test_no_check_is_made_before_the_pods_are_seen() -> None:
    house = House()
    house.cluster.complete = frozenset(VIEWS) - {"Pod"}
    house.apply(*SERVICES, WEB)
    house.settle()
    assert house.names("healthChecks") == []
    assert house.names("backendServices") == []
    house.apply(app("front-1", PROBE))
    house.cluster.complete = frozenset(VIEWS)
    house.settle()
    assert asked(house) == ("/ready", 75, 5)
    assert house.address("shop/web")


def test_what_is_deleted_does_not_wait_for_pods() -> None:
    house = shop(app("front-1", PROBE))
    house.cluster.complete = frozenset(VIEWS) - {"Pod"}
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    assert house.ours() == {}
    assert house.ingress("shop/web") is None


def test_what_exists_is_maintained_while_pods_are_not_seen() -> None:
    house = shop(app("front-1", PROBE))
    house.cluster.complete = frozenset(VIEWS) - {"Pod"}
    house.apply(ingress("shop/web", {"b.example.com": [("/", "front:80")]}))
    house.settle()
    (rule,) = house.body("urlMaps", house.names("urlMaps")[0])["hostRules"]
    assert rule["hosts"] == ["b.example.com"]


def test_a_probe_that_cannot_be_used_is_told_once_on_the_service() -> None:
    house = shop(app("front-1", http_get("/ready", 9000)))
    house.apply(ingress("shop/other", {"b.example.com": [("/", "front:80")]}))
    house.apply(app("front-2", http_get("/ready", 9000)))
    house.settle()
    (told,) = house.events("ReadinessProbeNotUsed")
    about = told["involvedObject"]
    assert (about["kind"], about["namespace"], about["name"]) == ("Service", "shop", "front")
    assert told["type"] == "Normal"
    assert "container app asks port 9000, not the serving port http" in told["message"]


@pytest.mark.parametrize("scheme", ["v1", "v2"])
def test_a_path_that_somebody_gave_the_check_by_hand_is_no_news_at_takeover(scheme: str) -> None:
    """The probe does not fit, its owner has found out, and has set the path: nothing is wrong."""
    house = a_cluster_of_ingress_gce(scheme)
    edit(house, f"global/healthChecks/{FRONT}", {"httpHealthCheck": {"requestPath": "/mine"}})
    before = house.gce.dump()
    house.apply(app("front-1", http_get("/ready", 9000)))
    house.settle()
    assert wrote(house) == []
    assert house.gce.dump() == before
    assert house.events() == []


def test_a_check_that_ingress_gce_made_from_a_probe_is_taken_over_without_a_write() -> None:
    house = a_cluster_of_ingress_gce("v2")
    edit(
        house,
        f"global/healthChecks/{FRONT}",
        {
            "description": PROBED,
            "checkIntervalSec": 75,
            "timeoutSec": 5,
            "httpHealthCheck": {"requestPath": "/ready", "host": "shop.example.com"},
        },
    )
    before = house.gce.dump()
    house.apply(app("front-1", PROBE))
    house.settle()
    house.apply(app("front-2", PROBE))
    house.kube.delete("Pod", "shop/front-1")
    house.settle()
    assert wrote(house) == []
    assert house.gce.dump() == before
    assert house.events() == []
