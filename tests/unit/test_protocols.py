"""What a Service port speaks: the annotations, appProtocol where they are silent, what is live."""

from typing import Any

import pytest
from msgspec import UNSET

from fakes import build
from glbc.engine.hints import hints_of
from glbc.model import compute
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Observed, Ownership
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.loadbalancer import Backend
from glbc.model.views import Hints, Service
from glbc.naming import Namer
from glbc.translate.annotations import APP_PROTOCOLS, APP_PROTOCOLS_ALPHA
from glbc.translate.desired import translate
from glbc.translate.lower import backend_description
from glbc.translate.protocols import BadProtocolError, spoken, with_protocol
from tests.golden.cases import KUBE_SYSTEM, UID, config_of, snapshot_of

NAMER = Namer(UID, KUBE_SYSTEM)
USER = ObjectRef("Ingress", "shop", "web")


def _manifest(annotations: dict[str, str] | None = None, app_protocol: str = "") -> dict[str, Any]:
    manifest = build.service("shop/web", "web=443->30443", "api=8443->30444")
    manifest["metadata"]["annotations"] = annotations or {}
    if app_protocol:
        manifest["spec"]["ports"][0]["appProtocol"] = app_protocol
    return manifest


def _service(annotations: dict[str, str] | None = None, app_protocol: str = "") -> Service:
    return snapshot_of([_manifest(annotations, app_protocol)]).services["shop/web"]


def _spoken(service: Service, live: str | None = None) -> tuple[str, bool, str]:
    found = spoken(service, (service.spec.ports or ())[0], live)
    return found.protocol, found.asked, found.odd.reason if found.odd else ""


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, ("HTTP", True, ""), id="nothing said is HTTP"),
        pytest.param({APP_PROTOCOLS: '{"web":"HTTPS"}'}, ("HTTPS", True, ""), id="HTTPS"),
        pytest.param({APP_PROTOCOLS: '{"web":"HTTP2"}'}, ("HTTP2", True, ""), id="HTTP2"),
        pytest.param({APP_PROTOCOLS: '{"api":"HTTPS"}'}, ("HTTP", True, ""), id="another port's"),
        pytest.param(
            {APP_PROTOCOLS: '{"443":"HTTPS"}'},
            ("HTTP", True, "AppProtocolIgnored"),
            id="a number is no name",
        ),
        pytest.param(
            {APP_PROTOCOLS_ALPHA: '{"web":"HTTP2"}', APP_PROTOCOLS: '{"web":"HTTPS"}'},
            ("HTTP2", True, ""),
            id="the alpha key wins",
        ),
        pytest.param(
            {APP_PROTOCOLS_ALPHA: "{}", APP_PROTOCOLS: '{"web":"HTTPS"}'},
            ("HTTP", True, ""),
            id="the alpha key wins, even empty",
        ),
        pytest.param({APP_PROTOCOLS: "null"}, ("HTTP", True, ""), id="null is empty, as in Go"),
        pytest.param(
            {APP_PROTOCOLS: '{"web":"HTTPS","api":"gopher"}'},
            ("HTTPS", True, ""),
            id="a mistake at another port",
        ),
    ],
)
def test_the_annotation_says_what_a_port_speaks(
    annotations: dict[str, str], expected: tuple[str, bool, str]
) -> None:
    assert expected == _spoken(_service(annotations))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "is not a JSON object", id="nothing"),
        pytest.param("{web: HTTPS}", "is not a JSON object", id="no JSON"),
        pytest.param('["HTTPS"]', "is not a JSON object", id="a list"),
        pytest.param("[" * 100_000, "is not a JSON object", id="a deep list"),
        pytest.param('{"web":"https"}', "gives port web the protocol 'https'", id="lower case"),
        pytest.param('{"web":"GRPC"}', "gives port web the protocol 'GRPC'", id="another one"),
        pytest.param('{"web":null}', "gives port web the protocol None", id="null"),
        pytest.param('{"web":["HTTP"]}', "gives port web the protocol ['HTTP']", id="nested"),
    ],
)
@pytest.mark.parametrize("key", [APP_PROTOCOLS, APP_PROTOCOLS_ALPHA])
def test_a_bad_annotation_is_refused(key: str, text: str, says: str) -> None:
    with pytest.raises(BadProtocolError) as raised:
        _spoken(_service({key: text}))
    assert f"service shop/web: annotation {key} {says}" in str(raised.value)
    assert "HTTPS" in raised.value.hint


