"""Since when Pods have been ready, by our own clock: what a workload's minReadySeconds goes by.

The API tells that in whole seconds, which is too coarse for a world whose seconds are scaled.
"""

import time

from fakes.nodes.kinds import POD, Kind, Obj, is_true, uid_of


class Available:
    """The Pods that are ready. Told by the cluster, asked by the controllers; on one event loop."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._since: dict[str, float] = {}  # by UID
        self._due: float | None = None

    def changed(self, kind: Kind, old: Obj | None, new: Obj | None) -> None:
        """Take note of a change of a Pod."""
        if kind is not POD:
            return
        if new is not None and is_true(new, "Ready"):
            self._since.setdefault(uid_of(new), time.monotonic())
        elif (obj := new or old) is not None:
            self._since.pop(uid_of(obj), None)

    def holds(self, pod: Obj, owner: Obj) -> bool:
        """Tell whether a Pod has been ready for as long as its workload wants."""
        since = self._since.get(uid_of(pod))
        if since is None:
            return False
        at = since + float(owner["spec"].get("minReadySeconds") or 0) * self._scale
        if at <= time.monotonic():
            return True
        self._due = min(at, self._due or at)
        return False

    def take_due(self) -> float | None:
        """Return in how many seconds an answer changes by itself, None: in none; forget it."""
        due, self._due = self._due, None
        return None if due is None else max(due - time.monotonic(), 0.0)
