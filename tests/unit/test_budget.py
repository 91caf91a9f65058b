"""Whether a plan fits into the quotas of its projects: what counts is the most that there is on the way."""

import pytest

from fakes.gce.discovery import discovery
from fakes.gce.kinds import KINDS
from glbc.commands.budget import checked
from glbc.errors import Denied
from glbc.model.compute import Spec
from glbc.model.keys import GLOBAL, Kind, ResourceKey, zone
from glbc.model.quota import METRICS, Quota
from glbc.plan.budget import Budget, Shortage, shortages
from glbc.plan.planner import Action, Op, Reason

METRIC = METRICS[Kind.SSL_CERTIFICATE]
Wave = tuple[Action, ...]


def some(op: Op, number: int, kind: Kind = Kind.SSL_CERTIFICATE, project: str = "p") -> Wave:
    scope = zone("z") if kind is Kind.INSTANCE_GROUP else GLOBAL
    keys = [ResourceKey(project, kind, scope, f"{op}-{i}") for i in range(number)]
    return tuple(Action(op=op, key=key, reason=Reason.MISSING, spec=Spec()) for key in keys)


CREATE, DELETE, UPDATE = Op.CREATE, Op.DELETE, Op.UPDATE


@pytest.mark.parametrize(
    ("waves", "limit", "usage", "needs"),
    [
        pytest.param([some(CREATE, 3)], 10, 8, 3, id="too many"),
        pytest.param([some(CREATE, 2)], 10, 8, 2, id="the last ones are told of"),
        pytest.param([some(CREATE, 1)], 10, 8, None, id="one is left: nothing to tell"),
        pytest.param([some(CREATE, 5)], 1000, 900, None, id="many are left"),
        pytest.param([some(CREATE, 5)], 1000, 950, 5, id="less than one in twenty is left"),
        pytest.param(
            [some(CREATE, 1), some(DELETE, 1)], 10, 10, 1, id="a rotation needs room for one more"
        ),
        pytest.param(
            [some(DELETE, 5), some(CREATE, 5)], 10, 10, 0, id="what goes first makes room"
        ),
        pytest.param(
            [some(DELETE, 1) + some(CREATE, 1)], 10, 10, 1, id="in one wave nothing is first"
        ),
        pytest.param([some(UPDATE, 5)], 10, 10, None, id="an update needs no room"),
        pytest.param([some(DELETE, 5)], 10, 12, None, id="nor does a deletion"),
        pytest.param([some(CREATE, 9, project="q")], 10, 10, None, id="of another project"),
        pytest.param([some(CREATE, 9, Kind.URL_MAP)], 10, 10, None, id="of another kind"),
        pytest.param([some(CREATE, 9, Kind.INSTANCE_GROUP)], 10, 10, None, id="that is regional"),
    ],
)
def test_what_is_told(waves: list[Wave], limit: int, usage: int, needs: int | None) -> None:
    found = shortages(waves, {"p": [Quota(METRIC, limit, usage)]})
    expected = Shortage(project="p", metric=METRIC, usage=usage, limit=limit, needs=needs or 0)
    assert found == ((expected,) if needs else ())


def test_a_refused_read_is_told_and_stops_nothing() -> None:
    def quotas_of(project: str) -> list[Quota]:
        if project == "p":
            raise Denied("get project p: no")
        return [Quota(METRIC, 1, 1)]

    found = checked([some(CREATE, 1) + some(CREATE, 1, project="q")], quotas_of)
    short = Shortage(project="q", metric=METRIC, usage=1, limit=1, needs=1)
    assert found == Budget((short,), (("p", "get project p: no"),))


def test_a_plan_that_makes_nothing_reads_nothing() -> None:
    def quotas_of(project: str) -> list[Quota]:
        raise AssertionError(project)

    assert checked([some(UPDATE, 1), some(DELETE, 1)], quotas_of) == Budget()


def test_every_metric_is_one_of_the_apis_and_what_the_fake_counts_for_the_kind() -> None:
    assert set(METRICS.values()) <= set(discovery().schema("Quota")["metric"].enum)
    assert {kind: KINDS[kind].metric for kind in METRICS} == METRICS
