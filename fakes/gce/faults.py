"""Scripted trouble: which call goes wrong, how often, and how.

A fault is data (it also arrives as JSON through `/_fake/faults`). Each matching call uses up one
`skip`, then one `times`; the first fault that still has times left decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from fakes.gce.errors import ApiError


@dataclass(frozen=True, slots=True)
class Error:
    """The call answers this error and does nothing."""

    code: int
    reason: str = "backendError"
    message: str = "Internal error. Please try again or contact Google Support."

    def raised(self) -> ApiError:
        """Return the error to raise."""
        return ApiError(self.code, self.reason, self.message)


@dataclass(frozen=True, slots=True)
class FailedOperation:
    """The call is accepted, its operation ends with this error and without effect."""

    code: str
    message: str = "scripted failure"
    http: int = 400


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The connection is closed instead of an answer; `acted` says whether the call took effect."""

    acted: bool = True


@dataclass(frozen=True, slots=True)
class Lag:
    """A read shows the world as it was this many seconds ago (writes before the fault excepted)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Short:
    """A page of a list shows at most so many rows, the last of them first; the rest is to be asked for."""

    rows: int


Effect = Error | FailedOperation | LoseAnswer | Lag | Short


def means(glob: str, method: str) -> bool:
    """Say whether a glob, with or without the leading "compute.", means a method."""
    short = method.removeprefix("compute.")
    return fnmatchcase(method, glob) or fnmatchcase(short, glob)


@dataclass(slots=True)
class Fault:
    """One scripted trouble and how much of it is left."""

    method: str  # glob over the method id, with or without the leading "compute."
    effect: Effect
    name: str | None = None  # only calls for the resource of this name
    scope: str | None = None  # only calls in this scope: "global", "zones/us-central1-a"
    skip: int = 0  # matching calls let through first
    times: int | None = 1  # calls it then hits; None: every one

    def matches(self, method: str, scope: str, name: str) -> bool:
        """Say whether a call is of the kind meant."""
        if self.name not in (None, name) or self.scope not in (None, scope):
            return False
        return means(self.method, method)


@dataclass(slots=True)
class Faults:
    """The script. Owned by the world; used up under its lock."""

    script: list[Fault] = field(default_factory=list)

    def add(
        self,
        method: str,
        effect: Effect,
        *,
        name: str | None = None,
        scope: str | None = None,
        skip: int = 0,
        times: int | None = 1,
    ) -> Fault:
        """Script a trouble; see `Fault` for the arguments."""
        fault = Fault(method, effect, name=name, scope=scope, skip=skip, times=times)
        self.script.append(fault)
        return fault

    def clear(self) -> None:
        """Forget the whole script."""
        self.script.clear()

    def take(self, method: str, scope: str, name: str) -> Effect | None:
        """Count a call against the script and return what happens to it."""
        for fault in self.script:
            if not fault.matches(method, scope, name) or fault.times == 0:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault.effect
        return None

    @property
    def longest_lag(self) -> float:
        """Return how far back reads may be asked to look, in seconds."""
        lags = [f.effect.seconds for f in self.script if isinstance(f.effect, Lag)]
        return max(lags, default=0.0)


def from_json(row: Mapping[str, Any]) -> Fault:
    """Build a fault from what `/_fake/faults` was sent.

    Raises:
        ApiError: it names no known effect.
    """
    effect: Effect
    match row:
        case {"error": dict() as error}:
            effect = Error(**error)
        case {"failedOperation": dict() as failure}:
            effect = FailedOperation(**failure)
        case {"loseAnswer": dict() as lose}:
            effect = LoseAnswer(**lose)
        case {"loseAnswer": True}:
            effect = LoseAnswer()
        case {"lag": seconds}:
            effect = Lag(float(seconds))
        case {"short": rows}:
            effect = Short(int(rows))
        case _:
            raise ApiError(
                400,
                "invalid",
                "a fault needs one of error{code,reason,message}, "
                "failedOperation{code,message,http}, loseAnswer, lag, short",
            )
    times = row.get("times", 1)
    return Fault(
        method=str(row.get("method", "*")),
        effect=effect,
        name=row.get("name"),
        scope=row.get("scope"),
        skip=int(row.get("skip", 0)),
        times=None if times is None else int(times),
    )
