"""Which health checks wait for a first pod, and until when."""

from typing import Any

import msgspec
import pytest

from fakes.build import container, node, pod, service
from glbc.model.graph import Graph
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.views import Hints, Ingress, Snapshot
from glbc.naming import Namer
from glbc.plan import guard
from glbc.plan.planner import Plan, Reason, plan
from glbc.translate.desired import translate
from glbc.translate.podless import MOMENT_SEC
from tests.golden.cases import KUBE_SYSTEM, UID, config_of, snapshot_of

NAMER = Namer(UID, KUBE_SYSTEM)
MADE = 1_767_225_600.0  # 2026-01-01T00:00:00Z
CHECK = ResourceKey("p", Kind.HEALTH_CHECK, GLOBAL, NAMER.backend(30080))


def _snapshot(
    created: str | None, *pods: dict[str, Any], selector: dict[str, str] | None = None
) -> Snapshot:
    made = service("shop/web", "80->30080")
    made["metadata"] |= {"creationTimestamp": created} if created else {}
    made["spec"] |= {} if selector is None else {"selector": selector}
    default = {"service": {"name": "web", "port": {"number": 80}}}
    web = {"metadata": {"namespace": "shop", "name": "web"}, "spec": {"defaultBackend": default}}
    seen = snapshot_of([node("n1", project="p"), made, *pods])
    return msgspec.structs.replace(seen, ingresses={"shop/web": msgspec.convert(web, Ingress)})


POD = pod("shop/a", container("app"))
NEW = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("snapshot", "now", "waits"),
    [
        pytest.param(_snapshot(NEW), MADE + 1, True, id="made a moment ago, no pod"),
        pytest.param(_snapshot(NEW, POD), MADE + 1, False, id="its pod is there, with any probe"),
        pytest.param(_snapshot(NEW), MADE + MOMENT_SEC, False, id="the moment is over"),
        pytest.param(_snapshot(NEW), MADE - 1, False, id="the API server's clock is ahead"),
        pytest.param(_snapshot(None), 1.0, False, id="nobody says when it was made"),
        pytest.param(_snapshot("soon"), MADE, False, id="nobody can read when it was made"),
        pytest.param(_snapshot(NEW, selector={}), MADE + 1, False, id="it selects by no label"),
        pytest.param(
            _snapshot("2026-01-01T01:00:00+01:00"), MADE + 1, True, id="in another time zone"
        ),
        pytest.param(_snapshot("2026-01-01T00:00:00"), MADE + 1, True, id="in no time zone"),
    ],
)
def test_a_check_waits_for_a_first_pod(snapshot: Snapshot, now: float, waits: bool) -> None:
    desired = translate(snapshot, Hints(), NAMER, config_of(), now=now)
    assert waits == (desired.awaiting == {CHECK})
    assert waits == (desired.until == MADE + MOMENT_SEC)


def test_what_needs_the_check_waits_with_it_and_nothing_else_does() -> None:
    desired = translate(_snapshot(NEW), Hints(), NAMER, config_of(), now=MADE)
    held = guard.pods_first(plan(desired.graph, Graph()), desired.awaiting)
    assert {action.key.kind for action in held.actions} == {Kind.INSTANCE_GROUP, Kind.FIREWALL}
    reasons = {blocked.key.kind: blocked.reason for blocked in held.blocked}
    assert reasons[Kind.HEALTH_CHECK] is Reason.PODS_AWAITED
    assert reasons[Kind.BACKEND_SERVICE] is Reason.NEEDS_BLOCKED


def test_where_nothing_waits_the_plan_is_as_it_was() -> None:
    due = Plan(())
    assert guard.pods_first(due, frozenset({CHECK})) is due
