"""Records of leaders, and since when *we* have seen them unchanged: no clock of another machine counts."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """What a leader writes down: the spec of a Lease, or the older annotation."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None  # seconds that others wait after a change
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None

    @property
    def holder(self) -> str:
        """Who leads, "" for nobody."""
        return self.holder_identity or ""


class Sight(msgspec.Struct, frozen=True):
    """A record, and when we saw it change for the last time."""

    record: Record = Record()
    since: float = float("-inf")  # seconds, monotonic, ours

    def at(self, record: Record, now: float) -> "Sight":
        """Return what is known after a look at `now`."""
        return self if record == self.record else Sight(record, now)

    def expires(self) -> float:
        """Return until when its holder leads unless it changes (seconds, monotonic); -inf: nobody does."""
        if not self.record.holder:
            return float("-inf")
        return self.since + (self.record.lease_duration_seconds or 0)


def record_of(lease: Mapping[str, Any]) -> Record:
    """Return the record of a Lease as the API shows it; an odd one is nobody's."""
    try:
        return msgspec.convert(lease.get("spec") or {}, Record)
    except msgspec.ValidationError:
        return Record()
