"""Which readiness probe a health check is made from, what of it, and what is told about it."""

import itertools
import random
from typing import Any

import msgspec
import pytest

from fakes.build import Manifest, backend, container, http_get, pod, service
from glbc.model.compute import HttpCheck
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.loadbalancer import Backend, Check
from glbc.model.views import Hints, IngressBackend, Snapshot
from glbc.translate.backend import World, resolve
from glbc.translate.probes import (
    DESCRIPTION,
    Answers,
    Checked,
    Probed,
    answered,
    probed,
    question,
)
from glbc.translate.surprises import surprises, why_it_fails
from tests.golden.cases import config_of, snapshot_of

USER = ObjectRef("Ingress", "shop", "web")
SERVICE = ObjectRef("Service", "shop", "web")
KEY = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "k8s-be-30080--u")
WEB = service("shop/web", "http=80->30080", target=8080)
APP = container("app", "http=8080", readiness=http_get("/ready"))


def _resolved(snapshot: Snapshot, target: str = "web:http", protocol: str = "HTTP") -> Backend:
    reference = msgspec.convert(backend(target), IngressBackend)
    found = resolve(reference, USER, "here", World(snapshot, Hints(), config_of()))
    assert isinstance(found, Backend)
    return msgspec.structs.replace(found, protocol=protocol)


def _asked(*objects: Manifest, protocol: str = "HTTP", port: str = "http") -> Checked:
    """The backend with its check, and what its pods say; the Service is WEB unless it is given."""
    given = any(one["kind"] == "Service" for one in objects)
    snapshot = snapshot_of(objects if given else (WEB, *objects))
    plain = _resolved(snapshot, f"web:{port}", protocol)
    return probed({KEY: plain}, snapshot, Probed()).backends[KEY]


def _path(*objects: Manifest, protocol: str = "HTTP") -> str:
    return _asked(*objects, protocol=protocol).backend.check.path


def _told(*objects: Manifest, port: str = "http") -> list[Finding]:
    found = _asked(*objects, port=port)
    told = list(surprises(found.backend, found.facts, found.service, None))
    assert found.facts.may_surprise == bool(told)
    return told


# Which probe -------------------------------------------------------------------------------------


def _one(readiness: dict[str, Any] | None, *ports: str) -> tuple[Manifest, ...]:
    return (pod("shop/a", container("app", *(ports or ("http=8080",)), readiness=readiness)),)


def _header(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "value": "shop.example.com"} for name in names]


NAMED = service("shop/web", "http=80->30080", target="http")
OWN_PORT = service("shop/web", "http=8080->30080")


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        pytest.param((), "/", id="no pod"),
        pytest.param(_one(None), "/", id="no probe"),
        pytest.param(_one({"tcpSocket": {"port": 8080}}), "/", id="a probe of another kind"),
        pytest.param(_one({"exec": {"command": ["true"]}}), "/", id="a probe that runs a command"),
        pytest.param(_one(http_get("/r")), "/r", id="port and probe by number"),
        pytest.param(_one(http_get("/r", "http")), "/r", id="the probe by the port's name"),
        pytest.param((NAMED, *_one(http_get("/r"))), "/r", id="the Service by the port's name"),
        pytest.param((NAMED, *_one(http_get("/r", "http"))), "/r", id="both by the port's name"),
        pytest.param(
            (NAMED, *_one(http_get("/r"), "web=8080")), "/", id="no port of the name is declared"
        ),
        pytest.param(
            (OWN_PORT, *_one(http_get("/r"))), "/r", id="no target port: that of the Service"
        ),
        pytest.param(_one(http_get("/r", 8081)), "/", id="the probe asks another port"),
        pytest.param(
            _one(http_get("/r", "admin"), "http=8080", "admin=8081"),
            "/",
            id="the probe asks another declared port",
        ),
        pytest.param(_one(http_get("/r", "8080")), "/", id="a number in quotes is a name"),
        pytest.param(_one(http_get("/r"), "8081"), "/", id="the serving port is not declared"),
        pytest.param(_one(http_get("/r", host="10.0.0.1")), "/", id="the probe names a host"),
        pytest.param(_one(http_get("/r", scheme="HTTPS")), "/", id="the probe speaks HTTPS"),
        pytest.param(
            _one(http_get("/r", httpHeaders=_header("Host"))), "/r", id="one header named Host"
        ),
        pytest.param(_one(http_get("/r", httpHeaders=[])), "/r", id="an empty list of headers"),
        pytest.param(
            _one(http_get("/r", httpHeaders=_header("host"))), "/", id="one header named host"
        ),
        pytest.param(_one(http_get("/r", httpHeaders=_header("Host", "X"))), "/", id="two headers"),
        pytest.param(
            (
                pod(
                    "shop/a",
                    container("side", "9000", readiness=http_get("/side", 9000)),
                    container("app", "8080", readiness=http_get("/app")),
                    container("twin", "8080", readiness=http_get("/twin")),
                ),
            ),
            "/app",
            id="the first container that fits",
        ),
        pytest.param(
            (
                pod("shop/a", APP, app="other"),
                pod("elsewhere/a", APP),
                pod("shop/b", container("app", "8080", readiness=http_get("/mine"))),
            ),
            "/mine",
            id="only pods that the selector selects, in its namespace",
        ),
    ],
)
def test_a_probe_is_taken(objects: tuple[Manifest, ...], expected: str) -> None:
    assert expected == _path(*objects)


