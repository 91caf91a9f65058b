"""Two whole controllers on one cloud and one cluster: one works, the other is warm, and follows without a superfluous write."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from fakes.build import ingress, service
from fakes.clock import VirtualClock
from fakes.gce import World as GceWorld
from fakes.gce.faults import Error
from fakes.kube import World as KubeWorld
from glbc.config import LeaseConfig
from glbc.engine.executor import Runner
from glbc.engine.jobs import Job, ListJob, Outcome
from glbc.kube.client import ApiError
from glbc.kube.lease import Elector
from glbc.plan.planner import Reason
from tests.support.house import House, InlineWorkers, InProcessApi

DURATION = 15.0
READS = {"get", "list", "watch"}


class Line:
    """The way of an elector to the API server; it can be cut."""

    def __init__(self, world: KubeWorld) -> None:
        self._api = InProcessApi(world)
        self.cut = False

    def request(self, method: str, path: str, query: Any = None, body: Any = None, **more: Any):
        if self.cut:
            raise ApiError("the API server does not answer")
        return self._api.request(method, path, query, body, **more)


class Replica:
    """A House that works only while it holds the Lease."""

    def __init__(self, name: str, site: "Site", first: House | None) -> None:
        self.line = Line(site.kube)
        self.elector = Elector(self.line, site.clock, LeaseConfig(), name, lambda: 0.5)
        worlds = {"gce": first.gce} if first else {}
        self.house = House(kube=site.kube, clock=site.clock, fence=self.elector, **worlds)
        self.due = 0.0
        self.asleep = False

    @property
    def leads(self) -> bool:
        return self.elector.term() != 0

    def turn(self) -> None:
        """Do all that can be done without time passing."""
        if self.due <= self.house.clock.monotonic():
            self.due = self.house.clock.monotonic() + self.elector.tick()
        loop, workers = self.house.loop, self.house.workers
        for _ in range(200):
            if not (loop.step() or workers.waiting):
                break
        assert loop.wake_in() > 0, "it would turn for ever"

    def work_until(self, holds: Callable[[], bool]) -> None:
        """Take turns, one by one, until something is on its way."""
        for _ in range(400):
            if self.due <= self.house.clock.monotonic():
                self.due = self.house.clock.monotonic() + self.elector.tick()
            self.house.loop.step()
            if holds():
                return
            self.house.clock.advance(0.05)
        raise AssertionError(self.house.loop.turn)


class Site:
    """A cloud, a cluster and two replicas; time is virtual."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.kube = KubeWorld(clock=self.clock)
        self.first = Replica("first", self, None)
        self.gce: GceWorld = self.first.house.gce
        self.second = Replica("second", self, self.first.house)
        self.kube.apply(service("shop/web", "80->30301"))
        self.kube.apply(shop("web"))
        self.run(40)
        assert self.first.leads

    def run(self, seconds: float, slice_: float = 0.25) -> None:
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            for one in (self.first, self.second):
                if not one.asleep:
                    one.turn()
            self.clock.advance(slice_)

    def until(self, holds: Callable[[], bool], most: float = 60.0) -> float:
        began = self.clock.monotonic()
        while not holds():
            assert self.clock.monotonic() - began < most
            self.run(0.25)
        return self.clock.monotonic() - began

    def take_over(self) -> None:
        """Let the first one sleep until the second leads, and has settled."""
        self.first.asleep = True
        self.until(lambda: self.second.leads)
        self.run(60)

    def published(self) -> list[str]:
        """Return the writes to the cluster, the Lease's apart."""
        return [
            f"{call.verb} {call.resource} {call.name}"
            for call in self.kube.calls()
            if call.verb not in READS and call.resource != "leases"
        ]

    def address(self, name: str) -> str:
        return self.first.house.address(name)


def shop(*paths: str) -> dict[str, Any]:
    rules = {"a.example.com": [(f"/{path}", "web:80") for path in paths]}
    return ingress("shop/web", rules, default="web:80")


Log = list[dict[str, Any]]


@pytest.fixture
def logged() -> Iterator[Log]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def of(logged: Log, event: str) -> Log:
    return [line for line in logged if line["event"] == event]


