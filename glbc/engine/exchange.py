"""One request to an API and what came of it, for whoever counts; told by the adapters, from any thread."""

from collections.abc import Callable
from typing import Final

import msgspec

OK: Final = "ok"
UNANSWERED: Final = 0  # the status of a request that got no answer


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has ended. It holds no name, no path and no body."""

    api: str  # `compute` or `kubernetes`
    method: str  # as the API calls it: `backendServices.insert`, `ingresses.watch`
    status: int  # of HTTP; UNANSWERED: the way there broke
    result: str = OK  # or the name of the error's class, as the table of `glbc.errors` has it
    seconds: float  # until the answer was there; of a watch, until it was open


Heard = Callable[[Exchange], None]


def unheard(_exchange: Exchange) -> None:
    """Count nothing."""
