"""(Snapshot, Hints) to Desired: everything that anyone wants, as one graph.

A function of values: no clock, no I/O, and the order of the inputs does not matter. At the fixed
point hints change nothing.
"""

import traceback
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Graph, Resource
from glbc.model.keys import Kind, ResourceKey
from glbc.model.loadbalancer import FrontendNames
from glbc.model.views import Hints, Ingress, Snapshot
from glbc.naming import Namer, Scheme, finalizer_of, is_valid_name, scheme_of
from glbc.translate import firewall, lower, podless
from glbc.translate.classes import class_finding, is_ours
from glbc.translate.ingress import Reader, scheme_for
from glbc.translate.leaving import leaves_it_behind, leaving_front, marked
from glbc.translate.multicluster import is_multi_cluster
from glbc.translate.reading import Translated
from glbc.translate.reasons import AWAITED, Reason
from glbc.translate.shared import Shared, Sharing
from glbc.translate.tls import FOREVER

AGAIN_SEC: Final = 60.0  # when an Ingress is read again whose reading broke


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """An Ingress that is ours and wanted."""

    scheme: Scheme
    names: FrontendNames
    finalizer: str  # the one that it has or must get before anything is created for it
    keys: lower.FrontEndKeys
    programmed: bool  # is there a front end for it in the graph?


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """What the cluster wants of the cloud."""

    graph: Graph[Resource]
    keep: frozenset[ResourceKey] = frozenset()  # wanted as they are: nobody can say what they be
    findings: tuple[Finding, ...] = ()
    served: Mapping[str, Served] = {}  # `namespace/name` of the Ingresses that are ours
    leaving: frozenset[str] = frozenset()  # deleted or of another class, our finalizer still on
    consulted: frozenset[ResourceKey] = frozenset()  # URL maps whose live routes were asked for
    awaiting: frozenset[ResourceKey] = frozenset()  # checks that are not made before a first pod
    until: float = FOREVER  # seconds since 1970: when time alone may change it
    read: Mapping[str, Translated] = {}  # by Ingress: taken over by the next translation
    shared: Shared = Shared()  # of all Ingresses together: likewise

    def awaited(self) -> frozenset[Kind]:
        """Return the kinds of which something is named that is not there."""
        reasons = {finding.reason for finding in self.findings}
        return frozenset(kind for reason, kind in AWAITED.items() if reason in reasons)

    def credentials(self) -> frozenset[str]:
        """Return the Secrets that have to be read by name."""
        return frozenset(
            name for one in self.read.values() for name, *_ in one.looked_at.credentials
        )

    def seen(self, snapshot: Snapshot) -> frozenset[str]:
        """Return the kinds that are completely seen; not so a Secret that is named and not read yet."""
        if self.credentials() <= snapshot.credentials.keys():
            return snapshot.complete
        return snapshot.complete - {"Secret"}

    def hints_hold(self, old: Hints, new: Hints, now: float) -> bool:
        """Tell whether two hints are alike in all that this translation looked at."""
        return (
            now < self.until
            and (old.balancing, old.instance_tags) == (new.balancing, new.instance_tags)
            and (old.firewalls, old.misfits) == (new.firewalls, new.misfits)
            and self.shared.groups_hold(old.endpoint_groups, new.endpoint_groups)
            and old.unfit == new.unfit
            and (old.refused, old.checks) == (new.refused, new.checks)
            and (old.unlisted, old.left_behind) == (new.unlisted, new.left_behind)
            and all(one.hints_hold(new, now) for one in self.read.values())
            and all(old.url_maps.get(key) == new.url_maps.get(key) for key in self.consulted)
        )


class Claim(msgspec.Struct, frozen=True):
    """An Ingress that is ours, and the names that it asks for."""

    ingress: Ingress
    scheme: Scheme
    names: FrontendNames


