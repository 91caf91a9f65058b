"""Bugs of other controllers, each under the name of its thread: identity, leaks, poison pills."""

from typing import Any

import pytest

from fakes.build import ingress, ingress_class, service
from glbc.config import LimitsConfig
from glbc.naming import FINALIZER_V1
from glbc.translate.annotations import CLASS
from tests.scenario.test_stories import FRONT, SERVICES, UID, delete
from tests.support import pki
from tests.support.house import House

ANNOTATED = "ingress.kubernetes.io/"


def gone(house: House, name: str) -> bool:
    """Tell whether nothing that glbc wrote is left on an Ingress."""
    left = house.ingress(name)
    if left is None:
        return True
    meta = left["metadata"]
    ours = [key for key in meta.get("annotations") or {} if key.startswith(ANNOTATED)]
    return not meta.get("finalizers") and not ours and not house.address(name)


def backend_of(house: House, name: str) -> str:
    """Return the default backend service of an Ingress, found through its own address."""
    address = house.address(name)
    (rule,) = (r for r in house.gce.resources("forwardingRules") if r["IPAddress"] == address)
    proxy = house.body("targetHttpProxies", rule["target"].rpartition("/")[2])
    url_map = house.body("urlMaps", proxy["urlMap"].rpartition("/")[2])
    return str(url_map["defaultService"].rpartition("/")[2])


class TestIdentity:
    """Bug 5 (b): two Ingresses whose names are alike for their first fifty characters."""

    LONG = "n" * 24
    TWINS = (f"{LONG}/{'w' * 40}-one", f"{LONG}/{'w' * 40}-two")

    def _twins(self, **more: Any) -> tuple[dict[str, Any], ...]:
        targets = ("one:80", "two:80")
        return tuple(
            ingress(name, default=target, **more)
            for name, target in zip(self.TWINS, targets, strict=True)
        )

    def _house(self) -> House:
        house = House()
        house.apply(
            service(f"{self.LONG}/one", "80->30301"), service(f"{self.LONG}/two", "80->30302")
        )
        return house

    def test_igce_537_long_names_do_not_share_a_load_balancer(self) -> None:
        house = self._house()
        house.apply(*self._twins())
        house.settle()
        assert [backend_of(house, name) for name in self.TWINS] == [FRONT, f"k8s-be-30302--{UID}"]
        assert len(set(house.names("urlMaps"))) == 2
        assert all(len(name) <= 63 for names in house.ours().values() for name in names)
        house.kube.delete("Ingress", self.TWINS[1])
        house.settle()
        assert backend_of(house, self.TWINS[0]) == FRONT
        assert len(house.names("urlMaps")) == 1

    def test_igce_131_v1_names_that_are_cut_alike_serve_the_older_and_tell_the_other(self) -> None:
        house = self._house()
        first, second = self._twins(finalizers=[FINALIZER_V1])
        house.apply(first)
        house.settle()
        house.clock.advance(10)
        house.apply(second)
        house.settle()
        assert backend_of(house, self.TWINS[0]) == FRONT
        assert not house.address(self.TWINS[1])
        (event,) = house.events("NameCollision")
        assert event["involvedObject"]["name"] == self.TWINS[1].partition("/")[2]
        house.kube.delete("Ingress", self.TWINS[1])
        house.settle()
        assert house.ingress(self.TWINS[1]) is None
        assert backend_of(house, self.TWINS[0]) == FRONT


