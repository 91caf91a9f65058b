"""A headless Chromium, where one is installed: what a person would see."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIETLY = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-lcd-text",
)
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), "")


def run(url: str, *options: str, millis: int = 6000) -> str:
    """Open a page, let `millis` of its own time pass, and return what the browser prints."""
    with tempfile.TemporaryDirectory(prefix="glbc-browser-") as profile:
        words: Sequence[str] = (
            BROWSER,
            *QUIETLY,
            f"--user-data-dir={profile}",
            f"--virtual-time-budget={millis}",
            *options,
            url,
        )
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def dom(url: str, millis: int = 6000) -> str:
    """Return the document as it is after `millis` of its own time."""
    return run(url, "--dump-dom", millis=millis)


def picture(url: str, to: Path, width: int, height: int, *options: str) -> None:
    """Write a screenshot."""
    run(url, f"--screenshot={to}", f"--window-size={width},{height}", *options)
