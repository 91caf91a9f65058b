"""10 000 pods behind load balancers, some of which change: what is sent, how soon, and what a turn takes.

The loop is the real one; the cloud is the fake's in-process door, and the cluster hands over ready
views, as the watches do. Prints JSON rows.
"""

import json
import logging
import math
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from fakes.build import endpoint, endpoint_slice, ingress, node, service
from fakes.clock import VirtualClock
from fakes.gce import World
from glbc.config import Config
from glbc.engine.executor import JOINING, Runner
from glbc.engine.jobs import ActionJob, Job, Outcome
from glbc.engine.loop import Loop
from glbc.engine.ports import Clock
from glbc.model.calls import Call, Verb, Write
from glbc.model.views import VIEWS, EndpointSlice, Snapshot
from glbc.naming import Namer
from glbc.plan.planner import Op, plan
from glbc.translate.desired import translate
from tests.support.house import InProcessCloud

ZONES = ("us-central1-a", "us-central1-b", "us-central1-c")
SERVICES, NODES, PODS, SLICE = 50, 30, 10_000, 100
CHURN = 0.05
BATCH = JOINING["network_endpoints"].batch
FINALIZER = "networking.gke.io/ingress-finalizer-V2"
MOVES = (Verb.ATTACH_ENDPOINTS, Verb.DETACH_ENDPOINTS)


class Cluster:
    """The Cluster port with ready views: what is written to it is let pass."""

    def __init__(self, seen: Snapshot) -> None:
        self.seen = seen

    def snapshot(self) -> Snapshot:
        """Return what is to be seen."""
        return self.seen

    def want_credentials(self, names: object) -> None:
        """Need none."""

    def change(self, slices: Mapping[str, EndpointSlice]) -> None:
        """Show these slices in place of what they were."""
        both = {**self.seen.endpoint_slices, **slices}
        self.seen = msgspec.structs.replace(self.seen, endpoint_slices=both)


