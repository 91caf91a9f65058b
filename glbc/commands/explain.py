"""`glbc explain`: all there is to say of an Ingress, or of the answer to a request."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import msgspec
from msgspec import UNSET

from glbc import conditions
from glbc.commands import certificates
from glbc.commands.journal_tail import Tail, tail
from glbc.commands.look import Look, looking
from glbc.config import Config
from glbc.engine.ports import Cloud
from glbc.errors import CloudError, GlbcError
from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.keys import Kind, ResourceKey, parse_link
from glbc.model.loadbalancer import Backend
from glbc.ops import logs
from glbc.plan import answer, answered, explain
from glbc.plan.output import ConditionOut, MemberOut, written
from glbc.plan.planner import plan
from glbc.translate import annotations


class Form(msgspec.Struct, frozen=True):
    """How the explanation is printed."""

    as_json: bool = False
    colour: bool = False


def main(config: Config, what: str, out: TextIO, form: Form) -> int:
    """Print the explanation of the Ingress `namespace/name`, or of the URL.

    Raises:
        GlbcError: there is no such thing, or the cluster or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    if "://" in what:
        try:
            request = answer.parse(what)
        except ValueError as error:
            raise GlbcError(str(error)) from error
        with looking(config) as (seen, cloud):
            out.write(of_request(request, seen, cloud, form, now=time.time()))
        return 0
    namespace, slash, name = what.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise GlbcError(f"{what!r}: names nothing: write namespace/name of an Ingress, or a URL")
    ref = ObjectRef("Ingress", namespace, name)
    with looking(config) as (seen, _):
        out.write(of_ingress(ref, seen, form))
    return 0


def of_ingress(ref: ObjectRef, seen: Look, form: Form) -> str:
    """Return the explanation of an Ingress.

    Raises:
        GlbcError: it does not exist.
    """
    found = seen.snapshot.ingresses.get(f"{ref.namespace}/{ref.name}")
    if found is None:
        raise GlbcError(f"{ref}: does not exist: write namespace/name of an Ingress")
    graph = seen.desired.graph
    due = seen.hold(plan(graph, seen.actual, seen.desired.keep))
    told = explain.explain(ref, graph, seen.actual, due)
    path = seen.config.journal.path
    last = tail(path, frozenset(node.key.path for node in told.chain)) if path else Tail()
    told = msgspec.structs.replace(
        told,
        address=found.address,
        nothing=_why_nothing(f"{ref.namespace}/{ref.name}", seen),
        findings=tuple(one for one in seen.desired.findings if one.object == ref),
        conditions=tuple(_conditions(annotations.text(found.metadata, annotations.CONDITIONS))),
        journal=last.done,
        journal_problem=last.problem,
    )
    if form.as_json:
        return written(explain.as_output(told))
    return explain.as_text(told, colour=form.colour)


def _why_nothing(name: str, seen: Look) -> str:
    if name in seen.desired.leaving:
        return (
            "It is deleted or of another class now: what was made for it goes, then its finalizer."
        )
    if name in seen.desired.served:
        return (
            "Nothing of it can be served: what is wrong stands above; what exists stays as it is."
        )
    return "It is not glbc's: its class is another controller's, or does not exist."


def _conditions(text: str) -> Iterable[ConditionOut]:
    for one in conditions.decoded(text):
        yield ConditionOut(
            type=one.type,
            status=one.status,
            reason=one.reason,
            message=one.message,
            last_transition_time=one.last_transition_time,
        )


def of_request(request: answer.Request, seen: Look, cloud: Cloud, form: Form, *, now: float) -> str:
    """Return who answers a request, and how."""
    graph = seen.desired.graph
    due = seen.hold(plan(graph, seen.actual, seen.desired.keep))
    told = answer.answers(request, graph, seen.actual, due, certificates.read)
    backends = sorted({one.routed.service for one in told if one.routed.service})
    behind = answered.Behind(
        services=_services(seen),
        health={key: _health(key, seen, cloud) for key in backends},
    )
    if form.as_json:
        return written(answered.as_output(request, told, behind))
    return answered.as_text(request, told, behind, now=now, colour=form.colour)


def _services(seen: Look) -> Mapping[ResourceKey, str]:
    """Return the Service behind each backend service that an Ingress names."""
    return {
        wanted.key: f"{wanted.backend.service} port "
        f"{wanted.backend.port_name or wanted.backend.port_number}, {_way(wanted.backend)}"
        for wanted in seen.desired.shared.lowered
    }


def _way(backend: Backend) -> str:
    """Return how requests get to the pods of a backend."""
    return "pods straight" if backend.endpoints else f"node port {backend.node_port}"


def _health(service: ResourceKey, seen: Look, cloud: Cloud) -> answered.Health:
    """Ask how each instance is; what the cloud refuses is told in its place."""
    live = seen.actual.get(service)
    if live is None:
        return answered.Health(problem="not known: the backend service is not there yet")
    backends: Any = live.spec.backends if isinstance(live.spec, compute.BackendService) else UNSET
    found: list[MemberOut] = []
    for backend in () if backends is UNSET else backends:
        try:
            members = cloud.health(service, backend.group.to)
        except CloudError as error:
            return answered.Health(problem=f"not known: {error}")
        for member in members:
            key = parse_link(member.instance, service.project)
            zone = key.scope.partition("/")[2]
            who = key.name
            if backend.group.to.kind == Kind.NETWORK_ENDPOINT_GROUP:
                who = f"{member.ip_address}:{member.port} ({key.name})"
            found.append(MemberOut(instance=who, zone=zone, state=member.state))
    return answered.Health(tuple(sorted(found, key=lambda one: (one.zone, one.instance))))
