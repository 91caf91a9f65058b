"""Reported storms and lost updates, each under the name of its thread: bugs 13 and 15 of the users' list.

At rest nothing is written, a change touches what it is about and nothing else, and trouble with one method of the
cloud stays with what needs that method.
"""

from typing import Any

import pytest

from fakes.build import ingress, service
from fakes.gce import Error
from tests.scenario.test_backendconfig import WEB, a_shop, config, web
from tests.scenario.test_stories import edit
from tests.scenario.test_threads_gc import TestUnseen, secured
from tests.support import pki
from tests.support.house import CLUSTER_UID, House

MANY = 60
THROTTLED = Error(403, "rateLimitExceeded", "Rate Limit Exceeded")


def many(**settings: Any) -> House:
    """Serve many Ingresses of ten Services."""
    house = House(**settings)
    for number in range(10):
        house.apply(service(f"shop/web-{number}", f"80->{30310 + number}"))
    for number in range(MANY):
        host = f"{number}.example.com"
        rules = {host: [("/", f"web-{number % 10}:80")]}
        house.apply(ingress(f"shop/in-{number}", rules, default="web-0:80"))
    house.settle()
    house.cloud.writes.clear()
    return house


def pass_time(house: House, seconds: float) -> None:
    """Let the controller live for some time."""
    end = house.clock.monotonic() + seconds
    while house.clock.monotonic() < end:
        busy = house.loop.step()
        if not (busy or house.workers.waiting or house.loop.in_flight()):
            house.clock.advance(min(house.loop.wake_in(), end - house.clock.monotonic()) + 0.001)


def wrote(house: House) -> list[str]:
    return [f"{call.verb} {call.key.name}" for call in house.cloud.writes]


class TestRest:
    @pytest.mark.parametrize("resync", [600, 10], ids=["igce#44", "igce PR#1929: resync of 10 s"])
    def test_igce_2903_and_1929_an_hour_of_rest_writes_nothing_and_reads_what_it_must(
        self, resync: int
    ) -> None:
        """With every feature on: whatever the API normalises is no difference (igce PR#2903)."""
        house = TestUnseen.rich()
        house = House(gce=house.gce, kube=house.kube, resync_sec=resync)
        house.settle()
        house.cloud.writes.clear()
        version, before = house.kube.resource_version, dict(house.gce.counts())
        pass_time(house, 3600)
        reads = {
            method: count - before.get(method, 0)
            for method, count in house.gce.counts().items()
            if count != before.get(method, 0)
        }
        assert wrote(house) == []
        assert house.kube.resource_version == version
        rounds = 3600 // resync + 1
        lists = {name: n for name, n in reads.items() if name.endswith(("ist", "listInstances"))}
        assert max(lists.values()) <= 2 * rounds  # the members of two groups
        health = reads.pop("compute.backendServices.getHealth", 0)
        assert health <= 60 * 2 * 2  # each group of each backend once a minute
        assert reads == lists

    def test_igce_123_a_resync_among_many_is_no_reason_to_write(self) -> None:
        house = many()
        version = house.kube.resource_version
        for _ in range(3):
            house.loop.resync()
            house.settle()
        assert wrote(house) == []
        assert house.kube.resource_version == version

    def test_lbc_3540_and_3167_who_takes_over_writes_nothing(self) -> None:
        house = many()
        version = house.kube.resource_version
        house.start()
        house.settle(patience=700)
        assert wrote(house) == []
        assert house.kube.resource_version == version

    @pytest.mark.parametrize(
        "theirs",
        [
            pytest.param(
                {"connectionDraining": {"drainingTimeoutSec": 0}}, id="a default, written"
            ),
            pytest.param({"protocol": "HTTP"}, id="what it was"),
            pytest.param({"timeoutSec": 30}, id="the server's own default"),
        ],
    )
    def test_igce_2903_a_value_that_means_the_same_is_no_difference(
        self, theirs: dict[str, Any]
    ) -> None:
        house = a_shop({})
        edit(house, f"global/backendServices/{WEB}", theirs)
        house.cloud.writes.clear()
        for _ in range(3):
            house.loop.resync()
            house.settle()
        assert wrote(house) == []


class TestChange:
    def test_lbc_1359_and_igce_2523_a_new_node_is_one_write_whatever_is_served(self) -> None:
        """ngx#9377: what 60 Ingresses share is not written 60 times, nor is any Ingress touched."""
        house = many()
        before = {name["metadata"]["name"]: name for name in house.kube.list("Ingress")}
        house.add_node("node-3", "us-central1-a")
        house.settle()
        assert wrote(house) == [f"addInstances k8s-ig--{CLUSTER_UID}"]
        assert before == {name["metadata"]["name"]: name for name in house.kube.list("Ingress")}

    def test_lbc_3167_an_edit_is_done_while_a_resync_is_under_way(self) -> None:
        house = many()
        house.loop.resync()
        house.loop.step()  # all kinds are being listed
        house.apply(
            ingress("shop/in-7", {"new.example.com": [("/", "web-3:80")]}, default="web-0:80")
        )
        house.settle(patience=5)
        (name,) = {line.partition(" ")[2] for line in wrote(house)}
        assert "shop-in-7" in name
        hosts = house.body("urlMaps", name)["hostRules"][0]["hosts"]
        assert hosts == ["new.example.com"]


