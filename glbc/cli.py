"""The command line: parses, never decides.

Each verb imports what it needs when it is called, so that `glbc --help` costs nothing. `main` is the one place where
an exception becomes a line on stderr and an exit code; a bug keeps its traceback.
"""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
import yaml

from glbc.commands.options import HttpAddress, ProviderUid, ReadOnly, configured
from glbc.config import Config, ConfigError
from glbc.errors import GlbcError

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
EXIT_CONFIG: Final = 78  # sysexits.h: EX_CONFIG
EXIT_INTERRUPTED: Final = 130  # as a shell reports SIGINT

# typer exports this one usage error; its base is the base of all of them.
_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="glbc",
    help="A load balancer controller for Kubernetes Ingress on Google Cloud.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Output(StrEnum):
    """Who reads the output: a person or a program."""

    TEXT = "text"
    JSON = "json"


class GraphOutput(StrEnum):
    """The same, and for Graphviz."""

    TEXT = "text"
    JSON = "json"
    DOT = "dot"


def main(args: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; the entry point of `glbc`."""
    words = list(sys.argv[1:] if args is None else args) or ["--help"]
    try:
        code = app(words, prog_name="glbc", standalone_mode=False)
    except ConfigError as e:
        return _fail(str(e), EXIT_CONFIG)
    except GlbcError as e:
        return _fail(str(e), EXIT_ERROR)
    except _USAGE_ERROR as e:
        return _fail(_usage_message(e), EXIT_ERROR)
    except typer.Abort:
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else EXIT_OK


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            version = metadata.version("glbc")
        except metadata.PackageNotFoundError:  # run from a source tree
            version = "unknown"
        typer.echo(f"glbc {version}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Options before the verb."""


@app.command()
def names(  # noqa: PLR0913 (each option is a parameter)
    ingress: Annotated[
        str, typer.Argument(metavar="NAMESPACE/NAME", help="The Ingress.", show_default=False)
    ],
    *,
    cluster_uid: Annotated[
        str, typer.Option(help="Value `uid` of ConfigMap kube-system/ingress-uid.", metavar="UID")
    ],
    kube_system_uid: Annotated[
        str, typer.Option(help="metadata.uid of the namespace kube-system.", metavar="UID")
    ],
    provider_uid: Annotated[
        str,
        typer.Option(
            help="Value `provider-uid` of the same ConfigMap, if it differs.",
            metavar="UID",
            show_default=False,
        ),
    ] = "",
    node_port: Annotated[
        list[int] | None, typer.Option(help="A backend's node port; repeatable.", metavar="PORT")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            help="A Service with endpoint groups, and its port; repeatable.", metavar="NAME:PORT"
        ),
    ] = None,
    cert: Annotated[
        list[Path] | None, typer.Option(help="A Secret's tls.crt; repeatable.", metavar="FILE")
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Form.")] = Output.TEXT,
) -> int:
    """Print what everything of an Ingress is or will be called; asks neither cluster nor cloud."""
    from glbc.commands import names as command  # noqa: PLC0415 (a verb loads what it needs)

    request = command.Request(
        ingress=ingress,
        cluster_uid=cluster_uid,
        kube_system_uid=kube_system_uid,
        provider_uid=provider_uid,
        node_ports=tuple(node_port or ()),
        services=tuple(service or ()),
        certificates=tuple(cert or ()),
    )
    return command.run(request, sys.stdout, as_json=output is Output.JSON)


@app.command()
@configured(read_only=ReadOnly, http_address=HttpAddress)
def run(config: Config) -> int:
    """Run the controller until it is told to stop."""
    from glbc.commands import run as command  # noqa: PLC0415 (a verb loads what it needs)

    return command.main(config)


@app.command()
@configured()
def plan(
    config: Config,
    *,
    manifests: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Directory with manifests, in place of the cluster.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    no_cloud: Annotated[
        bool, typer.Option("--no-cloud", help="With --from: everything is to be created.")
    ] = False,
    kube_system_uid: Annotated[
        str,
        typer.Option(
            help="With --from: metadata.uid of the namespace kube-system.",
            metavar="UID",
            show_default=False,
        ),
    ] = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="Form.")] = Output.TEXT,
) -> int:
    """Print what `run` would do: exit code 0 for nothing, 2 for changes, 1 for an error."""
    from glbc.commands import plan as command  # noqa: PLC0415 (a verb loads what it needs)

    form = command.Form(as_json=output is Output.JSON, colour=_colour())
    if manifests is None:
        if no_cloud or kube_system_uid:
            option = "--no-cloud" if no_cloud else "--kube-system-uid"
            raise GlbcError(f"{option}: means nothing without --from: give a directory")
        return command.main(config, sys.stdout, form)
    source = command.Source(manifests, kube_system_uid, cloud=not no_cloud)
    return command.main_from(config, source, sys.stdout, sys.stderr, form)


