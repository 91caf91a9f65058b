"""The terms in which this process leads, and what must be seen before anything is done in one.

A standby's view is warm, not fresh: what the former leader did last is not in it, and what was sent in its name may still
be arriving. So a term begins with a list of everything, and nothing is done to a kind before its list is there.
"""

from collections.abc import Collection
from typing import Final

from glbc.engine.jobs import Outcome
from glbc.engine.ports import Clock, Fence
from glbc.errors import Denied


class Alone:
    """The fence of a process that leads without asking."""

    def term(self) -> int:
        """Return the one term that there is."""
        return 1


ALONE: Final = Alone()


class Term:
    """The term that the loop's turn is in. Owned by the loop."""

    def __init__(self, fence: Fence, clock: Clock) -> None:
        self.number = 0  # of the term that this turn plans in; 0: another leads
        self.unlisted: frozenset[str] = frozenset()  # kinds of which no list of this term is there
        self._unasked: frozenset[str] = frozenset()  # … nor a word that there will be none
        self._fence = fence
        self._clock = clock
        self._began = float("-inf")  # seconds, monotonic

    def begins(self, kinds: Collection[str]) -> bool:
        """Look at the fence, once in a turn; return whether a term has begun since the last one.

        Args:
            kinds: what has to be listed in it.
        """
        number = self._fence.term()
        news, self.number = number not in {0, self.number}, number
        if news:
            self._began = self._clock.monotonic()
            self.unlisted = self._unasked = frozenset(kinds)
        return news

    def listed(self, kind: str, outcome: Outcome) -> bool:
        """Take in how a list has ended; return False if it began before the term, and must be repeated.

        One that is denied will not come: the cloud refuses by itself what must not be deleted.
        """
        if outcome.began < self._began:
            return False
        self._unasked -= {kind}
        if outcome.error is None or isinstance(outcome.error, Denied):
            self.unlisted -= {kind}
        return True

    def lasts(self) -> bool:
        """Tell whether this process still leads, in the term that this turn plans in."""
        return self.number != 0 and self._fence.term() == self.number

    def surveyed(self) -> bool:
        """Tell whether the cloud was asked for everything in this term."""
        return not self._unasked
