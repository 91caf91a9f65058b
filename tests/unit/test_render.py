"""What `glbc plan` prints, held by golden files: `--update-golden` rewrites them, the diff is reviewed."""

from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from glbc.model import compute
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind
from glbc.model.quota import Quota
from glbc.naming import Scheme
from glbc.plan.budget import Budget, shortages
from glbc.plan.diff import Change
from glbc.plan.output import plain_of, written
from glbc.plan.planner import Action, Op, Plan, Reason
from glbc.plan.render import HIDDEN, plan_out, render_text
from glbc.plan.simulate import Rehearsal, rehearse
from tests.property.worlds import CONFIG, NAMER, Site, Wish, converged, desired, observed

GOLDEN = Path(__file__).parents[1] / "golden" / "plan"

NODES = (("gke-node-0", "us-central1-a"), ("gke-node-1", "us-central1-b"))
HTTP = ("HTTP",) * 4
WEB = Site("shop/web", 0, (("shop.example", "/cart", 1),), "")
API = Site("shop/api", 0, (), "198.51.100.1")
ONE = Wish((WEB,), NODES, HTTP)
EDITED = Wish(
    (replace(WEB, default=2, routes=(("shop.example", "/cart", 2), ("new.example", "/", 1))),),
    NODES,
    HTTP,
)
FINDINGS = (
    Finding(
        ObjectRef("Ingress", "shop", "web"),
        "ServiceNotFound",
        "spec.rules[0].http.paths[0].backend",
        "service shop/cart does not exist; the default backend serves it",
        "create it, or name another one",
    ),
    Finding(
        ObjectRef("Node", "", "gke-node-7"),
        "NodeWithoutZone",
        "spec.providerID",
        "nothing tells the zone of this node, so it gets no traffic",
        "set the provider ID, or the label topology.kubernetes.io/zone",
        Severity.NOTE,
    ),
)


def nothing() -> tuple[Rehearsal, tuple[Finding, ...]]:
    return rehearse(desired(ONE), converged(desired(ONE))), ()


def first_ingress() -> tuple[Rehearsal, tuple[Finding, ...]]:
    return rehearse(desired(ONE), Graph()), FINDINGS


def edited_ingress() -> tuple[Rehearsal, tuple[Finding, ...]]:
    return rehearse(desired(EDITED), converged(desired(ONE))), ()


def last_ingress() -> tuple[Rehearsal, tuple[Finding, ...]]:
    return rehearse(Graph(), converged(desired(ONE))), ()


def new_address() -> tuple[Rehearsal, tuple[Finding, ...]]:
    old, new = (Wish((replace(API, address=ip),), NODES, HTTP) for ip in ("192.0.2.7", API.address))
    return rehearse(desired(new), converged(desired(old))), ()


def in_the_way() -> tuple[Rehearsal, tuple[Finding, ...]]:
    """Somebody has our name, and somebody else uses what we want to delete."""
    there = []
    for node in converged(desired(ONE)):
        if node.key.kind == Kind.URL_MAP:
            strange = compute.UrlMap(
                description="by hand", default_service=node.spec.default_service
            )
            there.append(observed(node.key, strange, Ownership.FOREIGN))
        elif node.key.kind not in {Kind.TARGET_HTTP_PROXY, Kind.FORWARDING_RULE}:
            there.append(node)
    return rehearse(desired(EDITED), Graph(there)), ()


def short_of_quotas() -> tuple[Rehearsal, tuple[Finding, ...], Budget]:
    """One quota is too small, one would be used up, and those of the network's project are secret."""
    rehearsal, _ = first_ingress()
    quotas = (Quota("URL_MAPS", 10, 10), Quota("HEALTH_CHECKS", 75, 70), Quota("FIREWALLS", 100, 3))
    found = shortages(rehearsal.waves, {CONFIG.project: quotas})
    why = "get project net: Required 'compute.projects.get' permission for 'projects/net'"
    return rehearsal, (), Budget(found, (("net", why),))


CASES = (
    nothing,
    first_ingress,
    edited_ingress,
    last_ingress,
    new_address,
    in_the_way,
    short_of_quotas,
)


@pytest.mark.parametrize("case", [pytest.param(one, id=one.__name__) for one in CASES])
def test_people_read_the_plan(case, update_golden: bool) -> None:
    golden = GOLDEN / f"{case.__name__}.txt"
    text = render_text(*case())
    if update_golden:
        golden.write_text(text)
    assert golden.read_text() == text


def test_no_golden_file_is_left_without_its_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {case.__name__ for case in CASES}


@pytest.mark.parametrize("case", [pytest.param(one, id=one.__name__) for one in CASES])
def test_details_are_folded_unless_a_single_word_is_too_long(case) -> None:
    for line in render_text(*case(), width=60).splitlines():
        assert not line.startswith(" " * 6) or len(line) <= 60 or len(line.split()) == 1, line


