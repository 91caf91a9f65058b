"""Reported bugs of teardown and garbage collection, each under the name of its thread.

Bugs 3, 4, 7, 8 and 9 of the users' list: what belongs to somebody else stays, what nobody can see is not gone, and
what has to go goes, in whatever order and however often the cloud says that it is still in use.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fakes.build import ingress, node, service
from fakes.gce import Error, Lag
from glbc.model.views import VIEWS
from glbc.plan.planner import Reason
from tests.scenario.test_backendconfig import a_shop, config, web
from tests.scenario.test_stories import SERVICES, delete
from tests.support import pki
from tests.support.house import GROUPS, House

FRONT_CONFIG = {"sslPolicy": "modern", "redirectToHttps": {"enabled": True}}
IN_USE = Error(400, "resourceInUseByAnotherResource", "The resource is already being used")


def secured(name: str, backend: str, *secrets: str, **more: Any) -> dict[str, Any]:
    made = ingress(name, {f"{name.replace('/', '-')}.example.com": [("/", backend)]}, **more)
    made["spec"]["tls"] = [{"secretName": secret} for secret in secrets]
    return made


def rewritten(house: House, change: Callable[[list[Any]], Sequence[Any]]) -> Callable[[], None]:
    """Let the cloud's lists come back changed; return how that ends."""
    honest = house.cloud.list
    house.cloud.list = lambda kind: change(list(honest(kind)))  # type: ignore[method-assign]

    def end() -> None:
        house.cloud.list = honest  # type: ignore[method-assign]

    return end


def reordered(house: House, rng: random.Random) -> Callable[[], None]:
    return rewritten(house, lambda bodies: rng.sample(bodies, len(bodies)))


