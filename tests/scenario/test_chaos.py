"""Random edits under random trouble: it converges, deletes nothing wanted, leaves nothing behind.

The seed is the test's id, so a failure can be told again.
"""

import copy
import os
import random
from collections.abc import Mapping
from typing import Any

import pytest

from fakes.build import endpoint, endpoint_slice, ingress, service
from fakes.clock import VirtualClock
from fakes.gce import Error, FailedOperation, Lag, LoseAnswer, Short, World
from glbc.model.calls import Call, Verb
from glbc.model.loadbalancer import FrontendNames
from glbc.naming import Scheme
from tests.scenario.meddling import Meddler, serving
from tests.support import pki
from tests.support.house import NAMER, PROJECT, House

EFFECTS = (
    Error(503),
    Error(403, "rateLimitExceeded"),
    Error(412, "conditionNotMet"),
    Error(400, "resourceNotReady"),
    Error(409, "operationInProgress"),
    Error(429, "rateLimitExceeded"),
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
    "*.aggregatedList",
    "*.setUrlMap",
    "*.attachNetworkEndpoints",
    "*.detachNetworkEndpoints",
    "*.listNetworkEndpoints",
    "*.update",
    "*",
)
ZONES = ("us-central1-a", "us-central1-b", "us-central1-c")