@pytest.fixture
def site() -> Site:
    return Site()


class TestTheStandby:
    def test_is_warm_and_writes_nothing(self, site: Site) -> None:
        assert site.address("shop/web")
        second = site.second.house
        assert second.cloud.writes == []
        turn = second.loop.turn
        assert turn is not None
        assert "shop/web" in turn.desired.served

    def test_follows_without_a_write_when_nothing_has_changed(self, site: Site) -> None:
        site.run(120)  # all is said of its health
        site.kube.forget_calls()
        before = site.gce.dump()
        site.take_over()
        assert site.second.house.cloud.writes == []
        assert site.published() == []
        assert site.gce.dump() == before

    def test_makes_nothing_twice_that_it_has_not_seen_made(self, site: Site) -> None:
        site.kube.apply(service("shop/new", "80->30302"))
        site.kube.apply(ingress("shop/new", default="new:80"))
        site.run(160)
        turn = site.second.house.loop.turn
        assert turn is not None
        assert [a for a in turn.plan.actions if a.op == "create"], "its lists are of before"
        site.kube.forget_calls()
        site.take_over()
        assert site.second.house.cloud.writes == []
        assert site.published() == []
        assert site.first.house.refused() == []

    def test_writes_within_the_duration_and_two_seconds_of_a_death(self, site: Site) -> None:
        site.first.asleep = True
        site.kube.apply(service("shop/new", "80->30302"))
        site.kube.apply(ingress("shop/new", default="new:80"))
        took = site.until(lambda: bool(site.second.house.cloud.writes))
        assert took <= DURATION + 2.0
        site.run(60)
        assert site.address("shop/new")

    def test_carries_on_where_the_leader_fell(self, site: Site) -> None:
        site.kube.apply(service("shop/new", "80->30302"))
        site.kube.apply(ingress("shop/new", default="new:80"))
        for _ in range(3):
            site.first.house.loop.step()
        site.take_over()
        assert site.address("shop/new")
        assert site.first.house.refused() == []


class TestALeaderThatSlept:
    def test_carries_out_nothing_of_what_it_had_planned(self, site: Site, logged: Log) -> None:
        first = site.first.house
        site.kube.apply(service("shop/new", "80->30302"))
        site.kube.apply(ingress("shop/new", default="new:80"))
        site.first.work_until(
            lambda: any(one.op == "create" for one in first.loop._flying.values())
        )
        fallen = {one.key.name for one in first.loop._flying.values() if one.op == "create"}
        site.kube.delete("Ingress", "shop/new")
        site.take_over()
        before, written = site.gce.dump(), len(first.cloud.writes)
        assert fallen.isdisjoint(first.names("healthChecks"))
        site.first.asleep = False
        site.run(60)
        assert len(first.cloud.writes) == written
        assert site.gce.dump() == before
        assert fallen <= {line["key"].partition("/")[2] for line in of(logged, "action_dropped")}
        assert of(logged, "action_failed") == []
        assert first.loop._parked == {}

    def test_carries_out_nothing_even_if_it_leads_again_before_it_knows(self, site: Site) -> None:
        first = site.first.house
        site.kube.apply(service("shop/new", "80->30302"))
        site.kube.apply(ingress("shop/new", default="new:80"))
        site.first.work_until(
            lambda: any(one.op == "create" for one in first.loop._flying.values())
        )
        site.second.asleep = True
        site.kube.delete("Ingress", "shop/new")
        site.clock.advance(60)
        written = len(first.cloud.writes)
        site.first.elector.tick()
        assert site.first.elector.term() == 2
        first.loop.step()
        assert len(first.cloud.writes) == written
        site.run(60)
        assert [call for call in first.cloud.writes[written:] if call.verb == "insert"] == []

    def test_publishes_nothing_of_what_it_had_to_say(self, site: Site, logged: Log) -> None:
        first = site.first.house
        site.kube.apply(ingress("shop/odd", default="nobody:80"))
        site.first.work_until(lambda: bool(first.workers._writes))
        site.take_over()
        site.kube.forget_calls()
        site.first.asleep = False
        site.run(60)
        assert site.published() == []
        assert of(logged, "publish_failed") == []

    def test_is_a_standby_that_follows_in_its_turn(self, site: Site) -> None:
        site.take_over()
        site.first.asleep = False
        site.run(30)
        site.second.asleep = True
        site.kube.delete("Ingress", "shop/web")
        site.until(lambda: site.first.leads)
        site.run(60)
        assert site.kube.get("Ingress", "shop/web") is None
        assert site.first.house.ours() == {}


