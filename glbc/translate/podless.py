"""A Service that was made a moment ago and has no pod yet: its health check waits for one.

One `kubectl apply` of a Deployment, a Service and an Ingress shows the Ingress before the first
pod. A check made then would ask the default path for ever, whatever the pods' readiness probes say:
a check is made from a probe once. ingress-gce is too slow to meet this. Nothing is lost by the
wait, for without a pod nothing could answer.
"""

from datetime import UTC, datetime
from typing import Final

from glbc.model.keys import Kind, ResourceKey
from glbc.model.views import Service
from glbc.translate.probes import Probed

MOMENT_SEC: Final = 5.0  # how long after its Service a Deployment's first pod may come


def awaiting(probed: Probed, now: float) -> dict[ResourceKey, float]:
    """Return the health checks that wait for a first pod, and until when.

    Args:
        probed: the backends, and the pods that each selects.
        now: seconds since 1970. The API server's clock may be another; where it is ahead, nothing
            waits.
    """
    waiting = {}
    for key, one in probed.backends.items():
        selector = one.asked.selector
        if selector.labels and not probed.answers.members[selector]:
            made = _made_at(one.service)
            if made <= now < made + MOMENT_SEC:
                waiting[ResourceKey(key.project, Kind.HEALTH_CHECK, key.scope, key.name)] = (
                    made + MOMENT_SEC
                )
    return waiting


def _made_at(service: Service) -> float:
    """Return seconds since 1970; long ago when nobody says."""
    try:
        made = datetime.fromisoformat(service.metadata.creation_timestamp or "")
    except ValueError:
        return float("-inf")
    return (made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp()
