"""Trouble for as long as told: chaos, strangers, and every point of every crash story.

`python -m tests.soak --minutes 5` takes new seeds until the time is up, and says at the end how many;
what fails prints the command that repeats it. `python -m tests.soak chaos 17` repeats one.
"""

import argparse
import itertools
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import structlog

from tests.crash.stories import STORIES
from tests.crash.telling import Late, Point, lates, overtaken, points, stopped
from tests.scenario import test_chaos, test_strangers

QUIET: Final = 50  # nothing below critical is logged


def crash(number: int) -> None:
    """Stop the controller at one point of all."""
    every = crashes()
    point = every[number % len(every)]
    if isinstance(point, Late):
        overtaken(point)
    else:
        stopped(point)


@cache
def crashes() -> list[Point | Late]:
    """Return every point of every story, always in the same order."""
    return [one for story in STORIES for one in (*points(story), *lates(story))]


TROUBLES: Final[dict[str, Callable[[int], None]]] = {
    "crash": crash,
    "chaos": test_chaos.tell,
    "strangers": test_strangers.tell,
}


def numbers(trouble: str, seed: int) -> Iterator[int]:
    """Yield the seeds of one kind of trouble; the crashes end when all points have been."""
    if trouble == "crash":
        every = list(range(len(crashes())))
        random.Random(seed).shuffle(every)
        return iter(every)
    return itertools.count(seed)


def soak(minutes: float, seed: int) -> Counter[str]:
    """Make trouble until the time is up, of that kind which has had the least of it."""
    print(f"soak: {minutes:g} minutes, seed {seed}", flush=True)
    until = time.monotonic() + 60 * minutes
    left = {trouble: numbers(trouble, seed) for trouble in TROUBLES}
    spent: dict[str, float] = dict.fromkeys(TROUBLES, 0.0)
    counts: Counter[str] = Counter()
    while left and time.monotonic() < until:
        trouble = min(left, key=lambda one: spent[one])
        number = next(left[trouble], None)
        if number is None:
            del left[trouble]
            print(f"soak: {trouble}: that was all of them", flush=True)
            continue
        began = time.monotonic()
        counts[trouble] += 1
        counts["failed"] += not held(trouble, number)
        spent[trouble] += time.monotonic() - began
    return counts


def held(trouble: str, number: int) -> bool:
    """Make trouble once; say how to repeat it if something did not hold."""
    try:
        TROUBLES[trouble](number)
    except Exception:  # noqa: BLE001 (whatever it is, it is told, and the next one has its turn)
        traceback.print_exc()
        print(f"FAILED: repeat it with: python -m tests.soak {trouble} {number}", flush=True)
        return False
    return True


def main() -> int:
    """Soak, or repeat one."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("trouble", nargs="?", choices=TROUBLES)
    parser.add_argument("number", nargs="?", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1000, 1_000_000_000))
    told = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(QUIET))
    if told.trouble:
        return 0 if held(told.trouble, told.number) else 1
    counts = soak(told.minutes, told.seed)
    summary = ", ".join(f"{counts[one]} {one}" for one in (*TROUBLES, "failed"))
    print(f"soak: seeds from {told.seed}: {summary}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
