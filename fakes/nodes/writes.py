"""What the controllers decide: writes as values, so that deciding and doing stay apart."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fakes.nodes.api import ApiError
from fakes.nodes.cluster import Cluster
from fakes.nodes.kinds import POD, Kind, Obj, going

FINALIZER: Final = "fakes.glbc/serving"  # holds a Pod until its connections have ended


@dataclass(frozen=True)
class Create:
    """Make an object."""

    kind: Kind
    obj: Obj

    async def do(self, cluster: Cluster) -> None:
        """Make it."""
        await cluster.create(self.kind, self.obj)


@dataclass(frozen=True)
class Patch:
    """Change an object."""

    kind: Kind
    obj: Obj
    body: Obj
    sub: str = ""  # subresource

    async def do(self, cluster: Cluster) -> None:
        """Change it."""
        await cluster.patch(self.kind, self.obj, self.body, sub=self.sub)


@dataclass(frozen=True)
class Delete:
    """Delete an object."""

    kind: Kind
    obj: Obj

    async def do(self, cluster: Cluster) -> None:
        """Delete it."""
        await cluster.delete(self.kind, self.obj)


@dataclass(frozen=True)
class Finish:
    """Let the object of a Pod go whose containers have ended, if it is being deleted."""

    pod: Obj

    async def do(self, cluster: Cluster) -> bool:
        """End its grace, then take our finalizer; return whether there was anything to do."""
        meta = self.pod["metadata"]
        try:
            if not going(self.pod) or meta.get("deletionGracePeriodSeconds"):
                await cluster.delete(POD, self.pod, grace=0)
            elif FINALIZER in (meta.get("finalizers") or ()):
                removed = {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}
                await cluster.patch(POD, self.pod, {"metadata": removed})
            else:
                return False
        except ApiError as error:
            if error.status != 404:
                raise
            cluster[POD].drop(self.pod)
        return True


Write = Create | Patch | Delete | Finish


def now() -> str:
    """Return the time as the API spells it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def differs(obj: Obj, part: str, wanted: Obj) -> bool:
    """Tell whether a part of an object lacks any of the fields that are wanted."""
    have = obj.get(part) or {}
    return any(have.get(name) != value for name, value in wanted.items())