@pytest.mark.parametrize(
    ("protocol", "scheme", "expected"),
    [
        pytest.param("HTTP", "HTTP", "/r", id="HTTP for HTTP"),
        pytest.param("HTTP", "HTTPS", "/", id="HTTPS not for HTTP"),
        pytest.param("HTTPS", "HTTPS", "/r", id="HTTPS for HTTPS"),
        pytest.param("HTTPS", "HTTP", "/", id="HTTP not for HTTPS"),
        pytest.param("HTTP2", "HTTPS", "/r", id="HTTPS for HTTP2"),
        pytest.param("HTTP2", "HTTP", "/", id="HTTP not for HTTP2"),
    ],
)
def test_the_scheme_is_that_of_the_protocol(protocol: str, scheme: str, expected: str) -> None:
    assert expected == _path(*_one(http_get("/r", scheme=scheme)), protocol=protocol)


def _says(path: str, name: str, created: str) -> Manifest:
    return pod(name, container("app", "8080", readiness=http_get(path)), created=created)


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param(
            (
                _says("/new", "shop/a", "2026-01-02T00:00:00Z"),
                _says("/old", "shop/b", "2026-01-01T00:00:00Z"),
            ),
            "/old",
            id="the oldest pod's",
        ),
        pytest.param(
            (
                _says("/b", "shop/b", "2026-01-01T00:00:00Z"),
                _says("/a", "shop/a", "2026-01-01T00:00:00Z"),
            ),
            "/a",
            id="of two as old, the first by name",
        ),
        pytest.param(
            (
                pod("shop/a", container("app", "8080"), created="2026-01-01T00:00:00Z"),
                _says("/b", "shop/b", "2026-01-02T00:00:00Z"),
            ),
            "/b",
            id="an older pod without a probe does not count",
        ),
    ],
)
def test_of_several_pods(pods: tuple[Manifest, ...], expected: str) -> None:
    for order in itertools.permutations(pods):
        assert expected == _path(*order)


def test_an_empty_selector_selects_every_pod_of_the_namespace() -> None:
    everybody = {**WEB, "spec": {**WEB["spec"], "selector": {}}}
    nobody = {**WEB, "spec": {k: v for k, v in WEB["spec"].items() if k != "selector"}}
    stranger = pod("shop/a", APP, app="other")
    assert [_path(one, stranger) for one in (WEB, everybody, nobody)] == ["/", "/ready", "/ready"]


def test_every_label_of_the_selector_counts() -> None:
    both = {"app": "web", "tier": "front"}
    narrow = {**WEB, "spec": {**WEB["spec"], "selector": both}}
    fits = pod("shop/a", APP)
    fits["metadata"]["labels"] = {**both, "more": "labels"}
    assert _path(narrow, pod("shop/b", APP)) == "/"
    assert _path(narrow, fits) == "/ready"


# What of it --------------------------------------------------------------------------------------


def test_a_health_check_made_from_a_probe() -> None:
    probe = {
        **http_get("ready", httpHeaders=_header("Host")),
        "periodSeconds": 7,
        "timeoutSeconds": 3,
    }
    origin = "pod shop/a spec.containers[0].readinessProbe"
    fields = ("path", "host", "check_interval_sec", "timeout_sec", "description")
    assert _asked(*_one(probe)).backend.check == Check(
        path="/ready",
        host="shop.example.com",
        check_interval_sec=67,
        timeout_sec=3,
        healthy_threshold=1,
        unhealthy_threshold=10,
        description=DESCRIPTION,
        origin=tuple((field, origin) for field in fields),
    )


