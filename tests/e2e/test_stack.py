"""The walkthrough, the stack and `python -m fakes up`: they hold, and they leave no process behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakes.stack import Stack, StackError
from tests.e2e.world import WITHIN

ROOT = Path(__file__).resolve().parents[2]


def left_behind(directory: Path) -> list[str]:
    """Return the processes that live in a directory: a Stack gives them a HOME there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile, or is not ours
        if f"HOME={directory}".encode() in environ:
            found.append(command.replace(b"\0", b" ").decode())
    return found


@contextmanager
def fakes(part: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Start `python -m fakes PART` with its files in a directory."""
    with (directory / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "fakes", part],
            env={**os.environ, "TMPDIR": str(directory)},
            stdout=out,
            stderr=out,
            text=True,
            cwd=ROOT,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(WITHIN)


def said(process: subprocess.Popen[str], directory: Path, words: str) -> str:
    """Wait until a process has said something; return all that it said."""
    deadline = time.monotonic() + WITHIN
    while words not in (text := (directory / "out").read_text()):
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def test_the_walkthrough_holds_and_leaves_nothing_behind(tmp_path) -> None:
    with fakes("demo", tmp_path) as demo:
        code = demo.wait(4 * WITHIN)
    text = (tmp_path / "out").read_text()
    assert code == 0, text
    assert "== 10." in text
    assert "[NOT]" not in text
    assert text.endswith("The walkthrough holds.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_walkthrough_that_is_interrupted_leaves_nothing_behind(tmp_path, number) -> None:
    with fakes("demo", tmp_path) as demo:
        said(demo, tmp_path, "create configmap")
        assert left_behind(tmp_path)
        demo.send_signal(number)
        code = demo.wait(WITHIN)
    assert code == 130
    assert "Traceback" not in (tmp_path / "out").read_text()
    assert left_behind(tmp_path) == []


def test_up_prints_lines_that_work_and_ends_at_ctrl_c(tmp_path) -> None:
    with fakes("up", tmp_path) as up:
        text = said(up, tmp_path, "Ctrl-C ends all of it.")
        lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
        words = {" ".join(line.split()[:2]) for line in lines}
        assert {"kubectl get", "kubectl describe", "kubectl apply", "kubectl delete"} < words
        assert {"glbc plan", "curl -s"} < words
        script = "\n".join(
            # after each line: what it ended with
            [lines[0], *(f'{line}; echo "[$? {line.split()[0]}]"' for line in lines[1:])]
        )
        elsewhere = {**os.environ, "http_proxy": "http://127.0.0.1:1", "HOME": "/nonexistent"}
        done = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            timeout=4 * WITHIN,
            check=False,
            cwd=ROOT,
            env=elsewhere,
        )
        ended = re.findall(r"\[(\d+) (\w+)\]$", done.stdout, re.MULTILINE)
        assert len(ended) == len(lines) - 1, done
        # the plan is made while glbc works: it may find something to do
        assert {(c, w) for c, w in ended if w != "glbc"} == {("0", "kubectl"), ("0", "curl")}, done
        assert {c for c, w in ended if w == "glbc"} <= {"0", "2"}, done
        assert "ingress.networking.k8s.io/shop configured" in done.stdout
        assert '"kind": "compute#urlMapList"' in done.stdout
        up.send_signal(signal.SIGINT)
        assert up.wait(WITHIN) == 0
    assert left_behind(tmp_path) == []


def test_nothing_is_left_behind_after_an_exception(tmp_path) -> None:
    seen = []

    def go_wrong() -> None:
        with Stack(tmp_path) as stack:
            stack.start_glbc()
            seen.extend(left_behind(tmp_path))
            raise LookupError

    with pytest.raises(LookupError):
        go_wrong()
    assert len(seen) == 3
    assert left_behind(tmp_path) == []


class Halting(Stack):
    """A stack whose API server ends at once."""

    def start(self, name, command):
        super().start(name, ["sh", "-c", "echo no kube today"] if name == "kube" else command)


def test_a_part_that_does_not_start_is_told_with_its_log_and_ends_the_others(tmp_path) -> None:
    with pytest.raises(StackError, match=r"(?s)kube does not answer.*no kube today"):
        Halting(tmp_path).__enter__()
    assert left_behind(tmp_path) == []
