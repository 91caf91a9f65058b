"""Where the loop can be looked at from outside: its last turn, frozen, and replaced as a whole.

Written by the loop's thread, read by any. Nothing is computed here, whether anybody looks or not.
"""

from collections.abc import Collection, Iterable, Mapping

from glbc.engine.absentees import Turn
from glbc.engine.ports import Clock
from glbc.model.keys import ResourceKey
from glbc.picture.shapes import Scene
from glbc.plan.planner import Action


class Window:
    """The last turn, and when each kind was last listed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listed: dict[str, float] = {}  # kind -> seconds since 1970
        self.began = clock.time()  # seconds since 1970: when there was something to look at
        self.scene: Scene | None = None  # None before the first turn
        self.beat = (
            clock.monotonic()
        )  # when the loop began its last turn; at first, when it was made

    def begins(self) -> None:
        """Take note that a turn begins."""
        self.beat = self._clock.monotonic()

    def listed(self, kind: str) -> None:
        """Take note that a kind has been listed just now."""
        self._listed[kind] = self._clock.time()

    def show(
        self,
        turn: Turn,
        flying: Iterable[Action],
        health: Mapping[ResourceKey, str],
        kinds: Collection[str],
    ) -> None:
        """Put a turn on show.

        Args:
            turn: what it saw and decided.
            flying: the actions that are under way after it.
            health: the last word of each backend service.
            kinds: what has to be listed for a list to be complete.
        """
        whole = self._listed.keys() >= set(kinds)
        self.scene = Scene(
            at=self._clock.time(),
            listed=min(self._listed[kind] for kind in kinds) if whole else None,
            snapshot=turn.snapshot,
            desired=turn.desired,
            actual=turn.actual,
            plan=turn.plan,
            flying=tuple(flying),
            health=health,
        )
