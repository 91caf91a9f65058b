"""`glbc plan`: what `run` would do now, in waves. Reads both sides and writes nothing."""

import json
from functools import partial
from typing import TextIO

from glbc.commands.connect import Connection
from glbc.commands.firststart import decided
from glbc.config import Config
from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.inventory import Inventory
from glbc.engine.jobs import ListJob, ReadJob
from glbc.engine.loop import known_names
from glbc.kube.note import read_note
from glbc.model.keys import Kind
from glbc.model.kinds import MANAGED, POLICIES
from glbc.ops import logs
from glbc.ownership import ownership_of
from glbc.plan import guard
from glbc.plan.render import render_json, render_text
from glbc.plan.simulate import rehearse
from glbc.translate.desired import translate

NOTHING_TO_DO, CHANGES = 0, 2


def main(config: Config, out: TextIO, *, as_json: bool, colour: bool) -> int:
    """Print the plan; return 0 when there is nothing to do, else 2.

    Raises:
        GlbcError: the cluster or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    connection = Connection(config, lambda: None, write=False)
    try:
        connection.watch()
        snapshot = connection.cluster.snapshot()
        config = decided(config, read_note(connection.api), snapshot)
        known = known_names(snapshot, connection.namer)
        inventory = Inventory(
            config.project,
            lambda key, spec: ownership_of(key, spec, connection.namer, known),
        )
        _survey(inventory, Runner(connection.cloud, SystemClock()))
        hints = inventory.hints(())
        desired = translate(snapshot, hints, connection.namer, config, now=SystemClock().time())
        rehearsal = rehearse(
            desired.graph,
            inventory.graph(),
            desired.keep,
            guard=partial(guard.complete_view, complete=snapshot.complete),
        )
    finally:
        connection.close()
    if as_json:
        out.write(json.dumps(render_json(rehearsal, desired.findings), indent=2) + "\n")
    else:
        out.write(render_text(rehearsal, desired.findings, colour=colour))
    return CHANGES if rehearsal.waves or rehearsal.last.actions else NOTHING_TO_DO


def _survey(inventory: Inventory, runner: Runner) -> None:
    """List every kind once, then read the members of our groups."""
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
