"""A listening socket on an event loop, opened and closed without a pause in between.

asyncio's own server loses a connection that it has accepted when it is closed in the same moment:
the client would wait for ever. Here whoever is in the queue when the door closes still gets in.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

BACKLOG: Final = 1024
AT_ONCE: Final = 64  # connections taken before somebody else has a turn
# Seconds that TLS has to begin and to end: who only knocks must not hold a Pod up.
TLS_SEC: Final[Mapping[str, float]] = {"ssl_handshake_timeout": 5.0, "ssl_shutdown_timeout": 1.0}


def listen(address: str, port: int) -> socket.socket:
    """Return a listening TCP socket.

    Raises:
        OSError: the address or port is not to be had.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class Door:
    """One listening socket, which is the door's from now on, and a protocol per connection."""

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Let in who comes; with `tls` only who speaks it."""
        self._listener = listener
        self._tls = tls
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[Any]] = set()
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Let in who waits, then nobody."""
        if self._listener.fileno() < 0:
            return
        while self._accept():
            pass
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _accept(self) -> bool:
        """Take some connections; return whether more may wait."""
        for _ in range(AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError, OSError):
                return False
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._enter(connection))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)
        return True

    async def _enter(self, connection: socket.socket) -> None:
        within = TLS_SEC if self._tls else {}
        try:
            await self._loop.connect_accepted_socket(
                self._protocol, connection, ssl=self._tls, **within
            )
        except OSError:
            connection.close()