@pytest.mark.parametrize(
    ("app_protocol", "live", "expected"),
    [
        pytest.param("http", None, ("HTTP", False, ""), id="http"),
        pytest.param("https", None, ("HTTPS", False, ""), id="https"),
        pytest.param("HTTPS", None, ("HTTPS", False, ""), id="IANA names have no case"),
        pytest.param("HTTP2", None, ("HTTP2", False, ""), id="HTTP2, as on GKE"),
        pytest.param("kubernetes.io/ws", None, ("HTTP", False, ""), id="WebSocket"),
        pytest.param("kubernetes.io/wss", None, ("HTTPS", False, ""), id="WebSocket over TLS"),
        pytest.param(
            "kubernetes.io/h2c", None, ("HTTP", False, "AppProtocolIgnored"), id="HTTP/2 in clear"
        ),
        pytest.param("grpc", None, ("HTTP", True, ""), id="not ours to read"),
        pytest.param("example.com/own", None, ("HTTP", True, ""), id="somebody's own"),
        pytest.param("https", "HTTPS", ("HTTPS", False, ""), id="live and the same"),
        pytest.param(
            "https", "HTTP", ("HTTP", False, "AppProtocolIgnored"), id="live and different stays"
        ),
        pytest.param(
            "http", "HTTP2", ("HTTP2", False, "AppProtocolIgnored"), id="whatever it speaks"
        ),
        pytest.param(
            "http", "TCP", ("HTTP", False, "AppProtocolIgnored"), id="but no front end's protocol"
        ),
        pytest.param("grpc", "HTTPS", ("HTTP", True, ""), id="nothing said corrects what is live"),
    ],
)
def test_app_protocol_says_what_a_new_backend_begins_with(
    app_protocol: str, live: str | None, expected: tuple[str, bool, str]
) -> None:
    assert expected == _spoken(_service(app_protocol=app_protocol), live)


def test_the_annotation_wins_over_app_protocol_and_what_is_live() -> None:
    service = _service({APP_PROTOCOLS: '{"web":"HTTP2"}'}, "https")
    assert _spoken(service, "HTTP") == ("HTTP2", True, "")


def test_findings_are_on_the_ingress_and_name_the_service() -> None:
    backend = Backend(
        service=ObjectRef("Service", "shop", "web"),
        port_name="web",
        port_number=0,
        node_port=30443,
        protocol="HTTP",
        origin="here",
    )
    snapshot = snapshot_of([_manifest(app_protocol="kubernetes.io/h2c")])
    found, odd = with_protocol(backend, USER, "here", snapshot, None)
    assert isinstance(found, Backend)
    assert found.protocol_origin == "service shop/web spec.ports[web].appProtocol"
    assert isinstance(odd, Finding)
    assert (odd.object, odd.field, odd.severity) == (USER, "here", Severity.NOTE)
    snapshot = snapshot_of([_manifest({APP_PROTOCOLS: "HTTPS"})])
    bad, odd = with_protocol(backend, USER, "here", snapshot, None)
    assert isinstance(bad, Finding)
    assert (bad.reason, odd) == ("BadAppProtocol", None)


@pytest.mark.parametrize(
    ("protocol", "block"),
    [
        ("HTTP", "http_health_check"),
        ("HTTPS", "https_health_check"),
        ("HTTP2", "http2_health_check"),
    ],
)
def test_the_health_check_speaks_what_the_backend_speaks(protocol: str, block: str) -> None:
    manifest = _manifest({APP_PROTOCOLS: f'{{"web":"{protocol}"}}'})
    snapshot = snapshot_of([manifest, build.ingress("shop/web", default="web:web")])
    desired = translate(snapshot, Hints(), NAMER, config_of())
    key = ResourceKey("p", Kind.HEALTH_CHECK, GLOBAL, NAMER.backend(30443))
    check = desired.graph[key].spec
    assert isinstance(check, compute.HealthCheck)
    assert check.type == protocol
    given = compute.HttpCheck(port=30443, request_path="/")
    for name in ("http_health_check", "https_health_check", "http2_health_check"):
        assert getattr(check, name) == (given if name == block else UNSET)


def test_http2_is_a_feature_in_the_description_as_upstream_writes_it() -> None:
    backend = Backend(
        service=ObjectRef("Service", "shop", "web"),
        port_name="web",
        port_number=0,
        node_port=30443,
        protocol="HTTP2",
        origin="here",
    )
    assert backend_description(backend) == (
        '{"kubernetes.io/service-name":"shop/web",'
        '"kubernetes.io/service-port":"\\u0026ServiceBackendPort{Name:web,Number:0,}",'
        '"x-features":["HTTP2"]}'
    )


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        pytest.param({}, {}, id="nothing is there"),
        pytest.param(
            {Kind.BACKEND_SERVICE: compute.BackendService(protocol="HTTPS")},
            {"be": "HTTPS"},
            id="a backend service",
        ),
        pytest.param(
            {Kind.HEALTH_CHECK: compute.HealthCheck(type="HTTP2")},
            {"be": "HTTP2"},
            id="a check whose backend service nobody could list",
        ),
        pytest.param(
            {
                Kind.BACKEND_SERVICE: compute.BackendService(protocol="HTTP"),
                Kind.HEALTH_CHECK: compute.HealthCheck(type="HTTPS"),
            },
            {"be": "HTTP"},
            id="a check that somebody made to speak something else",
        ),
    ],
)
def test_what_is_live_is_learned_from_the_backend_service_else_from_its_check(
    specs: dict[Kind, compute.Spec], expected: dict[str, str]
) -> None:
    nodes = [
        Observed(key=ResourceKey("p", kind, GLOBAL, "be"), spec=spec, ownership=Ownership.OWNED)
        for kind, spec in specs.items()
    ]
    found = hints_of(nodes, (), {}).protocols
    assert expected == {key.name: protocol for key, protocol in found.items()}
    assert {key.kind for key in found} <= {Kind.BACKEND_SERVICE}
