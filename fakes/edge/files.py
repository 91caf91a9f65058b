"""Configuration files that Envoy watches: written beside and renamed into place, only when changed."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from fakes.edge.cloud import Json

CLUSTERS: Final = "clusters.json"
LISTENERS: Final = "listeners.json"
PRIVATE: Final = 0o600  # secrets are among them


class Files:
    """The configuration directory; remembers what it wrote. Used by one thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._written: dict[str, str] = {}
        self._version = 0

    def clusters(self, rows: Mapping[str, Json]) -> bool:
        """Write the list of clusters."""
        return self.write(str(self.directory / CLUSTERS), rows.values())

    def listeners(self, rows: Mapping[str, Json]) -> bool:
        """Write the list of listeners."""
        return self.write(str(self.directory / LISTENERS), rows.values())

    def again(self) -> None:
        """Have the list of listeners read once more at its next writing."""
        self._written.pop(str(self.directory / LISTENERS), None)

    def singles(self, rows: Mapping[str, Json]) -> list[str]:
        """Write resources with files of their own; return the paths of those that changed."""
        return [path for path, body in rows.items() if self.write(path, [body])]

    def write(self, path: str, resources: Iterable[Json]) -> bool:
        """Write one file if its resources are new; tell whether they were."""
        rows = list(resources)
        text = json.dumps(rows, sort_keys=True)
        if self._written.get(path) == text:
            return False
        self._version += 1
        beside = Path(f"{path}.new")
        beside.touch(PRIVATE)
        content = {"version_info": str(self._version), "resources": rows}
        beside.write_text(json.dumps(content), encoding="utf-8")
        beside.rename(path)
        self._written[path] = text
        return True

    def keep(self, wanted: Iterable[str]) -> None:
        """Remove every single resource's file that is not wanted any more."""
        lists = {str(self.directory / name) for name in (CLUSTERS, LISTENERS)}
        for path in set(self._written) - set(wanted) - lists:
            Path(path).unlink(missing_ok=True)
            del self._written[path]