def translate(
    snapshot: Snapshot,
    hints: Hints,
    namer: Namer,
    config: Config,
    before: Desired | None = None,
    *,
    now: float = 0.0,
) -> Desired:
    """Return what all Ingresses of the cluster want.

    Args:
        snapshot: the cluster.
        hints: the little to know of the cloud.
        namer: makes the names.
        config: the settings.
        before: an earlier translation with this namer and config: what it rests on and is still
            the same is not read again. The result is the same without it, only later.
        now: seconds since 1970, for what certificates say of their time.
    """
    before, settings = before or Desired(graph=Graph()), (namer, config)
    claims, leaving, findings = _sorted_out(snapshot, hints, settings, before)
    kept: set[ResourceKey] = set()  # of those that break, and of those that leave it behind
    marks: list[Resource] = []
    claimed = set(claims)  # names that no orphan has any more: somebody has come back, or goes
    for name in leaving:
        one = snapshot.ingresses[name]
        if not leaves_it_behind(one):
            claimed.add(name)
        else:
            parts = leaving_front(one, namer, config)
            kept.update(parts)
            marks.extend(marked(one, parts, hints))
    read: dict[str, Translated] = {}
    served: dict[str, Served] = {}
    again = FOREVER
    owners = _owners(claims)
    for name, claim in claims.items():
        if owners.get(claim.names.url_map) != name:
            other = next(owners[one] for one in _asked(claim.names) if one in owners)
            findings.append(_collision(claim, other))
            continue
        try:
            read[name] = _read(claim, before.read.get(name), (snapshot, hints, now), settings)
        except Exception as bug:  # noqa: BLE001  # one that trips it must not take all others down
            kept.update(lower.FrontEndKeys.of(claim.names, config).all())
            again = now + AGAIN_SEC
            findings.append(_internal_error(claim.ingress.ref, bug))
            continue
        if not is_valid_name(claim.names.url_map):
            continue  # no finalizer: what can never exist can never be confirmed gone
        known = before.served.get(name)
        keys = known.keys if known and known.names is claim.names else None
        served[name] = Served(
            scheme=claim.scheme,
            names=claim.names,
            finalizer=finalizer_of(claim.scheme),
            keys=keys or lower.FrontEndKeys.of(claim.names, config),
            programmed=read[name].balancer is not None,
        )
    orphans = [keys for name, keys in hints.left_behind.items() if name not in claimed]
    united = _united(read, (snapshot, hints, now), settings, before, orphans)
    if kept:
        kept |= {firewall.key(namer, config)} - set(united.graph.keys())
    return msgspec.structs.replace(
        united,
        graph=Graph((*united.graph, *marks)) if marks else united.graph,
        keep=united.keep | kept,
        until=min(united.until, again),
        findings=tuple(sorted({*united.findings, *findings})),
        served=served,
        leaving=leaving,
    )


def _sorted_out(
    snapshot: Snapshot, hints: Hints, settings: tuple[Namer, Config], before: Desired
) -> tuple[dict[str, Claim], frozenset[str], list[Finding]]:
    """Return which Ingresses are ours, with the names they ask for; which leave; and what is odd."""
    namer, config = settings
    findings: list[Finding] = []
    leaving: set[str] = set()
    claims: dict[str, Claim] = {}
    for name in sorted(snapshot.ingresses):
        ingress = snapshot.ingresses[name]
        deleted = ingress.metadata.deletion_timestamp is not None
        if not deleted and (odd := class_finding(ingress, snapshot, config)):
            findings.append(odd)
        if not deleted and is_ours(ingress, snapshot, config):
            scheme = scheme_for(ingress, namer, hints, config)
            names = _names(ingress, scheme, namer, before.served.get(name))
            claims[name] = Claim(ingress, scheme, names)
        elif scheme_of(ingress.metadata.finalizers or ()) and not is_multi_cluster(ingress):
            leaving.add(name)
    return claims, frozenset(leaving), findings


