"""Every command of README.md and docs/ that is marked as one that can be run is run, and does what the page says."""

import re
import shutil
from pathlib import Path

import pytest

from fakes.stack import has
from tests.docs.worlds import WORLDS
from tests.support import pages

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MARKED = [path for path in PAGES if pages.steps(path.read_text(encoding="utf-8"))]
needs_kubectl = pytest.mark.skipif(not has("kubectl"), reason="needs kubectl")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@needs_kubectl
@pytest.mark.parametrize("path", MARKED, ids=name)
def test_a_page_does_what_it_says(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    here = tmp_path / "here"
    here.mkdir()
    shutil.copytree(ROOT / "deploy", here / "deploy")
    with WORLDS[pages.world(text)](tmp_path / "world", here) as environment:
        failures = pages.run(text, here, environment)
    assert [f"{name(path)}:{failure.line}: {failure.what}" for failure in failures] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_mark_is_one_that_is_understood(path: Path) -> None:
    for fence in pages.FENCE.finditer(path.read_text(encoding="utf-8")):
        options = fence["info"].split()[1:]
        assert not [one for one in options if not re.fullmatch(r"file=\S+|run(=[-0-9,]+)?", one)]


@pytest.mark.parametrize(
    ("block", "line", "what", "seconds"),
    [
        pytest.param(
            "run\n$ true\n$ false\n", 3, "exit code 1, not 0", 60, id="a command that fails"
        ),
        pytest.param("run\n$ echo a\nb\n", 2, "does not print: b", 60, id="another output"),
        pytest.param(
            "run\n$ echo a; echo b\nb\na\n", 2, "does not print: a", 60, id="another order"
        ),
        pytest.param(
            "run=2\n$ true\n", 2, "exit code 0, not 2", 60, id="no failure where one is told"
        ),
        pytest.param("run\n$ sleep 60\n", 2, "did not come to an end", 2, id="one that hangs"),
        pytest.param(
            "run\n$ echo 'a\n", 2, "did not come to an end", 60, id="no shell command at all"
        ),
    ],
)
def test_a_block_that_is_not_so_is_told_by_its_line(
    block: str, line: int, what: str, seconds: float, tmp_path: Path
) -> None:
    text = f"```console {block}```\n"
    with WORLDS[""](tmp_path, tmp_path) as environment:
        (failure,) = pages.run(text, tmp_path, environment, seconds)
    assert failure.line == line
    assert what in failure.what


def test_a_page_goes_on_where_it_was(tmp_path: Path) -> None:
    text = (
        "```yaml file=some/a.yaml\nb: 1\n```\n"
        "  ```console run=0,3,0,-\n  $ cd some; cat \\\n  >   a.yaml\n  b: 1\n  $ (exit 3)\n"
        "  $ echo $?\n  ...\n  3\n  $ exit 9\n  ```\n"
        "<!--\n```console run\n$ pwd | tail -c 5\nsome\n```\n-->\n"
    )
    with WORLDS[""](tmp_path, tmp_path) as environment:
        assert pages.run(text, tmp_path, environment) == []