@app.command()
@configured()
def explain(
    config: Config,
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAMESPACE/NAME|URL",
            help="An Ingress, or http(s)://host/path.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[Output, typer.Option("--output", "-o", help="Form.")] = Output.TEXT,
) -> int:
    """Print all of an Ingress and what is in the way; or who answers a URL, and how."""
    from glbc.commands import explain as command  # noqa: PLC0415 (a verb loads what it needs)

    form = command.Form(as_json=output is Output.JSON, colour=_colour())
    return command.main(config, what, sys.stdout, form)


@app.command("config")
@configured(read_only=ReadOnly, http_address=HttpAddress)
def effective(config: Config) -> int:
    """Print the settings that `run` would have with these options, every default included."""
    told = msgspec.to_builtins(config, builtin_types=())
    yaml.safe_dump(told, sys.stdout, sort_keys=False, allow_unicode=True)
    return EXIT_OK


@app.command()
@configured()
def graph(
    config: Config,
    what: Annotated[
        str,
        typer.Argument(metavar="NAMESPACE/NAME", help="Only this Ingress.", show_default=False),
    ] = "",
    *,
    output: Annotated[GraphOutput, typer.Option("--output", "-o", help="Form.")] = GraphOutput.TEXT,
) -> int:
    """Print every resource, how it stands, and what leads to it."""
    from glbc.commands import graph as command  # noqa: PLC0415 (a verb loads what it needs)

    return command.main(config, what, sys.stdout, command.Form(output), colour=_colour())


@app.command()
@configured(provider_uid=ProviderUid)
def gc(  # noqa: PLR0913 (each option is a parameter)
    config: Config,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the table.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Also what has our name and somebody else's description."),
    ] = False,
    ingress: Annotated[
        str,
        typer.Option(
            help="Only what was this Ingress's.", metavar="NAMESPACE/NAME", show_default=False
        ),
    ] = "",
    cluster_is_gone: Annotated[
        bool,
        typer.Option("--cluster-is-gone", help="Ask no cluster: nothing of it is needed any more."),
    ] = False,
    kube_system_uid: Annotated[
        str,
        typer.Option(
            help="metadata.uid of the gone cluster's namespace kube-system.",
            metavar="UID",
            show_default=False,
        ),
    ] = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="Form.")] = Output.TEXT,
) -> int:
    """Delete what no Ingress needs any more: exit code 0 nothing left, 2 something left or planned, 1 an error."""
    from glbc.commands import gc as command  # noqa: PLC0415 (a verb loads what it needs)

    request = command.Request(
        dry_run=dry_run,
        yes=yes,
        as_json=output is Output.JSON,
        adopt=adopt,
        ingress=ingress,
        cluster_is_gone=cluster_is_gone,
        kube_system_uid=kube_system_uid,
    )
    return command.main(config, request, sys.stdout, lambda text: typer.confirm(text, err=True))


def _colour() -> bool:
    """Tell whether people see colours: on a terminal, unless they do not want them (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _usage_message(error: Any) -> str:
    """Say what is wrong with the words given, and where help is (the error is click's UsageError)."""
    command = error.ctx.command_path if error.ctx else "glbc"
    problem = " ".join(error.format_message().split()).rstrip(".")
    return f"usage: {problem}: see {command} --help"


def _fail(message: str, code: int) -> int:
    typer.echo(f"glbc: {' '.join(message.splitlines())}", err=True)
    return code
