"""Random edits under random trouble: it converges, deletes nothing wanted, leaves nothing behind.

The seed is the test's id, so a failure can be told again.
"""

import copy
import os
import random
from typing import Any

import pytest

from fakes.build import ingress, service
from fakes.gce import Error, FailedOperation, Lag, LoseAnswer
from glbc.naming import Scheme
from tests.support.house import NAMER, House

EFFECTS = (
    Error(503),
    Error(403, "rateLimitExceeded"),
    Error(412, "conditionNotMet"),
    Error(400, "resourceNotReady"),
    Error(409, "operationInProgress"),
    FailedOperation("INTERNAL_ERROR", http=500),
    FailedOperation("RESOURCE_NOT_READY"),
    LoseAnswer(acted=True),
    LoseAnswer(acted=False),
)
METHODS = (
    "*.insert",
    "*.patch",
    "*.delete",
    "*.get",
    "*.list",
    "*.setNamedPorts",
    "*.addInstances",
    "*.removeInstances",
    "*.listInstances",
    "*.wait",
)
ZONES = ("us-central1-a", "us-central1-b", "us-central1-c")
FOREIGN = {
    "healthChecks": {"type": "HTTP", "httpHealthCheck": {"port": 80}, "description": "mine"},
    "firewalls": {"network": "global/networks/default", "allowed": [{"IPProtocol": "tcp"}]},
}


class Story:
    """What happens to one house; everything comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.house = House(seed=seed)
        self.services: dict[str, int] = {}
        self.ingresses: dict[str, dict[str, Any]] = {}
        self.nodes = {"node-1": ZONES[0], "node-2": ZONES[1]}
        self.made = 2
        self.lags = seed % 2 == 0
        self.dropped: set[str] = set()
        for kind, body in FOREIGN.items():
            self.house.gce.seed(kind, "global", f"their-{kind.lower()}", body)
        self.house.apply(service("shop/dflt", "http=80->30000"))

    def trouble(self) -> None:
        effect = self.random.choice(EFFECTS)
        method = self.random.choice(METHODS)
        if self.lags and self.random.random() < 0.1:
            effect, method = Lag(self.random.choice([1, 30])), "*.list"
        skip, times = self.random.randrange(4), self.random.randrange(1, 5)
        self.house.gce.faults.add(method, effect, skip=skip, times=times)

    def act(self) -> None:
        self.random.choice(
            [
                self.put_service,
                self.put_service,
                self.put_ingress,
                self.put_ingress,
                self.drop_ingress,
                self.add_node,
                self.drop_node,
                self.resync,
                self.restart,
                self.sicken,
            ]
        )()

    def sicken(self) -> None:
        """Let a backend fail, or answer again."""
        state = self.random.choice(["HEALTHY", "UNHEALTHY"])
        self.house.gce.health.set(state, port=self.random.choice([30000, *self.services.values()]))

    def put_service(self) -> None:
        name, port = f"shop/s{self.random.randrange(4)}", 30100 + self.random.randrange(40)
        if port not in self.services.values():
            if name in self.services:
                self.house.kube.delete("Service", name)
            self.house.apply(service(name, f"80->{port}"))
            self.services[name] = port

    def put_ingress(self) -> None:
        name = f"shop/web-{self.random.randrange(3)}"
        if name not in self.ingresses and self.house.ingress(name):
            return  # the old one is still on its way out
        targets = [*self.services] or ["shop/dflt"]
        paths = [
            (f"/{letter}", f"{self.random.choice(targets).partition('/')[2]}:80")
            for letter in self.random.sample("abcd", self.random.randrange(4))
        ]
        body = ingress(name, {"x.example.com": paths} if paths else None, default="dflt:http")
        self.house.apply(body)
        self.ingresses[name] = body
        self.dropped.discard(name)

    def drop_ingress(self) -> None:
        if self.ingresses:
            name = self.random.choice(sorted(self.ingresses))
            self.house.kube.delete("Ingress", name)
            del self.ingresses[name]
            self.dropped.add(name)

    def add_node(self) -> None:
        self.made += 1
        name = f"node-{self.made}"
        self.nodes[name] = self.random.choice(ZONES)
        self.house.add_node(name, self.nodes[name])

    def drop_node(self) -> None:
        if len(self.nodes) > 1:
            name = self.random.choice(sorted(self.nodes))
            self.house.kube.delete("Node", name)
            del self.nodes[name]

    def step(self) -> None:
        self.house.loop.step()
        self.house.clock.advance(self.random.choice([0.0, 0.05, 0.6]))
        for name in self.dropped:
            if self.house.ingress(name) is None:
                namespace, _, own = name.partition("/")
                front = NAMER.frontend(Scheme.V2, namespace, own)
                left = {front.url_map, front.http_proxy, front.http_rule} & {
                    body["name"]
                    for kind in ("urlMaps", "targetHttpProxies", "forwardingRules")
                    for body in self.house.gce.resources(kind)
                }
                assert not left, f"{name} has gone before {left}"

    def resync(self) -> None:
        self.house.loop.resync()

    def restart(self) -> None:
        self.house.start()


SEEDS = int(os.environ.get("GLBC_CHAOS_SEEDS", "60"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_it_comes_to_the_end_that_an_undisturbed_controller_comes_to(seed: int) -> None:
    story = Story(seed)
    for _ in range(12):
        story.trouble()
        story.act()
        for _ in range(story.random.randrange(12)):
            story.step()
    house = story.house
    house.gce.faults.clear()
    house.gce.health.set("HEALTHY")
    house.clock.advance(120)
    if story.lags:  # a list that lied can only be mended by a list
        house.loop.resync()
    house.settle(patience=400)

    undisturbed = House(seed=seed, kube=copy.deepcopy(house.kube), nodes=story.nodes)
    undisturbed.settle()
    assert undisturbed.refused() == []
    assert seen(undisturbed) == seen(house)
    for kind in FOREIGN:
        assert house.body(kind, f"their-{kind.lower()}")

    for name in list(story.ingresses):
        house.kube.delete("Ingress", name)
        story.dropped.add(name)
    for _ in range(3000):
        story.step()
        if not house.kube.list("Ingress"):
            break
    house.settle(patience=400)
    assert not {k: v for k, v in house.ours().items() if k not in FOREIGN}
    assert [f"their-{kind.lower()}" for kind in FOREIGN] == [
        name for kind in FOREIGN for name in house.names(kind)
    ]
    assert house.kube.list("Ingress") == []


def seen(house: House) -> dict[str, Any]:
    """Return what is ours, but for addresses and for port names that nothing uses any more."""
    state = {}
    for key, body in house.gce.dump().items():
        if "/k8s" in key:
            kept = {k: v for k, v in body.items() if k not in {"IPAddress", "namedPorts"}}
            state[key] = kept
    return state
