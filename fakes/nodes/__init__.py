"""Nodes on loopback addresses: kubelets, kube-proxies and workload controllers for any API server.

    with Nodes(Settings(server=url, gce=gce_url, slice=3)) as nodes: ...
    python -m fakes nodes --kubeconfig PATH --gce URL --slice 3

It talks to the API server by REST only, so that one may be fake or real. Node N of slice S is
127.64.S.N, its node ports really listen, and every Pod is a server on an address of its own: out
of the node's podCIDR, the N-th sixteen of 127.80.S.0/24, which is an alias range of the instance.
Linux only: elsewhere loopback has one address.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from fakes.nodes.settings import DEFAULT_MACHINES, Machine, Settings, machine
from fakes.nodes.world import Nodes
from fakes.nodes.world import main as _main

__all__ = ["Machine", "Nodes", "Settings", "add_options", "main", "run", "settings_of"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `python -m fakes nodes` to a parser."""
    parser.add_argument(
        "--node",
        action="append",
        type=machine,
        metavar="NAME=ZONE",
        help="a node; may be repeated (default: node-1 in us-central1-a, node-2, node-3 in -b)",
    )
    parser.add_argument("--kubeconfig", type=Path, help="default: as kubectl finds it")
    parser.add_argument("--server", default="", help="URL of an API server without credentials")
    parser.add_argument("--gce", default="", help="URL of fakes.gce, to make the instances there")
    parser.add_argument("--project", default="demo", help="project id, in the nodes' providerID")
    parser.add_argument(
        "--slice", type=int, default=0, help="0–255: addresses 127.64.SLICE.x, 127.80.SLICE.x"
    )
    parser.add_argument(
        "--time-scale", type=float, default=1.0, help="what seconds of manifests are multiplied by"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address of the control endpoint")
    parser.add_argument("--port", type=int, default=0, help="its port; 0: any free port")


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings that a command line asks for."""
    return Settings(
        machines=tuple(args.node or DEFAULT_MACHINES),
        server=args.server,
        kubeconfig=args.kubeconfig,
        gce=args.gce,
        project=args.project,
        slice=args.slice,
        time_scale=args.time_scale,
        control_host=args.host,
        control_port=args.port,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse a command line and run."""
    parser = argparse.ArgumentParser(prog="python -m fakes nodes", description=__doc__)
    add_options(parser)
    return run(settings_of(parser.parse_args(argv)))


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    if sys.platform != "linux":
        sys.stderr.write(
            f"fakes.nodes: {sys.platform}: every node has a loopback address of its own, which "
            "only Linux offers: run it on Linux\n"
        )
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(_main(settings))
    return 0
