"""The log of a controller at work: a line per action, a line per turn that did something, silence at rest."""

import json
from collections import Counter
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import pytest
import structlog

from fakes.build import ingress
from fakes.gce.faults import Error
from glbc.ops import logs
from tests.scenario.test_metrics import a_shop
from tests.support.house import House


def lines(house: House, patience: float = 120.0) -> list[dict[str, Any]]:
    """Return what is logged until the house is at rest."""
    with structlog.testing.capture_logs() as found:
        house.settle(patience=patience)
    return list(found)


def events(found: list[dict[str, Any]]) -> Counter[str]:
    return Counter(line["event"] for line in found)


def test_each_action_is_one_line_and_an_edit_one_when_it_is_in_the_cloud() -> None:
    house, _ = a_shop()
    house.gce.faults.add("compute.urlMaps.insert", Error(403, "quotaExceeded", "full"), times=1)
    found = lines(house)
    told = events(found)
    assert (told["action_done"], told["action_failed"], told["programmed"]) == (8, 1, 1)
    (failed,) = [line for line in found if line["event"] == "action_failed"]
    assert failed["key"].startswith("urlMaps/")
    assert (failed["op"], failed["reason"], failed["log_level"]) == ("create", "Missing", "warning")
    assert failed["error"].endswith("full")


def test_a_turn_that_starts_something_is_one_line_with_what_is_left_to_do() -> None:
    house, _ = a_shop()
    lines(house)
    house.apply(ingress("shop/web", {"a.example.com": [("/", "web:80")]}, default="web:80"))
    with structlog.testing.capture_logs() as found:
        house.loop.step()
    assert [(line["event"], line["due"], line["in_flight"]) for line in found] == [("turn", 1, 1)]


def test_at_rest_nothing_is_logged_however_many_resyncs_pass() -> None:
    house, _ = a_shop()
    lines(house, patience=3600)
    assert lines(house, patience=3 * 3600) == []


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("console", False)])
def test_a_line_is_json_or_for_people_as_it_is_set(form: str, is_json: bool) -> None:
    with redirect_stderr(StringIO()) as written:
        logs.configure(form)
        structlog.get_logger().warning("list_failed", kind="urlMaps", error="a\nb")
    text = written.getvalue()
    assert "list_failed" in text
    if is_json:
        line = json.loads(text)
        assert (line["event"], line["level"], line["error"]) == ("list_failed", "warning", "a\nb")
        assert line["timestamp"].endswith("Z")
    else:
        assert not text.startswith("{")
