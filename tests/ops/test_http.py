"""What is shown over HTTP can be read, and nothing else: over real sockets on loopback."""

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from glbc.commands.live import page
from glbc.errors import GlbcError
from glbc.ops import http as room
from glbc.ops.http import Answer, Server

TOLD = Answer(content_type="text/plain", body=b"told\n", tag='"t1"')


def broken() -> Answer:
    raise ValueError("a bug")


ROUTES = {"/": page, "/told": lambda: TOLD, "/broken": broken}


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server("127.0.0.1:0", ROUTES)
    one.start()
    yield one
    one.stop()


def port_of(server: Server) -> int:
    return int(server.url.rstrip("/").rpartition(":")[2])


def ask(
    server: Server, method: str = "GET", path: str = "/told", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_a_path_is_answered_with_headers_that_let_nothing_in(server: Server) -> None:
    status, headers, body = ask(server)
    assert (status, body) == (200, b"told\n")
    del headers["Date"]
    assert headers == {
        "Server": "glbc",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "ETag": '"t1"',
        "Content-Type": "text/plain",
        "Content-Length": "5",
    }


def test_the_page_runs_its_own_script_and_no_other(server: Server) -> None:
    _, headers, body = ask(server, path="/")
    policy = headers["Content-Security-Policy"]
    assert "script-src 'sha256-" in policy
    assert "style-src 'sha256-" in policy
    assert "unsafe" not in policy
    assert body.count(b"<script") == body.count(b"<style") == 1
    assert b" onclick" not in body
    assert b"innerHTML" not in body


def test_the_page_fetches_nothing_from_elsewhere(server: Server) -> None:
    _, _, body = ask(server, path="/")
    assert body.replace(b"http://www.w3.org/2000/svg", b"").count(b"://") == 0


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    status, headers, body = ask(server, "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "5", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NEW"])
def test_a_method_that_is_no_read_is_refused(server: Server, method: str) -> None:
    status, headers, _ = ask(server, method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/nothing", "/told/", "/../told", "/told%2f", "*"])
def test_a_path_that_is_not_in_the_table_is_not_there(server: Server, path: str) -> None:
    status, _, body = ask(server, path=path)
    assert (status, body) == (404, b"404 Not Found\n")


def test_a_query_changes_nothing(server: Server) -> None:
    assert ask(server, path="/told?x=<script>")[2] == b"told\n"


def test_what_the_client_has_is_not_sent_again(server: Server) -> None:
    status, headers, body = ask(server, **{"If-None-Match": '"t1"'})
    assert (status, headers["ETag"], body) == (304, '"t1"', b"")
    assert ask(server, **{"If-None-Match": '"t0"'})[0] == 200


def test_a_bug_in_one_path_is_told_to_nobody_and_stops_nothing(server: Server) -> None:
    status, _, body = ask(server, path="/broken")
    assert (status, body) == (500, b"500 Internal Server Error\n")
    assert ask(server)[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n", id="no method"),
        pytest.param(b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", id="a path without end"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", id="too many headers"),
    ],
)
def test_what_is_no_request_is_refused_without_repeating_it(server: Server, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=10) as one:
        one.sendall(sent)
        first = one.recv(65536)
    assert first.startswith(b"HTTP/1.0 4")
    assert b"<" not in first
    assert b"nosniff" in first
    assert ask(server)[0] == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("localhost:8081", 200, id="port-forward"),
        pytest.param("127.0.0.1", 200, id="address"),
        pytest.param("[::1]:8081", 200, id="address of IPv6"),
        pytest.param("evil.example.com", 421, id="a name that was bent to this machine"),
        pytest.param("127.0.0.1.evil.example.com:80", 421, id="looks like an address"),
    ],
)
def test_on_loopback_only_names_of_this_machine_are_answered(
    server: Server, host: str, status: int
) -> None:
    assert ask(server, Host=host)[0] == status


def test_an_address_that_is_taken_is_one_clear_line(server: Server) -> None:
    with pytest.raises(GlbcError) as told:
        Server(f"127.0.0.1:{port_of(server)}", ROUTES)
    message = str(told.value)
    assert message.startswith(f"http.address: 127.0.0.1:{port_of(server)}: cannot listen there")
    assert "\n" not in message


def test_stopping_ends_the_thread_the_connections_and_gives_the_address_back() -> None:
    before = threads()
    one = Server("127.0.0.1:0", ROUTES)
    one.start()
    with socket.create_connection(("127.0.0.1", port_of(one)), timeout=10) as idle:
        idle.sendall(b"GET /told HTT")
        while not one._listener._open:
            ask(one)
        one.stop()
        assert idle.recv(10) == b""
    for thread in threads() - before:
        thread.join(5)
    assert threads() <= before
    Server(f"127.0.0.1:{port_of(one)}", ROUTES).stop()


def test_who_says_nothing_takes_no_place_from_who_asks(server: Server) -> None:
    """The kubelet asks here whether the process lives: whoever reaches the port could have it restarted."""
    before = threads()
    quiet = [
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=10)
        for _ in range(3 * room.THREADS)
    ]
    for _ in range(3):
        assert ask(server)[0] == 200
    assert len(threads() - before) <= room.THREADS
    for one in quiet:
        one.close()


def test_who_dribbles_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WHOLE_SEC", 0.3)
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=10) as slow:
        slow.sendall(b"GET /told HTTP/1.1\r\n")
        assert slow.recv(10) == b""
    assert ask(server)[0] == 200


def test_a_server_that_was_never_started_can_be_stopped() -> None:
    Server("127.0.0.1:0", ROUTES).stop()


def test_ipv6_is_an_address_as_well() -> None:
    try:
        one = Server("[::1]:0", ROUTES)
    except GlbcError:
        pytest.skip("this machine has no IPv6")
    assert one.url.startswith("http://[::1]:")
    one.stop()
