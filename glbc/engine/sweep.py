"""Deletes until nothing can be deleted any more: the loop's own steps, without a loop.

Every result is folded into the inventory and everything is planned again, so what turns out to be
in use, or wanted again, stays.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from glbc.engine.executor import Runner
from glbc.engine.inventory import Inventory
from glbc.engine.jobs import ActionJob, Outcome
from glbc.errors import CloudError
from glbc.model.keys import ResourceKey
from glbc.plan.planner import Action, Plan, Refusal, frontier

Planner = Callable[[Mapping[ResourceKey, Refusal]], Plan]


def sweep(
    planned: Planner,
    inventory: Inventory,
    runner: Runner,
    threads: int,
    tell: Callable[[Outcome, Action], None],
) -> Plan:
    """Carry out a plan of deletes, and return what is left of it.

    Args:
        planned: plans on what the inventory holds now, given what was refused.
        inventory: everything that was seen.
        runner: carries out one action.
        threads: how many at a time.
        tell: called after each, for progress and the journal.
    """
    refused: dict[ResourceKey, Refusal] = {}
    flying: dict[Future[Outcome], Action] = {}
    with ThreadPoolExecutor(threads, thread_name_prefix="cloud") as pool:
        while True:
            due = planned(refused)
            for action in frontier(due, flying.values()):
                job = ActionJob(action, inventory.get(action.key))
                flying[pool.submit(runner.run, job)] = action
            if not flying:
                return due
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                action, outcome = flying.pop(future), future.result()
                tell(outcome, action)
                _fold(inventory, outcome, action)
                if outcome.error is not None:
                    refused[action.key] = _refusal(action, outcome.error)


def _fold(inventory: Inventory, outcome: Outcome, action: Action) -> None:
    if outcome.error is None:
        written = outcome.read_began if outcome.was_read else outcome.ended
        inventory.fold_done(action, written)
    if outcome.was_read:
        inventory.fold_read(action.key, outcome.read, outcome.read_began)


def _refusal(action: Action, error: CloudError) -> Refusal:
    return Refusal(action, str(error), "do what it says, and run this again")
