"""What the engine needs of the world outside; the adapters implement it, the fakes' doors too."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from glbc.engine.jobs import Job, Outcome
from glbc.errors import ClusterError
from glbc.model.calls import Call, Write
from glbc.model.health import Member
from glbc.model.keys import ResourceKey
from glbc.model.quota import Quota
from glbc.model.views import Snapshot


class Cloud(Protocol):
    """Compute Engine. Every method blocks, may be called from any thread, and raises CloudError."""

    def list(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Return the bodies of all resources of `kind` that glbc may look at, all pages.

        Global kinds: the global collection. Groups and `instances`: every zone of the project; each body then carries its `zone`.
        """
        ...

    def under_way(self, project: str) -> Sequence[Mapping[str, Any]]:
        """Return the bodies of the operations of a project that are not done, of every scope."""
        ...

    def quotas(self, project: str) -> Sequence[Quota]:
        """Return the quotas of a project."""
        ...

    def get(self, key: ResourceKey) -> Mapping[str, Any]:
        """Return the body of `key`. Raises NotFound when it does not exist."""
        ...

    def members(self, group: ResourceKey) -> Sequence[str]:
        """Return the links of the instances of an instance group. Raises NotFound."""
        ...

    def endpoints(self, group: ResourceKey) -> Sequence[Mapping[str, Any]]:
        """Return the endpoints of a network endpoint group as the API writes them. Raises NotFound."""
        ...

    def health(self, service: ResourceKey, group: ResourceKey) -> Sequence[Member]:
        """Return the health of each member of a group behind a backend service; asks once.

        Raises:
            CloudError: NotFound, Rejected when the group is not (any more) behind it, and so on.
        """
        ...

    def call(self, call: Call) -> None:
        """Send one mutation and return when its operation is done.

        Raises:
            CloudError: refused at once, or failed as an operation; the class says what to do.
        """
        ...


class Cluster(Protocol):
    """Kubernetes."""

    def snapshot(self) -> Snapshot:
        """Return the newest frozen view of the cluster; never blocks on the network."""
        ...

    def want_credentials(self, names: Collection[str]) -> None:
        """Read these Secrets (`namespace/name`) by name; they come with a later snapshot."""
        ...

    def write(self, write: Write) -> None:
        """Carry out one write. Raises ClusterError."""
        ...


class Clock(Protocol):
    """Time, in seconds."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        ...

    def time(self) -> float:
        """Return seconds since 1970-01-01T00:00:00Z."""
        ...


class Fence(Protocol):
    """Whether this process may write: a deadline on its own clock that falls before another may lead."""

    def term(self) -> int:
        """Return the number of the term in which it leads now, 0 when it does not.

        A term is unbroken: what was planned in one is not carried out in another.
        """
        ...


class Workers(Protocol):
    """Runs jobs elsewhere; `drain` returns the outcomes that have come since."""

    def start(self, job: Job) -> None:
        """Run the job as soon as a worker is free."""
        ...

    def publish(self, write: Write) -> None:
        """Carry out a Kubernetes write, one after the other."""
        ...

    def drain(self) -> list[Outcome]:
        """Return the outcomes since the last call; never blocks."""
        ...

    def drain_writes(self) -> list[tuple[Write, ClusterError | None]]:
        """Return how the published writes ended; never blocks."""
        ...
