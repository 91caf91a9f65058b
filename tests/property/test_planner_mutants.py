"""A planner with one rule broken must be caught, and by the promise that the rule is there for.

Each mutant is one piece of the code's own text replaced. A text that is not there any more fails
loudly: then the rule has moved, and the table follows it.
"""

import inspect
import random
from collections.abc import Callable
from typing import Any

import pytest

from glbc.plan import diff, guard, losses, planner
from tests.property.paper import Broken
from tests.property.test_planner import (
    a_refusal_blocks_what_relies_on_it_only,
    an_incomplete_view_loses_nothing,
    everything_settles,
    finalizers_come_first,
    the_order_of_inputs_does_not_matter,
)
from tests.property.worlds import Rng

MUTANTS = (
    # what of the code, becomes what; which property must notice, by which promise
    (
        planner.plan,
        "live.ownership is Ownership.OWNED and ",
        "",
        everything_settles,
        "ownership is proved",
    ),
    (planner.plan, " and live.key not in kept", "", everything_settles, "what is kept stays"),
    (planner.plan, "(*keep, *referred)", "keep", everything_settles, "what is wanted stays"),
    (
        planner.plan,
        "in sorted(draft)",
        "in draft",
        the_order_of_inputs_does_not_matter,
        "order does not matter",
    ),
    (
        planner._wanted,
        "live.ownership is Ownership.FOREIGN",
        "False",
        everything_settles,
        "ownership is proved",
    ),
    (planner._wanted, "if fixed or proof", "if proof", everything_settles, "ownership is proved"),
    (
        planner._wanted,
        "live.ownership is Ownership.UNREADABLE",
        "False",
        everything_settles,
        "what is doubted is read first",
    ),
    (
        planner._with_needs,
        "if target in held and target in actual",
        "if False",
        everything_settles,
        "what is wanted is equal",
    ),
    (
        planner._with_needs,
        " or not _owned(actual, target)",
        "",
        everything_settles,
        "no traffic to strangers",
    ),
    (
        planner._with_needs,
        "wanted.refs if action.op is Op.DELETE",
        "() if action.op is Op.DELETE",
        everything_settles,
        "a working front end stays",
    ),
    (
        planner._with_needs,
        " or not _lets_go(verdict, action.key)",
        "",
        the_order_of_inputs_does_not_matter,
        "a delete is due when all let go",
    ),
    (
        planner._gap,
        "there is None and is_managed(target)",
        "False",
        everything_settles,
        "references exist",
    ),
    (
        planner._earlier_fields,
        "if verdict and",
        "if False and",
        everything_settles,
        "the port is there first",
    ),
    (planner._spread, "while todo", "while False", everything_settles, "comes to rest"),
    (
        planner._unread,
        "actual.unreadable | ",
        "frozenset() and ",
        everything_settles,
        "nothing in use is deleted",
    ),
    (
        planner._closure,
        "live.refs if live else ()",
        "()",
        everything_settles,
        "what is kept is left in peace",
    ),
    (
        planner.Action.same_request,
        "==",
        "is",
        a_refusal_blocks_what_relies_on_it_only,
        "refused once is enough",
    ),
    (planner.frontier, "not action.needs", "True", everything_settles, "references exist"),
    (planner.frontier, "action.key not in busy", "True", everything_settles, "one write at a time"),
    (
        planner.frontier,
        "action.key in relied",
        "False",
        everything_settles,
        "nothing relied on is deleted",
    ),
    (
        planner.frontier,
        "action.relies_on.isdisjoint(going)",
        "True",
        everything_settles,
        "refers to nothing that goes",
    ),
    (diff.diff, "if name in row.initial:", "if False:", everything_settles, "own fields only"),
    (
        diff.diff,
        " and not (wanted is UNSET and name in row.immutable)",
        "",
        everything_settles,
        "what is wanted stays",
    ),
    (
        diff._merged_list,
        " or not keyed.ours(element, near.owned)",
        "",
        everything_settles,
        "own elements only",
    ),
    (diff._merged_list, "used or ", "", everything_settles, "a port in use stays"),
    (diff._merged_list, " or len(twins) > 1", "", everything_settles, "what is wanted is equal"),
    (
        losses.without_losses,
        "return None\n    changes",
        "return action\n    changes",
        an_incomplete_view_loses_nothing,
        "no delete",
    ),
    (
        losses._gains,
        "{*before, *after}",
        "after",
        an_incomplete_view_loses_nothing,
        "no element is lost",
    ),
    (
        losses._union,
        "not in there",
        "is None",
        an_incomplete_view_loses_nothing,
        "no element is lost",
    ),
    (
        losses._with_routes_of,
        "if lost else new",
        "if False else new",
        an_incomplete_view_loses_nothing,
        "no element is lost",
    ),
    (losses._without_stuck, "if not stuck", "if True", finalizers_come_first, "comes to rest"),
    (
        guard._users_first,
        "any(user",
        "all(user",
        finalizers_come_first,
        "what is wanted is there",
    ),
    (
        guard._users_first,
        "action.op is Op.CREATE and action.wanted_by",
        "False",
        finalizers_come_first,
        "finalizers first",
    ),
)

RARE = (119, 162, 221, 570, 669, 1924, 2844)  # worlds that show what few do: looked at first


def mutated(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    """Return a copy of the function with one piece of its text replaced."""
    source = inspect.cleandoc("\n" + inspect.getsource(function))
    assert old in source, f"{function.__name__} does not say {old!r} any more"
    names: dict[str, Any] = {}
    exec(source.replace(old, new), function.__globals__, names)  # noqa: S102  # our own text
    return names[function.__name__]


@pytest.mark.parametrize(
    ("function", "old", "new", "notices", "promise"),
    [
        pytest.param(*row, id=f"{row[0].__name__} with {row[2] or 'no'!r} for {row[1]!r}")
        for row in MUTANTS
    ],
)
def test_a_broken_rule_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    function: Callable[..., Any],
    old: str,
    new: str,
    notices: Callable[[Rng], None],
    promise: str,
) -> None:
    broken_one = mutated(function, old, new)
    for owner in (planner, planner.Action, diff, guard, losses):
        if vars(owner).get(function.__name__) is function:
            monkeypatch.setattr(owner, function.__name__, broken_one)
    broken = set()
    for seed in (*RARE, *range(3000)):
        try:
            notices(random.Random(seed))
        except Broken as failure:
            broken.add(failure.promise)
        except RuntimeError:
            continue  # a plan that never comes to rest
        if promise in broken:
            return
    pytest.fail(f"nothing noticed but {broken or 'nothing'}")
