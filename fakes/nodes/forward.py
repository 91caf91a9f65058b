"""Carrying one TCP connection from a node port to a Pod, byte for byte.

A Pod that refuses is passed over for the next; when none answers the client's connection is reset,
as a closed port would do. Half-closed connections stay half open, a slow reader slows its writer.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

CONNECT_SEC: Final = (
    10.0  # for one try; a refusal comes at once, so this is only for a busy machine
)
IP_BIND_ADDRESS_NO_PORT: Final = 24  # Linux: the port is chosen at connect, per destination


class Backend(NamedTuple):
    """Where a connection may go."""

    address: str
    port: int


Choose = Callable[
    [str], Sequence[Backend]
]  # the client's address -> backends in order of preference
Pairs = set["Client"]


class Side(asyncio.Protocol):
    """One of the two ends: what it receives goes out at the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (tells the type)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end of this direction on; keep the other one open."""
        other = self.other.transport if self.other is not None else None
        if other is not None and other.can_write_eof() and not other.is_closing():
            other.write_eof()
        return True

    def pause_writing(self) -> None:
        """Let the other end wait until this one has drained."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other end go on."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other end: after what it still has to send, or at once after an error."""
        self.transport = None
        other, self.other = self.other, None
        if other is not None and other.transport is not None:
            if exc is None:
                other.transport.close()
            else:
                other.transport.abort()


class Client(Side):
    """The end that came in at the node port; it finds the other one."""

    def __init__(self, choose: Choose, source: str, pairs: Pairs) -> None:
        super().__init__()
        self._choose = choose
        self._source = source  # the address that Pods see; "": the client's own
        self._pairs = pairs
        self._finding: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look for a Pod; until then nothing is read."""
        super().connection_made(transport)
        self._pairs.add(self)
        peer = transport.get_extra_info("peername")
        if self.transport is None or peer is None:
            transport.close()
            return
        self.transport.pause_reading()
        self._finding = asyncio.get_running_loop().create_task(self._find(peer[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up looking."""
        self._pairs.discard(self)
        if self._finding is not None:
            self._finding.cancel()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Reset both ends."""
        for side in (self.other, self):
            if side is not None and side.transport is not None:
                side.transport.abort()

    async def _find(self, client: str) -> None:
        loop = asyncio.get_running_loop()
        for backend in self._choose(client):
            try:
                sock = await _connected(backend, self._source or client)
            except (OSError, TimeoutError):
                continue
            try:
                side = Side()
                side.other = self
                await loop.create_connection(lambda: side, sock=sock)  # noqa: B023
            except OSError:
                sock.close()
                continue
            except BaseException:
                sock.close()
                raise
            if self.transport is None:
                if side.transport is not None:
                    side.transport.abort()
                return
            self.other = side
            self.transport.resume_reading()
            return
        self._refuse()

    def _refuse(self) -> None:
        """Reset, so that the client does not take it for an empty answer."""
        if self.transport is not None:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self.transport.abort()


async def _connected(backend: Backend, source: str) -> socket.socket:
    """Return a connection to a backend.

    Raises:
        OSError: it is refused.
        TimeoutError: it takes too long.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))
        await _connect(sock, backend)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect(sock: socket.socket, backend: Backend) -> None:
    code = sock.connect_ex((backend.address, backend.port))
    if code == errno.EINPROGRESS:
        async with asyncio.timeout(CONNECT_SEC):
            await _writable(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, f"connect to {backend.address}:{backend.port}")


async def _writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not done.done():
            done.set_result(None)

    loop.add_writer(sock, tell)
    try:
        await done
    finally:
        loop.remove_writer(sock)
