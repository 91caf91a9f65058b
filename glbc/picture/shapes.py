"""What the live picture is made of, and what it is made from: frozen values that cross threads."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from glbc.conditions import Condition
from glbc.model.graph import Graph, Observed
from glbc.model.keys import ResourceKey
from glbc.model.views import Snapshot
from glbc.plan.planner import Action, Plan
from glbc.translate.desired import Desired


class State(StrEnum):
    """How one resource stands."""

    RIGHT = "right"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    IN_FLIGHT = "in flight"
    WAITING = "waiting"  # held back for a moment, or by another resource
    PARKED = "parked"  # the cloud refused it
    BLOCKED = "blocked"  # something is in the way
    FOREIGN = "foreign"  # somebody else's


class Standing(StrEnum):
    """How one Ingress stands, the worst first."""

    PROBLEM = "problem"  # something of it is parked or blocked, or a backend fails
    FINDING = "finding"  # part of it cannot be served as it is written
    WORKING = "working"
    LEAVING = "leaving"
    RIGHT = "right"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """All that the picture is made of; replaced as a whole at each turn."""

    at: float  # seconds since 1970: when the turn was taken
    listed: float | None  # seconds since 1970: all of the cloud was listed since then; None: never
    snapshot: Snapshot
    desired: Desired
    actual: Graph[Observed]
    plan: Plan
    flying: tuple[Action, ...]
    health: Mapping[ResourceKey, str]  # of each backend service that was asked for


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One resource."""

    kind: str
    name: str
    place: str  # zone or region; "" is global
    state: State
    op: str  # create, update, delete; "" where nothing is due
    reason: str  # CamelCase; "" where nothing is due
    text: str  # what is in the way, or which fields change
    hint: str  # what to do
    fact: str  # the one thing that people want to know of it
    uses: tuple[str, ...]  # ids of the nodes that it refers to


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One finding."""

    object: str
    severity: str
    reason: str
    field: str
    message: str
    hint: str


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """One Ingress."""

    namespace: str
    name: str
    class_name: str  # "" where none is named
    address: str  # "" while there is none
    standing: Standing
    leaving: bool  # it is deleted, or of another class now
    conditions: tuple[Condition, ...]
    findings: tuple[Told, ...]
    chain: tuple[str, ...]  # ids of its nodes, in the order of the traffic
    groups: tuple[str, ...]  # ids of the instance groups that its backends use


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows; members are added, never changed."""

    at: float  # seconds since 1970; 0 before the first look at cluster and cloud is complete
    listed: float | None = None  # seconds since 1970, of the last complete list of the cloud
    ingresses: tuple[Drawn, ...] = ()  # the worst first
    nodes: Mapping[str, Node] = {}
    shared: tuple[str, ...] = ()  # ids of instance groups and the firewall rule
    leaving: tuple[str, ...] = ()  # ids of what goes and is in no chain
    flying: tuple[str, ...] = ()  # ids of what is being written
    parked: tuple[str, ...] = ()  # ids of what the cloud refused
    totals: Mapping[str, int] = {}  # nodes by state
    standings: Mapping[str, int] = {}  # Ingresses by standing
