"""One look at both sides, for the commands that decide nothing and write nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from glbc.commands.connect import Connection
from glbc.commands.firststart import decided
from glbc.config import Config
from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.inventory import Inventory
from glbc.engine.jobs import ListJob, ReadJob
from glbc.engine.ports import Cloud
from glbc.kube.note import read_note
from glbc.model.graph import Graph, Observed
from glbc.model.keys import Kind
from glbc.model.kinds import MANAGED, POLICIES
from glbc.model.views import Snapshot
from glbc.naming import Namer
from glbc.ownership import known_names, ownership_of
from glbc.plan import consent, guard
from glbc.plan.planner import Plan
from glbc.translate.desired import Desired, translate
from glbc.translate.firewall import projects_of
from glbc.translate.wishes import wishes_of

SECRETS_SEC: Final = 10.0  # how long Secrets that are read by name may take
LOOK_SEC: Final = 0.02  # between looks at whether they are there


class Look(msgspec.Struct, frozen=True):
    """What was seen, and what it comes to."""

    snapshot: Snapshot
    desired: Desired
    actual: Graph[Observed]
    config: Config
    namer: Namer

    def hold(self, plan: Plan) -> Plan:
        """Hold back what `run` would not do either, however long it waits."""
        plan = guard.complete_view(plan, self.desired.seen(self.snapshot))
        wishes = wishes_of(self.snapshot, self.desired, self.namer, self.config)
        return consent.agreed_to(plan, wishes, self.actual, self.config.guards)


@contextmanager
def looking(config: Config) -> Iterator[tuple[Look, Cloud]]:
    """Read cluster and cloud once, and translate; the cloud may be asked on until the end.

    Raises:
        GlbcError: the cluster or the cloud cannot be read.
    """
    connection = Connection(config, lambda: None, write=False)
    try:
        connection.watch()
        snapshot = connection.cluster.snapshot()
        config = decided(config, read_note(connection.api), snapshot)
        now = SystemClock().time()
        inventory = nothing_yet(config, connection.namer, snapshot)
        survey(inventory, Runner(connection.cloud, SystemClock()))
        seen = looked(config, connection.namer, snapshot, inventory, now=now)
        if named := seen.desired.credentials():
            snapshot = with_credentials(connection, named)
            seen = looked(config, connection.namer, snapshot, inventory, now=now)
        yield seen, connection.cloud
    finally:
        connection.close()


def looked(
    config: Config, namer: Namer, snapshot: Snapshot, inventory: Inventory, *, now: float
) -> Look:
    """Return what a cluster comes to, beside what is in the cloud."""
    # Where it ends, not what is there on the way: nobody here knows of anyone's health.
    config = msgspec.structs.replace(config, switch_wait_sec=0)
    desired = translate(snapshot, inventory.hints(()), namer, config, now=now)
    return Look(snapshot, desired, inventory.graph(), config, namer)


def nothing_yet(config: Config, namer: Namer, snapshot: Snapshot) -> Inventory:
    """Return the inventory of a cloud of which nothing is known."""
    known = known_names(snapshot, namer)
    return Inventory(projects_of(config), lambda key, spec: ownership_of(key, spec, namer, known))


def with_credentials(connection: Connection, names: frozenset[str]) -> Snapshot:
    """Return the newest snapshot once it has the Secrets, or when they have taken too long."""
    connection.cluster.want_credentials(names)
    deadline = time.monotonic() + SECRETS_SEC
    while True:
        snapshot = connection.cluster.snapshot()
        if names <= snapshot.credentials.keys() or time.monotonic() > deadline:
            return snapshot
        time.sleep(LOOK_SEC)


def survey(inventory: Inventory, runner: Runner) -> None:
    """List every kind once, then read the members of our groups. Raises CloudError."""
    for kind in (*MANAGED, *POLICIES, Kind.INSTANCE):
        outcome = runner.run(ListJob(kind))
        if outcome.error is not None:
            raise outcome.error
        inventory.fold_list(kind, outcome.bodies, outcome.began)
    for group in inventory.owned_groups():
        outcome = runner.run(ReadJob(group))
        if outcome.error is not None:
            raise outcome.error
        inventory.fold_read(group, outcome.read, outcome.read_began)
