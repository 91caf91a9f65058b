"""`glbc gc`: a table of what nothing needs any more, and its deletion.

With a cluster, what its Ingresses want is wanted, as always. With the cluster gone, nothing is
wanted of what proves to have been its. Same planner, same guards, same executor.
"""

import re
import sys
from collections.abc import Callable, Iterable
from typing import Final, TextIO

import msgspec

from glbc.commands.look import survey
from glbc.commands.wants import Gone, Living, Refusals, Wants
from glbc.config import Config
from glbc.engine.clock import SystemClock
from glbc.engine.inventory import Inventory
from glbc.engine.jobs import Outcome
from glbc.engine.sweep import sweep
from glbc.errors import GlbcError
from glbc.model.compute import Spec
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.naming import Scheme
from glbc.ops import logs
from glbc.ownership import GRAMMAR, ownership_of
from glbc.plan.garbage import as_text, only_deletes, pieces
from glbc.plan.orphans import left_behind
from glbc.plan.output import CollectedOut, FailedOut, PieceOut, written
from glbc.plan.planner import Action, Plan
from glbc.translate.firewall import projects_of
from glbc.translate.lower import FrontEndKeys

NOTHING_LEFT, SOMETHING_LEFT = 0, 2
OF_ONE: Final = frozenset(
    # What may be of one Ingress alone; instance groups and the firewall rule are everybody's.
    {
        Kind.FORWARDING_RULE,
        Kind.TARGET_HTTP_PROXY,
        Kind.TARGET_HTTPS_PROXY,
        Kind.URL_MAP,
        Kind.BACKEND_SERVICE,
        Kind.HEALTH_CHECK,
        Kind.NETWORK_ENDPOINT_GROUP,
        Kind.SSL_CERTIFICATE,
        Kind.ADDRESS,
    }
)
V2_FRONT: Final = re.compile(r"k8s2-(?:um|rm|tp|ts|fr|fs)-([a-z0-9]{8})-.*")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be collected, and how."""

    dry_run: bool = False
    yes: bool = False  # nobody is asked
    as_json: bool = False
    adopt: bool = False  # also what has our name and somebody else's description
    ingress: str = ""  # namespace/name: only what was this one's
    cluster_is_gone: bool = False
    kube_system_uid: str = ""  # of a cluster that is gone


def main(config: Config, request: Request, out: TextIO, ask: Callable[[str], bool]) -> int:
    """Print what nothing needs, delete it if that is agreed to, and say what is left.

    Args:
        config: the settings.
        request: what is to be collected.
        out: where it is printed.
        ask: asks a person a question that is answered by yes or no.

    Returns:
        0 when nothing is left, 2 when something is, or would be deleted.

    Raises:
        GlbcError: the request is wrong, or the cluster or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    _check(config, request)
    wants: Wants = (
        Gone(config, request.kube_system_uid, request.ingress)
        if request.cluster_is_gone
        else Living(config, request.ingress)
    )
    try:
        return _collect(config, request, wants, out, ask)
    finally:
        wants.close()


def _collect(
    config: Config, request: Request, wants: Wants, out: TextIO, ask: Callable[[str], bool]
) -> int:
    names = _names_of(request.ingress, wants, config)
    inventory = Inventory(projects_of(config), _classify(wants, names, adopt=request.adopt))
    survey(inventory, wants.runner)
    within = _within(request.ingress, names, inventory.graph(), config)

    def planned(refused: Refusals) -> Plan:
        return only_deletes(wants.planned(inventory, refused), within)

    def found(refused: Refusals) -> tuple[PieceOut, ...]:
        return pieces(planned(refused), inventory.graph(), wants.reason_of)

    rows = found({})
    note = _unproved(inventory.graph(), request) + _left_behind(inventory.graph(), request)
    free = [row for row in rows if not row.blocked_by]
    if not request.as_json:
        out.write(_table(rows, note))
    if request.dry_run or not free:
        if request.as_json:
            out.write(written(_collected(rows, Progress(out, 0, quiet=True), note)))
        return SOMETHING_LEFT if rows else NOTHING_LEFT
    if not request.yes and not ask(f"Delete {_counted(len(free))}?"):
        out.write("Nothing was deleted.\n")
        return SOMETHING_LEFT
    wants.take()
    survey(inventory, wants.runner)  # whoever was asked may have taken a while
    progress = Progress(out, len(free), quiet=request.as_json)
    sweep(planned, inventory, wants.runner, wants.fence, config.cloud.workers, progress.tell)
    rows = found({})
    if request.as_json:
        out.write(written(_collected(rows, progress, note)))
    else:
        out.write(_summary(rows, progress))
    return SOMETHING_LEFT if rows else NOTHING_LEFT


class Progress:
    """Tells each deletion as it ends."""

    def __init__(self, out: TextIO, of: int, *, quiet: bool) -> None:
        self._out, self._of, self._quiet = out, of, quiet
        self.deleted = 0
        self.failed: dict[str, str] = {}

    def tell(self, outcome: Outcome, action: Action) -> None:
        """Count one, and print it."""
        if outcome.error is None:
            self.deleted += 1
            line = f"deleted {action.key}  ({self.deleted} of {self._of})"
        else:
            self.failed[str(action.key)] = str(outcome.error)
            line = f"failed  {action.key}: {outcome.error}"
        if not self._quiet:
            self._out.write(f"{line}\n")
            self._out.flush()