def test_without_a_probe_everything_is_the_default() -> None:
    assert _asked().backend.check == Check(path="/", origin=(("path", "config health_check_path"),))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/a/b?c=d&e", "/a/b?c=d&e", id="a query stays"),
        pytest.param("a", "/a", id="a slash is put first"),
        pytest.param("", "/", id="nothing is the root"),
        pytest.param("/a b", "/a%20b", id="a blank is escaped, as the kubelet does"),
        pytest.param("/%7Eü", "/%7E%C3%BC", id="what is escaped already stays"),
    ],
)
def test_the_path_is_one_that_can_be_sent(path: str, expected: str) -> None:
    assert expected == _path(*_one(http_get(path)))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param({}, (70, 1), id="Kubernetes' defaults where nothing is said"),
        pytest.param({"periodSeconds": 240, "timeoutSeconds": 300}, (300, 300), id="the most"),
        pytest.param({"periodSeconds": 241}, (300, 1), id="an interval over the API's limit"),
        pytest.param(
            {"periodSeconds": 10, "timeoutSeconds": 90},
            (90, 90),
            id="a timeout over the interval lengthens the interval",
        ),
        pytest.param({"timeoutSeconds": 1000}, (300, 300), id="a timeout over the API's limit"),
    ],
)
def test_the_times_are_within_the_limits(times: dict[str, int], expected: tuple[int, int]) -> None:
    check = _asked(*_one({**http_get("/r"), **times})).backend.check
    assert expected == (check.check_interval_sec, check.timeout_sec)


# What is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        pytest.param(
            _one(http_get("/r", 8081)),
            "container app asks port 8081, not the serving port 8080",
            id="another port",
        ),
        pytest.param(
            _one(http_get("/r"), "9999"),
            "container app does not declare the port 8080 that it asks",
            id="a port that is not declared",
        ),
        pytest.param(
            _one(http_get("/r", scheme="HTTPS")),
            "container app asks over HTTPS, not HTTP",
            id="another scheme",
        ),
        pytest.param(
            _one(http_get("/r", host="10.0.0.1")),
            "container app asks a host of its own, 10.0.0.1",
            id="a host",
        ),
        pytest.param(
            _one(http_get("/r", httpHeaders=_header("Host", "X"))),
            "container app sends headers, and only one named Host can be sent",
            id="headers",
        ),
    ],
)
def test_a_probe_that_cannot_be_taken_is_told_with_the_reason(
    objects: tuple[Manifest, ...], why: str
) -> None:
    assert _told(*objects) == [
        Finding(
            SERVICE,
            "ReadinessProbeNotUsed",
            "spec.ports[0]",
            f"its health check asks /, because no readiness probe fits ({why})",
            "let a probe fit before the check is made, or set healthCheck in a BackendConfig of the "
            "Service",
            Severity.NOTE,
        )
    ]


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param((), id="no pod"),
        pytest.param(_one(None), id="no probe"),
        pytest.param(_one({"tcpSocket": {"port": 8080}}), id="a probe of another kind"),
        pytest.param(_one(http_get("/r")), id="a probe that is taken"),
        pytest.param((_says("/r", "shop/a", ""), _says("/r", "shop/b", "")), id="pods that agree"),
        pytest.param(
            (
                pod(
                    "shop/a",
                    container("app", "8080"),
                    container("side", "9000", readiness=http_get("/side", 9000)),
                ),
            ),
            id="the probe of a container that does not serve",
        ),
        pytest.param(
            (pod("shop/a", APP, container("app2", "8080", readiness=http_get("/x", 1))),),
            id="another probe that does not fit beside one that does",
        ),
    ],
)
def test_nothing_is_told_where_nothing_surprises(objects: tuple[Manifest, ...]) -> None:
    assert _told(*objects) == []


def test_pods_that_disagree_are_told_with_the_one_that_is_taken() -> None:
    (told,) = _told(
        _says("/new", "shop/a", "2026-01-02T00:00:00Z"),
        _says("/old", "shop/b", "2026-01-01T00:00:00Z"),
    )
    assert (told.object, told.reason, told.severity) == (
        SERVICE,
        "ReadinessProbesDiffer",
        Severity.NOTE,
    )
    assert told.message == (
        "the readiness probes of its pods differ (/new, /old); its health check asks /old, as the "
        "oldest pod does"
    )


def test_containers_of_one_pod_that_disagree_are_told() -> None:
    twins = (container(path[1:], "8080", readiness=http_get(path)) for path in ("/one", "/two"))
    (told,) = _told(pod("shop/a", *twins))
    assert "differ (/one, /two); its health check asks /one," in told.message


def test_many_different_ones_are_not_all_named() -> None:
    (told,) = _told(*(_says(f"/{n}", f"shop/p{n}", "") for n in range(5)))
    assert "differ (/0, /1, /2, …)" in told.message


def test_times_over_the_limit_are_told_with_what_is_used() -> None:
    (told,) = _told(*_one({**http_get("/r"), "periodSeconds": 600, "timeoutSeconds": 5}))
    assert told.reason == "ReadinessProbeTooSlow"
    assert told.message.endswith(
        "period of 600 s and timeout of 5 s it asks every 300 s and waits 5 s"
    )


