"""Readiness probes to health checks: what a Service's pods say of how their health is asked for.

Upstream's rules, to the letter (igce `translator.go`, getHTTPProbe). What is found is what a *new*
health check is made with: one that exists is left alone, whatever the probes become. An answer
rests on the selector, the port, the protocol and the pods that are selected, on nothing else; it is
taken over from the last translation while those are the same.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from glbc.model.keys import ResourceKey
from glbc.model.loadbalancer import Backend
from glbc.model.views import (
    Container,
    ContainerPort,
    HttpGet,
    Pod,
    PodSpec,
    Probe,
    Service,
    ServicePort,
    Snapshot,
)

DESCRIPTION: Final = "Kubernetes L7 health check generated with readiness probe settings."
SCHEMES: Final = {"HTTP2": "HTTPS"}  # what a probe says for a protocol, where it is another word
SPARE_SEC: Final = 60  # upstream: every node asks a shared port, so less often than the kubelet
MOST_SEC: Final = 300  # API: healthChecks.checkIntervalSec and timeoutSec
LEGAL: Final = "/?#[]@!$&'()*+,;=:%~"  # in a request path beside letters, digits and -._ (RFC 3986)


class Selector(msgspec.Struct, frozen=True, cache_hash=True):
    """Which pods serve; no labels: every pod of the namespace, as upstream has it."""

    namespace: str
    labels: tuple[tuple[str, str], ...]  # sorted


class Question(msgspec.Struct, frozen=True, cache_hash=True):
    """All that an answer rests on, the pods apart."""

    selector: Selector
    port: int | str  # the Service port's targetPort: a container port by number or by name
    protocol: str  # HTTP | HTTPS | HTTP2


class Taken(msgspec.Struct, frozen=True):
    """The probe that a new health check is made from."""

    probe: Probe
    get: HttpGet
    origin: str


class ProbeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the pods of one Service port say."""

    taken: Taken | None = None  # the first container's probe that fits, of the oldest such pod
    asked: tuple[str, ...] = ()  # what all probes that fit ask, each once, sorted
    unfit: tuple[str, ...] = ()  # why the other probes over HTTP do not fit, each once, sorted

    @property
    def may_surprise(self) -> bool:
        """Tell whether there may be something to tell: for few Services there is."""
        if self.taken is None:
            return bool(self.unfit)
        return len(self.asked) > 1 or is_too_slow(self.taken.probe)


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The answers of one translation, and what they rest on."""

    pods: Mapping[str, Pod] = {}
    members: Mapping[Selector, tuple[Pod, ...]] = {}
    facts: Mapping[Question, ProbeFacts] = {}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A backend with the check that its pods ask for, and what that rests on."""

    plain: Backend  # as it was read
    service: Service
    asked: Question
    facts: ProbeFacts
    backend: Backend


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What pods say of all backends: taken over by the next translation."""

    backends: Mapping[ResourceKey, Checked] = {}
    answers: Answers = Answers()


# Who is asked -------------------------------------------------------------------------------------


def service_of(backend: Backend, snapshot: Snapshot) -> Service:
    """Return the Service of a backend that was resolved in this snapshot."""
    return snapshot.services[f"{backend.service.namespace}/{backend.service.name}"]


def port_of(backend: Backend, service: Service) -> tuple[int, ServicePort]:
    """Return the Service's first port that the backend is of, and its place among them."""
    ports, straight = enumerate(service.spec.ports or ()), backend.endpoints
    return next(
        (at, port)
        for at, port in ports
        if (port.port == straight.number if straight else port.node_port == backend.node_port)
    )


def question(backend: Backend, service: Service) -> Question:
    """Return what is to be found out for a backend."""
    _, port = port_of(backend, service)
    labels = tuple(sorted((service.spec.selector or {}).items()))
    target = port.target_port or port.port
    return Question(Selector(backend.service.namespace, labels), target, backend.protocol)


