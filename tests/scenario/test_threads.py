"""Bugs that users of ingress controllers have reported, each under the name of its thread.

Certificates, security policies and lost updates; the threads of inputs and of the cluster are in
files of their own.
"""

from typing import Any

import pytest

from fakes.build import ingress, node, service
from fakes.gce import Error, Request
from glbc.naming import Scheme
from tests.scenario.test_backendconfig import WEB, a_shop, config, target, web
from tests.support import pki
from tests.support.house import NAMER, PROJECT, House

HOST = "a.example.com"


def secured(*secrets: str) -> dict[str, Any]:
    manifest = ingress("shop/web", {HOST: [("/", "web:80")]}, default="web:80")
    manifest["spec"]["tls"] = [{"secretName": name} for name in secrets]
    return manifest


def https(*secrets: str, **pairs: tuple[bytes, bytes]) -> House:
    house = House()
    house.apply(service("shop/web", "80->30301"), secured(*secrets))
    for name, pair in pairs.items():
        house.apply(pki.secret(f"shop/{name}", *pair))
    house.settle()
    return house


def certificates(house: House) -> list[str]:
    (proxy,) = house.gce.resources("targetHttpsProxies")
    return [link.rpartition("/")[2] for link in proxy["sslCertificates"]]


def name_of(crt: bytes) -> str:
    return NAMER.certificate(Scheme.V2, "shop", "web", crt)


class TestCertificates:
    def test_igce_1395_a_new_secret_that_does_not_exist_leaves_https_serving(self) -> None:
        crt, key = pki.pair(HOST)
        house = https("a", a=(crt, key))
        written = len(house.cloud.writes)
        house.apply(secured("a", "b"))
        house.settle()
        assert certificates(house) == [name_of(crt)]
        assert len(house.cloud.writes) == written
        (event,) = house.events("SecretNotFound")
        assert "shop/b" in event["message"]
        other = pki.pair("b.example.com")
        house.apply(pki.secret("shop/b", *other))
        house.settle()
        assert certificates(house) == [name_of(crt), name_of(other[0])]

    def test_igce_733_an_empty_secret_publishes_the_address_and_https_follows(self) -> None:
        house = https("a")
        house.apply(pki.secret("shop/a", b"", b""))
        house.settle()
        assert house.address("shop/web")
        assert house.gce.resources("targetHttpsProxies") == []
        assert house.events("BadCertificate")
        crt, key = pki.pair(HOST)
        house.apply(pki.secret("shop/a", crt, key))
        house.settle()
        assert certificates(house) == [name_of(crt)]

    def test_contrib_2521_a_stray_certificate_with_our_next_name_does_not_block_a_rotation(
        self,
    ) -> None:
        old, new, stray = pki.pair(HOST), pki.pair(HOST, 2), pki.pair("else.example.com")
        house = https("a", a=old)
        path = f"/compute/v1/projects/{PROJECT}/global/sslCertificates"
        pem = {"certificate": stray[0].decode(), "privateKey": stray[1].decode()}
        body = {"name": name_of(new[0]), **pem}
        assert house.gce.handle(Request("POST", path, {}, body)).status == 200
        house.clock.advance(1)
        house.loop.resync()
        house.settle()
        house.apply(pki.secret("shop/a", *new))
        house.settle()
        (served,) = certificates(house)
        assert house.body("sslCertificates", served)["certificate"] == new[0].decode()
        assert house.refused() == []
        house.start()
        house.settle()
        assert house.cloud.writes == []

    def test_contrib_2521_the_stray_one_is_met_only_when_it_is_in_the_way(self) -> None:
        old, new, stray = pki.pair(HOST), pki.pair(HOST, 2), pki.pair("else.example.com")
        house = https("a", a=old)
        path = f"/compute/v1/projects/{PROJECT}/global/sslCertificates"
        pem = {"certificate": stray[0].decode(), "privateKey": stray[1].decode()}
        assert (
            house.gce.handle(Request("POST", path, {}, {"name": name_of(new[0]), **pem})).status
            == 200
        )
        house.clock.advance(1)
        house.apply(pki.secret("shop/a", *new))  # no list has shown the stray one yet
        house.settle()
        (served,) = certificates(house)
        assert house.body("sslCertificates", served)["certificate"] == new[0].decode()

    def test_igce_311_rotated_twice_quickly_the_newest_serves_and_nothing_is_left(self) -> None:
        house = https("a", a=pki.pair(HOST))
        house.apply(pki.secret("shop/a", *pki.pair(HOST, 2)))
        house.loop.step()
        newest = pki.pair(HOST, 3)
        house.apply(pki.secret("shop/a", *newest))
        house.settle()
        assert certificates(house) == [name_of(newest[0])]
        assert house.names("sslCertificates") == [name_of(newest[0])]

    def test_igce_831_a_quota_leaves_the_old_certificate_serving(self) -> None:
        old, new = pki.pair(HOST), pki.pair(HOST, 2)
        house = https("a", a=old)
        house.gce.quotas["sslCertificates"] = 1
        house.apply(pki.secret("shop/a", *new))
        house.settle()
        assert certificates(house) == [name_of(old[0])]
        (event,) = house.events("Refused")
        assert "SSL_CERTIFICATES" in event["message"]
        house.gce.quotas["sslCertificates"] = 2
        house.settle()
        assert certificates(house) == [name_of(new[0])]
        assert house.names("sslCertificates") == [name_of(new[0])]


