"""The state of one project: what rules, verbs and reads work on.

A `Cloud` holds values and answers simple questions about them; it decides nothing. `world.World`
is the cloud with its doors.
"""

import base64
import hashlib
import ipaddress
import itertools
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fakes.clock import Clock
from fakes.gce.discovery import Method
from fakes.gce.faults import Faults
from fakes.gce.iam import Iam
from fakes.gce.limits import HardLimits, Latency, RateLimits
from fakes.gce.links import GLOBAL, ROOT, Key, Link, parse
from fakes.gce.operations import Operations
from fakes.gce.store import Entry, State, Store
from fakes.gce.wire import Json

CALLS_KEPT: Final = 100_000
EXTERNAL_POOL: Final = "34.64.0.0/10"
SMALLEST_POOL: Final = 8  # addresses; the first two and the last two are never given
SPREAD: Final = 0x9E3779B97F4A7C15  # scatters counters over 64 bits


@dataclass(frozen=True, slots=True)
class Call:
    """One routed and validated call."""

    method: Method
    query: dict[str, str]
    key: Key  # name "" where the method has none
    body: Json
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """One call as the log remembers it."""

    seq: int
    method: str  # method id, "" if nothing matched the path
    path: str
    name: str
    request_id: str
    status: int  # 0: the answer was lost

    def __deepcopy__(self, memo: dict[int, Any]) -> "Logged":
        return self

    def as_json(self) -> Json:
        """Return it as `/_fake/calls` shows it."""
        return {
            "seq": self.seq,
            "method": self.method,
            "path": self.path,
            "name": self.name,
            "requestId": self.request_id,
            "status": self.status,
        }


class Probed(NamedTuple):
    """One endpoint as one backend service sees it; names, and empty where any is meant."""

    service: str = ""
    group: str = ""
    instance: str = ""
    ip: str = ""
    port: int = 0


@dataclass(slots=True)
class Health:
    """What getHealth reports; the row with the most that matches wins."""

    default: str = "HEALTHY"
    warmup: float = 0.0  # seconds for which what was just attached is UNHEALTHY
    rows: dict[Probed, str] = field(default_factory=dict)

    def set(self, state: str, **meant: Any) -> None:
        """Report `state` for what is meant by the fields of `Probed`; by none: for everything."""
        row = Probed(**meant)
        if row == Probed():
            self.default = state
            self.rows.clear()
        else:
            self.rows[row] = state

    def of(self, endpoint: Probed) -> str:
        """Return what to report for one endpoint."""
        if self.rows:
            choices = zip(endpoint, Probed(), strict=True)
            for row in itertools.product(*choices):
                if row in self.rows:
                    return self.rows[Probed(*row)]
        return self.default


@dataclass(slots=True)
class Journal:
    """The log of calls, bounded, and their counts, exact."""

    calls: deque[Logged] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    counts: Counter[str] = field(default_factory=Counter)
    seq: int = 0

    def note(self, method: str, path: str, name: str, request_id: str, status: int) -> None:
        """Remember one call."""
        self.seq += 1
        self.calls.append(Logged(self.seq, method, path, name, request_id, status))
        self.counts[method] += 1

    def since(self, seq: int) -> list[Logged]:
        """Return the calls behind `seq`, oldest first."""
        recent = list(itertools.takewhile(lambda call: call.seq > seq, reversed(self.calls)))
        return recent[::-1]


def external_pool(cidr: str) -> ipaddress.IPv4Network:
    """Read the range out of which external addresses are given.

    Raises:
        ValueError: no IPv4 range, or one too small to give anything.
    """
    pool = ipaddress.IPv4Network(cidr)
    if pool.num_addresses < SMALLEST_POOL:
        raise ValueError(f"addresses {cidr}: too small: use a /29 or larger")
    return pool