def selected(selectors: Iterable[Selector], pods: Iterable[Pod]) -> dict[Selector, tuple[Pod, ...]]:
    """Return the pods of each selector that has any: one look-up for each set of label keys."""
    wanted: dict[str, dict[tuple[str, ...], dict[tuple[str | None, ...], Selector]]] = {}
    for selector in selectors:
        keys = tuple(key for key, _ in selector.labels)
        values = tuple(value for _, value in selector.labels)
        wanted.setdefault(selector.namespace, {}).setdefault(keys, {})[values] = selector
    found: dict[Selector, list[Pod]] = {}
    for pod in pods:
        labels = pod.metadata.labels or {}
        for keys, by_values in wanted.get(pod.metadata.namespace, {}).items():
            one = by_values.get(tuple(map(labels.get, keys)))
            if one is not None:
                found.setdefault(one, []).append(pod)
    return {selector: tuple(some) for selector, some in found.items()}


def _members(
    selectors: frozenset[Selector], pods: Mapping[str, Pod], before: Answers
) -> dict[Selector, tuple[Pod, ...]]:
    """Return the pods of each selector: the very same tuple while none came, changed or went."""
    members = {one: before.members[one] for one in selectors if one in before.members}
    if pods is not before.pods:
        left = [pod for name, pod in before.pods.items() if pods.get(name) is not pod]
        came = [pod for name, pod in pods.items() if before.pods.get(name) is not pod]
        lost, gained = selected(members, left), selected(members, came)
        for one in lost.keys() | gained.keys():
            out = {pod.metadata.name for pod in lost.get(one, ())}
            stay = (pod for pod in members[one] if pod.metadata.name not in out)
            members[one] = (*stay, *gained.get(one, ()))
    if fresh := selectors - members.keys():
        found = selected(fresh, pods.values())
        members.update((one, found.get(one, ())) for one in fresh)
    return members


# What they say ------------------------------------------------------------------------------------


def probed(backends: Mapping[ResourceKey, Backend], snapshot: Snapshot, before: Probed) -> Probed:
    """Return the backends with their checks; as in `before` where what they rest on is the same."""
    asked: dict[ResourceKey, tuple[Service, Question]] = {}
    for key, plain in backends.items():
        old, service = before.backends.get(key), service_of(plain, snapshot)
        same = old is not None and old.plain is plain and old.service is service
        asked[key] = service, old.asked if old and same else question(plain, service)
    answers = answered((one for _, one in asked.values()), snapshot.pods, before.answers)
    checked = {}
    for key, plain in backends.items():
        old, (service, one) = before.backends.get(key), asked[key]
        facts = answers.facts[one]
        if old and old.plain is plain and old.service is service and old.facts is facts:
            checked[key] = old
        else:
            checked[key] = Checked(
                plain=plain,
                service=service,
                asked=one,
                facts=facts,
                backend=with_probe(plain, facts),
            )
    return Probed(backends=checked, answers=answers)


def answered(questions: Iterable[Question], pods: Mapping[str, Pod], before: Answers) -> Answers:
    """Return the answers; those of `before` where nothing that they rest on has changed."""
    asked = frozenset(questions)
    members = _members(frozenset(one.selector for one in asked), pods, before)
    facts = {}
    for one in asked:
        mine = members[one.selector]
        known = before.facts.get(one) if before.members.get(one.selector) is mine else None
        facts[one] = known or probe_of(one, mine)
    return Answers(pods=pods, members=members, facts=facts)


