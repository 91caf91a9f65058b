"""An endpoint that was just attached to a network endpoint group is not sent requests at once.

The operation is done before the front ends of the cloud know of the endpoint (recalled: some
seconds). Until then it is neither probed nor served from. A detached one is out at once; for what it
is answering see `draining`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fakes.edge.cloud import Picture


class Attachment(NamedTuple):
    """One endpoint of one group."""

    group: str  # path behind `projects/P/`
    ip: str
    port: int


class Attached:
    """Since when each endpoint has been in its group. Used by one thread."""

    def __init__(self, wait_sec: float) -> None:
        """Remember nothing yet.

        Args:
            wait_sec: how long a new endpoint is not sent requests; 0: it is at once.
        """
        self._wait = wait_sec
        self._since: Mapping[Attachment, float] = {}

    def unknown(self, picture: Picture, now: float) -> frozenset[Attachment]:
        """Return the endpoints that the front ends do not know of yet (seconds, monotonic)."""
        self._since = {one: self._since.get(one, now) for one in attachments(picture)}
        return frozenset(one for one, since in self._since.items() if since + self._wait > now)

    def wake_at(self, now: float) -> float | None:
        """Return when the next one becomes known; None when none does."""
        known = (since + self._wait for since in self._since.values())
        return min((at for at in known if at > now), default=None)


def attachments(picture: Picture) -> Iterator[Attachment]:
    """Yield every endpoint of every zonal network endpoint group."""
    for path, group in picture.zonal("networkEndpointGroups"):
        for row in group.get("endpoints", ()):
            yield Attachment(path, row.get("ipAddress", ""), row.get("port", 0))