ARMOR = {"securityPolicy": {"name": "armor"}}


class TestSecurityPolicy:
    def test_igce_1508_a_write_through_the_older_api_version_keeps_the_policy(self) -> None:
        house = a_shop(ARMOR)
        old = house.kube.get("BackendConfig", "shop/web")
        assert old is not None
        house.apply(
            {
                **old,
                "apiVersion": "cloud.google.com/v1beta1",
                "metadata": {"namespace": "shop", "name": "web"},
                "spec": {**old["spec"], "timeoutSec": 75},
            }
        )
        house.settle()
        assert web(house)["timeoutSec"] == 75
        assert web(house)["securityPolicy"].endswith("/armor")

    def test_igce_616_a_cluster_that_scales_keeps_the_policy(self) -> None:
        house = a_shop(ARMOR)
        for count in range(3):
            house.add_node(f"more-{count}", "us-central1-c")
            house.settle()
        house.kube.delete("Node", "node-1")
        house.settle()
        assert web(house)["securityPolicy"].endswith("/armor")
        assert not [call for call in house.gce.calls() if "setSecurityPolicy" in call.method][1:]

    @pytest.mark.parametrize("ours", [True, False], ids=["set by us", "set by hand"])
    def test_igce_1706_a_block_that_is_taken_out_takes_the_policy_iff_it_set_it(
        self, ours: bool
    ) -> None:
        house = a_shop(ARMOR if ours else {"timeoutSec": 75})
        if not ours:
            path = f"/compute/v1/projects/{PROJECT}/global/backendServices/{WEB}/setSecurityPolicy"
            body = {"securityPolicy": "global/securityPolicies/armor"}
            assert house.gce.handle(Request("POST", path, {}, body)).status == 200
            house.clock.advance(1)
            house.loop.resync()
            house.settle()
        house.start()
        house.apply(config({}))
        house.settle()
        assert ("securityPolicy" in web(house)) is not ours

    def test_igce_2209_an_empty_name_takes_it_away_and_it_is_told(self) -> None:
        house = a_shop(ARMOR)
        house.apply(config({"securityPolicy": {"name": ""}}))
        house.settle()
        assert "securityPolicy" not in web(house)
        assert house.events("SecurityPolicyRemoved")


class TestLostUpdates:
    @pytest.mark.parametrize(
        "effect",
        [
            Error(412, "conditionNotMet", "Invalid fingerprint."),
            Error(400, "resourceNotReady", "The resource is not ready"),
            Error(409, "operationInProgress", "in progress"),
        ],
        ids=["412", "400 not ready", "409"],
    )
    def test_igce_396_an_edit_meets_a_second_writer_and_nothing_is_lost(self, effect: Any) -> None:
        house = a_shop({"timeoutSec": 75})
        path = f"/compute/v1/projects/{PROJECT}/global/backendServices/{WEB}"
        stamp = web(house)["fingerprint"]
        theirs = {"affinityCookieTtlSec": 7, "fingerprint": stamp}
        assert house.gce.handle(Request("PATCH", path, {}, theirs)).status == 200
        house.clock.advance(1)  # and no list has shown it yet
        house.gce.faults.add("compute.backendServices.patch", effect, times=2)
        house.apply(config({"timeoutSec": 90}), node("node-3", "us-central1-c"))
        house.settle()
        assert web(house)["timeoutSec"] == 90
        assert web(house)["affinityCookieTtlSec"] == 7
        assert target(house) == WEB
