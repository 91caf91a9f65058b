"""One look at both sides, for the commands that decide nothing and write nothing."""

import time
from typing import Final

import msgspec

from glbc.commands.connect import Connection
from glbc.commands.firststart import decided
from glbc.config import Config
from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.inventory import Inventory
from glbc.engine.jobs import ListJob, ReadJob
from glbc.kube.note import read_note
from glbc.model.graph import Graph, Observed
from glbc.model.keys import Kind
from glbc.model.kinds import MANAGED, POLICIES
from glbc.model.views import Snapshot
from glbc.ownership import known_names, ownership_of
from glbc.translate.desired import Desired, translate
from glbc.translate.firewall import projects_of

SECRETS_SEC: Final = 10.0  # how long Secrets that are read by name may take
LOOK_SEC: Final = 0.02  # between looks at whether they are there


class Look(msgspec.Struct, frozen=True):
    """What was seen, and what it comes to."""

    snapshot: Snapshot
    desired: Desired
    actual: Graph[Observed]


def look(config: Config) -> Look:
    """Read cluster and cloud once, and translate.

    Raises:
        GlbcError: the cluster or the cloud cannot be read.
    """
    connection = Connection(config, lambda: None, write=False)
    try:
        connection.watch()
        snapshot = connection.cluster.snapshot()
        config = decided(config, read_note(connection.api), snapshot)
        # Where it ends, not what is there on the way: nobody here knows of anyone's health.
        config = msgspec.structs.replace(config, switch_wait_sec=0)
        known = known_names(snapshot, connection.namer)
        inventory = Inventory(
            projects_of(config),
            lambda key, spec: ownership_of(key, spec, connection.namer, known),
        )
        survey(inventory, Runner(connection.cloud, SystemClock()))
        hints, now = inventory.hints(()), SystemClock().time()
        desired = translate(snapshot, hints, connection.namer, config, now=now)
        if named := desired.credentials():
            snapshot = with_credentials(connection, named)
            desired = translate(snapshot, hints, connection.namer, config, now=now)
        return Look(snapshot, desired, inventory.graph())
    finally:
        connection.close()


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
