"""What waits for a person: pauses, protections, traffic that would be interrupted, many losses at once."""

import re
from typing import Any

import msgspec
import pytest
import structlog

from fakes.build import ingress, service
from glbc.model.views import Snapshot
from tests.support import pki
from tests.support.house import House

PREFIX = "glbc.gcp.kubernetes.io/"
PROTECT, PAUSE = f"{PREFIX}protect", f"{PREFIX}pause"
ACKNOWLEDGE = f"{PREFIX}acknowledge"
STATIC = "kubernetes.io/ingress.global-static-ip-name"
CODE = re.compile(rf"{re.escape(ACKNOWLEDGE)}=(\w+)")
ROUTES = {"a.example.com": [("/", "web:80")], "b.example.com": [("/", "api:80")]}


def web(routes: Any = ROUTES) -> dict[str, Any]:
    return ingress("shop/web", routes, default="web:80")


def noted(made: dict[str, Any], **notes: str) -> dict[str, Any]:
    made["metadata"].setdefault("annotations", {}).update(notes)
    return made


def a_shop(made: dict[str, Any] | None = None, **settings: Any) -> House:
    house = House(**settings)
    house.apply(service("shop/web", "80->30301"), service("shop/api", "80->30302"))
    house.apply(made or web())
    house.settle()
    assert house.address("shop/web")
    return house


def code_of(house: House, reason: str) -> str:
    """Return the code that the newest event tells."""
    return CODE.findall(house.events(reason)[-1]["message"])[0]


def hosts(house: House) -> list[str]:
    (url_map,) = house.gce.resources("urlMaps")
    return sorted(host for rule in url_map.get("hostRules", ()) for host in rule["hosts"])


class TestPaused:
    def test_nothing_is_done_and_it_is_said(self) -> None:
        house = a_shop()
        house.apply(noted(web({"a.example.com": [("/", "web:80")]}), **{PAUSE: "true"}))
        before = len(house.cloud.writes)
        house.settle()
        assert len(house.cloud.writes) == before
        assert hosts(house) == ["a.example.com", "b.example.com"]
        assert house.events("Paused")[0]["type"] == "Warning"

    def test_it_goes_on_when_the_annotation_goes(self) -> None:
        house = a_shop()
        fewer = {"a.example.com": [("/", "web:80")]}
        house.apply(noted(web(fewer), **{PAUSE: "true"}))
        house.settle()
        house.apply(noted(web(fewer), **{PAUSE: "false"}))
        house.settle()
        assert hosts(house) == ["a.example.com"]

    def test_a_new_one_is_not_even_given_a_finalizer(self) -> None:
        house = House()
        house.apply(service("shop/web", "80->30301"))
        house.apply(noted(ingress("shop/web", default="web:80"), **{PAUSE: "true"}))
        house.settle()
        assert house.ours() == {}
        found = house.ingress("shop/web")
        assert found is not None
        assert "finalizers" not in found["metadata"]

    def test_one_that_is_deleted_stays_until_it_is_taken_out(self) -> None:
        house = a_shop()
        house.apply(noted(web(), **{PAUSE: "true"}))
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is not None
        assert house.names("forwardingRules")
        house.apply(noted(web(), **{PAUSE: "false"}))
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    def test_a_neighbour_is_not_paused_nor_is_what_both_use(self) -> None:
        house = a_shop()
        house.apply(noted(web(), **{PAUSE: "true"}))
        house.apply(service("shop/new", "80->30303"))
        house.apply(ingress("shop/other", {"c.example.com": [("/n", "new:80")]}, default="web:80"))
        house.settle()
        assert house.address("shop/other")
        house.add_node("node-33", "us-central1-a")
        house.settle()
        (group,) = (
            g for g in house.gce.resources("instanceGroups") if "us-central1-a" in g["zone"]
        )
        assert group["size"] == 2


