"""The options that are settings: declared once, and read over the configuration file into a Config."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from glbc.config import Config, ConfigError, parse

PATHS: Final = {
    # option -> setting, where the names differ
    "endpoint": "cloud.endpoint",
    "anonymous": "cloud.anonymous",
    "http_address": "http.address",
    "kubeconfig": "kube.kubeconfig",
    "read_only": "guards.read_only",
}


ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file (YAML).", metavar="FILE", show_default=False),
]
Project = Annotated[
    str | None,
    typer.Option(help="Google Cloud project.", metavar="ID", show_default=False),
]
Endpoint = Annotated[
    str | None,
    typer.Option(help="Compute Engine API.", metavar="URL", show_default=False),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        help="Kubeconfig file; else KUBECONFIG, else in-cluster.",
        metavar="FILE",
        show_default=False,
    ),
]
Anonymous = Annotated[
    bool | None, typer.Option("--anonymous", help="Send no credentials (for the fakes).")
]
ClusterUid = Annotated[
    str | None,
    typer.Option(
        help="Suffix of resource names; else from ConfigMap kube-system/ingress-uid.",
        metavar="UID",
        show_default=False,
    ),
]
IngressClassName = Annotated[
    str | None,
    typer.Option(
        "--ingress-class",
        help="Value of kubernetes.io/ingress.class that is ours beside gce.",
        metavar="NAME",
        show_default=False,
    ),
]
DefaultBackend = Annotated[
    str | None,
    typer.Option(
        "--default-backend-service",
        help='Service for what no rule matches; "" for none. [default: kube-system/default-http-backend]',
        metavar="NAMESPACE/NAME",
        show_default=False,
    ),
]


ReadOnly = Annotated[
    bool | None, typer.Option("--read-only", help="Plan, and write nothing anywhere.")
]
HttpAddress = Annotated[
    str | None,
    typer.Option(
        help='Where the live picture is served; "" for nowhere. [default: 127.0.0.1:8081]',
        metavar="IP:PORT",
        show_default=False,
    ),
]
ProviderUid = Annotated[
    str | None,
    typer.Option(
        help="Suffix of its firewall rule's name; else the cluster uid.",
        metavar="UID",
        show_default=False,
    ),
]
COMMON: Final[Mapping[str, Any]] = {
    # every verb that looks at the cluster or the cloud has these
    "config": ConfigPath,
    "project": Project,
    "endpoint": Endpoint,
    "anonymous": Anonymous,
    "kubeconfig": Kubeconfig,
    "cluster_uid": ClusterUid,
    "ingress_class": IngressClassName,
    "default_backend_service": DefaultBackend,
}
Verb = Callable[..., int]


def configured(**more: Any) -> Callable[[Verb], Verb]:
    """Give a verb the common options, and `more` that are settings too; it gets the Config first."""
    options = {**COMMON, **more}

    def decorate(verb: Verb) -> Verb:
        @functools.wraps(verb)
        def command(**words: Any) -> int:
            given = {name: words.pop(name) for name in options}
            return verb(_settings(given.pop("config"), **given), **words)

        keyword = inspect.Parameter.KEYWORD_ONLY
        _, *own = inspect.signature(verb).parameters.values()
        settings = [
            inspect.Parameter(name, keyword, default=None, annotation=option)
            for name, option in options.items()
        ]
        parameters = [
            *(one.replace(kind=keyword) for one in own if one.kind is not keyword),
            *settings,
            *(one for one in own if one.kind is keyword),
        ]
        # What typer reads:
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate


def load_config(path: str | None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read the configuration file, if there is one, and lay the command line over it.

    Raises:
        ConfigError: It cannot be read or is wrong.
    """
    if path is None:
        return parse("", "defaults", overrides)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as e:
        problem = f"cannot be read ({e.strerror})"
        raise ConfigError(path, "", problem, "give a readable file") from e
    except UnicodeDecodeError as e:
        raise ConfigError(path, "", "is not UTF-8", "give a YAML file") from e
    return parse(text, path, overrides)


def _settings(path: Path | None, **given: Any) -> Config:
    """Read the configuration; an option is the setting of its name, or the one that `PATHS` tells."""
    overrides = {PATHS.get(name, name): value for name, value in given.items()}
    return load_config(str(path) if path else None, overrides)
