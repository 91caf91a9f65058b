"""Colours are for terminals only, and for those who want them."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

MANIFESTS = Path(__file__).parents[1] / "golden" / "manifests" / "good"
LINE = [
    "plan",
    "--from",
    str(MANIFESTS),
    "--no-cloud",
    "--cluster-uid",
    "a",
    "--kube-system-uid",
    "b",
]


def printed(*, terminal: bool, **environment: str) -> str:
    """Return what a line prints, on a terminal of its own or into a pipe."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    env = {**os.environ, **environment}
    command = [sys.executable, "-m", "glbc", *LINE]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=env) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how a terminal tells that its other end is closed
                break
            if not part:
                break
            text += part
        os.close(ours)
        assert process.wait(60) == 2
    return text.decode()


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        pytest.param(True, {"NO_COLOR": ""}, True, id="a terminal"),
        pytest.param(True, {"NO_COLOR": "1"}, False, id="a terminal without colours"),
        pytest.param(False, {"NO_COLOR": ""}, False, id="a pipe"),
    ],
)
def test_colours(terminal: bool, environment: dict[str, str], coloured: bool) -> None:
    text = printed(terminal=terminal, **environment)
    assert "Plan: 8 to create" in text
    assert ("\x1b[" in text) is coloured
