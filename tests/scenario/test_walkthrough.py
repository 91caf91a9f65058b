"""The main job: from an Ingress to a load balancer, through edits, and back to nothing."""

from fakes.build import ingress, service
from tests.support.house import House

WEB = ingress(
    "shop/web",
    {
        "a.example.com": [("/*", "front:80", "ImplementationSpecific"), ("/api", "api:8080")],
        "b.example.com": [("/x", "front:80", "Exact")],
    },
    default="dflt:http",
)
SERVICES = (
    service("shop/front", "80->30301"),
    service("shop/api", "8080->30302"),
    service("shop/dflt", "http=80->30303"),
)


def shop() -> House:
    house = House()
    house.apply(*SERVICES, WEB)
    house.settle()
    return house


def test_an_ingress_becomes_the_whole_chain() -> None:
    house = shop()
    assert {
        "forwardingRules": ["k8s2-fr-aer32pk4-shop-web-jkv47h8u"],
        "targetHttpProxies": ["k8s2-tp-aer32pk4-shop-web-jkv47h8u"],
        "urlMaps": ["k8s2-um-aer32pk4-shop-web-jkv47h8u"],
        "backendServices": [f"k8s-be-3030{n}--16f2a1b3c4d5e6f7" for n in (1, 2, 3)],
        "healthChecks": [f"k8s-be-3030{n}--16f2a1b3c4d5e6f7" for n in (1, 2, 3)],
        "instanceGroups": ["k8s-ig--16f2a1b3c4d5e6f7"] * 2,
        "firewalls": ["k8s-fw-l7--16f2a1b3c4d5e6f7"],
    } == house.ours()
    rule = house.body("forwardingRules", "k8s2-fr-aer32pk4-shop-web-jkv47h8u")
    assert house.address("shop/web") == rule["IPAddress"]


def test_nothing_is_written_at_rest() -> None:
    house = shop()
    house.cloud.writes.clear()
    before = house.kube.resource_version
    house.loop.resync()
    house.settle()
    assert house.cloud.writes == []
    assert house.kube.resource_version == before


def test_deleting_the_ingress_takes_everything_away_and_the_finalizer_last() -> None:
    house = shop()
    house.kube.delete("Ingress", "shop/web")
    house.loop.step()
    assert house.ingress("shop/web") is not None
    house.settle()
    assert house.ours() == {}
    assert house.ingress("shop/web") is None
