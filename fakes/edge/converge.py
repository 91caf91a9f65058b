"""From one configuration to the next without losing a request: what is written in which order.

Endpoints, clusters, (wait until Envoy has them warm), routes, certificates, listeners; and what
nobody needs any more only after a while. A route never leads to a cluster that is not there.
"""

import logging
import time
from collections.abc import Mapping
from typing import Final

from fakes.edge.cloud import Json
from fakes.edge.clusters import Endpoint
from fakes.edge.desired import Desired
from fakes.edge.envoy import Envoy, Seen
from fakes.edge.files import Files

WARM_SEC: Final = 3.0  # how long routes wait for the clusters they lead to
LOOK_SEC: Final = 0.02  # between looks at whether they are warm
LINGER_SEC: Final = 2.0  # how long a cluster stays after the last route left it
AGAIN_SEC: Final = 1.0  # between looks at whether Envoy has all listeners

log = logging.getLogger("fakes.edge")

Members = Mapping[str, tuple[Endpoint, ...]]


class Converger:
    """What Envoy has been told. Used by one thread."""

    def __init__(self, files: Files, envoy: Envoy) -> None:
        self._files = files
        self._envoy = envoy
        self._now = Desired()
        self._leaving: dict[str, tuple[float, Json]] = {}  # cluster -> until when, what it was
        self._deaf: set[str] = set()  # listeners that Envoy has not got
        self._again = 0.0  # when Envoy is asked for them once more

    def begin(self) -> None:
        """Write the lists that Envoy wants to find when it starts."""
        self._files.clusters({})
        self._files.listeners({})

    def end(self) -> None:
        """Leave no private key behind."""
        self._files.keep([*self._now.endpoints, *self._now.routes])

    def apply(self, wanted: Desired) -> None:
        """Tell Envoy of a new configuration."""
        self._complain(wanted)
        files, before = self._files, self._now
        until = time.monotonic() + LINGER_SEC
        for name, body in before.clusters.items():
            if name not in wanted.clusters:
                self._leaving[name] = (until, body)
        for name in wanted.clusters:
            self._leaving.pop(name, None)
        files.singles(wanted.endpoints)
        self._write_clusters(wanted)
        if wanted.routes != before.routes:
            self._wait_warm(wanted.members)
        files.singles(wanted.routes)
        files.singles(wanted.secrets)
        files.listeners(wanted.listeners)
        self._now = wanted

    def tidy(self) -> None:
        """Drop what was left over for a while."""
        gone = [name for name, (until, _) in self._leaving.items() if until < time.monotonic()]
        for name in gone:
            del self._leaving[name]
        if gone:
            self._write_clusters(self._now)
        if not self._leaving:
            now = self._now
            self._files.keep([*now.endpoints, *now.routes, *now.secrets])
        self._insist()

    def _insist(self) -> None:
        """Ask again for listeners that Envoy has not got: their address may have been taken."""
        if time.monotonic() < self._again:
            return
        self._again = time.monotonic() + AGAIN_SEC
        missing = set(self._now.listeners) - self._envoy.listening()
        for name in sorted(missing & self._deaf):
            log.warning("%s is not served: Envoy cannot listen there: is the address taken?", name)
        if missing & self._deaf:
            self._files.again()
            self._files.listeners(self._now.listeners)
        self._deaf = missing

    def _write_clusters(self, wanted: Desired) -> None:
        leaving = {name: body for name, (_, body) in self._leaving.items()}
        rows = leaving | dict(wanted.clusters)
        self._files.clusters({name: rows[name] for name in sorted(rows)})

    def _wait_warm(self, members: Members) -> None:
        """Wait until Envoy has every cluster and has probed every endpoint once."""
        deadline = time.monotonic() + WARM_SEC
        while time.monotonic() < deadline:
            try:
                cold = _cold(members, self._envoy.clusters())
            except OSError:
                return  # Envoy is being started again: it reads everything at once
            if not cold:
                return
            time.sleep(LOOK_SEC)
        log.warning("routes do not wait any longer for %s", ", ".join(cold))

    def _complain(self, wanted: Desired) -> None:
        for problem in wanted.problems:
            if problem not in self._now.problems:
                log.warning(problem)


def _cold(members: Members, seen: Seen) -> list[str]:
    """Return the clusters that Envoy is not done with."""
    return [
        name
        for name, rows in members.items()
        if name not in seen or {(e.ip, e.port) for e in rows} != _probed(seen, name)
    ]


def _probed(seen: Seen, name: str) -> set[tuple[str, int]]:
    return {address for address, host in seen[name].items() if host.probed}
