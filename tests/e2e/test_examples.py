"""Every example of deploy/, applied by the real kubectl and asked over the wire.

What the data plane can show is asked of it; the rest is read from the cloud's resources.
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509

from fakes.demotls import make_certificate
from fakes.stack import PROJECT
from tests.e2e.world import UID, World

HERE = Path("deploy/examples")
ANYTHING = httpx.create_ssl_context(verify=False)
GIVEN_SERIAL = 7  # of every certificate that an example wants to be there
UP = 200


class Site:
    """One example that is applied: its world, its Ingress, its address."""

    def __init__(self, wire: World, name: str) -> None:
        self.wire = wire
        self.manifests = list(yaml.safe_load_all((HERE / f"{name}.yaml").read_text()))
        (self.ingress,) = [one for one in self.manifests if one["kind"] == "Ingress"]
        self.name = self.ingress["metadata"]["name"]
        self.address = wire.served(f"default/{self.name}")

    def get(
        self, path: str = "/", *, scheme: str = "http", host: str = "", **headers: str
    ) -> httpx.Response:
        """Ask once, on a connection of its own."""
        named = {"host": host} if host else {}
        with httpx.Client(verify=ANYTHING, timeout=10, trust_env=False) as client:
            return client.get(f"{scheme}://{self.address}{path}", headers={**named, **headers})

    def who(self, path: str = "/", *, scheme: str = "http", host: str = "", **more: str) -> str:
        """Return which Deployment answers, else the code, else what went wrong."""
        try:
            got = self.get(path, scheme=scheme, host=host, **more)
        except httpx.HTTPError as error:
            return type(error).__name__
        return deployment_of(pod_of(got)) if got.status_code == UP else str(got.status_code)

    def answers(self, deployment: str = "", path: str = "/", **more: str) -> None:
        """Wait until a Deployment answers; without one, that of the example."""
        wanted = deployment or self.name
        self.wire.until(lambda: self.who(path, **more) == wanted, f"{wanted} answers {path}")

    def until(self, holds: Callable[[], Any], what: str) -> None:
        self.wire.until(holds, f"{self.name}: {what}")

    @property
    def node_port(self) -> int:
        """The node port of the example's first Service."""
        service = next(one for one in self.manifests if one["kind"] == "Service")
        return int(service["spec"]["ports"][0]["nodePort"])

    def body(self, kind: str) -> dict[str, Any]:
        """Return the backend service or the health check of the example's first Service."""
        name = f"k8s-be-{self.node_port}--{UID}"
        return next((body for body in self.wire.bodies(kind) if body["name"] == name), {})

    def front(self, kind: str) -> dict[str, Any]:
        """Return a part of the example's front end."""
        bodies = self.wire.bodies(kind)
        return next(body for body in bodies if f"-default-{self.name}-" in body["name"])


def pod_of(answer: httpx.Response) -> str:
    return answer.text.splitlines()[0].removeprefix("Hostname: ")


def deployment_of(pod: str) -> str:
    return re.sub(r"-[a-z0-9]+-[a-z0-9]+$", "", pod)


def serial_of(address: str) -> int:
    pem = ssl.get_server_certificate((address, 443)).encode()
    return x509.load_pem_x509_certificate(pem).serial_number


# What must be there first -------------------------------------------------------------------------


def nothing(_wire: World) -> None:
    """Most examples need nothing."""


def secret(name: str) -> Callable[[World], None]:
    def made(wire: World) -> None:
        crt, key = make_certificate(wire.directory, GIVEN_SERIAL)
        words = ("create", "secret", "tls", name, "--dry-run=client", "-o", "json")
        wire.apply(json.loads(wire.kubectl(*words, "--cert", str(crt), "--key", str(key))))

    return made


def in_project(kind: str, **body: Any) -> Callable[[World], None]:
    def made(wire: World) -> None:
        if not [one for one in wire.bodies(kind) if one["name"] == body["name"]]:
            base = f"{wire.gce}/compute/v1/projects/{PROJECT}/global/{kind}"
            wire.ask("POST", base, body)
            wire.until(
                lambda: [one for one in wire.bodies(kind) if one["name"] == body["name"]],
                f"{body['name']} is there",
            )

    return made


def certificate(wire: World) -> None:
    crt, key = make_certificate(wire.directory, GIVEN_SERIAL)
    pair = {"certificate": crt.read_text(), "privateKey": key.read_text()}
    in_project("sslCertificates", name="example-cert", **pair)(wire)


