"""What deploy/ says is what the code says: its settings are generated, its alerts are held here."""

import inspect
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from glbc.commands.connect import SYNC_SEC
from glbc.commands.run import MOST_STOP_SEC
from glbc.config import Config, Section, parse
from glbc.engine.exchange import OK
from glbc.engine.journal import Result
from glbc.errors import MEANING
from glbc.ops import catalogue
from glbc.plan.planner import Reason

DEPLOY = Path(__file__).parents[2] / "deploy"
SLACK_SEC = 5  # for Python to end, and for a preStop of somebody
CONFIG = DEPLOY / "config.yaml"
ALERTS = DEPLOY / "alerts.yaml"
OPERATIONS = (DEPLOY.parent / "docs" / "operations.md").read_text()
ADDED = {"le", "instance"}  # by histograms, and by whoever scrapes
VALUES = {  # what a label may be that an alert chooses by
    "api": {"compute", "kubernetes"},
    "reason": {*Reason},
    "result": {*Result, OK, *(cls.__name__ for _, _, cls in MEANING)},
}


def told(section: type[Section]) -> dict[str, list[str]]:
    """The comment under each field of a section."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in inspect.getsource(section).splitlines():
        text = line.strip()
        if field := re.match(r"    (\w+): ", line):
            lines = found.setdefault(field[1], [])
        elif text.startswith("#"):
            lines.append(text)
    return found


def settings(section: type[Section], indent: str = "") -> Iterator[str]:
    """Every setting of a section at its default, each below what is said of it."""
    defaults, comments = section(), told(section)
    for name in section.__struct_fields__:
        value = getattr(defaults, name)
        if isinstance(value, Section):
            yield ""
            yield f"{indent}# {(type(value).__doc__ or '').rstrip('.')}"
            yield f"{indent}{name}:"
            yield from settings(type(value), f"{indent}  ")
            yield ""
        else:
            yield from (f"{indent}{line}" for line in comments[name])
            yield f"{indent}{name}: {json.dumps(msgspec.to_builtins(value))}"


def config_file() -> str:
    head = (
        "# Every setting of glbc at its default. Generated from glbc/config.py by tests/walls; what you",
        "# change here stays: only `project` has to be set.",
        "",
    )
    text = "\n".join((*head, *settings(Config)))
    return re.sub(r"\n{3,}", "\n\n", text) + "\n"


def test_the_configuration_has_every_setting_at_its_default(update_golden: bool) -> None:
    if update_golden:
        CONFIG.write_text(config_file())
    assert CONFIG.read_text() == config_file()
    assert parse(CONFIG.read_text(), "config.yaml") == Config()


def pod() -> dict[str, Any]:
    """The Pod that the Deployment makes."""
    documents = yaml.safe_load_all((DEPLOY / "glbc.yaml").read_text())
    (found,) = (one for one in documents if one["kind"] == "Deployment")
    template: dict[str, Any] = found["spec"]["template"]["spec"]
    return template


def test_a_pod_gets_the_time_that_stopping_may_take() -> None:
    assert pod()["terminationGracePeriodSeconds"] >= MOST_STOP_SEC + SLACK_SEC


def test_a_pod_gets_the_time_that_starting_may_take() -> None:
    probe = pod()["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 2 * SYNC_SEC


def test_every_setting_is_explained() -> None:
    lines = [line.strip() for line in config_file().splitlines()]
    below = [line for above, line in pairwise(lines) if not above.startswith("#")]
    assert [line for line in below if re.match(r"\w+:", line)] == []


def alerts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    return found


def metric_of(name: str) -> catalogue.Row:
    """The row of a name in an expression: of a histogram, that is one of its series."""
    rows = {row.name: row for row in catalogue.ROWS if row.kind != "histogram"}
    rows |= {
        f"{row.name}_{end}": row
        for row in catalogue.ROWS
        for end in ("bucket", "sum", "count")
        if row.kind == "histogram"
    }
    assert name in rows, f"{name} is no metric of docs/metrics.md"
    return rows[name]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_speaks_of_metrics_labels_and_values_that_exist(rule: dict[str, Any]) -> None:
    used = {name: metric_of(name) for name in re.findall(r"glbc_\w+", rule["expr"])}
    assert used
    labels = set.intersection(*({*row.labels, *ADDED} for row in used.values()))
    grouped = {
        one.strip() for by in re.findall(r"by \(([^)]*)\)", rule["expr"]) for one in by.split(",")
    }
    assert grouped <= labels
    for name, chosen in re.findall(r"(glbc_\w+)\{([^}]*)\}", rule["expr"]):
        for label, value in re.findall(r'(\w+)[!=~]+"([^"]*)"', chosen):
            assert label in used[name].labels
            for one in value.split("|"):
                assert one in VALUES[label], f"{label} is never {one}"
    for name, row in used.items():
        counts = row.kind in {"counter", "histogram"}
        assert counts == (f"rate({name}" in rule["expr"] or f"increase({name}" in rule["expr"])
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= grouped


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_waits_and_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    section = OPERATIONS.partition(f"### {rule['alert']}\n")[2].partition("\n#")[0]
    assert "**Means**" in section
    assert "**Do**" in section


def test_every_alert_is_explained_once_and_no_other() -> None:
    explained = re.findall(r"^### (Glbc\w+)$", OPERATIONS, re.MULTILINE)
    assert explained == [rule["alert"] for rule in alerts()]
