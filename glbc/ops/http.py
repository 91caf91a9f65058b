"""The room for whoever looks at the process over HTTP: a table of paths, and nothing that writes.

A thread of its own, few threads for answers, a bound on how long a connection may last: who asks
slowly, or often, keeps nobody from anything but this room, and nobody from this room: where all places
are taken, who has had one longest gives it up, for the kubelet asks here whether the process lives.
What a path answers is a function of frozen values. On a loopback address only names of this machine are answered, so that no page of the
network can read along under a name of its own (DNS rebinding).
"""

import ipaddress
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
import structlog

from glbc.errors import GlbcError

log = structlog.get_logger()

THREADS: Final = 8  # answers at a time; who comes on top of them ends the oldest
ROOM_SEC: Final = 0.5  # how long that may take; then who has come is turned away
QUIET_SEC: Final = 5.0  # how long a client may say nothing
WHOLE_SEC: Final = 10.0  # how long a connection may last
STOP_SEC: Final = 1.0  # how long answers that are under way may take at the end
READ: Final = ("GET", "HEAD")
SHUT: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a path says."""

    content_type: str
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    tag: str = ""  # quoted, as ETag has it; "": the body is sent each time
    policy: str = SHUT  # Content-Security-Policy


Route = Callable[[], Answer]


class Server:
    """Answers GET and HEAD until it is stopped. The address is taken when it is made."""

    def __init__(self, address: str, routes: Mapping[str, Route]) -> None:
        """Take an address.

        Args:
            address: `IP:PORT`; port 0 is any that is free.
            routes: path -> what it answers.

        Raises:
            GlbcError: the address cannot be had. It may be free in a moment, so this is no mistake
                in the configuration, for which nobody would start the process again.
        """
        host, _, port = address.rpartition(":")
        try:
            self._listener = _Listener(host.strip("[]"), int(port), routes)
        except OSError as e:
            raise GlbcError(
                f"http.address: {address}: cannot listen there ({e.strerror}): "
                'end what does, give another address, or "" for none'
            ) from e
        self.url = f"http://{host}:{self._listener.server_address[1]}/"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.1,), name="http", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End every connection, and give the address back."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        self._listener.end()


class _Handler(BaseHTTPRequestHandler):
    """One connection: one request, one answer."""

    server: "_Listener"
    timeout = QUIET_SEC

    def __getattr__(self, name: str) -> Any:
        """Answer every method that there is, or will be."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def version_string(self) -> str:
        """Tell no version to whoever asks."""
        return "glbc"

    def _answer(self) -> None:
        if self.command not in READ:
            self._say(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(READ)})
        elif not self.server.is_meant(self.headers.get("Host", "")):
            self._say(HTTPStatus.MISDIRECTED_REQUEST)
        elif (route := self.server.routes.get(self.path.partition("?")[0])) is None:
            self._say(HTTPStatus.NOT_FOUND)
        else:
            try:
                answer = route()
            except Exception:
                log.exception("http_failed", path=self.path)
                self._say(HTTPStatus.INTERNAL_SERVER_ERROR)
            else:
                self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        known = answer.tag and self.headers.get("If-None-Match", "") == answer.tag
        self._send(HTTPStatus.NOT_MODIFIED if known else answer.status, answer, {})

    def _say(self, status: HTTPStatus, more: Mapping[str, str] | None = None) -> None:
        body = f"{status.value} {status.phrase}\n".encode()
        self._send(status, Answer(content_type="text/plain; charset=utf-8", body=body), more or {})

    def _send(self, status: HTTPStatus, answer: Answer, more: Mapping[str, str]) -> None:
        self.send_response(status)
        tag = {"ETag": answer.tag} if answer.tag else {}
        policy = {"Content-Security-Policy": answer.policy}
        for name, value in {**HEADERS, **policy, **tag, **more}.items():
            self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and status is not HTTPStatus.NOT_MODIFIED:
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request, without repeating any of it."""
        del message, explain
        self._say(HTTPStatus(code))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's word)
        """Say nothing: a page that refreshes itself is no news."""


class _Listener(ThreadingHTTPServer):
    """The library's server, bounded."""

    daemon_threads = True
    request_queue_size = THREADS

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        self.routes = routes
        self.is_local = ipaddress.ip_address(host).is_loopback
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._places = threading.BoundedSemaphore(THREADS)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}  # connection -> until when (monotonic)
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Take the address; the library would also ask the network for this machine's name."""
        socketserver.TCPServer.server_bind(self)

    def is_meant(self, host: str) -> bool:
        """Tell whether a request's Host names this machine, where only it can ask."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if not self.is_local or name in {"", "localhost"}:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; make room for it where there is none."""
        if not self._places.acquire(blocking=False):
            with self._lock:
                self._cut(min(self._open.values(), default=0.0))
            if not self._places.acquire(timeout=ROOM_SEC):
                self.shutdown_request(request)
                return
        with self._lock:
            self._open[request] = time.monotonic() + WHOLE_SEC
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the machine has no thread for it
            self._left(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._left(request)

    def service_actions(self) -> None:
        """End the connections that last too long."""
        with self._lock:
            self._cut(time.monotonic())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who asked has gone, or was cut off."""

    def end(self) -> None:
        """End every connection, and wait until their threads are done."""
        with self._lock:
            self._cut(float("inf"))
        until = time.monotonic() + STOP_SEC
        for _ in range(THREADS):
            self._places.acquire(timeout=max(0.0, until - time.monotonic()))

    def _cut(self, now: float) -> None:
        """End the connections whose time has come by `now`; the lock is held."""
        for request, until in self._open.items():
            if until <= now:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def _left(self, request: socket.socket) -> None:
        with self._lock:
            self._open.pop(request, None)
        self._places.release()