class TestLeaving:
    """Bug 9: what is not ours any more leaves nothing behind and hangs nowhere."""

    @pytest.mark.parametrize("down", [False, True], ids=["running", "stopped meanwhile"])
    @pytest.mark.parametrize(
        "away",
        [
            pytest.param({"annotations": {CLASS: "nginx"}}, id="by annotation"),
            pytest.param({"class_name": "other"}, id="by name"),
        ],
    )
    def test_igce_481_the_last_ingress_changes_its_class_away(
        self, away: dict[str, Any], down: bool
    ) -> None:
        house = House()
        house.apply(*SERVICES, ingress_class("other", "example.com/other"))
        house.apply(ingress("shop/web", default="dflt:http"))
        house.settle()
        if down:
            house.start()
        house.apply(ingress("shop/web", default="dflt:http", **away))
        house.settle()
        assert house.ours() == {}
        assert gone(house, "shop/web")
        house.apply(ingress("shop/web", default="dflt:http"))
        house.settle()
        assert house.address("shop/web")
        (left,) = house.kube.list("Ingress")
        assert left["metadata"]["finalizers"]

    def test_igce_481_https_goes_with_it(self) -> None:
        house = House()
        web = ingress("shop/web", default="dflt:http")
        web["spec"]["tls"] = [{"secretName": "tls"}]
        house.apply(*SERVICES, pki.secret("shop/tls", *pki.pair("a.example.com")), web)
        house.settle()
        assert house.names("addresses")
        assert house.names("sslCertificates")
        away = {**web["metadata"], "annotations": {CLASS: "gce-internal"}}
        house.apply({**web, "metadata": away})
        house.settle()
        assert house.ours() == {}
        assert house.names("targetHttpsProxies") == []
        assert gone(house, "shop/web")

    def test_igce_481_a_neighbour_keeps_everything(self) -> None:
        house = House()
        house.apply(*SERVICES, ingress("shop/web", default="front:80"))
        house.apply(ingress("shop/other", default="front:80"))
        house.settle()
        before = house.address("shop/other")
        house.apply(ingress("shop/web", default="front:80", annotations={CLASS: "nginx"}))
        house.settle()
        assert gone(house, "shop/web")
        assert house.address("shop/other") == before
        assert house.names("backendServices") == [FRONT]

    def test_igce_481_back_before_it_was_gone(self) -> None:
        house = House()
        house.apply(*SERVICES, ingress("shop/web", default="front:80"))
        house.settle()
        house.apply(ingress("shop/web", default="front:80", annotations={CLASS: "nginx"}))
        for _ in range(4):
            house.loop.step()
        house.apply(ingress("shop/web", default="front:80"))
        house.settle()
        assert house.address("shop/web")
        (rule,) = house.gce.resources("forwardingRules")
        assert rule["IPAddress"] == house.address("shop/web")
        assert house.refused() == []

    def test_igce_31_deleted_while_the_controller_is_down(self) -> None:
        house = House()
        house.apply(*SERVICES, ingress("shop/web", default="front:80"))
        house.settle()
        house.kube.delete("Ingress", "shop/web")
        house.start()
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    def test_kcp_glbc_469_an_ingress_that_cannot_go_says_what_holds_it(self) -> None:
        house = House()
        house.apply(*SERVICES, ingress("shop/web", default="front:80"))
        house.settle()
        (url_map,) = house.gce.resources("urlMaps")
        mine = {"urlMap": url_map["selfLink"]}
        house.gce.seed("targetHttpProxies", "global", "by-hand", mine)
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        (told,) = house.events("InUse")
        assert told["involvedObject"]["name"] == "web"
        assert f"cannot delete urlMaps/{url_map['name']}" in told["message"]
        assert "targetHttpProxies/by-hand" in told["message"]
        delete(house, "global/targetHttpProxies/by-hand")
        house.settle(patience=1300)
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    @pytest.mark.parametrize(
        "order",
        [
            pytest.param(("IngressClass", "Service", "Secret", "Ingress"), id="all else first"),
            pytest.param(("Ingress", "IngressClass", "Service", "Secret"), id="the Ingress first"),
            pytest.param(("Service", "Ingress", "Secret", "IngressClass"), id="the Service first"),
        ],
    )
    @pytest.mark.parametrize("wait", [True, False], ids=["one by one", "all at once"])
    def test_lbc_4341_and_2220_deletion_needs_neither_class_nor_service_nor_secret(
        self, order: tuple[str, ...], wait: bool
    ) -> None:
        names = {
            "IngressClass": "ours",
            "Service": "shop/front",
            "Secret": "shop/tls",
            "Ingress": "shop/web",
        }
        web = ingress("shop/web", default="front:80", class_name="ours")
        web["spec"]["tls"] = [{"secretName": "tls"}]
        house = House()
        house.apply(service("shop/front", "80->30301"), ingress_class("ours"))
        house.apply(pki.secret("shop/tls", *pki.pair("a.example.com")), web)
        house.settle()
        assert house.names("targetHttpsProxies")
        for kind in order:
            house.kube.delete(kind, names[kind])
            if wait:
                house.settle()
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    def test_lbc_3755_a_finalizer_removed_by_force_leaves_nothing_behind(self) -> None:
        house = House()
        house.apply(*SERVICES, ingress("shop/web", default="front:80"))
        house.apply(ingress("shop/other", default="api:8080"))
        house.settle()
        house.kube.delete("Ingress", "shop/web")
        house.forget_finalizers("shop/web")
        assert house.ingress("shop/web") is None
        house.settle(patience=1300)  # until it is believed to be gone
        assert FRONT not in house.names("backendServices")
        assert len(house.names("urlMaps")) == 1

    def test_the_default_class_is_toggled(self) -> None:
        """An Ingress keeps the class that it was given; one without any stays ours."""
        house = House()
        house.apply(*SERVICES, ingress("shop/old", default="front:80"))
        house.settle()
        before = house.address("shop/old")
        for default in (True, False, True):
            house.apply(ingress_class("nginx", "k8s.io/ingress-nginx", default=default))
            house.settle()
            assert house.address("shop/old") == before
        house.apply(ingress("shop/new", default="front:80"))
        house.settle()
        assert not house.address("shop/new")
        assert house.refused() == []


