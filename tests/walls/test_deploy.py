"""What deploy/ says is what the code says: its settings are generated, its alerts are held here."""

import inspect
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import yaml

from glbc.commands.connect import SYNC_SEC
from glbc.commands.run import MOST_STOP_SEC
from glbc.config import Config, Section, parse
from glbc.ops import metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
SLACK_SEC = 5  # for Python to end, and for a preStop of somebody
CONFIG = DEPLOY / "config.yaml"


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


def test_an_alert_speaks_of_metrics_and_labels_that_exist() -> None:
    known = {row.name: set(row.labels) | {"le"} for row in metrics.ROWS}
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        (name,) = set(re.findall(r"glbc_\w+", rule["expr"]))
        labels = known[name.removesuffix("_bucket")]
        grouped = re.findall(r"by \(([^)]*)\)", rule["expr"])
        assert {label for one in grouped for label in one.split(", ")} <= labels
        told_of = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert told_of <= labels
