"""HTTPS: certificates that come, go, rotate and break; the redirect; one address for both."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat, load_pem_private_key

from fakes.build import ingress, service
from fakes.gce import Error, Request
from glbc.model.graph import Graph
from glbc.plan.output import written
from glbc.plan.render import plan_out, render_text
from glbc.plan.simulate import rehearse
from tests.support import pki
from tests.support.house import NAMER, PROJECT, House

HOST = "a.example.com"
FRONT = NAMER.frontend(NAMER.parse("k8s2-um-aer32pk4-shop-web-jkv47h8u").scheme, "shop", "web")  # type: ignore[union-attr,arg-type]
ANNOTATION = "ingress.gcp.kubernetes.io/pre-shared-cert"
STATIC = "kubernetes.io/ingress.global-static-ip-name"
CONFIG = "networking.gke.io/v1beta1.FrontendConfig"


def web(*secrets: str, annotations: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    body = ingress("shop/web", default="dflt:http", annotations=annotations, **more)
    if secrets:
        body["spec"]["tls"] = [{"secretName": name} for name in secrets]
    return body


def shop(*objects: dict[str, Any], **settings: Any) -> House:
    house = House(**settings)
    house.apply(service("shop/dflt", "http=80->30303"), *objects)
    house.settle()
    house.cloud.writes.clear()
    return house


def good(name: str = "shop/tls", serial: int = 1) -> dict[str, Any]:
    return pki.secret(name, *pki.pair(HOST, serial))


def certificate(serial: int = 1) -> str:
    scheme = NAMER.parse(FRONT.url_map).scheme  # type: ignore[union-attr]
    return NAMER.certificate(scheme, "shop", "web", pki.pair(HOST, serial)[0])  # type: ignore[arg-type]


def served(house: House) -> list[str]:
    """Return the certificates of the HTTPS proxy, in order; none without a proxy."""
    proxies = house.gce.resources("targetHttpsProxies")
    return [link.rpartition("/")[2] for proxy in proxies for link in proxy["sslCertificates"]]


def http_serves(house: House) -> str:
    return str(house.body("targetHttpProxies", FRONT.http_proxy)["urlMap"]).rpartition("/")[2]


def wrote(house: House) -> list[str]:
    return [f"{call.key.kind}.{call.verb} {call.key.name}" for call in house.cloud.writes]


def reserve(house: House, name: str) -> str:
    path = f"/compute/v1/projects/{PROJECT}/global/addresses"
    house.gce.handle(Request("POST", path, {}, {"name": name}))
    house.clock.advance(1)
    return str(house.body("addresses", name)["address"])


class TestChain:
    def test_a_secret_makes_the_whole_chain_on_one_reserved_address(self) -> None:
        house = shop(good(), web("tls"))
        assert served(house) == [certificate()]
        assert http_serves(house) == FRONT.redirect_map
        redirect = house.body("urlMaps", FRONT.redirect_map or "")["defaultUrlRedirect"]
        assert redirect["httpsRedirect"] is True
        rules = {r["portRange"]: r["IPAddress"] for r in house.gce.resources("forwardingRules")}
        reserved = house.body("addresses", FRONT.address)["address"]
        assert rules == {"80-80": reserved, "443-443": reserved}
        assert house.address("shop/web") == reserved
        house.loop.resync()
        house.settle()
        assert wrote(house) == []
        assert house.refused() == []

    def test_everything_goes_with_the_ingress(self) -> None:
        house = shop(good(), web("tls"))
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ours() == {}
        assert house.ingress("shop/web") is None

    def test_the_private_key_is_nowhere_to_be_seen(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        house = shop(good(), web("tls"))
        key = pki.pair(HOST, 1)[1].decode().splitlines()[1]
        told = capsys.readouterr()
        assert house.loop.turn is not None
        turn = str(house.loop.turn) + repr(house.loop.inventory.__dict__)
        fresh = rehearse(house.loop.turn.desired.graph, Graph())
        plan = render_text(fresh, ()) + written(plan_out(fresh, ())) + repr(fresh)
        assert "sslCertificates" in plan
        assert key not in told.out + told.err + turn + plan + str(house.kube.list("Event"))


class TestSecrets:
    def test_several_keep_their_order_and_a_repeated_one_counts_once(self) -> None:
        house = shop(good("shop/b", 2), good("shop/a", 1), web("b", "a", "b"))
        assert served(house) == [certificate(2), certificate(1)]

    def test_rotation_is_make_before_break(self) -> None:
        house = shop(good(), web("tls"))
        house.apply(good(serial=2))
        house.settle()
        assert wrote(house) == [
            f"sslCertificates.insert {certificate(2)}",
            f"targetHttpsProxies.setSslCertificates {FRONT.https_proxy}",
            f"sslCertificates.delete {certificate(1)}",
        ]

    def test_the_same_pair_encoded_anew_is_no_change(self) -> None:
        house = shop(good(), web("tls"))
        crt, key = pki.pair(HOST, 1)
        anew = pki.encoded(load_pem_private_key(key, None), PrivateFormat.TraditionalOpenSSL)
        house.apply(pki.secret("shop/tls", crt, anew))
        house.settle()
        assert wrote(house) == []

    @pytest.mark.parametrize(
        ("crt", "key", "said"),
        [
            pytest.param(
                pki.pair(HOST, 2)[0], pki.pair(HOST, 3)[1], "does not belong", id="key of another"
            ),
            pytest.param(
                b"", pki.pair(HOST, 2)[1], "data[tls.crt] is missing", id="empty certificate"
            ),
            pytest.param(
                b"nonsense", pki.pair(HOST, 2)[1], "not a chain of PEM", id="no certificate"
            ),
            pytest.param(pki.pair(HOST, 2)[0], b"nonsense", "not a PEM private key", id="no key"),
            pytest.param(*pki.pair(HOST, 4, days=3), "has expired", id="expired"),
            pytest.param(*pki.pair(HOST, 5, begins=900), "is not valid before", id="not yet valid"),
            pytest.param(
                pki.pair(HOST, 2)[0] + pki.pair("b.example.com", 2)[0],
                pki.pair(HOST, 2)[1],
                "out of order",
                id="a chain that does not hang together",
            ),
        ],
    )
    def test_a_broken_one_is_named_and_the_old_pair_goes_on(
        self, crt: bytes, key: bytes, said: str
    ) -> None:
        house = shop(good(), web("tls"))
        house.apply(pki.secret("shop/tls", crt, key))
        house.settle()
        assert wrote(house) == []
        (event,) = house.events("BadCertificate")
        assert said in event["message"]
        assert "spec.tls[0].secretName: Secret shop/tls" in event["message"]

    def test_one_that_is_missing_takes_nothing_away(self) -> None:
        house = shop(good(), web("tls"))
        house.apply(web("tls", "later"))
        house.settle()
        assert wrote(house) == []
        assert house.events("SecretNotFound")
        house.apply(good("shop/later", 2))
        house.settle()
        assert served(house) == [certificate(1), certificate(2)]

    def test_a_secret_that_is_deleted_goes_on_serving(self) -> None:
        house = shop(good(), web("tls"))
        house.kube.delete("Secret", "shop/tls")
        house.settle()
        assert wrote(house) == []

    def test_without_any_http_serves_unredirected_and_https_follows(self) -> None:
        house = shop(web("tls"))
        assert house.address("shop/web")
        assert http_serves(house) == FRONT.url_map
        address = house.address("shop/web")
        house.apply(good())
        house.settle()
        assert served(house) == [certificate()]
        assert http_serves(house) == FRONT.redirect_map
        assert house.address("shop/web") == address

    def test_an_expired_one_that_serves_goes_on_serving(self) -> None:
        house = shop(pki.secret("shop/tls", *pki.pair(HOST, 6, days=20)), web("tls"))
        house.clock.advance(86400 * 30)
        house.loop.resync()
        house.settle()
        assert len(served(house)) == 1


class TestPreShared:
    @staticmethod
    def upload(house: House, name: str) -> None:
        crt, key = pki.pair("shared.example.com")
        body = {"name": name, "certificate": crt.decode(), "privateKey": key.decode()}
        path = f"/compute/v1/projects/{PROJECT}/global/sslCertificates"
        house.gce.handle(Request("POST", path, {}, body))
        house.clock.advance(1)

    def test_it_comes_first_and_is_never_deleted(self) -> None:
        house = House()
        self.upload(house, "shared")
        house.apply(
            service("shop/dflt", "http=80->30303"),
            good(),
            web("tls", annotations={ANNOTATION: " shared, "}),
        )
        house.settle()
        assert served(house) == ["shared", certificate()]
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ours() == {"sslCertificates": ["shared"]}

    def test_one_that_does_not_exist_is_named_and_left_out(self) -> None:
        house = shop(good(), web("tls", annotations={ANNOTATION: "gone"}))
        assert served(house) == [certificate()]
        assert house.events("CertificateNotFound")


class TestProtocols:
    def test_https_is_added_at_the_address_that_http_has(self) -> None:
        house = shop(good(), web())
        address = house.address("shop/web")
        house.apply(web("tls"))
        house.settle()
        assert {r["IPAddress"] for r in house.gce.resources("forwardingRules")} == {address}
        assert house.body("addresses", FRONT.address)["address"] == address
        assert not [step for step in wrote(house) if step.startswith("forwardingRules.delete")]

    def test_http_redirects_only_when_https_is_open_and_no_longer_than_it_is(self) -> None:
        house = shop(good(), web())
        house.apply(web("tls"))
        house.settle()
        order = wrote(house)
        opened = order.index(f"forwardingRules.insert {FRONT.https_rule}")
        assert opened < order.index(f"targetHttpProxies.setUrlMap {FRONT.http_proxy}")
        house.cloud.writes.clear()
        house.apply(web())
        house.settle()
        order = wrote(house)
        closed = order.index(f"forwardingRules.delete {FRONT.https_rule}")
        assert closed > order.index(f"targetHttpProxies.setUrlMap {FRONT.http_proxy}")

    def test_http_is_switched_off_and_on_at_the_same_address(self) -> None:
        house = shop(good(), web("tls"))
        address = house.address("shop/web")
        off = {"kubernetes.io/ingress.allow-http": "false"}
        house.apply(web("tls", annotations=off))
        house.settle()
        assert [r["portRange"] for r in house.gce.resources("forwardingRules")] == ["443-443"]
        assert house.address("shop/web") == address
        house.apply(web("tls"))
        house.settle()
        assert {r["IPAddress"] for r in house.gce.resources("forwardingRules")} == {address}

    def test_tls_that_is_taken_out_takes_https_and_the_redirect_away(self) -> None:
        house = shop(good(), web("tls"))
        address = house.address("shop/web")
        house.apply(web())
        house.settle()
        assert http_serves(house) == FRONT.url_map
        assert house.names("targetHttpsProxies") == []
        assert house.names("sslCertificates") == []
        assert house.address("shop/web") == address

    def test_neither_protocol_is_a_finding_and_nothing_is_made(self) -> None:
        house = shop(web(annotations={"kubernetes.io/ingress.allow-http": "false"}))
        assert house.names("forwardingRules") == []
        assert house.events("HttpNotAllowed")


class TestStaticAddress:
    def test_a_named_address_is_used_for_both(self) -> None:
        house = House()
        address = reserve(house, "mine")
        house.apply(
            service("shop/dflt", "http=80->30303"), good(), web("tls", annotations={STATIC: "mine"})
        )
        house.settle()
        assert {r["IPAddress"] for r in house.gce.resources("forwardingRules")} == {address}
        assert house.names("addresses") == ["mine"]
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ours() == {"addresses": ["mine"]}

    @pytest.mark.parametrize(
        "annotations",
        [
            pytest.param({STATIC: "gone"}, id="it does not exist"),
            pytest.param({"kubernetes.io/ingress.regional-static-ip-name": "x"}, id="regional"),
        ],
    )
    def test_a_missing_one_is_never_replaced_by_another(self, annotations: dict[str, str]) -> None:
        house = shop(web(annotations=annotations))
        assert house.names("forwardingRules") == []
        assert not house.address("shop/web")
        (event,) = house.events("StaticAddressNotUsable")
        assert "global" in event["message"]

    def test_a_front_end_that_serves_goes_on_when_a_missing_one_is_named(self) -> None:
        house = shop(web())
        address = house.address("shop/web")
        house.apply(web(annotations={STATIC: "gone"}))
        house.settle()
        assert wrote(house) == []
        assert house.address("shop/web") == address

    def test_it_is_used_as_soon_as_it_is_there(self) -> None:
        house = shop(web(annotations={STATIC: "late"}))
        address = reserve(house, "late")
        house.loop.resync()
        house.settle()
        assert house.address("shop/web") == address


class TestRedirect:
    @staticmethod
    def config(house: House, spec: dict[str, Any]) -> None:
        install_frontend_config(house)
        house.apply(
            {
                "apiVersion": "networking.gke.io/v1beta1",
                "kind": "FrontendConfig",
                "metadata": {"namespace": "shop", "name": "front"},
                "spec": spec,
            }
        )

    def test_explicit_means_only_a_frontend_config_redirects(self) -> None:
        house = shop(good(), web("tls"), https_redirect="explicit")
        assert http_serves(house) == FRONT.url_map
        spec = {"redirectToHttps": {"enabled": True, "responseCodeName": "FOUND"}}
        self.config(house, spec)
        house.apply(web("tls", annotations={CONFIG: "front"}))
        house.settle()
        assert http_serves(house) == FRONT.redirect_map
        redirect = house.body("urlMaps", FRONT.redirect_map or "")["defaultUrlRedirect"]
        assert redirect["redirectResponseCode"] == "FOUND"

    def test_off_is_make_before_break(self) -> None:
        house = shop(good(), web("tls"))
        self.config(house, {"redirectToHttps": {"enabled": False}})
        house.apply(web("tls", annotations={CONFIG: "front"}))
        house.settle()
        assert wrote(house) == [
            f"targetHttpProxies.setUrlMap {FRONT.http_proxy}",
            f"urlMaps.delete {FRONT.redirect_map}",
        ]

    def test_a_frontend_config_that_is_missing_changes_nothing(self) -> None:
        house = shop(good(), web("tls"))
        house.apply(web("tls", annotations={CONFIG: "gone"}))
        house.settle()
        assert wrote(house) == []
        assert house.events("FrontendConfigNotFound")

    def test_v1_names_have_no_redirect_and_it_is_said(self) -> None:
        house = shop(good(), web("tls", finalizers=["networking.gke.io/ingress-finalizer"]))
        proxies = house.gce.resources("targetHttpProxies")
        assert proxies[0]["urlMap"].rpartition("/")[2].startswith("k8s-um-")
        assert house.events("RedirectUnsupported")


def install_frontend_config(house: House) -> None:
    house.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "frontendconfigs.networking.gke.io"},
            "spec": {
                "group": "networking.gke.io",
                "scope": "Namespaced",
                "names": {"kind": "FrontendConfig", "plural": "frontendconfigs"},
                "versions": [
                    {
                        "name": "v1beta1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                    }
                ],
            },
        }
    )


class TestFoundByReview:
    """Each was a defect once."""

    def test_a_certificate_of_an_odd_curve_is_named_and_stops_nobody(self) -> None:
        crt, key = pki.pair(HOST, 1)
        der = bytearray(base64.b64decode("".join(crt.decode().splitlines()[1:-1])))
        curve = bytes.fromhex("2a8648ce3d030107")  # OID of P-256
        at = der.index(curve)
        der[at : at + len(curve)] = bytes.fromhex("2a8648ce3d03017f")
        text = base64.encodebytes(bytes(der)).decode()
        odd = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n".encode()
        house = shop(pki.secret("shop/tls", odd, key), web("tls"))
        assert house.address("shop/web")
        assert house.events("BadCertificate")

    def test_long_v1_names_that_share_only_some_stop_nobody(self) -> None:
        old = ["networking.gke.io/ingress-finalizer"]
        house = House()
        house.apply(service("shop/dflt", "http=80->30303"), good())
        for end in "ab":
            body = ingress(f"shop/{'x' * 49}{end}", default="dflt:http", finalizers=old)
            body["spec"]["tls"] = [{"secretName": "tls"}]
            house.apply(body)
            house.clock.advance(2)
        house.settle()
        assert house.address(f"shop/{'x' * 49}a")
        assert house.events("NameCollision")

    def test_a_static_address_in_use_takes_nothing_down(self) -> None:
        house = House()
        reserve(house, "mine")
        other = ingress("shop/other", default="dflt:http", annotations={STATIC: "mine"})
        house.apply(service("shop/dflt", "http=80->30303"), other, web())
        house.settle()
        address = house.address("shop/web")
        house.cloud.writes.clear()
        house.apply(web(annotations={STATIC: "mine"}))
        house.settle()
        assert wrote(house) == []
        assert house.address("shop/web") == address
        (event,) = house.events("StaticAddressNotUsable")
        assert "is in use by" in event["message"]

    def test_http_is_not_redirected_to_a_port_that_cannot_open(self) -> None:
        house = House()
        house.gce.faults.add("sslCertificates.insert", Error(403, "quotaExceeded"), times=None)
        house.apply(service("shop/dflt", "http=80->30303"), good(), web("tls"))
        house.settle(patience=40)
        assert http_serves(house) == FRONT.url_map
        house.gce.faults.clear()
        house.settle(patience=200)
        assert http_serves(house) == FRONT.redirect_map

    def test_sixteen_certificates_are_none_and_a_finding(self) -> None:
        names = [f"s{number}" for number in range(16)]
        secrets = [
            pki.secret(f"shop/{name}", *pki.pair(HOST, 100 + number))
            for number, name in enumerate(names)
        ]
        house = shop(*secrets, web(*names))
        assert served(house) == []
        assert house.names("sslCertificates") == []
        assert house.address("shop/web")
        assert house.events("TooManyCertificates")

    def test_from_http_to_https_only_keeps_the_address_and_makes_before_it_breaks(self) -> None:
        house = shop(good(), web())
        address = house.address("shop/web")
        house.apply(web("tls", annotations={"kubernetes.io/ingress.allow-http": "false"}))
        house.settle()
        assert house.address("shop/web") == address
        order = wrote(house)
        assert order.index(f"forwardingRules.insert {FRONT.https_rule}") < order.index(
            f"forwardingRules.delete {FRONT.http_rule}"
        )

    @pytest.mark.parametrize(
        "kind", ["globalForwardingRules", "globalAddresses", "sslCertificates", "targetHttpProxies"]
    )
    def test_a_list_that_fails_at_the_start_changes_no_address(self, kind: str) -> None:
        house = shop(good(), web())
        address = house.address("shop/web")
        house.start()
        house.gce.faults.add(f"{kind}.list", Error(503), times=2)
        house.apply(web("tls"))
        house.settle()
        assert house.address("shop/web") == address
        assert not [step for step in wrote(house) if step.startswith("forwardingRules.delete")]
        assert not house.events("CertificateNotFound")
        assert served(house) == [certificate()]

    def test_a_static_address_that_is_taken_out_as_tls_comes_goes_on_serving(self) -> None:
        house = House()
        address = reserve(house, "mine")
        house.apply(
            service("shop/dflt", "http=80->30303"), good(), web(annotations={STATIC: "mine"})
        )
        house.settle()
        house.apply(web("tls"))
        house.settle()
        assert {r["IPAddress"] for r in house.gce.resources("forwardingRules")} == {address}
        assert len(house.gce.resources("forwardingRules")) == 2

    def test_a_warning_that_comes_back_is_told_again(self) -> None:
        house = shop(web("tls"))
        house.apply(good())
        house.settle()
        house.kube.delete("Secret", "shop/tls")
        house.settle()
        (event,) = house.events("SecretNotFound")
        assert event["count"] == 2

    def test_the_finalizer_waits_for_the_certificates(self) -> None:
        house = shop(good(), web("tls"))
        house.gce.faults.add("sslCertificates.delete", Error(503), times=3)
        house.kube.delete("Ingress", "shop/web")
        for _ in range(3000):
            house.loop.step()
            house.clock.advance(0.1)
            if house.ingress("shop/web") is None:
                break
        assert house.names("sslCertificates") == []
        assert house.ingress("shop/web") is None

    def test_slow_lists_at_a_resync_never_make_the_wait_endless(self) -> None:
        house = shop(web())
        house.clock.advance(house.config.resync_sec + 1)
        house.loop._list_again()
        assert house.loop.wake_in() <= house.config.resync_sec
