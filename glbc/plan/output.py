"""What the commands print for programs: one struct per object of the JSON, each field with its words.

`docs/output.md` is made of this. Members are added, never changed and never taken away; text that is
for people (`hint`, `said`) may be worded anew at any time.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Kind = Annotated[str, Meta(description="REST collection of the API: `urlMaps`, …")]
Scope = Annotated[str, Meta(description="`global`, `regions/R` or `zones/Z`")]
Name = Annotated[str, Meta(description="name of the resource in the API")]
Reason = Annotated[str, Meta(description="code from `docs/reasons.md`")]
Hint = Annotated[str, Meta(description="what to do; may be empty")]
Text = Annotated[str, Meta(description="for people")]
Severity = Annotated[str, Meta(description="`note`, `warning` or `error`")]
Op = Annotated[str, Meta(description="`create`, `update` or `delete`")]
Verdict = Annotated[
    str,
    Meta(
        description="`right`, `to be created`, `differs`, `to be deleted`, `blocked`, `foreign`, "
        "`unreadable`, `kept` or `missing`"
    ),
]
Value = Annotated[Any, Meta(description="as the API writes it; null when not set")]


class Out(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of everything that is printed."""


def written(told: Out) -> str:
    """Return the text that is printed."""
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


def plain_of(told: Out) -> dict[str, Any]:
    """Return the same as a parser of JSON gives it."""
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told))
    return made


class ObjectOut(Out, frozen=True):
    """A Kubernetes object."""

    kind: Annotated[str, Meta(description="`Ingress`, `Service`, …")]
    namespace: Annotated[str, Meta(description="empty for cluster-wide kinds")]
    name: Annotated[str, Meta(description="of the object")]


class FindingOut(Out, frozen=True):
    """What is wrong with a field of an object."""

    object: ObjectOut
    reason: Reason
    field: Annotated[str, Meta(description="path inside the object; empty for all of it")]
    message: Text
    hint: Hint
    severity: Severity


class ResourceOut(Out, frozen=True):
    """Which resource of the cloud is meant."""

    kind: Kind
    scope: Scope
    name: Name


class ChangeOut(Out, frozen=True):
    """A field that changes."""

    field: Annotated[str, Meta(description="name in the API")]
    before: Value
    after: Value


class ActionOut(Out, frozen=True):
    """One step."""

    op: Op
    kind: Kind
    scope: Scope
    name: Name
    reason: Reason
    changes: Annotated[tuple[ChangeOut, ...], Meta(description="of an update")]
    wanted_by: Annotated[tuple[ObjectOut, ...], Meta(description="the objects that want it")]
    disruptive: Annotated[bool, Meta(description="is traffic interrupted?")]


class BlockedOut(Out, frozen=True):
    """A step that is due and cannot be done."""

    op: Op
    kind: Kind
    scope: Scope
    name: Name
    reason: Reason
    by: Annotated[str, Meta(description="what is in the way")]
    hint: Hint


class QuotaOut(Out, frozen=True):
    """A quota that the plan does not fit into, or of which it leaves less than a small reserve."""

    project: Annotated[str, Meta(description="of Google Cloud")]
    metric: Annotated[str, Meta(description="as `projects.get` names it: `URL_MAPS`, …")]
    usage: Annotated[int, Meta(description="resources that there are")]
    limit: Annotated[int, Meta(description="resources that there may be")]
    needs: Annotated[int, Meta(description="the most that the plan adds to them at any time")]
    fits: Annotated[bool, Meta(description="false: the plan cannot be carried out in full")]
    hint: Hint


class SummaryOut(Out, frozen=True):
    """How many."""

    create: Annotated[int, Meta(description="steps that create")]
    update: Annotated[int, Meta(description="steps that update")]
    delete: Annotated[int, Meta(description="steps that delete")]
    blocked: Annotated[int, Meta(description="steps that cannot be done")]


