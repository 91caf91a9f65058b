"""`docs/threads.md` is true: each test that it names is there, and it leaves out none that has a thread."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threads.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::[\w:]+)`", PAGE)))
OF_THREADS = sorted((ROOT / "tests").rglob("test_threads*.py")) + sorted(
    (ROOT / "tests").rglob("test_slips.py")
)


def names_in(path: Path) -> Iterator[str]:
    """Yield `Class::test` or `test` for each test of a file."""
    for top in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(top, ast.FunctionDef) and top.name.startswith("test_"):
            yield top.name
        elif isinstance(top, ast.ClassDef):
            for one in top.body:
                if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
                    yield f"{top.name}::{one.name}"


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_the_page_names_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert test in names_in(ROOT / "tests" / path)


def test_no_test_of_a_thread_is_left_out() -> None:
    there = {
        f"{path.relative_to(ROOT / 'tests')}::{test}"
        for path in OF_THREADS
        if path.parent.name != "walls"
        for test in names_in(path)
    }
    assert there
    assert sorted(there - set(NAMED)) == []
