"""The walls of the house: layers, docstrings, reason codes, and nothing of one machine in any file."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glbc import conditions, manual
from glbc.ops import catalogue
from glbc.plan import planner
from glbc.status import TOLD, Told
from glbc.translate import annotations
from glbc.translate.reasons import Reason

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("glbc", "fakes") for path in (ROOT / package).rglob("*.py"))
SKIPPED = {"build", "dist", "__pycache__"}
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|work|workspace|mnt)/\w[\w.-]*")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository, caches and whatever is hidden left out."""
    todo = [ROOT]
    while todo:
        for path in sorted(todo.pop().iterdir()):
            hidden = path.name.startswith(".") and path.name != ".ci"
            if hidden or path.name in SKIPPED:
                continue
            if path.is_dir():
                todo.append(path)
                continue
            try:
                yield path, path.read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError):
                continue


def test_the_layers_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_file_names_a_place_of_one_machine() -> None:
    found = {
        f"{_name(path)}: {match[0]}"
        for path, text in _texts()
        for match in MACHINE_PATH.finditer(text)
    }
    assert not found


def test_reason_codes_are_unique_and_of_the_field() -> None:
    tables = (manual.FINDINGS, manual.PLANNED, manual.CONDITIONS, manual.TOLD)
    codes = [row.code for table in tables for row in table]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"([A-Z][a-z]*)+", code) for code in codes)


def test_every_reason_has_a_row() -> None:
    assert {row.code for row in manual.FINDINGS} == set(Reason)
    assert {row.code for row in manual.PLANNED} == set(planner.Reason)
    assert {row.code for row in manual.CONDITIONS} == set(conditions.Why)
    assert {row.code for row in manual.TOLD} == set(Told)


def test_an_event_is_called_what_the_page_calls_it() -> None:
    assert set(TOLD.values()) <= {row.code for row in manual.PLANNED}


def _bare_reasons(path: Path) -> Iterator[str]:
    """Findings made with a text where a `Reason` belongs."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        at = {"Finding": 1, "_find": 0}.get(called)
        if at is not None and len(node.args) > at and isinstance(node.args[at], ast.Constant):
            yield f"{_name(path)}:{node.lineno}"


def test_every_finding_has_a_reason_of_the_table() -> None:
    assert not [place for path in SOURCES for place in _bare_reasons(path)]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        pytest.param("reasons", manual.page, id="reasons"),
        pytest.param("annotations", annotations.page, id="annotations"),
        pytest.param("metrics", catalogue.page, id="metrics"),
    ],
)
def test_a_page_is_what_the_code_says(
    name: str, made: Callable[[], str], update_golden: bool
) -> None:
    page = ROOT / "docs" / f"{name}.md"
    if update_golden:
        page.write_text(made())
    assert page.read_text() == made()


def test_every_annotation_has_one_row() -> None:
    named = {
        value
        for name, value in vars(annotations).items()
        if name.isupper() and isinstance(value, str) and "/" in value
    }
    assert sorted(row.key for row in annotations.ROWS) == sorted(named)


def test_the_page_of_annotations_names_reasons_that_exist() -> None:
    text = "".join(f"{row.meaning}{row.bad}" for row in annotations.ROWS)
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w*)`", text))
    assert named
    assert named - {"ManagedCertificates", *conditions.Type} <= {
        row.code for row in (*manual.FINDINGS, *manual.PLANNED, *manual.TOLD)
    }
