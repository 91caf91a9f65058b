"""How an Ingress is: four conditions in one annotation, since its status has no room for them.

Functions of values. What was published before is read back for one thing only, the time at which
each status last changed; it never decides what the cloud should be. Same state, same bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from glbc.model.compute import BackendService, HealthCheck, HttpCheck, TargetHttpsProxy
from glbc.model.finding import Finding, Severity
from glbc.model.graph import Graph, Observed
from glbc.model.health import HEALTHY, UNKNOWN
from glbc.model.keys import Ref, ResourceKey
from glbc.model.views import Ingress
from glbc.plan.planner import Blocked, Reason
from glbc.translate import annotations, reasons
from glbc.translate.desired import Desired

LIMIT: Final = 4096  # bytes of the whole annotation
TEXT_LIMIT: Final = 640  # bytes of one message as JSON
ITEM_LIMIT: Final = 300  # characters of one of the things that a message lists
PASSING: Final = frozenset(
    {Reason.FINALIZER_MISSING, Reason.PODS_AWAITED, Reason.SECRET_AWAITED, Reason.UNREADABLE}
)  # a moment, no obstacle
ABOUT_CERTIFICATES: Final = frozenset(
    {
        reasons.Reason.BAD_CERTIFICATE,
        reasons.Reason.CERTIFICATE_NOT_FOUND,
        reasons.Reason.SECRET_NOT_FOUND,
        reasons.Reason.TOO_MANY_CERTIFICATES,
    }
)


class Type(StrEnum):
    """What a condition is about."""

    RESOLVED = "Resolved"
    PROGRAMMED = "Programmed"
    CERTIFICATES_READY = "CertificatesReady"
    BACKENDS_HEALTHY = "BackendsHealthy"


class Status(StrEnum):
    """Whether it holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Why(StrEnum):
    """Why a condition has its status. Stable; listed in docs/reasons.md."""

    ALL_RESOLVED = "AllResolved"
    PARTLY_RESOLVED = "PartlyResolved"
    NOT_RESOLVED = "NotResolved"
    UP_TO_DATE = "UpToDate"
    IN_PROGRESS = "InProgress"
    BLOCKED = "Blocked"
    NOTHING_TO_PROGRAM = "NothingToProgram"
    CERTIFICATES_SERVED = "CertificatesServed"
    CERTIFICATES_MISSING = "CertificatesMissing"
    CERTIFICATES_PENDING = "CertificatesPending"
    BACKENDS_SERVE = "BackendsServe"
    BACKENDS_FAIL = "BackendsFail"
    HEALTH_UNKNOWN = "HealthUnknown"


