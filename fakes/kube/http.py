"""The HTTP door: uvicorn in front of one world.

A request is answered on the event loop (it takes well under a millisecond); a watch is a stream
that sleeps until the store's listener wakes it, so an event is on the wire at once. Stopping the
server ends all watches first: an open stream must never keep it alive.
"""

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from functools import partial
from typing import Any, Final

import msgspec
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fakes.kube.door import Request, Response
from fakes.kube.watch import Watch
from fakes.kube.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON: Final = "application/json"
_TRANSPORT: Final = "fakes.kube.transport"
_START_WITHIN: Final = 10.0  # seconds
_END_WITHIN: Final = 2.0  # seconds that open connections get
_TICK: Final = 0.1  # seconds between uvicorn's looks at the time and at signals


class _Protocol(H11Protocol):
    """uvicorn's protocol, with the transport within reach of the app: a fault can drop it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # else an answer waits for an ACK
        self.app = partial(_with_transport, self.app, transport)


async def _with_transport(
    app: Any, transport: asyncio.Transport, scope: Scope, receive: Receive, send: Send
) -> None:
    await app({**scope, _TRANSPORT: transport}, receive, send)


class App:
    """The ASGI application of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopping = False
        self._wakes: set[Callable[[], None]] = set()

    def stop(self) -> None:
        """End all streams; called on the event loop."""
        self._stopping = True
        for wake in tuple(self._wakes):
            wake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        response = self._world.answer(request)
        if response.delay:
            await asyncio.sleep(response.delay)
        if response.dropped:
            scope[_TRANSPORT].abort()
        elif response.watch is not None:
            await self._stream(response, receive, send, scope[_TRANSPORT])
        else:
            await _write(response, send)

    async def _stream(
        self, response: Response, receive: Receive, send: Send, transport: asyncio.Transport
    ) -> None:
        watch = response.watch
        if watch is None:
            return
        await send(_head(response, _JSON))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            async for chunk in self._chunks(watch, gone):
                if response.cut:
                    half = chunk[: len(chunk) // 2]
                    await send({"type": "http.response.body", "body": half, "more_body": True})
                    transport.abort()
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            watch.closed = True
            gone.cancel()

    async def _chunks(self, watch: Watch, gone: "asyncio.Task[None]") -> AsyncIterator[bytes]:
        """Yield what is new whenever something is, until the watch or the client is gone."""
        loop = asyncio.get_running_loop()
        awake = asyncio.Event()
        wake = partial(_call_soon, loop, awake.set)
        gone.add_done_callback(lambda _: awake.set())

        def listener(resource: str) -> None:
            if resource == watch.scope.resource:
                wake()

        ends = [self._world.subscribe(listener), self._world.wake_with(wake)]
        self._wakes.add(awake.set)
        end = loop.time() + watch.timeout if watch.timeout else None
        next_bookmark = loop.time() + self._world.bookmark_every
        try:
            while True:
                awake.clear()
                if events := self._world.poll(watch):
                    yield b"".join(msgspec.json.encode(event) + b"\n" for event in events)
                if watch.closed or gone.done() or self._stopping:
                    return
                now = loop.time()
                if end is not None and now >= end:
                    return
                if now >= next_bookmark:
                    next_bookmark = now + self._world.bookmark_every
                    watch.bookmark()
                    continue
                until = min(next_bookmark, end) if end is not None else next_bookmark
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(awake.wait(), until - now)
        finally:
            self._wakes.discard(awake.set)
            for finish in ends:
                finish()


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
        loop.call_soon_threadsafe(call)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope["path"]
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], f"{path}?{query}" if query else path, {}, headers, body)


def _head(response: Response, media: str) -> dict[str, Any]:
    headers = {"content-type": media} | response.headers
    pairs = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
    return {"type": "http.response.start", "status": response.status, "headers": pairs}


async def _write(response: Response, send: Send) -> None:
    body = response.encoded()
    response.headers["content-length"] = str(len(body))
    await send(_head(response, _JSON))
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    """A server that starts, hears of its end and ends without waiting for a tick."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._fake = app
        self._leaving = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.listening = threading.Event()

    def leave(self) -> None:
        """End from any thread."""
        self.should_exit = True
        if self._loop is not None:
            _call_soon(self._loop, self._leaving.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then what is open, kindly first."""
        self._fake.stop()
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()
        state = self.server_state
        for connection in tuple(state.connections):
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + _END_WITHIN
        while state.connections or state.tasks:
            await asyncio.sleep(0.002)
            if asyncio.get_running_loop().time() > deadline:
                break
        for connection in tuple(state.connections):
            connection.transport.abort()
        for task in tuple(state.tasks):
            task.cancel()


def _server(world: World, host: str, port: int) -> _Server:
    app = App(world)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
    )
    return _Server(config, app)


def serve(world: World, host: str = "127.0.0.1", port: int = 8001) -> None:
    """Serve a world until told to stop by a signal; say where, since the port may be any (0)."""
    with socket.create_server((host, port)) as listener, contextlib.suppress(KeyboardInterrupt):
        port = listener.getsockname()[1]
        sys.stdout.write(f"Kubernetes API: kubectl --server http://{host}:{port}\n")
        sys.stdout.flush()
        _server(world, host, port).run(sockets=[listener])


@contextlib.contextmanager
def running(world: World, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a world from a thread while the block runs; yield its base URL."""
    listener = socket.create_server((host, port), backlog=512)
    server = _server(world, host, listener.getsockname()[1])
    thread = threading.Thread(
        target=partial(server.run, sockets=[listener]), name="fakes.kube", daemon=True
    )
    thread.start()
    if not server.listening.wait(_START_WITHIN):
        raise TimeoutError(f"the fake API server did not start within {_START_WITHIN} s")
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.leave()
        thread.join(_START_WITHIN)
        listener.close()
