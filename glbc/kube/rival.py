"""ingress-gce, if it lives: it serves the same Ingresses under the same names, so only one of the two may write.

It is alive while the record of its lock changes; a record is judged by our own clock, as our own Lease is. Its lock is a
Lease, or in older releases an annotation of a ConfigMap or an Endpoints object.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from glbc.engine.ports import Clock
from glbc.kube.sight import Record, Sight, record_of

LOCK: Final = "kube-system/ingress-gce-lock"
LOOK_SEC: Final = 5.0  # between looks; ingress-gce renews every 2 s and lasts 15 s
ANNOTATION: Final = "control-plane.alpha.kubernetes.io/leader"

Get = Callable[[str], dict[str, Any] | None]


def _of_annotation(body: Mapping[str, Any]) -> Record:
    """Return the record that client-go once kept in an annotation; an odd one is nobody's."""
    text = (body.get("metadata", {}).get("annotations") or {}).get(ANNOTATION, "{}")
    try:
        return msgspec.json.decode(text, type=Record)
    except msgspec.MsgspecError:
        return Record()


_IN: Final = "namespaces/kube-system"
LOCKS: Final[tuple[tuple[str, str, Callable[[Mapping[str, Any]], Record]], ...]] = (
    # kind       path                                                         where the record is
    ("Lease", f"/apis/coordination.k8s.io/v1/{_IN}/leases/ingress-gce-lock", record_of),
    ("ConfigMap", f"/api/v1/{_IN}/configmaps/ingress-gce-lock", _of_annotation),
    ("Endpoints", f"/api/v1/{_IN}/endpoints/ingress-gce-lock", _of_annotation),
)


class Rivals:
    """What was seen of ingress-gce's locks. Owned by the Elector."""

    name = "ingress-gce"

    def __init__(self, get: Get, clock: Clock) -> None:
        """Look at nothing yet; `get` returns the object at a path, or None, or raises ClusterError."""
        self._get = get
        self._clock = clock
        self._sights = {kind: Sight() for kind, _, _ in LOCKS}
        self._due = float("-inf")

    def look(self, now: float) -> None:
        """Look at the locks, if that is due at `now` (seconds, monotonic). Raises ClusterError."""
        if now < self._due:
            return
        for kind, path, record_in in LOCKS:
            record = record_in(self._get(path) or {})
            self._sights[kind] = self._sights[kind].at(record, self._clock.monotonic())
        self._due = now + LOOK_SEC

    def alive(self, now: float) -> str:
        """Say who leads there, and by which lock; "" when nobody does."""
        for kind, sight in self._sights.items():
            if now < sight.expires():
                ago = max(0.0, now - sight.since)
                return (
                    f"ingress-gce runs: its {kind} {LOCK} is held by {sight.record.holder}, renewed "
                    f"{ago:.0f} s ago: stop it, and glbc takes over"
                )
        return ""
