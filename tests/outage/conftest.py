"""A converged cluster behind a real socket, and the log."""

from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.outage.scene import OBJECTS, begin
from tests.outage.wired import Wired, wired


@pytest.fixture
def logged() -> Iterator[Sequence[MutableMapping[str, Any]]]:
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def house(tmp_path: Path, logged: Any) -> Iterator[Wired]:
    with wired(tmp_path, *OBJECTS) as made:
        begin(made)
        logged.clear()
        yield made