class TestThrottled:
    """One method is throttled for ten minutes (lbc#1048): only what needs it waits."""

    MINUTES = 600

    def test_lbc_1048_certificates_are_throttled_and_routes_and_nodes_go_on(self) -> None:
        house = House()
        house.apply(service("shop/web", "80->30301"), service("shop/api", "80->30302"))
        house.apply(pki.secret("shop/tls", *pki.pair("a.example.com")))
        house.apply(secured("shop/web", "web:80", "tls", default="web:80"))
        house.settle()
        (serving,) = house.names("sslCertificates")
        house.gce.faults.add("sslCertificates.*", THROTTLED, times=None)

        began = house.clock.monotonic()
        house.apply(pki.secret("shop/tls", *pki.pair("b.example.com")))
        house.apply(ingress("shop/more", default="api:80"))
        house.add_node("node-3", "us-central1-a")
        pass_time(house, 20)
        assert house.address("shop/more")
        group = f"/instanceGroups/k8s-ig--{CLUSTER_UID}/listInstances"
        path = f"/compute/v1/projects/demo/zones/us-central1-a{group}"
        assert len(house.cloud._ask("POST", path, {})["items"]) == 2

        pass_time(house, self.MINUTES)
        (proxy,) = house.gce.resources("targetHttpsProxies")
        assert [link.rpartition("/")[2] for link in proxy["sslCertificates"]] == [serving]
        tried = house.gce.counts()["compute.sslCertificates.insert"]
        assert tried < 60, "it backs off"

        house.gce.faults.clear()
        house.settle(patience=700)
        assert house.names("sslCertificates") != [serving]
        assert len(house.names("sslCertificates")) == 1
        assert house.clock.monotonic() - began > self.MINUTES

    def test_lbc_1048_no_update_of_a_map_for_ten_minutes_loses_no_target(self) -> None:
        """All that piled up is done afterwards, and nothing that served was swapped meanwhile."""
        house = many()
        house.gce.faults.add("urlMaps.*", THROTTLED, times=None)
        maps = {body["name"]: body for body in house.gce.resources("urlMaps")}
        house.apply(service("shop/web-3", "80->30999"))
        pass_time(house, self.MINUTES)
        assert {body["name"]: body for body in house.gce.resources("urlMaps")} == maps
        assert f"k8s-be-30313--{CLUSTER_UID}" in house.names("backendServices")
        house.gce.faults.clear()
        house.settle(patience=1300)
        assert f"k8s-be-30999--{CLUSTER_UID}" in house.names("backendServices")
        assert f"k8s-be-30313--{CLUSTER_UID}" not in house.names("backendServices")
        assert all("urlMaps" in line and line.endswith("403") for line in house.refused())


class TestLostUpdates:
    """Bug 13, what `test_threads.py` does not have."""

    def test_igce_348_two_edits_in_a_row_know_the_fingerprint_of_the_first(self) -> None:
        house = a_shop({"timeoutSec": 75})
        for seconds in (80, 90, 100):
            house.apply(config({"timeoutSec": seconds}))
            house.settle(patience=1)
            assert web(house)["timeoutSec"] == seconds
        assert house.refused() == []

    @pytest.mark.parametrize("ours", [True, False], ids=["as we write it", "as somebody else does"])
    def test_igce_1530_a_create_that_somebody_else_was_faster_with(self, ours: bool) -> None:
        """409: read, and use what fits; what does not fit is made to, or told."""
        name = f"k8s-be-30301--{CLUSTER_UID}"
        twin = House()
        twin.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
        twin.settle()
        body = dict(twin.body("healthChecks", name))
        for field in ("id", "kind", "name", "selfLink", "creationTimestamp"):
            body.pop(field, None)
        if not ours:
            body |= {"description": "mine", "checkIntervalSec": 99}

        house = House()

        def faster(call: Any) -> None:
            if call.key.kind == "healthChecks":
                house.cloud.before = lambda _: None
                house.gce.seed("healthChecks", "global", name, body)

        house.cloud.before = faster
        house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
        house.settle()
        assert [line.partition(":")[2] for line in house.refused()] == [" 409"]
        assert house.address("shop/web")
        assert house.body("backendServices", name)["healthChecks"][0].endswith(f"/{name}")
        check = house.body("healthChecks", name)
        assert check["httpHealthCheck"]["port"] == 30301
        house.cloud.writes.clear()
        house.loop.resync()
        house.settle()
        assert wrote(house) == []

    def test_igce_396_a_foreign_edit_of_a_map_under_our_write_is_kept(self) -> None:
        """A blind overwrite would lose it; a second writer wins nothing that is ours."""
        house = a_shop({})
        (url_map,) = house.names("urlMaps")
        theirs = {"hosts": ["mine.example.com"], "pathMatcher": "mine"}

        def in_between(call: Any) -> None:
            if call.key.kind == "urlMaps":
                house.cloud.before = lambda _: None
                live = house.body("urlMaps", url_map)
                matcher = {"name": "mine", "defaultService": live["defaultService"]}
                edit(
                    house,
                    f"global/urlMaps/{url_map}",
                    {
                        "hostRules": [*live["hostRules"], theirs],
                        "pathMatchers": [*live["pathMatchers"], matcher],
                    },
                )

        house.cloud.before = in_between
        two = {"a.example.com": [("/", "web:80")], "b.example.com": [("/", "web:80")]}
        house.apply(ingress("shop/web", two))
        house.settle()
        hosts = {
            host for rule in house.body("urlMaps", url_map)["hostRules"] for host in rule["hosts"]
        }
        assert hosts == {"a.example.com", "b.example.com", "mine.example.com"}
