"""What becomes of requests under way when their endpoint leaves: they have the draining time, then they are cut.

The time is the longest of the backend services that sent there (Google's page on connection draining);
0, as long as nobody sets it, cuts at once. Envoy lets them end, however long that takes, and has no
word for the other. So whoever started Envoy takes Envoy's own end of the connection and shuts it.
"""

import ctypes
import errno
import logging
import os
import socket
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from fakes.edge.clusters import Endpoint
from fakes.edge.envoy import Seen

PIDFD_GETFD: Final = 438  # the number of the system call on every architecture; Linux 5.6
ESTABLISHED: Final = "01"  # in /proc/net/tcp
KEPT_SEC: Final = 60.0  # how long it is remembered that an endpoint has left

Address = tuple[str, int]
Left = Mapping[Address, float]
"""Who has left, and the moment (seconds, monotonic) until which it may answer."""

log = logging.getLogger("fakes.edge")


class Draining:
    """Which endpoints have left, and until when they may answer. Used by one thread."""

    def __init__(self, time_scale: float) -> None:
        """Remember nothing yet; the draining times are multiplied by a scale."""
        self._scale = time_scale
        self._used: Mapping[Address, float] = {}  # the draining time of each, in seconds
        self._left: Left = {}

    def left(
        self,
        members: Mapping[str, Collection[Endpoint]],
        drain_sec: Mapping[str, float],
        now: float,
    ) -> Left:
        """Return who has left, and until when it may answer.

        Args:
            members: who is sent requests now, by backend service.
            drain_sec: the draining time of each backend service, not scaled.
            now: seconds, monotonic.
        """
        used: dict[Address, float] = {}
        for name, rows in members.items():
            for one in rows:
                at = (one.ip, one.port)
                used[at] = max(used.get(at, 0.0), drain_sec.get(name, 0.0))
        kept = {at: until for at, until in self._left.items() if until + KEPT_SEC > now}
        gone = {at: now + sec * self._scale for at, sec in self._used.items()}
        self._left = {at: until for at, until in (gone | kept).items() if at not in used}
        self._used = used
        return self._left


class Cutter:
    """Cuts what is answered by those whose time is up. Used by one thread."""

    def __init__(self) -> None:
        self._done: set[tuple[Address, float]] = set()
        self._may = True  # does the kernel let us?

    def cut(self, pid: int, left: Left, seen: Seen, now: float) -> None:
        """Cut once what has left, when Envoy (`pid`) does not know it any more and its time is up."""
        known = {at for hosts in seen.values() for at in hosts}
        over = {(at, until) for at, until in left.items() if until <= now and at not in known}
        due, self._done = over - self._done, over
        if not (due and self._may):
            return
        try:
            shut(pid, {at for at, _ in due})
        except OSError as why:
            if why.errno in {errno.EPERM, errno.ENOSYS}:
                self._may = False
                log.warning("requests are not cut when a draining time is up: %s", why)


def shut(pid: int, peers: Collection[Address]) -> int:
    """Shut what a process that we have started has open to some addresses; return how many connections.

    Raises:
        OSError: the kernel does not let us, or the process is gone.
    """
    inodes = set(_open_to(pid, peers))
    if not inodes:
        return 0
    process, done = os.pidfd_open(pid), 0
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            if _inode_of(entry) in inodes:
                with _taken(process, int(entry.name)) as connection:
                    done += _shut(connection, peers)
    finally:
        os.close(process)
    return done


def _open_to(pid: int, peers: Collection[Address]) -> Iterator[str]:
    """Yield the inodes of the open connections to some addresses, also those of other processes."""
    for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        address, _, port = fields[2].partition(":")
        ip = socket.inet_ntoa(int(address, 16).to_bytes(4, "little"))
        if fields[3] == ESTABLISHED and (ip, int(port, 16)) in peers:
            yield fields[9]


def _inode_of(entry: Path) -> str:
    """Return the inode of a process's socket, "" of what is none, or is closed by now."""
    try:
        link = str(entry.readlink())
    except OSError:
        return ""
    return link[len("socket:[") : -1] if link.startswith("socket:[") else ""


def _taken(process: int, number: int) -> socket.socket:
    """Return another process's socket, as one of our own."""
    kernel = ctypes.CDLL(None, use_errno=True)
    found = kernel.syscall(PIDFD_GETFD, process, number, 0)
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return socket.socket(fileno=found)


def _shut(connection: socket.socket, peers: Collection[Address]) -> bool:
    """Shut a connection if it is still the one that was meant."""
    try:
        if connection.getpeername() not in peers:
            return False
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has ended by itself
        return False
    return True