def both(*steps: Callable[[World], None]) -> Callable[[World], None]:
    def made(wire: World) -> None:
        for step in steps:
            step(wire)

    return made


# What each must show ------------------------------------------------------------------------------


def shows_one_service(site: Site) -> None:
    site.answers(path="/any/path")


def shows_paths(site: Site) -> None:
    shop, image = "shop.example.com", "eu.img.example.com"
    site.answers("paths-api", "/api/v1", host=shop)
    table = {
        (shop, "/api"): "paths-api",
        (shop, "/api/v1"): "paths-api",
        (shop, "/apis"): "paths",
        (shop, "/login"): "paths-api",
        (shop, "/login/help"): "paths",
        (shop, "/"): "paths",
        (image, "/a.png"): "paths-api",
        ("img.example.com", "/a.png"): "paths",
        ("elsewhere.example.com", "/api"): "paths",
    }

    def found() -> dict[tuple[str, str], str]:
        return {(host, path): site.who(path, host=host) for host, path in table}

    site.until(lambda: found() == table, "each path answers")


def shows_shop(site: Site) -> None:
    site.answers("echo", "/api/x", host="shop.example.com")
    wanted = {"/api", "/api/*", "/healthz", "/*"}
    site.until(lambda: wanted <= site.wire.routes("default/shop").keys(), "all paths are there")


def shows_edited_shop(site: Site) -> None:
    site.until(lambda: site.wire.routes("default/shop").get("/cart/*") == "30082", "the new path")
    site.answers("echo", "/cart/x", host="shop.example.com")


def shows_class(site: Site) -> None:
    site.answers()
    assert " example " in site.wire.kubectl("get", "ingress", site.name)


def shows_https(site: Site) -> None:
    wanted = site.ingress["spec"]["defaultBackend"]["service"]["name"]
    site.answers(wanted, scheme="https")
    site.until(lambda: site.who() == "301", "HTTP redirects, as it does by default")
    assert serial_of(site.address) == GIVEN_SERIAL


def shows_https_only(site: Site) -> None:
    site.answers(scheme="https")
    assert site.who() == "ConnectError"


def shows_redirect(site: Site) -> None:
    site.answers(scheme="https")
    site.until(lambda: site.who() == "308", "HTTP redirects")
    there = site.get("/a?b=c", host="example.com").headers["location"]
    assert there == "https://example.com/a?b=c"


def shows_static_address(site: Site) -> None:
    site.answers()
    (given,) = [one for one in site.wire.bodies("addresses") if one["name"] == "example-ip"]
    assert given["address"] == site.address


def shows_ssl_policy(site: Site) -> None:
    site.answers(scheme="https")
    proxy = site.front("targetHttpsProxies")
    assert proxy["sslPolicy"].endswith("/sslPolicies/example-policy")


def shows_protocol(site: Site) -> None:
    site.until(lambda: site.body("backendServices").get("protocol") == "HTTPS", "HTTPS behind")
    assert site.body("healthChecks")["type"] == "HTTPS"


def shows_probe(site: Site) -> None:
    site.answers()
    check = site.body("healthChecks")
    asked = check["httpHealthCheck"]
    assert (asked["requestPath"], asked["host"]) == ("/ready", "health.example.com")
    assert (check["timeoutSec"], check["checkIntervalSec"]) == (2, 65)


def shows_health_check(site: Site) -> None:
    site.answers()
    check = site.body("healthChecks")
    assert check["httpHealthCheck"]["requestPath"] == "/healthz"
    fields = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")
    assert [check[field] for field in fields] == [15, 5, 1, 2]


def shows_timeout(site: Site) -> None:
    def cut_off() -> bool:
        began = time.monotonic()
        return site.who() == "502" and 1.5 < time.monotonic() - began < 2.9

    site.until(cut_off, "a slow answer is cut off")
    service = site.body("backendServices")
    assert service["connectionDraining"] == {"drainingTimeoutSec": 60}


def shows_cookie(site: Site) -> None:
    def sticks() -> bool:
        """A pod that becomes healthy meanwhile may take a client over."""
        first = site.get()
        cookie = first.headers.get("set-cookie", "").partition(";")[0]
        return {pod_of(site.get(cookie=cookie)) for _ in range(10)} == {pod_of(first)}

    site.answers()
    assert "max-age=3600" in site.get().headers["set-cookie"].lower()
    site.until(sticks, "a client with the cookie stays with its pod")


