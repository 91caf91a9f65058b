"""What the loop asks of its workers, and what comes back: frozen values that cross threads."""

from collections.abc import Mapping
from typing import Any

import msgspec

from glbc.errors import CloudError
from glbc.model.compute import Endpoint
from glbc.model.graph import Observed
from glbc.model.health import Member
from glbc.model.keys import ResourceKey
from glbc.model.quota import Quota
from glbc.plan.planner import Action

Body = Mapping[str, Any]


class ReadJob(msgspec.Struct, frozen=True):
    """Read one resource."""

    key: ResourceKey


class ListJob(msgspec.Struct, frozen=True):
    """List one kind; of groups also the members of those that are ours."""

    kind: str
    groups: tuple[ResourceKey, ...] = ()


class ActionJob(msgspec.Struct, frozen=True):
    """Carry out one action on what was last seen."""

    action: Action
    live: Observed | None
    term: int = (
        1  # in which it was planned; it is carried out in no other; 1: of those who are alone
    )


class Probe(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """One group of one backend service: what one read of health is about."""

    service: ResourceKey
    group: ResourceKey


class HealthJob(msgspec.Struct, frozen=True):
    """Read the health of some groups, one after the other."""

    probes: tuple[Probe, ...]


class OperationsJob(msgspec.Struct, frozen=True):
    """List what is under way in a project."""

    project: str


class QuotaJob(msgspec.Struct, frozen=True):
    """Read the quotas of a project."""

    project: str


Job = ReadJob | ListJob | ActionJob | HealthJob | OperationsJob | QuotaJob


Seat = ResourceKey | tuple[ResourceKey, Endpoint]
"""Who may not fit into a group: an instance, or a group's endpoint."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended."""

    job: Job
    began: float  # seconds, monotonic
    ended: float
    error: CloudError | None = None
    read: Body | None = None  # of the key, where it was read
    was_read: bool = False  # was the key read? Then `read` None says that it is not there
    read_began: float = 0.0  # seconds, monotonic
    bodies: tuple[Body, ...] = ()  # of a ListJob, or of an OperationsJob
    writes: int = 0  # mutations that were sent
    misfits: tuple[tuple[Seat, CloudError], ...] = ()  # who cannot join a group
    health: tuple[tuple[Probe, str], ...] = ()  # of a HealthJob: a word for each that was asked
    quotas: tuple[Quota, ...] = ()  # of a QuotaJob
    members: Mapping[Probe, tuple[Member, ...]] = {}  # … and the answers that there are
