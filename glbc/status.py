"""What is told to Kubernetes: fold plan, outcomes and findings into writes.

Nothing of what is published is ever read back to decide what the cloud should be.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum

from msgspec import UNSET

from glbc.conditions import Report
from glbc.config import Config
from glbc.model import compute
from glbc.model.calls import EventNote, IngressPatch, StatusPatch, Write
from glbc.model.compute import ForwardingRule, TargetHttpsProxy
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.model.kinds import ROWS
from glbc.model.record import orphan_of
from glbc.model.svcneg import KIND as RECORD
from glbc.model.svcneg import GroupRecord
from glbc.model.views import Ingress, Node, Service, Snapshot
from glbc.naming import FINALIZER_V1, FINALIZER_V2, Namer
from glbc.plan.planner import Action, Blocked, Op, Plan, Reason
from glbc.translate import annotations, firewall
from glbc.translate.desired import Desired, Served, needs_finalizer
from glbc.translate.leaving import leaves_it_behind, leaving_front
from glbc.translate.wishes import is_paused


class Told(StrEnum):
    """Events that neither a finding nor a blocked action is the reason of."""

    SYNC = "Sync"
    IP_CHANGED = "IPChanged"
    XPN = "XPN"
    POLICY_REMOVED = "SecurityPolicyRemoved"
    POLICY_RESTORED = "SecurityPolicyRestored"
    UNHEALTHY = "BackendUnhealthy"
    HEALTHY = "BackendHealthy"
    ORPHANED = "Orphaned"
    NOT_WRITTEN = "NotWritten"
    NEG_READY = "LoadBalancerNegReady"
    NEG_NOT_READY = "LoadBalancerNegNotReady"
    NEG_TIMEOUT = "LoadBalancerNegTimeout"
    NEG_WITHOUT_HEALTH_CHECK = "LoadBalancerNegWithoutHealthCheck"


TOLD: Mapping[Reason, str] = {
    # What a blocked action is called in an Event; the others are states on the way.
    Reason.REFUSED: "Refused",
    Reason.NAME_TAKEN: "NameTaken",
    Reason.NOT_OURS: "NotOurs",
    Reason.REFERENCE_MISSING: "ReferenceMissing",
    Reason.PAUSED: "Paused",
    Reason.PROTECTED: "Protected",
    Reason.DISRUPTIVE: "Disruptive",
    Reason.OVER_BUDGET: "OverBudget",
}
UNSEEN = frozenset({Reason.VIEW_INCOMPLETE, Reason.SUDDENLY_EMPTY})
SHARED_KINDS = frozenset(
    {
        Kind.BACKEND_SERVICE,
        Kind.HEALTH_CHECK,
        Kind.INSTANCE_GROUP,
        Kind.NETWORK_ENDPOINT_GROUP,
        Kind.FIREWALL,
        Kind.SSL_CERTIFICATE,
    }
)
CALLED: Mapping[str, str] = {
    # What upstream's events call a front end's parts.
    Kind.URL_MAP: "UrlMap",
    Kind.TARGET_HTTP_PROXY: "TargetProxy",
    Kind.TARGET_HTTPS_PROXY: "TargetProxy",
    Kind.FORWARDING_RULE: "ForwardingRule",
}
MAX_MESSAGE = 1000  # characters; the API server refuses events over 1024


def leaving_keys(
    ingress: Ingress, desired: Desired, namer: Namer, config: Config
) -> tuple[ResourceKey, ...]:
    """Return what must be gone, each confirmed by a read, before the Ingress may go.

    What another Ingress wants under the same name (v1 names are joined and cut) is not waited for.
    """
    keys = leaving_front(ingress, namer, config)
    return tuple(key for key in keys if key not in desired.graph and key not in desired.keep)


NO_REPORT = Report()


def writes(
    snapshot: Snapshot,
    desired: Desired,
    plan: Plan,
    actual: Graph[Observed],
    reports: Mapping[str, Report],
) -> Iterator[Write]:
    """Yield what has to be written for the Ingresses that are served and for all findings."""
    for name, served in desired.served.items():
        ingress = snapshot.ingresses.get(name)
        if ingress is not None:
            yield from _served(ingress, served, actual, reports.get(name, NO_REPORT))
    for finding in desired.findings:
        if note := _note_of(finding, snapshot):
            yield note
    for blocked in plan.blocked:
        if _is_shared_firewall(blocked, desired):
            yield from _firewall_notes(blocked, snapshot, desired, actual)
        elif blocked.reason in TOLD:
            for owner in blocked.wanted_by:
                yield from blocked_note(blocked, owner, snapshot)


def what_holds(
    snapshot: Snapshot,
    desired: Desired,
    plan: Plan,
    actual: Graph[Observed],
    *,
    namer: Namer,
    config: Config,
) -> Iterator[EventNote]:
    """Yield why an Ingress that goes is still there: what of it may not be deleted, or not yet."""
    due = {str(one.key) for one in plan.actions} | {str(one.key) for one in plan.blocked}
    held = [
        blocked
        for blocked in plan.blocked
        if blocked.op is Op.DELETE
        and (
            blocked.reason in TOLD.keys() | UNSEEN
            or (blocked.reason is Reason.IN_USE and blocked.by not in due)
        )
    ]
    for name in sorted(desired.leaving) if held else ():
        ingress = snapshot.ingresses[name]
        own = leaving_keys(ingress, desired, namer, config)
        told = [one for one in held if one.reason in UNSEEN and one.key in own][
            :1
        ]  # the same of all
        for blocked in told or held:
            shared = blocked.key.kind in SHARED_KINDS and not (
                _is_denied_firewall(blocked) or held_by_others(blocked.key, actual)
            )
            if shared or blocked.key in own:
                yield from blocked_note(blocked, ingress.ref, snapshot)


def _is_denied_firewall(verdict: Action | Blocked) -> bool:
    """Tell whether it is a firewall rule that we may not write: it holds no Ingress back."""
    return isinstance(verdict, Blocked) and verdict.denied and verdict.key.kind == Kind.FIREWALL


def _is_shared_firewall(blocked: Blocked, desired: Desired) -> bool:
    """Tell whether it is the rule of a shared VPC that only its project's admin may write."""
    own = {served.keys.url_map.project for served in desired.served.values()}
    return _is_denied_firewall(blocked) and blocked.key.project not in own


