"""The table of all metrics. The names are a promise: alerts are written with them.

`docs/metrics.md` is made from it. No label takes more values than the table of kinds, methods, codes
or reasons has; the one exception is the certificate, of which there are few and each expires alone.
"""

from typing import Final

import msgspec


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
REQUESTS: Final = Row(
    "glbc_api_requests_total",
    "counter",
    ("api", "method", "code", "result"),
    "HTTP requests to `compute` and `kubernetes` that ended: method as the API calls it "
    "(`backendServices.insert`, `ingresses.watch`), HTTP status (`none`: no answer came), and `ok` or the class "
    "of the error (of Compute Engine `RateLimited`, `Denied`, …; of Kubernetes `Refused`, `Unreachable`).",
)
REQUEST_SECONDS: Final = Row(
    "glbc_api_request_seconds",
    "histogram",
    ("api", "method"),
    "Seconds until a request was answered; of a watch, until it was open. Waiting for an operation is "
    "a request of its own (`globalOperations.wait`).",
)
PROGRAMMED: Final = Row(
    "glbc_edit_to_programmed_seconds",
    "histogram",
    (),
    "Seconds from the watch event that made an Ingress differ from the cloud until everything that it "
    "wants was there. Counted by the process that leads.",
)
FENCE_LOSSES: Final = Row(
    "glbc_fence_losses_total",
    "counter",
    (),
    "How often this process has stopped to lead without being told to stop.",
)
LEADER: Final = Row("glbc_leader", "gauge", (), "1 while this process may write, else 0.")
TURN_AGE: Final = Row(
    "glbc_turn_age_seconds",
    "gauge",
    (),
    "Seconds since the loop began its last turn; at rest a turn comes with each resync.",
)
RESYNC_AGE: Final = Row(
    "glbc_resync_age_seconds",
    "gauge",
    (),
    "Seconds since which every kind of the cloud has been listed; before that, since the process began.",
)
QUEUE_AGE: Final = Row(
    "glbc_queue_age_seconds",
    "gauge",
    (),
    "Seconds that the oldest action waits that may be done and is not done; 0 when there is none, and "
    "on a standby.",
)
PARKED_AGE: Final = Row(
    "glbc_oldest_parked_seconds",
    "gauge",
    (),
    "Seconds since the cloud first refused the oldest action that it still refuses; 0 when there is "
    "none, and on a standby.",
)
PLANNED: Final = Row(
    "glbc_plan_actions",
    "gauge",
    ("op", "verdict"),
    "Actions that the cloud needs: `in_flight`, `due`, `held` (by a guard, or by what they need) or `parked` "
    "(refused by the cloud, and tried again later).",
)
HELD: Final = Row(
    "glbc_held_back",
    "gauge",
    ("reason",),
    "Actions that are due and held back, by the reason codes of docs/reasons.md: by a guard, by the "
    "cloud's refusal, or by what they need.",
)
ORPHANS: Final = Row(
    "glbc_orphans",
    "gauge",
    ("kind", "verdict"),
    "Resources that are ours and that nothing wants, by what becomes of them (as in `glbc_plan_actions`). Not counted is "
    "what an Ingress left behind on purpose.",
)
FOREIGN_FIELDS: Final = Row(
    "glbc_foreign_fields",
    "gauge",
    ("kind",),
    "Fields of resources of ours that differ from what glbc would set, and are left to whoever set them.",
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
EXPIRY: Final = Row(
    "glbc_certificate_expiry_timestamp_seconds",
    "gauge",
    ("certificate",),
    "When a certificate that an HTTPS proxy of ours serves is not valid any more, in seconds since 1970.",
)
COUNTED: Final = (ACTIONS, ACTION_SECONDS, REQUESTS, REQUEST_SECONDS, PROGRAMMED)
READ: Final = (
    *(FENCE_LOSSES, LEADER, TURN_AGE, RESYNC_AGE, QUEUE_AGE, PARKED_AGE, PLANNED, HELD, ORPHANS),
    *(FOREIGN_FIELDS, FINDINGS, INGRESSES, COMPLETE, EXPIRY),
)
ROWS: Final = (*COUNTED, *READ)


def page() -> str:
    """Return docs/metrics.md."""
    head = [
        "# Metrics",
        "",
        "Made from `glbc/ops/catalogue.py` by `pytest tests/walls --update-golden`.",
        "",
        "| Metric | Type | Labels | Meaning |",
        "|---|---|---|---|",
    ]
    rows = [
        f"| `{row.name}` | {row.kind} | {', '.join(f'`{one}`' for one in row.labels)} | {row.help} |"
        for row in ROWS
    ]
    return "\n".join([*head, *rows, ""])
