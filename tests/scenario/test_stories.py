"""What users do to a cluster, and what other people do to a cloud: the end is always the same."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.build import ingress, ingress_class, service
from fakes.gce import Error, FailedOperation, LoseAnswer
from fakes.gce import Request as GceRequest
from glbc.model.views import VIEWS
from glbc.translate.annotations import WRITTEN
from tests.support.house import PROJECT, House

UID = "16f2a1b3c4d5e6f7"
FRONT = f"k8s-be-30301--{UID}"
API = f"k8s-be-30302--{UID}"
DEFAULT = f"k8s-be-30303--{UID}"
MAP = "k8s2-um-aer32pk4-shop-web-jkv47h8u"
RULE = "k8s2-fr-aer32pk4-shop-web-jkv47h8u"
SERVICES = (
    service("shop/front", "80->30301"),
    service("shop/api", "8080->30302"),
    service("shop/dflt", "http=80->30303"),
)
HOST = "a.example.com"
WEB = ingress("shop/web", {HOST: [("/", "front:80"), ("/api", "api:8080")]}, default="dflt:http")


def shop(*more: dict[str, Any], **settings: Any) -> House:
    house = House(**settings)
    house.apply(*SERVICES, WEB, *more)
    house.settle()
    house.cloud.writes.clear()
    return house


def routes(house: House, name: str = MAP) -> dict[str, str]:
    """Return path → backend service of the only host."""
    matchers = house.body("urlMaps", name)["pathMatchers"]
    return {
        rule["paths"][0]: rule["service"].rpartition("/")[2]
        for matcher in matchers
        for rule in matcher.get("pathRules", [])
    }


def wrote(house: House) -> list[str]:
    return [f"{call.key.kind}.{call.verb} {call.key.name}" for call in house.cloud.writes]


def state(house: House) -> dict[str, Any]:
    """Return the whole cloud but for the address, which a second attempt gets anew."""
    return {
        key: {name: value for name, value in body.items() if name != "IPAddress"}
        for key, body in house.gce.dump().items()
    }


def delete(house: House, *paths: str) -> None:
    """Delete resources behind the controller's back."""
    for path in paths:
        answer = house.gce.handle(
            GceRequest("DELETE", f"/compute/v1/projects/{PROJECT}/{path}", {}, None)
        )
        assert answer.status == 200, answer.body
        house.clock.advance(5)
        house.gce.handle(GceRequest("GET", f"/compute/v1/projects/{PROJECT}/{path}", {}, None))


def edit(house: House, path: str, body: dict[str, Any]) -> None:
    """Patch a resource behind the controller's back."""
    whole = f"/compute/v1/projects/{PROJECT}/{path}"
    seen = house.gce.handle(GceRequest("GET", whole, {}, None)).body
    stamp = {"fingerprint": seen["fingerprint"]} if "fingerprint" in seen else {}
    answer = house.gce.handle(GceRequest("PATCH", whole, {}, {**body, **stamp}))
    assert answer.status == 200, answer.body
    house.clock.advance(5)


