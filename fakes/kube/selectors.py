"""Label and field selectors: text in, a predicate out.

`a!=b` and `a notin (b)` also match objects that have no `a`. A field label that a kind does not
offer is an error, never "matches nothing".
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from fakes.kube.errors import Obj, bad_request

Predicate = Callable[[Obj], bool]

_NAME = r"[A-Za-z0-9./_-]+"
_SET = re.compile(rf"^({_NAME})\s+(in|notin)\s*\(([^)]*)\)$")
_EQUAL = re.compile(rf"^({_NAME})\s*(==|=|!=)\s*([A-Za-z0-9._-]*)$")
_EXISTS = re.compile(rf"^(!?)\s*({_NAME})$")

# field labels beyond metadata.name and metadata.namespace
FIELDS: Final[dict[str, frozenset[str]]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        }
    ),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "namespaces": frozenset({"status.phase"}),
    "nodes": frozenset({"spec.unschedulable"}),
    "replicationcontrollers": frozenset({"status.replicas"}),
    "replicasets.apps": frozenset({"status.replicas"}),
    "jobs.batch": frozenset({"status.successful"}),
    "events": frozenset(
        {
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        }
    ),
}
# the same fields as events.k8s.io/v1 calls them -> where they are stored
EVENT_VIEW: Final = {
    "regarding.kind": "involvedObject.kind",
    "regarding.namespace": "involvedObject.namespace",
    "regarding.name": "involvedObject.name",
    "regarding.uid": "involvedObject.uid",
    "reportingController": "reportingComponent",
}


def _pieces(text: str) -> Iterator[str]:
    """Split at the commas that stand outside of parentheses."""
    depth, start = 0, 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            yield text[start:index].strip()
            start = index + 1
    yield text[start:].strip()


def _label_test(piece: str) -> Callable[[dict[str, str]], bool]:
    if match := _SET.match(piece):
        key, word, inside = match.groups()
        values = {value.strip() for value in inside.split(",")}
        if word == "in":
            return lambda labels: key in labels and labels[key] in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL.match(piece):
        key, word, value = match.groups()
        if word == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.match(piece):
        absent, key = match.groups()
        return lambda labels: (key in labels) is not bool(absent)
    raise bad_request(
        f'unable to parse requirement: found "{piece}", expected: a label requirement'
    )


def labels(text: str) -> Predicate:
    """Return the predicate of a label selector; raise 400 for one that cannot be read."""
    tests = [_label_test(piece) for piece in _pieces(text) if piece]
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def from_labels(selector: dict[str, str]) -> Predicate:
    """Return the predicate of a plain map of labels."""
    return lambda obj: selector.items() <= (obj["metadata"].get("labels") or {}).items()


def value_at(obj: Obj, path: str) -> str:
    """Return the text that stands at a dotted path; empty when nothing does."""
    here: Any = obj
    for step in path.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    if isinstance(here, dict):  # Event.source, of which the component is meant
        here = here.get("component")
    if isinstance(here, bool):
        return str(here).lower()
    return "" if here is None else str(here)


def fields(text: str, resource: str, extra: frozenset[str] = frozenset()) -> Predicate:
    """Return the predicate of a field selector; raise 400 for a field the kind does not offer."""
    allowed = FIELDS.get(resource, frozenset()) | extra
    tests: list[tuple[str, bool, str]] = []
    for piece in filter(None, _pieces(text)):
        match = re.match(r"^([A-Za-z0-9._-]+)(==|=|!=)(.*)$", piece)
        if match is None:
            raise bad_request(f"invalid field selector: {piece!r}; can't understand it")
        path, word, value = match.groups()
        if resource == "events":
            path = EVENT_VIEW.get(path, path)
        if path not in {"metadata.name", "metadata.namespace"} and path not in allowed:
            raise bad_request(f"field label not supported: {path}")
        tests.append((path, word != "!=", value))

    def matches(obj: Obj) -> bool:
        return all((value_at(obj, path) == value) is equal for path, equal, value in tests)

    return matches
