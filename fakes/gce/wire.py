"""What goes in and out of the fake cloud, whichever door is used.

Both doors (a function call and HTTP) speak in these values, so that nothing behind them can
tell the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One call: method and path as on the wire, query and body already decoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    caller: str = ""  # who sends it; "": the owner of the project


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: the HTTP status and a JSON object."""

    status: int
    body: Json


@dataclass(frozen=True, slots=True)
class Later:
    """No answer yet: ask the same again when `seconds` have passed."""

    seconds: float


class AnswerLostError(ConnectionError):
    """The call was scripted to lose its answer: the caller sees a closed connection."""


def clone(value: Any) -> Any:
    """Return a deep copy of a JSON value (much cheaper than `copy.deepcopy`)."""
    if isinstance(value, dict):
        return {key: clone(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [clone(inner) for inner in value]
    return value