@pytest.fixture(autouse=True)
def nothing_impossible_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Without scripted trouble no mutation may be refused."""
    houses: list[House] = []
    start = House.start

    def remembered(self: House) -> None:
        houses.append(self)
        start(self)

    monkeypatch.setattr(House, "start", remembered)
    yield
    if request.cls not in {TestTrouble, TestOthers}:
        for house in houses:
            assert house.refused() == []


class TestBadInput:
    """A bad object removes a path, never an Ingress; it is told once."""

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            pytest.param(
                ("/x", "nobody:80"), "ServiceNotFound", id="a service that does not exist"
            ),
            pytest.param(
                ("/x", "front:81"), "ServicePortNotFound", id="a port that does not exist"
            ),
            pytest.param(("/x", "front:odd"), "ServicePortNotFound", id="a port name nobody has"),
            pytest.param(("/x", "inside:80"), "NoNodePort", id="a service without node port"),
            pytest.param(
                ("/a*b", "front:80", "ImplementationSpecific"), "BadPath", id="a wildcard inside"
            ),
        ],
    )
    def test_the_other_rules_ship_and_it_is_told_once(self, path: Any, reason: str) -> None:
        house = House()
        web = ingress("shop/web", {HOST: [("/", "front:80"), path]}, default="dflt:http")
        house.apply(*SERVICES, service("shop/inside", "80", kind="ClusterIP"), web)
        house.settle()
        assert routes(house)["/*"] == FRONT
        assert routes(house).get("/x", DEFAULT) == DEFAULT
        assert house.address("shop/web")
        house.loop.resync()
        house.settle()
        (event,) = house.events(reason)
        assert (event["type"], event["count"]) == ("Warning", 1)
        assert event["message"].startswith("spec.rules[0].http.paths[1]")

    def test_a_resource_backend_is_named(self) -> None:
        house = House()
        web = ingress(
            "shop/web", {HOST: [("/", "front:80"), ("/x", "front:80")]}, default="dflt:http"
        )
        bucket = {"resource": {"apiGroup": "x.io", "kind": "Bucket", "name": "b"}}
        web["spec"]["rules"][0]["http"]["paths"][1]["backend"] = bucket
        house.apply(*SERVICES, web)
        house.settle()
        assert routes(house)["/*"] == FRONT
        assert len(house.events("BackendNotAService")) == 1

    def test_of_two_rules_for_a_host_the_later_wins(self) -> None:
        house = House()
        web = ingress("shop/web", {HOST: [("/", "front:80")]}, default="dflt:http")
        web["spec"]["rules"].append(
            ingress("shop/web", {HOST: [("/", "api:8080")]})["spec"]["rules"][0]
        )
        house.apply(*SERVICES, web)
        house.settle()
        assert routes(house) == {"/*": API}
        assert len(house.events("DuplicateHost")) == 1

    def test_an_ingress_of_another_class_is_not_touched(self) -> None:
        house = House()
        other = ingress(
            "shop/web", default="dflt:http", annotations={"kubernetes.io/ingress.class": "nginx"}
        )
        house.apply(*SERVICES, other)
        before = house.ingress("shop/web")
        house.settle()
        assert house.ours() == {}
        assert house.ingress("shop/web") == before

    def test_a_service_that_comes_later_is_served(self) -> None:
        house = shop(ingress("shop/late", {HOST: [("/", "late:80")]}, default="dflt:http"))
        house.apply(service("shop/late", "80->30309"))
        house.settle()
        assert f"k8s-be-30309--{UID}" in house.names("backendServices")

    def test_a_service_that_goes_keeps_serving_what_it_served(self) -> None:
        house = shop()
        house.kube.delete("Service", "shop/api")
        house.settle()
        assert routes(house)["/api"] == API
        assert API in house.names("backendServices")
        assert wrote(house) == []
        assert len(house.events("ServiceNotFound")) == 1

    def test_without_any_default_backend_nothing_is_published_and_it_is_said(self) -> None:
        house = House()
        house.apply(*SERVICES, ingress("shop/web", {HOST: [("/", "front:80")]}))
        house.settle()
        assert not house.address("shop/web")
        assert house.events("ServiceNotFound")
        house.apply(service("kube-system/default-http-backend", "http=80->30310"))
        house.settle()
        assert house.address("shop/web")


class TestSharing:
    """A resource wanted by anyone is wanted."""

    def test_deleting_one_ingress_leaves_what_the_other_wants(self) -> None:
        house = shop(
            ingress("shop/other", {"b.example.com": [("/", "front:80")]}, default="dflt:80")
        )
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.names("backendServices") == [FRONT, DEFAULT]
        assert house.ingress("shop/web") is None
        assert house.address("shop/other")

    def test_a_port_by_name_and_by_number_is_one_backend(self) -> None:
        house = shop(ingress("shop/other", default="dflt:80"))
        assert house.names("backendServices") == [FRONT, API, DEFAULT]
        house.loop.resync()
        house.settle()
        assert wrote(house) == []

    def test_the_class_changes_away_and_back(self) -> None:
        house = shop(ingress_class("other", "example.com/other"))
        away = {**WEB, "spec": {**WEB["spec"], "ingressClassName": "other"}}
        house.apply(away)
        house.settle()
        left = house.ingress("shop/web")
        assert left is not None
        assert house.ours() == {}
        assert not left["metadata"].get("finalizers")
        assert not set(WRITTEN) & left["metadata"].get("annotations", {}).keys()
        assert not house.address("shop/web")
        house.apply(WEB)
        house.settle()
        assert house.address("shop/web")


class TestNodes:
    """Groups follow the nodes."""

    def test_a_node_in_a_new_zone_gets_a_group_that_every_backend_uses(self) -> None:
        house = shop()
        house.add_node("node-3", "us-central1-c")
        house.settle()
        groups = {b["group"] for b in house.body("backendServices", FRONT)["backends"]}
        assert len(groups) == 3
        assert len(house.names("instanceGroups")) == 3

    def test_a_zone_without_nodes_loses_its_group(self) -> None:
        house = shop()
        house.kube.delete("Node", "node-2")
        house.settle()
        groups = {b["group"] for b in house.body("backendServices", FRONT)["backends"]}
        assert [name.split("/")[-3] for name in groups] == ["us-central1-a"]
        assert len(house.names("instanceGroups")) == 1

    def test_a_node_that_is_not_ready_leaves_the_group_and_comes_back(self) -> None:
        house = shop()
        from fakes.build import node  # noqa: PLC0415

        house.kube.apply(node("node-2", "us-central1-b", ready=False))
        node_2 = house.kube.get("Node", "node-2")
        assert node_2 is not None
        node_2["status"] = {"conditions": [{"type": "Ready", "status": "False"}]}
        set_node_status(house, "node-2", "False")
        house.settle()
        assert sorted(g.get("size", 0) for g in house.gce.resources("instanceGroups")) == [0, 1]
        set_node_status(house, "node-2", "True")
        house.settle()
        assert [g["size"] for g in house.gce.resources("instanceGroups")] == [1, 1]

    def test_a_burst_of_nodes_is_one_write_for_each_zone(self) -> None:
        house = shop(
            ingress("shop/two", default="dflt:80"), ingress("shop/three", default="dflt:80")
        )
        house.cloud.writes.clear()
        for number in range(10, 30):
            house.add_node(f"node-{number}", f"us-central1-{'ab'[number % 2]}")
        house.settle()
        assert wrote(house) == ["instanceGroups.addInstances k8s-ig--" + UID] * 2


def set_node_status(house: House, name: str, ready: str) -> None:
    from fakes.kube import Request  # noqa: PLC0415

    body = {"status": {"conditions": [{"type": "Ready", "status": ready}]}}
    answer = house.kube.handle(
        Request(
            "PATCH",
            f"/api/v1/nodes/{name}/status",
            {},
            {"content-type": "application/merge-patch+json"},
            body,
        )
    )
    assert answer.status == 200, answer.body


class TestEdits:
    """An edit changes only what it must, and what serves is replaced before it goes."""

    def test_a_new_node_port_is_make_before_break(self) -> None:
        house = shop()
        house.kube.delete("Service", "shop/api")
        house.apply(service("shop/api", "8080->30399"))
        house.settle()
        new = f"k8s-be-30399--{UID}"
        order = wrote(house)
        assert routes(house)["/api"] == new
        assert API not in house.names("backendServices")
        steps = [
            f"backendServices.insert {new}",
            f"urlMaps.patch {MAP}",
            f"backendServices.delete {API}",
        ]
        assert [order.index(step) for step in steps] == sorted(order.index(step) for step in steps)

    def test_a_path_that_is_removed_takes_only_its_backend_away(self) -> None:
        house = shop()
        house.apply(ingress("shop/web", {HOST: [("/", "front:80")]}, default="dflt:http"))
        house.settle()
        assert sorted(wrote(house)) == sorted(
            [f"urlMaps.patch {MAP}", f"backendServices.delete {API}", f"healthChecks.delete {API}"]
        )

    def test_all_rules_can_be_taken_out(self) -> None:
        house = shop()
        house.apply(ingress("shop/web", default="dflt:http"))
        house.settle()
        assert "pathMatchers" not in house.body("urlMaps", MAP)
        assert house.names("backendServices") == [DEFAULT]


class TestOthers:
    """What other people do to the cloud."""

    def test_whatever_vanishes_comes_back(self) -> None:
        house = shop()
        whole = house.gce.dump()
        delete(
            house,
            f"global/forwardingRules/{RULE}",
            f"global/targetHttpProxies/{RULE.replace('fr', 'tp', 1)}",
            f"global/urlMaps/{MAP}",
            f"global/backendServices/{API}",
            f"global/healthChecks/{API}",
            f"global/firewalls/k8s-fw-l7--{UID}",
        )
        house.loop.resync()
        house.settle()
        assert whole.keys() == house.gce.dump().keys()
        assert house.address("shop/web") == house.body("forwardingRules", RULE)["IPAddress"]

    def test_drift_of_what_the_user_wants_is_corrected(self) -> None:
        house = shop()
        edit(house, f"global/backendServices/{FRONT}", {"portName": "port30302"})
        house.loop.resync()
        house.settle()
        assert house.body("backendServices", FRONT)["portName"] == "port30301"

    def test_an_edit_of_our_defaults_stays(self) -> None:
        house = shop()
        edit(house, f"global/healthChecks/{FRONT}", {"checkIntervalSec": 7, "timeoutSec": 3})
        edit(house, f"global/backendServices/{FRONT}", {"timeoutSec": 99})
        house.loop.resync()
        house.settle()
        assert wrote(house) == []
        assert house.body("healthChecks", FRONT)["checkIntervalSec"] == 7

    def test_a_foreign_host_rule_survives_our_edits(self) -> None:
        house = shop()
        live = house.body("urlMaps", MAP)
        service_link = live["defaultService"]
        edit(
            house,
            f"global/urlMaps/{MAP}",
            {
                "hostRules": [
                    *live["hostRules"],
                    {"hosts": ["m.example.com"], "pathMatcher": "mine"},
                ],
                "pathMatchers": [
                    *live["pathMatchers"],
                    {"name": "mine", "defaultService": service_link},
                ],
            },
        )
        house.loop.resync()
        house.settle()
        assert wrote(house) == []
        house.apply(ingress("shop/web", {HOST: [("/", "front:80")]}, default="dflt:http"))
        house.settle()
        names = [matcher["name"] for matcher in house.body("urlMaps", MAP)["pathMatchers"]]
        assert "mine" in names
        assert len(names) == 2

    def test_a_second_writer_between_read_and_write_loses_nothing(self) -> None:
        house = shop()
        edit(house, f"global/backendServices/{FRONT}", {"timeoutSec": 77})
        house.add_node("node-3", "us-central1-c")
        house.settle()
        body = house.body("backendServices", FRONT)
        assert (body["timeoutSec"], len(body["backends"])) == (77, 3)

    def test_our_name_with_a_description_of_somebody_else_gets_our_proof_with_the_change(
        self,
    ) -> None:
        house = House()
        theirs = {"description": "mine", "type": "TCP", "tcpHealthCheck": {"port": 1}}
        house.gce.seed("healthChecks", "global", API, theirs)
        house.apply(*SERVICES, WEB)
        house.settle()
        check = house.body("healthChecks", API)
        assert check["description"].startswith("Default kubernetes L7")
        assert (check["type"], check["httpHealthCheck"]["port"]) == ("HTTP", 30302)

    def test_our_name_with_a_description_of_somebody_else_is_never_deleted(self) -> None:
        house = shop()
        theirs = {"description": "mine", "type": "TCP", "tcpHealthCheck": {"port": 1}}
        house.gce.seed("healthChecks", "global", f"k8s-be-30999--{UID}", theirs)
        house.loop.resync()
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ours() == {"healthChecks": [f"k8s-be-30999--{UID}"]}
        assert house.ingress("shop/web") is None


class TestTrouble:
    """The cloud refuses, fails and forgets; what serves keeps serving."""

    @pytest.mark.parametrize(
        "effect",
        [
            pytest.param(Error(503), id="503"),
            pytest.param(Error(403, "rateLimitExceeded"), id="rate limit"),
            pytest.param(Error(412, "conditionNotMet"), id="412"),
            pytest.param(Error(400, "resourceNotReady"), id="not ready"),
            pytest.param(FailedOperation("INTERNAL_ERROR", http=500), id="a failed operation"),
            pytest.param(LoseAnswer(acted=True), id="a lost answer, done"),
            pytest.param(LoseAnswer(acted=False), id="a lost answer, not done"),
        ],
    )
    @pytest.mark.parametrize(
        "method",
        [
            "healthChecks.*",
            "instanceGroups.*",
            "backendServices.*",
            "urlMaps.*",
            "*Rules.*",
            "*.list",
        ],
    )
    def test_it_gets_there_all_the_same(self, method: str, effect: Any) -> None:
        undisturbed = state(shop())
        house = House()
        house.gce.faults.add(method, effect, skip=1, times=3)
        house.apply(*SERVICES, WEB)
        house.settle()
        assert undisturbed == state(house)
        house.gce.faults.clear()
        house.gce.faults.add(method, effect, times=2)
        house.kube.delete("Ingress", "shop/web")
        house.settle(patience=300)
        assert house.ours() == {}
        assert house.ingress("shop/web") is None

    def test_a_refused_backend_takes_no_path_with_it(self) -> None:
        house = House()
        house.gce.faults.add("backendServices.insert", Error(400, "invalid"), name=API, times=None)
        house.apply(*SERVICES, WEB)
        house.settle(patience=20)
        assert routes(house) == {"/*": FRONT, "/api": DEFAULT, "/api/*": DEFAULT}
        assert house.address("shop/web")
        assert house.events("BackendRefused")
        assert house.events("Refused")
        house.gce.faults.clear()
        house.settle(patience=200)
        assert routes(house)["/api"] == API

    def test_a_quota_is_named_and_does_not_spin(self) -> None:
        house = House()
        house.gce.faults.add(
            "urlMaps.insert", Error(403, "quotaExceeded", "Quota 'URL_MAPS' exceeded"), times=None
        )
        house.apply(*SERVICES, WEB)
        house.settle(patience=30)
        (event,) = house.events("Refused")
        assert "URL_MAPS" in event["message"]
        assert house.gce.counts()["compute.urlMaps.insert"] <= 2

    def test_a_list_that_cannot_be_read_is_no_empty_list(self) -> None:
        house = shop()
        house.start()
        house.gce.faults.add("backendServices.list", Error(503), times=4)
        house.settle(patience=100)
        assert wrote(house) == []

    def test_a_list_that_lags_behind_does_no_harm(self) -> None:
        from fakes.gce import Lag  # noqa: PLC0415

        undisturbed = shop().gce.dump()
        house = House()
        house.gce.faults.add("*.list", Lag(60), times=None)
        house.apply(*SERVICES, WEB)
        house.settle()
        house.loop.resync()
        house.settle()
        assert undisturbed == house.gce.dump()


class TestView:
    """Absence of knowledge is not absence."""

    def test_nothing_is_deleted_while_a_kind_is_not_seen(self) -> None:
        house = shop()
        house.cluster.complete = frozenset(VIEWS) - {"Node"}
        house.kube.delete("Ingress", "shop/web")
        house.kube.delete("Node", "node-2")
        house.settle()
        assert wrote(house) == []
        assert house.ingress("shop/web") is not None
        house.cluster.complete = frozenset(VIEWS)
        house.settle()
        assert house.ours() == {}

    def test_what_is_added_ships_while_a_kind_is_not_seen(self) -> None:
        house = shop()
        house.cluster.complete = frozenset(VIEWS) - {"Node"}
        house.apply(ingress("shop/more", default="dflt:80"))
        house.settle()
        assert house.address("shop/more")

    def test_an_api_server_that_comes_back_empty_takes_nothing_away(self) -> None:
        house = shop()
        full, empty = house.kube, copy.deepcopy(house.kube)
        empty.reset()
        house.cluster.world = empty
        house.settle()
        assert wrote(house) == []
        house.cluster.world = full
        house.loop.resync()
        house.settle(patience=700)
        assert wrote(house) == []
        assert house.address("shop/web")

    def test_a_controller_that_starts_on_an_empty_cluster_waits_a_resync(self) -> None:
        house = shop()
        house.kube.reset()
        house.start()
        house.settle()
        assert wrote(house) == []

    def test_an_ingress_whose_finalizer_was_removed_by_force_is_collected_a_resync_later(
        self,
    ) -> None:
        house = shop(ingress("shop/other", default="dflt:http"))
        house.forget_finalizers("shop/web")
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert MAP in house.names("urlMaps")
        house.settle(patience=700)
        assert MAP not in house.names("urlMaps")
        assert house.address("shop/other")

    def test_before_the_first_complete_view_nothing_is_done(self) -> None:
        house = House()
        house.cluster.complete = frozenset({"Ingress"})
        house.apply(*SERVICES, WEB)
        house.settle()
        assert wrote(house) == []

    def test_without_the_finalizer_nothing_is_created_and_nothing_goes(self) -> None:
        house = House()
        house.cluster.broken = True
        house.apply(*SERVICES, WEB)
        house.settle()
        assert wrote(house) == []
        house.cluster.broken = False
        house.settle()
        assert house.address("shop/web")


class TestRest:
    """At rest: no write, and reads that do not grow with the number of Ingresses."""

    @staticmethod
    def reads(ingresses: int) -> int:
        house = House()
        house.apply(*SERVICES)
        for number in range(ingresses):
            house.apply(
                ingress(f"shop/web-{number}", {HOST: [("/", "front:80")]}, default="dflt:80")
            )
        house.settle()
        before = sum(house.gce.counts().values())
        house.loop.resync()
        house.settle()
        return sum(house.gce.counts().values()) - before

    def test_a_resync_of_thirty_costs_what_a_resync_of_one_costs(self) -> None:
        assert self.reads(1) == self.reads(30)


class TestTakeover:
    """A load balancer that ingress-gce has left is taken over without a write."""

    def test_v1_names_stay_and_nothing_is_written(self) -> None:
        house = House()
        old = ingress(
            "shop/web",
            {HOST: [("/", "front:80"), ("/api", "api:8080")]},
            default="dflt:http",
            finalizers=["networking.gke.io/ingress-finalizer"],
        )
        house.apply(*SERVICES, old)
        house.settle()
        assert house.names("urlMaps") == [f"k8s-um-shop-web--{UID}"]
        house.start()
        house.settle()
        assert wrote(house) == []


def test_what_was_missing_is_found_soon_after_it_was_made() -> None:
    """The hint is a command: who runs it does not wait for a resync of ten minutes."""
    house = House()
    house.apply(
        service("shop/web", "80->30301"),
        ingress(
            "shop/web",
            default="web:80",
            annotations={"kubernetes.io/ingress.global-static-ip-name": "front"},
        ),
    )
    house.settle(patience=5)
    assert house.events("StaticAddressNotUsable")
    assert house.address("shop/web") == ""
    house.gce.seed("addresses", "global", "front", {"address": "203.0.113.7"})
    house.settle(patience=31)
    assert house.address("shop/web") == "203.0.113.7"