class Condition(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One condition, in the shape of metav1.Condition."""

    type: str
    status: str
    reason: str
    message: str = ""
    last_transition_time: str = ""  # RFC 3339, when the status changed last
    observed_generation: int = 0  # metadata.generation that this is said of


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the conditions of one Ingress follow from."""

    ingress: Ingress
    findings: tuple[Finding, ...] = ()  # those about this Ingress
    programmed: bool = True  # is there a front end for it in the desired graph?
    steps: bool = False  # is there an action for it, to do or under way?
    blocked: tuple[Blocked, ...] = ()  # what is held back of it
    waits: tuple[str, ...] = ()  # what it waits for though nothing is in the way
    missing_certificates: tuple[str, ...] = ()  # wanted, and not on the proxy
    certificates: bool = False  # is any on the proxy, or wanted there?
    health: tuple[tuple[ResourceKey, str], ...] = ()  # the backends that serve it, by name
    checks: tuple[tuple[ResourceKey, str], ...] = ()  # of those that fail: what they do not answer


def facts_of(
    ingress: Ingress,
    desired: Desired,
    actual: Graph[Observed],
    states: Mapping[ResourceKey, str],
    *,
    steps: bool,
    blocked: tuple[Blocked, ...],
) -> Facts:
    """Gather what the conditions of an Ingress that is served follow from.

    Args:
        ingress: whose.
        desired: what is wanted.
        actual: what there is.
        states: the health of each backend that was read.
        steps: is there an action for it, to do or under way?
        blocked: what is held back of it.
    """
    name = f"{ingress.metadata.namespace}/{ingress.metadata.name}"
    served, read = desired.served[name], desired.read[name]
    balancer = read.balancer
    proxy = actual.get(served.keys.https_proxy)
    on_it: set[ResourceKey] = set()
    if proxy is not None and isinstance(proxy.spec, TargetHttpsProxy):
        on_it = {ref.to for ref in proxy.spec.ssl_certificates or ()}
    wanted = balancer.certificates if balancer else ()
    stands = served.keys.http_rule in actual or served.keys.https_rule in actual
    health = sorted(read.serving()) if stands else []
    told = tuple((key, states.get(key, UNKNOWN)) for key in health if key in actual)
    return Facts(
        ingress=ingress,
        findings=tuple(one for one in read.findings if one.object == ingress.ref),
        programmed=served.programmed,
        steps=steps,
        blocked=blocked,
        waits=tuple(
            f"it goes from {move.old.name} to {move.new.name} when that is HEALTHY"
            for move in read.waiting
        ),
        missing_certificates=tuple(key.name for key in wanted if key not in on_it),
        certificates=bool(wanted or on_it),
        health=told,
        checks=tuple(
            (key, checked_by(check_of(key, actual)))
            for key, state in told
            if state not in {HEALTHY, UNKNOWN}
        ),
    )


def check_of(service: ResourceKey, actual: Graph[Observed]) -> HealthCheck | None:
    """Return the live health check of a backend service."""
    live = actual.get(service)
    refs = live.spec.health_checks if live and isinstance(live.spec, BackendService) else ()
    first = next((ref for ref in refs or () if isinstance(ref, Ref)), None)
    check = actual.get(first.to) if first else None
    return check.spec if check and isinstance(check.spec, HealthCheck) else None


def path_of(check: HealthCheck | None) -> str:
    """Return what a check asks for; "" when it is no check over HTTP."""
    block = _http(check)
    return (block.request_path or "/") if block else ""


def checked_by(check: HealthCheck | None) -> str:
    """Say what a backend's instances are asked by the cloud, and what to do when none answers."""
    if check is None:
        return "its health check is not known: see what the backend service refers to"
    block = _http(check)
    if block is None:
        return f"no instance passes its {check.type} check: see that the pods listen"
    asked = f"GET {path_of(check)} on port {block.port or 'of the group'}"
    return (
        f"no instance answers 200 to {check.type} {asked}: see that the pods do, and that the "
        "firewall lets the probes in"
    )


def _http(check: HealthCheck | None) -> HttpCheck | None:
    if check is None:
        return None
    blocks = (check.http_health_check, check.https_health_check, check.http2_health_check)
    return next((block for block in blocks if isinstance(block, HttpCheck)), None)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written of an Ingress's condition, and what that is worth."""

    values: Mapping[str, str] = {}  # annotations
    early: bool = False  # does it go along with the finalizer?
    alone: bool = False  # is it worth a write of its own now?


def fold(facts: Facts, previous: Iterable[Condition], now: float) -> tuple[Condition, ...]:
    """Return the conditions of an Ingress.

    Args:
        facts: what they follow from.
        previous: what was said last: a status that stays keeps the time of its last change.
        now: seconds since 1970.
    """
    before = {condition.type: condition for condition in previous}
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = []
    for made in _conditions(facts):
        old = before.get(made.type)
        kept = old is not None and old.status == made.status and old.last_transition_time
        since = old.last_transition_time if old and kept else moment
        found.append(
            msgspec.structs.replace(
                made,
                last_transition_time=since,
                observed_generation=facts.ingress.metadata.generation,
            )
        )
    return tuple(found)


def encoded(conditions: Sequence[Condition]) -> str:
    """Return the annotation's value."""
    return msgspec.json.encode(conditions).decode()


def decoded(text: str) -> tuple[Condition, ...]:
    """Return what an annotation says; nothing when it is not ours to understand."""
    try:
        return msgspec.json.decode(text, type=tuple[Condition, ...])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ()


def status_of(conditions: Iterable[Condition]) -> Mapping[str, str]:
    """Return the status of each type."""
    return {condition.type: condition.status for condition in conditions}


def backends_map(health: Iterable[tuple[ResourceKey, str]]) -> str:
    """Return ingress-gce's `backends` annotation: name of the backend service -> its state."""
    states = {key.name: state for key, state in health}
    return msgspec.json.encode(states, order="sorted").decode()


def listed(items: Iterable[str], limit: int = TEXT_LIMIT) -> str:
    """Join what a message lists, as much as there is room for, and count the rest."""
    items = [item if len(item) <= ITEM_LIMIT else f"{item[: ITEM_LIMIT - 1]}…" for item in items]
    for shown in range(len(items), 0, -1):
        rest = len(items) - shown
        text = "; ".join(items[:shown]) + (f"; and {rest} more" if rest else "")
        if len(msgspec.json.encode(text)) <= limit:
            return text
    return f"{len(items)}, too long to be listed" if items else ""


def _conditions(facts: Facts) -> Iterator[Condition]:
    yield _resolved(facts)
    yield _programmed(facts)
    if asks_for_https(facts.ingress):
        yield _certificates(facts)
    yield _health(facts)


def _resolved(facts: Facts) -> Condition:
    wrong = sorted(
        (one for one in facts.findings if one.severity is not Severity.NOTE),
        key=lambda one: (one.severity is not Severity.ERROR, one),
    )
    if not wrong:
        return _made(Type.RESOLVED, Status.TRUE, Why.ALL_RESOLVED)
    why = Why.NOT_RESOLVED if wrong[0].severity is Severity.ERROR else Why.PARTLY_RESOLVED
    return _made(Type.RESOLVED, Status.FALSE, why, listed(_told(wrong)))


def _programmed(facts: Facts) -> Condition:
    causes = _causes(facts.blocked)
    if causes:
        told = [f"cannot {one.op} {one.key}: {one.reason}: {one.by}: {one.hint}" for one in causes]
        return _made(Type.PROGRAMMED, Status.FALSE, Why.BLOCKED, listed(told))
    if not facts.programmed:
        text = "nothing of it can be served: what exists is left as it is: see Resolved"
        return _made(Type.PROGRAMMED, Status.FALSE, Why.NOTHING_TO_PROGRAM, text)
    if facts.waits:
        return _made(Type.PROGRAMMED, Status.FALSE, Why.IN_PROGRESS, listed(facts.waits))
    if facts.steps or facts.blocked:
        text = "its load balancer is being made or changed"
        return _made(Type.PROGRAMMED, Status.FALSE, Why.IN_PROGRESS, text)
    return _made(Type.PROGRAMMED, Status.TRUE, Why.UP_TO_DATE)


def _causes(blocked: Iterable[Blocked]) -> list[Blocked]:
    """Return what is really in the way: neither what only waits for it, nor what just takes a moment."""
    firm = sorted(
        (one for one in blocked if one.reason is not Reason.NEEDS_BLOCKED), key=lambda one: one.key
    )
    hard = [one for one in firm if one.reason not in PASSING]
    return hard if hard or firm else sorted(blocked, key=lambda one: one.key)


def _certificates(facts: Facts) -> Condition:
    wrong = [one for one in facts.findings if one.reason in ABOUT_CERTIFICATES]
    if wrong or not facts.certificates:
        text = listed(_told(wrong)) or "no certificate can be served: see Resolved"
        return _made(Type.CERTIFICATES_READY, Status.FALSE, Why.CERTIFICATES_MISSING, text)
    if facts.missing_certificates:
        text = listed(f"{name} is not served yet" for name in facts.missing_certificates)
        return _made(Type.CERTIFICATES_READY, Status.FALSE, Why.CERTIFICATES_PENDING, text)
    return _made(Type.CERTIFICATES_READY, Status.TRUE, Why.CERTIFICATES_SERVED)


def _health(facts: Facts) -> Condition:
    checks = dict(facts.checks)
    failing = [(key, state) for key, state in facts.health if state not in {HEALTHY, UNKNOWN}]
    if failing:
        told = [f"{key.name}: {state}: {checks.get(key, '')}" for key, state in failing]
        return _made(Type.BACKENDS_HEALTHY, Status.FALSE, Why.BACKENDS_FAIL, listed(told))
    unknown = [key.name for key, state in facts.health if state == UNKNOWN]
    if unknown or not facts.health:
        text = listed(f"{name}: not known" for name in unknown)
        return _made(Type.BACKENDS_HEALTHY, Status.UNKNOWN, Why.HEALTH_UNKNOWN, text)
    return _made(Type.BACKENDS_HEALTHY, Status.TRUE, Why.BACKENDS_SERVE)


def asks_for_https(ingress: Ingress) -> bool:
    """Tell whether an Ingress says anything of certificates."""
    asked = (annotations.PRE_SHARED_CERT, annotations.MANAGED_CERTIFICATES)
    return bool(ingress.spec.tls) or any(annotations.text(ingress.metadata, key) for key in asked)


def _told(findings: Iterable[Finding]) -> Iterator[str]:
    for one in findings:
        yield f"{one.field}: {one.reason}: {one.message}: {one.hint}"


def _made(kind: Type, status: Status, why: Why, message: str = "") -> Condition:
    return Condition(type=kind.value, status=status.value, reason=why.value, message=message)
