"""A small HTTP/1.1 server on asyncio, for pods that echo and for the control endpoint.

One world has dozens of servers in one process, so each is a listening socket and a protocol, no
more. A server drains as a well-behaved one does: while draining it still takes connections and
answers, but every answer closes its connection; `connections` tells when nobody is left.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

from fakes.nodes.door import Door

MAX_HEAD: Final = 64 * 1024  # bytes of request line and headers
MAX_BODY: Final = 16 * 1024 * 1024  # bytes; beyond it the request is refused
_GOES_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    client: str  # address of the other end of the connection
    method: str
    target: str  # path and query, as on the request line
    version: str  # 1.0 or 1.1
    headers: tuple[tuple[str, str], ...]  # names in lower case, in their order
    body: bytes = b""
    scheme: str = "http"  # or https

    @property
    def path(self) -> str:
        """Return the path without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """Return the first header of a (lower-case) name, "" when there is none."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    body: bytes = b""
    kind: str = "text/plain"  # Content-Type
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before it is sent


Answerer = Callable[[Request], "Answer | asyncio.Future[Answer]"]


class BadRequestError(ValueError):
    """What came in is not HTTP/1.1 as we understand it."""


class Server:
    """The listeners and connections of one program. Used on one event loop only."""

    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.draining = False
        self.stopped = False
        self.connections: set[Connection] = set()
        self._doors: list[Door] = []

    def start(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Take connections from a listening socket, which is the server's from now on."""
        self._doors.append(Door(listener, lambda: Connection(self), tls))

    def drain(self) -> None:
        """Let every connection end with its next answer; go on taking new ones."""
        self.draining = True

    def stop(self) -> None:
        """Take no more connections; close the idle ones, let the others end with their answer."""
        self.draining = self.stopped = True
        for door in self._doors:
            door.close()
        self._doors.clear()
        for connection in tuple(self.connections):
            connection.close_if_idle()

    def abort(self) -> None:
        """Close everything at once, answered or not."""
        self.stop()
        for connection in tuple(self.connections):
            connection.abort()


class Connection(asyncio.Protocol):
    """One connection: requests are answered one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._client = ""
        self._scheme = "http"
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.TimerHandle | asyncio.Future[Answer] | None = None
        self._told_to_go_on = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the server's connections."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (tells the type)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if peer else ""
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._server.connections.add(self)
        if self._server.stopped:  # it was accepted, but too late
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the server's connections."""
        del exc
        if self._waiting is not None:
            self._waiting.cancel()
        self._transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._buffer += data
        if self._waiting is None:
            self._next()

    def close_if_idle(self) -> None:
        """Close when no answer is under way."""
        if self._transport is not None and self._waiting is None:
            self._transport.close()

    def abort(self) -> None:
        """Close without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        try:
            request = self._take()
        except BadRequestError as wrong:
            refused = Request(self._client, "", "", "1.0", ())
            self._send(refused, Answer(400, f"{wrong}\n".encode()))
            return
        if request is None:
            return
        found = self._server.answer(request)
        if isinstance(found, asyncio.Future):
            self._waiting = found
            found.add_done_callback(lambda done: self._answered(request, done))
        elif found.delay > 0:
            self._waiting = self._loop.call_later(found.delay, self._send, request, found)
        else:
            self._send(request, found)

    def _answered(self, request: Request, done: "asyncio.Future[Answer]") -> None:
        if done.cancelled():
            return
        error = done.exception()
        self._send(
            request, done.result() if error is None else Answer(500, f"{error!r}\n".encode())
        )

    def _send(self, request: Request, answer: Answer) -> None:
        self._waiting = None
        transport = self._transport
        if transport is None:
            return
        wish = request.header("connection").lower()
        kept = wish == "keep-alive" if request.version == "1.0" else wish != "close"
        kept = kept and not self._server.draining
        transport.write(_encoded(request, answer, kept=kept))
        if not kept:
            transport.close()
        elif self._buffer:
            self._next()

    def _take(self) -> Request | None:
        """Return the next complete request out of the buffer, None when there is none yet."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadRequestError("the head of the request is too long")
            return None
        request = _head(self._client, bytes(self._buffer[:end]))
        found = _body(request, self._buffer, end + 4)
        if found is None:
            self._go_on(request)
            return None
        body, used = found
        del self._buffer[:used]
        self._told_to_go_on = False
        return replace(request, body=body, scheme=self._scheme)

    def _go_on(self, request: Request) -> None:
        """Tell a client that waits for permission to send the body."""
        waits = request.header("expect").lower() == "100-continue"
        if waits and not self._told_to_go_on and self._transport is not None:
            self._told_to_go_on = True
            self._transport.write(_GOES_ON)


def _head(client: str, head: bytes) -> Request:
    first, *lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequestError(f"not a request line: {first[:80]!r}")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestError(f"not a header: {line[:80]!r}")
        headers.append((name.strip().lower(), value.strip()))
    return Request(client, words[0], words[1], words[2].removeprefix("HTTP/"), tuple(headers))


def _body(request: Request, buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Return the body and where it ends, None when it is not complete yet."""
    if request.header("transfer-encoding").lower() == "chunked":
        return _chunked(buffer, start)
    text = request.header("content-length") or "0"
    if not text.isdigit() or int(text) > MAX_BODY:
        raise BadRequestError(f"Content-Length: {text[:40]}")
    end = start + int(text)
    return (bytes(buffer[start:end]), end) if len(buffer) >= end else None


def _chunked(buffer: bytearray, here: int) -> tuple[bytes, int] | None:
    body = bytearray()
    while (line_end := buffer.find(b"\r\n", here)) >= 0:
        try:
            size = int(bytes(buffer[here:line_end]).partition(b";")[0], 16)
        except ValueError as wrong:
            raise BadRequestError("not the size of a chunk") from wrong
        if size == 0:
            end = buffer.find(b"\r\n", line_end + 2)  # trailers are not supported
            return (bytes(body), end + 2) if end == line_end + 2 else None
        if len(body) + size > MAX_BODY:
            raise BadRequestError("the body is too long")
        here = line_end + 2
        if len(buffer) < here + size + 2:
            return None
        body += buffer[here : here + size]
        here += size + 2
    return None


def _encoded(request: Request, answer: Answer, *, kept: bool) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [
        f"HTTP/1.1 {answer.status} {phrase}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.body)}",
        f"Connection: {'keep-alive' if kept else 'close'}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
        "\r\n",
    ]
    bodiless = request.method == "HEAD" or answer.status in _BODILESS
    return "\r\n".join(lines).encode("latin-1") + (b"" if bodiless else answer.body)