def test_the_port_that_is_meant_is_named() -> None:
    two = service("shop/web", "a=80->30080", "b=81->30081", target=8080)
    (told,) = _told(two, *_one(http_get("/r", 1)), port="b")
    assert told.field == "spec.ports[1]"


def test_a_check_that_somebody_else_has_the_last_word_on_does_not_surprise() -> None:
    """What is put on top, as by a BackendConfig, is what its owner wants."""
    quarrel = (_says("/a", "shop/a", ""), _says("/b", "shop/b", ""))
    for pods in (quarrel, _one(http_get("/r", 1)), _one({**http_get(), "timeoutSeconds": 900})):
        found = _asked(*pods)
        fields = ("path", "timeout_sec")
        origin = tuple((field, "backendconfig shop/web") for field in fields)
        other = msgspec.structs.replace(found.backend.check, path="/mine", origin=origin)
        mine = msgspec.structs.replace(found.backend, check=other)
        assert list(surprises(mine, found.facts, found.service, None)) == []


@pytest.mark.parametrize(
    ("live", "told"),
    [
        pytest.param(None, True, id="no check yet"),
        pytest.param(HttpCheck(request_path="/", port=30080), True, id="made by default"),
        pytest.param(HttpCheck(port=30080), True, id="with the API's own default"),
        pytest.param(HttpCheck(request_path="/mine"), False, id="somebody gave it a path"),
        pytest.param(HttpCheck(request_path="/", host="mine"), False, id="… or a host"),
    ],
)
def test_what_does_not_apply_to_the_check_that_exists_is_not_told(
    live: HttpCheck | None, told: bool
) -> None:
    found = _asked(*_one(http_get("/r", 1)))
    assert told == bool(list(surprises(found.backend, found.facts, found.service, live)))


def test_why_a_check_fails() -> None:
    none, probe = _asked().facts, http_get("/ready", httpHeaders=_header("Host"))
    asked = _asked(*_one(probe)).facts
    assert "redirects (3xx) and 4xx as well: answer 200 at /" in why_it_fails(none, "/")
    assert why_it_fails(none, "/x") == ""
    assert why_it_fails(asked, "/ready") == ""
    assert "readiness probes of its pods ask /ready of" in why_it_fails(asked, "/old")
    assert "answer 200 at /, or set healthCheck in a BackendConfig" in why_it_fails(asked, "/")


# From one translation to the next ----------------------------------------------------------------


def _random_pods(rng: random.Random) -> dict[str, Any]:
    made = [
        pod(
            f"{rng.choice(('shop', 'team'))}/p{rng.randrange(12)}",
            container("app", "8080", readiness=http_get(rng.choice(("/a", "/b")))),
            app=rng.choice(("web", "api", "none")),
            created=f"2026-01-0{rng.randrange(1, 4)}T00:00:00Z",
        )
        for _ in range(rng.randrange(12))
    ]
    return dict(snapshot_of(made).pods)


def _of(plain: Backend, *name: str) -> Backend:
    return msgspec.structs.replace(plain, service=ObjectRef("Service", *name), node_port=1)


def test_what_is_taken_over_changes_no_answer() -> None:
    services = [
        service(f"{ns}/{app}", "80->1", target=8080)
        for ns in ("shop", "team")
        for app in ("web", "api")
    ]
    services.append({**services[0], "metadata": {"namespace": "shop", "name": "all"}})
    services[-1]["spec"] = {**services[0]["spec"], "selector": {}}
    views = snapshot_of(services).services.values()
    plain = _asked().plain
    asked = [question(_of(plain, one.metadata.namespace, one.metadata.name), one) for one in views]
    rng, before, pods = random.Random(7), Answers(), {}
    for _ in range(300):
        other = _random_pods(rng)
        names = sorted({*pods, *other})
        both = {name: rng.choice((pods, pods, other)).get(name) for name in names}
        pods = {name: found for name, found in both.items() if found is not None}
        some = rng.sample(asked, rng.randrange(1, len(asked) + 1))
        before = answered(some, pods, before)
        assert before.facts == answered(some, pods, Answers()).facts


def test_pods_of_others_leave_an_answer_untouched() -> None:
    objects = (WEB, *(pod(f"shop/w{n}", APP) for n in range(3)))
    snapshot = snapshot_of(objects)
    plain = {KEY: _resolved(snapshot)}
    before = probed(plain, snapshot, Probed())

    def after(pods: Any) -> Checked:
        return probed(plain, msgspec.structs.replace(snapshot, pods=pods), before).backends[KEY]

    stranger = snapshot_of([pod("shop/x", APP, app="other"), pod("team/x", APP)]).pods
    assert after({**snapshot.pods, **stranger}) is before.backends[KEY]
    gone = {name: found for name, found in snapshot.pods.items() if name != "shop/w0"}
    assert after(gone).backend.check.origin_of("path").startswith("pod shop/w1 ")
