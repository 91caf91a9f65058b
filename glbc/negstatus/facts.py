"""What there is of endpoint groups, and what is about to become of it: all that is told rests on this."""

from collections.abc import Mapping

import msgspec

from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.model.record import service_port_in
from glbc.model.views import Snapshot
from glbc.plan.planner import Blocked, Op, Plan
from glbc.status import TOLD, held_by_others
from glbc.translate.desired import Desired
from glbc.translate.pods import Group, Pods


class Facts(msgspec.Struct, frozen=True):
    """What there is of endpoint groups, and what is about to become of it."""

    snapshot: Snapshot
    pods: Pods
    actual: Graph[Observed]
    live: Mapping[tuple[str, str], Mapping[str, Observed]]  # Service, name -> zone -> group
    groups: Mapping[str, tuple[Group, ...]]  # Service -> those that are wanted
    refused: Mapping[ResourceKey, Blocked]  # for a reason that lasts
    changing: frozenset[ResourceKey]
    going: frozenset[ResourceKey]

    def there(self, group: Group) -> Mapping[str, Observed]:
        """Return the groups of that name that there are, by zone."""
        return self.live.get((name_of(group.service), group.name), {})

    def is_on_its_way(self, group: Group) -> bool:
        """Tell whether one is still to come, and nothing says that it cannot."""
        there = self.there(group)
        keys = self.pods.keys_of(group.name)
        return any(zone_of(key) not in there and key not in self.refused for key in keys)

    def lets_go(self, service: str, name: str) -> bool:
        """Tell whether the groups of that name are gone, go now, or wait for somebody else only."""
        live = self.live.get((service, name), {}).values()
        return all(one.key in self.going or held_by_others(one.key, self.actual) for one in live)


def facts_of(snapshot: Snapshot, desired: Desired, plan: Plan, actual: Graph[Observed]) -> Facts:
    """Return the facts of one turn."""
    live: dict[tuple[str, str], dict[str, Observed]] = {}
    for one in actual.of_kind(Kind.NETWORK_ENDPOINT_GROUP):
        if one.ownership in {Ownership.OWNED, Ownership.UNREADABLE}:
            service, _ = service_port_in(one.spec.description or "")
            live.setdefault((service, one.key.name), {})[zone_of(one.key)] = one
    groups: dict[str, tuple[Group, ...]] = {}
    for seated in desired.shared.pods.groups.values():
        where = name_of(seated.group.service)
        groups[where] = (*groups.get(where, ()), seated.group)
    of_ours = [one for one in plan.actions if one.key.kind == Kind.NETWORK_ENDPOINT_GROUP]
    return Facts(
        snapshot=snapshot,
        pods=desired.shared.pods,
        actual=actual,
        live=live,
        groups=groups,
        refused={one.key: one for one in plan.blocked if one.reason in TOLD},
        changing=frozenset(one.key for one in of_ours if one.op is not Op.DELETE),
        going=frozenset(one.key for one in of_ours if one.op is Op.DELETE),
    )


def name_of(service: ObjectRef) -> str:
    """Return `namespace/name`."""
    return f"{service.namespace}/{service.name}"


def zone_of(key: ResourceKey) -> str:
    """Return the zone of a group."""
    return key.scope.partition("/")[2]
