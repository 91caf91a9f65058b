"""The name of a resource, and the many spellings in which a body may refer to it.

A `Key` is a resource of the world's own project; full URLs of any host and version, paths from
`projects/` on and partial paths from `global/`, `regions/` or `zones/` on all mean the same key.
"""

from functools import lru_cache
from typing import Final, NamedTuple

ROOT: Final = "https://www.googleapis.com/compute/v1/"  # selfLinks start so, whatever was called
GLOBAL: Final = "global"
PLACES: Final = ("zones", "regions")  # kinds that are scopes themselves


class Key(NamedTuple):
    """Kind (the REST collection), scope (`global`, `regions/R`, `zones/Z`) and name."""

    kind: str
    scope: str
    name: str

    def __deepcopy__(self, memo: dict[int, object]) -> "Key":
        return self

    @property
    def tail(self) -> str:
        """Return the path behind `projects/{project}/`."""
        if self.kind in PLACES:
            return f"{self.kind}/{self.name}"
        return f"{self.scope}/{self.kind}/{self.name}"


class Link(NamedTuple):
    """A reference as written: the project it names (`""`: not said) and the key."""

    project: str
    key: Key


@lru_cache(maxsize=65536)
def parse(text: str) -> Link | None:
    """Return what a reference points to, or None if it is not a reference at all."""
    project = ""
    _, found, rest = text.rpartition("/projects/")
    if not found and text.startswith("projects/"):
        found, rest = "projects/", text.removeprefix("projects/")
    if found:
        project, _, rest = rest.partition("/")
    else:
        rest = text
    match rest.strip("/").split("/"):
        case ["global", kind, name]:
            return Link(project, Key(kind, GLOBAL, name))
        case [("regions" | "zones") as place, where, kind, name]:
            return Link(project, Key(kind, f"{place}/{where}", name))
        case [("regions" | "zones") as place, name]:
            return Link(project, Key(place, "", name))
    return None


def region_of(scope: str) -> str:
    """Return the region of a regional or zonal scope, `""` for global."""
    place, _, name = scope.partition("/")
    return name.rpartition("-")[0] if place == "zones" else name