class TestProtected:
    def test_a_deleted_one_serves_on_until_somebody_agrees(self) -> None:
        house = a_shop(noted(web(), **{PROTECT: "true"}))
        kept = house.ours()
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ours() == kept
        assert house.ingress("shop/web") is not None
        code = code_of(house, "Protected")
        house.apply(noted(web(), **{PROTECT: "true", ACKNOWLEDGE: code}))
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    def test_a_route_that_an_edit_takes_away_stays_and_a_new_one_comes(self) -> None:
        house = a_shop(noted(web(), **{PROTECT: "true"}))
        edited = {"a.example.com": [("/", "web:80")], "c.example.com": [("/", "api:80")]}
        house.apply(noted(web(edited), **{PROTECT: "true"}))
        house.settle()
        assert hosts(house) == ["a.example.com", "b.example.com", "c.example.com"]
        code = code_of(house, "Protected")
        house.apply(noted(web(edited), **{PROTECT: "true", ACKNOWLEDGE: code}))
        house.settle()
        assert hosts(house) == ["a.example.com", "c.example.com"]

    def test_an_old_code_agrees_to_nothing_new(self) -> None:
        house = a_shop(noted(web(), **{PROTECT: "true"}))
        house.apply(noted(web({"a.example.com": [("/", "web:80")]}), **{PROTECT: "true"}))
        house.settle()
        agreed = {PROTECT: "true", ACKNOWLEDGE: code_of(house, "Protected")}
        house.apply(noted(web({"a.example.com": [("/", "web:80")]}), **agreed))
        house.settle()
        assert hosts(house) == ["a.example.com"]
        house.apply(noted(web({}), **agreed))
        house.settle()
        assert hosts(house) == ["a.example.com"]

    def test_who_agrees_to_lose_https_does_not_agree_to_lose_everything(self) -> None:
        made = noted(web(), **{PROTECT: "true"})
        made["spec"]["tls"] = [{"secretName": "tls"}]
        house = House()
        house.apply(pki.secret("shop/tls", *pki.fixed_pair("a.example.com")))
        house.apply(service("shop/web", "80->30301"), service("shop/api", "80->30302"), made)
        house.settle()
        assert len(house.names("forwardingRules")) == 2
        house.kube.apply({**web(), "spec": {**web()["spec"], "tls": []}})
        house.apply(noted(web(), **{PROTECT: "true"}))
        house.settle()
        assert len(house.names("forwardingRules")) == 2
        told = {
            code for event in house.events("Protected") for code in CODE.findall(event["message"])
        }
        agreed = {PROTECT: "true", ACKNOWLEDGE: ", ".join(sorted(told))}
        house.apply(noted(web(), **agreed))
        house.settle()
        assert len(house.names("forwardingRules")) == 1
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert len(house.names("forwardingRules")) == 1

    def test_its_class_changed_away_takes_nothing(self) -> None:
        house = a_shop(noted(web(), **{PROTECT: "true"}))
        kept = house.ours()
        house.apply(noted(web(), **{PROTECT: "true", "kubernetes.io/ingress.class": "nginx"}))
        house.settle()
        assert house.ours() == kept

    def test_everyday_changes_need_nobody(self) -> None:
        house = a_shop(noted(web(), **{PROTECT: "true"}))
        swapped = {"a.example.com": [("/", "api:80")], "b.example.com": [("/", "web:80")]}
        house.apply(noted(web(swapped), **{PROTECT: "true"}))
        house.kube.delete("Node", "node-2")
        house.settle()
        assert house.events("Protected") == []


class TestDisruptive:
    def test_a_live_rule_is_made_anew_only_when_somebody_agrees(self) -> None:
        house = a_shop()
        house.gce.seed("addresses", "global", "mine", {"address": "203.0.113.77"})
        before = house.address("shop/web")
        house.apply(noted(web(), **{STATIC: "mine"}))
        house.clock.advance(1)
        house.loop.resync()
        house.settle()
        assert house.address("shop/web") == before
        (event,) = house.events("Disruptive")
        assert "interrupts traffic" in event["message"]
        house.apply(noted(web(), **{STATIC: "mine", ACKNOWLEDGE: code_of(house, "Disruptive")}))
        house.settle()
        assert house.address("shop/web") == "203.0.113.77"

    def test_it_can_be_allowed_for_all(self) -> None:
        house = a_shop(guards={"disruptive": "allow"})
        house.gce.seed("addresses", "global", "mine", {"address": "203.0.113.77"})
        house.apply(noted(web(), **{STATIC: "mine"}))
        house.clock.advance(1)
        house.loop.resync()
        house.settle()
        assert house.address("shop/web") == "203.0.113.77"


