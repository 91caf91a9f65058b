"""The locks of the root, read: which release of each distribution, where, and the files it may come from."""

import re
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RUN, BUILD, DEV = "requirements.lock", "requirements-build.lock", "requirements-dev.lock"
PINNED = re.compile(r"^\S+==\S+( ;.*)?\Z")


class Pin(NamedTuple):
    """One distribution of a lock."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        (one,) = self.requirement.specifier
        return one.version

    @property
    def here(self) -> bool:
        """Is it installed on this system at all?"""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def entries(name: str) -> list[str]:
    """A lock's lines, continued ones joined, without comments."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def pins(name: str) -> dict[str, Pin]:
    """What a lock pins, by canonical name."""
    found = {}
    for entry in entries(name):
        head, *hashes = re.split(r"\s+--hash=", entry)
        requirement = Requirement(head)
        found[canonicalize_name(requirement.name)] = Pin(requirement, frozenset(hashes))
    return found
