"""A small HTTP/1.1 client on asyncio: requests on kept connections, and streams of lines.

The generic clients lose a connection when a request is cancelled at the wrong moment; here every
connection is known from its first byte, so that `close` closes them all.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

CONNECT_SEC: Final = 5.0
LONGEST_LINE: Final = 64 * 1024 * 1024  # bytes; a line of a watch holds a whole object


@dataclass
class Head:
    """The head of an answer."""

    status: int
    headers: Mapping[str, str]  # names in lower case

    @property
    def keeps(self) -> bool:
        """Tell whether the connection may be used again after the body."""
        return self.headers.get("connection", "").lower() != "close"


@dataclass(eq=False)
class Connection:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def usable(self) -> bool:
        """Tell whether it may carry another request."""
        return not self.reader.at_eof() and not self.writer.is_closing()


class Wire:
    """Connections to one server. Owned by one event loop."""

    def __init__(self, base: str, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(base)
        self._tls = context if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._authority = parts.netloc.rpartition("@")[2]
        self._every: set[Connection] = set()
        self._idle: list[Connection] = []

    def close(self) -> None:
        """Close every connection."""
        for connection in tuple(self._every):
            self._drop(connection)
        self._idle.clear()

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a request; return the status and the body of the answer.

        Raises:
            OSError: the connection failed, or what came back is not HTTP.
        """
        connection = await self._connection()
        kept = False
        try:
            head = await self._begin(connection, method, path, headers, body)
            chunks = [chunk async for chunk in _chunks(connection.reader, head)]
            kept = head.keeps and connection.usable
        except (EOFError, ValueError) as error:
            raise OSError(f"{method} {path}: the connection broke: {error!r}") from error
        finally:
            if kept:
                self._idle.append(connection)
            else:
                self._drop(connection)
        return head.status, b"".join(chunks)

    async def lines(
        self, path: str, headers: Mapping[str, str], silence: float
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """Yield the status and a line of the answer, line after line; half a line is dropped.

        Raises:
            OSError: the connection failed.
            TimeoutError: nothing came for `silence` seconds.
        """
        connection = await self._connection()
        try:
            head = await self._begin(connection, "GET", path, headers)
            rest = b""
            chunks = _chunks(connection.reader, head)
            while True:
                async with asyncio.timeout(silence):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield head.status, line
            if head.status >= 300:
                yield head.status, rest
        except (EOFError, ValueError) as error:
            raise OSError(f"GET {path}: the connection broke: {error!r}") from error
        finally:
            self._drop(connection)

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            self._drop(connection)
        async with asyncio.timeout(CONNECT_SEC):
            reader, writer = await asyncio.open_connection(
                self._host, self._port, ssl=self._tls, limit=LONGEST_LINE
            )
        connection = Connection(reader, writer)
        self._every.add(connection)
        return connection

    def _drop(self, connection: Connection) -> None:
        self._every.discard(connection)
        connection.writer.transport.abort()

    async def _begin(
        self,
        connection: Connection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> Head:
        lines = [
            f"{method} {self._prefix}{path} HTTP/1.1",
            f"Host: {self._authority}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
            "\r\n",
        ]
        connection.writer.write("\r\n".join(lines).encode("latin-1") + body)
        await connection.writer.drain()
        return await _head(connection.reader)


async def _head(reader: asyncio.StreamReader) -> Head:
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = raw.rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Head(int(first.split(" ")[1]), headers)


async def _chunks(reader: asyncio.StreamReader, head: Head) -> AsyncGenerator[bytes, None]:
    """Yield the body of an answer as it comes."""
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
    elif "content-length" in head.headers:
        yield await reader.readexactly(int(head.headers["content-length"]))
    else:
        while chunk := await reader.read(65536):
            yield chunk
