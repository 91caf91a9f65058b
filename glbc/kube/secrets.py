"""Secrets that BackendConfigs name, read one by one: no other Secret is ever in memory.

A watch of all Secrets would hold every password of the cluster. So each name that translation asks
for is read when it is first asked for, and again now and then: a rotated client or key is noticed.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
import structlog

from glbc.errors import ClusterError
from glbc.kube.client import Api, ApiError
from glbc.model.configs import Credential
from glbc.model.views import decode_hook

AGAIN_SEC: Final = 30.0  # how old a value may get
_NOT_FOUND: Final = 404


class NamedSecrets:
    """The Secrets asked for. `run` belongs to its thread, which alone reads; the rest is for all."""

    def __init__(
        self, api: Api, on_change: Callable[[], None], *, again_sec: float = AGAIN_SEC
    ) -> None:
        self._api = api
        self._on_change = on_change
        self._again_sec = again_sec
        self._decoder = msgspec.json.Decoder(Credential, dec_hook=decode_hook)
        self._log = structlog.get_logger()
        self._failing: set[str] = set()  # told once
        self._stopping = False
        self._bell = threading.Event()
        self._lock = threading.Lock()  # guards all below
        self._names: frozenset[str] = frozenset()
        self._known: Mapping[str, Credential | None] = {}  # never changed, only replaced

    def want(self, names: Iterable[str]) -> None:
        """Ask for these Secrets (`namespace/name`) and for no others; what is new is read at once."""
        names = frozenset(names)
        with self._lock:
            if names == self._names:
                return
            self._names = names
            self._known = {name: found for name, found in self._known.items() if name in names}
        self._bell.set()

    def known(self) -> Mapping[str, Credential | None]:
        """Return what was read; None for what does not exist, nothing for what was not read yet."""
        return self._known

    def stop(self) -> None:
        """Tell `run` to end."""
        self._stopping = True
        self._bell.set()

    def run(self) -> None:
        """Read what is asked for, again and again, until told to stop."""
        while not self._stopping:
            self._bell.clear()
            with self._lock:
                names = sorted(self._names)
            for name in names:
                self._read(name)
            self._bell.wait(self._again_sec if names else None)

    def _read(self, name: str) -> None:
        try:
            found = self._get(name)
        except (ClusterError, msgspec.MsgspecError) as error:
            if name not in self._failing and not self._stopping:
                self._failing.add(name)
                self._log.warning("secret_unreadable", secret=name, error=str(error))
            return  # what is known of it stays
        self._failing.discard(name)
        with self._lock:
            if name not in self._names or (name in self._known and self._known[name] == found):
                return
            self._known = {**self._known, name: found}
        self._on_change()

    def _get(self, name: str) -> Credential | None:
        namespace, _, own = name.partition("/")
        try:
            body = self._api.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{own}")
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        found = self._decoder.decode(body)
        # Only a change of the values counts: the rest of a Secret is none of our business.
        meta = msgspec.structs.replace(found.metadata, resource_version="")
        return msgspec.structs.replace(found, metadata=meta)