class Cloud:
    """Everything one fake project knows and is set to."""

    def __init__(
        self, project: str, number: int, clock: Clock, addresses: str = EXTERNAL_POOL
    ) -> None:
        self.project = project
        self.number = number
        self.clock = clock
        self.lock = threading.RLock()  # held by whoever reads or changes the rest
        self.store = Store()
        self.operations = Operations()
        self.faults = Faults()
        self.limits = HardLimits()
        self.rates = RateLimits()
        self.latency = Latency()
        self.quotas: dict[str, int] = {}  # kind -> how many may exist
        self.late_failures: tuple[str, ...] = ()  # method globs whose refusals come by operation
        self.iam = Iam()
        self.health = Health()
        self.journal = Journal()
        self._pool = external_pool(addresses)
        self._serial = 0
        self._given: Counter[Key] = Counter()

    @property
    def addresses(self) -> str:
        """Return the range out of which external addresses are given."""
        return str(self._pool)

    @addresses.setter
    def addresses(self, cidr: str) -> None:
        self._pool = external_pool(cidr)

    @property
    def root(self) -> str:
        """Return what every full URL of the project starts with."""
        return f"{ROOT}projects/{self.project}/"

    def url(self, key: Key) -> str:
        """Return the selfLink of a resource."""
        return self.root + key.tail

    def path(self, key: Key) -> str:
        """Return how messages name a resource."""
        return f"projects/{self.project}/{key.tail}"

    def is_ours(self, project: str) -> bool:
        """Say whether a project name, number or nothing at all means this project."""
        return project in ("", self.project, str(self.number))

    def link(self, text: str) -> Link | None:
        """Read a reference; the project is `""` if it is this one."""
        link = parse(text)
        if link is not None and link.project and self.is_ours(link.project):
            return Link("", link.key)
        return link

    def find(self, key: Key) -> Entry | None:
        """Return the entry of a key whose name may also be a numeric id."""
        entry = self.store.get(key)
        if entry is None and key.name.isdigit():
            named = self.store.by_id.get(key.name)
            if named is not None and (named.kind, named.scope) == (key.kind, key.scope):
                return self.store.get(named)
        return entry

    def referred(self, text: str) -> Entry | None:
        """Return the entry that a reference of a stored body points to."""
        link = self.link(text)
        return self.store.get(link.key) if link is not None and not link.project else None

    def newest(self, text: str) -> State:
        """Return the version of a referenced resource that will stand (empty if none)."""
        entry = self.referred(text)
        return entry.newest if entry is not None else State({})

    def serial(self) -> int:
        """Return the next number of the world's only counter."""
        self._serial += 1
        return self._serial

    def new_id(self) -> str:
        """Return a numeric id as the API writes it."""
        return str(10**18 + self.serial() * 7_919_000_003)

    def new_fingerprint(self) -> str:
        """Return a fingerprint never seen before."""
        scattered = self.serial() * SPREAD % 2**64
        return base64.b64encode(scattered.to_bytes(8, "big")).decode()

    def new_ip(self, key: Key, subnetwork: str | None) -> str:
        """Return a free address for a resource: external, or of a subnetwork.

        It follows from the resource's name and from how many it was given before, so it does
        not depend on the order of calls, and a rule made again gets another one.
        """
        pool = self._pool
        if subnetwork is not None:
            cidr = self.newest(subnetwork).body.get("ipCidrRange", "10.0.0.0/8")
            pool = ipaddress.IPv4Network(cidr, strict=False)
        self._given[key] += 1
        seed = hashlib.sha256(f"{key.tail} {self._given[key]}".encode()).digest()
        start = int.from_bytes(seed[:8], "big")
        usable = max(pool.num_addresses - 4, 1)
        taken = self._instance_ips() if subnetwork is not None else set()
        for step in range(usable):
            ip = str(pool[(start + step) % usable + 2])
            if ip not in taken and not any(self.store.at_ip(ip)):
                return ip
        return str(pool[2])

    def _instance_ips(self) -> set[str]:
        return {
            nic.get("networkIP")
            for (kind, _), rows in self.store.by_scope.items()
            if kind == "instances"
            for entry in rows.values()
            for nic in entry.newest.body.get("networkInterfaces", ())
        }

    def zones(self) -> list[str]:
        """Return the names of the zones."""
        return sorted(self.store.within("zones", ""))

    def regions(self) -> list[str]:
        """Return the names of the regions."""
        return sorted(self.store.within("regions", ""))

    def all_scopes(self) -> list[str]:
        """Return every scope there is, in the order of aggregated lists."""
        return [
            GLOBAL,
            *(f"regions/{name}" for name in self.regions()),
            *(f"zones/{name}" for name in self.zones()),
        ]
