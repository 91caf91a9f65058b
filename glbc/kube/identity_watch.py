"""Is this still the cluster that it was at the start? Looked at every few seconds, and before a list or a watch counts.

Names are made of the identity: under another one all that is there would look like somebody else's, and be built a
second time. So a change ends the process, and says what to do. Not being able to look is no change, and neither is
that the ConfigMap was deleted: it is written again as it was last seen.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from glbc.errors import ClusterError
from glbc.kube.client import Api, ApiError
from glbc.kube.identity import PROVIDER_UID, UID, ConfigMap, create, kube_system, stored
from glbc.model.views import Identity
from glbc.translate.identity import WHERE

LOOK_SEC: Final = 5.0  # as often as ingress-gce looks
_NAMED: Final = {
    UID: "all names end in it",
    PROVIDER_UID: "the name of the firewall rule ends in it",
}
_DENIED: Final = 403
_CONFLICT: Final = 409


class IdentityChanged(ClusterError):
    """The cluster is another one than at the start, or is called otherwise; only a restart helps."""


class IdentityWatch:
    """Compares what the cluster says of itself with what the names of this process are made of."""

    def __init__(
        self, api: Api, identity: Identity, *, from_flags: frozenset[str], keep: bool
    ) -> None:
        """Remember what must not change.

        Args:
            api: of the cluster.
            identity: as it was read at the start.
            from_flags: the keys whose values came from the command line: the ConfigMap's do not count.
            keep: write the ConfigMap again when it is gone.
        """
        self._api = api
        self._identity = identity
        self._from_flags = from_flags
        self._keep = keep
        self._kept: dict[str, str] = {}  # the ConfigMap's keys as last seen
        self._silent = False  # the last look failed
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._told: Callable[[IdentityChanged], None] = lambda _: None
        self._changed: IdentityChanged | None = None
        self._lock = threading.Lock()  # guards _changed: it is told once

    def start(self, on_change: Callable[[IdentityChanged], None], every: float = LOOK_SEC) -> None:
        """Look every few seconds, until a change was told or `stop` is called.

        Args:
            on_change: told once, on whichever thread saw it.
            every: seconds from one look to the next.
        """
        with self._lock:
            self._told, before = on_change, self._changed
        if before is not None:  # a watch saw it before anybody listened
            on_change(before)
            return
        self._thread = threading.Thread(
            target=self._run, args=(every,), name="watch-identity", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def alive(self) -> bool:
        """Say whether somebody looks, once `start` was called; a bug may have ended that."""
        return self._thread is None or self._thread.is_alive()

    def same_cluster(self) -> None:
        """Return if this is the cluster of the start: what was read before may be believed.

        Raises:
            IdentityChanged: it is another one behind the same address.
            ApiError: nobody can say; a missing permission is no reason to doubt.
        """
        try:
            uid = kube_system(self._api)
        except ApiError as error:
            if error.status == _DENIED:
                return
            raise
        if uid != self._identity.kube_system_uid:
            self._raise(
                f"namespace kube-system: its uid was {self._identity.kube_system_uid} and is {uid}:"
                f" another cluster answers at {self._api.host}: point the kubeconfig to the right"
                " one, or start again if this is it"
            )

    def look(self) -> None:
        """Look once, and write the ConfigMap again if that is all that is wrong.

        Raises:
            IdentityChanged: a value is another one than at the start.
            ClusterError: nobody can say.
        """
        found = stored(self._api)
        self.same_cluster()  # an absent ConfigMap may be another cluster's
        if found is None:
            self._write_again()
            return
        uid = self._identity.cluster_uid
        self._compare(UID, found, uid, "")
        self._compare(PROVIDER_UID, found, self._identity.firewall_name or uid, uid)
        self._kept = dict(found.data or {})

    def _run(self, every: float) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
                self._silent = False
            except IdentityChanged:
                return
            except ClusterError as error:
                if not self._silent:
                    structlog.get_logger().warning("identity_unread", error=str(error))
                self._silent = True
            self._stopping.wait(every)

    def _compare(self, key: str, found: ConfigMap, expected: str, default: str) -> None:
        if key in self._from_flags:
            return
        value = found.value(key) or default
        if value != expected:
            self._raise(
                f'{WHERE}: its key {key} was "{expected}" and is "{value}": {_NAMED[key]}, so glbc has'
                " stopped and writes nothing more: put the old value back, or start again under the"
                " new one; `glbc gc --dry-run --cluster-is-gone --cluster-uid"
                f" {self._identity.cluster_uid} --provider-uid {self._identity.firewall_name}` shows"
                " what has the old names"
            )

    def _write_again(self) -> None:
        if not self._kept or not self._keep:
            return
        try:
            create(self._api, self._kept)
        except ApiError as error:
            if error.status == _CONFLICT:
                return  # somebody was faster: the next look compares
            raise
        structlog.get_logger().warning(
            "identity_written_again", configmap=WHERE, **_named(self._kept)
        )

    def _raise(self, why: str) -> None:
        with self._lock:
            first, told = self._changed is None, self._told
            self._changed = self._changed or IdentityChanged(why)
        if first:
            told(self._changed)
        raise self._changed


def _named(values: dict[str, str]) -> dict[str, str]:
    return {key.replace("-", "_"): values[key] for key in _NAMED if key in values}
