"""`python -m fakes`: start one fake, all of them with glbc, or the walkthrough."""

import argparse
import sys

from fakes import demo


def main() -> int:
    """Parse the command line and run one part."""
    parser = argparse.ArgumentParser(prog="python -m fakes", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    for name, what in (
        ("gce", "the Compute Engine API"),
        ("kube", "the Kubernetes API"),
    ):
        part = parts.add_parser(name, help=what)
        part.add_argument("--host", default="127.0.0.1", help="address to listen on")
        part.add_argument("--port", type=int, default=0, help="0: any free port")
        if name == "gce":
            part.add_argument("--project", default="demo", help="project id")
            part.add_argument(
                "--addresses", metavar="CIDR", help="range that external addresses come from"
            )
            part.add_argument(
                "--host-project",
                default="",
                metavar="ID",
                help="project of a shared VPC: it has the networks and firewall rules",
            )
            part.add_argument(
                "--host-denied",
                action="append",
                default=[],
                metavar="GLOB",
                help="what the host project denies, such as 'firewalls.*'; may be repeated",
            )
    for name, what in (
        ("nodes", "nodes, pods and node ports on loopback addresses"),
        ("edge", "the cloud's data plane: Envoy, configured from fakes.gce"),
    ):
        parts.add_parser(name, help=what, add_help=False)
    parts.add_parser("up", help="all fakes and glbc, until Ctrl-C")
    parts.add_parser("demo", help="the walkthrough; exit 0 only if all of it held")
    args, rest = parser.parse_known_args()
    if rest and args.part not in {"nodes", "edge"}:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    match args.part:
        case "nodes":
            from fakes import nodes  # noqa: PLC0415 (a part loads what it needs)

            return nodes.main(rest)
        case "edge":
            from fakes import edge  # noqa: PLC0415 (a part loads what it needs)

            return edge.main(rest)
        case "gce":
            _serve_gce(parser, args)
        case "kube":
            from fakes import kube  # noqa: PLC0415 (a part loads what it needs)

            kube.serve(kube.World(), args.host, args.port)
        case "up":
            return demo.up()
        case _:
            return demo.walkthrough()
    return 0


def _serve_gce(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    from fakes import gce  # noqa: PLC0415 (a part loads what it needs)

    if args.host_denied and not args.host_project:
        parser.error("--host-denied: nobody denies anything: give --host-project, too")
    pool = {"addresses": args.addresses} if args.addresses else {}
    shared = {"host_project": args.host_project, "host_denied": args.host_denied}
    gce.serve(gce.World(project=args.project, **pool, **shared), args.host, args.port)


if __name__ == "__main__":
    sys.exit(main())