class PlanOut(Out, frozen=True):
    """`glbc plan -o json`."""

    waves: Annotated[
        tuple[tuple[ActionOut, ...], ...],
        Meta(description="steps of one wave may run at once; a wave follows on the one before it"),
    ]
    blocked: tuple[BlockedOut, ...]
    findings: tuple[FindingOut, ...]
    summary: SummaryOut
    quotas: tuple[QuotaOut, ...]
    quotas_unread: Annotated[
        str, Meta(description="projects whose quotas cannot be read, and why; for people")
    ]


class LinkOut(Out, frozen=True):
    """A reference of a resource."""

    field: Annotated[str, Meta(description="path in the API that holds it")]
    requests: Annotated[str, Meta(description="of a URL map: hosts and paths that go there")]
    to: ResourceOut


class NodeOut(Out, frozen=True):
    """A resource in the graph."""

    kind: Kind
    scope: Scope
    name: Name
    verdict: Verdict
    said: Text
    hint: Hint
    wanted_by: tuple[ObjectOut, ...]
    links: tuple[LinkOut, ...]


class GraphOut(Out, frozen=True):
    """`glbc graph -o json`."""

    nodes: Annotated[tuple[NodeOut, ...], Meta(description="sorted by kind, scope and name")]


class FieldOut(Out, frozen=True):
    """A field of a resource, and whose it is."""

    path: Annotated[str, Meta(description="as the API writes it, dotted")]
    standing: Annotated[str, Meta(description="`enforced`, `initial` or `somebody's`")]
    wanted: Value
    live: Value
    source: Annotated[str, Meta(description="who asks for it; empty if nobody does")]


class ExplainedOut(Out, frozen=True):
    """A resource of the Ingress."""

    kind: Kind
    scope: Scope
    name: Name
    verdict: Verdict
    state: Text
    hint: Hint
    links: tuple[LinkOut, ...]
    fields: Annotated[
        tuple[FieldOut, ...], Meta(description="none of what is used and not managed")
    ]


class ConditionOut(Out, frozen=True):
    """A condition of the Ingress as it was last published; see `docs/reasons.md`."""

    type: Annotated[str, Meta(description="`Programmed`, …")]
    status: Annotated[str, Meta(description="`True`, `False` or `Unknown`")]
    reason: Reason
    message: Text
    last_transition_time: Annotated[str, Meta(description="RFC 3339; when the status changed")]


class DoneOut(Out, frozen=True):
    """An action of the past, from the journal."""

    time: Annotated[str, Meta(description="RFC 3339, UTC; when it ended")]
    op: Op
    resource: Annotated[str, Meta(description="kind/name (place)")]
    reason: Reason
    result: Annotated[str, Meta(description="`done`, `failed` or `lost`")]
    seconds: Annotated[float, Meta(description="how long it took")]
    changes: Annotated[tuple[str, ...], Meta(description="of an update: a text for each field")]
    error: Annotated[str, Meta(description="the cloud's words; empty when done")]


class IngressOut(Out, frozen=True):
    """Which Ingress."""

    namespace: Annotated[str, Meta(description="of the Ingress")]
    name: Annotated[str, Meta(description="of the Ingress")]


class ExplanationOut(Out, frozen=True):
    """`glbc explain NAMESPACE/NAME -o json`."""

    ingress: IngressOut
    address: Annotated[str, Meta(description="as published; empty when there is none yet")]
    findings: tuple[FindingOut, ...]
    conditions: tuple[ConditionOut, ...]
    resources: tuple[ExplainedOut, ...]
    journal: Annotated[tuple[DoneOut, ...], Meta(description="the last actions, oldest first")]


class CertificateOut(Out, frozen=True):
    """A certificate of the proxy, in the proxy's order."""

    name: Name
    names: Annotated[tuple[str, ...], Meta(description="DNS names in it")]
    expires: Annotated[str, Meta(description="RFC 3339; empty when it cannot be read")]
    served: Annotated[bool, Meta(description="is it the one that this host gets?")]
    fits: Annotated[bool, Meta(description="is the host one of its names?")]


