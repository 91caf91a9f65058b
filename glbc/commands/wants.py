"""Who may want something of the cloud: a cluster that is there, or nobody any more."""

import random
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from glbc.commands.connect import Connection, check_project, open_cloud
from glbc.commands.firststart import decided
from glbc.commands.look import with_credentials
from glbc.config import Config
from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.inventory import Inventory
from glbc.errors import GlbcError
from glbc.kube.lease import Candidacy, Elector, new_identity
from glbc.kube.note import read_note
from glbc.model.graph import Graph
from glbc.model.keys import ResourceKey
from glbc.model.views import Snapshot
from glbc.naming import Namer
from glbc.ownership import known_names
from glbc.plan import consent, guard
from glbc.plan.orphans import left_behind
from glbc.plan.planner import Plan, Refusal, plan
from glbc.translate.desired import Desired, translate
from glbc.translate.wishes import wishes_of

TAKE_SEC: Final = 5.0  # how long taking or leaving the Lease may take, beside its duration

Refusals = Mapping[ResourceKey, Refusal]


class Wants(Protocol):
    """Who may want something: a cluster, or nobody any more."""

    namer: Namer
    runner: Runner

    def names(self) -> frozenset[str]:
        """Return the front-end names of the Ingresses that there are."""
        ...

    def has(self, ingress: str) -> bool:
        """Tell whether the Ingress is there, and not being deleted."""
        ...

    def planned(self, inventory: Inventory, refused: Refusals) -> Plan:
        """Return the plan on what the inventory holds now."""
        ...

    def reason_of(self, whose: str) -> str:
        """Say why nothing needs what was this object's."""
        ...

    def take(self) -> None:
        """Make sure that nobody else writes from now on. Raises GlbcError when that cannot be had."""
        ...

    def close(self) -> None:
        """End all connections."""
        ...


class Living:
    """A cluster that is there, read anew for every plan."""

    def __init__(self, config: Config, given_up: str = "") -> None:
        """Connect and wait for the first complete view. Raises GlbcError.

        Args:
            config: the settings.
            given_up: an Ingress (`namespace/name`) whose load balancer may go though it was left
                behind on purpose.
        """
        self._given_up = given_up
        self._connection = Connection(config, lambda: None, write=False)
        self._connection.watch()
        snapshot = self._connection.cluster.snapshot()
        self._before: Desired | None = None
        self._candidacy: Candidacy | None = None
        self._config = decided(config, read_note(self._connection.api), snapshot)
        self.namer = self._connection.namer
        self.runner = Runner(self._connection.cloud, SystemClock())

    def _snapshot(self) -> Snapshot:
        """Return the newest view."""
        return self._connection.cluster.snapshot()

    def names(self) -> frozenset[str]:
        """Return the front-end names of the Ingresses that there are."""
        return known_names(self._snapshot(), self.namer)

    def has(self, ingress: str) -> bool:
        """Tell whether the Ingress is there, and not being deleted."""
        found = self._snapshot().ingresses.get(ingress)
        return found is not None and found.metadata.deletion_timestamp is None

    def planned(self, inventory: Inventory, refused: Refusals) -> Plan:
        """Return the plan on what the inventory holds now, after the guards that judge losses."""
        snapshot, actual = self._snapshot(), inventory.graph()
        desired = self._desired(snapshot, inventory)
        if desired.credentials() - snapshot.credentials.keys():
            snapshot = with_credentials(self._connection, desired.credentials())
            desired = self._desired(snapshot, inventory)
        full = plan(desired.graph, actual, desired.keep, refused)
        full = guard.complete_view(full, desired.seen(snapshot))
        wishes = wishes_of(snapshot, desired, self.namer, self._config)
        return consent.paused(consent.protected(full, wishes, actual), wishes, actual)

    def _desired(self, snapshot: Snapshot, inventory: Inventory) -> Desired:
        hints = inventory.hints(())
        left = {name: keys for name, keys in hints.left_behind.items() if name != self._given_up}
        self._before = translate(
            snapshot,
            msgspec.structs.replace(hints, left_behind=left),
            self.namer,
            self._config,
            self._before,
            now=SystemClock().time(),
        )
        return self._before

    def reason_of(self, whose: str) -> str:
        """Say why nothing needs what was this object's."""
        kind, _, name = whose.partition(" ")
        snapshot = self._snapshot()
        if kind == "service":
            return "no Ingress asks for it" if name in snapshot.services else "gone"
        ingress = snapshot.ingresses.get(name)
        if ingress is None:
            return "gone" if whose else "no Ingress needs it"
        deleted = ingress.metadata.deletion_timestamp is not None
        return "being deleted" if deleted else "does not need it"

    def take(self) -> None:
        """Take the Lease, as a controller does. Raises GlbcError while somebody else holds it."""
        settings = self._config.lease
        if not settings.enabled:
            return
        elector = Elector(
            self._connection.api, SystemClock(), settings, new_identity(), random.random
        )
        self._candidacy = Candidacy(elector)
        self._candidacy.start()
        if not self._candidacy.acquire(settings.duration_sec + TAKE_SEC):
            raise GlbcError(
                f"gc: {self._candidacy.holder()}: it collects by itself what nothing needs; stop it "
                "first, or give --dry-run to look"
            )

    def close(self) -> None:
        """Let the Lease go and end all connections."""
        if self._candidacy is not None:
            self._candidacy.release(TAKE_SEC)
        self._connection.close()


class Gone:
    """A cluster that is no more: nothing is wanted."""

    def __init__(self, config: Config, kube_system_uid: str, given_up: str = "") -> None:
        """Connect to the cloud. Raises GlbcError."""
        self._given_up = given_up
        check_project(config)
        self._cloud = open_cloud(config)
        self.namer = Namer(config.cluster_uid, kube_system_uid, config.provider_uid)
        self.runner = Runner(self._cloud, SystemClock())

    def names(self) -> frozenset[str]:
        """Return no name: no Ingress is there."""
        return frozenset()

    def has(self, ingress: str) -> bool:  # noqa: ARG002 (whichever it is)
        """Return no: nothing is there."""
        return False

    def planned(self, inventory: Inventory, refused: Refusals) -> Plan:
        """Return the plan by which everything goes."""
        actual = inventory.graph()
        left = (keys for name, keys in left_behind(actual).items() if name != self._given_up)
        return plan(Graph(), actual, frozenset().union(*left), refused)

    def reason_of(self, whose: str) -> str:  # noqa: ARG002 (whoever it was)
        """Say why nothing needs it."""
        return "the cluster is gone"

    def take(self) -> None:
        """Do nothing: a cluster that is gone has no controller."""

    def close(self) -> None:
        """End all connections."""
        self._cloud.close()
