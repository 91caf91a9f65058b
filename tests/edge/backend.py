"""A tiny HTTP server on an instance's address that says who it is and what it was sent."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Backend:
    """One server; `status` may be changed while it runs."""

    name: str
    ip: str
    port: int
    status: int = 200
    health: int = 200  # what the probed path answers
    delay: float = 0.0
    held: bool = False  # answers nothing but probes until it is let go
    busy: int = 0  # requests that are being answered, without probes
    probes: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # paths, those of probes among them

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split(" ", 2)
                headers: dict[str, str] = {}
                while (row := (await reader.readline()).decode().strip()) != "":
                    name, _, value = row.partition(":")
                    headers[name.lower()] = value.strip()
                await reader.readexactly(int(headers.get("content-length", "0")))
                self.asked.append(path)
                status, counts = self.status, int(path != "/healthz")
                self.busy += counts
                if path == "/healthz":
                    self.probes.append(headers)
                    status = self.health
                elif self.delay:
                    await asyncio.sleep(self.delay)
                while self.held and counts:  # noqa: ASYNC110 (set by another thread)
                    await asyncio.sleep(0.01)
                told = {"name": self.name, "method": method, "path": path, "headers": headers}
                body = json.dumps(told).encode()
                head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nx-backend: {self.name}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
                self.busy -= counts
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


class Backends:
    """Servers in one thread; each may be stopped and started again."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._open: dict[tuple[str, int], set[asyncio.StreamWriter]] = {}

    def start(self, backend: Backend) -> Backend:
        async def begin() -> asyncio.Server:
            writers = self._open.setdefault((backend.ip, backend.port), set())

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writers.add(writer)
                await backend.answer(reader, writer)
                writers.discard(writer)

            return await asyncio.start_server(connected, backend.ip, backend.port)

        self._servers[backend.ip, backend.port] = self._do(begin())
        return backend

    def stop(self, backend: Backend) -> None:
        async def end() -> None:
            server = self._servers.pop((backend.ip, backend.port), None)
            if server is not None:
                server.close()
                for writer in list(self._open.pop((backend.ip, backend.port), ())):
                    writer.close()
                await server.wait_closed()

        self._do(end())

    def close(self) -> None:
        async def end() -> None:
            for server in self._servers.values():
                server.close()
            for writers in self._open.values():
                for writer in list(writers):
                    writer.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@contextmanager
def serving() -> Iterator[Backends]:
    backends = Backends()
    try:
        yield backends
    finally:
        backends.close()
