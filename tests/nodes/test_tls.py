"""Pods that serve HTTPS, probes that speak it, and what a front end makes of both."""

import asyncio
import socket
import ssl

import httpx
import pytest
from cryptography import x509

from fakes.edge import Edge
from fakes.gce import Request as Call
from fakes.nodes.door import listen
from fakes.nodes.probe import Probe
from fakes.nodes.tls import server_context
from fakes.nodes.web import Answer, Request, Server
from tests.nodes.house import House, deployment, web

TLS = {"ECHO_TLS_PORTS": "8443"}
READY = {"path": "/ready", "port": 8443, "scheme": "HTTPS"}


def secured(name="echo", *, get=None, **env) -> dict:
    """Return a Deployment whose container serves HTTP on 8080 and HTTPS on 8443."""
    probe = {"httpGet": get, "periodSeconds": 2, "failureThreshold": 1} if get else None
    made = deployment(name, 1, env=TLS | env, probe=probe)
    container = made["spec"]["template"]["spec"]["containers"][0]
    container["ports"] = [{"containerPort": 8080}, {"containerPort": 8443}]
    return made


def address(home: House, app: str = "echo") -> str:
    (pod,) = home.pods(app).values()
    return pod["status"].get("podIP", "")


def told(url: str, seconds: float = 10) -> dict:
    with httpx.Client(verify=False, trust_env=False, timeout=seconds) as client:  # noqa: S501
        return client.get(url, headers={"accept": "application/json"}).json()


def test_a_container_serves_https_on_the_ports_that_it_is_told(home: House):
    home.apply(secured())
    home.until(home.ready, "it is ready")
    pod = address(home)
    assert told(f"https://{pod}:8443/a")["scheme"] == "https"
    assert told(f"http://{pod}:8080/a")["scheme"] == "http"
    with pytest.raises(httpx.TransportError):
        told(f"http://{pod}:8443/a")
    with pytest.raises(httpx.TransportError):
        told(f"https://{pod}:8080/a", seconds=1)
    shown = x509.load_pem_x509_certificate(ssl.get_server_certificate((pod, 8443)).encode())
    assert shown.subject == shown.issuer


def test_who_knocks_without_tls_holds_nobody_up(home: House):
    home.apply(secured())
    home.until(home.ready, "it is ready")
    pod = address(home)
    for said in (b"", b"GET / HTTP/1.0\r\n\r\n"):
        with socket.create_connection((pod, 8443)) as knocking:
            knocking.sendall(said)
            assert told(f"https://{pod}:8443/a")["scheme"] == "https"
    with socket.create_connection((pod, 8443)):
        home.kubectl("delete", "deployment/echo")
        home.until(lambda: not home.kube.list("Pod"), "the Pod has gone")


def test_a_pod_is_ready_once_its_https_probe_has_passed(home: House):
    plain = {name: value for name, value in READY.items() if name != "scheme"}
    home.apply(secured("good", get=READY), secured("bad", get=plain))
    home.until(lambda: home.ready("good"), "who is probed as it serves is ready")
    home.until(lambda: home.pods("bad") and address(home, "bad"), "the other runs")
    assert home.ready("bad") == set()
    (name,) = home.pods("good")
    home.nodes.ask("POST", f"pods/default/{name}", {"ready": False})
    home.until(lambda: not home.ready("good"), "it is ready no more")


@pytest.mark.parametrize("tls", [False, True], ids=["HTTP", "HTTPS"])
@pytest.mark.parametrize(
    ("headers", "host"),
    [
        pytest.param([], "127.0.0.1:{port}", id="no header"),
        pytest.param([{"name": "Host", "value": "a.test"}], "a.test", id="Host"),
        pytest.param([{"name": "hOST", "value": "a.test"}], "a.test", id="Host, otherwise spelled"),
    ],
)
def test_a_probe_asks_as_it_is_written(tls, headers, host):
    async def probed() -> tuple[bool, Request, int]:
        seen: list[Request] = []

        def answer(request: Request) -> Answer:
            seen.append(request)
            return Answer(200)

        server = Server(answer)
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        server.start(listener, server_context() if tls else None)
        get = {"path": "/well", "port": port, "httpHeaders": headers}
        probe = Probe({"httpGet": get | ({"scheme": "HTTPS"} if tls else {})}, {}, "127.0.0.1", 1)
        passed = await probe.check()
        server.abort()
        return passed, *seen, port

    passed, request, port = asyncio.run(probed())
    assert passed
    assert (request.scheme, request.path) == ("https" if tls else "http", "/well")
    hosts = [value for name, value in request.headers if name == "host"]
    assert hosts == [host.format(port=port)]


