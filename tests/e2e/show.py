"""`make picture`: the picture of the live page that the README shows."""

import sys
import time
from pathlib import Path

from glbc.commands.live import Gallery, page
from glbc.ops import logs
from glbc.ops.http import Server
from tests.e2e import browser
from tests.e2e.png import smaller
from tests.support.house import NAMER
from tests.support.scenes import LASTS_SEC, busy_house

PICTURE = Path(__file__).parents[2] / "docs" / "live.png"
WIDTH, HEIGHT = 1120, 1190  # pixels


def main() -> int:
    """Write docs/live.png; return the exit code."""
    if not browser.BROWSER:
        sys.stderr.write(f"needs one of {', '.join(browser.NAMES)}\n")
        return 1
    logs.configure("console", quiet=True)
    house = busy_house(start=time.time() - LASTS_SEC)
    gallery, shown = Gallery(house.loop.window, NAMER, house.config, house.clock), page()
    server = Server("127.0.0.1:0", {"/": lambda: shown, "/state.json": gallery.state})
    server.start()
    try:
        browser.picture(server.url, PICTURE, WIDTH, HEIGHT)
    finally:
        server.stop()
    PICTURE.write_bytes(smaller(PICTURE.read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
