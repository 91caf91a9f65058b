"""Guards take actions out of a plan, or what an action would lose, and say so."""

from typing import Any

import pytest

from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.plan import guard
from glbc.plan.diff import Change
from glbc.plan.planner import Action, Op, Plan, Reason

WEB, API = (ObjectRef("Ingress", "shop", name) for name in ("web", "api"))
GROUP = ResourceKey("p", Kind.INSTANCE_GROUP, GLOBAL, "g")
CHECK = ResourceKey("p", Kind.HEALTH_CHECK, GLOBAL, "c")
MAP = ResourceKey("p", Kind.URL_MAP, GLOBAL, "m")
SERVICE = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "s")
FIREWALL = ResourceKey("p", Kind.FIREWALL, GLOBAL, "f")
A, B = (Ref(ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, name)) for name in "ab")
SPECS: dict[str, Any] = {
    GROUP.kind: compute.InstanceGroup(),
    MAP.kind: compute.UrlMap(),
    SERVICE.kind: compute.BackendService(),
    FIREWALL.kind: compute.Firewall(),
    CHECK.kind: compute.HealthCheck(),
}
SEEN = guard.NEEDED_VIEWS  # not Pod: pods want nothing, so no delete waits for them


def action(op: Op, key: ResourceKey, *changes: Change, **more: Any) -> Action:
    return Action(
        op=op, key=key, reason=Reason.DIFFERS, spec=SPECS[key.kind], changes=changes, **more
    )


def port(number: int) -> compute.NamedPort:
    return compute.NamedPort(name=f"port{number}", port=number)


def matcher(*rules: tuple[str, Ref]) -> compute.PathMatcher:
    return compute.PathMatcher(
        name="m",
        path_rules=tuple(compute.PathRule(paths=(path,), service=to) for path, to in rules),
    )


def allowed(ports: str) -> compute.Allowed:
    return compute.Allowed(ip_protocol="tcp", ports=(ports,))


def test_a_complete_view_changes_nothing() -> None:
    plan = Plan((action(Op.DELETE, CHECK), action(Op.CREATE, MAP)))
    assert guard.complete_view(plan, SEEN) is plan


def test_a_delete_waits_for_a_complete_view() -> None:
    held = guard.complete_view(Plan((action(Op.DELETE, CHECK),)), SEEN - {"Node"})
    assert held.actions == ()
    assert [(b.key, b.reason, b.by) for b in held.blocked] == [
        (CHECK, Reason.VIEW_INCOMPLETE, "not all of Node can be seen")
    ]


def test_a_create_does_not_wait() -> None:
    plan = Plan((action(Op.CREATE, MAP),))
    assert guard.complete_view(plan, ()) == plan


def test_a_health_check_is_not_made_before_the_pods_are_seen() -> None:
    """What it is made with comes from their probes and is never mended later."""
    needs = frozenset({CHECK})
    made = (action(Op.CREATE, CHECK), action(Op.CREATE, SERVICE, needs=needs))
    held = guard.complete_view(Plan((*made, action(Op.CREATE, FIREWALL))), SEEN)
    assert [action.key for action in held.actions] == [FIREWALL]
    assert [(b.key, b.reason) for b in held.blocked] == [
        (CHECK, Reason.VIEW_INCOMPLETE),
        (SERVICE, Reason.NEEDS_BLOCKED),
    ]
    assert held.blocked[0].by == "not all of Pod can be seen"


def test_a_health_check_is_changed_and_deleted_whatever_pods_are_seen() -> None:
    changed = Change("type", "HTTP", "HTTPS")
    plan = Plan((action(Op.DELETE, CHECK), action(Op.UPDATE, CHECK, changed)))
    assert guard.complete_view(plan, SEEN) == plan


@pytest.mark.parametrize(
    ("key", "field", "before", "after", "left"),
    [
        pytest.param(
            GROUP,
            "instances",
            (A, B),
            (A,),
            None,
            id="a member that would go: nothing is left to do",
        ),
        pytest.param(GROUP, "instances", (B,), (A,), (A, B), id="a member is added, none goes"),
        pytest.param(
            GROUP,
            "named_ports",
            (port(1), port(2)),
            (port(2), port(3)),
            (port(2), port(3), port(1)),
            id="a port is added, none goes",
        ),
        pytest.param(
            MAP,
            "path_matchers",
            (matcher(("/a", A), ("/b", A)),),
            (matcher(("/a", B)),),
            (matcher(("/a", B), ("/b", A)),),
            id="a route gets a new target, none goes",
        ),
        pytest.param(
            SERVICE, "health_checks", (A,), (B,), (B,), id="the one health check is replaced"
        ),
        pytest.param(
            FIREWALL,
            "allowed",
            (allowed("80"),),
            (allowed("81"),),
            (allowed("81"),),
            id="what no view can hide is changed",
        ),
        pytest.param(MAP, "default_service", A, B, B, id="a target is replaced"),
    ],
)
def test_an_update_ships_its_gains_only(
    key: ResourceKey, field: str, before: Any, after: Any, left: Any
) -> None:
    full = action(Op.UPDATE, key, Change(field, before, after))
    found = guard.complete_view(Plan((full,)), SEEN - {"Service"})
    assert [change for a in found.actions for change in a.changes] == (
        [] if left is None else [Change(field, before, left)]
    )
    assert len(found.blocked) == (left != after)


def test_what_needs_a_held_action_is_held_and_told() -> None:
    plan = Plan((action(Op.CREATE, MAP, needs=frozenset({CHECK})), action(Op.DELETE, CHECK)))
    held = guard.complete_view(plan, ())
    assert held.actions == ()
    assert [(b.key, b.reason) for b in held.blocked] == [
        (CHECK, Reason.VIEW_INCOMPLETE),
        (MAP, Reason.NEEDS_BLOCKED),
    ]


@pytest.mark.parametrize(
    ("op", "users", "lacking", "held"),
    [
        pytest.param(Op.CREATE, (WEB,), {WEB}, True, id="its only user lacks the finalizer"),
        pytest.param(Op.CREATE, (API, WEB), {WEB}, False, id="another user has it"),
        pytest.param(Op.CREATE, (API, WEB), {API, WEB}, True, id="all lack it"),
        pytest.param(Op.CREATE, (WEB,), (), False, id="nobody lacks it"),
        pytest.param(Op.UPDATE, (WEB,), {WEB}, False, id="what exists is updated"),
        pytest.param(Op.DELETE, (), {WEB}, False, id="what nobody wants is deleted"),
    ],
)
def test_finalizers_come_first(op: Op, users: Any, lacking: Any, held: bool) -> None:
    plan = Plan((action(op, CHECK, wanted_by=users),))
    found = guard.finalizers_first(plan, lacking)
    assert [b.reason for b in found.blocked] == ([Reason.FINALIZER_MISSING] if held else [])
    assert len(found.actions) == (not held)


def test_read_only_holds_everything() -> None:
    plan = Plan((action(Op.CREATE, MAP), action(Op.DELETE, CHECK)))
    found = guard.read_only(plan)
    assert found.actions == ()
    assert {b.reason for b in found.blocked} == {Reason.READ_ONLY}
