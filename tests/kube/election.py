"""Candidates for one Lease on a virtual clock: each with a clock and a way to the API server of its own."""

import random
from collections.abc import Callable
from typing import Any

from fakes.clock import VirtualClock
from fakes.kube import World
from glbc.config import LeaseConfig
from glbc.kube.client import ApiError
from glbc.kube.lease import Elector
from tests.support.house import InProcessApi

SETTINGS = LeaseConfig()
DURATION, DEADLINE, RETRY = 15.0, 10.0, 2.0


class OwnClock:
    """The clock of one machine: it began at another time and goes at another speed."""

    def __init__(self, truth: VirtualClock, offset: float = 0.0, rate: float = 1.0) -> None:
        self._truth, self._offset, self._rate = truth, offset, rate

    def monotonic(self) -> float:
        return self._truth.monotonic() * self._rate + self._offset

    def time(self) -> float:
        return self._truth.time() * self._rate + self._offset


class Wire:
    """The way from one process to the API server; it can be cut, lose answers, or take its time."""

    def __init__(self, world: World, clock: VirtualClock) -> None:
        self._api, self._clock = InProcessApi(world), clock
        self.cut = False  # nothing gets through
        self.deaf = False  # requests arrive, answers do not
        self.slow = 0.0  # seconds until an answer comes
        self.writes: list[str] = []

    def request(self, method: str, path: str, query: Any = None, body: Any = None, **more: Any):
        if self.cut:
            raise ApiError(f"{method} {path}: timed out")
        if method != "GET":
            self.writes.append(path)
        answer = self._api.request(method, path, query, body, **more)
        self._clock.advance(self.slow)
        if self.deaf:
            raise ApiError(f"{method} {path}: the answer was lost")
        return answer


class Process:
    """A candidate that can sleep: then it neither ticks nor knows of it."""

    def __init__(self, site: "Site", name: str, offset: float, rate: float) -> None:
        self.clock = OwnClock(site.clock, offset, rate)
        self.wire = Wire(site.world, site.clock)
        self.elector = Elector(self.wire, self.clock, SETTINGS, name, site.random.random)
        self.due = 0.0
        self.asleep = False

    @property
    def writes(self) -> bool:
        return self.elector.term() != 0


class Site:
    """An API server, true time, and candidates whose ticks come when they asked for them."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = VirtualClock()
        self.world = World(clock=self.clock)
        self.random = random.Random(seed)
        self.all: list[Process] = []

    def process(self, name: str, offset: float = 0.0, rate: float = 1.0) -> Process:
        self.all.append(Process(self, name, offset, rate))
        self.all[-1].due = self.clock.monotonic()
        return self.all[-1]

    def run(self, seconds: float, step: float = 0.1, each: Callable[[], None] = lambda: None):
        """Let time pass; never may two candidates write at the same moment."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            for one in self.all:
                if not one.asleep and one.due <= self.clock.monotonic():
                    one.due = self.clock.monotonic() + one.elector.tick()
                assert len([each for each in self.all if each.writes]) <= 1
            each()
            self.clock.advance(step)

    def until(self, holds: Callable[[], bool], most: float = 60.0) -> float:
        """Let time pass until something holds; return the seconds that it took."""
        began = self.clock.monotonic()
        while not holds():
            assert self.clock.monotonic() - began < most
            self.run(0.05, 0.05)
        return self.clock.monotonic() - began

    def lease(self) -> dict[str, Any]:
        found = self.world.get("Lease", "kube-system/glbc")
        assert found is not None
        return found["spec"]
