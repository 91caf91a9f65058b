"""`glbc explain`: every resource of an Ingress, whose each field is, and what is in the way."""

import json
from typing import TextIO

from glbc.commands.look import look
from glbc.config import Config
from glbc.errors import GlbcError
from glbc.model.finding import ObjectRef
from glbc.ops import logs
from glbc.plan.explain import as_json, as_text, explain
from glbc.plan.guard import complete_view
from glbc.plan.planner import plan


def main(config: Config, name: str, out: TextIO, *, for_programs: bool) -> int:
    """Print the explanation of the Ingress `namespace/name`.

    Raises:
        GlbcError: there is no such Ingress, or the cluster or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    namespace, _, own = name.partition("/")
    ref = ObjectRef("Ingress", namespace, own)
    seen = look(config)
    found = seen.snapshot.ingresses.get(name)
    if found is None:
        raise GlbcError(f"{ref}: does not exist: write namespace/name of an Ingress")
    due = plan(seen.desired.graph, seen.actual, seen.desired.keep)
    due = complete_view(due, seen.snapshot.complete)
    told = explain(ref, seen.desired.graph, seen.actual, due)
    findings = [finding for finding in seen.desired.findings if finding.object == ref]
    if for_programs:
        out.write(json.dumps(as_json(ref, told, findings, found.address), indent=2) + "\n")
    else:
        out.write(as_text(ref, told, findings, found.address))
    return 0
