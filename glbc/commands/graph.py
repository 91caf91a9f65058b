"""`glbc graph`: every resource with its verdict, every reference with its field."""

from enum import StrEnum
from typing import TextIO

from glbc.commands.look import Look, looking
from glbc.config import Config
from glbc.errors import GlbcError
from glbc.model.finding import ObjectRef
from glbc.ops import logs
from glbc.plan.chart import chart
from glbc.plan.drawn import dot, graph_out, tree
from glbc.plan.output import written
from glbc.plan.planner import plan


class Form(StrEnum):
    """Who reads it."""

    TEXT = "text"
    JSON = "json"
    DOT = "dot"


def main(config: Config, name: str, out: TextIO, form: Form, *, colour: bool) -> int:
    """Print the graph of the Ingress `namespace/name`, or of everything when it is empty.

    Raises:
        GlbcError: there is no such Ingress, or the cluster or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    with looking(config) as (seen, _):
        out.write(of(name, seen, form, colour=colour))
    return 0


def of(name: str, seen: Look, form: Form, *, colour: bool = False) -> str:
    """Return the graph as it is printed.

    Raises:
        GlbcError: there is no such Ingress.
    """
    only = None
    if name:
        namespace, _, own = name.partition("/")
        only = ObjectRef("Ingress", namespace, own)
        if name not in seen.snapshot.ingresses:
            raise GlbcError(f"{only}: does not exist: write namespace/name of an Ingress")
    due = seen.hold(plan(seen.desired.graph, seen.actual, seen.desired.keep))
    nodes = chart(seen.desired.graph, seen.actual, due, only)
    if form is Form.JSON:
        return written(graph_out(nodes))
    lines = dot(nodes) if form is Form.DOT else tree(nodes, colour=colour)
    return "\n".join(lines or ["Nothing is wanted, and nothing of glbc's is there."]) + "\n"
