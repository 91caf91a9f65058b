"""How many mutations are on their way: sent, and not answered yet. An operation that runs is not: the cloud has it."""

import threading
from types import TracebackType


class InFlight:
    """Use it in `with`, around one call; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    def __enter__(self) -> None:
        with self._lock:
            self._number += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._number -= 1

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return self._number > 0
