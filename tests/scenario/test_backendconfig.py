"""BackendConfig and FrontendConfig: what they set, what their removal clears, and what stays.

Through the whole controller, against the fakes' in-process doors.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from fakes.build import ingress, service
from fakes.gce import Request
from tests.support import pki
from tests.support.house import CLUSTER_UID, PROJECT, House

CRDS = Path(__file__).parents[2] / "deploy" / "crds"
API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
WEB = f"k8s-be-30301--{CLUSTER_UID}"
DEFAULT = f"k8s-be-30303--{CLUSTER_UID}"
RECORD = "glbc.gcp.kubernetes.io/set"
REQUIRE = "glbc.gcp.kubernetes.io/require-security-policy"
KEY = base64.urlsafe_b64encode(b"0123456789abcdef").decode()
OTHER_KEY = base64.urlsafe_b64encode(b"fedcba9876543210").decode()


def config(spec: dict[str, Any], kind: str = "BackendConfig", name: str = "web") -> dict[str, Any]:
    version = {
        "BackendConfig": "cloud.google.com/v1",
        "FrontendConfig": "networking.gke.io/v1beta1",
    }
    meta = {"namespace": "shop", "name": name}
    return {"apiVersion": version[kind], "kind": kind, "metadata": meta, "spec": spec}


def secret(name: str, **values: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    meta = {"namespace": "shop", "name": name}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": data}


def requests(*headers: str) -> dict[str, Any]:
    return {"customRequestHeaders": {"headers": list(headers)}}


def keys(*rows: dict[str, str]) -> dict[str, Any]:
    return {"cdn": {"enabled": True, "signedUrlKeys": list(rows)}}


def web_service(annotation: str = '{"default": "web"}', **annotations: str) -> dict[str, Any]:
    made = service("shop/web", "80->30301")
    made["metadata"]["annotations"] = {"cloud.google.com/backend-config": annotation, **annotations}
    return made


def install(house: House) -> None:
    """Install the custom kinds, and make the policies that they name."""
    for crd in ("backendconfigs", "frontendconfigs"):
        house.apply(yaml.safe_load((CRDS / f"{crd}.yaml").read_text()))
    house.gce.seed("securityPolicies", "global", "armor", {})
    house.gce.seed("sslPolicies", "global", "modern", {"profile": "MODERN"})


def a_shop(spec: dict[str, Any] | None = None, **settings: Any) -> House:
    house = House(**settings)
    install(house)
    if spec is not None:
        house.apply(config(spec))
    house.apply(
        web_service(),
        service("kube-system/default-http-backend", "http=80->30303"),
        ingress("shop/web", {"a.example.com": [("/", "web:80")]}),
    )
    house.settle()
    return house


def web(house: House, kind: str = "backendServices") -> dict[str, Any]:
    return house.body(kind, WEB)


def by_hand(house: House, body: dict[str, Any], kind: str = "backendServices") -> None:
    """Change a resource as a person does, behind the controller's back, until it has noticed."""
    path = f"/compute/v1/projects/{PROJECT}/global/{kind}/{WEB}"
    stamp = {k: v for k, v in web(house, kind).items() if k == "fingerprint"}
    answer = house.gce.handle(Request("PATCH", path, {}, {**body, **stamp}))
    assert answer.status == 200, answer.body
    house.clock.advance(1)
    house.loop.resync()


def restarted(house: House) -> House:
    house.start()
    house.settle()
    return house


def target(house: House) -> str:
    """Return the backend service that the path of the Ingress leads to."""
    (url_map,) = house.gce.resources("urlMaps")
    rules = url_map["pathMatchers"][0].get("pathRules", [])
    return str(rules[0]["service"].rpartition("/")[2]) if rules else ""


