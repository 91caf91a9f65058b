"""Trouble on demand, and the record of what was asked.

A fault waits for calls that it matches, lets `skip` of them pass, and spoils the next `times`.
Only calls of resources are counted and spoiled: discovery and `/_fake/` always work.
"""

from collections import Counter
from typing import Any, NamedTuple

import msgspec


class Call(NamedTuple):
    """One call that reached the server."""

    number: int  # counts from 1 and is never reused
    verb: str  # get, list, watch, create, update, patch, delete, deletecollection
    resource: str  # ingresses, ingresses/status
    namespace: str
    name: str
    status: int  # HTTP status; 0: the connection was dropped


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What to match and what to do; an empty field matches everything.

    Effects combine: a delay comes before a drop or a status.
    """

    verb: str = ""
    resource: str = ""  # plural, also with a subresource: ingresses/status
    name: str = ""
    namespace: str = ""
    skip: int = 0  # calls that pass first
    times: int = 1  # calls spoiled after that; -1: for ever
    status: int = 0  # HTTP code; 0: no refusal
    reason: str = ""  # of the Status; empty: derived from the code
    message: str = "trouble on demand"
    retry_after: int | None = None  # seconds
    drop: bool = False  # close the connection instead of answering
    cut: bool = False  # of a watch over HTTP: break off in the middle of its first event
    silent: bool = False  # of a watch: it opens, and says nothing more
    after: bool = False  # the write happens, only its answer is lost or refused
    delay: float = 0.0  # seconds before the answer

    def matches(self, verb: str, resource: str, namespace: str, name: str) -> bool:
        """Say whether a call is one this fault waits for."""
        pairs = (
            (self.verb, verb),
            (self.resource, resource),
            (self.namespace, namespace),
            (self.name, name),
        )
        return all(not wanted or wanted == got for wanted, got in pairs)


class Faults:
    """Owned by one World and used under its lock."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []  # the fault, and how many calls it has seen

    def add(self, fault: Fault) -> None:
        """Let a fault wait for its calls."""
        self._waiting.append((fault, 0))

    def clear(self) -> None:
        """Take back all faults."""
        self._waiting.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Return what is waiting, and how often each matched so far."""
        return [{**msgspec.to_builtins(fault), "seen": seen} for fault, seen in self._waiting]

    def strike(self, verb: str, resource: str, namespace: str, name: str) -> Fault | None:
        """Return the first fault that spoils this call; count the call with all that match."""
        struck: Fault | None = None
        for place, (fault, seen) in enumerate(self._waiting):
            if not fault.matches(verb, resource, namespace, name):
                continue
            self._waiting[place] = (fault, seen + 1)
            due = seen >= fault.skip and (fault.times < 0 or seen < fault.skip + fault.times)
            if due and struck is None:
                struck = fault
        return struck


class Journal:
    """The calls in their order; owned by one World and used under its lock."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, call: Call) -> None:
        """Record a call."""
        self._calls.append(call)
        self._counts[call.verb, call.resource] += 1

    def next_number(self) -> int:
        """Return the number of the next call."""
        return len(self._calls) + 1

    def since(self, number: int) -> list[Call]:
        """Return the calls after a number."""
        return self._calls[number:]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many calls there were per verb and resource."""
        return dict(sorted(self._counts.items()))
