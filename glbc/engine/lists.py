"""When each kind is listed: at the start, once per resync, sooner while one of it is awaited, and after a failure."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from glbc.config import Config
from glbc.engine.backoff import Backoff
from glbc.engine.jobs import ListJob, Outcome
from glbc.engine.ports import Clock
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import MANAGED, POLICIES

AWAITED_SEC: Final = 30.0  # how often what is named and not there is looked for
NEVER: Final = float("-inf")


class Lists:
    """When each kind was listed last. Owned by the loop."""

    def __init__(self, config: Config, clock: Clock) -> None:
        # Instances only for the tags that nobody has configured.
        self.kinds = (*MANAGED, *POLICIES, *(() if config.node_tags else (Kind.INSTANCE,)))
        self._resync_sec = float(config.resync_sec)
        self._clock = clock
        self._backoff = Backoff()
        self._ended: dict[str, float] = {}  # when the last list of a kind ended, well or not
        self._under_way: set[str] = set()

    def surveyed(self) -> bool:
        """Tell whether every kind has been listed, or at least asked for, once."""
        return all(kind in self._ended for kind in self.kinds)

    def again(self) -> None:
        """Let everything that was listed be listed once more, at once."""
        self._ended = dict.fromkeys(self._ended, NEVER)

    def jobs(
        self, awaited: Collection[str], groups: Callable[[str], Iterable[ResourceKey]]
    ) -> Iterator[ListJob]:
        """Yield the lists that are due.

        Args:
            awaited: kinds of which one is named and not there.
            groups: returns the groups of a kind whose members are read with the list.
        """
        now = self._clock.monotonic()
        for kind in self.kinds:
            since = now - self._ended.get(kind, NEVER)
            if kind not in self._under_way and since >= self._lasts(kind, awaited):
                self._under_way.add(kind)
                yield ListJob(kind, tuple(groups(kind)))

    def fold(self, outcome: Outcome, job: ListJob, *, counts: bool) -> None:
        """Take in how a list has ended; one that does not count is repeated at once."""
        self._under_way.discard(job.kind)
        wait = self._resync_sec
        if outcome.error is None:
            self._backoff.cleared(job.kind)
        else:
            self._backoff.failed(job.kind, outcome.ended)
            wait = min(wait, self._backoff.wait_of(job.kind))
        if not counts:
            wait = 0.0
        self._ended[job.kind] = outcome.ended - self._resync_sec + wait

    def due(self, awaited: Collection[str]) -> Iterator[float]:
        """Yield the moments (monotonic) at which a list is due."""
        for kind, at in self._ended.items():
            if kind not in self._under_way:
                yield at + self._lasts(kind, awaited)

    def in_flight(self) -> int:
        """Return the number of lists under way."""
        return len(self._under_way)

    def _lasts(self, kind: str, awaited: Collection[str]) -> float:
        """Return for how many seconds a list of a kind is good enough."""
        return min(self._resync_sec, AWAITED_SEC) if kind in awaited else self._resync_sec
