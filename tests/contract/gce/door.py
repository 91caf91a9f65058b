"""The two doors of the fake cloud as one thing to test through.

Every answer is checked against Google's schema on its way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from fakes.gce import Request, Response, World
from tests.contract.gce.schema import problems

ROOT = "/compute/v1/projects/demo/"
URL = "https://www.googleapis.com/compute/v1/projects/demo/"
ZONE = "zones/us-central1-a"
REGION = "regions/us-central1"


@dataclass(frozen=True)
class Refusal:
    """How a call was refused."""

    status: int
    reason: str
    message: str

    @property
    def why(self) -> tuple[int, str]:
        return self.status, self.reason


@dataclass(frozen=True)
class Door:
    """Calls with paths behind `projects/PROJECT/`."""

    world: World
    send: Callable[[Request], Response]
    project: str = "demo"

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Response:
        root = ROOT.replace("/demo/", f"/{self.project}/")
        answer = self.send(Request(method, root + path, query, body))
        last = self.world.journal.calls[-1]
        if answer.status == 200:
            assert problems(last.method, answer.body) == []
        return answer

    def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self.call("GET", path, **query)
        assert answer.status == 200, answer.body
        return answer.body

    def post(self, path: str, body: Any, **query: str) -> dict[str, Any]:
        """Call a POST that is not a mutation."""
        answer = self.call("POST", path, body, **query)
        assert answer.status == 200, answer.body
        return answer.body

    def start(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Begin a mutation; return its operation."""
        answer = self.call(method, path, body, **query)
        assert answer.status == 200, answer.body
        return answer.body

    def wait(self, operation: dict[str, Any]) -> dict[str, Any]:
        path = operation["selfLink"].removeprefix(URL.replace("/demo/", f"/{self.project}/"))
        answer = self.call("POST", f"{path}/wait")
        assert answer.status == 200, answer.body
        assert answer.body["status"] == "DONE"
        return answer.body

    def do(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Carry a mutation through; return the finished operation."""
        done = self.wait(self.start(method, path, body, **query))
        assert "error" not in done, done
        return done

    def insert(self, collection: str, name: str, /, **body: Any) -> dict[str, Any]:
        """Insert a resource; return it as it reads afterwards."""
        self.do("POST", collection, {"name": name, **body})
        return self.get(f"{collection}/{name}")

    def refused(self, method: str, path: str, body: Any = None, **query: str) -> Refusal:
        answer = self.call(method, path, body, **query)
        assert answer.status >= 400, answer.body
        error = answer.body["error"]
        assert error["code"] == answer.status
        assert error["errors"][0]["message"] == error["message"]
        return Refusal(answer.status, error["errors"][0]["reason"], error["message"])

    def fake(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        answer = self.send(Request(method, f"/_fake/{path}", query, body))
        assert answer.status == 200, answer.body
        return answer.body


def over_http(world: World, client: httpx.Client) -> Door:
    """Return the door to a world that a client is connected to."""

    def send(call: Request) -> Response:
        answer = client.request(
            call.method,
            call.path,
            params=dict(call.query),
            headers={"authorization": f"Bearer {call.caller}"} if call.caller else {},
            **({} if call.body is None else {"json": call.body}),
        )
        assert answer.headers["content-type"] == "application/json; charset=UTF-8"
        return Response(answer.status_code, answer.json())

    return Door(world, send)


def chain(door: Door) -> None:
    """Build a load balancer: node-1, ig, hc, be, um, tp and (on port 80) fr."""
    door.world.seed_instance("node-1", "us-central1-a", tags=["nodes"], ip="10.128.0.5")
    door.insert(f"{ZONE}/instanceGroups", "ig", namedPorts=[{"name": "http", "port": 30080}])
    members = {"instances": [{"instance": f"{ZONE}/instances/node-1"}]}
    door.do("POST", f"{ZONE}/instanceGroups/ig/addInstances", members)
    door.insert("global/healthChecks", "hc", type="HTTP")
    backend = {"group": f"{ZONE}/instanceGroups/ig", "balancingMode": "RATE"}
    door.insert(
        "global/backendServices",
        "be",
        healthChecks=["global/healthChecks/hc"],
        backends=[backend | {"maxRatePerInstance": 1}],
    )
    door.insert("global/urlMaps", "um", defaultService="global/backendServices/be")
    door.insert("global/targetHttpProxies", "tp", urlMap="global/urlMaps/um")
    target = "global/targetHttpProxies/tp"
    door.insert("global/forwardingRules", "fr", target=target, portRange="80")
