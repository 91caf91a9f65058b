"""The actual graph: the last lists, with our own reads and writes folded in.

Owned by the loop; nobody else writes it. A list begun before a write ended never overrides that
write; what a list or a read could not tell stays what it was, never becomes "is not there".
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from glbc.engine.hints import hints_of
from glbc.model import codec
from glbc.model.compute import (
    Address,
    BackendService,
    Endpoint,
    ForwardingRule,
    InstanceGroup,
    Spec,
)
from glbc.model.graph import Graph, Observed, Ownership, Resource
from glbc.model.keys import Kind, Ref, ResourceKey, Scope, refs_in
from glbc.model.kinds import GROUPS, MANAGED, POLICIES, ROWS
from glbc.model.views import Hints, Misfit
from glbc.plan.orphans import left_behind
from glbc.plan.planner import Action
from glbc.plan.simulate import done

Classify = Callable[[ResourceKey, Spec], Ownership]
Body = Mapping[str, Any]


class Inventory:
    """What is in the cloud, as far as we know. Not thread-safe: the loop owns it."""

    def __init__(self, projects: Mapping[str, str], classify: Classify) -> None:
        """Know nothing yet.

        Args:
            projects: of each managed kind.
            classify: tells whose a resource is.
        """
        self._projects = projects
        self.listed: set[str] = set()  # kinds that were listed at least once
        self._classify = classify
        self._there: dict[ResourceKey, Observed] = {}
        self._written: dict[ResourceKey, float] = {}  # when our last write of a key ended
        self._absent: dict[ResourceKey, float] = {}  # keys that a read did not find, and when
        self._late: dict[ResourceKey, float] = {}  # until when what was sent may still appear
        self._unread: set[ResourceKey] = set()  # keys whose state must be read before planning
        self._tags: dict[str, tuple[str, ...]] = {}
        self._misfits: dict[ResourceKey, tuple[float, bool]] = {}  # until when, is it missing?
        self._unfit: dict[tuple[ResourceKey, Endpoint], tuple[float, str]] = {}  # until when, why
        self._policies: dict[str, frozenset[str]] = {}  # kind -> the names of all that there are
        self._graph: Graph[Observed] | None = None

    def fold_list(self, kind: str, bodies: Sequence[Body], began: float) -> None:
        """Take over a complete list of one kind that was begun at `began` (seconds, monotonic)."""
        if kind == Kind.INSTANCE:
            self._tags = {b["name"]: tuple(b.get("tags", {}).get("items", ())) for b in bodies}
            return
        if kind in POLICIES:
            self._policies[kind] = frozenset(body["name"] for body in bodies)
            return
        seen = set()
        for body in bodies:
            key = codec.key_of(kind, body, self._projects[kind])
            seen.add(key)
            if self._written.get(key, -1.0) < began:
                self._put(key, body, began)
        for key in [k for k in self._there if k.kind == kind and k not in seen]:
            if self._written.get(key, -1.0) < began and self._there[key].read_at < began:
                self._drop(key)
        for key in [k for k, ended in self._written.items() if k.kind == kind and ended < began]:
            del self._written[key]
        self.listed.add(kind)
        self._graph = None

    def fold_read(self, key: ResourceKey, body: Body | None, began: float) -> None:
        """Take over a read of one key; None says that it does not exist.

        That is no last word while something that was sent may still appear.
        """
        self._unread.discard(key)
        if body is None:
            self._drop(key)
            if not self.may_still_come(key, began):
                self._absent[key] = began
        else:
            self._put(key, body, began)
            self._late.pop(key, None)
        self._graph = None

    def fold_done(self, action: Action, ended: float) -> None:
        """Fold in an action whose writes have all ended."""
        key = action.key
        self._unread.discard(key)
        self._written[key] = ended
        end = done(action, self._there.get(key))
        if end is None:
            self._drop(key)
        else:
            self._there[key] = msgspec.structs.replace(end, read_at=ended)
            self._absent.pop(key, None)
        self._graph = None

    def agreed(self, desired: Iterable[Resource]) -> None:
        """Take over what counts as set by us where what is there is as it is wanted."""
        for resource in desired:
            live = self._there.get(resource.key)
            if live is not None and live.set_by_us != resource.enforced.keys():
                enforced = frozenset(resource.enforced)
                self._there[resource.key] = msgspec.structs.replace(live, set_by_us=enforced)
                self._graph = None

    def leave_out(self, instance: ResourceKey, until: float, *, missing: bool) -> None:
        """Remember until when (seconds, monotonic) an instance is not tried again in its group."""
        self._misfits[instance] = (until, missing)

    def leave_endpoint_out(
        self, group: ResourceKey, endpoint: Endpoint, until: float, why: str
    ) -> None:
        """Remember until when (seconds, monotonic) an endpoint is not tried again in its group."""
        self._unfit[group, endpoint] = (until, why)

    def forget_misfits(self, now: float) -> None:
        """Let the instances and endpoints be tried again whose time has come."""
        self._misfits = {key: row for key, row in self._misfits.items() if row[0] > now}
        self._unfit = {key: row for key, row in self._unfit.items() if row[0] > now}

    def misfits_due(self) -> Iterator[float]:
        """Yield the moments (seconds, monotonic) at which one of them is tried again."""
        return (until for until, _ in (*self._misfits.values(), *self._unfit.values()))

    def foreign_groups(self, place: Scope) -> list[ResourceKey]:
        """Return somebody else's instance groups in a zone that a backend service uses."""
        used = {
            backend.group.to
            for live in self._there.values()
            if isinstance(live.spec, BackendService)
            for backend in live.spec.backends or ()
        }
        return sorted(
            key
            for key in used
            if key.kind == Kind.INSTANCE_GROUP
            and key.scope == place
            and (live := self._there.get(key)) is not None
            and live.ownership is not Ownership.OWNED
        )

    def shared_with(self, group: ResourceKey) -> list[ResourceKey]:
        """Return the instances that a group of ours in its zone has as well."""
        mine: set[ResourceKey] = set()
        for key in self.owned_groups():
            if key.scope == group.scope:
                mine |= self._there[key].refs
        live = self._there.get(group)
        return sorted(mine & live.refs) if live is not None else []

    def _misfit(self, instance: ResourceKey, *, missing: bool) -> Misfit:
        if missing:
            return Misfit(missing=True)
        for group in self.foreign_groups(instance.scope):
            spec = self._there[group].spec
            if isinstance(spec, InstanceGroup) and Ref(instance) in (spec.instances or ()):
                users = self.graph().referrers(group)
                return Misfit(missing=False, group=group, user=min(users, default=None))
        return Misfit(missing=False)

    def doubt(self, key: ResourceKey) -> None:
        """Remember that a write of `key` may or may not have happened: it must be read."""
        self._absent.pop(key, None)
        self._unread.add(key)
        self._graph = None

    def may_come(self, key: ResourceKey, until: float) -> None:
        """Remember that a CREATE of `key` was sent, and how it ends is not known: it may come late."""
        self._late[key] = until

    def may_still_come(self, key: ResourceKey, now: float) -> bool:
        """Tell whether a CREATE of `key` is not answered for and may still come to its end."""
        return now < self._late.get(key, now)

    def late_due(self) -> Iterator[float]:
        """Yield the moments (seconds, monotonic) from which what is not there will not come."""
        return iter(self._late.values())

    def forget_late(self, now: float) -> None:
        """Forget what would have come by now."""
        self._late = {key: until for key, until in self._late.items() if until > now}

    def expect(self, key: ResourceKey) -> None:
        """Forget that a read did not find `key`: a write of it is on its way."""
        self._absent.pop(key, None)

    def doubted(self) -> set[ResourceKey]:
        """Return the keys that must be read."""
        return set(self._unread)

    def is_confirmed_absent(self, key: ResourceKey) -> bool:
        """Tell whether a read has said that `key` does not exist, and nothing came since."""
        return key in self._absent and key not in self._there

    def forget_absent(self, asked: Container[ResourceKey]) -> None:
        """Forget what a read did not find, but for what somebody waits for to be gone."""
        self._absent = {key: at for key, at in self._absent.items() if key in asked}

    def reclassify(self) -> None:
        """Judge again whose everything is: the known front ends have changed."""
        for key, live in self._there.items():
            ownership = self._classify(key, live.spec)
            if ownership is not live.ownership:
                self._there[key] = msgspec.structs.replace(live, ownership=ownership)
                self._graph = None

    def get(self, key: ResourceKey) -> Observed | None:
        """Return what is known of `key`."""
        return self._there.get(key)

    def owned_groups(self, kind: str = Kind.INSTANCE_GROUP) -> list[ResourceKey]:
        """Return the groups of a kind that are ours: their members are worth a read."""
        return sorted(
            key
            for key, live in self._there.items()
            if key.kind == kind in GROUPS and live.ownership is Ownership.OWNED
        )

    def graph(self) -> Graph[Observed]:
        """Return the actual graph; the same object until something changes."""
        if self._graph is None:
            nodes = [
                msgspec.structs.replace(live, ownership=Ownership.UNREADABLE)
                if key in self._unread
                else live
                for key, live in self._there.items()
            ]
            nodes.extend(
                Observed(key=key, spec=Spec(), ownership=Ownership.UNREADABLE)
                for key in self._unread
                if key not in self._there
            )
            unreadable = [kind for kind in MANAGED if kind not in self.listed]
            self._graph = Graph(_with_addresses(nodes), unreadable)
        return self._graph

    def hints(self, refused: Iterable[ResourceKey], flying: Iterable[ResourceKey] = ()) -> Hints:
        """Return the little that translation may know of the cloud.

        A rule that is written just now, or in doubt, counts as there: its IP is not known yet.
        """
        unlisted = [kind for kind in MANAGED if kind not in self.listed]
        hints = hints_of(self._there.values(), refused, self._tags, unlisted)
        misfits = {
            key: self._misfit(key, missing=missing) for key, (_, missing) in self._misfits.items()
        }
        unknown = {key: "" for key in (*flying, *self._unread) if key.kind == Kind.FORWARDING_RULE}
        return msgspec.structs.replace(
            hints,
            policies=dict(self._policies),
            misfits=misfits,
            unfit={one: why for one, (_, why) in self._unfit.items()},
            left_behind=left_behind(self.graph()),
            rules={**unknown, **hints.rules},
        )

    def _put(self, key: ResourceKey, body: Body, began: float) -> None:
        old = self._there.get(key)
        if old is not None and old.read_at > began:
            return
        try:
            live = codec.observed(key, body, Ownership.FOREIGN, began)
        except msgspec.ValidationError:
            # Not as the API promises: it is there, and nothing may be built on it.
            spec = ROWS[Kind(key.kind)].spec()
            self._there[key] = Observed(key=key, spec=spec, ownership=Ownership.UNREADABLE)
            return
        members = ROWS[Kind(key.kind)].members
        if old is not None and members and codec.wire_name(key.kind, members) not in body:
            kept = {members: getattr(old.spec, members, UNSET)}
            spec = msgspec.structs.replace(live.spec, **kept)
            live = msgspec.structs.replace(live, spec=spec, refs=refs_in(spec))
        self._there[key] = msgspec.structs.replace(
            live,
            ownership=self._classify(key, live.spec),
            set_by_us=live.set_by_us | (old.set_by_us if old else frozenset()),
        )
        self._absent.pop(key, None)

    def _drop(self, key: ResourceKey) -> None:
        self._there.pop(key, None)


def _with_addresses(nodes: list[Observed]) -> list[Observed]:
    """Let each forwarding rule refer to the address that has its IP: the API writes the IP only."""
    by_ip = {node.spec.address: node.key for node in nodes if isinstance(node.spec, Address)}
    if not by_ip:
        return nodes
    return [
        msgspec.structs.replace(node, refs=node.refs | {by_ip[node.spec.ip_address]})
        if isinstance(node.spec, ForwardingRule) and node.spec.ip_address in by_ip
        else node
        for node in nodes
    ]