FEATURES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # block of the BackendConfig -> what it sets on the wire, and what it was before
    "timeout": ({"timeoutSec": 75}, {"timeoutSec": 75}),
    "draining": (
        {"connectionDraining": {"drainingTimeoutSec": 62}},
        {"connectionDraining": {"drainingTimeoutSec": 62}},
    ),
    "affinity": (
        {"sessionAffinity": {"affinityType": "GENERATED_COOKIE", "affinityCookieTtlSec": 50}},
        {"sessionAffinity": "GENERATED_COOKIE", "affinityCookieTtlSec": 50},
    ),
    "request headers": (
        {"customRequestHeaders": {"headers": ["X-Client-Region: {client_region}"]}},
        {"customRequestHeaders": ["X-Client-Region: {client_region}"]},
    ),
    "response headers": (
        {"customResponseHeaders": {"headers": ["Strict-Transport-Security: max-age=63072000"]}},
        {"customResponseHeaders": ["Strict-Transport-Security: max-age=63072000"]},
    ),
    "logging": (
        {"logging": {"enable": True, "sampleRate": 0.25}},
        {"logConfig": {"enable": True, "sampleRate": 0.25}},
    ),
    "logging off": (
        {"logging": {"enable": False}},
        {"logConfig": {"enable": False, "sampleRate": 0.0}},
    ),
    "Cloud Armor": (
        {"securityPolicy": {"name": "armor"}},
        {"securityPolicy": f"{API}/global/securityPolicies/armor"},
    ),
    "CDN": (
        {
            "cdn": {
                "enabled": True,
                "cachePolicy": {"includeHost": True, "includeQueryString": False},
            }
        },
        {
            "enableCDN": True,
            "cdnPolicy": {
                "cacheMode": "CACHE_ALL_STATIC",
                "cacheKeyPolicy": {
                    "includeHost": True,
                    "includeProtocol": False,
                    "includeQueryString": False,
                },
                "clientTtl": 3600,
                "defaultTtl": 3600,
                "maxTtl": 86400,
                "negativeCaching": True,
                "requestCoalescing": True,
                "serveWhileStale": 86400,
                "signedUrlCacheMaxAgeSec": "0",
            },
        },
    ),
    "IAP": (
        {
            "iap": {
                "enabled": True,
                "oauthclientCredentials": {
                    "secretName": "",
                    "clientID": "me",
                    "clientSecret": "hush",
                },
            }
        },
        {
            "iap": {
                "enabled": True,
                "oauth2ClientId": "me",
                "oauth2ClientSecretSha256": hashlib.sha256(b"hush").hexdigest(),
            }
        },
    ),
}
BLOCKS = [pytest.param(*FEATURES[name], id=name) for name in FEATURES]
CHECK = {
    "checkIntervalSec": 20,
    "timeoutSec": 10,
    "healthyThreshold": 3,
    "unhealthyThreshold": 4,
    "requestPath": "/ready",
    "port": 30999,
}


