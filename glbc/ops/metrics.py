"""Metrics: what the last turn saw and holds back, read when somebody asks; what was done, counted as it ends.

The names are a promise: alerts are written with them. `docs/metrics.md` is made from the table.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec
import prometheus_client as prometheus
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from glbc.engine.absentees import Turn
from glbc.engine.journal import Entry
from glbc.plan.planner import Op

SECONDS: Final = (0.1, 0.3, 1, 3, 10, 30, 100, 300)  # bounds of the buckets of an action's time


class Row(msgspec.Struct, frozen=True):
    """One metric."""

    name: str
    kind: str  # counter, gauge or histogram
    labels: tuple[str, ...]
    help: str


ACTIONS: Final = Row(
    "glbc_actions_total",
    "counter",
    ("kind", "op", "result"),
    "Actions that ended: done, failed, or lost (sent, and no answer came).",
)
ACTION_SECONDS: Final = Row(
    "glbc_action_seconds",
    "histogram",
    ("kind", "op"),
    "Seconds that an action took, with its waits.",
)
PLANNED: Final = Row(
    "glbc_plan_actions", "gauge", ("op",), "Actions that are due, by what they do."
)
HELD: Final = Row(
    "glbc_held_back",
    "gauge",
    ("reason",),
    "Actions that are due and held back, by the reason codes of docs/reasons.md: by a guard, by the "
    "cloud's refusal, or by what they need.",
)
FINDINGS: Final = Row(
    "glbc_findings",
    "gauge",
    ("reason",),
    "What is wrong with objects of the cluster, by reason code.",
)
INGRESSES: Final = Row(
    "glbc_ingresses", "gauge", ("state",), "Ingresses that are served, and that leave."
)
COMPLETE: Final = Row(
    "glbc_view_complete",
    "gauge",
    ("kind",),
    "1 if all objects of a kind are seen; 0: nothing is deleted.",
)
ROWS: Final = (ACTIONS, ACTION_SECONDS, PLANNED, HELD, FINDINGS, INGRESSES, COMPLETE)


class Metrics(Collector):
    """Counts what is done (it is a journal) and reads the last turn when it is asked."""

    def __init__(self, turn: Callable[[], Turn | None], kinds: Iterable[str]) -> None:
        """Count nothing yet.

        Args:
            turn: returns the last turn of the loop, from any thread.
            kinds: of the objects that are watched.
        """
        self._turn = turn
        self._kinds = tuple(sorted(kinds))
        self.registry = CollectorRegistry()
        self._actions = prometheus.Counter(
            ACTIONS.name, ACTIONS.help, ACTIONS.labels, registry=self.registry
        )
        self._seconds = prometheus.Histogram(
            *(ACTION_SECONDS.name, ACTION_SECONDS.help, ACTION_SECONDS.labels),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(self)

    def note(self, entry: Entry) -> None:
        """Count one action."""
        kind = entry.resource.partition("/")[0]
        self._actions.labels(kind, entry.op, entry.result.value).inc()
        self._seconds.labels(kind, entry.op).observe(entry.seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of the last turn; all at zero before there is one."""
        turn = self._turn()
        plan = turn.plan if turn else None
        desired = turn.desired if turn else None
        ops = Tally(action.op.value for action in plan.actions) if plan else Tally()
        yield _gauge(PLANNED, {op.value: ops[op.value] for op in Op})
        yield _gauge(HELD, Tally(one.reason.value for one in plan.blocked) if plan else {})
        yield _gauge(
            FINDINGS, Tally(str(one.reason) for one in desired.findings) if desired else {}
        )
        served, leaving = (desired.served, desired.leaving) if desired else ((), ())
        yield _gauge(INGRESSES, {"served": len(served), "leaving": len(leaving)})
        seen = turn.snapshot.complete if turn else frozenset()
        yield _gauge(COMPLETE, {kind: int(kind in seen) for kind in self._kinds})

    def text(self) -> bytes:
        """Return the exposition."""
        return prometheus.generate_latest(self.registry)


def _gauge(row: Row, values: "dict[str, int] | Tally[str]") -> GaugeMetricFamily:
    family = GaugeMetricFamily(row.name, row.help, labels=row.labels)
    for label, value in sorted(values.items()):
        family.add_metric([label], value)
    return family


def page() -> str:
    """Return docs/metrics.md."""
    head = [
        "# Metrics",
        "",
        "Made from `glbc/ops/metrics.py` by `pytest tests/walls --update-golden`.",
        "",
        "| Metric | Type | Labels | Meaning |",
        "|---|---|---|---|",
    ]
    rows = [
        f"| `{row.name}` | {row.kind} | {', '.join(f'`{one}`' for one in row.labels)} | {row.help} |"
        for row in ROWS
    ]
    return "\n".join([*head, *rows, ""])