def _firewall_notes(
    blocked: Blocked, snapshot: Snapshot, desired: Desired, actual: Graph[Observed]
) -> Iterator[Write]:
    """Yield upstream's event for each Ingress, unless the network's rules do already."""
    wish = desired.graph.get(blocked.key)
    rule = wish.spec if wish else compute.Firewall()
    if not isinstance(rule, compute.Firewall):
        return
    rules = {
        live.key: live.spec
        for live in actual.of_kind(Kind.FIREWALL)
        if isinstance(live.spec, compute.Firewall)
    }
    if wish is not None and not firewall.gap_in(rules, rule):
        return
    words = firewall.command(blocked.op, blocked.key, rule)
    message = f"Firewall change required by security admin: `{words}`"
    for name in sorted({*desired.served, *desired.leaving}):
        ingress = snapshot.ingresses.get(name)
        quiet = ingress is None or annotations.flag(
            ingress.metadata, annotations.SUPPRESS_XPN, default=False
        )
        if ingress is not None and not quiet:
            yield from event_on(ingress.ref, "Normal", Told.XPN, message, snapshot)


def releases(  # noqa: PLR0913  # everything that may still hold an Ingress back
    snapshot: Snapshot,
    desired: Desired,
    plan: Plan,
    actual: Graph[Observed],
    *,
    flying: Collection[Action],
    gone: Callable[[ResourceKey], bool],
    namer: Namer,
    config: Config,
) -> Iterator[Write]:
    """Yield the removal of the finalizers of which nothing is left.

    Args:
        snapshot: the cluster.
        desired: what is wanted; says who is leaving.
        plan: the newest plan, after the guards.
        actual: the newest actual graph.
        flying: the actions in flight: what one of them makes may appear any moment.
        gone: tells whether a read has confirmed that a key does not exist.
        namer: makes the names of those who leave.
        config: the project.
    """
    doubted = any(live.ownership is Ownership.UNREADABLE for live in actual)
    if not desired.leaving or doubted or actual.unreadable - {Kind.FIREWALL}:
        return
    due: list[Action | Blocked] = [*plan.actions, *plan.blocked]
    just_left = {one.key.name for one in plan.blocked if one.reason is Reason.JUST_LEFT}
    shared_due = any(
        verdict.key.kind in SHARED_KINDS and not held_by_others(verdict.key, actual)
        for verdict in due
        if verdict.op is Op.DELETE
        and not _is_denied_firewall(verdict)
        and verdict.key.name not in just_left  # a living Ingress's: itself, and its health check
    )
    for name in sorted(desired.leaving):
        ingress = snapshot.ingresses[name]
        own = leaving_keys(ingress, desired, namer, config)
        if leaves_it_behind(ingress):
            if not _is_marked(leaving_front(ingress, namer, config), actual):
                continue
            stays = f"its load balancer stays and serves on; `glbc gc --ingress {name}` deletes it"
            yield from event_on(ingress.ref, "Normal", Told.ORPHANED, stays, snapshot)
        made = any(ingress.ref in action.wanted_by for action in flying)
        if made or shared_due or any(not _is_gone(key, actual, gone) for key in own):
            continue
        left = tuple(
            f for f in ingress.metadata.finalizers or () if f not in {FINALIZER_V1, FINALIZER_V2}
        )
        if ingress.metadata.deletion_timestamp is None:
            if ingress.address:
                yield StatusPatch(ingress=ingress.ref, addresses=())
            cleared: dict[str, None] = {
                key: None
                for key in annotations.WRITTEN
                if key in (ingress.metadata.annotations or {})
            }
        else:
            cleared = {}
        yield IngressPatch(
            ingress=ingress.ref,
            resource_version=ingress.metadata.resource_version,
            finalizers=left,
            annotations=cleared or None,
        )


