"""A fault put in on purpose turns the chaos story red: else it would prove nothing."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from glbc import status
from glbc.engine import loop
from glbc.engine.executor import Attempt
from glbc.engine.inventory import Inventory
from glbc.model.graph import Graph
from glbc.model.keys import Kind
from glbc.plan import diff, planner
from glbc.plan.planner import Action, Plan
from glbc.translate.desired import Desired
from tests.property.test_planner_mutants import mutated
from tests.scenario import test_chaos

SEEDS = 40


def ignore_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_at_once(plan: Plan, flying: list[Action]) -> list[Action]:
        busy = {action.key for action in flying}
        return [action for action in plan.actions if action.key not in busy]

    monkeypatch.setattr(loop, "frontier", all_at_once)


def release_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_is_gone", lambda *_: True)
    monkeypatch.setattr(status, "held_by_others", lambda *_: True)


def forget_what_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inventory, "doubt", lambda *_: None)
    monkeypatch.setattr(Attempt, "look_again", lambda *_: None)


def forget_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    translate, turns = loop.translate, [0]

    def forgetful(*args: Any, **more: Any) -> Desired:
        turns[0] += 1
        desired = translate(*args, **more)
        if turns[0] % 5:
            return desired
        kept = [one for one in desired.graph if one.key.kind != Kind.FORWARDING_RULE]
        return msgspec.structs.replace(desired, graph=Graph(kept))

    monkeypatch.setattr(loop, "translate", forgetful)


def correct_what_is_anyones(monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = mutated(diff.diff, "if name in row.initial:", "if False:")
    monkeypatch.setattr(planner, "diff", greedy)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(ignore_needs, id="actions do not wait for what they need"),
        pytest.param(release_early, id="a finalizer goes before its load balancer"),
        pytest.param(forget_what_is_in_doubt, id="a write whose answer was lost is not looked at"),
        pytest.param(forget_the_rules, id="what serves is not wanted for a moment"),
        pytest.param(correct_what_is_anyones, id="what others set is corrected"),
    ],
)
def test_the_story_turns_red(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    fault(monkeypatch)
    with pytest.raises(AssertionError):  # noqa: PT012 (any of the seeds may be the one)
        for seed in range(SEEDS):
            test_chaos.tell(seed)
