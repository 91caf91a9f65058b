"""The HTTP door: a raw ASGI application over `World.answer`, served by uvicorn.

A long poll sleeps in the event loop and so holds up nobody. A lost answer closes the connection
without a byte.
"""

import asyncio
import base64
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import parse_qsl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fakes.clock import VirtualClock
from fakes.gce.errors import ApiError
from fakes.gce.wire import AnswerLostError, Request, Response
from fakes.gce.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

CONTENT_TYPE: Final = (b"content-type", b"application/json; charset=UTF-8")
TRANSPORT: Final = "fakes.transport"
STARTED_WITHIN: Final = 10.0  # seconds


class Protocol(H11Protocol):
    """uvicorn's protocol, with the connection within the application's reach."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Bind the application to this connection."""
        super().connection_made(transport)
        app = self.app

        async def bound(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = bound


class Door:
    """The ASGI application."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        raw = await _body(receive)
        try:
            body = json.loads(raw) if raw else None
        except ValueError as wrong:
            refusal = ApiError(400, "parseError", f"Invalid JSON payload received. {wrong}")
            await _send(send, Response(refusal.code, refusal.body()))
            return
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        path = scope["raw_path"].decode("ascii")
        caller = _caller(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))
        try:
            answer = await self._answer(Request(scope["method"], path, query, body, caller))
        except AnswerLostError:
            scope[TRANSPORT].abort()
            await receive()  # until uvicorn has noticed
            return
        await _send(send, answer)

    async def _answer(self, request: Request) -> Response:
        world = self._world
        begun, waited = world.clock.monotonic(), 0.0
        while True:
            answer = world.answer(request, waited)
            if isinstance(answer, Response):
                return answer
            if isinstance(world.clock, VirtualClock):
                world.pass_time(answer.seconds)
            else:
                await asyncio.sleep(answer.seconds)
            waited = world.clock.monotonic() - begun


def _caller(authorization: str) -> str:
    """Return who sends a request: whom a signed token names, else the token itself."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer":
        return ""
    with suppress(ValueError):
        _, claims, _ = token.split(".")
        told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return str(told.get("email") or told.get("iss") or token)
    return token


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _send(send: Send, answer: Response) -> None:
    raw = json.dumps(answer.body).encode()
    length = (b"content-length", str(len(raw)).encode())
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [CONTENT_TYPE, length],
        }
    )
    await send({"type": "http.response.body", "body": raw})


def _server(world: World) -> uvicorn.Server:
    config = uvicorn.Config(
        Door(world),
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level=logging.ERROR,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=600,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket whose connections do not wait to fill packets."""
    listener = socket.create_server((host, port), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(world: World, host: str, port: int) -> None:
    """Serve a world until told to stop by a signal."""
    with listen(host, port) as listener, suppress(KeyboardInterrupt):
        _server(world).run(sockets=[listener])


@contextmanager
def running(world: World) -> Iterator[str]:
    """Serve a world on a free loopback port in a daemon thread; yields its base URL."""
    listener = listen("127.0.0.1", 0)
    server = _server(world)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="fakes-gce", daemon=True
    )
    thread.start()
    try:
        # the socket listens already: a call made now is answered as soon as the loop runs
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(STARTED_WITHIN)
        listener.close()