def truncated(house: House, rng: random.Random) -> Callable[[], None]:
    return rewritten(house, lambda bodies: rng.sample(bodies, len(bodies) // 2))


def stale(house: House, _: random.Random) -> Callable[[], None]:
    house.gce.faults.add("*ist", Lag(90), times=None)
    return house.gce.faults.clear


class TestSomebodyElses:
    """Bug 3: the collector deletes what serves somebody else."""

    NAMESPACES = ("a", "b", "c")

    def three(self, seed: int = 0) -> House:
        """Serve an Ingress in each of three namespaces; two of them have a second one on its Service."""
        house = House(seed=seed)
        for number, space in enumerate(self.NAMESPACES):
            house.apply(service(f"{space}/web", f"80->{30301 + number}"))
            house.apply(pki.secret(f"{space}/tls", *pki.pair(f"{space}.example.com")))
            house.apply(secured(f"{space}/web", "web:80", "tls", default="web:80"))
        house.apply(ingress("b/more", default="web:80"), ingress("a/more", default="web:80"))
        house.settle()
        return house

    @staticmethod
    def of_others(house: House) -> dict[str, Any]:
        """Return what serves b and c, byte for byte."""
        marks = ("-b-web-", "-b-more-", "-c-web-", "-be-30302-", "-be-30303-")
        return {key: body for key, body in house.gce.dump().items() if any(m in key for m in marks)}

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("disturb", [reordered, truncated, stale])
    def test_lbc_3304_deleting_in_one_namespace_leaves_the_others_byte_for_byte(
        self, disturb: Any, seed: int
    ) -> None:
        house = self.three(seed)
        before = self.of_others(house)
        shown = {name: house.address(name) for name in ("b/web", "b/more", "c/web")}
        assert all(shown.values())
        end = disturb(house, random.Random(seed))
        house.kube.delete("Ingress", "a/web")
        for _ in range(3):
            house.loop.resync()
            house.settle()
            assert self.of_others(house) == before
        end()
        house.loop.resync()
        house.settle(patience=1300)
        assert self.of_others(house) == before
        assert shown == {name: house.address(name) for name in shown}
        assert house.ingress("a/web") is None
        assert not [key for key in house.gce.dump() if "-a-web-" in key]

    def test_lbc_4472_what_two_share_stays_until_the_last_one_goes(self) -> None:
        house = self.three()
        shared = f"k8s-be-30301--{house.namer.cluster_uid}"
        house.kube.delete("Ingress", "a/web")
        house.settle()
        assert shared in house.names("backendServices")
        assert house.address("a/more")
        house.kube.delete("Ingress", "a/more")
        house.settle()
        assert shared not in house.names("backendServices")
        assert shared not in house.names("healthChecks")
        assert house.refused() == []


class TestUnseen:
    """Bug 4: a cold or partial cache is read as "nothing is wanted"."""

    @staticmethod
    def rich() -> House:
        """Serve with everything that comes from a kind of its own."""
        house = a_shop({"timeoutSec": 75, "securityPolicy": {"name": "armor"}})
        crt = pki.pair("a.example.com")
        made = secured("shop/web", "web:80", "tls")
        made["metadata"]["annotations"] = {"networking.gke.io/v1beta1.FrontendConfig": "front"}
        house.apply(config(FRONT_CONFIG, "FrontendConfig", "front"))
        house.apply(pki.secret("shop/tls", *crt), made)
        house.settle()
        assert house.body("targetHttpsProxies", house.names("targetHttpsProxies")[0])["sslPolicy"]
        assert web(house)["securityPolicy"]
        return house

    @staticmethod
    def hide(house: House, kind: str) -> Callable[[], None]:
        """Let one kind look empty, as it does before its first list or after it was forbidden."""
        honest, whole = house.cluster._listed, house.cluster.complete
        house.cluster._listed = (  # type: ignore[method-assign]
            lambda asked: [] if asked == kind else honest(asked)
        )
        house.cluster.complete = whole - {kind}
        house.cluster._cached = None

        def end() -> None:
            house.cluster._listed = honest  # type: ignore[method-assign]
            house.cluster.complete = whole
            house.cluster._cached = None

        return end

    @pytest.mark.parametrize("kind", sorted(VIEWS.keys() & set(GROUPS.values())))
    def test_agic_1401_a_kind_that_comes_late_after_a_start_costs_nothing(self, kind: str) -> None:
        house = self.rich()
        before = house.gce.dump()
        house.start()
        end = self.hide(house, kind)
        house.settle(patience=1300)
        assert house.gce.dump() == before
        end()
        house.settle(patience=1300)
        assert house.gce.dump() == before
        assert house.cloud.writes == []

    @pytest.mark.parametrize("kind", sorted(VIEWS.keys() & set(GROUPS.values())))
    def test_agic_1270_a_kind_that_is_forbidden_under_way_costs_nothing(self, kind: str) -> None:
        house = self.rich()
        before = house.gce.dump()
        end = self.hide(house, kind)
        house.settle(patience=1300)
        assert house.gce.dump() == before
        end()
        house.settle(patience=1300)
        assert house.gce.dump() == before

    def test_agic_1270_what_can_be_added_is_added_all_the_same(self) -> None:
        house = self.rich()
        self.hide(house, "Secret")
        house.apply(ingress("shop/more", default="web:80"))
        house.settle()
        assert house.address("shop/more")

    @pytest.mark.parametrize("down", [False, True], ids=["running", "while it is down"])
    def test_agic_1147_a_definition_that_is_deleted_and_made_again_costs_nothing(
        self, down: bool
    ) -> None:
        house = self.rich()
        before = house.gce.dump()
        for name in ("backendconfigs.cloud.google.com", "frontendconfigs.networking.gke.io"):
            assert house.kube.delete("CustomResourceDefinition", name)
        if down:
            house.start()
        house.settle(patience=1300)
        assert web(house)["securityPolicy"].endswith("/armor")
        assert house.gce.dump() == before


class TestEnsureAndCollect:
    """Bug 7: one half builds what the other half takes away."""

    def test_igce_156_a_certificate_that_a_hand_made_proxy_uses_is_parked_and_nothing_spins(
        self,
    ) -> None:
        house = House()
        old, new = pki.pair("a.example.com"), pki.pair("b.example.com")
        house.apply(service("shop/web", "80->30301"), pki.secret("shop/tls", *old))
        house.apply(secured("shop/web", "web:80", "tls", default="web:80"))
        house.settle()
        (held,) = house.names("sslCertificates")
        ids = {
            name: house.body("backendServices", name)["id"]
            for name in house.names("backendServices")
        }
        url_map = next(m for m in house.gce.resources("urlMaps") if "-um-" in m["name"])
        proxy = {
            "urlMap": url_map["selfLink"],
            "sslCertificates": [house.body("sslCertificates", held)["selfLink"]],
        }
        house.gce.seed("targetHttpsProxies", "global", "by-hand", proxy)
        house.apply(pki.secret("shop/tls", *new))
        house.settle(patience=1300)
        assert held in house.names("sslCertificates")
        assert len(house.names("sslCertificates")) == 2
        assert house.loop.turn is not None
        (parked,) = house.loop.turn.plan.blocked  # as `glbc plan` and `glbc gc` show it
        assert (parked.key.name, parked.reason) == (held, Reason.IN_USE)
        assert "by-hand" in parked.by

        house.cloud.writes.clear()
        for _ in range(2):
            house.loop.resync()
            house.settle(patience=1300)
        assert house.cloud.writes == []
        assert ids == {name: house.body("backendServices", name)["id"] for name in ids}

        delete(house, "global/targetHttpsProxies/by-hand")
        house.settle(patience=1300)
        assert held not in house.names("sslCertificates")

    def test_igce_511_a_backend_keeps_its_id_through_edits_neighbours_and_restarts(self) -> None:
        """IAM bindings hang on the id: a backend that is made anew has lost them (kubeflow#561)."""
        house = a_shop({"timeoutSec": 75, "iap": {"enabled": False}})
        first = web(house)["id"]
        steps: tuple[Callable[[], object], ...] = (
            lambda: house.apply(config({"timeoutSec": 30})),
            lambda: house.apply(ingress("shop/more", default="web:80")),
            lambda: house.kube.delete("Ingress", "shop/more"),
            lambda: house.add_node("node-3", "us-central1-c"),
            house.start,
            lambda: house.apply(config({})),
            house.loop.resync,
        )
        for step in steps:
            step()
            house.settle(patience=700)
            assert web(house)["id"] == first
        assert house.refused() == []

    def test_igce_156_ensure_and_collect_meet_in_two_passes(self) -> None:
        """A Service is taken up while its backend is on its way out."""
        house = House(backend_grace_sec=0)
        two = {"a.example.com": [("/", "front:80"), ("/api", "api:8080")]}
        one = {"a.example.com": [("/", "front:80")]}
        house.apply(*SERVICES, ingress("shop/web", two, default="dflt:http"))
        house.settle()
        for rules in (one, two, one, two):
            house.apply(ingress("shop/web", rules, default="dflt:http"))
            house.loop.step()
        house.settle()
        assert f"k8s-be-30302--{house.namer.cluster_uid}" in house.names("backendServices")
        house.cloud.writes.clear()
        house.loop.resync()
        house.settle(patience=700)
        assert house.cloud.writes == []
        assert house.refused() == []


DELETES = (
    "globalForwardingRules",
    "targetHttpProxies",
    "targetHttpsProxies",
    "urlMaps",
    "backendServices",
    "healthChecks",
    "sslCertificates",
    "globalAddresses",
    "instanceGroups",
    "firewalls",
)


class TestTeardown:
    """Bug 8: an order that cannot work, and an "in use" that nobody hears."""

    @staticmethod
    def shop() -> House:
        house = House()
        crt = pki.pair("a.example.com")
        house.apply(*SERVICES, pki.secret("shop/tls", *crt))
        house.apply(secured("shop/web", "front:80", "tls", default="dflt:http"))
        house.settle()
        assert house.names("targetHttpsProxies")
        return house

    @pytest.mark.parametrize("kind", DELETES)
    @pytest.mark.parametrize("times", [2, 8], ids=["twice", "for long"])
    def test_igce_186_and_3122_an_in_use_is_tried_again_and_stops_no_other_delete(
        self, kind: str, times: int
    ) -> None:
        house = self.shop()
        fault = house.gce.faults.add(f"{kind}.delete", IN_USE, times=times)
        house.kube.delete("Ingress", "shop/web")
        while fault.times and fault.times > 1:
            house.loop.step()
            house.clock.advance(1)
        # As long as something is left that is only its own, it stays; all that can go is gone.
        assert house.ingress("shop/web") is not None
        assert house.names("forwardingRules") == [] or kind == "globalForwardingRules"
        house.settle(patience=1300)
        assert house.ours() == {}
        assert house.names("targetHttpsProxies") == []
        assert house.ingress("shop/web") is None
        assert all(": 400" in line and kind in line for line in house.refused())

    def test_igce_32_tls_goes_and_the_ingress_follows_while_the_https_proxy_is_still_held(
        self,
    ) -> None:
        """ngx#468, ngx#465: the proxy of the former HTTPS still holds the URL map."""
        house = self.shop()
        house.gce.faults.add("targetHttpsProxies.delete", IN_USE, times=4)
        house.apply(secured("shop/web", "front:80", default="dflt:http"))
        for _ in range(6):
            house.loop.step()
        house.kube.delete("Ingress", "shop/web")
        house.settle(patience=1300)
        assert house.ours() == {}
        assert house.names("targetHttpsProxies") == []
        assert house.ingress("shop/web") is None

    def test_igce_201_a_backend_never_goes_before_the_url_map_lets_go(self) -> None:
        house = House(backend_grace_sec=0)
        api = f"k8s-be-30302--{house.namer.cluster_uid}"
        both = {"a.example.com": [("/", "front:80"), ("/api", "api:8080")]}
        house.apply(*SERVICES, ingress("shop/web", both, default="dflt:http"))
        house.settle()
        house.gce.faults.add("urlMaps.patch", Error(503), times=None)
        house.gce.faults.add("urlMaps.update", Error(503), times=None)
        house.apply(
            ingress("shop/web", {"a.example.com": [("/", "front:80")]}, default="dflt:http")
        )
        house.settle(patience=30)
        assert api in house.names("backendServices")
        assert all("urlMaps" in line for line in house.refused())
        house.gce.faults.clear()
        house.settle(patience=1300)
        assert api not in house.names("backendServices")
        assert all("urlMaps" in line for line in house.refused())

    @pytest.mark.parametrize("seed", range(6))
    def test_igce_797_many_go_at_once_in_any_order(self, seed: int) -> None:
        house = House(seed=seed)
        house.apply(*SERVICES, pki.secret("shop/tls", *pki.pair("a.example.com")))
        names = [f"shop/web-{number}" for number in range(5)]
        for name in names:
            house.apply(secured(name, "front:80", "tls", default="api:8080"))
        house.settle()
        random.Random(seed).shuffle(names)
        for name in names:
            house.kube.delete("Ingress", name)
            house.loop.step()
        house.settle()
        assert house.ours() == {}
        assert house.refused() == []


class TestLeaks:
    """Bug 9, what the other files do not have: leaks on transition and stuck finalizers."""

    def test_igce_1720_a_namespace_goes_with_all_that_is_in_it(self) -> None:
        house = House()
        house.apply(*SERVICES, pki.secret("shop/tls", *pki.pair("a.example.com")))
        house.apply(secured("shop/web", "front:80", "tls", default="dflt:http"))
        house.apply(service("other/web", "80->30311"), ingress("other/web", default="web:80"))
        house.settle()
        house.kube.delete("Namespace", "shop")
        before = house.clock.monotonic()
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.clock.monotonic() - before < 150  # with the two minutes that `settle` looks on
        assert not [key for key in house.gce.dump() if "-shop-web-" in key]
        assert house.address("other/web")

    def test_k8s_95983_deleted_after_the_controller_was_uninstalled_and_collected_by_the_next(
        self,
    ) -> None:
        house = House()
        house.apply(*SERVICES, ingress("shop/web", default="front:80"))
        house.settle()
        house.kube.delete("Ingress", "shop/web")
        house.kube.delete("Service", "shop/front")
        live = house.ingress("shop/web")  # nobody is there to let it go
        assert live is not None
        assert live["metadata"]["finalizers"]
        house.apply(node("node-9", "us-central1-c"))
        house.gce.seed_instance(name="node-9", zone="us-central1-c", tags=("node",), ip="10.0.0.9")
        house.start()
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    def test_igce_1252_to_internal_and_back_leaves_nothing_of_either(self) -> None:
        """What is internal is another controller's, here: the external one goes all the same."""
        house = House()
        house.apply(*SERVICES)
        for name in ("gce", "gce-internal", "gce"):
            mark = {"kubernetes.io/ingress.class": name}
            house.apply(ingress("shop/web", default="front:80", annotations=mark))
            house.settle()
            assert bool(house.ours()) == bool(house.address("shop/web")) == (name == "gce")
        assert house.refused() == []