def shows_client_ip(site: Site) -> None:
    site.answers()
    site.until(lambda: len({pod_of(site.get()) for _ in range(10)}) == 1, "one pod for a client")
    assert site.body("backendServices")["sessionAffinity"] == "CLIENT_IP"


def shows_request_headers(site: Site) -> None:
    site.answers()
    seen = json.loads(site.get(accept="application/json").text)["headers"]
    assert (seen["x-example"], seen["x-client-ip"]) == ("request", "127.0.0.1")


def shows_response_headers(site: Site) -> None:
    site.answers()
    told = site.get().headers
    assert told["x-example"] == "response"
    assert told["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def shows_logging(site: Site) -> None:
    site.answers()
    assert site.body("backendServices")["logConfig"] == {"enable": True, "sampleRate": 0.1}


def shows_policy(site: Site) -> None:
    site.answers()
    policy = site.body("backendServices")["securityPolicy"]
    assert policy.endswith("/securityPolicies/example-policy")


def shows_cdn(site: Site) -> None:
    site.answers()
    service = site.body("backendServices")
    policy = service["cdnPolicy"]
    assert service["enableCDN"] is True
    wanted = {
        "cacheMode": "CACHE_ALL_STATIC",
        "clientTtl": 1800,
        "defaultTtl": 3600,
        "maxTtl": 86400,
        "negativeCaching": True,
        "requestCoalescing": True,
        "serveWhileStale": 600,
        "signedUrlCacheMaxAgeSec": "7200",
        "signedUrlKeyNames": ["example-key"],
    }
    assert wanted == {name: policy.get(name) for name in wanted}
    assert policy["cacheKeyPolicy"]["queryStringWhitelist"] == ["page", "size"]


def shows_iap(site: Site) -> None:
    site.answers(scheme="https")
    service = site.body("backendServices")
    found = (service["iap"]["enabled"], service["iap"]["oauth2ClientId"])
    assert found == (True, "example.apps.googleusercontent.com")


# The table ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One example."""

    name: str  # of the file
    shows: Callable[[Site], None]
    first: Callable[[World], None] = nothing
    also: tuple[str, ...] = ()  # other examples that it goes with


TLS = secret("example-tls")
GUARD = in_project("securityPolicies", name="example-policy")
ROWS = (
    Row("default-backend", shows_one_service),
    Row("paths", shows_paths),
    Row("ingress", shows_shop, also=("shop",)),
    Row("ingress-edited", shows_edited_shop, also=("shop", "ingress")),
    Row("ingress-class", shows_class),
    Row("tls", shows_https, secret("echo")),
    Row("pre-shared-certificate", shows_https, certificate),
    Row("https-only", shows_https_only, TLS),
    Row("redirect", shows_redirect, TLS),
    Row("static-address", shows_static_address, in_project("addresses", name="example-ip")),
    Row(
        "ssl-policy", shows_ssl_policy, both(TLS, in_project("sslPolicies", name="example-policy"))
    ),
    Row("app-protocols", shows_protocol),
    Row("readiness-probe", shows_probe),
    Row("health-check", shows_health_check),
    Row("timeout", shows_timeout),
    Row("affinity-cookie", shows_cookie),
    Row("affinity-client-ip", shows_client_ip),
    Row("request-headers", shows_request_headers),
    Row("response-headers", shows_response_headers),
    Row("logging", shows_logging),
    Row("cloud-armor", shows_policy, GUARD),
    Row("cloud-armor-required", shows_policy, GUARD),
    Row("cdn", shows_cdn),
    Row("iap", shows_iap, TLS),
)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("examples"), traffic=True) as one:
        one.kubectl("apply", "-f", "deploy/crds")
        for row in ROWS:
            row.first(one)
        one.start_glbc()
        yield one
        one.assert_sound()


@contextmanager
def applied(wire: World, row: Row) -> Iterator[Site]:
    """Apply an example with those that it goes with, and delete it at the end."""
    files = [str(HERE / f"{name}.yaml") for name in (*row.also, row.name)]
    for file in files:
        wire.kubectl("apply", "-f", file)
    yield Site(wire, row.name)
    for file in reversed(files):
        wire.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", file)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_an_example_shows_what_it_says(wire: World, row: Row) -> None:
    with applied(wire, row) as site:
        row.shows(site)


def test_no_example_is_left_out() -> None:
    rows = [row.name for row in ROWS]
    assert sorted([*rows, "shop"]) == sorted(path.stem for path in HERE.glob("*.yaml"))
