"""The locks: one release of everything, by the hashes of its files, and the same one for everybody."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.locks import BUILD, DEV, PINNED, ROOT, RUN, entries, pins

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
ROOTS = {
    RUN: PROJECT["project"]["dependencies"],
    BUILD: PROJECT["build-system"]["requires"],
    DEV: [
        *PROJECT["project"]["dependencies"],
        *(one for group in GROUPS.values() for one in group if isinstance(one, str)),
    ],
}


def needed(names: list[str]) -> Iterator[str]:
    """All distributions that some requirements need on this system, themselves included."""
    todo, seen = list(names), set()
    while todo:
        wanted = Requirement(todo.pop())
        if wanted.marker and not wanted.marker.evaluate():
            continue
        name = canonicalize_name(wanted.name)
        if (name, *sorted(wanted.extras)) in seen:
            continue
        seen.add((name, *sorted(wanted.extras)))
        yield name
        for more in map(Requirement, metadata.requires(wanted.name) or ()):
            extras = wanted.extras or {""}
            if more.marker is None or any(more.marker.evaluate({"extra": e}) for e in extras):
                more.marker = None
                todo.append(str(more))


@pytest.mark.parametrize("lock", ROOTS)
def test_every_line_is_one_release_with_the_hashes_of_its_files(lock: str) -> None:
    assert entries(lock)
    for entry in entries(lock):
        head, *hashes = re.split(r"\s+--hash=", entry)
        assert PINNED.match(head), entry
        assert hashes, entry
        assert [one for one in hashes if not re.fullmatch(r"sha256:[0-9a-f]{64}", one)] == []


@pytest.mark.parametrize("lock", ROOTS)
def test_a_lock_names_no_place_to_fetch_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted", text) == []


@pytest.mark.parametrize("lock", ROOTS)
def test_a_lock_has_what_is_needed_and_nothing_else(lock: str) -> None:
    here = {name for name, pin in pins(lock).items() if pin.here}
    assert here == set(needed(ROOTS[lock]))


@pytest.mark.parametrize("lock", [RUN, BUILD])
def test_what_is_shipped_and_built_with_is_what_was_tested_with(lock: str) -> None:
    dev = pins(DEV)
    ours = {name: (pin.version, pin.hashes) for name, pin in pins(lock).items()}
    assert ours == {name: (dev[name].version, dev[name].hashes) for name in ours}


def test_the_tests_run_with_the_releases_of_the_lock() -> None:
    locked = {name: pin.version for name, pin in pins(DEV).items() if pin.here}
    assert {name: metadata.version(name) for name in locked} == locked


def test_the_build_backend_is_in_the_group_that_is_locked_for_it() -> None:
    assert GROUPS["build"] == PROJECT["build-system"]["requires"]