class Story:
    """What happens to one house; everything comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.house = House(seed=seed)
        self.services: dict[str, int] = {}  # of each its node port
        self.straight: set[str] = set()  # those whose pods are served without one
        self.nets = {"node-1": 0, "node-2": 1}  # of each instance that has been, whose pods' net
        self.ingresses: dict[str, dict[str, Any]] = {}
        self.nodes = {"node-1": ZONES[0], "node-2": ZONES[1]}
        self.made = 2
        self.lags = seed % 2 == 0
        self.dropped: set[str] = set()
        self.edited: set[str] = set()  # Ingresses of which a plan in flight may be out of date
        self.served: set[Any] = set()
        self.meddler = Meddler(self.house.gce, self.random)
        self.watch()
        self.rotate()
        self.house.apply(service("shop/dflt", "http=80->30000"))

    def trouble(self) -> None:
        effect = self.random.choice(EFFECTS)
        method = self.random.choice(METHODS)
        if self.lags and self.random.random() < 0.1:
            effect, method = Lag(self.random.choice([1, 30])), "*.list"
        if self.random.random() < 0.15:
            effect = Short(self.random.choice([1, 2, 3]))
            method = self.random.choice(["*.list", "*.aggregatedList"])
        skip, times = self.random.randrange(4), self.random.randrange(1, 5)
        self.house.gce.faults.add(method, effect, skip=skip, times=times)

    def act(self) -> None:
        self.random.choice(
            [
                self.put_service,
                self.put_service,
                self.put_pods,
                self.put_pods,
                self.toggle,
                self.put_ingress,
                self.put_ingress,
                self.drop_ingress,
                self.add_node,
                self.drop_node,
                self.resync,
                self.restart,
                self.sicken,
                self.meddler.edit,
                self.lose_a_zone,
                self.run_dry,
                self.rotate,
                self.drop_secret,
            ]
        )()

    def watch(self) -> None:
        """Look at what serves around each write of the controller."""
        self.house.cloud.before = self.look
        self.house.cloud.after = self.judge

    def look(self, call: Call) -> None:
        self.edited |= {name for name in self.ingresses if self.has_to_move(name)}
        self.served = serving(self.house.gce, self.wanted(), front)
        if call.verb is Verb.DELETE and not self.edited and self.house.loop.turn is not None:
            wanted = call.key in self.house.loop.turn.desired.graph
            assert not wanted, f"{call.key} is deleted and wanted"

    def has_to_move(self, name: str) -> bool:
        """Tell whether a rule was made while nobody knew that an address had been reserved for it.

        An Ingress that asked for TLS, then did not, then does, while answers were lost: HTTP and
        HTTPS can only share the address that is reserved, and a rule's is immutable.
        """
        names = front(name)
        reserved = [b for b in self.house.gce.resources("addresses") if b["name"] == names.address]
        rules = self.house.gce.resources("forwardingRules")
        return any(
            rule["name"] == names.http_rule and rule["IPAddress"] != reserved[0]["address"]
            for rule in rules
            if reserved
        )

    def judge(self, call: Call) -> None:
        """Let no write of the controller take away what an Ingress still wants."""
        wanted = self.wanted()
        now = serving(self.house.gce, wanted, front)
        lost = {one for one in self.served - now if one in self.right(wanted)}
        assert not lost, f"{call.verb} {call.key} took away {lost}"

    def wanted(self) -> dict[str, dict[str, Any]]:
        return {name: body for name, body in self.ingresses.items() if name not in self.edited}

    def right(self, wanted: dict[str, dict[str, Any]]) -> set[Any]:
        """Return the paths that are wanted, each with its backend."""
        found = set()
        for name, body in wanted.items():
            found.add((name, "", NAMER.backend(30000)))
            for rule in body["spec"].get("rules", ()):
                for row in rule["http"]["paths"]:
                    backend = self.backend(f"shop/{row['backend']['service']['name']}")
                    for path in (row["path"], f"{row['path']}/*"):
                        found.add((name, path, backend))
        return found

    def backend(self, name: str) -> str:
        """Return what the backend service of a Service is called."""
        if name in self.straight:
            return NAMER.neg(*name.split("/"), 80)
        return NAMER.backend(self.services.get(name, 30000))

    def lose_a_zone(self) -> None:
        """Let all calls of a zone fail, and the lists that need it, for a while; or end that."""
        faults = self.house.gce.faults
        ended = [fault for fault in faults.script if fault.times is None]
        if ended:
            faults.script = [fault for fault in faults.script if fault.times is not None]
            return
        faults.add("*", Error(503), scope=f"zones/{self.random.choice(ZONES)}", times=None)
        faults.add("*.aggregatedList", Error(503), times=None)

    def rotate(self) -> None:
        """Put another certificate into the Secret, whether it is there or not."""
        host = self.random.choice(["x.example.com", "y.example.com", "z.example.com"])
        self.house.apply(pki.secret("shop/tls", *pki.fixed_pair(host)))

    def drop_secret(self) -> None:
        if self.house.kube.get("Secret", "shop/tls"):
            self.house.kube.delete("Secret", "shop/tls")

    def run_dry(self) -> None:
        """Let the project's quota per minute be small, or not."""
        limits = self.house.gce.rates.per_minute
        if limits:
            limits.clear()
        else:
            limits.update(read=self.random.randint(5, 40), mutate=self.random.randint(1, 10))

    def sicken(self) -> None:
        """Let a backend fail, or answer again."""
        state = self.random.choice(["HEALTHY", "UNHEALTHY"])
        self.house.gce.health.set(state, port=self.random.choice([30000, *self.services.values()]))

    def put_service(self) -> None:
        name, port = f"shop/s{self.random.randrange(4)}", 30100 + self.random.randrange(40)
        if port not in self.services.values():
            if name in self.services:
                self.house.kube.delete("Service", name)
            self.services[name] = port
            self.straight.discard(name)
            if self.random.random() < 0.4:
                self.straight.add(name)
            self.show(name)

    def toggle(self) -> None:
        """Let a Service be served from its pods, or over nodes again."""
        if self.services:
            name = self.random.choice(sorted(self.services))
            self.straight ^= {name}
            self.show(name)

    def show(self, name: str) -> None:
        """Apply a Service, with slices if it is served from its pods."""
        made = service(name, f"80->{self.services[name]}", target=8080)
        if name in self.straight:
            made["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
            self.house.apply(endpoint_slice(f"{name}-x", name.partition("/")[2], [], "8080"))
        self.house.apply(made)
        self.edited |= self.ingresses.keys()

    def put_pods(self) -> None:
        """Put pods behind a Service: good ones, some that end, and one that the cloud refuses."""
        if self.straight:
            name = self.random.choice(sorted(self.straight))
            rows = [self.pod() for _ in range(self.random.randrange(6))]
            if self.random.random() < 0.2:
                rows.append(endpoint("192.168.0.9", self.random.choice(sorted(self.nodes))))
            self.slice(name, rows)

    def slice(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.house.apply(endpoint_slice(f"{name}-x", name.partition("/")[2], rows, "8080"))

    def pod(self) -> dict[str, Any]:
        node = self.random.choice(sorted(self.nodes))
        address = f"10.8.{self.nets[node]}.{self.random.randrange(2, 9)}"
        return endpoint(address, node, terminating=self.random.random() < 0.1)

    def mend(self) -> None:
        """Let no slice name a node that has gone, as it is when all controllers have had their time."""
        for one in self.house.kube.list("EndpointSlice"):
            rows = [row for row in one["endpoints"] if row["nodeName"] in self.nodes]
            self.house.apply({**one, "endpoints": rows})

    def undisturbed(self) -> House:
        """Return a house with the same cluster and an empty cloud, whose controller begins."""
        clock = VirtualClock(1_700_000_000.0)
        world = World(project=PROJECT, clock=clock)
        for number, (name, zone) in enumerate(self.nodes.items(), 1):
            world.seed_instance(
                name=name,
                zone=zone,
                tags=("node",),
                ip=f"10.0.1.{number}",
                alias_ranges=(f"10.8.{self.nets[name]}.0/24",),
            )
        kube = copy.deepcopy(self.house.kube)
        return House(seed=self.house.seed, kube=kube, gce=world, clock=clock)

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
        if self.random.random() < 0.4:
            body["spec"]["tls"] = [{"secretName": "tls"}]
        self.house.apply(body)
        self.ingresses[name] = body
        self.edited.add(name)
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
        self.nets[name] = len(self.house.kube.list("Node"))
        self.house.add_node(name, self.nodes[name])

    def drop_node(self) -> None:
        if len(self.nodes) > 1:
            name = self.random.choice(sorted(self.nodes))
            self.house.kube.delete("Node", name)
            del self.nodes[name]

    def step(self) -> None:
        self.house.loop.step()
        self.house.clock.advance(self.random.choice([0.0, 0.05, 0.6]))
        if not self.house.workers.waiting:
            self.edited.clear()
        for name in self.dropped:
            if self.house.ingress(name) is None:
                names = front(name)
                left = {names.url_map, names.http_proxy, names.http_rule} & {
                    body["name"]
                    for kind in ("urlMaps", "targetHttpProxies", "forwardingRules")
                    for body in self.house.gce.resources(kind)
                }
                assert not left, f"{name} has gone before {left}"

    def resync(self) -> None:
        self.house.loop.resync()

    def restart(self) -> None:
        self.house.start()
        self.watch()


def front(ingress: str) -> FrontendNames:
    """Return what an Ingress's front end is called."""
    return NAMER.frontend(Scheme.V2, *ingress.split("/"))


SEEDS = int(os.environ.get("GLBC_CHAOS_SEEDS", "50"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_it_comes_to_the_end_that_an_undisturbed_controller_comes_to(seed: int) -> None:
    tell(seed)


def tell(seed: int) -> None:
    """Live through one seed's trouble; what must hold, holds all the time and at the end."""
    story = Story(seed)
    for _ in range(20):
        story.trouble()
        story.act()
        for _ in range(story.random.randrange(30)):
            story.step()
    house = story.house
    house.gce.faults.clear()
    house.gce.rates.per_minute.clear()
    house.gce.health.set("HEALTHY")
    story.rotate()
    story.mend()
    house.clock.advance(120)
    house.loop.resync()  # what a list got wrong, and what others did, only a list can tell
    house.settle(patience=400)

    undisturbed = story.undisturbed()
    undisturbed.settle()
    assert [one for one in undisturbed.refused() if "attachNetworkEndpoints" not in one] == []
    theirs = story.meddler.fields()
    assert seen(undisturbed, theirs) == seen(house, theirs)
    story.meddler.check()

    for name in list(story.ingresses):
        house.kube.delete("Ingress", name)
        story.dropped.add(name)
    story.ingresses.clear()
    for _ in range(3000):
        story.step()
        if not house.kube.list("Ingress"):
            break
    house.settle(patience=400)
    assert [key for key in house.gce.dump() if "/k8s" in key] == []
    story.meddler.check()
    assert house.kube.list("Ingress") == []


def seen(house: House, theirs: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return what is ours, but for addresses and for port names that nothing uses any more.

    An address that was reserved once stays for as long as a rule has it.
    """
    state = {}
    for key, body in house.gce.dump().items():
        if "/k8s" in key and "/addresses/" not in key:
            left_out = {"IPAddress", "namedPorts"}
            if "/k8s1-" in key:
                left_out |= {"port", "portName"}  # of endpoint groups they mean nothing
            for place, fields in theirs.items():
                left_out |= fields if key.endswith(place) else set()
            state[key] = {k: v for k, v in body.items() if k not in left_out}
            if "backends" in body:
                state[key]["backends"] = sorted(map(str, body["backends"]))  # a set, in truth
            if "/networkEndpointGroups/" in key:
                state[key]["endpoints"] = sorted(map(str, body.get("endpoints", ())))
    return state
