"""Kubernetes as the engine knows it: one Snapshot to read, one way to write."""

import threading
from collections.abc import Callable, Collection, Iterable

import msgspec

from glbc.kube.client import Api
from glbc.kube.identity import read_identity
from glbc.kube.reflector import OnChange, Row, Timing
from glbc.kube.secrets import NamedSecrets
from glbc.kube.watch import KINDS, Reflectors
from glbc.kube.writer import Writer
from glbc.model.calls import Write
from glbc.model.views import Snapshot

__all__ = ["KubeCluster", "read_identity"]


class KubeCluster:
    """The engine's Cluster port: watches read, the writer writes."""

    def __init__(
        self,
        api: Api,
        *,
        on_change: OnChange = lambda _: None,
        kinds: Iterable[Row] = KINDS,
        timing: Timing = Timing(),  # noqa: B008 - frozen
        believe: Callable[[], None] = lambda: None,
    ) -> None:
        self.reflectors = Reflectors(
            api, on_change=on_change, kinds=kinds, timing=timing, believe=believe
        )
        self._secrets = NamedSecrets(api, lambda: on_change(set()))
        self._reader = threading.Thread(target=self._secrets.run, name="read-secrets", daemon=True)
        self._writer = Writer(api)

    def start(self) -> None:
        """Start to watch."""
        self.reflectors.start()
        self._reader.start()

    def stop(self) -> None:
        """Stop to watch; writing still works."""
        self._secrets.stop()
        self.reflectors.stop()

    def alive(self) -> bool:
        """Say whether every thread runs; one that does not has met a bug, and only a restart helps."""
        return self.reflectors.alive() and self._reader.is_alive()

    def want_credentials(self, names: Collection[str]) -> None:
        """Read these Secrets (`namespace/name`) by name; they come with a later snapshot."""
        self._secrets.want(names)

    def wait_synced(self, timeout: float) -> bool:
        """Wait until every kind has been listed once; False when `timeout` seconds were too few."""
        return self.reflectors.wait_synced(timeout)

    def snapshot(self) -> Snapshot:
        """Return the newest frozen view of the cluster; never blocks on the network."""
        seen = self.reflectors.snapshot()
        return msgspec.structs.replace(seen, credentials=self._secrets.known())

    def write(self, write: Write) -> None:
        """Carry out one write. Raises ClusterError; status 409 means: try again with a newer view."""
        self._writer.write(write)