def _read(
    claim: Claim,
    old: Translated | None,
    world: tuple[Snapshot, Hints, float],
    settings: tuple[Namer, Config],
) -> Translated:
    """Return what an Ingress comes to: as it was, if all that this rests on is still the same."""
    (snapshot, hints, now), (namer, config) = world, settings
    same = old is not None and old.names == claim.names
    if old and same and old.still_holds(claim.ingress, snapshot, hints, now):
        return old
    reader = Reader(
        claim.ingress,
        claim.names,
        scheme=claim.scheme,
        namer=namer,
        config=config,
        hints=hints,
        now=now,
    )
    return reader.read(snapshot)


def _names(ingress: Ingress, scheme: Scheme, namer: Namer, known: Served | None) -> FrontendNames:
    if known is not None and known.scheme is scheme:
        return known.names
    return namer.frontend(scheme, ingress.metadata.namespace, ingress.metadata.name)


def _owners(claims: Mapping[str, Claim]) -> dict[str, str]:
    """Return who has each name: the oldest of those who ask for it.

    v1 names are joined and cut, each kind's at another place, so that `a-b/c` and `a/b-c` ask for
    the same, and two long names may share only some.
    """

    def age(name: str) -> tuple[str, str]:
        return claims[name].ingress.metadata.creation_timestamp or "", name

    owners: dict[str, str] = {}
    for name in sorted(claims, key=age):
        asked = _asked(claims[name].names)
        if not any(one in owners for one in asked):
            owners.update(dict.fromkeys(asked, name))
    return owners


def _asked(names: FrontendNames) -> list[str]:
    words = (names.url_map, names.http_proxy, names.https_proxy, names.http_rule, names.https_rule)
    return [word for word in (*words, names.redirect_map) if word]


def _collision(claim: Claim, owner: str) -> Finding:
    return Finding(
        claim.ingress.ref,
        Reason.NAME_COLLISION,
        "metadata.name",
        f"ingress {owner} has names of {claim.names.url_map} already, so this one is not served",
        "give it another name; names under the v1 scheme are joined by dashes and cut",
        Severity.ERROR,
    )


def _internal_error(ingress: ObjectRef, bug: Exception) -> Finding:
    """Say where the code broke; of the values there, which may be anybody's, nothing."""
    place = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{place.filename.rpartition('/glbc/')[2]}:{place.lineno}"
    return Finding(
        ingress,
        Reason.INTERNAL_ERROR,
        "",
        f"{type(bug).__name__} at {where}, a bug in glbc; what serves goes on as it is",
        "report it with this Ingress",
        Severity.ERROR,
    )


def _united(
    read: Mapping[str, Translated],
    world: tuple[Snapshot, Hints, float],
    settings: tuple[Namer, Config],
    before: Desired,
    orphans: Sequence[frozenset[ResourceKey]],
) -> Desired:
    (snapshot, hints, now), (namer, config) = world, settings
    kept = frozenset().union(*orphans)
    shared = Sharing(read, (snapshot, hints), settings, before.shared, kept).shared()
    awaiting = podless.awaiting(shared.probed, now)
    findings = [finding for one in read.values() for finding in one.findings]
    keep = set(shared.keep)
    firewall_key = firewall.key(namer, config)
    made_now = any(one.key == firewall_key for one in shared.resources)
    if config.firewall != "manage" or ((read or orphans) and not made_now):
        keep.add(firewall_key)
    front_ends = (resource for one in read.values() for resource in one.resources)
    return Desired(
        graph=Graph((*shared.resources, *front_ends)),
        until=min(
            (*(one.looked_at.until for one in read.values()), *awaiting.values()), default=FOREVER
        ),
        awaiting=frozenset(awaiting),
        read=read,
        shared=shared,
        keep=frozenset(keep),
        findings=(*findings, *shared.findings),
        consulted=frozenset(key for one in read.values() for key in one.consulted),
    )


def needs_finalizer(ingress: Ingress, served: Served) -> bool:
    """Tell whether the Ingress still lacks the finalizer that must be there before any CREATE."""
    return served.finalizer not in (ingress.metadata.finalizers or ())
