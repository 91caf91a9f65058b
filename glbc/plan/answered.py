"""The answers to a request on a page: for people as text, for programs as `output.RequestOut`."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from glbc.model.health import HEALTHY
from glbc.model.keys import ResourceKey
from glbc.plan import output
from glbc.plan.answer import Answer, Request, Shown
from glbc.plan.chart import Verdict
from glbc.plan.drawn import object_out, resource_out

DAY_SEC: Final = 86400
LABEL: Final = 13  # columns of what stands before a value
MARK: Final = {True: "\x1b[32m{}\x1b[0m", False: "\x1b[31m{}\x1b[0m"}  # green, red
DNS: Final = "Whether the name leads there, only DNS can tell: it is not asked."


class Health(msgspec.Struct, frozen=True):
    """How the instances behind a backend service are."""

    members: tuple[output.MemberOut, ...] = ()
    problem: str = ""  # why it is not known


class Behind(msgspec.Struct, frozen=True):
    """What stands behind the backend services."""

    services: Mapping[ResourceKey, str]  # the Service and its port, in words
    health: Mapping[ResourceKey, Health]


def as_text(
    request: Request,
    answers: Sequence[Answer],
    behind: Behind,
    *,
    now: float,
    width: int = 80,
    colour: bool = False,
) -> str:
    """Return the answers for people.

    Args:
        request: what was asked for.
        answers: of the forwarding rules, see `answer.answers`.
        behind: what stands behind the backends.
        now: seconds since 1970, for what expires.
        width: columns that sentences are folded to.
        colour: mark states with ANSI colours.
    """
    lines = [request.url, *textwrap.wrap(_headline(request, answers), width)]
    for answer in answers:
        where = f"{answer.address or 'no address yet'}, port {request.port}"
        users = ", ".join(map(str, answer.users)) or "no Ingress"
        lines += ["", f"{where} ({users})"]
        for label, value in _rows(request, answer, behind, now, colour=colour):
            lines.append(f"  {label:{LABEL}}{value}".rstrip())
    return "\n".join(lines) + "\n"


def _headline(request: Request, answers: Sequence[Answer]) -> str:
    if not answers:
        return (
            f"No load balancer of this cluster listens for {request.scheme} at port {request.port}, "
            "and none is planned: see `glbc graph` for what there is."
        )
    count = len(answers)
    many = f"{count} load balancers have" if count > 1 else "One load balancer has"
    if answers[0].has_host:
        return f"{many} the host {request.host}. {DNS}"
    return (
        f"No load balancer has the host {request.host}. A request that reaches one all the same gets "
        "its default backend:"
    )


def _rows(
    request: Request, answer: Answer, behind: Behind, now: float, *, colour: bool
) -> Iterator[tuple[str, str]]:
    there = "" if answer.live else "  (not there yet)"
    yield "rule", f"{answer.rule}{_unless_right(answer.verdict)}{there}"
    if request.scheme == "https":
        yield from _certificate_rows(answer.certificates, now, colour=colour)
    if answer.url_map:
        yield "URL map", f"{answer.url_map}{_unless_right(answer.map_verdict)}"
    if answer.redirect:
        yield "redirect", f"to {answer.redirect}"
        return
    routed = answer.routed
    yield "host rule", routed.host or "none: the map's default"
    if routed.matcher:
        yield "matcher", routed.matcher
        yield "path rule", routed.path or "none: the matcher's default"
    for label, one in zip(_first("shadows"), routed.shadowed, strict=False):
        yield label, f"{one.path} -> {one.service or 'nothing that is read'}"
    if routed.service is None:
        yield "backend", "none that glbc reads"
        return
    yield "backend", f"{routed.service}{_unless_right(answer.backend_verdict)}"
    yield "service", behind.services.get(routed.service, "not known: no Ingress names it now")
    yield from _health_rows(behind.health.get(routed.service, Health()), colour=colour)


def _certificate_rows(
    certificates: Iterable[Shown], now: float, *, colour: bool
) -> Iterator[tuple[str, str]]:
    shown = list(certificates)
    if not shown:
        yield "certificate", "none"
    for one in shown:
        if not one.served:
            continue
        yield "certificate", str(one.key)
        if one.facts.expires is None:
            yield "", "names and expiry are not known: the cloud does not show them"
            continue
        yield "", f"for {', '.join(one.facts.names) or 'no name'}"
        yield "", _expiry(one.facts.expires, now, colour=colour)
        if not one.fits:
            told = "none has the host, so the first is shown: browsers refuse it"
            yield "", _marked(told, good=False, colour=colour)
    if others := len(shown) - 1:
        yield "", f"{others} more at this address, for other names"


def _expiry(ends: float, now: float, *, colour: bool) -> str:
    day = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d")
    days = int((ends - now) // DAY_SEC)
    if days < 0:
        return _marked(f"expired on {day}", good=False, colour=colour)
    return f"expires {day}, in {days} days"


def _health_rows(health: Health, *, colour: bool) -> Iterator[tuple[str, str]]:
    labels = _first("health")
    if health.problem:
        yield next(labels), health.problem
    elif not health.members:
        yield next(labels), "no instance is behind it"
    widest = max((len(member.instance) for member in health.members), default=0)
    for member in health.members:
        state = _marked(member.state, good=member.state == HEALTHY, colour=colour)
        yield next(labels), f"{member.instance:{widest}}  {state}  {member.zone}"


def _first(label: str) -> Iterator[str]:
    """Yield a label once, then nothing."""
    yield label
    while True:
        yield ""


def _unless_right(verdict: Verdict | None) -> str:
    return "" if verdict in {None, Verdict.RIGHT} else f"  {verdict}"


def _marked(text: str, *, good: bool, colour: bool) -> str:
    return MARK[good].format(text) if colour else text


# JSON ---------------------------------------------------------------------------------------------


def as_output(request: Request, answers: Iterable[Answer], behind: Behind) -> output.RequestOut:
    """Return the answers for programs."""
    told = tuple(_answer_out(request, answer, behind) for answer in answers)
    return output.RequestOut(
        url=request.url, has_host=any(answer.has_host for answer in answers), answers=told
    )


def _answer_out(request: Request, answer: Answer, behind: Behind) -> output.AnswerOut:
    routed, backend = answer.routed, answer.routed.service
    health = behind.health.get(backend, Health()) if backend else Health()
    return output.AnswerOut(
        ingresses=tuple(object_out(user) for user in answer.users),
        address=answer.address,
        port=request.port,
        live=answer.live,
        rule=resource_out(answer.rule),
        rule_verdict=answer.verdict or "",
        certificates=tuple(_certificate_out(one) for one in answer.certificates),
        url_map=resource_out(answer.url_map) if answer.url_map else None,
        url_map_verdict=answer.map_verdict or "",
        redirect=answer.redirect,
        host=routed.host,
        matcher=routed.matcher,
        path=routed.path,
        shadowed=tuple(
            output.ShadowedOut(path=one.path, backend=one.service.name if one.service else "")
            for one in routed.shadowed
        ),
        backend=resource_out(backend) if backend else None,
        backend_verdict=answer.backend_verdict or "",
        service=behind.services.get(backend, "") if backend else "",
        health=health.members,
        health_problem=health.problem,
    )


def _certificate_out(one: Shown) -> output.CertificateOut:
    expires = one.facts.expires
    when = "" if expires is None else f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return output.CertificateOut(
        name=one.key.name,
        names=one.facts.names,
        expires=when,
        served=one.served,
        fits=one.fits,
    )
