"""An API server that answers exactly what a test tells it to: for answers no sane server gives."""

import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def watches(self) -> bool:
        return self.query.get("watch") == "true"


@dataclass
class Answer:
    """What to send; a stream's lines go out one by one, and `hold` keeps the stream open then."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    lines: Iterable[Any] | None = None
    hold: threading.Event | None = None
    tail: bytes = b""  # sent last, without a line break
    cut: bool = False  # end the stream without its proper end


Script = Callable[[Asked], Answer]


def raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script
    asked: list[Asked]

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        split = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            self.command,
            split.path,
            dict(parse_qsl(split.query)),
            dict(self.headers),
            json.loads(sent) if sent else None,
        )
        self.asked.append(asked)
        answer = type(self).script(asked)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.lines is None:
            body = raw(answer.body)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for text in [*(raw(line) + b"\n" for line in answer.lines), answer.tail]:
            if text:
                self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
                self.wfile.flush()
        if answer.hold is not None:
            answer.hold.wait(20)
        if answer.cut:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PATCH = answer  # noqa: N815

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that hangs up is part of many tests."""


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[Asked]]]:
    """Run the script behind a URL; also return what was asked so far."""
    asked: list[Asked] = []
    handler = type("Scripted", (Handler,), {"script": staticmethod(script), "asked": asked})
    server = Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
