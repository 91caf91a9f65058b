"""google-cloud-compute, of it only what is called: the only module that imports google, and lazily.

The package's own `__init__` imports the clients of all its services, some 110, of which a controller
calls 18. Without the rest the import is quicker and takes 111 MiB instead of 148. Whoever imports the
package later gets all of it, and the same classes.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any, Final

PACKAGE: Final = "google.cloud.compute_v1"
CHATTER: Final = "GOOGLE_SDK_PYTHON_LOGGING_SCOPE"  # lets the library log whole requests: keys, too


class Library:
    """What is used of the library and of what it stands on.

    Args:
        clients: the names of the client classes: `HealthChecksClient`.
    """

    def __init__(self, clients: Iterable[str]) -> None:
        os.environ.pop(CHATTER, None)
        # ruff: noqa: PLC0415  (the point of this class)
        import google.auth
        import requests
        from google.api_core import exceptions as answers
        from google.auth import credentials, exceptions
        from google.protobuf import json_format
        from requests import adapters

        with _without_init(PACKAGE):
            self.messages: Any = import_module(f"{PACKAGE}.types")
            self.clients: dict[str, Any] = {name: _client(name) for name in clients}
        self.json_format: Any = json_format
        self.adapter = adapters.HTTPAdapter
        self.anonymous: Any = credentials.AnonymousCredentials
        self.default_credentials = google.auth.default
        self.refusal = answers.GoogleAPICallError
        self.auth_failure = exceptions.GoogleAuthError
        self.auth_unreachable = exceptions.TransportError
        self.unreachable = (
            requests.exceptions.RequestException,
            exceptions.TransportError,
            json_format.ParseError,  # an answer that is not the API's: something in between spoke
        )
        self.failures = (self.refusal, self.auth_failure, *self.unreachable)


def _client(name: str) -> Any:
    """Return a client class; its module has the same name: `health_checks`."""
    module = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("Client")).lower()
    return getattr(import_module(f"{PACKAGE}.services.{module}"), name)


@contextmanager
def _without_init(package: str) -> Iterator[None]:
    """Let the modules of a package be imported without its `__init__`, unless that has been run."""
    spec = None if package in sys.modules else find_spec(package)
    if spec is None:
        yield
        return
    sys.modules[package] = module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[package]