class MemberOut(Out, frozen=True):
    """An instance behind the backend service."""

    instance: Annotated[str, Meta(description="name")]
    zone: Annotated[str, Meta(description="name")]
    state: Annotated[str, Meta(description="as the cloud says it: `HEALTHY`, …")]


class ShadowedOut(Out, frozen=True):
    """A path that matches too, and loses."""

    path: Annotated[str, Meta(description="as the URL map has it")]
    backend: Annotated[str, Meta(description="name of its backend service")]


class AnswerOut(Out, frozen=True):
    """What one forwarding rule does with the request."""

    ingresses: tuple[ObjectOut, ...]
    address: Annotated[str, Meta(description="IP address; empty when it has none yet")]
    port: Annotated[int, Meta(description="TCP port")]
    live: Annotated[bool, Meta(description="is it there? else it is to be created")]
    rule: ResourceOut
    rule_verdict: Verdict
    certificates: tuple[CertificateOut, ...]
    url_map: Annotated[ResourceOut | None, Meta(description="null: none that glbc reads")]
    url_map_verdict: Annotated[str, Meta(description="as a verdict; empty without a URL map")]
    redirect: Annotated[str, Meta(description="the URL that it redirects to; empty if it does not")]
    host: Annotated[str, Meta(description="the host rule that wins; empty if none matches")]
    matcher: Annotated[str, Meta(description="the path matcher; empty if none decides")]
    path: Annotated[str, Meta(description="the path rule that wins; empty: a default does")]
    shadowed: tuple[ShadowedOut, ...]
    backend: Annotated[
        ResourceOut | None, Meta(description="null: it redirects, or none that glbc reads")
    ]
    backend_verdict: Annotated[str, Meta(description="as a verdict; empty without a backend")]
    service: Annotated[str, Meta(description="the Service behind it; empty when not known")]
    health: tuple[MemberOut, ...]
    health_problem: Annotated[str, Meta(description="why health is not known; else empty")]


class RequestOut(Out, frozen=True):
    """`glbc explain URL -o json`."""

    url: Annotated[str, Meta(description="as it was understood")]
    has_host: Annotated[bool, Meta(description="does any load balancer have a rule for the host?")]
    answers: tuple[AnswerOut, ...]


class PieceOut(Out, frozen=True):
    """One resource that nothing needs."""

    kind: Kind
    name: Name
    scope: Scope
    project: Annotated[str, Meta(description="of Google Cloud")]
    created: Annotated[
        str, Meta(description="RFC 3339, as the cloud writes it; empty when not known")
    ]
    whose: Annotated[
        str,
        Meta(description="`ingress shop/web` or `service shop/web`; empty when nothing tells"),
    ]
    why: Annotated[str, Meta(description="why nothing needs it, for people")]
    cost: Annotated[str, Meta(description="what it costs to keep, for people")]
    blocked_by: Annotated[str, Meta(description="what holds it; empty: it may be deleted")] = ""
    hint: Hint = ""


class FailedOut(Out, frozen=True):
    """A deletion that the cloud refused."""

    resource: Annotated[str, Meta(description="kind/name (place)")]
    error: Annotated[str, Meta(description="the cloud's words")]


class CollectedOut(Out, frozen=True):
    """What nothing needs, and what became of it."""

    garbage: Annotated[
        tuple[PieceOut, ...],
        Meta(description="with `--dry-run` all that there is, else what is left"),
    ]
    deleted: Annotated[int, Meta(description="how many went")]
    left: Annotated[int, Meta(description="how many there are in `garbage`")]
    failed: tuple[FailedOut, ...]
    note: Annotated[str, Meta(description="what was not looked at and why, for people")]
