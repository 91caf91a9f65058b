"""Operations: every mutation is one, and takes effect when it is done.

PENDING, RUNNING and DONE follow from the clock alone; what an operation does at its end is data
(the entry it holds), so a world with operations in flight can be copied.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from fakes.gce.links import GLOBAL, ROOT, Key
from fakes.gce.wire import Json

KEPT: Final = 50_000  # finished operations remembered
WAIT_LIMIT: Final = 120.0  # seconds that operations.wait blocks at most
PENDING_SHARE: Final = 0.2  # of the latency, before the operation is RUNNING
PACIFIC: Final = timezone(timedelta(hours=-7))  # timestamps carry this offset


@dataclass(slots=True)
class Operation:
    """One mutation under way or done."""

    name: str
    id: str
    type: str
    target: Key
    target_id: str
    effect: str  # insert, update, delete or "" for none
    begun: float  # monotonic seconds
    latency: float  # seconds
    inserted: float  # calendar seconds
    failure: Json | None = None  # error fields, if it is going to fail
    request_id: str = ""
    done: bool = False

    @property
    def scope(self) -> str:
        """Return where the operation lives: with its target."""
        return self.target.scope

    @property
    def ends(self) -> float:
        """Return when it will be done, in monotonic seconds."""
        return self.begun + self.latency

    def next_change(self, now: float) -> float:
        """Return the seconds until its status changes."""
        runs = self.begun + self.latency * PENDING_SHARE
        return max((runs if now < runs else self.ends) - now, 0.0)

    def body(self, project: str, now: float) -> Json:
        """Return it as the API shows it."""
        root = f"{ROOT}projects/{project}/"
        runs = self.latency * PENDING_SHARE
        running = self.done or now >= self.begun + runs
        body: Json = {
            "kind": "compute#operation",
            "id": self.id,
            "name": self.name,
            "operationType": self.type,
            "targetLink": root + self.target.tail,
            "targetId": self.target_id,
            "status": "DONE" if self.done else "RUNNING" if running else "PENDING",
            "user": "someone@example.com",
            "progress": 100 if self.done else 0,
            "insertTime": timestamp(self.inserted),
            "selfLink": f"{root}{self.scope}/operations/{self.name}",
        }
        if running:
            body["startTime"] = timestamp(self.inserted + runs)
        if self.done:
            body["endTime"] = timestamp(self.inserted + self.latency)
            body |= self.failure or {}
        if self.request_id:
            body["clientOperationId"] = self.request_id
        if self.scope != GLOBAL:
            body["region" if self.scope.startswith("regions/") else "zone"] = root + self.scope
        return body


@dataclass(slots=True)
class Operations:
    """All operations. Owned by the world, used under its lock."""

    known: OrderedDict[str, Operation] = field(default_factory=OrderedDict)
    by_request: dict[str, str] = field(default_factory=dict)
    _due: list[tuple[float, int, str]] = field(default_factory=list)
    _count: int = 0

    def start(self, operation: Operation) -> None:
        """Remember an operation and when it ends."""
        self.known[operation.name] = operation
        if operation.request_id:
            self.by_request[operation.request_id] = operation.name
        self._count += 1
        heapq.heappush(self._due, (operation.ends, self._count, operation.name))
        while len(self.known) > KEPT and next(iter(self.known.values())).done:
            _, old = self.known.popitem(last=False)
            self.by_request.pop(old.request_id, None)

    def get(self, scope: str, name: str) -> Operation | None:
        """Return an operation of one scope."""
        operation = self.known.get(name)
        return operation if operation and operation.scope == scope else None

    def repeated(self, request_id: str) -> Operation | None:
        """Return the operation that a request id has started already."""
        return self.known.get(self.by_request.get(request_id, ""))

    def forget(self, name: str) -> None:
        """Delete an operation's record (not its effect)."""
        operation = self.known.get(name)
        if operation and operation.done:
            del self.known[name]

    def finish_due(self, now: float) -> Iterator[Operation]:
        """Yield the operations whose time has come, marking them done, in order."""
        while self._due and self._due[0][0] <= now:
            _, _, name = heapq.heappop(self._due)
            operation = self.known[name]
            operation.done = True
            yield operation


def timestamp(seconds: float) -> str:
    """Return calendar seconds as the API writes them: milliseconds and an offset."""
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(PACIFIC)
    return moment.isoformat(timespec="milliseconds")
