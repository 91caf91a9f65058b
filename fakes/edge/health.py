"""What Envoy sees, told to the fake cloud: getHealth answers with it."""

from collections.abc import Mapping
from typing import NamedTuple

from fakes.edge.cloud import Json, Source
from fakes.edge.clusters import Endpoint
from fakes.edge.envoy import Seen


class Row(NamedTuple):
    """One endpoint as one backend service sees it; names."""

    service: str
    group: str
    instance: str
    ip: str
    port: int


def states(members: Mapping[str, tuple[Endpoint, ...]], seen: Seen) -> dict[Row, bool]:
    """Return how every endpoint of every backend service is."""
    found: dict[Row, bool] = {}
    for name, rows in members.items():
        hosts = seen.get(name, {})
        for e in rows:
            host = hosts.get((e.ip, e.port))
            row = Row(name, e.group, e.instance, e.ip, e.port)
            found[row] = host is not None and host.healthy
    return found


class Reporter:
    """Tells the fake cloud of health, only what changed. Used by one thread."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._told: dict[Row, bool] | None = None

    def forget(self) -> None:
        """Tell everything anew the next time: the cloud has forgotten."""
        self._told = None

    def report(self, now: Mapping[Row, bool]) -> None:
        """Tell what is not as it was told.

        Raises:
            OSError: the cloud does not answer; it is told the next time.
        """
        told = self._told
        rows: list[Json] = []
        if told is None:
            told = {}
            rows.append({"state": "UNHEALTHY"})  # until somebody has looked
        gone = {row: False for row, well in told.items() if well and row not in now}
        rows += [_told(row, well) for row, well in {**now, **gone}.items() if told.get(row) != well]
        if rows:
            self._source.report(rows)
        self._told = dict(now)


def _told(row: Row, well: bool) -> Json:
    return {"state": "HEALTHY" if well else "UNHEALTHY"} | row._asdict()
