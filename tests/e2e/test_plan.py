"""`glbc plan`: exit codes, text and JSON, and nothing is written to either side."""

import json
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

from fakes.build import ingress, service
from fakes.stack import PROJECT
from tests.e2e.world import KINDS, World, world

SHOP = ingress(
    "default/shop",
    {"shop.example.com": [("/api", "api:80"), ("/lost", "nowhere:80")]},
    default="web:80",
    class_name="gce",
)
SERVICES = (service("default/web", "80->30001"), service("default/api", "80->30002"))


class Planned(NamedTuple):
    one: World
    nothing: CompletedProcess[str]  # what was planned before there was anything
    before: tuple[Any, Any]


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> Iterator[Planned]:
    with world(tmp_path_factory.mktemp("plan")) as one:
        nothing = one.run("glbc", "plan", "-o", "json", *one.glbc_options())
        one.apply(*SERVICES, SHOP)
        yield Planned(one, nothing, (one.dump(), kube_writes(one)))


@pytest.fixture
def one(planned: Planned) -> World:
    return planned.one


@pytest.fixture
def before(planned: Planned) -> tuple[Any, Any]:
    return planned.before


def kube_writes(one: World) -> list[str]:
    calls = one.ask("GET", f"{one.kube}/_fake/calls")["calls"]
    return [str(call) for call in calls if call["verb"] not in {"get", "list", "watch"}]


def test_text_tells_steps_findings_and_a_summary_and_ends_with_2(one: World, before) -> None:
    done = one.run("glbc", "plan", *one.glbc_options())
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("Step 1\n")
    assert "nowhere" in done.stdout
    assert "Plan: 10 to create, 0 to update, 0 to delete." in done.stdout
    assert (one.dump(), kube_writes(one), one.calls()) == (*before, [])


def test_json_has_the_documented_members_and_ends_with_2(one: World, before) -> None:
    done = one.run("glbc", "plan", "-o", "json", *one.glbc_options())
    assert (done.returncode, done.stderr) == (2, "")
    told = json.loads(done.stdout)
    assert {"waves", "blocked", "findings", "summary"} == told.keys()
    assert told["summary"] == {"create": 10, "update": 0, "delete": 0, "blocked": 0}
    actions = [action for wave in told["waves"] for action in wave]
    assert len(actions) == 10
    for action in actions:
        assert {
            "op",
            "kind",
            "scope",
            "name",
            "reason",
            "changes",
            "wantedBy",
            "disruptive",
        } == action.keys()
        assert action["op"] == "create"
        assert action["kind"] in KINDS
        assert action["reason"].isalpha()
        for change in action["changes"]:
            assert {"field", "before", "after"} == change.keys()
    shop = {"kind": "Ingress", "namespace": "default", "name": "shop"}
    assert any(shop in action["wantedBy"] for action in actions)
    (finding,) = told["findings"]
    assert {"object", "reason", "field", "message", "hint", "severity"} == finding.keys()
    assert (shop, "spec.rules[0].http.paths[1].backend") == (finding["object"], finding["field"])
    assert (one.dump(), kube_writes(one), one.calls()) == (*before, [])


def test_a_cloud_that_answers_errors_ends_with_1_and_one_line(one: World) -> None:
    one.trouble("urlMaps.list", error={"code": 403, "reason": "forbidden", "message": "no"})
    try:
        done = one.run("glbc", "plan", *one.glbc_options())
    finally:
        one.end_trouble()
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert f"list urlMaps of project {PROJECT}: no" in line


def test_nothing_to_do_ends_with_0_and_json_says_so_too(planned: Planned) -> None:
    done = planned.nothing
    assert (done.returncode, done.stderr) == (0, "")
    count = {"create": 0, "update": 0, "delete": 0, "blocked": 0}
    assert json.loads(done.stdout) == {"waves": [], "blocked": [], "findings": [], "summary": count}