@pytest.mark.parametrize(
    ("status", "location"),
    [pytest.param("302", "/login", id="a redirect"), pytest.param("404", None, id="not found")],
)
def test_a_container_answers_at_its_root_what_it_is_told(home: House, status, location):
    home.apply(deployment(replicas=1, env={"ECHO_ROOT_STATUS": status}), web())
    home.until(lambda: home.who(f"{home.base()}/a"), "it answers")
    answers = [home.get(home.base() + path) for path in ("/", "/?a", "/a", "/healthz")]
    assert [answer.status_code for answer in answers] == [int(status)] * 2 + [200] * 2
    assert answers[0].headers.get("location") == location


def code(url: str) -> int:
    """Return the status of an answer, 0 where nobody listens yet."""
    try:
        return httpx.get(url, trust_env=False, timeout=10).status_code
    except httpx.TransportError:
        return 0


# -- with a front end -------------------------------------------------------------------------

ZONE = "zones/us-central1-a"
CHECKERS = ["130.211.0.0/22", "35.191.0.0/16"]


class Front:
    """A load balancer in front of node-1, whose backend service and health check vary."""

    def __init__(self, home: House) -> None:
        self.home = home
        self.insert(
            "global/firewalls", "fw", sourceRanges=CHECKERS, allowed=[{"IPProtocol": "tcp"}]
        )
        self.insert(f"{ZONE}/instanceGroups", "ig", namedPorts=[{"name": "web", "port": self.port}])
        members = {"instances": [{"instance": f"{ZONE}/instances/node-1"}]}
        self.do("POST", f"{ZONE}/instanceGroups/ig/addInstances", members)

    @property
    def port(self) -> int:
        return self.home.node_port()

    def do(self, method: str, path: str, body: dict) -> dict:
        base = "/compute/v1/projects/demo/"
        answer = self.home.gce.handle(Call(method, base + path, {}, body))
        assert answer.status == 200, answer.body
        link = answer.body["selfLink"].partition("/compute/v1/projects/demo/")[2]
        done = self.home.gce.handle(Call("POST", f"{base}{link}/wait")).body
        assert "error" not in done, done
        return done

    def insert(self, collection: str, name: str, **body) -> None:
        self.do("POST", collection, {"name": name, **body})

    def backend(self, name: str, protocol: str, kind: str, path: str) -> str:
        """Make a load balancer of one backend service; return its address."""
        block = {"port": self.port, "requestPath": path}
        once = {"healthyThreshold": 1, "unhealthyThreshold": 1}
        self.insert(
            "global/healthChecks", name, type=kind, **{f"{kind.lower()}HealthCheck": block}, **once
        )
        row = {"group": f"{ZONE}/instanceGroups/ig", "balancingMode": "RATE"}
        self.insert(
            "global/backendServices",
            name,
            protocol=protocol,
            portName="web",
            healthChecks=[f"global/healthChecks/{name}"],
            backends=[row | {"maxRatePerInstance": 1}],
        )
        self.insert("global/urlMaps", name, defaultService=f"global/backendServices/{name}")
        self.insert("global/targetHttpProxies", name, urlMap=f"global/urlMaps/{name}")
        target = f"global/targetHttpProxies/{name}"
        self.insert("global/forwardingRules", name, target=target, portRange="80")
        (rule,) = [row for row in self.home.gce.resources("forwardingRules") if row["name"] == name]
        return rule["IPAddress"]


def test_a_front_end_reaches_https_pods_by_https(home: House, edge: Edge):
    made = web()
    made["spec"]["ports"][0]["targetPort"] = 8443
    home.apply(secured(get=READY), made)
    home.until(home.ready, "it is ready")
    front = Front(home)
    bad = front.backend("bad", "HTTPS", "HTTP", "/ready")  # its probes speak plain HTTP to TLS
    good = front.backend("good", "HTTPS", "HTTPS", "/ready")
    url = f"http://{good}:{edge.port(80)}/a"
    home.until(lambda: code(url) == 200, "requests arrive")
    assert told(url)["scheme"] == "https"
    assert code(f"http://{bad}:{edge.port(80)}/a") == 502


@pytest.mark.parametrize("status", ["302", "404"])
def test_a_health_check_of_a_root_that_answers_otherwise_fails(home: House, edge: Edge, status):
    home.apply(deployment(replicas=1, env={"ECHO_ROOT_STATUS": status}), web())
    home.until(home.ready, "it is ready")
    front = Front(home)
    root = front.backend("root", "HTTP", "HTTP", "/")
    well = front.backend("well", "HTTP", "HTTP", "/healthz")
    home.until(lambda: code(f"http://{well}:{edge.port(80)}/a") == 200, "another path is well")
    assert code(f"http://{root}:{edge.port(80)}/a") == 502