class TestBudget:
    def many(self, count: int, **settings: Any) -> House:
        house = House(**settings)
        house.apply(service("shop/web", "80->30301"))
        house.apply(*(ingress(f"shop/web{n}", default="web:80") for n in range(count)))
        house.settle()
        assert len(house.names("forwardingRules")) == count
        return house

    def leave(self, house: House, count: int, **notes: str) -> None:
        for n in range(count):
            made = ingress(f"shop/web{n}", default="web:80")
            house.apply(noted(made, **{"kubernetes.io/ingress.class": "nginx"}, **notes))
        house.settle()

    def test_many_that_leave_their_class_at_once_wait_and_it_is_told_on_each(self) -> None:
        house = self.many(4)
        self.leave(house, 4)
        assert len(house.names("forwardingRules")) == 4
        told = {event["involvedObject"]["name"] for event in house.events("OverBudget")}
        assert told == {f"web{n}" for n in range(4)}

    def test_each_goes_that_somebody_agrees_to(self) -> None:
        house = self.many(4)
        self.leave(house, 4)
        made = ingress("shop/web2", default="web:80")
        (event,) = (e for e in house.events("OverBudget") if e["involvedObject"]["name"] == "web2")
        (code,) = CODE.findall(event["message"])[:1]
        notes = {"kubernetes.io/ingress.class": "nginx", ACKNOWLEDGE: code}
        house.apply(noted(made, **notes))
        house.settle()
        assert len(house.names("forwardingRules")) == 3

    def test_deleted_ingresses_are_asked_for_however_many(self) -> None:
        house = self.many(4)
        for n in range(4):
            house.kube.delete("Ingress", f"shop/web{n}")
        house.settle()
        assert house.ours() == {}

    def test_a_few_go_at_once(self) -> None:
        house = self.many(4)
        self.leave(house, 2)
        assert len(house.names("forwardingRules")) == 2

    def test_what_no_ingress_can_be_told_of_stands_in_the_log_once(self) -> None:
        house = self.many(3)
        for n in range(3):
            house.kube.delete("Ingress", f"shop/web{n}")
            house.forget_finalizers(f"shop/web{n}")
        house.start()
        with structlog.testing.capture_logs() as lines:
            house.settle(patience=2000)
        assert len(house.names("forwardingRules")) == 3
        told = [line for line in lines if line["event"] == "held_back"]
        assert [line["OverBudget"] for line in told if "OverBudget" in line] == [3]

    def test_the_number_is_a_setting(self) -> None:
        house = self.many(6, guards={"most_rules": 2, "most_rules_percent": 100})
        self.leave(house, 3)
        assert len(house.names("forwardingRules")) == 6
        house = self.many(6, guards={"most_rules": 0, "most_rules_percent": 100})
        self.leave(house, 6)
        assert house.ours() == {}


def test_read_only_writes_nothing_anywhere() -> None:
    house = House(guards={"read_only": True})
    house.apply(service("shop/web", "80->30301"), web())
    version = house.kube.resource_version
    house.settle()
    assert house.cloud.writes == []
    assert house.kube.resource_version == version
    turn = house.loop.turn
    assert turn is not None
    assert {blocked.reason.value for blocked in turn.plan.blocked} >= {"ReadOnly"}


class Broken:
    """The spec of an Ingress on which reading breaks: no input that is known does so."""

    ingress_class_name = None
    tls = ()

    @property
    def rules(self) -> Any:
        raise KeyError("hush")


