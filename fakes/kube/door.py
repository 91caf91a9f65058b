"""What passes through a door of the world: a request in, a response out.

The same two values cross the in-process door (a call) and the HTTP door (a socket),
so that a test of one is a test of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

if TYPE_CHECKING:
    from fakes.kube.watch import Watch


class ConnectionDroppedError(ConnectionError):
    """A scripted fault closed the connection before an answer was sent."""


@dataclass(frozen=True)
class Request:
    """One HTTP request; the query may also stand in the path."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | dict[str, Any] | list[Any] | None = None

    @property
    def url_path(self) -> str:
        """Return the path without a query."""
        return urlsplit(self.path).path

    def params(self) -> dict[str, str]:
        """Return the query of the path and the one given apart, the latter winning."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)) | dict(self.query)

    def header(self, name: str) -> str:
        """Return a header's value, whatever the case of its name; empty when absent."""
        for key, value in self.headers.items():
            if key.lower() == name:
                return value
        return ""

    def raw(self) -> bytes:
        """Return the body as bytes."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


@dataclass
class Response:
    """One answer; a watch has a stream instead of a body."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    watch: "Watch | None" = None
    delay: float = 0.0  # seconds the door waits before it answers; from a scripted fault
    dropped: bool = False  # the door closes the connection instead of answering
    cut: bool = False  # the door closes it in the middle of the first event

    def encoded(self) -> bytes:
        """Return the body as the HTTP door sends it."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return msgspec.json.encode(self.body)
