"""What the owner of a Service may not expect of its health check: told on the Service, with the way out.

Nothing is told of a check that does what its owner said, nor of one that somebody has edited.
"""

from collections.abc import Iterator
from typing import Final

from glbc.model.compute import HttpCheck
from glbc.model.finding import Finding, Severity
from glbc.model.loadbalancer import Backend, Check
from glbc.model.views import Probe, Service
from glbc.translate.probes import MOST_SEC, ProbeFacts, Taken, is_too_slow, port_of, said
from glbc.translate.reasons import Reason

SHOWN: Final = 3  # how many different ones a message names
IN_A_CONFIG: Final = "set healthCheck in a BackendConfig of the Service"


def surprises(
    backend: Backend, facts: ProbeFacts, service: Service, live: HttpCheck | None
) -> Iterator[Finding]:
    """Yield, on the Service, what its owner may not expect of the health check.

    Args:
        backend: with the check that is made; what a BackendConfig says is no surprise.
        facts: what the pods say.
        service: the Service.
        live: what the check asks that exists. If that is not what a new one would ask, somebody has
            edited it, or made it of something else: nothing is told of what does not apply.
    """
    if backend.asked is not None and backend.asked.says_how_to_check:
        return
    check, taken = backend.check, facts.taken
    if live is not None and (live.request_path or "/", live.host or "") != (check.path, check.host):
        return
    told: list[tuple[Reason, str, str]] = []
    if taken is None:
        if facts.unfit and check.origin_of("path").startswith("config "):
            told.append((Reason.READINESS_PROBE_NOT_USED, *_unused(check, facts)))
    else:
        if len(facts.asked) > 1 and check.origin_of("path") == taken.origin:
            told.append((Reason.READINESS_PROBES_DIFFER, *_differ(facts, taken)))
        if check.origin_of("timeout_sec") == taken.origin and is_too_slow(taken.probe):
            told.append((Reason.READINESS_PROBE_TOO_SLOW, *_slow(check, taken.probe)))
    for reason, message, hint in told:
        at, _ = port_of(backend, service)
        field = f"spec.ports[{at}]"
        yield Finding(backend.service, reason, field, message, hint, Severity.NOTE)


def _unused(check: Check, facts: ProbeFacts) -> tuple[str, str]:
    why = "; ".join(_some(facts.unfit))
    message = f"its health check asks {check.path}, because no readiness probe fits ({why})"
    return message, f"let a probe fit before the check is made, or {IN_A_CONFIG}"


def _differ(facts: ProbeFacts, taken: Taken) -> tuple[str, str]:
    message = (
        f"the readiness probes of its pods differ ({', '.join(_some(facts.asked))}); "
        f"its health check asks {said(taken.get)}, as the oldest pod does"
    )
    return message, f"give its pods one readiness probe, or {IN_A_CONFIG}"


def _slow(check: Check, probe: Probe) -> tuple[str, str]:
    message = (
        f"a health check waits at most its interval, and that is at most {MOST_SEC} s; for the "
        f"readiness probe's period of {probe.period_seconds} s and timeout of "
        f"{probe.timeout_seconds} s it asks every {check.check_interval_sec} s and waits "
        f"{check.timeout_sec} s"
    )
    return message, f"shorten the probe's times, or {IN_A_CONFIG}"


def _some(texts: tuple[str, ...]) -> tuple[str, ...]:
    return (*texts[:SHOWN], "…") if len(texts) > SHOWN else texts


def why_it_fails(facts: ProbeFacts, path: str) -> str:
    """Return what may be why everything fails a check, "" when nothing is known to surprise.

    Args:
        facts: what the pods say now. A check that was made does not follow a probe that changes.
        path: what the live check asks.
    """
    asked = {one.partition(" ")[0] for one in facts.asked}
    if asked and path not in asked:
        probes = ", ".join(_some(facts.asked))
        return (
            f"the readiness probes of its pods ask {probes}, and a check does not follow probes: "
            f"answer 200 at {path}, or {IN_A_CONFIG}"
        )
    if path == "/":
        return (
            "every answer but 200 counts as unhealthy, redirects (3xx) and 4xx as well: answer 200 "
            f"at /, or {IN_A_CONFIG}"
        )
    return ""
