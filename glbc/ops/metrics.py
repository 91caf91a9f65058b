"""Metrics as they are scraped: what was counted, and what the last turn says when somebody asks.

Nothing here runs in the loop, and nothing asks cloud or cluster.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator

import msgspec
import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from glbc.engine.pace import Pace
from glbc.engine.ports import Clock
from glbc.engine.window import Window
from glbc.ops import catalogue as rows
from glbc.ops.counters import Counters
from glbc.ops.readings import Expiry, ForeignFields, Values, certificates, orphans, planned


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Where the numbers come from; each may be read from any thread."""

    window: Window
    pace: Pace
    clock: Clock
    kinds: tuple[str, ...]  # of the objects that are watched
    leads: Callable[[], bool]  # may this process write?
    losses: Callable[[], int]  # how often it stopped to lead without being told to
    expiry: Expiry


class Metrics(Collector):
    """Reads the last turn when it is asked, beside what was counted."""

    def __init__(self, counters: Counters, sources: Sources) -> None:
        self._sources = sources
        self._registry = counters.registry
        self._foreign = ForeignFields()
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what is read; where nothing was seen yet, numbers are 0."""
        see = self._sources
        scene, now = see.window.scene, see.clock.monotonic()
        losses = CounterMetricFamily(rows.FENCE_LOSSES.name, rows.FENCE_LOSSES.help)
        losses.add_metric((), see.losses())
        yield losses
        yield _number(rows.LEADER, int(see.leads()))
        yield _number(rows.TURN_AGE, now - see.window.beat)
        listed = scene.listed if scene else None
        since = see.window.began if listed is None else listed
        yield _number(rows.RESYNC_AGE, max(0.0, see.clock.time() - since))
        for row, at in (
            (rows.QUEUE_AGE, see.pace.waits.due),
            (rows.PARKED_AGE, see.pace.waits.parked),
        ):
            yield _number(row, 0.0 if at is None else now - at)
        yield _gauge(rows.PLANNED, planned(scene))
        yield _gauge(rows.HELD, _tally(one.reason for one in scene.plan.blocked) if scene else {})
        yield _gauge(rows.ORPHANS, orphans(scene))
        yield _gauge(rows.FOREIGN_FIELDS, self._foreign.of(scene))
        found = scene.desired.findings if scene else ()
        yield _gauge(rows.FINDINGS, _tally(one.reason for one in found))
        served, leaving = (scene.desired.served, scene.desired.leaving) if scene else ((), ())
        yield _gauge(rows.INGRESSES, {("served",): len(served), ("leaving",): len(leaving)})
        complete = scene.snapshot.complete if scene else frozenset()
        yield _gauge(rows.COMPLETE, {(kind,): int(kind in complete) for kind in see.kinds})
        yield _gauge(rows.EXPIRY, certificates(scene, see.expiry))

    def text(self) -> bytes:
        """Return the exposition that Prometheus scrapes."""
        return prometheus.generate_latest(self._registry)


def _tally(reasons: Iterable[str]) -> Values:
    return Tally((str(reason),) for reason in reasons)


def _number(row: rows.Row, value: float) -> GaugeMetricFamily:
    return _gauge(row, {(): value})


def _gauge(row: rows.Row, values: Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(row.name, row.help, labels=row.labels)
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family
