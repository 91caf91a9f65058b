"""Conditions as values: they fit, their times move with their status only, and every byte is decided."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glbc import conditions
from glbc.conditions import Facts, fold
from glbc.model.finding import Finding, Severity
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.view import Meta
from glbc.model.views import Ingress, IngressSpec, IngressTls
from glbc.plan.planner import Blocked, Op, Reason

INGRESS = Ingress(
    metadata=Meta(name="web", namespace="shop", generation=7),
    spec=IngressSpec(tls=(IngressTls(secret_name="tls"),)),
)
BACKEND = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "be")
TEXT = st.text(max_size=400) | st.just('"\\\x00' * 300) | st.just("ü" * 1000)
FINDINGS = st.lists(
    st.builds(
        Finding,
        object=st.just(INGRESS.ref),
        reason=TEXT,
        field=TEXT,
        message=TEXT,
        hint=TEXT,
        severity=st.sampled_from(Severity),
    ),
    max_size=30,
)
BLOCKED = st.lists(
    st.builds(
        Blocked,
        key=st.just(BACKEND),
        op=st.sampled_from(Op),
        reason=st.sampled_from(Reason),
        by=TEXT,
        hint=TEXT,
    ),
    max_size=30,
)


@given(FINDINGS, BLOCKED, st.lists(TEXT, max_size=30))
def test_it_always_fits(findings: list[Finding], blocked: list[Blocked], names: list[str]) -> None:
    facts = Facts(
        ingress=INGRESS,
        findings=tuple(findings),
        blocked=tuple(blocked),
        certificates=True,
        missing_certificates=tuple(names),
        health=tuple(
            (ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, n), "UNHEALTHY") for n in names
        ),
    )
    text = conditions.encoded(fold(facts, (), 1_800_000_000.0))
    assert len(text.encode()) <= conditions.LIMIT
    assert conditions.decoded(text) == fold(facts, conditions.decoded(text), 1_900_000_000.0)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(Facts(ingress=INGRESS), ("Programmed", "True", "UpToDate"), id="all is done"),
        pytest.param(
            Facts(ingress=INGRESS, steps=True),
            ("Programmed", "False", "InProgress"),
            id="there is an action",
        ),
        pytest.param(
            Facts(ingress=INGRESS, programmed=False),
            ("Programmed", "False", "NothingToProgram"),
            id="nothing can be said",
        ),
        pytest.param(
            Facts(ingress=INGRESS, missing_certificates=("c",), certificates=True),
            ("CertificatesReady", "False", "CertificatesPending"),
            id="a certificate is on its way",
        ),
        pytest.param(
            Facts(ingress=INGRESS, health=((BACKEND, "HEALTHY"),)),
            ("BackendsHealthy", "True", "BackendsServe"),
            id="backends answer",
        ),
        pytest.param(
            Facts(ingress=INGRESS, health=((BACKEND, "Unknown"),)),
            ("BackendsHealthy", "Unknown", "HealthUnknown"),
            id="nobody could ask",
        ),
    ],
)
def test_what_is_said(facts: Facts, expected: tuple[str, str, str]) -> None:
    found = {one.type: (one.type, one.status, one.reason) for one in fold(facts, (), 0.0)}
    assert found[expected[0]] == expected


def test_what_waits_for_a_moment_that_passes_is_not_blocked() -> None:
    passing = Blocked(
        key=BACKEND, op=Op.CREATE, reason=Reason.FINALIZER_MISSING, by="web", hint="it comes"
    )
    waits = Blocked(
        key=ResourceKey("p", Kind.ADDRESS, GLOBAL, "a"),
        op=Op.CREATE,
        reason=Reason.NEEDS_BLOCKED,
        by="be",
        hint="it waits",
    )
    for blocked, why in (((passing, waits), "InProgress"), ((waits,), "Blocked")):
        made = fold(Facts(ingress=INGRESS, blocked=blocked), (), 0.0)
        assert [one.reason for one in made if one.type == "Programmed"] == [why]


def test_the_cause_is_told_and_not_what_waits_for_it() -> None:
    waits = Blocked(
        key=ResourceKey("p", Kind.ADDRESS, GLOBAL, "a"),
        op=Op.CREATE,
        reason=Reason.NEEDS_BLOCKED,
        by="be",
        hint="it waits",
    )
    cause = Blocked(key=BACKEND, op=Op.CREATE, reason=Reason.REFUSED, by="quota", hint="raise it")
    made = fold(Facts(ingress=INGRESS, blocked=(waits, cause)), (), 0.0)
    message = next(one.message for one in made if one.type == "Programmed")
    assert message == "cannot create backendServices/be: Refused: quota: raise it"


def test_the_time_moves_with_the_status_only() -> None:
    first = fold(Facts(ingress=INGRESS, health=((BACKEND, "UNHEALTHY"),)), (), 0.0)
    second = fold(Facts(ingress=INGRESS, health=((BACKEND, "DRAINING"),)), first, 60.0)
    third = fold(Facts(ingress=INGRESS, health=((BACKEND, "HEALTHY"),)), second, 120.0)
    times = [made[-1].last_transition_time for made in (first, second, third)]
    assert times == ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:02:00Z"]
    assert {one.observed_generation for one in third} == {7}


def test_the_backends_map_is_ingress_gces() -> None:
    other = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "a")
    text = conditions.backends_map([(BACKEND, "HEALTHY"), (other, "Unknown")])
    assert text == '{"a":"Unknown","be":"HEALTHY"}'
    assert json.loads(text)
