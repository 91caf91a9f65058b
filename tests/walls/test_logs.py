"""Every line of the log: its event and its keys are those of docs/operations.md, and no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
LOGGERS = {"log", "self._log", "structlog.get_logger()"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
BOUND = {"reflector.py": {"kind"}}  # keys that a module gives its logger once for all
MARKS = {"exc_info"}  # no key of the line: its traceback is


class Line(msgspec.Struct, frozen=True):
    """A call that writes a line."""

    event: str
    level: str
    keys: frozenset[str]
    more: bool  # does it take keys from a mapping, too?
    place: str


def lines() -> Iterator[Line]:
    """Every line that the code can write."""
    for path in sorted((ROOT / "glbc").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if ast.unparse(node.func.value) not in LOGGERS:
                continue
            if node.func.attr not in LEVELS:
                continue
            event = node.args[0]
            place = f"{path.name}:{node.lineno}"
            assert isinstance(event, ast.Constant), f"{place}: the event is no literal"
            assert len(node.args) == 1, f"{place}: what is told has a key"
            keys = {word.arg for word in node.keywords if word.arg} - MARKS
            yield Line(
                str(event.value),
                "error" if node.func.attr == "exception" else node.func.attr,
                frozenset(keys | BOUND.get(path.name, set())),
                any(word.arg is None for word in node.keywords),
                place,
            )


def told() -> dict[str, tuple[str, frozenset[str]]]:
    """The table of the page: event -> level, keys."""
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page.partition("| Event | Level | Keys |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    return {row[0].strip("`"): (row[1], frozenset(re.findall(r"`(\w+)`", row[2]))) for row in rows}


def test_every_line_is_on_the_page_with_its_level_and_its_keys() -> None:
    page, found = told(), list(lines())
    assert {line.event for line in found} == set(page)
    for line in found:
        level, keys = page[line.event]
        assert line.level == level, line
        assert line.keys <= keys if line.more else line.keys == keys, line


def test_an_event_is_one_word_and_no_key_is_the_loggers_own() -> None:
    for line in lines():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", line.event), line
        assert line.keys.isdisjoint({"event", "level", "timestamp", "exception"}), line
