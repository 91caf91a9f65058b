"""The page on output for programs, and that what is printed is what the page says."""

from pathlib import Path

import msgspec
import pytest

from glbc.commands import schemas

ROOT = Path(__file__).parents[2]
PRINTED = ROOT / "tests" / "golden" / "commands"
GOLDEN = {
    "explain-served.json": "glbc explain NAMESPACE/NAME -o json",
    "url-https.json": "glbc explain URL -o json",
    "graph.json": "glbc graph -o json",
    "plan.json": "glbc plan -o json",
    "names.json": "glbc names -o json",
}


def test_the_page_is_what_the_code_says(update_golden: bool) -> None:
    page = ROOT / "docs" / "output.md"
    if update_golden:
        page.write_text(schemas.page())
    assert page.read_text() == schemas.page()


def test_every_struct_of_the_page_has_words_for_each_member() -> None:
    own = schemas.page().partition("## `glbc names")[0]
    assert "| text |  |" not in own
    assert "| text | |" not in own


@pytest.mark.parametrize("name", GOLDEN)
def test_what_is_printed_has_the_members_of_the_page_and_no_others(name: str) -> None:
    struct = dict(schemas.TOP)[GOLDEN[name]]
    printed = (PRINTED / name).read_bytes()
    read = msgspec.json.decode(printed, type=struct)
    assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(printed)
