"""The planner's rule table, row by row; the properties look at everything between the rows."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership, Resource, wanted
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, refs_in, zone
from glbc.model.kinds import ROWS, completed
from glbc.plan.planner import Blocked, Op, Plan, Reason, Refusal, frontier, plan

INGRESS = ObjectRef("Ingress", "shop", "web")
OWNED, ADOPTABLE, FOREIGN, UNREADABLE = Ownership


def key(kind: Kind, name: str = "x") -> ResourceKey:
    where = zone("z-a") if kind is Kind.INSTANCE_GROUP else GLOBAL
    return ResourceKey("p", kind, where, name)


CHECK, SERVICE, MAP = key(Kind.HEALTH_CHECK), key(Kind.BACKEND_SERVICE), key(Kind.URL_MAP)
PROXY, RULE, GROUP = (
    key(Kind.TARGET_HTTP_PROXY),
    key(Kind.FORWARDING_RULE),
    key(Kind.INSTANCE_GROUP),
)
SPECS: dict[ResourceKey, compute.Spec] = {
    CHECK: compute.HealthCheck(description="ours", type="HTTP"),
    SERVICE: compute.BackendService(
        description="ours", protocol="HTTP", port_name="port1", health_checks=(Ref(CHECK),)
    ),
    MAP: compute.UrlMap(default_service=Ref(SERVICE), host_rules=(), path_matchers=()),
    PROXY: compute.TargetHttpProxy(description="ours", url_map=Ref(MAP)),
    RULE: compute.ForwardingRule(description="ours", port_range="80-80", target=Ref(PROXY)),
}


def want(*keys: ResourceKey, **fields: Any) -> Graph[Resource]:
    """Return the desired graph; `fields` replace those of the last."""
    return Graph(
        wanted(k, _with(SPECS[k], fields if k == keys[-1] else {}), wanted_by=[INGRESS])
        for k in keys
    )


def there(k: ResourceKey, ownership: Ownership = OWNED, **fields: Any) -> Observed:
    spec = completed(k.kind, _with(SPECS.get(k, ROWS[Kind(k.kind)].spec()), fields))
    return Observed(key=k, spec=spec, ownership=ownership, refs=frozenset(refs_in(spec)))


def _with(spec: compute.Spec, fields: dict[str, Any]) -> compute.Spec:
    return msgspec.structs.replace(spec, **fields)


def told(found: Plan) -> dict[str, str]:
    """Return what is due (`op`) and what is blocked (`op!Reason`), by kind."""
    due = {action.key.kind: action.op.value for action in found.actions}
    return due | {one.key.kind: f"{one.op}!{one.reason}" for one in found.blocked}


USED = there(key(Kind.URL_MAP, "theirs"), FOREIGN, default_service=Ref(SERVICE))
SERVED = [there(CHECK), there(SERVICE)]


@pytest.mark.parametrize(
    ("desired", "actual", "verdicts"),
    [
        pytest.param(want(CHECK), [], {CHECK: "create"}, id="missing: created"),
        pytest.param(want(CHECK), [there(CHECK)], {}, id="equal: nothing"),
        pytest.param(
            want(CHECK), [there(CHECK, type="HTTPS")], {CHECK: "update"}, id="differs: updated"
        ),
        pytest.param(
            want(CHECK, SERVICE, MAP, PROXY, RULE),
            [*SERVED, there(MAP), there(PROXY), there(RULE, port_range="81-81")],
            {RULE: "delete"},
            id="immutable differs, nobody refers: deleted first",
        ),
        pytest.param(
            want(CHECK, SERVICE, load_balancing_scheme="EXTERNAL"),
            [there(CHECK), there(SERVICE, load_balancing_scheme="INTERNAL"), USED],
            {SERVICE: "create!InUse"},
            id="immutable differs, somebody refers: blocked",
        ),
        pytest.param(want(CHECK), [there(CHECK, FOREIGN)], {}, id="foreign and equal: used"),
        pytest.param(
            want(CHECK),
            [there(CHECK, FOREIGN, type="TCP")],
            {CHECK: "create!NameTaken"},
            id="foreign and different: blocked",
        ),
        pytest.param(
            want(CHECK),
            [there(CHECK, ADOPTABLE, type="TCP", description="hm")],
            {CHECK: "update"},
            id="adoptable: updated with our proof",
        ),
        pytest.param(
            want(CHECK, SERVICE, MAP),
            [*SERVED, there(MAP, ADOPTABLE, description="hm", default_service=UNSET)],
            {MAP: "create!NotOurs"},
            id="adoptable, but we have no proof to write: blocked",
        ),
        pytest.param(
            want(CHECK, SERVICE, MAP, PROXY, RULE),
            [*SERVED, there(MAP), there(PROXY), there(RULE, ADOPTABLE, port_range="81-81")],
            {RULE: "create!NotOurs"},
            id="adoptable and immutable differs: never deleted",
        ),
        pytest.param(
            want(CHECK),
            [there(CHECK, UNREADABLE)],
            {CHECK: "create!Unreadable"},
            id="unreadable: blocked",
        ),
        pytest.param(Graph(), [there(CHECK)], {CHECK: "delete"}, id="unwanted: deleted"),
        pytest.param(
            Graph(),
            [*SERVED],
            {CHECK: "delete", SERVICE: "delete"},
            id="unwanted with its user: both",
        ),
        pytest.param(
            Graph(),
            [*SERVED, USED],
            {CHECK: "delete!InUse", SERVICE: "delete!InUse"},
            id="unwanted, but a stranger holds on: blocked, and so is what it holds",
        ),
        pytest.param(
            Graph(),
            [there(CHECK, FOREIGN), there(PROXY, ADOPTABLE), there(RULE, UNREADABLE)],
            {},
            id="unwanted and not ours: nothing",
        ),
        pytest.param(
            Graph(),
            [there(CHECK), there(SERVICE, UNREADABLE, health_checks=UNSET)],
            {CHECK: "delete!Unreadable"},
            id="unwanted, but one who may refer to it cannot be read: blocked",
        ),
        pytest.param(
            want(MAP),
            [],
            {MAP: "create!ReferenceMissing"},
            id="a reference that nobody makes: blocked",
        ),
        pytest.param(
            want(MAP),
            [*SERVED],
            {MAP: "create"},
            id="what a wanted resource refers to is kept as it is",
        ),
        pytest.param(
            want(CHECK, SERVICE, MAP),
            [
                there(CHECK, FOREIGN, type="TCP"),
                there(MAP, default_service=Ref(key(Kind.BACKEND_SERVICE, "o"))),
                there(key(Kind.BACKEND_SERVICE, "o"), FOREIGN, health_checks=UNSET),
            ],
            {CHECK: "create!NameTaken", SERVICE: "create!NeedsBlocked", MAP: "update!NeedsBlocked"},
            id="a blocked reference blocks whoever wants to refer to it",
        ),
    ],
)
def test_the_rule_table(
    desired: Graph[Resource], actual: list[Observed], verdicts: dict[ResourceKey, str]
) -> None:
    expected = {k.kind: verdict for k, verdict in verdicts.items()}
    assert told(plan(desired, Graph(actual))) == expected


def test_a_front_end_is_made_from_the_back() -> None:
    found = plan(want(*SPECS), Graph())
    assert {a.key: set(a.needs) for a in found.actions} == {
        CHECK: set(),
        SERVICE: {CHECK},
        MAP: {SERVICE},
        PROXY: {MAP},
        RULE: {PROXY},
    }
    assert [action.key for action in frontier(found)] == [CHECK]


def test_a_front_end_goes_from_the_front() -> None:
    found = plan(Graph(), Graph(there(k) for k in SPECS))
    assert [action.key for action in frontier(found)] == [RULE]


def test_an_update_is_not_stopped_by_a_reference_that_it_has_already() -> None:
    desired = want(CHECK, SERVICE, protocol="HTTPS")
    actual = Graph([there(CHECK, FOREIGN, type="TCP"), there(SERVICE)])
    assert told(plan(desired, actual)) == {
        CHECK.kind: "create!NameTaken",
        SERVICE.kind: "update",
    }


def test_a_rule_is_not_replaced_while_its_new_target_is_missing() -> None:
    desired = want(CHECK, SERVICE, MAP, PROXY, RULE)
    old = there(RULE, port_range="81-81", target=UNSET)
    (replacing,) = [a for a in plan(desired, Graph([old])).actions if a.key == RULE]
    assert (replacing.op, replacing.disruptive, replacing.needs) == (Op.DELETE, True, {PROXY})


def test_what_is_kept_stays_with_all_it_refers_to() -> None:
    actual = Graph(there(k) for k in SPECS)
    assert plan(Graph(), actual, keep=[RULE]) == Plan()


def test_a_kind_that_cannot_be_listed_creates_nothing() -> None:
    found = plan(want(CHECK), Graph(unreadable=[Kind.HEALTH_CHECK]))
    assert told(found) == {CHECK.kind: "create!Unreadable"}


def test_a_refused_action_is_not_tried_again_until_it_asks_for_something_else() -> None:
    (action,) = plan(want(CHECK), Graph()).actions
    parked = {CHECK: Refusal(action, "quota", "raise it")}
    (blocked,) = plan(want(CHECK), Graph(), parked=parked).blocked
    assert blocked == Blocked(
        key=CHECK,
        op=Op.CREATE,
        reason=Reason.REFUSED,
        by="quota",
        hint="raise it",
        wanted_by=(INGRESS,),
    )
    assert plan(want(CHECK, type="HTTPS"), Graph(), parked=parked).actions


def test_a_backend_waits_for_its_named_port() -> None:
    spec = compute.BackendService(port_name="port1", backends=(compute.Backend(group=Ref(GROUP)),))
    ports = (compute.NamedPort(name="port1", port=1),)
    desired = Graph(
        [wanted(SERVICE, spec), wanted(GROUP, compute.InstanceGroup(named_ports=ports))]
    )
    live = completed(GROUP.kind, compute.InstanceGroup())
    found = plan(desired, Graph([Observed(key=GROUP, spec=live, ownership=OWNED)]))
    assert [(a.op, a.key) for a in frontier(found)] == [(Op.UPDATE, GROUP)]


def test_nothing_is_deleted_while_an_action_in_flight_relies_on_it() -> None:
    flying = [
        a for a in plan(want(CHECK, SERVICE), Graph([there(CHECK)])).actions if a.key == SERVICE
    ]
    found = plan(Graph(), Graph([there(CHECK)]))
    assert [a.key for a in found.actions] == [CHECK]
    assert frontier(found, flying) == []


def test_nothing_starts_that_relies_on_what_is_being_deleted() -> None:
    flying = plan(Graph(), Graph([there(CHECK)])).actions
    found = plan(want(CHECK, SERVICE), Graph([there(CHECK)]))
    assert [a.key for a in found.actions] == [SERVICE]
    assert frontier(found, flying) == []


def test_a_backend_is_not_replaced_while_its_named_port_is_refused() -> None:
    backends = (compute.Backend(group=Ref(GROUP)),)
    old, new = (
        compute.BackendService(port_name="port1", backends=backends, load_balancing_scheme=scheme)
        for scheme in ("INTERNAL", "EXTERNAL")
    )
    ports = (compute.NamedPort(name="port1", port=1),)
    desired = Graph([wanted(SERVICE, new), wanted(GROUP, compute.InstanceGroup(named_ports=ports))])
    group = completed(GROUP.kind, compute.InstanceGroup())
    actual = Graph(
        Observed(
            key=k, spec=completed(k.kind, spec), ownership=OWNED, refs=frozenset(refs_in(spec))
        )
        for k, spec in ((GROUP, group), (SERVICE, old))
    )
    (naming,) = [a for a in plan(desired, actual).actions if a.key == GROUP]
    parked = {GROUP: Refusal(naming, "quota", "raise it")}
    assert told(plan(desired, actual, parked=parked)) == {
        GROUP.kind: "update!Refused",
        SERVICE.kind: "delete!NeedsBlocked",
    }