@pytest.mark.parametrize("restart", [False, True], ids=["running", "started again"])
@pytest.mark.parametrize("alone", [False, True], ids=["beside another", "alone"])
def test_a_bug_in_reading_one_ingress_loses_nothing_and_stops_nobody(
    alone: bool, restart: bool
) -> None:
    house = a_shop()
    if not alone:
        house.apply(ingress("shop/other", default="api:80"))
        house.settle()
    kept = house.ours()
    if restart:
        house.start()
    seen = house.cluster.snapshot

    def broken() -> Snapshot:
        found = seen()
        odd = msgspec.structs.replace(found.ingresses["shop/web"], spec=Broken())
        return msgspec.structs.replace(found, ingresses={**found.ingresses, "shop/web": odd})

    once = broken()
    house.cluster.snapshot = lambda: once  # type: ignore[method-assign]  # a bug cannot be had otherwise
    house.settle(patience=700)
    assert house.ours() == kept
    assert house.cloud.writes == [] or not restart
    (event,) = house.events("InternalError")
    assert event["message"].startswith("KeyError at ")
    assert "hush" not in event["message"]
    house.cluster.snapshot = seen  # type: ignore[method-assign]
    house.apply(web({"a.example.com": [("/", "web:80")]}))
    house.settle()
    maps = [body for body in house.gce.resources("urlMaps") if "shop-web" in body["name"]]
    assert [rule["hosts"] for rule in maps[0]["hostRules"]] == [["a.example.com"]]


class TestOrphaned:
    ORPHAN = f"{PREFIX}orphan"

    def left(self, **settings: Any) -> House:
        house = a_shop(noted(web(), **{self.ORPHAN: "true"}), **settings)
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is None
        return house

    @pytest.mark.parametrize("scheme", ["v1", "v2"])
    def test_the_ingress_goes_and_all_of_it_serves_on(self, scheme: str) -> None:
        before = a_shop().ours() if scheme == "v2" else a_shop(new_ingress_scheme="v1").ours()
        house = self.left(new_ingress_scheme=scheme)
        assert house.ours() == before
        assert hosts(house) == ["a.example.com", "b.example.com"]
        assert house.events("Orphaned")
        assert house.refused() == []

    def test_nobody_collects_it_later(self) -> None:
        house = self.left()
        kept = house.ours()
        house.start()
        house.settle(patience=1300)
        assert house.ours() == kept
        assert house.cloud.writes == []

    def test_a_neighbour_comes_and_goes_beside_it(self) -> None:
        house = self.left()
        kept = house.ours()
        house.apply(ingress("shop/other", default="api:80"))
        house.settle()
        house.kube.delete("Ingress", "shop/other")
        house.settle(patience=1300)
        assert house.ours() == kept
        (rule,) = house.gce.resources("firewalls")
        assert rule["allowed"][0]["ports"] == ["30000-32767"]

    def test_an_ingress_of_its_name_takes_it_over_with_one_write_and_may_go_for_good(self) -> None:
        house = self.left()
        writes = len(house.cloud.writes)
        house.apply(web())
        house.settle()
        assert [call.key.kind for call in house.cloud.writes[writes:]] == ["urlMaps"]
        (url_map,) = house.gce.resources("urlMaps")
        assert not url_map.get("description")
        house.apply(noted(web(), **{self.ORPHAN: "false"}))
        house.kube.delete("Ingress", "shop/web")
        house.settle(patience=1300)
        assert house.ours() == {}

    def test_one_without_a_front_end_just_goes(self) -> None:
        house = House()
        house.apply(noted(ingress("shop/web", default="gone:80"), **{self.ORPHAN: "true"}))
        house.settle()
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    def test_its_class_changed_away_is_no_deletion(self) -> None:
        house = a_shop(noted(web(), **{self.ORPHAN: "true"}))
        house.apply(noted(web(), **{self.ORPHAN: "true", "kubernetes.io/ingress.class": "nginx"}))
        house.settle()
        assert house.ours() == {}
