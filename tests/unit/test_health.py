"""Whose health is asked for, and when: the budget holds, the oldest come first, trouble waits."""

from typing import Any

import pytest

from fakes.clock import VirtualClock
from glbc.config import Config
from glbc.engine.executor import Runner
from glbc.engine.health import BATCH, Health
from glbc.engine.jobs import HealthJob, Probe
from glbc.errors import CloudError, Rejected, Transient
from glbc.model import compute
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.health import Member, of_groups, of_members
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, Scope, refs_in


def key(kind: str, name: str, scope: str = GLOBAL) -> ResourceKey:
    return ResourceKey("p", kind, Scope(scope), name)


def observed(at: ResourceKey, spec: compute.Spec) -> Observed:
    return Observed(key=at, spec=spec, ownership=Ownership.OWNED, refs=refs_in(spec))


GROUP = key(Kind.INSTANCE_GROUP, "group", "zones/z")
URL_MAP = key(Kind.URL_MAP, "map")
PROXY = key(Kind.TARGET_HTTP_PROXY, "proxy")


def a_cloud(names: list[str], *, rule: bool = True) -> Graph[Observed]:
    """Return a front end that leads to each of the backends."""
    services = [key(Kind.BACKEND_SERVICE, name) for name in names]
    paths = tuple(compute.PathRule(paths=(f"/{s.name}",), service=Ref(s)) for s in services)
    matcher = compute.PathMatcher(name="m", path_rules=paths)
    nodes = [
        observed(PROXY, compute.TargetHttpProxy(url_map=Ref(URL_MAP))),
        observed(URL_MAP, compute.UrlMap(path_matchers=(matcher,))),
    ]
    if rule:
        target = compute.ForwardingRule(target=Ref(PROXY))
        nodes.append(observed(key(Kind.FORWARDING_RULE, "rule"), target))
    for service in services:
        backends = (compute.Backend(group=Ref(GROUP)),)
        nodes.append(observed(service, compute.BackendService(backends=backends)))
    return Graph(nodes)


class Cloud:
    """Answers one word for each backend, or fails as told."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []

    def health(self, service: ResourceKey, group: ResourceKey) -> list[Member]:  # noqa: ARG002
        self.asked.append(service.name)
        answer = self.answers.get(service.name, ["HEALTHY"])
        if isinstance(answer, CloudError):
            raise answer
        return [Member("", state) for state in answer]


class Site:
    """Health with a cloud behind it, and a clock."""

    def __init__(self, names: list[str], answers: Any = None, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.cloud = Cloud(answers)
        self.health = Health(Config(**settings), self.clock)
        self.health._used = frozenset(key(Kind.BACKEND_SERVICE, name) for name in names)
        self.runner = Runner(self.cloud, self.clock)  # type: ignore[arg-type]

    def see(self, actual: Graph[Observed]) -> None:
        self.health.look(None, actual)

    def turn(self) -> list[str]:
        """Carry out what is due; return whom the cloud was asked about."""
        before = len(self.cloud.asked)
        for job in list(self.health.jobs()):
            self.health.fold(self.runner.run(job), job)
        return self.cloud.asked[before:]

    def words(self) -> dict[str, str]:
        return {service.name: state for service, state in self.health.states().items()}


def test_what_a_rule_leads_to_is_read_once_per_interval() -> None:
    site = Site(["a", "b"], health_interval_sec=60)
    site.see(a_cloud(["a", "b", "nobody's"]))
    assert site.turn() == ["a", "b"]
    assert site.words() == {"a": "HEALTHY", "b": "HEALTHY"}
    site.clock.advance(59)
    assert site.turn() == []
    assert next(site.health.wake_at()) == site.clock.monotonic() + 1
    site.clock.advance(1)
    assert site.turn() == ["a", "b"]


def test_what_no_rule_leads_to_is_not_read() -> None:
    site = Site(["a"])
    site.see(a_cloud(["a"], rule=False))
    assert (site.turn(), list(site.health.wake_at()), site.words()) == ([], [], {})


def test_beyond_the_budget_the_oldest_come_first_and_each_just_gets_older() -> None:
    names = [f"s{n}" for n in range(6)]
    site = Site(names, health_interval_sec=10, health_reads_per_min=2)
    site.see(a_cloud(names))
    asked = []
    for _ in range(6):
        asked.append(site.turn())
        assert len(asked[-1]) <= 2
        site.clock.advance(next(site.health.wake_at()) - site.clock.monotonic())
    thrice = [["s0", "s1"], ["s2", "s3"], ["s4", "s5"]]
    assert asked == [*thrice, *thrice]
    assert site.clock.monotonic() >= 5 * 60


def test_no_budget_reads_nothing() -> None:
    site = Site(["a"], health_reads_per_min=0)
    site.see(a_cloud(["a"]))
    assert (site.turn(), list(site.health.wake_at())) == ([], [])


def test_a_refused_read_is_unknown_is_not_hurried_and_stops_no_other() -> None:
    site = Site(["a", "b"], {"a": Rejected("no")})
    site.see(a_cloud(["a", "b"]))
    assert site.turn() == ["a", "b"]
    assert site.words() == {"a": "Unknown", "b": "HEALTHY"}
    site.clock.advance(59)
    assert site.turn() == []


def test_a_cloud_that_does_not_answer_is_not_asked_on_and_what_was_known_stays_known() -> None:
    site = Site(["a", "b"])
    site.see(a_cloud(["a", "b"]))
    site.turn()
    site.cloud.answers = {"a": Transient("503")}
    site.clock.advance(60)
    assert site.turn() == ["a"]
    assert site.words() == {"a": "Unknown", "b": "HEALTHY"}
    assert site.turn() == []


def test_many_reads_are_few_jobs() -> None:
    names = [f"s{n:02}" for n in range(2 * BATCH + 1)]
    site = Site(names)
    site.see(a_cloud(names))
    assert [len(job.probes) for job in site.health.jobs()] == [BATCH, BATCH, 1]
    assert list(site.health.jobs()) == []
    assert site.health.in_flight() == len(names)


def test_what_was_read_before_a_rule_led_there_says_nothing() -> None:
    site = Site(["a"])
    site.see(a_cloud(["a"]))
    (job,) = site.health.jobs()
    outcome = site.runner.run(job)
    site.see(a_cloud(["a"], rule=False))
    site.clock.advance(5)
    site.see(a_cloud(["a"]))
    site.health.fold(outcome, job)
    assert site.words() == {}
    assert isinstance(job, HealthJob)
    assert job.probes == (Probe(key(Kind.BACKEND_SERVICE, "a"), GROUP),)


@pytest.mark.parametrize(
    ("groups", "word"),
    [
        pytest.param([["UNHEALTHY", "HEALTHY"], ["UNHEALTHY"]], "HEALTHY", id="one is enough"),
        pytest.param([["UNHEALTHY"], ["DRAINING"]], "DRAINING", id="else the last one's"),
        pytest.param([["UNHEALTHY"], []], "UNHEALTHY", id="an empty group says nothing"),
        pytest.param([[], []], "Unknown", id="nobody is there"),
        pytest.param([], "Unknown", id="no group"),
    ],
)
def test_one_word_for_many(groups: list[list[str]], word: str) -> None:
    assert of_groups(of_members(states) for states in groups) == word
