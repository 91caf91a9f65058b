"""A chart on a page: a tree per forwarding rule for people, JSON for programs, dot for Graphviz.

In the tree a resource has one line: a sign for its verdict, its name, which is never cut, and the
field that leads to it. What a resource leads to is drawn where it stands first.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from glbc.model.finding import ObjectRef
from glbc.model.keys import Kind, ResourceKey
from glbc.plan import output
from glbc.plan.chart import Link, Node, Verdict

SIGN: Final[Mapping[Verdict, str]] = {
    Verdict.RIGHT: "=",
    Verdict.CREATE: "+",
    Verdict.DIFFERS: "~",
    Verdict.DELETE: "-",
    Verdict.BLOCKED: "!",
    Verdict.FOREIGN: "o",
    Verdict.UNREADABLE: "?",
    Verdict.KEPT: "k",
    Verdict.MISSING: "x",
}
ANSI: Final[Mapping[Verdict, str]] = {
    Verdict.RIGHT: "32",  # green
    Verdict.CREATE: "36",  # cyan
    Verdict.DIFFERS: "33",  # yellow
    Verdict.DELETE: "31",  # red
    Verdict.BLOCKED: "35",  # magenta
    Verdict.UNREADABLE: "35",
    Verdict.MISSING: "31",
    Verdict.FOREIGN: "34",  # blue
    Verdict.KEPT: "34",
}
FILL: Final[Mapping[Verdict, str]] = {
    Verdict.RIGHT: "palegreen",
    Verdict.CREATE: "lightcyan",
    Verdict.DIFFERS: "khaki",
    Verdict.DELETE: "lightsalmon",
    Verdict.BLOCKED: "plum",
    Verdict.UNREADABLE: "lightgray",
    Verdict.MISSING: "tomato",
    Verdict.FOREIGN: "lightblue",
    Verdict.KEPT: "lightblue",
}
LABELS: Final = 2  # how many fields a line names that lead to one resource


def tree(nodes: Iterable[Node], *, width: int = 80, colour: bool = False) -> list[str]:
    """Return the lines of the trees, and what the signs mean that are in them.

    Args:
        nodes: the chart.
        width: columns that explanations are folded to.
        colour: mark each sign with ANSI colours.
    """
    known = {node.key: node for node in nodes}
    if not known:
        return []
    led_to = {link.to for node in known.values() for link in node.links}
    roots = [key for key in known if key not in led_to or key.kind == Kind.FORWARDING_RULE]
    roots.sort(key=lambda key: (key.kind != Kind.FORWARDING_RULE, key))
    page = _Page(known, width, colour=colour)
    for root in roots:
        page.add(root, (), 0)
        page.lines.append("")
    signs = [verdict for verdict in Verdict if any(n.verdict is verdict for n in known.values())]
    told = (f"{painted(verdict, colour=colour)} {verdict}" for verdict in signs)
    return [*page.lines, "  ".join(told)]


def painted(verdict: Verdict, *, colour: bool) -> str:
    """Return the sign of a verdict."""
    return f"\x1b[{ANSI[verdict]}m{SIGN[verdict]}\x1b[0m" if colour else SIGN[verdict]


class _Page:
    """The lines so far, and what they have shown. Used once."""

    def __init__(self, known: Mapping[ResourceKey, Node], width: int, *, colour: bool) -> None:
        self.lines: list[str] = []
        self._known = known
        self._width = width
        self._colour = colour
        self._drawn: set[ResourceKey] = set()

    def add(self, key: ResourceKey, by: Sequence[Link], depth: int) -> None:
        """Add a resource, and below it what it leads to."""
        node = self._known[key]
        again = key in self._drawn and bool(node.links)
        self._drawn.add(key)
        words = [str(key), _labels(by), node.at, "(above)" if again else ""]
        if depth == 0:
            words.append(f"({', '.join(map(str, node.wanted_by))})" if node.at else "")
        line = "  ".join(word for word in words if word)
        self.lines.append(f"{painted(node.verdict, colour=self._colour)} {'  ' * depth}{line}")
        if again:
            return
        if node.verdict is Verdict.BLOCKED:
            self._explain(node, "  " * depth)
        leads: dict[ResourceKey, list[Link]] = {}
        for link in node.links:
            leads.setdefault(link.to, []).append(link)
        for to, told in leads.items():
            self.add(to, told, depth + 1)

    def _explain(self, node: Node, indent: str) -> None:
        self.lines += textwrap.wrap(
            f"{node.said}: {node.hint}",
            self._width,
            initial_indent=f"      {indent}",
            subsequent_indent=f"        {indent}",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _labels(by: Sequence[Link]) -> str:
    if not by:
        return ""
    labels = list(dict.fromkeys(link.label for link in by))
    more = len(labels) - LABELS
    return "; ".join(labels[:LABELS]) + (f"; and {more} more" if more > 0 else "")


# Dot ----------------------------------------------------------------------------------------------


def dot(nodes: Iterable[Node]) -> list[str]:
    """Return the chart in the language of Graphviz."""
    lines = ["digraph glbc {", "  rankdir=LR;", "  node [shape=box, style=filled];"]
    for node in nodes:
        label = f"{node.key.kind}\\n{_escaped(_local(node.key))}\\n{_escaped(node.said)}"
        colour = FILL[node.verdict]
        lines.append(f'  "{_escaped(node.key.partial)}" [label="{label}", fillcolor={colour}];')
    for node in nodes:
        for link in node.links:
            ends = f'"{_escaped(node.key.partial)}" -> "{_escaped(link.to.partial)}"'
            lines.append(f'  {ends} [label="{_escaped(link.label)}"];')
    return [*lines, "}"]


def _local(key: ResourceKey) -> str:
    return str(key).partition("/")[2]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


# JSON ---------------------------------------------------------------------------------------------


def graph_out(nodes: Iterable[Node]) -> output.GraphOut:
    """Return the chart for programs."""
    return output.GraphOut(nodes=tuple(_node_out(node) for node in nodes))


def _node_out(node: Node) -> output.NodeOut:
    return output.NodeOut(
        kind=str(node.key.kind),
        scope=node.key.scope,
        name=node.key.name,
        verdict=node.verdict.value,
        said=node.said,
        hint=node.hint,
        wanted_by=tuple(object_out(user) for user in node.wanted_by),
        links=tuple(links_out(node.links)),
    )


def links_out(links: Iterable[Link]) -> Iterator[output.LinkOut]:
    """Yield references for programs."""
    for link in links:
        yield output.LinkOut(field=link.field, requests=link.requests, to=resource_out(link.to))


def object_out(ref: ObjectRef) -> output.ObjectOut:
    """Return a Kubernetes object for programs."""
    return output.ObjectOut(kind=ref.kind, namespace=ref.namespace, name=ref.name)


def resource_out(key: ResourceKey) -> output.ResourceOut:
    """Return a resource for programs."""
    return output.ResourceOut(kind=str(key.kind), scope=key.scope, name=key.name)
