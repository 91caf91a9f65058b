"""The HTTP server of the pods, byte for byte."""

import asyncio

import pytest

from fakes.nodes.door import listen
from fakes.nodes.web import Answer, Request, Server


def echo(request: Request) -> Answer:
    return Answer(200, f"{request.method} {request.path} ".encode() + request.body)


async def exchange(sent: bytes, *, drain: bool = False) -> bytes:
    server = Server(echo)
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server.start(listener)
    if drain:
        server.drain()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
        server.abort()
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("sent", "status", "end"),
    [
        pytest.param(
            b"GET /a?b HTTP/1.1\r\nConnection: close\r\n\r\n", 200, b"GET /a ", id="a plain request"
        ),
        pytest.param(b"GET /old HTTP/1.0\r\n\r\n", 200, b"GET /old ", id="HTTP/1.0 closes"),
        pytest.param(
            b"HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n",
            200,
            b"\r\n\r\n",
            id="HEAD has no body",
        ),
        pytest.param(
            b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz",
            200,
            b"POST /a xyz",
            id="a body of known length",
        ),
        pytest.param(
            b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"2\r\nxy\r\n1;e=f\r\nz\r\n0\r\n\r\n",
            200,
            b"POST /a xyz",
            id="a body in chunks",
        ),
        pytest.param(
            b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n",
            200,
            b"GET /2 ",
            id="two requests at once",
        ),
        pytest.param(b"nonsense\r\n\r\n", 400, b"'nonsense'\n", id="what is not HTTP"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, b"-1\n", id="a wrong length"
        ),
    ],
)
def test_a_request_is_answered(sent, status, end):
    got = asyncio.run(exchange(sent))
    assert got.startswith(f"HTTP/1.1 {status} ".encode())
    assert got.endswith(end)


def test_a_client_that_waits_to_send_its_body_is_told_to_go_on():
    sent = (
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"
    )

    async def talk() -> bytes:
        server = Server(echo)
        listener = listen("127.0.0.1", 0)
        server.start(listener)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(sent)
        first = await reader.readline()
        writer.write(b"x")
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.abort()
        return first + rest

    got = asyncio.run(talk())
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n")
    assert got.endswith(b"POST / x")


def test_a_server_that_drains_answers_and_closes():
    got = asyncio.run(exchange(b"GET /a HTTP/1.1\r\n\r\n", drain=True))
    assert b"Connection: close" in got
    assert got.endswith(b"GET /a ")