def settings_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a BackendConfig can set: all but what changes by itself, and our record."""
    left_out = {"fingerprint", "description", "id", "creationTimestamp"}
    return {name: value for name, value in body.items() if name not in left_out}


@pytest.mark.parametrize(("spec", "on_the_wire"), BLOCKS)
class TestEachBlock:
    def test_it_is_set_at_creation(self, spec: Any, on_the_wire: Any) -> None:
        house = a_shop(spec)
        body = web(house)
        assert on_the_wire == {name: body[name] for name in on_the_wire}
        assert house.refused() == []

    def test_it_is_set_on_what_serves(self, spec: Any, on_the_wire: Any) -> None:
        house = a_shop({})
        house.apply(config(spec))
        house.settle()
        body = web(house)
        assert on_the_wire == {name: body[name] for name in on_the_wire}
        assert house.refused() == []

    def test_at_rest_nobody_writes(self, spec: Any, on_the_wire: Any) -> None:
        house = restarted(a_shop(spec))
        assert house.cloud.writes == []
        assert on_the_wire.keys() <= web(house).keys()

    @pytest.mark.parametrize("restart", [False, True], ids=["same process", "after a restart"])
    def test_its_removal_clears_exactly_what_it_set(
        self, spec: Any, on_the_wire: Any, restart: bool
    ) -> None:
        house = a_shop({})
        before = settings_of(web(house))
        house.apply(config(spec))
        house.settle()
        if restart:
            restarted(house)
        house.apply(config({}))
        house.settle()
        after = settings_of(web(house))
        if "iap" in on_the_wire:  # the API shows the block once it was set
            assert after.pop("iap") == {
                "enabled": False,
                "oauth2ClientId": "",
                "oauth2ClientSecretSha256": hashlib.sha256(b"").hexdigest(),
            }
        assert before == after
        assert RECORD not in web(house)["description"]
        assert house.refused() == []
        assert restarted(house).cloud.writes == []

    def test_what_somebody_else_has_set_stays(self, spec: Any, on_the_wire: Any) -> None:
        house = a_shop({})
        by_hand(house, on_the_wire if "iap" not in on_the_wire else {"timeoutSec": 9})
        seen = settings_of(web(house))
        house.settle()
        assert seen == settings_of(web(house))
        house.apply(config({"healthCheck": {"requestPath": "/x"}}))
        house.settle()
        assert seen == settings_of(web(house))
        house.apply(config(spec))  # until somebody asks for it
        house.settle()
        body = web(house)
        assert on_the_wire == {name: body[name] for name in on_the_wire}

    def test_drift_is_corrected(self, spec: Any, on_the_wire: Any) -> None:
        house = a_shop(spec)
        drift = {
            "timeoutSec": 3,
            "connectionDraining": {"drainingTimeoutSec": 3},
            "sessionAffinity": "CLIENT_IP",
            "affinityCookieTtlSec": 3,
            "customRequestHeaders": ["X-Else: 1"],
            "customResponseHeaders": ["X-Else: 1"],
            "logConfig": {"enable": True, "sampleRate": 0.75},
            "enableCDN": False,
            "iap": {"enabled": False},
        }
        if "securityPolicy" in on_the_wire:
            path = f"/compute/v1/projects/{PROJECT}/global/backendServices/{WEB}/setSecurityPolicy"
            answer = house.gce.handle(Request("POST", path, {}, {"securityPolicy": ""}))
            assert answer.status == 200
            house.clock.advance(1)
            house.loop.resync()
        else:
            by_hand(house, {name: drift[name] for name in on_the_wire if name in drift})
        house.settle()
        body = web(house)
        assert on_the_wire == {name: body[name] for name in on_the_wire}


class TestHealthCheck:
    def test_a_field_that_is_given_wins(self) -> None:
        house = a_shop({"healthCheck": CHECK})
        body = web(house, "healthChecks")
        probe = {
            "port": 30999,
            "portSpecification": "USE_FIXED_PORT",
            "requestPath": "/ready",
            "proxyHeader": "NONE",
        }
        assert (body["checkIntervalSec"], body["timeoutSec"]) == (20, 10)
        assert (body["healthyThreshold"], body["unhealthyThreshold"]) == (3, 4)
        assert probe == body["httpHealthCheck"]

    @pytest.mark.parametrize("restart", [False, True], ids=["same process", "after a restart"])
    def test_removal_brings_our_defaults_back(self, restart: bool) -> None:
        house = a_shop({})
        before = settings_of(web(house, "healthChecks"))
        house.apply(config({"healthCheck": CHECK}))
        house.settle()
        if restart:
            restarted(house)
        house.apply(config({}))
        house.settle()
        assert before == settings_of(web(house, "healthChecks"))
        assert restarted(house).cloud.writes == []

    def test_the_rest_of_an_edited_check_stays(self) -> None:
        house = a_shop({})
        by_hand(house, {"checkIntervalSec": 99, "httpHealthCheck": {"host": "x"}}, "healthChecks")
        house.apply(config({"healthCheck": {"requestPath": "/ready"}}))
        house.settle()
        body = web(house, "healthChecks")
        assert (body["checkIntervalSec"], body["timeoutSec"]) == (99, 60)
        assert body["httpHealthCheck"]["host"] == "x"
        assert body["httpHealthCheck"]["requestPath"] == "/ready"

    @pytest.mark.parametrize(
        ("check", "expected"),
        [
            pytest.param({"checkIntervalSec": 5}, (5, 5), id="a shorter interval"),
            pytest.param({"timeoutSec": 90}, (90, 90), id="a longer timeout"),
            pytest.param({"timeoutSec": 5}, (60, 5), id="a shorter timeout"),
        ],
    )
    def test_interval_and_timeout_fit_each_other(
        self, check: dict[str, Any], expected: tuple[int, int]
    ) -> None:
        house = a_shop({})
        house.apply(config({"healthCheck": check}))
        house.settle()
        body = web(house, "healthChecks")
        assert expected == (body["checkIntervalSec"], body["timeoutSec"])
        assert house.refused() == []

    def test_another_type_gets_its_own_block(self) -> None:
        house = a_shop({})
        house.apply(config({"healthCheck": {"type": "HTTPS", "requestPath": "/s"}}))
        house.settle()
        body = web(house, "healthChecks")
        assert body["type"] == "HTTPS"
        assert body["httpsHealthCheck"]["requestPath"] == "/s"
        assert body["httpsHealthCheck"]["port"] == 30301
        assert restarted(house).cloud.writes == []


class TestWhichConfig:
    @pytest.mark.parametrize(
        ("annotation", "expected"),
        [
            pytest.param('{"default": "web"}', 75, id="the default"),
            pytest.param('{"ports": {"http": "web"}}', 75, id="by port name"),
            pytest.param('{"ports": {"80": "web"}}', 75, id="by port number"),
            pytest.param('{"ports": {"80": "other", "http": "web"}}', 75, id="a name wins"),
            pytest.param('{"default": "other", "ports": {"80": "web"}}', 75, id="a port wins"),
            pytest.param('{"ports": {"443": "web"}}', 30, id="another port is none of ours"),
        ],
    )
    def test_names_numbers_default(self, annotation: str, expected: int) -> None:
        house = a_shop({"timeoutSec": 75})
        made = service("shop/web", "http=80->30301")
        made["metadata"]["annotations"] = {"cloud.google.com/backend-config": annotation}
        house.apply(made, config({"timeoutSec": 11}, name="other"))
        house.settle()
        assert web(house)["timeoutSec"] == expected

    def test_the_newer_annotation_wins(self) -> None:
        house = a_shop({"timeoutSec": 75})
        beta = {"beta.cloud.google.com/backend-config": '{"default": "other"}'}
        house.apply(web_service(**beta), config({"timeoutSec": 11}, name="other"))
        house.settle()
        assert web(house)["timeoutSec"] == 75


class TestWhatCannotBeUsed:
    @pytest.mark.parametrize(
        ("spec", "reason", "says"),
        [
            pytest.param(
                {"iap": {"enabled": True}, "cdn": {"enabled": True}},
                "BadBackendConfig",
                "both cannot be enabled",
                id="IAP and CDN",
            ),
            pytest.param(
                {"securityPolicy": {"name": "typo"}},
                "SecurityPolicyNotFound",
                "there is no policy typo",
                id="a policy that does not exist",
            ),
            pytest.param(
                {"iap": {"enabled": True, "oauthclientCredentials": {"secretName": "gone"}}},
                "SecretNotFound",
                "there is no Secret shop/gone",
                id="a Secret that does not exist",
            ),
            pytest.param(
                {"healthCheck": {"checkIntervalSec": 5, "timeoutSec": 6}},
                "BadBackendConfig",
                "timeoutSec: 6 is more than",
                id="a timeout longer than its interval",
            ),
            pytest.param(
                {"customRequestHeaders": {"headers": ["no colon"]}},
                "BadBackendConfig",
                "'no colon' is not `Name: value`",
                id="a header without a value",
            ),
            pytest.param(
                requests("two words: x"), "BadBackendConfig", "'two words' is no name", id="a space"
            ),
            pytest.param(
                requests("X-Größe: x"),
                "BadBackendConfig",
                "'X-Größe' is no name",
                id="no ASCII name",
            ),
            pytest.param(
                requests("X-A: größer"), "BadBackendConfig", "printable ASCII", id="no ASCII value"
            ),
            pytest.param(
                requests("connection: close"),
                "BadBackendConfig",
                "'connection' is",
                id="hop by hop",
            ),
            pytest.param(
                requests("X-Goog-User: x"), "BadBackendConfig", "'X-Goog-User' is", id="Google's"
            ),
            pytest.param(
                requests("X-User-IP: x"), "BadBackendConfig", "'X-User-IP' is", id="a reserved name"
            ),
            pytest.param(
                {"customResponseHeaders": {"headers": ["X-A: 1", "x-a: 2"]}},
                "BadBackendConfig",
                "'x-a' stands there twice",
                id="a header twice, in another case of letters",
            ),
            pytest.param(
                requests(*(f"X-{n}: 1" for n in range(17))),
                "BadBackendConfig",
                "17 headers, 16 are the most",
                id="too many headers",
            ),
            pytest.param(
                keys(*({"keyName": f"k{n}", "keyValue": KEY} for n in range(4))),
                "BadBackendConfig",
                "4 keys, 3 are the most",
                id="too many keys",
            ),
            pytest.param(
                keys({"keyName": "one", "keyValue": "c2VjcmV0"}),
                "BadBackendConfig",
                "key one: its value is not 128 bits in base64url",
                id="a short key",
            ),
            pytest.param(
                keys({"keyName": "one", "secretName": "short"}),
                "BadBackendConfig",
                "key one: its value is not 128 bits in base64url",
                id="a short key in a Secret",
            ),
            pytest.param(
                keys({"keyName": "one", "keyValue": "+/" * 11 + "=="}),
                "BadBackendConfig",
                "key one: its value is not 128 bits in base64url",
                id="a key in plain base64",
            ),
            pytest.param(
                {
                    "cdn": {
                        "enabled": True,
                        "bypassCacheOnRequestHeaders": [{"headerName": "not: a name"}],
                    }
                },
                "BadBackendConfig",
                "'not: a name' is no name of a header",
                id="a cache bypassed by no header",
            ),
        ],
    )
    def test_it_is_told_before_any_call_and_what_serves_goes_on(
        self, spec: dict[str, Any], reason: str, says: str
    ) -> None:
        house = a_shop({"timeoutSec": 75})
        written = len(house.cloud.writes)
        house.apply(secret("short", key_value="c2VjcmV0"), config(spec))
        house.settle()
        assert len(house.cloud.writes) == written
        assert web(house)["timeoutSec"] == 75
        (event,) = house.events(reason)
        assert says in event["message"]
        assert event["type"] == "Warning"

    def test_a_missing_config_keeps_a_new_path_from_its_backend(self) -> None:
        house = a_shop(None)
        assert target(house) == DEFAULT
        assert house.events("BackendConfigNotFound")
        house.apply(config({"timeoutSec": 75}))
        house.settle()
        assert target(house) == WEB
        assert web(house)["timeoutSec"] == 75

    def test_a_config_that_goes_leaves_the_settings(self) -> None:
        house = a_shop({"timeoutSec": 75, "securityPolicy": {"name": "armor"}})
        house.kube.delete("BackendConfig", "shop/web")
        house.settle()
        assert web(house)["timeoutSec"] == 75
        assert "securityPolicy" in web(house)
        assert target(house) == WEB

    @pytest.mark.parametrize("restart", [False, True], ids=["running", "started again"])
    def test_a_config_that_goes_leaves_the_port_of_its_probe_open(self, restart: bool) -> None:
        house = a_shop({"healthCheck": {"port": 9999, "requestPath": "/hz"}})
        (before,) = house.gce.resources("firewalls")
        assert before["allowed"][0]["ports"] == ["9999", "30000-32767"]
        house.kube.delete("BackendConfig", "shop/web")
        if restart:
            house.start()
        house.settle()
        assert web(house, "healthChecks")["httpHealthCheck"]["port"] == 9999
        assert house.gce.resources("firewalls") == [before]

    def test_an_annotation_that_is_taken_out_takes_the_settings_along(self) -> None:
        house = a_shop({"timeoutSec": 75, "securityPolicy": {"name": "armor"}})
        house.apply(service("shop/web", "80->30301"))
        house.settle()
        assert web(house)["timeoutSec"] == 30
        assert "securityPolicy" not in web(house)


class TestSecrets:
    IAP: ClassVar = {"iap": {"enabled": True, "oauthclientCredentials": {"secretName": "client"}}}
    CDN: ClassVar = {
        "cdn": {"enabled": True, "signedUrlKeys": [{"keyName": "one", "secretName": "signing"}]}
    }

    def test_a_client_comes_from_its_secret_and_is_rotated_with_it(self) -> None:
        house = a_shop({})
        house.apply(secret("client", client_id="me", client_secret="hush"), config(self.IAP))
        house.settle()
        assert web(house)["iap"]["oauth2ClientId"] == "me"
        house.apply(secret("client", client_id="me", client_secret="new"))
        house.settle()
        digest = hashlib.sha256(b"new").hexdigest()
        assert web(house)["iap"]["oauth2ClientSecretSha256"] == digest

    def test_a_controller_that_starts_again_closes_no_port_until_it_has_read_them(self) -> None:
        house = a_shop({})
        asked = {**self.IAP, "healthCheck": {"port": 9999, "requestPath": "/hz"}}
        house.apply(secret("client", client_id="me", client_secret="hush"), config(asked))
        house.settle()
        house.start()
        house.settle()
        assert house.cloud.writes == []

    def test_iap_can_always_be_switched_off(self) -> None:
        house = a_shop({})
        house.apply(secret("client", client_id="me", client_secret="hush"), config(self.IAP))
        house.settle()
        house.kube.delete("Secret", "shop/client")
        house.apply(config({"iap": {"enabled": False}}))
        house.settle()
        assert web(house)["iap"]["enabled"] is False

    def test_a_signing_key_is_replaced_when_its_value_changes(self) -> None:
        house = a_shop({})
        house.apply(secret("signing", key_value=KEY), config(self.CDN))
        house.settle()
        assert web(house)["cdnPolicy"]["signedUrlKeyNames"] == ["one"]
        before = [call.verb for call in house.cloud.writes]
        house.apply(secret("signing", key_value=OTHER_KEY))
        house.settle()
        verbs = [call.verb.value for call in house.cloud.writes[len(before) :]]
        assert verbs == ["deleteSignedUrlKey", "patch", "addSignedUrlKey"]
        assert restarted(house).cloud.writes == []

    def test_a_line_end_behind_a_key_is_none_of_it(self) -> None:
        """As `base64 > FILE` and `kubectl create secret --from-file=key_value=FILE` leave it."""
        house = a_shop({})
        house.apply(secret("signing", key_value=f"{KEY}\n"), config(self.CDN))
        house.settle()
        assert web(house)["cdnPolicy"]["signedUrlKeyNames"] == ["one"]
        assert house.refused() == []

    def test_keys_of_others_stay_and_ours_go(self) -> None:
        house = a_shop({})
        house.apply(secret("signing", key_value=KEY), config(self.CDN))
        house.settle()
        path = f"/compute/v1/projects/{PROJECT}/global/backendServices/{WEB}/addSignedUrlKey"
        theirs = {"keyName": "theirs", "keyValue": KEY}
        assert house.gce.handle(Request("POST", path, {}, theirs)).status == 200
        house.clock.advance(1)
        house.loop.resync()
        house.settle()
        house.apply(config({}))
        house.settle()
        assert web(house)["cdnPolicy"]["signedUrlKeyNames"] == ["theirs"]

    def test_no_secret_shows_in_what_is_published_or_planned(self) -> None:
        house = a_shop({})
        house.apply(secret("client", client_id="me", client_secret="hush-hush"), config(self.IAP))
        house.settle()
        assert house.loop.turn is not None
        shown = repr(house.loop.turn) + repr(house.kube.list("Event"))
        assert "hush-hush" not in shown


class TestRequiredPolicy:
    ARMOR: ClassVar = {"securityPolicy": {"name": "armor"}}

    @pytest.mark.parametrize("where", ["service", "ingress"])
    def test_a_backend_without_it_gets_no_traffic(self, where: str) -> None:
        house = a_shop({})
        if where == "service":
            house.apply(web_service(**{REQUIRE: "true"}))
        else:
            required = ingress(
                "shop/web", {"a.example.com": [("/", "web:80")]}, annotations={REQUIRE: "true"}
            )
            house.apply(required)
        house.settle()
        assert house.events("SecurityPolicyRequired")
        assert target(house) != WEB or where == "ingress"

    def test_traffic_comes_only_after_the_policy(self) -> None:
        house = a_shop(self.ARMOR)
        verbs = [
            (call.verb.value, call.key.kind)
            for call in house.cloud.writes
            if call.key.name == WEB or call.key.kind == "urlMaps"
        ]
        policy = verbs.index(("setSecurityPolicy", "backendServices"))
        assert policy < verbs.index(("insert", "urlMaps"))

    def test_an_added_policy_is_there_before_a_new_path_leads_to_it(self) -> None:
        house = a_shop({})
        house.apply(config(self.ARMOR), ingress("shop/more", {"b.example.com": [("/", "web:80")]}))
        house.settle()
        verbs = [(call.verb.value, call.key.name) for call in house.cloud.writes]
        policy = verbs.index(("setSecurityPolicy", WEB))
        (made,) = [
            i for i, (v, n) in enumerate(verbs) if v == "insert" and "um" in n and "more" in n
        ]
        assert policy < made

    def test_what_serves_under_it_goes_on_and_keeps_it(self) -> None:
        house = a_shop(self.ARMOR)
        house.apply(web_service(**{REQUIRE: "true"}))
        house.settle()
        house.apply(config({}))
        house.settle()
        assert target(house) == WEB
        assert web(house)["securityPolicy"].endswith("/armor")
        assert house.events("SecurityPolicyRequired")

    def test_nobody_else_takes_it_away(self) -> None:
        house = a_shop(self.ARMOR)
        required = ingress(
            "shop/strict", {"s.example.com": [("/", "web:80")]}, annotations={REQUIRE: "true"}
        )
        house.apply(required)
        house.settle()
        house.apply(config({}))
        house.settle()
        assert web(house)["securityPolicy"].endswith("/armor")

    def test_a_policy_that_goes_is_told(self) -> None:
        house = a_shop(self.ARMOR)
        house.apply(config({"securityPolicy": {"name": ""}}))
        house.settle()
        assert "securityPolicy" not in web(house)
        (event,) = house.events("SecurityPolicyRemoved")
        assert event["type"] == "Warning"
        assert "armor" in event["message"]

    def test_igce_1508_a_policy_that_somebody_took_away_is_put_back_and_told(self) -> None:
        house = a_shop(self.ARMOR)
        path = f"/compute/v1/projects/{PROJECT}/global/backendServices/{WEB}/setSecurityPolicy"
        assert house.gce.handle(Request("POST", path, {}, {"securityPolicy": ""})).status == 200
        house.clock.advance(1)
        house.loop.resync()
        house.settle()
        assert web(house)["securityPolicy"].endswith("/armor")
        (event,) = house.events("SecurityPolicyRestored")
        assert event["type"] == "Warning"


class TestSslPolicy:
    def a_front(self, spec: dict[str, Any]) -> House:
        house = a_shop({})
        crt, key = pki.pair("a.example.com")
        secured = ingress(
            "shop/web",
            {"a.example.com": [("/", "web:80")]},
            annotations={"networking.gke.io/v1beta1.FrontendConfig": "front"},
        )
        secured["spec"]["tls"] = [{"secretName": "tls"}]
        house.apply(
            pki.secret("shop/tls", crt, key), config(spec, "FrontendConfig", "front"), secured
        )
        house.settle()
        return house

    def proxy(self, house: House) -> dict[str, Any]:
        (body,) = house.gce.resources("targetHttpsProxies")
        return dict(body)

    def test_it_is_set_and_its_removal_clears_it(self) -> None:
        house = self.a_front({"sslPolicy": "modern"})
        assert self.proxy(house)["sslPolicy"].endswith("/modern")
        restarted(house)
        house.apply(config({}, "FrontendConfig", "front"))
        house.settle()
        assert "sslPolicy" not in self.proxy(house)
        assert RECORD not in self.proxy(house)["description"]

    @pytest.mark.parametrize(
        ("spec", "stays"),
        [pytest.param({}, True, id="absent"), pytest.param({"sslPolicy": ""}, False, id="empty")],
    )
    def test_empty_and_absent_are_two_things(self, spec: dict[str, Any], stays: bool) -> None:
        house = self.a_front({})
        name = self.proxy(house)["name"]
        path = f"/compute/v1/projects/{PROJECT}/global/targetHttpsProxies/{name}/setSslPolicy"
        link = {"sslPolicy": "global/sslPolicies/modern"}
        assert house.gce.handle(Request("POST", path, {}, link)).status == 200
        house.clock.advance(1)
        house.loop.resync()
        house.apply(config(spec, "FrontendConfig", "front"))
        house.settle()
        assert ("sslPolicy" in self.proxy(house)) is stays

    def test_one_that_does_not_exist_is_told_and_the_old_one_holds(self) -> None:
        house = self.a_front({"sslPolicy": "modern"})
        house.apply(config({"sslPolicy": "typo"}, "FrontendConfig", "front"))
        house.settle()
        assert self.proxy(house)["sslPolicy"].endswith("/modern")
        assert house.events("SslPolicyNotFound")

    def test_a_frontend_config_that_goes_leaves_it(self) -> None:
        house = self.a_front({"sslPolicy": "modern"})
        house.kube.delete("FrontendConfig", "shop/front")
        house.settle()
        assert self.proxy(house)["sslPolicy"].endswith("/modern")
