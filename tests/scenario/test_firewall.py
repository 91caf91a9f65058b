"""The firewall rule: managed, verified or left alone; and in somebody else's project."""

from typing import Any

import pytest

from fakes.build import ingress, service
from fakes.gce import Request
from tests.support.house import CLUSTER_UID, HOST, PROJECT, House

RULE = f"k8s-fw-l7--{CLUSTER_UID}"
QUIET = "networking.gke.io/suppress-firewall-xpn-error"
OPEN: dict[str, Any] = {
    "network": "global/networks/default",
    "sourceRanges": ["0.0.0.0/0"],
    "allowed": [{"IPProtocol": "tcp"}],
}


def shop(house: House, **annotations: str) -> House:
    house.apply(
        service("shop/web", "80->30301"),
        ingress("shop/web", default="web:80", annotations=annotations or None),
    )
    house.settle()
    return house


def rules(house: House) -> list[str]:
    world = house.gce.host or house.gce
    return [body["name"] for body in world.resources("firewalls")]


class TestModes:
    def test_verify_is_silent_where_somebody_elses_rules_do(self) -> None:
        house = House(firewall="verify")
        house.gce.seed("firewalls", "global", "theirs", OPEN)
        shop(house)
        assert rules(house) == ["theirs"]
        assert house.events("FirewallNotOpen") == []
        assert house.address("shop/web")

    def test_verify_tells_the_command_once_and_goes_quiet_when_it_was_run(self) -> None:
        house = shop(House(firewall="verify"))
        (event,) = house.events("FirewallNotOpen")
        assert event["type"] == "Warning"
        assert f"gcloud compute firewall-rules create {RULE} --network default" in event["message"]
        house.gce.seed("firewalls", "global", "theirs", OPEN)
        house.loop.resync()
        house.settle()
        assert house.loop.turn is not None
        assert house.loop.turn.desired.findings == ()
        assert len(house.events("FirewallNotOpen")) == 1

    @pytest.mark.parametrize("mode", ["verify", "off"])
    def test_a_rule_of_ours_is_left_alone_by_the_other_modes(self, mode: str) -> None:
        house = shop(House())
        other = House(gce=house.gce, kube=house.kube, firewall=mode)
        other.clock = house.clock
        other.settle()
        assert rules(other) == [RULE]
        other.kube.delete("Ingress", "shop/web")
        other.settle()
        assert rules(other) == [RULE]
        assert other.ingress("shop/web") is None

    def test_off_says_nothing(self) -> None:
        house = shop(House(firewall="off"))
        assert rules(house) == []
        assert house.events("FirewallNotOpen") == []

    def test_ports_in_other_words_are_the_same_ports(self) -> None:
        house = shop(House())
        body = {"allowed": [{"IPProtocol": "tcp", "ports": ["30000-31000", "31001-32767"]}]}
        path = f"/compute/v1/projects/{PROJECT}/global/firewalls/{RULE}"
        assert house.gce.handle(Request("PATCH", path, {}, body)).status == 200
        house.clock.advance(1)
        house.start()
        house.settle()
        assert house.cloud.writes == []


class TestSharedVpc:
    def test_the_rule_is_made_in_the_networks_project(self) -> None:
        house = shop(House(shared_vpc=True))
        assert rules(house) == [RULE]
        assert house.names("firewalls") == []
        house.start()
        house.settle()
        assert house.cloud.writes == []
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert rules(house) == []
        assert house.ingress("shop/web") is None

    def denied(self, *methods: str) -> House:
        house = House(shared_vpc=True)
        house.gce.host_denied = tuple(f"firewalls.{method}" for method in methods)
        return house

    def test_igce_485_without_permission_the_rest_proceeds_and_the_command_is_told_once(
        self,
    ) -> None:
        house = shop(self.denied("insert"))
        assert house.address("shop/web")
        house.clock.advance(300)
        house.settle()
        (event,) = house.events("XPN")
        assert event["type"] == "Normal"
        assert event["count"] == 1
        assert event["message"] == (
            "Firewall change required by security admin: `gcloud compute firewall-rules create "
            f'{RULE} --network default --description "GCE L7 firewall rule" --allow tcp:30000-32767 '
            f"--source-ranges 130.211.0.0/22,35.191.0.0/16 --target-tags node --project {HOST}`"
        )
        assert house.events("Refused") == []

    def test_a_rule_that_the_admin_has_made_otherwise_does(self) -> None:
        house = self.denied("insert")
        assert house.gce.host is not None
        house.gce.host.seed("firewalls", "global", "theirs", OPEN)
        shop(house)
        assert house.address("shop/web")
        assert house.events("XPN") == []

    def test_the_event_can_be_switched_off(self) -> None:
        house = shop(self.denied("insert"), **{QUIET: "true"})
        assert house.address("shop/web")
        assert house.events("XPN") == []

    def test_the_last_ingress_goes_though_the_rule_may_not_be_deleted(self) -> None:
        house = shop(self.denied("delete"))
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is None
        assert rules(house) == [RULE]

    def test_rules_that_may_not_even_be_listed_hold_nothing_up(self) -> None:
        house = shop(self.denied("list", "insert", "get"))
        assert house.address("shop/web")
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.names("backendServices") == []


def test_igce_156_the_rule_outlives_a_backend_that_somebody_else_uses() -> None:
    """Without it the probes of what they serve from our backend would fail."""
    house = shop(House())
    (backend,) = house.gce.resources("backendServices")
    house.gce.seed("urlMaps", "global", "theirs", {"defaultService": backend["selfLink"]})
    house.kube.delete("Ingress", "shop/web")
    house.settle(patience=1300)
    assert house.ingress("shop/web") is None
    assert rules(house) == [RULE]
    assert house.names("backendServices") == [backend["name"]]
    path = "/compute/v1/projects/demo/global/urlMaps/theirs"
    assert house.gce.handle(Request("DELETE", path)).status == 200
    house.settle(patience=1300)
    assert house.ours() == {}
