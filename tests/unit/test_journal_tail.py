"""The end of the journal is found whatever state its files are in."""

from pathlib import Path

import msgspec
import pytest

from glbc.commands.journal_tail import MOST, tail
from glbc.engine.journal import Entry, Result

MINE = "projects/p/global/urlMaps/mine"


def line(number: int, path: str = MINE) -> bytes:
    entry = Entry(
        time=f"2026-01-01T00:00:{number:02}Z",
        op="update",
        resource="urlMaps/mine",
        path=path,
        reason="Differs",
        result=Result.DONE,
        seconds=1.0,
    )
    return msgspec.json.encode(entry) + b"\n"


def seconds(journal: Path, most: int = MOST) -> list[int]:
    return [int(one.time[-3:-1]) for one in tail(str(journal), {MINE}, most).done]


def write(path: Path, *lines: bytes) -> None:
    path.write_bytes(b"".join(lines))


def test_the_last_actions_come_oldest_first(tmp_path: Path) -> None:
    write(tmp_path / "j", *(line(n) for n in range(20)))
    assert seconds(tmp_path / "j") == list(range(10, 20))


def test_actions_on_other_resources_do_not_count(tmp_path: Path) -> None:
    write(tmp_path / "j", line(1), line(2, "projects/p/global/urlMaps/other"), line(3))
    assert seconds(tmp_path / "j", 2) == [1, 3]


def test_older_files_are_read_until_there_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "j", line(5))
    write(tmp_path / "j.1", line(3), line(4))
    write(tmp_path / "j.2", line(1), line(2))
    assert seconds(tmp_path / "j", 4) == [2, 3, 4, 5]


def test_a_file_that_was_just_put_aside_is_read(tmp_path: Path) -> None:
    write(tmp_path / "j.1", line(1))
    assert seconds(tmp_path / "j") == [1]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(line(9)[:-20], id="the last line is cut"),
        pytest.param(b"\xff\xfe\n", id="bytes that are no text"),
        pytest.param(b"{}\n", id="another writer's JSON"),
        pytest.param(b"[1]\n\n", id="no object, and an empty line"),
    ],
)
def test_a_line_that_cannot_be_read_is_skipped(tmp_path: Path, broken: bytes) -> None:
    write(tmp_path / "j", line(1), broken, line(2) if broken.endswith(b"\n") else b"")
    assert seconds(tmp_path / "j") == ([1, 2] if broken.endswith(b"\n") else [1])


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda _: None, "does not exist", id="there is none"),
        pytest.param(lambda path: path.write_bytes(b""), "has no action of this", id="empty"),
        pytest.param(lambda path: path.mkdir(), "cannot be read (Is a directory)", id="no file"),
    ],
)
def test_why_there_is_nothing_is_said(tmp_path: Path, make, problem: str) -> None:
    make(tmp_path / "j")
    found = tail(str(tmp_path / "j"), {MINE})
    assert found.done == ()
    assert problem in found.problem