def probe_of(asked: Question, pods: Iterable[Pod]) -> ProbeFacts:
    """Return what the probes of these pods say; the order of the pods does not matter."""
    taken: Taken | None = None
    oldest = ("", "")
    every, unfit = set(), set()
    spec: PodSpec | None = None
    first: tuple[int, Probe, HttpGet] | None = None
    for pod in pods:
        if pod.spec != spec:  # pods of one Deployment say the same
            spec, first = pod.spec, None
            for at, container in enumerate(spec.containers or ()):
                probe = container.readiness_probe
                if probe is None or probe.http_get is None:
                    continue
                if why := _misfit(container, probe.http_get, asked):
                    unfit.add(why)
                elif _serves(container, asked):
                    first = first or (at, probe, probe.http_get)
                    every.add(said(probe.http_get))
        age = (pod.metadata.creation_timestamp or "", pod.metadata.name)
        if first is not None and (taken is None or age < oldest):
            at, probe, get = first
            where = f"pod {pod.metadata.namespace}/{pod.metadata.name} spec.containers[{at}]"
            oldest, taken = age, Taken(probe, get, f"{where}.readinessProbe")
    return ProbeFacts(taken=taken, asked=tuple(sorted(every)), unfit=tuple(sorted(unfit)))


def _is(port: ContainerPort, called: int | str) -> bool:
    return called == (port.container_port if isinstance(called, int) else port.name)


def _serves(container: Container, asked: Question) -> bool:
    return any(_is(port, asked.port) for port in container.ports or ())


def _misfit(container: Container, get: HttpGet, asked: Question) -> str:
    """Return why a probe of the serving container is not taken; "" if it is, or is not its matter."""
    name, scheme = f"container {container.name}", SCHEMES.get(asked.protocol, asked.protocol)
    serving = [port for port in container.ports or () if _is(port, asked.port)]
    if not serving:
        # Another container's probe is no surprise; the serving one's, for want of a line, is.
        named = get.port == asked.port and isinstance(asked.port, int)
        return f"{name} does not declare the port {asked.port} that it asks" if named else ""
    if not any(_is(port, get.port) for port in serving):
        return f"{name} asks port {get.port}, not the serving port {asked.port}"
    if get.scheme != scheme:
        return f"{name} asks over {get.scheme}, not {scheme}"
    if get.host:
        return f"{name} asks a host of its own, {get.host}"
    headers = get.http_headers or ()
    if headers and [header.name for header in headers] != ["Host"]:
        return f"{name} sends headers, and only one named Host can be sent"
    return ""


def _host(get: HttpGet) -> str:
    return next((header.value for header in get.http_headers or ()), "")


def _path(get: HttpGet) -> str:
    """Return the path as the kubelet sends it: from the root, and what is illegal in it escaped."""
    return quote(get.path if get.path.startswith("/") else f"/{get.path}", safe=LEGAL)


def said(get: HttpGet) -> str:
    """Return what a probe asks, as a message says it."""
    host = _host(get)
    return f"{_path(get)} of {host}" if host else _path(get)


# What it comes to ---------------------------------------------------------------------------------


def with_probe(backend: Backend, facts: ProbeFacts) -> Backend:
    """Return the backend with what the probe says put on top of its check.

    A probe that is slower than the API allows is followed as far as it goes: its path and host are
    right all the same. The interval gives way to the timeout, for only the timeout is the user's.
    """
    if facts.taken is None:
        return backend
    probe, get, origin = facts.taken.probe, facts.taken.get, facts.taken.origin
    timeout = _within(probe.timeout_seconds)
    over = ("path", "host", "check_interval_sec", "timeout_sec", "description")
    rest = tuple(pair for pair in backend.check.origin if pair[0] not in over)
    spare = 0 if backend.endpoints else SPARE_SEC
    check = msgspec.structs.replace(
        backend.check,
        path=_path(get),
        host=_host(get),
        check_interval_sec=max(_within(probe.period_seconds + spare), timeout),
        timeout_sec=timeout,
        description=DESCRIPTION,
        origin=(*rest, *((field, origin) for field in over)),
    )
    return msgspec.structs.replace(backend, check=check)


def _within(seconds: int) -> int:
    return min(max(seconds, 1), MOST_SEC)


def is_too_slow(probe: Probe) -> bool:
    """Tell whether its times are more than a health check may have."""
    interval = probe.period_seconds + SPARE_SEC
    return max(interval, probe.timeout_seconds) > MOST_SEC or probe.timeout_seconds > interval
