"""What must hold of every plan, and of every way to carry it out (the promises P1, P4–P8, P12).

Each promise is checked against random worlds; `test_planner_mutants.py` shows that each of them
can fail. `HYPOTHESIS_PROFILE=soak` looks at many more worlds.
"""

import os
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from glbc.model.compute import PathMatcher
from glbc.model.graph import Graph, Observed
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import ROWS
from glbc.plan import guard, planner
from glbc.plan.planner import Action, Op
from glbc.plan.simulate import rehearse
from tests.property.paper import Paper, hold, judge, refused
from tests.property.worlds import Rng, a_world

PROFILES = {"quick": 400, "soak": 20_000}
PROFILE = settings(
    max_examples=PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "quick")],
    derandomize=True,
    deadline=None,
    database=None,
)
SEEN = frozenset({"Node", "Pod", "EndpointSlice"})  # what values and members come from
WORLDS = st.integers(0, 2**32).map(random.Random)  # a seed is a world


# The promises ------------------------------------------------------------------------------------


def everything_settles(rng: Rng) -> None:
    """Desires change midway, nothing else goes wrong."""
    paper = Paper(a_world(rng), rng)
    judge(paper, paper.run(hands=rng.randint(1, 6)))


def a_crash_changes_nothing(rng: Rng) -> None:
    """Stop after any action, and go on from the actual graph only."""
    paper = Paper(a_world(rng), rng)
    judge(paper, paper.run(hands=rng.randint(1, 6), crashes=2))


def a_refusal_blocks_what_relies_on_it_only(rng: Rng) -> None:
    """The cloud refuses one action for good."""
    paper = Paper(a_world(rng), rng)
    paper.parked = refused(paper.plan(), rng)
    judge(paper, paper.run(hands=rng.randint(1, 6)))


def any_order_comes_to_the_same_end(rng: Rng) -> None:
    """The order of completion does not matter, and paper says the same as `rehearse`."""
    world = a_world(rng, changes=0)
    world = replace(world, hidden=frozenset(), doubted=frozenset())
    ends = []
    for hands in (1, 3, 8):
        paper = Paper(world, rng)
        paper.run(hands=hands)
        ends.append(_canonical(paper.truth))
    ends.append(_canonical(rehearse(world.wishes[0], world.truth, world.keep).end))
    hold("the same end", all(end == ends[0] for end in ends))


def the_order_of_inputs_does_not_matter(rng: Rng) -> None:
    """Shuffled graphs give the same plan, whose deletes are due only when every user lets go."""
    world = a_world(rng)
    desired, actual = list(world.wishes[0]), list(Paper(world, rng).view())
    plan = planner.plan(Graph(desired), Graph(actual, world.hidden), world.keep)
    for _ in range(3):
        rng.shuffle(desired)
        rng.shuffle(actual)
        keep = rng.sample(sorted(world.keep), len(world.keep))
        again = planner.plan(Graph(desired), Graph(actual, world.hidden), keep)
        hold("order does not matter", again == plan)
    due = {action.key: action for action in plan.actions}
    for action in plan.actions:
        if action.op is Op.DELETE:
            for user in Graph(actual).referrers(action.key):
                goes = user in due and (
                    due[user].op is Op.DELETE or action.key not in due[user].relies_on
                )
                hold("a delete is due when all let go", goes, (action.key, user))


def an_incomplete_view_loses_nothing(rng: Rng) -> None:
    """Additions still happen: what they are made from can be seen."""
    paper = Careful(a_world(rng), rng, guard=partial(guard.complete_view, complete=SEEN))
    last = paper.run(hands=rng.randint(1, 6))
    hold("comes to rest", not last.actions, last.actions)
    broken = paper.broken()
    for want in paper.wanted:
        there = want.key in paper.truth or want.key in broken
        hold("what is wanted is there", there, want.key)


def finalizers_come_first(rng: Rng) -> None:
    """Nothing is created for those alone who lack their finalizer; the others get everything."""
    world = a_world(rng)
    owners = sorted({owner for wish in world.wishes for want in wish for owner in want.wanted_by})
    lacking = frozenset(rng.sample(owners, rng.randint(0, len(owners))))
    paper = Patient(world, rng, guard=partial(guard.finalizers_first, lacking=lacking))
    paper.lacking = lacking
    last = paper.run(hands=rng.randint(1, 6))
    hold("comes to rest", not last.actions, last.actions)
    broken = paper.broken()
    for want in paper.wanted:
        if not lacking.issuperset(want.wanted_by) and want.key not in broken:
            hold("what is wanted is there", want.key in paper.truth, want.key)


class Patient(Paper):
    """A run in which some Ingresses lack their finalizer."""

    lacking: frozenset[Any] = frozenset()

    def _start(self, action: Action) -> None:
        alone = self.lacking.issuperset(action.wanted_by)
        hold("finalizers first", action.op is not Op.CREATE or not alone, action.key)
        super()._start(action)


class Careful(Paper):
    """A run in which nothing may be lost."""

    def _land(self, action: Action) -> None:
        before = self.truth.get(action.key)
        super()._land(action)
        after = self.truth.get(action.key)
        hold("no delete", after is not None, action.key)
        if before is not None and after is not None:
            lost = _losses(action.key, before.spec, after.spec)
            hold("no element is lost", not lost, (action.key, lost))

    def _can_become(self, want: Any, live: Observed) -> bool:
        return super()._can_become(want, live) and self._fits(want, live)


def _losses(key: ResourceKey, before: Any, after: Any) -> list[Any]:
    row, lost = ROWS[Kind(key.kind)], []
    for name in row.unordered:
        lost += set(getattr(before, name)) - set(getattr(after, name))
    for name, keyed in row.keyed.items():
        old, new = getattr(before, name), getattr(after, name)
        lost += {keyed.key(one) for one in old} - {keyed.key(one) for one in new}
        lost += _paths(old) - _paths(new)
    return lost


def _paths(elements: Any) -> set[tuple[str, str]]:
    return {
        (one.name, path)
        for one in elements
        if isinstance(one, PathMatcher)
        for rule in one.path_rules or ()
        for path in rule.paths
    }


def _canonical(graph: Graph[Observed]) -> dict[ResourceKey, Any]:
    """Return the graph without what may depend on order: that of keyed lists, and lazy elements."""
    found = {}
    for node in graph:
        spec = node.spec
        for name, keyed in ROWS[Kind(node.key.kind)].keyed.items():
            kept = [e for e in getattr(spec, name) if not keyed.lazy or not keyed.ours(e, bool)]
            spec = replace(spec, **{name: tuple(sorted(kept, key=repr))})
        found[node.key] = (spec, node.ownership)
    return found


PROMISES = (
    everything_settles,
    a_crash_changes_nothing,
    a_refusal_blocks_what_relies_on_it_only,
    any_order_comes_to_the_same_end,
    the_order_of_inputs_does_not_matter,
    an_incomplete_view_loses_nothing,
    finalizers_come_first,
)


@pytest.mark.parametrize("promise", [pytest.param(p, id=p.__name__) for p in PROMISES])
def test_it_holds_in_every_world(promise: Callable[[Rng], None]) -> None:
    given(WORLDS)(PROFILE(promise))()
