"""What only the HTTP door can get wrong: streams that outlive the server, and latency."""

import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from fakes.kube import World, running

from .conftest import CONFIGMAPS, configmap


def test_the_server_stops_at_once_although_a_watch_is_open():
    world = World()
    opened = threading.Event()

    def reader(url):
        with (
            httpx.Client(base_url=url, trust_env=False) as client,
            client.stream("GET", f"{CONFIGMAPS}?watch=true"),
        ):
            opened.set()

    with running(world) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(f"GET {CONFIGMAPS}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert raw.recv(1024).startswith(b"HTTP/1.1 200")
            thread = threading.Thread(target=reader, args=(url,))
            thread.start()
            assert opened.wait(10)
            begun = time.monotonic()
            thread.join(10)
    assert time.monotonic() - begun < 5
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=1).close()


def test_a_served_world_says_where_it_is_and_ends_by_signal():
    code = "from fakes.kube import World, serve; serve(World(), port=0)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        where = process.stdout.readline().split()[-1]
        assert httpx.get(f"{where}/healthz", trust_env=False).text == "ok"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_a_client_that_goes_ends_its_watch(world, url):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(f"GET {CONFIGMAPS}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert raw.recv(1024).startswith(b"HTTP/1.1 200")
        assert world.open_watches() == 1
    deadline = time.monotonic() + 60
    while world.open_watches() and time.monotonic() < deadline:
        with httpx.Client(base_url=url, trust_env=False) as client:
            client.get("/healthz")
    assert world.open_watches() == 0


def test_events_reach_a_watch_within_milliseconds(world, url):
    took = []
    with (
        httpx.Client(base_url=url, trust_env=False) as client,
        client.stream("GET", f"{CONFIGMAPS}?watch=true") as response,
    ):
        lines = response.iter_lines()
        for number in range(50):
            begun = time.monotonic()
            world.apply(configmap(f"c{number}"))
            assert f'"c{number}"' in next(lines)
            took.append(time.monotonic() - begun)
        world.close_watches()
    assert sorted(took)[25] < 0.2  # the median: no poll stands between, however slow the machine


def test_hundreds_of_requests_a_second_over_one_connection(url):
    with httpx.Client(base_url=url, trust_env=False) as client:
        client.post(CONFIGMAPS, json=configmap())
        begun = time.monotonic()
        for _ in range(200):
            assert client.get(f"{CONFIGMAPS}/cm").status_code == 200
    assert time.monotonic() - begun < 6  # a delayed acknowledgement of each would make it 8
