"""A fault put in on purpose turns the chaos story red: else it would prove nothing."""

from collections.abc import Callable

import pytest

from glbc import status
from glbc.engine import loop
from glbc.engine.executor import Attempt
from glbc.engine.inventory import Inventory
from glbc.plan.planner import Action, Plan
from tests.scenario import test_chaos

SEEDS = 40


def ignore_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_at_once(plan: Plan, flying: list[Action]) -> list[Action]:
        busy = {action.key for action in flying}
        return [action for action in plan.actions if action.key not in busy]

    monkeypatch.setattr(loop, "frontier", all_at_once)


def release_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_is_gone", lambda *_: True)
    monkeypatch.setattr(status, "_held_by_others", lambda *_: True)


def forget_what_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inventory, "doubt", lambda *_: None)
    monkeypatch.setattr(Attempt, "look_again", lambda *_: None)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(ignore_needs, id="actions do not wait for what they need"),
        pytest.param(release_early, id="a finalizer goes before its load balancer"),
        pytest.param(forget_what_is_in_doubt, id="a write whose answer was lost is not looked at"),
    ],
)
def test_the_story_turns_red(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    fault(monkeypatch)
    tell = test_chaos.test_it_comes_to_the_end_that_an_undisturbed_controller_comes_to
    with pytest.raises(AssertionError):  # noqa: PT012 (any of the seeds may be the one)
        for seed in range(SEEDS):
            tell(seed)
