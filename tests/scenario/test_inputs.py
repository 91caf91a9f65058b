"""What an Ingress, its Services and its class can say: protocols, parameters, limits, defaults."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from fakes.build import ingress, ingress_class, ingress_parameters, service
from glbc.config import LimitsConfig
from glbc.translate.annotations import APP_PROTOCOLS, CLASS
from tests.scenario.test_stories import (
    API,
    DEFAULT,
    FRONT,
    HOST,
    SERVICES,
    WEB,
    routes,
    shop,
    wrote,
)
from tests.scenario.test_takeover import a_cluster_of_ingress_gce, install_frontend_config, send
from tests.support import pki
from tests.support.house import House

CRD = Path(__file__).parents[2] / "deploy" / "crds" / "ingressparameters.yaml"


def speaking(annotation: str = "", app_protocol: str = "") -> dict[str, Any]:
    """Return the Service `front`, whose only port has a name here."""
    manifest = service("shop/front", "web=80->30301")
    if annotation:
        manifest["metadata"]["annotations"] = {APP_PROTOCOLS: annotation}
    if app_protocol:
        manifest["spec"]["ports"][0]["appProtocol"] = app_protocol
    return manifest


def protocols(house: House, name: str = FRONT) -> tuple[str, str]:
    """Return what the backend service and its health check speak."""
    check = house.body("healthChecks", name)
    blocks = [key for key in check if key.endswith("HealthCheck")]
    assert blocks == [f"{check['type'].lower()}HealthCheck"]
    return house.body("backendServices", name)["protocol"], check["type"]


def at_rest(house: House) -> bool:
    """Tell whether a look at everything leads to no write."""
    house.cloud.writes.clear()
    house.loop.resync()
    house.settle()
    return wrote(house) == [] and house.refused() == []


class TestProtocols:
    """A backend and its check speak what the Service says."""

    @pytest.mark.parametrize("protocol", ["HTTPS", "HTTP2"])
    def test_a_live_backend_changes_in_place_its_check_first(self, protocol: str) -> None:
        house = shop()
        house.apply(speaking(f'{{"web":"{protocol}"}}'))
        house.settle()
        assert protocols(house) == (protocol, protocol)
        assert wrote(house) == [f"healthChecks.patch {FRONT}", f"backendServices.patch {FRONT}"]
        port = house.body("healthChecks", FRONT)[f"{protocol.lower()}HealthCheck"]["port"]
        assert port == 30301
        assert at_rest(house)
        house.apply(SERVICES[0])
        house.settle()
        assert protocols(house) == ("HTTP", "HTTP")
        assert at_rest(house)

    def test_a_new_backend_begins_as_app_protocol_says(self) -> None:
        house = House()
        house.apply(*SERVICES, speaking(app_protocol="https"), WEB)
        house.settle()
        assert protocols(house) == ("HTTPS", "HTTPS")
        assert protocols(house, API) == ("HTTP", "HTTP")
        assert at_rest(house)

    def test_app_protocol_changes_nothing_that_is_live_and_the_annotation_does(self) -> None:
        house = shop()
        house.apply(speaking(app_protocol="https"))
        house.settle()
        assert wrote(house) == []
        (event,) = house.events("AppProtocolIgnored")
        assert "speaks HTTP; it stays so" in event["message"]
        assert event["type"] == "Normal"
        house.apply(speaking('{"web":"HTTPS"}', "https"))
        house.settle()
        assert protocols(house) == ("HTTPS", "HTTPS")

    def test_app_protocol_at_a_takeover_writes_nothing(self) -> None:
        house = a_cluster_of_ingress_gce("v2")
        dflt = service("shop/dflt", "http=80->30303")
        dflt["spec"]["ports"][0]["appProtocol"] = "https"
        house.apply(dflt)
        house.settle()
        assert house.cloud.writes == []

    @pytest.mark.parametrize("protocol", ["HTTPS", "HTTP2"])
    def test_what_ingress_gce_made_of_the_annotation_is_taken_over_without_a_write(
        self, protocol: str
    ) -> None:
        house = a_cluster_of_ingress_gce("v2")
        check = {"port": 30301, "requestPath": "/"}
        body = {"type": protocol, f"{protocol.lower()}HealthCheck": check}
        send(house, "PATCH", f"global/healthChecks/{FRONT}", body)
        live = house.body("backendServices", FRONT)
        described = json.loads(live["description"])
        if protocol == "HTTP2":
            described["x-features"] = ["HTTP2"]
        text = json.dumps(described, separators=(",", ":")).replace("&", "\\u0026")
        changed = {"protocol": protocol, "description": text, "fingerprint": live["fingerprint"]}
        send(house, "PATCH", f"global/backendServices/{FRONT}", changed)
        house.apply(speaking(f'{{"web":"{protocol}"}}'))
        house.settle()
        assert house.cloud.writes == []
        assert protocols(house) == (protocol, protocol)

    def test_the_annotation_counts_on_the_system_default_backend_too(self) -> None:
        system = service("kube-system/default-http-backend", "http=80->30300")
        system["metadata"]["annotations"] = {APP_PROTOCOLS: '{"http":"HTTPS"}'}
        house = House()
        house.apply(*SERVICES, system, ingress("shop/web", {HOST: [("/", "front:80")]}))
        house.settle()
        name = FRONT.replace("30301", "30300")
        assert protocols(house, name) == ("HTTPS", "HTTPS")
        check = house.body("healthChecks", name)["httpsHealthCheck"]
        assert check["requestPath"] == "/healthz"

    def test_a_bad_annotation_leaves_the_backend_serving_as_it_does(self) -> None:
        house = shop(speaking('{"web":"HTTPS"}'))
        house.apply(speaking('{"web":"https"}'))
        house.settle()
        assert wrote(house) == []
        assert routes(house)["/*"] == FRONT
        (event,) = house.events("BadAppProtocol")
        assert f"{FRONT} keeps serving it" in event["message"]


class TestClasses:
    """Whose an Ingress is, and what its class says."""

    def test_gce_that_is_switched_off_is_not_ours(self) -> None:
        kept = ingress("shop/kept", default="api:8080", annotations={CLASS: "mine"})
        gone = ingress("shop/gone", default="front:80", annotations={CLASS: "gce"})
        house = House()
        house.apply(*SERVICES, kept, gone)
        house.settle()
        house.config = msgspec.structs.replace(
            house.config, ingress_class="mine", ingress_class_gce=False
        )
        house.start()
        house.settle()
        assert house.names("backendServices") == [API]
        left = house.ingress("shop/gone")
        assert left is not None
        assert not left["metadata"].get("finalizers")
        assert house.address("shop/kept")
        assert house.events("ClassNotServed")

    def test_an_ingress_without_class_is_served_beside_a_foreign_default_class(self) -> None:
        house = shop(ingress_class("nginx", "k8s.io/ingress-nginx", default=True))
        assert house.address("shop/web")
        (event,) = house.events("DefaultClassIsForeign")
        assert event["type"] == "Normal"
        assert at_rest(house)

    def test_a_new_ingress_of_a_foreign_default_class_is_not_ours(self) -> None:
        house = House()
        house.apply(ingress_class("nginx", "k8s.io/ingress-nginx", default=True), *SERVICES, WEB)
        house.settle()
        assert house.ours() == {}

    def test_a_default_class_of_ours_gives_its_parameters_to_an_ingress_without_class(self) -> None:
        house = with_parameters(default=True, httpsRedirect="explicit")
        house.apply(tls_secret(), secured(class_name=""))
        house.settle()
        assert not redirects(house)

    @pytest.mark.parametrize("mode", ["tls", "explicit"])
    def test_the_class_says_whether_http_redirects(self, mode: str) -> None:
        house = with_parameters(httpsRedirect=mode)
        house.apply(tls_secret(), secured())
        house.settle()
        assert redirects(house) is (mode == "tls")
        assert at_rest(house)

    def test_parameters_that_are_missing_change_nothing_and_make_nothing(self) -> None:
        house = with_parameters(httpsRedirect="explicit")
        house.apply(tls_secret(), secured(paths=1))
        house.settle()
        house.cloud.writes.clear()
        house.kube.delete("IngressParameters", "ours")
        late = ingress("shop/late", default="api:8080", class_name="ours")
        house.apply(late, service("shop/front", "80->30309"))
        house.settle()
        assert wrote(house) == []
        assert house.address("shop/web")
        assert not house.address("shop/late")
        told = {
            event["involvedObject"]["name"] for event in house.events("ClassParametersNotFound")
        }
        assert told == {"web", "late"}
        house.apply(ingress_parameters("ours", httpsRedirect="explicit"))
        house.settle()
        assert house.address("shop/late")
        assert len(house.names("targetHttpProxies")) == 2
        assert len(house.names("urlMaps")) == 2  # and no map that redirects
        assert f"k8s-be-30309--{FRONT.rpartition('--')[2]}" in house.names("backendServices")
        assert FRONT not in house.names("backendServices")
        assert at_rest(house)

    def test_an_ingress_whose_parameters_are_missing_can_be_deleted(self) -> None:
        house = with_parameters(httpsRedirect="explicit")
        house.apply(ingress("shop/web", default="front:80", class_name="ours"))
        house.settle()
        house.kube.delete("IngressParameters", "ours")
        house.settle()
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is None
        assert house.ours() == {}

    def test_nodes_still_come_and_go_while_parameters_are_missing(self) -> None:
        house = with_parameters(httpsRedirect="explicit")
        house.apply(ingress("shop/web", default="front:80", class_name="ours"))
        house.settle()
        house.kube.delete("IngressParameters", "ours")
        house.settle()
        house.add_node("node-33", "us-central1-b")
        house.settle()
        groups = house.gce.resources("instanceGroups")
        assert sorted(group.get("size", 0) for group in groups) == [1, 2]


class TestLimits:
    """Over a limit nothing is half applied (lbc#1144)."""

    def test_a_map_over_the_limit_stays_as_it_is_and_the_rest_goes_on(self) -> None:
        house = House(https_redirect="explicit")
        install_frontend_config(house)
        house.apply(*SERVICES, tls_secret(), secured(class_name=""))
        house.settle()
        before = house.body("urlMaps", MAP_OF_WEB)
        house.cloud.writes.clear()
        big = secured(class_name="", paths=1000)
        house.apply(big, tls_secret(2))
        house.settle()
        assert house.body("urlMaps", MAP_OF_WEB) == before
        kinds = {call.key.kind for call in house.cloud.writes}
        assert kinds == {"sslCertificates", "targetHttpsProxies"}
        (event,) = house.events("LimitExceeded")
        assert "over the limit of 65536; nothing of it changes" in event["message"]
        assert event["type"] == "Warning"
        house.apply(secured(class_name="", paths=3))
        house.settle()
        assert "/p2" in routes(house, MAP_OF_WEB)
        assert at_rest(house)

    def test_a_new_one_over_the_limit_is_not_made_and_can_be_deleted(self) -> None:
        house = House(limits=LimitsConfig(hosts=2))
        rules = {f"{one}.example.com": [("/", "front:80")] for one in "abc"}
        house.apply(*SERVICES, ingress("shop/web", rules, default="dflt:http"))
        house.settle()
        assert house.ours() == {}
        (event,) = house.events("LimitExceeded")
        assert "3 hosts, 1 over the limit of 2; it is not made" in event["message"]
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        assert house.ingress("shop/web") is None

    def test_what_a_map_over_the_limit_serves_still_follows_its_services(self) -> None:
        house = House(limits=LimitsConfig(hosts=1))
        house.apply(*SERVICES, WEB)
        house.settle()
        rules = {HOST: [("/", "front:80")], "b.example.com": [("/", "extra:80")]}
        house.apply(service("shop/extra", "80->30399"))
        house.apply(ingress("shop/web", rules, default="dflt:http"))
        house.settle()
        assert house.names("backendServices") == [FRONT, API, DEFAULT]
        house.add_node("node-33", "us-central1-b")
        house.apply(speaking('{"web":"HTTPS"}'))
        house.settle()
        assert protocols(house) == ("HTTPS", "HTTPS")
        assert house.refused() == []

    def test_a_map_that_was_over_the_limit_before_may_shrink(self) -> None:
        def web(hosts: str, path: str) -> dict[str, Any]:
            rules = {f"{one}.example.com": [(path, "front:80")] for one in hosts}
            return ingress("shop/web", rules, default="dflt:http")

        house = House()
        house.apply(*SERVICES, web("abcd", "/"))
        house.settle()
        house.config = msgspec.structs.replace(house.config, limits=LimitsConfig(hosts=2))
        house.start()
        house.settle()
        assert wrote(house) == []
        assert house.events("LimitExceeded") == []
        house.apply(web("abc", "/v2"))
        house.settle()
        assert set(routes(house, MAP_OF_WEB)) == {"/v2", "/v2/*"}
        house.apply(web("abcd", "/v3"))
        house.settle()
        assert set(routes(house, MAP_OF_WEB)) == {"/v2", "/v2/*"}
        assert house.events("LimitExceeded")

    @pytest.mark.parametrize("serves", [True, False])
    def test_too_many_certificates_are_never_cut_short(self, serves: bool) -> None:
        many = [pki.secret(f"shop/c{one}", *pki.pair(HOST, 100 + one)) for one in range(16)]
        names = [secret["metadata"]["name"] for secret in many]
        house = House(https_redirect="explicit")
        house.apply(*SERVICES, *many)
        if serves:
            house.apply(secured(*names[:2], class_name=""))
            house.settle()
        before = certificates(house)
        house.apply(secured(*names, class_name=""))
        house.settle()
        assert certificates(house) == before
        assert len(before) == (2 if serves else 0)
        assert len(house.names("sslCertificates")) == len(before)
        assert house.address("shop/web")
        (event,) = house.events("TooManyCertificates")
        assert "16 certificates, 1 over the limit of 15" in event["message"]
        house.apply(secured(*names[:15], class_name=""))
        house.settle()
        assert len(certificates(house)) == 15
        assert at_rest(house)


class TestHosts:
    """Hosts and paths as the reference has them."""

    def test_one_host_in_two_ingresses_is_no_conflict(self) -> None:
        house = shop(ingress("shop/other", {HOST: [("/", "api:8080")]}, default="dflt:http"))
        assert house.address("shop/web") != house.address("shop/other")
        assert all(map(house.address, ("shop/web", "shop/other")))
        assert not [event for event in house.events() if event["type"] == "Warning"]

    def test_wildcards_and_names_live_in_one_map(self) -> None:
        hosts = ("*.example.com", HOST, "*", "*.a.example.com")
        rules: Any = {"" if host == "*" else host: [("/", "front:80")] for host in hosts}
        house = shop(ingress("shop/other", rules, default="dflt:http"))
        found = [
            host
            for url_map in house.gce.resources("urlMaps")
            for rule in url_map.get("hostRules", ())
            for host in rule["hosts"]
            if len(url_map["hostRules"]) == 4
        ]
        assert tuple(found) == hosts
        assert house.refused() == []


class TestDefaultBackend:
    """What serves whatever no rule matches."""

    def test_without_any_an_ingress_that_matches_everything_is_served(self) -> None:
        house = House(default_backend_service="")
        house.apply(*SERVICES, ingress("shop/web", {"": [("/", "front:80"), ("/api", "api:8080")]}))
        house.settle()
        assert house.address("shop/web")
        found = house.body("urlMaps", MAP_OF_WEB)["defaultService"].rpartition("/")[2]
        assert found == FRONT
        assert house.names("backendServices") == [FRONT, API]
        assert at_rest(house)
        house.apply(ingress("shop/web", {"": [("/", "api:8080")]}))
        house.settle()
        assert house.names("backendServices") == [API]
        assert at_rest(house)

    def test_without_any_unmatched_traffic_goes_nowhere_rather_than_somewhere(self) -> None:
        house = House(default_backend_service="")
        house.apply(*SERVICES, ingress("shop/web", {HOST: [("/", "front:80")]}))
        house.settle()
        assert not house.address("shop/web")
        assert house.names("urlMaps") == []
        (event,) = house.events("NoDefaultBackend")
        assert "set spec.defaultBackend" in event["message"]
        house.apply(ingress("shop/web", {HOST: [("/", "front:80")]}, default="dflt:http"))
        house.settle()
        assert house.address("shop/web")

    def test_a_gap_that_a_missing_service_opens_is_told_once_and_leaves_what_serves(self) -> None:
        house = House(default_backend_service="")
        rules = {"": [("/", "front:80")], HOST: [("/", "api:8080")]}
        house.apply(*SERVICES, ingress("shop/web", rules))
        house.settle()
        before = house.body("urlMaps", MAP_OF_WEB)
        rules["b.example.com"] = [("/", "gone:80")]
        house.apply(ingress("shop/web", rules))
        house.settle()
        assert house.body("urlMaps", MAP_OF_WEB)["defaultService"] == before["defaultService"]
        assert house.events("NoDefaultBackend")
        (event,) = house.events("ServiceNotFound")
        assert "the default backend serves it" in event["message"]
        assert at_rest(house)

    def test_rules_that_stop_to_match_everything_leave_what_serves(self) -> None:
        house = House(default_backend_service="")
        house.apply(*SERVICES, ingress("shop/web", {"": [("/", "front:80")]}))
        house.settle()
        house.cloud.writes.clear()
        house.apply(ingress("shop/web", {"": [("/a", "front:80")]}))
        house.settle()
        assert routes(house, MAP_OF_WEB) == {"/a": FRONT, "/a/*": FRONT}
        (event,) = house.events("NoDefaultBackend")
        assert f"{FRONT} keeps serving it" in event["message"]
        assert at_rest(house)


MAP_OF_WEB = "k8s2-um-aer32pk4-shop-web-jkv47h8u"


def with_parameters(*, default: bool = False, **spec: Any) -> House:
    """Return a cluster with a class `ours` whose parameters are these."""
    house = House()
    house.apply(yaml.safe_load(CRD.read_text()))
    house.apply(ingress_parameters("ours", **spec), *SERVICES)
    if not default:
        house.apply(ingress_class("ours", parameters="ours"))
        return house
    house.apply(ingress("shop/web", default="dflt:http"))  # older than the default class
    house.apply(ingress_class("ours", parameters="ours", default=True))
    return house


def tls_secret(serial: int = 1) -> dict[str, Any]:
    return pki.secret("shop/tls", *pki.pair(HOST, serial))


def secured(*names: str, class_name: str = "ours", paths: int = 0) -> dict[str, Any]:
    """Return an Ingress with HTTPS; `paths` makes its map big."""
    listed = [(f"/p{one}", "front:80", "Exact") for one in range(paths)]
    body = ingress(
        "shop/web", {"": listed} if paths else None, default="dflt:http", class_name=class_name
    )
    body["spec"]["tls"] = [{"secretName": name} for name in names or ("tls",)]
    return body


def redirects(house: House) -> bool:
    (proxy,) = house.gce.resources("targetHttpProxies")
    return proxy["urlMap"].rpartition("/")[2].startswith("k8s2-rm-")


def certificates(house: House) -> list[str]:
    proxies = house.gce.resources("targetHttpsProxies")
    return [link.rpartition("/")[2] for proxy in proxies for link in proxy["sslCertificates"]]