def _check(config: Config, request: Request) -> None:
    """Refuse a request that contradicts itself. Raises GlbcError."""
    if request.ingress.count("/") != (1 if request.ingress else 0):
        raise GlbcError(f"--ingress {request.ingress}: is no Ingress: write namespace/name")
    if request.cluster_is_gone and not config.cluster_uid:
        raise GlbcError(
            "--cluster-is-gone: nobody says which cluster it was: give --cluster-uid, the end of "
            "its resources' names"
        )
    if request.kube_system_uid and not request.cluster_is_gone:
        raise GlbcError(
            "--kube-system-uid: is read from the cluster: give it with --cluster-is-gone"
        )
    if not request.yes and not request.dry_run and not sys.stdin.isatty():
        raise GlbcError("gc: nobody can be asked here: give --yes to delete, or --dry-run to look")


def _names_of(ingress: str, wants: Wants, config: Config) -> frozenset[ResourceKey]:
    """Return all that may bear the name of an Ingress, under either scheme."""
    if not ingress:
        return frozenset()
    namespace, _, name = ingress.partition("/")
    if wants.has(ingress):
        raise GlbcError(f"--ingress {ingress}: exists: `glbc run` collects what it needs no more")
    made = (wants.namer.frontend(scheme, namespace, name) for scheme in Scheme)
    return frozenset(key for names in made for key in FrontEndKeys.of(names, config).all())


def _classify(
    wants: Wants, names: Iterable[ResourceKey], *, adopt: bool
) -> Callable[[ResourceKey, Spec], Ownership]:
    known = wants.names() | {key.name for key in names}

    def classify(key: ResourceKey, spec: Spec) -> Ownership:
        found = ownership_of(key, spec, wants.namer, known)
        return Ownership.OWNED if adopt and found is Ownership.ADOPTABLE else found

    return classify


def _within(
    ingress: str, names: Iterable[ResourceKey], actual: Graph[Observed], config: Config
) -> Callable[[ResourceKey], bool]:
    """Return the test for what may go: everything, or what only this Ingress's front end leads to."""
    if not ingress:
        return lambda _: True
    own: set[ResourceKey] = set()
    todo = [key for key in names if key.project == config.project]
    while todo:
        key = todo.pop()
        if key in own or key.kind not in OF_ONE:
            continue
        own.add(key)
        live = actual.get(key)
        todo.extend(live.refs if live else ())
    shared = {key for key in own if not set(actual.referrers(key)) <= own}
    while more := {k for k in own - shared if set(actual.referrers(k)) & shared}:
        shared |= more
    return lambda key: key in own - shared


def _unproved(actual: Graph[Observed], request: Request) -> str:
    """Say what cannot be proved to be the gone cluster's for want of its kube-system uid."""
    if not request.cluster_is_gone or request.kube_system_uid:
        return ""
    ours = {live.key for live in actual if live.ownership is Ownership.OWNED}
    marks = sorted(
        {
            found[1]
            for live in actual.of_kind(Kind.URL_MAP)
            if (found := V2_FRONT.fullmatch(live.key.name)) and live.refs & ours
        }
    )
    front_ends = (
        f"Front ends named k8s2-…-{' and '.join(marks)}-… use them. That they were this cluster's is\n"
        "proved by --kube-system-uid (metadata.uid of its namespace kube-system); without it they\n"
        "stay, and so does what they use.\n"
    )
    return (front_ends if marks else "") + _unproved_groups(actual)


def _unproved_groups(actual: Graph[Observed]) -> str:
    """Say whose endpoint groups there are: their descriptions hold the uid that nobody gave."""
    words = GRAMMAR[Kind.NETWORK_ENDPOINT_GROUP]
    groups = actual.of_kind(Kind.NETWORK_ENDPOINT_GROUP)
    found = (words.fullmatch(one.spec.description or "") for one in groups)
    uids = sorted({match["cluster"] for match in found if match})
    if not uids:
        return ""
    return (
        f"There are network endpoint groups of {' and '.join(uids)}.\n"
        "If that is this cluster, give it as --kube-system-uid; without it they stay.\n"
    )


def _left_behind(actual: Graph[Observed], request: Request) -> str:
    """Say what was left behind on purpose, and so is not collected."""
    return "".join(
        f"Ingress {name} left its load balancer behind on purpose: --ingress {name} collects it.\n"
        for name in sorted(left_behind(actual))
        if not request.ingress
    )


def _table(rows: tuple[PieceOut, ...], note: str) -> str:
    if not rows:
        return f"Nothing to collect.\n{note}"
    held = sum(bool(row.blocked_by) for row in rows)
    kept = f", {held} of it kept" if held else ""
    head = f"Nothing needs {_counted(len(rows))}{kept}:\n"
    return f"{head}{as_text(rows, SystemClock().time())}{note}"


def _summary(rows: tuple[PieceOut, ...], progress: Progress) -> str:
    if not rows:
        return f"Deleted {_counted(progress.deleted)}; nothing is left.\n"
    head = f"Deleted {_counted(progress.deleted)}; {len(rows)} left:\n"
    return head + as_text(rows, SystemClock().time())


def _counted(number: int) -> str:
    return f"{number} resource{'' if number == 1 else 's'}"


def _collected(rows: tuple[PieceOut, ...], progress: Progress, note: str) -> CollectedOut:
    failed = (FailedOut(resource=key, error=words) for key, words in progress.failed.items())
    return CollectedOut(
        garbage=rows,
        deleted=progress.deleted,
        left=len(rows),
        failed=tuple(failed),
        note=" ".join(note.split()),
    )