def test_cut_off_from_the_lease_it_plans_on_and_comes_back_by_itself(site: Site) -> None:
    site.second.asleep = True
    site.first.line.cut = True
    site.until(lambda: not site.first.leads)
    site.kube.apply(service("shop/new", "80->30302"))
    site.kube.apply(ingress("shop/new", default="new:80"))
    written = len(site.first.house.cloud.writes)
    site.run(30)
    assert len(site.first.house.cloud.writes) == written
    assert not site.address("shop/new")
    site.first.line.cut = False
    site.run(60)
    assert site.address("shop/new")


def test_nothing_is_lost_before_everything_is_listed_and_what_is_added_ships(site: Site) -> None:
    site.first.asleep = True
    site.kube.delete("Ingress", "shop/web")
    site.kube.apply(service("shop/new", "80->30302"))
    site.kube.apply(ingress("shop/new", default="new:80"))
    site.gce.faults.add("sslPolicies.list", Error(503, "backendError"), times=None)
    rules = set(site.first.house.names("forwardingRules"))
    site.until(lambda: site.second.leads)
    site.run(20)
    assert rules < set(site.first.house.names("forwardingRules"))
    turn = site.second.house.loop.turn
    assert turn is not None
    held = {one.reason for one in turn.plan.blocked if one.op == "delete"}
    assert Reason.NOT_LISTED_YET in held
    site.gce.faults.clear()
    site.run(90)
    assert rules.isdisjoint(site.first.house.names("forwardingRules"))
    assert site.kube.get("Ingress", "shop/web") is None


class Post(InlineWorkers):
    """Runs lists at once, and brings what they found when it is told to."""

    def __init__(self, house: House) -> None:
        super().__init__(Runner(house.cloud, house.clock, house.fence), house.cluster)
        self.outcomes: list[Outcome] = []
        self.closed = False

    def start(self, job: Job) -> None:
        if isinstance(job, ListJob):
            self.outcomes.append(self._runner.run(job))
        else:
            super().start(job)

    def drain(self) -> list[Outcome]:
        if self.closed:
            return []
        outcomes, self.outcomes = self.outcomes, []
        return [*outcomes, *super().drain()]


def test_a_list_that_began_before_the_term_does_not_count(site: Site) -> None:
    second = site.second.house
    post = second.loop.workers = second.workers = Post(second)
    second.loop.resync()
    second.loop.step()
    post.closed = True
    site.kube.apply(service("shop/new", "80->30302"))
    site.kube.apply(ingress("shop/new", default="new:80"))
    site.run(30)
    assert site.address("shop/new")
    site.first.asleep = True
    site.until(lambda: site.second.leads)
    post.closed = False
    site.run(60)
    assert second.cloud.writes == []
    assert second.loop._term.unlisted == frozenset()


def test_what_cannot_be_listed_for_want_of_a_permission_holds_nothing_up(site: Site) -> None:
    site.first.asleep = True
    site.kube.delete("Ingress", "shop/web")
    site.gce.faults.add("sslPolicies.list", Error(403, "forbidden"), times=None)
    site.until(lambda: site.second.leads)
    site.run(90)
    assert site.kube.get("Ingress", "shop/web") is None


def test_an_action_that_is_fenced_between_two_writes_is_taken_up_from_what_is_there(
    site: Site,
) -> None:
    first = site.first.house
    site.kube.apply(service("shop/new", "80->30302"))
    site.kube.apply(ingress("shop/new", default="new:80"))

    def sleep(_: Any) -> None:
        first.cloud.after = lambda _: None
        site.clock.advance(60)

    first.cloud.after = sleep
    site.run(90)
    assert site.first.leads != site.second.leads
    assert site.address("shop/new")
    assert first.refused() == []
