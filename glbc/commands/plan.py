"""`glbc plan`: what `run` would do now, in waves. Reads both sides and writes nothing."""

import json
from functools import partial
from typing import TextIO

from glbc.commands.look import look
from glbc.config import Config
from glbc.ops import logs
from glbc.plan import guard
from glbc.plan.render import render_json, render_text
from glbc.plan.simulate import rehearse

NOTHING_TO_DO, CHANGES = 0, 2


def main(config: Config, out: TextIO, *, as_json: bool, colour: bool) -> int:
    """Print the plan; return 0 when there is nothing to do, else 2.

    Raises:
        GlbcError: the cluster or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    seen = look(config)
    rehearsal = rehearse(
        seen.desired.graph,
        seen.actual,
        seen.desired.keep,
        guard=partial(guard.complete_view, complete=seen.snapshot.complete),
    )
    if as_json:
        out.write(json.dumps(render_json(rehearsal, seen.desired.findings), indent=2) + "\n")
    else:
        out.write(render_text(rehearsal, seen.desired.findings, colour=colour))
    return CHANGES if rehearsal.waves or rehearsal.last.actions else NOTHING_TO_DO