POISON = [
    pytest.param(
        ingress("shop/bad", default="gone:80"), "ServiceNotFound", id="igce#646: no such Service"
    ),
    pytest.param(
        ingress("shop/bad", default="inner:80"), "NoNodePort", id="ngx#1417: a ClusterIP Service"
    ),
    pytest.param(
        ingress("shop/bad", default="elsewhere:80"), "ExternalNameService", id="an ExternalName"
    ),
    pytest.param(
        ingress("shop/bad", {"": [("/a*", "front:80", "ImplementationSpecific")]}),
        "BadPath",
        id="agic#886: a path that is none",
    ),
    pytest.param(
        ingress("shop/bad", {f"{one}.example.com": [("/", "front:80")] for one in "abc"}),
        "LimitExceeded",
        id="lbc#1144: too many hosts",
    ),
    pytest.param(
        ingress("shop/bad", {"": [(f"/{one}{'x' * 900}", "front:80") for one in range(40)]}),
        "LimitExceeded",
        id="k8s#46098: a map that is too big",
    ),
]
BAD_TLS = [
    pytest.param(None, "SecretNotFound", id="agic#894: no Secret"),
    pytest.param(
        pki.secret("shop/bad-tls", *pki.pair("b.example.com", 7, days=3)),
        "BadCertificate",
        id="an expired certificate",
    ),
    pytest.param(
        pki.secret("shop/bad-tls", b"", b""), "BadCertificate", id="igce#733: an empty Secret"
    ),
    pytest.param(
        pki.secret(
            "shop/bad-tls", pki.pair("b.example.com", 8)[0], pki.pair("b.example.com", 9)[1]
        ),
        "BadCertificate",
        id="a key of another certificate",
    ),
]


class TestPoison:
    """Bug 14: one bad Ingress among thirty stops nobody, is told once, and can be deleted."""

    GOOD = 29

    def _house(self) -> House:
        house = House(limits=LimitsConfig(hosts=2))
        house.apply(
            service("shop/front", "80->30301"),
            service("kube-system/default-http-backend", "http=80->30300"),
        )
        elsewhere = service("shop/elsewhere", kind="ExternalName")
        elsewhere["spec"] = {"type": "ExternalName", "externalName": "example.com"}
        house.apply(service("shop/inner", "80", kind="ClusterIP"), elsewhere)
        return house

    def _others(self, target: str) -> list[dict[str, Any]]:
        return [ingress(f"shop/good-{one}", default=target) for one in range(self.GOOD)]

    def _check(self, reason: str, *bad: dict[str, Any]) -> None:
        house = self._house()
        house.apply(*bad, *self._others("front:80"))
        house.settle()
        names = [f"shop/good-{one}" for one in range(self.GOOD)]
        assert all(house.address(name) for name in names)
        house.apply(service("shop/next", "80->30302"), *self._others("next:80"))
        house.settle()
        assert {backend_of(house, name) for name in names} == {f"k8s-be-30302--{UID}"}
        told = [
            event
            for event in house.events()
            if event["involvedObject"]["name"] == "bad" and event["type"] == "Warning"
        ]
        assert reason in {event["reason"] for event in told}
        assert len({(event["reason"], event["message"]) for event in told}) == len(told)
        assert house.refused() == []
        house.kube.delete("Ingress", "shop/bad")
        house.settle()
        assert house.ingress("shop/bad") is None
        assert len(house.names("urlMaps")) == self.GOOD
        assert all(house.address(name) for name in names)

    @pytest.mark.parametrize(("bad", "reason"), POISON)
    def test_igce_646_one_bad_ingress_of_thirty(self, bad: dict[str, Any], reason: str) -> None:
        self._check(reason, bad)

    @pytest.mark.parametrize(("secret", "reason"), BAD_TLS)
    def test_agic_1358_one_bad_secret_of_thirty(
        self, secret: dict[str, Any] | None, reason: str
    ) -> None:
        bad = ingress("shop/bad", default="front:80")
        bad["spec"]["tls"] = [{"secretName": "bad-tls"}]
        self._check(reason, *([secret] if secret else []), bad)

    def test_lbc_1144_a_limit_that_is_hit_leaves_the_last_good_state_whole(self) -> None:
        house = self._house()
        rules = {f"{one}.example.com": [("/", "front:80")] for one in "ab"}
        house.apply(ingress("shop/web", rules, default="front:80"))
        house.settle()
        (before,) = house.gce.resources("urlMaps")
        address = house.address("shop/web")
        more = {f"{one}.example.com": [("/v2", "front:80")] for one in "abcd"}
        house.apply(ingress("shop/web", more, default="front:80"))
        house.settle()
        (after,) = house.gce.resources("urlMaps")
        assert after == before
        assert house.address("shop/web") == address
        (event,) = house.events("LimitExceeded")
        assert "4 hosts, 2 over the limit of 2" in event["message"]
