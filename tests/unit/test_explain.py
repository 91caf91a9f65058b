"""What `glbc explain` prints, held by a golden file: `--update-golden` rewrites it."""

import json
from pathlib import Path

from msgspec.structs import replace

from glbc.model import compute
from glbc.model.asked import Asked, laid_over
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph
from glbc.model.keys import Kind
from glbc.model.private import Private
from glbc.plan.explain import Explanation, Standing, as_output, as_text, explain
from glbc.plan.output import ConditionOut, DoneOut, plain_of
from glbc.plan.planner import plan
from tests.property.worlds import converged, desired
from tests.unit.test_render import FINDINGS, ONE

GOLDEN = Path(__file__).parents[1] / "golden" / "explain" / "edited_backend.txt"
WEB = ObjectRef("Ingress", "shop", "web")
ASKED = Asked(
    source="backendconfig shop/cart",
    service=compute.BackendService(
        timeout_sec=75,
        iap=compute.Iap(enabled=True, oauth2_client_id="me"),
    ),
)


CONDITIONS = (
    ConditionOut(
        type="Resolved",
        status="False",
        reason="PartlyResolved",
        message="spec.rules[0]: ServiceNotFound: service shop/cart does not exist: create it",
        last_transition_time="2026-03-01T10:00:00Z",
    ),
    ConditionOut(
        type="BackendsHealthy",
        status="True",
        reason="BackendsServe",
        message="",
        last_transition_time="2026-03-01T10:02:00Z",
    ),
)
JOURNAL = (
    DoneOut(
        time="2026-03-01T10:00:01Z",
        op="create",
        resource="urlMaps/k8s2-um-2xu9ih6z-shop-web-l6qcmw8d",
        reason="Missing",
        result="done",
        seconds=2.25,
        changes=(),
        error="",
    ),
    DoneOut(
        time="2026-03-01T10:05:00Z",
        op="update",
        resource="backendServices/k8s-be-30000--3fb1a2c90d7e5f64",
        reason="Differs",
        result="failed",
        seconds=0.5,
        changes=("timeoutSec: 30 -> 75",),
        error="update backendServices/k8s-be-30000--3fb1a2c90d7e5f64: Quota exceeded",
    ),
)


def an_edited_backend() -> tuple[Graph, Graph]:
    """A BackendConfig asks for a timeout and IAP; somebody has set affinity and logging by hand."""
    wants, there = desired(ONE), converged(desired(ONE))
    backend = next(one for one in wants.of_kind(Kind.BACKEND_SERVICE) if WEB in one.wanted_by)
    asked = replace(
        backend, spec=laid_over(backend.spec, ASKED.service), enforced=ASKED.of_service()
    )
    live = there[backend.key]
    by_hand = compute.BackendService(
        session_affinity="CLIENT_IP", log_config=compute.LogConfig(enable=False)
    )
    edited = replace(live, spec=laid_over(live.spec, by_hand))
    return wants.replace(asked), there.replace(edited)


def explained(wants: Graph, there: Graph) -> Explanation:
    return replace(
        explain(WEB, wants, there, plan(wants, there)),
        address="203.0.113.7",
        findings=FINDINGS[:1],
        conditions=CONDITIONS,
        journal=JOURNAL,
    )


def test_people_see_whose_each_field_is(update_golden: bool) -> None:
    wants, there = an_edited_backend()
    text = as_text(explained(wants, there))
    if update_golden:
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text


def test_programs_see_the_same() -> None:
    wants, there = an_edited_backend()
    seen = plain_of(as_output(explained(wants, there)))
    fields = {
        row["path"]: (row["standing"], row["source"])
        for one in seen["resources"]
        if one["state"] == "to update: Differs"
        for row in one["fields"]
    }
    assert fields["timeoutSec"] == (Standing.ENFORCED, "backendconfig shop/cart spec.timeoutSec")
    assert fields["logConfig.enable"] == (Standing.INITIAL, "our default")
    assert fields["sessionAffinity"] == (Standing.SOMEBODYS, "")
    assert fields["iap.enabled"] == (Standing.ENFORCED, "backendconfig shop/cart spec.iap")


def test_a_secret_is_not_explained() -> None:
    wants, there = an_edited_backend()
    secret = compute.Iap(oauth2_client_secret=Private(b"hush"), oauth2_client_id="me")
    asked = next(one for one in wants if one.enforced)
    wants = wants.replace(
        replace(asked, spec=laid_over(asked.spec, replace(ASKED.service, iap=secret)))
    )
    told = explained(wants, there)
    assert "hush" not in as_text(told) + json.dumps(plain_of(as_output(told)))
