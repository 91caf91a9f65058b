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


def test_a_quota_that_the_plan_does_not_fit_into_is_told_before_it_is_met(one: World) -> None:
    one.ask("POST", f"{one.gce}/_fake/limits", {"quotas": {"backendServices": 1}})
    text = one.run("glbc", "plan", *one.glbc_options()).stdout
    told = json.loads(one.run("glbc", "plan", "-o", "json", *one.glbc_options()).stdout)
    one.ask("POST", f"{one.gce}/_fake/limits", {"quotas": {"backendServices": 1000}})
    assert "! error  BACKEND_SERVICES  exceeded" in text
    said = f"project {PROJECT} has 0 of 1, and the plan needs 2 more: raise the quota to 2 or more"
    assert said in " ".join(text.split())
    (quota,) = told["quotas"]
    assert (quota["metric"], quota["needs"], quota["fits"]) == ("BACKEND_SERVICES", 2, False)


def test_a_project_whose_quotas_cannot_be_read_is_one_line_and_the_plan_is_there(
    one: World,
) -> None:
    words = "Required 'compute.projects.get' permission for 'projects/demo'"
    error = {"code": 403, "reason": "forbidden", "message": words}
    one.ask("POST", f"{one.gce}/_fake/faults", {"method": "projects.get", "error": error})
    done = one.run("glbc", "plan", *one.glbc_options())
    assert (done.returncode, done.stderr) == (2, "")
    assert f"! warning  project {PROJECT}  its quotas cannot be read" in done.stdout
    assert words in " ".join(done.stdout.split())
    assert "Plan: 10 to create" in done.stdout


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
    members = {"waves", "blocked", "findings", "summary", "quotas", "quotasUnread"}
    assert members == told.keys()
    assert (told["quotas"], told["quotasUnread"]) == ([], "")
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
    told = json.loads(done.stdout)
    assert (told["waves"], told["blocked"], told["findings"]) == ([], [], [])
    assert (told["summary"], told["quotas"]) == (count, [])