def _is_marked(keys: Iterable[ResourceKey], actual: Graph[Observed]) -> bool:
    """Tell whether every URL map that there is of these says that it was left behind."""
    maps = (actual.get(key) for key in keys if key.kind == Kind.URL_MAP)
    return all(orphan_of(live.spec.description) for live in maps if live is not None)


def done_notes(action: Action, snapshot: Snapshot) -> Iterator[EventNote]:
    """Yield upstream's events for a front end's part that was created, changed or deleted."""
    yield from _policy_notes(action, snapshot)
    called = CALLED.get(action.key.kind)
    if called is None:
        return
    verb = {Op.CREATE: "created", Op.UPDATE: "updated", Op.DELETE: "deleted"}[action.op]
    for owner in action.wanted_by:
        yield from event_on(
            owner, "Normal", Told.SYNC, f'{called} "{action.key.name}" {verb}', snapshot
        )


def _policy_notes(action: Action, snapshot: Snapshot) -> Iterator[EventNote]:
    """Yield a warning where a security policy went, or was found gone: never in silence."""
    changed = {change.field: change for change in action.changes}
    change = changed.get("security_policy")
    if change is None or action.op is not Op.UPDATE:
        return
    backend = f"backend service {action.key.name}"
    if change.after is UNSET:
        policy = change.before.to.name
        reason = Told.POLICY_REMOVED
        message = f"{backend}: Cloud Armor policy {policy} was removed"
    elif change.before is UNSET and "description" not in changed:
        # Our record has told of it before: somebody took it away.
        policy = change.after.to.name
        reason = Told.POLICY_RESTORED
        message = f"{backend}: Cloud Armor policy {policy} was missing and is back"
    else:
        return
    for owner in action.wanted_by:
        yield from event_on(owner, "Warning", reason, message, snapshot)


def _served(
    ingress: Ingress, served: Served, actual: Graph[Observed], report: Report
) -> Iterator[Write]:
    meta = ingress.metadata
    finalizers: tuple[str, ...] | None = None
    if needs_finalizer(ingress, served) and not is_paused(ingress):
        finalizers = (*(meta.finalizers or ()), served.finalizer)
    have = meta.annotations or {}
    # One patch when the whole front end is there, not one for each part of it.
    wanted = _annotations(served, actual)
    changed = {k: v for k, v in wanted.items() if v != have.get(k)}
    if changed or report.alone or (finalizers is not None and report.early):
        changed |= {k: v for k, v in report.values.items() if v != have.get(k)}
    if finalizers is not None or changed:
        yield IngressPatch(
            ingress=ingress.ref,
            resource_version=meta.resource_version,
            finalizers=finalizers,
            annotations=changed or None,
        )
    if (address := _address(served, actual)) and address != ingress.address:
        yield StatusPatch(ingress=ingress.ref, addresses=(address,))
        yield EventNote(
            object=ingress.ref,
            uid=meta.uid,
            type="Normal",
            reason=Told.IP_CHANGED,
            message=f"IP is now {address}",
        )


