"""A cluster in which much happens at once, for whoever looks at the live picture."""

from typing import Any

from fakes.build import ingress, ingress_class, service
from fakes.gce import Error
from fakes.gce import Request as GceRequest
from glbc.plan.planner import Action
from tests.support import pki
from tests.support.house import CLUSTER_UID, PROJECT, House

QUOTA = "Quota 'URL_MAPS' exceeded. Limit: 3.0 globally."
LASTS_SEC = 187.0  # of virtual time, until the house is as busy as it gets
OLD = f"k8s-be-30303--{CLUSTER_UID}"
OLD_MAP = "k8s2-um-aer32pk4-shop-outlet-6gmbk0o9"


def insert(house: House, kind: str, **body: Any) -> None:
    """Make a resource of somebody else."""
    path = f"/compute/v1/projects/{PROJECT}/global/{kind}"
    answer = house.gce.handle(GceRequest("POST", path, {}, body))
    assert answer.status == 200, answer.body
    house.clock.advance(5)


def busy_house(**settings: Any) -> House:
    """Return a house in which much happens at once.

    `shop/web` is right, `shop/sale` is being made, `pay/checkout` is parked by a quota, `shop/outlet` cannot
    leave, because somebody else uses its URL map and its backend, `blog/web` names a Service that is not there.
    """
    house = House(**settings)
    house.apply(
        ingress_class("gce"),
        service("kube-system/default-http-backend", "http=80->30000"),
        service("shop/front", "80->30301"),
        service("shop/api", "8080->30302"),
        service("shop/old", "80->30303"),
        service("blog/pages", "80->30304"),
        service("pay/gate", "443->30305"),
        pki.secret("shop/tls", *pki.fixed_pair("shop.example.com")),
        secured(
            ingress(
                "shop/web",
                {"shop.example.com": [("/", "front:80"), ("/api", "api:8080")]},
                class_name="gce",
            ),
            "tls",
        ),
        ingress("shop/outlet", default="old:80"),
        ingress("blog/web", {"blog.example.com": [("/", "pages:80"), ("/new", "drafts:80")]}),
    )
    house.settle()
    backend = f"projects/{PROJECT}/global/backendServices/{OLD}"
    insert(house, "urlMaps", name="migration-2019", defaultService=backend)
    url_map = f"projects/{PROJECT}/global/urlMaps/{OLD_MAP}"
    insert(house, "targetHttpProxies", name="migration-2019", urlMap=url_map)
    house.loop.resync()
    house.settle()
    house.kube.delete("Ingress", "shop/outlet")
    house.gce.faults.add("urlMaps.insert", Error(403, "quotaExceeded", QUOTA), times=1)
    house.apply(ingress("pay/checkout", {"pay.example.com": [("/", "gate:443")]}))
    house.settle(patience=40)
    house.apply(ingress("shop/sale", {"sale.example.com": [("/", "front:80")]}))
    while not any(action.key.kind == "urlMaps" for action in flying(house)):
        house.loop.step()
    return house


def flying(house: House) -> tuple[Action, ...]:
    """Return what is under way."""
    scene = house.loop.window.scene
    return scene.flying if scene else ()


def secured(one: dict[str, Any], secret: str) -> dict[str, Any]:
    """Return an Ingress that serves a Secret's certificate."""
    one["spec"]["tls"] = [{"secretName": secret}]
    return one
