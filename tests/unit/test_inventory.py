"""What the inventory believes when lists, reads and writes cross each other."""

from typing import Any

import pytest

from glbc.engine.inventory import Inventory
from glbc.model.compute import HealthCheck
from glbc.model.graph import Ownership
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.kinds import MANAGED
from glbc.plan.planner import Action, Op, Reason

KEY = ResourceKey("p", Kind.HEALTH_CHECK, GLOBAL, "a")
CREATE = Action(op=Op.CREATE, key=KEY, reason=Reason.MISSING, spec=HealthCheck(type="HTTP"))
DELETE = Action(op=Op.DELETE, key=KEY, reason=Reason.UNWANTED, spec=HealthCheck(type="HTTP"))


def body(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "type": "HTTP", **fields}


def inventory() -> Inventory:
    return Inventory(dict.fromkeys(MANAGED, "p"), lambda _key, _spec: Ownership.OWNED)


def test_a_list_begun_before_a_create_ended_does_not_undo_it() -> None:
    seen = inventory()
    seen.fold_done(CREATE, 10.0)
    seen.fold_list(Kind.HEALTH_CHECK, [], began=9.0)
    assert KEY in seen.graph()


def test_a_list_begun_after_a_create_ended_is_believed() -> None:
    seen = inventory()
    seen.fold_done(CREATE, 10.0)
    seen.fold_list(Kind.HEALTH_CHECK, [], began=11.0)
    assert KEY not in seen.graph()


def test_a_list_begun_before_a_delete_ended_does_not_bring_it_back() -> None:
    seen = inventory()
    seen.fold_list(Kind.HEALTH_CHECK, [body()], began=1.0)
    seen.fold_done(DELETE, 10.0)
    seen.fold_list(Kind.HEALTH_CHECK, [body()], began=9.0)
    assert KEY not in seen.graph()


def test_a_read_that_is_newer_than_a_list_wins() -> None:
    seen = inventory()
    seen.fold_read(KEY, body(checkIntervalSec=7), began=5.0)
    seen.fold_list(Kind.HEALTH_CHECK, [body(checkIntervalSec=3)], began=4.0)
    live = seen.get(KEY)
    assert live is not None
    assert isinstance(live.spec, HealthCheck)
    assert live.spec.check_interval_sec == 7


def test_what_is_in_doubt_is_unreadable_and_neither_there_nor_absent() -> None:
    seen = inventory()
    seen.fold_list(Kind.HEALTH_CHECK, [], began=1.0)
    seen.doubt(KEY)
    assert seen.graph()[KEY].ownership is Ownership.UNREADABLE
    assert not seen.is_confirmed_absent(KEY)
    seen.fold_read(KEY, None, began=2.0)
    assert KEY not in seen.graph()
    assert seen.is_confirmed_absent(KEY)


def test_a_kind_is_unreadable_until_it_was_listed() -> None:
    seen = inventory()
    assert Kind.HEALTH_CHECK in seen.graph().unreadable
    seen.fold_list(Kind.HEALTH_CHECK, [], began=1.0)
    assert Kind.HEALTH_CHECK not in seen.graph().unreadable


def test_the_graph_is_the_same_object_until_something_changes() -> None:
    seen = inventory()
    seen.fold_list(Kind.HEALTH_CHECK, [body()], began=1.0)
    before = seen.graph()
    assert before is seen.graph()
    seen.fold_done(DELETE, 2.0)
    assert before is not seen.graph()


@pytest.mark.parametrize(
    ("modes", "hint"),
    [
        pytest.param([], "", id="no live backend: no hint"),
        pytest.param(["RATE"], "RATE", id="all by rate"),
        pytest.param(["UTILIZATION"], "UTILIZATION", id="all by utilization"),
        pytest.param(["RATE", "UTILIZATION"], "UTILIZATION", id="mixed: utilization"),
    ],
)
def test_the_balancing_mode_of_our_groups_is_hinted(modes: list[str], hint: str) -> None:
    seen = inventory()
    zone = "https://www.googleapis.com/compute/v1/projects/p/zones/z"
    seen.fold_list(Kind.INSTANCE_GROUP, [{"name": "g", "zone": zone}], began=1.0)
    services = [
        {
            "name": f"s{number}",
            "backends": [{"group": f"{zone}/instanceGroups/g", "balancingMode": mode}],
        }
        for number, mode in enumerate(modes)
    ]
    seen.fold_list(Kind.BACKEND_SERVICE, services, began=1.0)
    assert hint == seen.hints(()).balancing
