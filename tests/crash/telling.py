"""Telling a story once undisturbed, and any step of it again with the controller stopped in it.

A step is told again from copies of the worlds as they were before it, so that a point costs one
step and not the whole story.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from glbc.engine.executor import Runner
from glbc.engine.jobs import ActionJob, Job
from glbc.model import svcneg
from glbc.translate.annotations import NEG_STATUS
from tests.crash.stories import STORIES, Step, begin, the_end
from tests.support.house import House

PATIENCE: Final = 700.0  # seconds: past a resync, where what nobody has told is found
MOMENTS: Final = ("before", "sent", "after", "before publishing", "after publishing")
WHEN: Final = re.compile(r'"lastTransitionTime":"[^"]*"')
HISTORY: Final = frozenset(
    # What these end in depends on what was there before: nothing can be said of a step left out.
    {"a Service", "all of them", "it is made again", "it leaves", "the name is taken out"}
)


class Stopped(BaseException):
    """The process is gone: nothing in it may catch this."""


class Chapter(NamedTuple):
    """One step of a story, told undisturbed."""

    worlds: House  # as they are before the step; copied, never used
    step: Step
    counts: Mapping[str, int]  # moment -> how often it comes; "job": of actions
    end: Mapping[str, Any]


class Point(NamedTuple):
    """Where the controller is stopped."""

    story: str
    chapter: int
    moment: str
    number: int


class Late(NamedTuple):
    """An action that was begun by who has been the leader, and ends while another one leads."""

    story: str
    chapter: int
    number: int  # of the action within the chapter
    edited: bool  # has the next step been taken when it ends?


def seen(house: House) -> dict[str, Any]:
    """Return the state of the world: the cloud's without what changes by itself, what objects say."""
    state: dict[str, Any] = dict(house.gce.dump())
    for one in house.kube.list("Ingress"):
        meta = one["metadata"]
        said = (meta.get("finalizers"), sorted(meta.get("annotations", {}).items()))
        text = repr((*said, one.get("status")))
        state[f"ingress {meta['name']}"] = WHEN.sub("", text)
    for one in house.kube.list("Pod"):
        said = [(c["type"], c["status"], c["reason"]) for c in one["status"].get("conditions", ())]
        state[f"pod {one['metadata']['name']}"] = repr(said)
    for one in house.kube.list("Service"):
        named = one["metadata"].get("annotations", {}).get(NEG_STATUS)
        state[f"service {one['metadata']['name']}"] = repr(named)
    for one in house.cluster._listed(svcneg.KIND):
        meta = one["metadata"]
        groups = [
            (row["selfLink"], row["state"])
            for row in one.get("status", {}).get("networkEndpointGroups", ())
        ]
        state[f"record {meta['name']}"] = repr((meta["labels"], meta["finalizers"], groups))
    return state


def ours(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cloud's part without what depends on the order of things.

    That is which address was free, a port's name that nothing uses any more, the block of an IAP
    that was once on, and an empty text where there was one.
    """
    kept = {}
    for name, body in state.items():
        if not name.startswith(("ingress ", "pod ", "service ", "record ")):
            left_out = {"namedPorts"} | ({"IPAddress", "address"} if "/k8s" in name else set())
            if not body.get("iap", {}).get("enabled"):
                left_out.add("iap")
            kept[name] = {k: v for k, v in body.items() if k not in left_out and v != ""}
    return kept


@cache
def told(story: str) -> tuple[Chapter, ...]:
    """Tell a story undisturbed, by a controller that starts again before each step."""
    house, chapters = begin(), []
    for step in (*STORIES[story], the_end):
        worlds = house.twin()
        house.start()
        counts: Counter[str] = Counter()
        arm(house, "", lambda moment, _, counts=counts: counts.update([moment]))
        step(house)
        house.settle(PATIENCE)
        chapters.append(Chapter(worlds, step, counts, seen(house)))
    return tuple(chapters)


def arm(house: House, moment: str, notice: Callable[[str, Any], None]) -> None:
    """Let `notice` be told of each moment of this name; of all moments if it is empty.

    A moment is one of `MOMENTS`, or "job": an action is about to begin.
    """

    def at(name: str) -> Callable[[Any], None]:
        return (lambda what: notice(name, what)) if moment in ("", name) else (lambda _: None)

    house.cloud.before, house.cloud.sent, house.cloud.after = at("before"), at("sent"), at("after")
    begun = at("job")
    house.workers.before = lambda job: begun(job) if isinstance(job, ActionJob) else None
    carry_out, before, after = house.cluster.write, at("before publishing"), at("after publishing")

    def write(what: Any) -> None:
        before(what)
        carry_out(what)
        after(what)

    house.cluster.write = write  # type: ignore[method-assign]


def stop_at(house: House, moment: str, number: int) -> None:
    """Stop the controller at the `number`-th moment of this name from now."""
    left = [number]

    def count(_: str, what: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            left[0] = -1
            raise Stopped(what)

    arm(house, moment, count)


def points(story: str) -> list[Point]:
    """Return every moment of a story at which the controller can be stopped."""
    return [
        Point(story, at, moment, number)
        for at, chapter in enumerate(told(story))
        for moment in MOMENTS
        for number in range(1, 1 + chapter.counts[moment])
    ]


def lates(story: str) -> list[Late]:
    """Return every action of a story that can end late."""
    chapters = told(story)
    return [
        Late(story, at, number, edited)
        for at, chapter in enumerate(chapters)
        for number in range(1, 1 + chapter.counts["job"])
        for edited in (False, True)
        if not edited or (at + 1 < len(chapters) and chapters[at + 1].step.__name__ not in HISTORY)
    ]


def stopped(point: Point, latency: float = 0.02) -> None:
    """Tell a step with the controller stopped in it: the next one must come to the same end.

    Args:
        point: where it is stopped.
        latency: seconds that an operation takes; with long ones the next controller finds them running.
    """
    chapter = told(point.story)[point.chapter]
    house = chapter.worlds.twin()
    house.gce.latency.default = latency
    stop_at(house, point.moment, point.number)
    chapter.step(house)
    try:
        house.settle(PATIENCE)
    except Stopped:
        house.start()
        house.settle(PATIENCE)
    else:
        raise AssertionError(f"there is no such moment: {point}")
    assert chapter.end == seen(house), point


def overtaken(late: Late) -> None:
    """Tell a step in which an action begun by an earlier leader ends while the next one works."""
    chapters = told(late.story)
    chapter = chapters[late.chapter]
    house = chapter.worlds.twin()
    stop_at(house, "job", late.number)
    chapter.step(house)
    job = held(house)
    old = Runner(house.cloud, house.clock)
    house.cloud.before = house.cloud.sent = house.cloud.after = lambda _: None
    house.start()
    end = chapter.end
    if late.edited:
        chapters[late.chapter + 1].step(house)
        end = chapters[late.chapter + 1].end
    for _ in range(random.Random(repr(late)).choice([0, 2, 4, 8, 16, 64])):
        house.loop.step()
        house.clock.advance(min(house.loop.wake_in(), 5.0) + 0.001)
    old.run(job)
    house.settle(PATIENCE)
    assert ours(end) == ours(seen(house)), late


def held(house: House) -> Job:
    """Let the controller work until it is stopped; return the job that it was about to do."""
    try:
        house.settle(PATIENCE)
    except Stopped as stop:
        job: Job = stop.args[0]
        return job
    raise AssertionError("it was not stopped")
