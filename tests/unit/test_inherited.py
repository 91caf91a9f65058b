"""What was under way when a term began: which answers count, and for how long."""

from typing import Any

from fakes.clock import VirtualClock
from glbc.engine.inherited import LIST_SEC, LOOK_SEC, Inherited
from glbc.engine.jobs import OperationsJob, Outcome
from glbc.errors import Denied, Transient
from glbc.model.keys import GLOBAL, Kind, ResourceKey

JOB = OperationsJob("p")
MAP = ResourceKey("p", Kind.URL_MAP, GLOBAL, "m")
RUNNING = {"name": "operation-1", "targetLink": MAP.link}
BESIDE = {"name": "operation-2", "targetLink": "projects/p/zones/z/instances/vm"}


class Site:
    """One project, and a time of its own."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.inherited = Inherited(["p", "p"], self.clock, 600.0)
        self.inherited.begins()

    def answers(self, *bodies: dict[str, Any], error: Any = None, began: float = 0.0) -> list[Any]:
        now = self.clock.monotonic()
        outcome = Outcome(job=JOB, began=began or now, ended=now, bodies=bodies, error=error)
        return list(self.inherited.fold(outcome, JOB))

    def asks(self) -> list[OperationsJob]:
        return list(self.inherited.jobs())


def test_a_project_is_asked_once_until_it_answers() -> None:
    site = Site()
    assert (site.asks(), site.asks()) == ([JOB], [])
    assert site.inherited.unknown()
    assert site.answers() == []
    assert not site.inherited.unknown()
    assert site.asks() == []


def test_only_what_could_be_ours_is_held() -> None:
    site = Site()
    site.asks()
    assert site.answers(RUNNING, BESIDE) == [MAP]
    assert site.inherited.held() == {MAP}


def test_it_is_held_until_a_later_list_does_not_have_it() -> None:
    site = Site()
    site.asks()
    site.answers(RUNNING)
    assert site.asks() == []
    site.clock.advance(LOOK_SEC)
    assert site.asks() == [JOB]
    site.answers(RUNNING)
    assert site.inherited.held() == {MAP}
    site.clock.advance(LOOK_SEC)
    site.asks()
    assert site.answers({"name": "operation-3", "targetLink": MAP.link}) == []
    assert site.inherited.held() == frozenset()


def test_a_list_that_began_before_the_term_does_not_count() -> None:
    site = Site()
    site.asks()
    site.clock.advance(10)
    site.inherited.begins()
    assert site.answers(RUNNING, began=1e-9) == []
    assert site.inherited.unknown()
    assert site.asks() == [JOB]


def test_a_failure_is_asked_again_and_a_refusal_is_not() -> None:
    site = Site()
    site.asks()
    site.answers(error=Transient("no"))
    assert site.inherited.unknown()
    site.clock.advance(1)
    assert site.asks() == [JOB]
    site.answers(error=Denied("no"))
    assert not site.inherited.unknown()
    site.clock.advance(LIST_SEC)
    assert site.asks() == []


def test_nothing_is_waited_for_without_end() -> None:
    site = Site()
    site.asks()
    site.answers(error=Transient("no"))
    site.clock.advance(LIST_SEC)
    assert site.asks() == []
    assert not site.inherited.unknown()
    site.inherited.begins()
    site.asks()
    site.answers(RUNNING)
    site.clock.advance(600)
    assert site.asks() == []
    assert site.inherited.held() == frozenset()
    assert list(site.inherited.due(site.clock.monotonic())) == []
