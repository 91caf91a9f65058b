"""P12: stop the process anywhere; the next one comes to the same end, with nothing leaked.

A stride picks the points; `GLBC_CRASH_ALL=1` takes every one, `GLBC_CRASH_SEED` another sample.
"""

import os
import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.crash.stories import STORIES, STRANGERS
from tests.crash.telling import lates, overtaken, points, stopped, told

STRIDE = 1 if os.environ.get("GLBC_CRASH_ALL") else 4
LASTS_SEC = 20.0  # longer than a list of everything takes
SEED = int(os.environ.get("GLBC_CRASH_SEED", "0"))


def some(every: Sequence[Any]) -> Sequence[Any]:
    """Return one of each four points, and say where the sample begins."""
    begin = random.Random(SEED).randrange(STRIDE)
    print(f"GLBC_CRASH_SEED={SEED}: {len(every[begin::STRIDE])} of {len(every)}")  # noqa: T201
    return every[begin::STRIDE]


@pytest.mark.parametrize("story", STORIES)
def test_stopped_anywhere_it_comes_to_the_same_end(story: str) -> None:
    every = points(story)
    assert len(every) > 100, "the story has few moments"
    for point in some(every):
        stopped(point)


@pytest.mark.parametrize("story", STORIES)
def test_stopped_while_an_operation_lasts_it_comes_to_the_same_end(story: str) -> None:
    every = [point for point in points(story) if point.moment == "sent"]
    assert len(every) > 30, "the story has few writes"
    for point in some(every):
        stopped(point, LASTS_SEC)


@pytest.mark.parametrize("story", STORIES)
def test_what_an_earlier_leader_had_begun_harms_nothing_when_it_ends_late(story: str) -> None:
    every = lates(story)
    assert len(every) > 30, "the story has few actions"
    for late in some(every):
        overtaken(late)


@pytest.mark.parametrize("story", STORIES)
def test_nothing_is_left_at_the_end_but_what_is_not_ours(story: str) -> None:
    chapters = told(story)
    assert [key for key in chapters[-1].end if "k8s" in key or key.startswith("ingress ")] == []
    for kind in STRANGERS:
        key = f"global/{kind}/their-{kind.lower()}"
        assert [chapters[0].end[key]] * len(chapters) == [one.end[key] for one in chapters]
