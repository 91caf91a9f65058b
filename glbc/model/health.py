"""What the cloud says of a backend's health: one word for the many instances behind it.

As ingress-gce reports it: one instance that answers makes the backend HEALTHY; else what the last
one said counts. Nothing read, and a read that failed, is Unknown: never a word about the backend.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

HEALTHY: Final = "HEALTHY"
UNHEALTHY: Final = "UNHEALTHY"
UNKNOWN: Final = "Unknown"  # ingress-gce's word, in its own spelling
EMPTY: Final = ""  # a group without members says nothing


class Member(msgspec.Struct, frozen=True):
    """What the cloud says of one instance, or of one endpoint, behind a backend service."""

    instance: str  # link
    state: str  # HEALTHY, UNHEALTHY, …; Unknown when the answer has none
    ip_address: str = ""  # literal IPv4 that is probed
    port: int = 0  # TCP port that is probed


def of_members(states: Iterable[str]) -> str:
    """Return the word for one group: HEALTHY if any member is, else the last one's; "" of none."""
    last = EMPTY
    for state in states:
        if state == HEALTHY:
            return HEALTHY
        last = state
    return last


def of_groups(states: Iterable[str]) -> str:
    """Return the word for a backend: HEALTHY if any group is, Unknown if one could not be read."""
    known = [state for state in states if state != EMPTY]
    if HEALTHY in known:
        return HEALTHY
    return UNKNOWN if UNKNOWN in known or not known else known[-1]