@pytest.mark.parametrize("case", [pytest.param(one, id=one.__name__) for one in CASES])
def test_programs_read_the_same_plan(case) -> None:
    _, findings, *_ = case()
    told = plain_of(plan_out(*case()))
    assert set(told) == {"waves", "blocked", "findings", "summary", "quotas", "quotasUnread"}
    ops = [action["op"] for wave in told["waves"] for action in wave]
    assert told["summary"] == {
        **{op: ops.count(op) for op in ("create", "update", "delete")},
        "blocked": len(told["blocked"]),
    }
    assert len(told["findings"]) == len(findings)


def test_an_action_has_the_words_of_the_api() -> None:
    rehearsal, _ = new_address()
    action = plain_of(plan_out(rehearsal, ()))["waves"][0][0]
    assert action == {
        "op": "delete",
        "kind": "forwardingRules",
        "scope": "global",
        "name": NAMER.frontend(Scheme.V2, "shop", "api").http_rule,
        "reason": "ImmutableDiffers",
        "changes": [{"field": "IPAddress", "before": "192.0.2.7", "after": "198.51.100.1"}],
        "wantedBy": [{"kind": "Ingress", "namespace": "shop", "name": "api"}],
        "disruptive": True,
    }


def test_a_finding_has_its_object_and_severity() -> None:
    (found, _) = plain_of(plan_out(nothing()[0], FINDINGS))["findings"]
    assert (found["object"]["name"], found["severity"]) == ("web", "warning")


def test_a_quota_has_its_numbers() -> None:
    told = plain_of(plan_out(*short_of_quotas()))
    assert told["quotas"] == [
        {
            "project": CONFIG.project,
            "metric": "HEALTH_CHECKS",
            "usage": 70,
            "limit": 75,
            "needs": 2,
            "fits": True,
            "hint": "3 would be left: raise the quota before more is wanted",
        },
        {
            "project": CONFIG.project,
            "metric": "URL_MAPS",
            "usage": 10,
            "limit": 10,
            "needs": 1,
            "fits": False,
            "hint": "raise the quota to 11 or more, or delete what is not needed",
        },
    ]
    assert told["quotasUnread"].startswith("project net: get project net: Required")


def test_links_in_json_are_the_apis() -> None:
    waves = plain_of(plan_out(edited_ingress()[0], ()))["waves"]
    changes = [c for wave in waves for action in wave for c in action["changes"]]
    (default,) = [change for change in changes if change["field"] == "defaultService"]
    assert default["after"] == (
        f"https://www.googleapis.com/compute/v1/projects/{CONFIG.project}"
        f"/global/backendServices/{NAMER.backend(30002)}"
    )


def test_the_same_plan_is_the_same_text_whatever_the_order() -> None:
    actual = list(converged(desired(ONE)))
    other = rehearse(Graph(reversed(list(desired(EDITED)))), Graph(reversed(actual)))
    assert render_text(other, reversed(FINDINGS)) == render_text(edited_ingress()[0], FINDINGS)


def test_colour_marks_the_sign_only() -> None:
    text = render_text(*first_ingress(), colour=True)
    assert "\x1b[32m+\x1b[0m create" in text
    plain = text
    for code in ("32", "33", "31", "35", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render_text(*first_ingress())


def one_change(before: object, after: object) -> Rehearsal:
    key = next(node.key for node in desired(ONE) if node.key.kind == Kind.HEALTH_CHECK)
    action = Action(
        op=Op.UPDATE,
        key=key,
        reason=Reason.DIFFERS,
        spec=compute.HealthCheck(),
        changes=(Change("type", before, after),),
    )
    return Rehearsal(((action,),), Plan(), Graph[Observed]())


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        pytest.param("HTTP", "HTTPS", "type: HTTP -> HTTPS", id="a text"),
        pytest.param(UNSET, True, "type: (not set) -> true", id="nothing was set"),
        pytest.param("x", UNSET, "type: x -> (not set)", id="a field is cleared"),
        pytest.param("", 0.5, 'type: "" -> 0.5', id="an empty text"),
        pytest.param(("a", "b"), ("b", "c"), "type: + c", id="an element is added"),
        pytest.param(
            compute.HttpCheck(port=80),
            compute.HttpCheck(port=81),
            "type.port: 80 -> 81",
            id="a field inside a field",
        ),
        pytest.param(
            b"secret", b"other", f"type: {HIDDEN} -> {HIDDEN}", id="a value of no known type"
        ),
    ],
)
def test_a_change_reads(before: object, after: object, line: str) -> None:
    assert line in [one.strip() for one in render_text(one_change(before, after), ()).splitlines()]


def test_what_is_not_known_to_be_public_is_not_printed() -> None:
    rehearsal = one_change(b"secret", (b"secret", "x"))
    assert "secret" not in render_text(rehearsal, ()) + written(plan_out(rehearsal, ()))
