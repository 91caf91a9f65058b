"""What the cloud refuses for good, and when it is tried again all the same.

It is tried after a while: nobody tells when a permission is given or a quota raised. A quota counts what there is, so what
one refuses is tried at once when something of its kind has gone (our own deletions are seen at once, others' in the next
list) or when it asks for something else, and otherwise more and more rarely.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

from glbc.errors import CloudError, Denied, QuotaExceeded, Rejected
from glbc.model.graph import Graph, Observed
from glbc.model.keys import ResourceKey
from glbc.plan.planner import Action, Refusal

HINT: Final[tuple[tuple[type[CloudError], str], ...]] = (
    (Denied, "give the controller's service account the permission"),
    (QuotaExceeded, "raise the quota{quota}, or delete what is not needed"),
    (Rejected, "change what asks for it"),
)


def refusal_of(action: Action, error: CloudError) -> Refusal | None:
    """Return what is to be remembered of a failure; None: nothing, it is no refusal for good."""
    hint = next((text for cls, text in HINT if isinstance(error, cls)), "")
    if not hint:
        return None
    return Refusal(
        action,
        str(error),
        hint.format(quota=f" {error.quota}" if error.quota else ""),
        denied=isinstance(error, Denied),
        over_quota=isinstance(error, QuotaExceeded),
    )


def wait_sec(refusal: Refusal, times: int, first_sec: float, most_sec: float) -> float:
    """Return how long a refusal is let rest.

    Args:
        refusal: the last one.
        times: how often in a row it was refused before.
        first_sec: after the first one.
        most_sec: at most, where it is more and more.
    """
    if not refusal.over_quota:
        return first_sec
    return min(first_sec * 2.0 ** min(times, 16), max(first_sec, most_sec))


class Room:
    """How many there are of each kind of which a quota has refused one more. Owned by the loop."""

    def __init__(self) -> None:
        self._had: dict[str, int] = {}  # at the last look

    def made(
        self, actual: Graph[Observed], refused: Collection[ResourceKey]
    ) -> Iterator[ResourceKey]:
        """Yield those of the refused for which something has gone since the last look, one for one."""
        had, self._had = self._had, {}
        for kind in sorted({key.kind for key in refused}):
            has = sum(live.key not in refused for live in actual.of_kind(kind))
            self._had[kind] = has
            gone = max(0, had.get(kind, has) - has)
            yield from islice(sorted(key for key in refused if key.kind == kind), gone)