class Workers:
    """Runs what is started when it is asked for: all at once, or one outcome a turn."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.jobs: list[Job] = []
        self.writes: list[Write] = []
        self.one_by_one = False
        self.first_move: float | None = None  # when the first endpoints were on their way

    def start(self, job: Job) -> None:
        """Note the job."""
        if self.first_move is None and isinstance(job, ActionJob) and job.action.op is Op.UPDATE:
            self.first_move = time.perf_counter()
        self.jobs.append(job)

    def publish(self, write: Write) -> None:
        """Note the write."""
        self.writes.append(write)

    def drain(self) -> list[Outcome]:
        """Run what was started."""
        many = 1 if self.one_by_one else len(self.jobs)
        jobs, self.jobs = self.jobs[:many], self.jobs[many:]
        return [self.runner.run(job) for job in jobs]

    def drain_writes(self) -> list[tuple[Write, None]]:
        """Say that all went well."""
        writes, self.writes = self.writes, []
        return [(write, None) for write in writes]


class Site:
    """A cluster, a cloud and the loop between."""

    def __init__(self, services: int = SERVICES, pods: int = PODS) -> None:
        """Serve the Services, each with its part of the pods."""
        self.services, self.each = services, pods // services
        self.born = [self.each] * services  # how many pods of a Service there have been
        self.clock: Clock = VirtualClock(1_700_000_000.0)
        self.world = World(project="demo", clock=self.clock)
        self.config = Config(project="demo", node_tags=("node",), default_backend_service="")
        self.namer = Namer("16f2a1b3c4d5e6f7", "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11")
        for number in range(NODES):
            self.world.seed_instance(
                name=f"node-{number}",
                zone=ZONES[number % 3],
                tags=("node",),
                ip=f"10.0.0.{number + 1}",
                alias_ranges=(f"10.{number + 1}.0.0/16",),
            )
        self.cluster = Cluster(self._seen())
        self.cloud = InProcessCloud(self.world)
        self.workers = Workers(Runner(self.cloud, self.clock))
        self.loop = Loop(self.config, self.namer, self.cluster, self.workers, self.clock)  # type: ignore[arg-type]
        self.settle()
        self.cloud.writes.clear()

    def _seen(self) -> Snapshot:
        views: dict[str, dict[str, Any]] = {kind: {} for kind in VIEWS}
        for n in range(NODES):
            self._show(views, node(f"node-{n}", ZONES[n % 3]))
        for n in range(self.services):
            made = service(f"bench/s{n}", "80", kind="ClusterIP", target=8080)
            made["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
            self._show(views, made)
            web = ingress(f"bench/web-{n}", default=f"s{n}:80")
            self._show(views, {**web, "metadata": {**web["metadata"], "finalizers": [FINALIZER]}})
            for one in self.slices_of(n, range(self.each)):
                self._show(views, one)
        return Snapshot(
            ingresses=views["Ingress"],
            services=views["Service"],
            nodes=views["Node"],
            endpoint_slices=views["EndpointSlice"],
            complete=frozenset(VIEWS),
        )

    @staticmethod
    def _show(views: dict[str, dict[str, Any]], obj: Mapping[str, Any]) -> None:
        name = "/".join(filter(None, (obj["metadata"].get("namespace"), obj["metadata"]["name"])))
        views[obj["kind"]][name] = msgspec.convert(obj, VIEWS[obj["kind"]])

    def slices_of(self, number: int, pods: "range | list[int]") -> list[dict[str, Any]]:
        """Return the slices of a Service with these of its pods."""
        rows = [
            endpoint(f"10.{n % NODES + 1}.{number}.{n // NODES % 250 + 1}", f"node-{n % NODES}")
            for n in pods
        ]
        return [
            endpoint_slice(f"bench/s{number}-{at}", f"s{number}", rows[at : at + SLICE], "8080")
            for at in range(0, len(rows), SLICE)
        ]

    def settle(self) -> None:
        """Take turns until nothing is to be done."""
        while self.loop.step() or self.workers.jobs or self.workers.writes:
            pass

    def churn(self, number: int, share: float = CHURN) -> dict[str, EndpointSlice]:
        """Return the slices of a Service of whose pods a share has gone, and as many have come."""
        gone = round(self.each * share)
        old = self.born[number] - self.each
        self.born[number] += gone
        views: dict[str, dict[str, Any]] = {"EndpointSlice": {}}
        for one in self.slices_of(number, range(old + gone, old + gone + self.each)):
            self._show(views, one)
        return views["EndpointSlice"]

    def least(self, share: float = CHURN) -> int:
        """Return how many calls it takes at least: of each group and direction, ⌈changes ÷ batch⌉."""
        gone = round(self.each * share)
        calls = 0
        for number in range(self.services):
            old = self.born[number] - self.each
            for first in (old, old + self.each):
                zones = Counter(n % NODES % 3 for n in range(first, first + gone))
                calls += sum(math.ceil(many / BATCH) for many in zones.values())
        return calls


def moves(calls: list[Call]) -> list[Call]:
    """Return the calls that attach or detach."""
    return [call for call in calls if call.verb in MOVES]


def milliseconds(began: float) -> float:
    """Return the time since then."""
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    site = Site()
    least = site.least()
    site.cluster.change({k: v for n in range(SERVICES) for k, v in site.churn(n).items()})
    site.workers.one_by_one = True
    began, turns = time.perf_counter(), 0
    while site.loop.step() or site.workers.jobs:
        turns += 1
    whole = milliseconds(began)
    sent = list(site.cloud.writes)
    site.workers.one_by_one = False
    soon, full = [], []
    for number in range(SERVICES):
        changed = site.churn(number, 1 / site.each)
        seen, desired = site.cluster.seen, site.loop.turn.desired  # type: ignore[union-attr]
        now = msgspec.structs.replace(seen, endpoint_slices={**seen.endpoint_slices, **changed})
        hints = site.loop._translated[1]  # type: ignore[index]
        at = time.perf_counter()
        again = translate(now, hints, site.namer, site.config, desired)
        assert len(plan(again.graph, site.loop.inventory.graph(), again.keep).actions) == 2
        full.append(milliseconds(at))
        site.workers.first_move = None
        at = time.perf_counter()
        site.cluster.change(changed)
        site.loop.step()
        assert site.workers.first_move is not None
        soon.append((site.workers.first_move - at) * 1000)
        site.settle()
    rows = [
        (
            f"attach and detach calls, {CHURN:.0%} of {PODS} pods change",
            len(moves(sent)),
            f"{least}",
        ),
        ("all cloud writes of that", len(sent), "the same"),
        ("turns of the loop, when each outcome comes alone", turns, "1 + groups"),
        ("ms of such a turn, the cloud's fake included", whole / turns, ""),
        ("ms to translate and plan after one slice changed", statistics.median(full), "50"),
        ("ms from a slice event to the attach on its way", statistics.median(soon), "50"),
        ("the same, the slowest of 50", max(soon), ""),
    ]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
