"""A fence that can be shut for good: then nothing is written any more, whoever leads."""

from glbc.engine.ports import Fence


class Gate:
    """Stands before another fence. Any thread may shut it."""

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        self._shut = False

    def shut(self) -> None:
        """Let no write start from now on."""
        self._shut = True

    def term(self) -> int:
        """Return the number of the term in which this process leads now; 0: it does not."""
        return 0 if self._shut else self._fence.term()
