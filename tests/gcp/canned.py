"""A server that answers what a test wrote down, for answers that a well-behaved API never gives."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, object]  # status and body; a str goes out as it is
SILENCE: Answer = (0, "")  # no answer until the client hangs up


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answers: Sequence[Answer]
    asked: list[tuple[str, str, str]]  # method, path with query, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together: no wait for a delayed acknowledgement
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        turn = len(self.server.asked)
        self.server.asked.append((self.command, self.path, body))
        status, answer = self.server.answers[min(turn, len(self.server.answers) - 1)]
        if status == 0:
            self.rfile.read(1)
            self.close_connection = True
            return
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  (http.server's names)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Serve the answers in order, the last one for ever; yield the base URL and what was asked."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.answers, server.asked = answers, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
