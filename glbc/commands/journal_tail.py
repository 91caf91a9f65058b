"""The end of the journal, for what `glbc explain` is asked about.

Read with patience: a line that is cut or of another writer is skipped, older files are looked into
until there is enough, and what cannot be read at all is said, never guessed.
"""

from collections import deque
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from glbc.engine.journal import Entry
from glbc.plan.output import DoneOut

MOST: Final = 10  # actions that are told


class Tail(msgspec.Struct, frozen=True):
    """What was found."""

    done: tuple[DoneOut, ...] = ()  # oldest first
    problem: str = ""  # why there is nothing to find


def tail(path: str, resources: Collection[str], most: int = MOST) -> Tail:
    """Return the last actions on some resources.

    Args:
        path: of the journal; its older files stand beside it as `path.1`, `path.2`, …
        resources: their paths in the API (`ResourceKey.path`).
        most: how many actions at most.
    """
    found: list[Entry] = []
    for number in count():
        file = Path(f"{path}.{number}" if number else path)
        last: deque[Entry] = deque(maxlen=most - len(found))
        try:
            last.extend(_entries(file, resources))
        except FileNotFoundError:
            if number:
                break
            continue  # it may just have been put aside
        except OSError as error:
            if not number:
                return Tail(problem=f"journal {path}: cannot be read ({error.strerror})")
            break
        found = [*last, *found]
        if len(found) >= most:
            break
    if not found:
        known = Path(path).exists() or Path(f"{path}.1").exists()
        why = "has no action of this Ingress" if known else "does not exist"
        return Tail(problem=f"journal {path}: {why}")
    return Tail(tuple(_told(entry) for entry in found))


def _entries(file: Path, resources: Collection[str]) -> Iterator[Entry]:
    with file.open("rb") as lines:
        for line in lines:
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except (msgspec.MsgspecError, ValueError):
                continue
            if entry.path in resources:
                yield entry


def _told(entry: Entry) -> DoneOut:
    return DoneOut(
        time=entry.time,
        op=entry.op,
        resource=entry.resource,
        reason=entry.reason,
        result=entry.result.value,
        seconds=entry.seconds,
        changes=entry.changes,
        error=entry.error,
    )
