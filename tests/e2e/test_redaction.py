"""The installed `glbc` with a service account's credentials: no secret in anything that a person can read."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from fakes.build import ingress, service
from tests.e2e.guarded import CONFIG, TOKEN, Guarded
from tests.e2e.test_permissions import backend_config, opaque, with_config
from tests.support.pki import pair, secret
from tests.support.secrecy import Secrets

HOST = "shop.example.com"
CRT, KEY = pair(HOST)
CLIENT = {"client_id": "id.apps.googleusercontent.com", "client_secret": "client-secret-0123456789"}
CDN_KEY = base64.urlsafe_b64encode(b"cdn-key-of-tests").decode()
PATHS = ("", "state.json", "debug/plan", "debug/plan.txt", "metrics", "healthz", "readyz")


def objects() -> list[dict[str, Any]]:
    shop = ingress("default/shop", {HOST: [("/api", "api:80")]}, default="web:80", class_name="gce")
    shop["spec"]["tls"] = [{"secretName": "tls"}]
    return [
        secret("default/tls", CRT, KEY),
        opaque("client", CLIENT),
        opaque("cdn", {"key_value": CDN_KEY}),
        backend_config(
            "web", iap={"enabled": True, "oauthclientCredentials": {"secretName": "client"}}
        ),
        backend_config(
            "api",
            cdn={"enabled": True, "signedUrlKeys": [{"keyName": "key", "secretName": "cdn"}]},
        ),
        with_config(service("default/web", "80->30001"), "web"),
        with_config(service("default/api", "80->30002"), "api"),
        shop,
    ]


def quotes(one: Guarded, method: str, value: str) -> None:
    """Let the cloud refuse a method once, and quote what it was sent."""
    said = f"Invalid value for field 'resource.x': '{value}'. It is malformed."
    error = {"code": 400, "reason": "invalid", "message": said}
    one.trouble(f"compute.{method}", times=1, error=error)


def page(one: Guarded, path: str) -> str:
    with urlopen(f"http://{one.page}/{path}", timeout=30) as answer:
        return answer.read().decode()


class Chatty(Guarded):
    """A world in which Google's library is told to log whatever it sends."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"GOOGLE_SDK_PYTHON_LOGGING_SCOPE": "google"}


def test_no_secret_is_in_anything_that_can_be_read(tmp_path: Path) -> None:
    one = Chatty(tmp_path)
    journal = tmp_path / "journal"
    one.settings = {
        **CONFIG,
        "log_format": "json",
        "parked_retry_sec": 10,
        "journal": {"path": str(journal)},
    }
    with one:
        one.install()
        account = json.loads(one.key_file.read_text())["private_key"]
        secrets = Secrets(
            token=TOKEN,
            account=account,
            key=KEY.decode(),
            client=CLIENT["client_secret"],
            cdn=CDN_KEY,
        )
        quotes(one, "sslCertificates.insert", KEY.decode())
        quotes(one, "backendServices.addSignedUrlKey", CDN_KEY)
        one.apply(*objects())
        one.start_glbc(ready=False)
        one.until(
            lambda: one.said("It is malformed") >= 2 and "(not shown)" in page(one, "debug/plan"),
            "the cloud has refused both, and the page tells of it",
        )
        texts = {f"refused: /{path}": page(one, path) for path in PATHS}
        one.until(lambda: one.front("targetHttpsProxies", "shop"), "HTTPS is served")
        one.until(
            lambda: one.backend(30002).get("cdnPolicy", {}).get("signedUrlKeyNames"),
            "the key is there",
        )
        one.until(lambda: "Nothing to do." in page(one, "debug/plan.txt"), "nothing is left to do")
        led = one.said('"leading"')
        one.trouble_kube(times=-1, status=500)
        one.until(lambda: one.said("lease_lost"), "the API server is away for a moment")
        one.ask("DELETE", f"{one.kube}/_fake/faults")
        one.until(lambda: one.said('"leading"') > led, "it leads again")
        texts |= {f"/{path}": page(one, path) for path in PATHS}
        for words in (
            ("plan", "-o", "json"),
            ("explain", "default/shop", "-o", "json"),
            ("explain", f"https://{HOST}/api", "-o", "json"),
            ("graph", "-o", "json"),
        ):
            texts[" ".join(words)] = one.glbc(*words)
        texts["stale token"] = refused(one)
        kinds = ("events", "ingresses", "services", "configmaps")
        texts["cluster"] = one.kubectl("get", ",".join(kinds), "-A", "-o", "json")
        texts["journal"] = journal.read_text()
        texts["log"] = one.log("glbc")
        lines = [json.loads(line) for line in texts["log"].splitlines()]
        assert [line for line in lines if not {"event", "level", "timestamp"} <= line.keys()] == []
        assert "(not shown)" in texts["journal"]
        assert "(not shown)" in texts["refused: /debug/plan"]
        assert 'method="globalOperations.wait"' in texts["/metrics"]
        assert 'method="ingresses.watch"' in texts["/metrics"]
        assert "glbc_certificate_expiry_timestamp_seconds{certificate=" in texts["/metrics"]
        given_away = {where: secrets.found_in(text) for where, text in texts.items()}
        assert {where: names for where, names in given_away.items() if names} == {}
        one.assert_sound()


def refused(one: Guarded) -> str:
    """Return what a command says whose token the API server does not take."""
    config = json.loads(one.robot.read_text())
    config["users"][0]["user"] = {"token": f"{TOKEN}-that-is-stale"}
    stale = one.directory / "stale.kubeconfig"
    stale.write_text(json.dumps(config))
    done = one.run("glbc", "plan", *one.glbc_options(), "--kubeconfig", str(stale))
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr
