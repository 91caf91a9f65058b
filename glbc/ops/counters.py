"""What is counted as it happens: actions, requests, edits. Any thread may tell it."""

from typing import Final

import prometheus_client as prometheus
from prometheus_client.registry import CollectorRegistry

from glbc.engine.exchange import UNANSWERED, Exchange
from glbc.engine.journal import Entry
from glbc.ops.catalogue import ACTION_SECONDS, ACTIONS, PROGRAMMED, REQUEST_SECONDS, REQUESTS, Row

SECONDS: Final = (0.1, 0.3, 1, 3, 10, 30, 100, 300)  # bounds of the buckets of an action's time
REQUEST_BOUNDS: Final = (0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
EDIT_BOUNDS: Final = (1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Counters:
    """Counts; it is a journal, and hears of every request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._actions = self._counter(ACTIONS)
        self._action_seconds = self._histogram(ACTION_SECONDS, SECONDS)
        self._requests = self._counter(REQUESTS)
        self._request_seconds = self._histogram(REQUEST_SECONDS, REQUEST_BOUNDS)
        self._edits = self._histogram(PROGRAMMED, EDIT_BOUNDS)

    def note(self, entry: Entry) -> None:
        """Count one action."""
        kind = entry.resource.partition("/")[0]
        self._actions.labels(kind, entry.op, entry.result.value).inc()
        self._action_seconds.labels(kind, entry.op).observe(entry.seconds)

    def heard(self, one: Exchange) -> None:
        """Count one request."""
        code = "none" if one.status == UNANSWERED else str(int(one.status))
        self._requests.labels(one.api, one.method, code, one.result).inc()
        self._request_seconds.labels(one.api, one.method).observe(one.seconds)

    def programmed(self, seconds: float) -> None:
        """Count one edit whose end is in the cloud."""
        self._edits.observe(seconds)

    def _counter(self, row: Row) -> prometheus.Counter:
        return prometheus.Counter(row.name, row.help, row.labels, registry=self.registry)

    def _histogram(self, row: Row, bounds: tuple[float, ...]) -> prometheus.Histogram:
        return prometheus.Histogram(
            row.name, row.help, row.labels, buckets=bounds, registry=self.registry
        )