def _annotations(served: Served, actual: Graph[Observed]) -> dict[str, str | None]:
    """Return upstream's annotations; None for what is not there. Nothing before there is a rule."""
    keys = served.keys
    http, https = keys.http_rule in actual, keys.https_rule in actual
    if not http and not https:
        return {}
    proxy = actual.get(keys.https_proxy)
    certificates = ""
    if proxy is not None and isinstance(proxy.spec, TargetHttpsProxy):
        listed = proxy.spec.ssl_certificates
        certificates = "" if listed is UNSET else ",".join(ref.to.name for ref in listed)
    redirect = keys.redirect_map if keys.redirect_map in actual else None
    address = actual.get(keys.address)
    reserved = address is not None and address.ownership is Ownership.OWNED
    return {
        annotations.URL_MAP: keys.url_map.name,
        annotations.TARGET_PROXY: keys.http_proxy.name if http else None,
        annotations.FORWARDING_RULE: keys.http_rule.name if http else None,
        annotations.HTTPS_TARGET_PROXY: keys.https_proxy.name if https else None,
        annotations.HTTPS_FORWARDING_RULE: keys.https_rule.name if https else None,
        annotations.REDIRECT_URL_MAP: redirect.name if redirect else None,
        annotations.SSL_CERT: (certificates or None) if https else None,
        annotations.MANAGED_ADDRESS: keys.address.name if reserved else None,
    }


def _address(served: Served, actual: Graph[Observed]) -> str:
    """Return the IP of the HTTP rule, else of the HTTPS rule, else ""."""
    for key in (served.keys.http_rule, served.keys.https_rule):
        live = actual.get(key)
        if live is not None and isinstance(live.spec, ForwardingRule):
            ip = live.spec.ip_address
            if ip is not UNSET and ip:
                return ip
    return ""


def _note_of(finding: Finding, snapshot: Snapshot) -> EventNote | None:
    kind = "Normal" if finding.severity is Severity.NOTE else "Warning"
    field = f"{finding.field}: " if finding.field else ""
    message = f"{field}{finding.message}: {finding.hint}"
    return next(event_on(finding.object, kind, finding.reason, message, snapshot), None)


def blocked_note(blocked: Blocked, owner: ObjectRef, snapshot: Snapshot) -> Iterator[EventNote]:
    """Yield why what is due for an object is not done, if the object is there."""
    message = f"cannot {blocked.op} {blocked.key}: {blocked.by}: {blocked.hint}"
    yield from event_on(
        owner, "Warning", TOLD.get(blocked.reason, blocked.reason), message, snapshot
    )


def event_on(
    owner: ObjectRef, kind: str, reason: str, message: str, snapshot: Snapshot
) -> Iterator[EventNote]:
    """Yield an Event on an object of the cluster, if it is there."""
    if uid := uid_of(owner, snapshot):
        yield EventNote(
            object=owner, uid=uid, type=kind, reason=reason, message=message[:MAX_MESSAGE]
        )


def uid_of(ref: ObjectRef, snapshot: Snapshot) -> str | None:
    """Return the uid of an object that glbc writes to, None if it is not there."""
    views: Mapping[str, Mapping[str, Ingress | Service | Node | GroupRecord]] = {
        "Ingress": snapshot.ingresses,
        "Service": snapshot.services,
        "Node": snapshot.nodes,
        RECORD: snapshot.group_records,
    }
    found = views.get(ref.kind, {}).get(f"{ref.namespace}/{ref.name}".removeprefix("/"))
    return found.metadata.uid if found else None


def _is_gone(
    key: ResourceKey, actual: Graph[Observed], gone: Callable[[ResourceKey], bool]
) -> bool:
    live = actual.get(key)
    if live is None:
        return gone(key)
    return live.ownership in {Ownership.FOREIGN, Ownership.ADOPTABLE}


def held_by_others(key: ResourceKey, actual: Graph[Observed]) -> bool:
    """Tell whether somebody else's resource uses `key`, directly or through others."""
    todo: list[ResourceKey] = [key]
    for kind in ROWS[Kind(key.kind)].outlives:
        todo.extend(one.key for one in actual.of_kind(kind) if one.ownership is Ownership.OWNED)
    seen: set[ResourceKey] = set()
    while todo:
        for user in _users(todo.pop(), actual, seen):
            if actual[user].ownership is not Ownership.OWNED:
                return True
            todo.append(user)
    return False


def _users(
    key: ResourceKey, actual: Graph[Observed], seen: set[ResourceKey]
) -> Iterable[ResourceKey]:
    fresh = [user for user in actual.referrers(key) if user not in seen]
    seen.update(fresh)
    return fresh
