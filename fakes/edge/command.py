"""`python -m fakes edge`: one world's data plane until it is told to stop."""

import argparse
import logging
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fakes.edge.edge import Edge, Settings
from fakes.edge.envoy import Unavailable

LOOK_SEC: Final = 0.2


def main(argv: Sequence[str]) -> int:
    """Parse the command line and run; 0 when told to stop, 1 if Envoy cannot run."""
    usual = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m fakes edge", description="The fake cloud's data plane: a real Envoy."
    )
    parser.add_argument("--gce", required=True, metavar="URL", help="the fake Compute Engine")
    parser.add_argument(
        "--directory", type=Path, help="configuration and logs (default: a temporary one)"
    )
    parser.add_argument(
        "--time-scale",
        type=float,
        default=usual.time_scale,
        help="health-check seconds are multiplied by it (default: %(default)s)",
    )
    parser.add_argument(
        "--port-offset",
        type=int,
        default=usual.port_offset,
        help="added to ports where the system refuses low ones (default: %(default)s)",
    )
    parser.add_argument(
        "--concurrency", type=int, default=usual.concurrency, help="Envoy's threads"
    )
    parser.add_argument(
        "--cold-sec",
        type=float,
        default=usual.cold_sec,
        metavar="SECONDS",
        help="how long a backend answers nothing once a front end leads to it (default: not)",
    )
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    settings = Settings(args.time_scale, args.port_offset, args.concurrency, args.cold_sec)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with tempfile.TemporaryDirectory(prefix="fakes-edge-") as scratch:
        try:
            return _run(args.gce, args.directory or Path(scratch), settings, told)
        except Unavailable as why:
            sys.stderr.write(f"{why}\n")
            return 1


def _run(cloud: str, directory: Path, settings: Settings, told: threading.Event) -> int:
    with Edge(cloud, directory, settings) as edge:
        sys.stdout.write(f"edge: ports {edge.port(80)} and {edge.port(443)}, {edge.envoy.admin}\n")
        sys.stdout.flush()
        while not told.wait(LOOK_SEC):
            if edge.failed.is_set():
                return 1
    return 0
