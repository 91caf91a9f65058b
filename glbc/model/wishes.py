"""What people have said of their Ingresses beside what these are to serve."""

import hashlib
from collections.abc import Mapping

import msgspec

from glbc.model.finding import ObjectRef
from glbc.model.keys import ResourceKey

CODE: int = 8  # hex digits of a code


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Who must not lose anything, who must not change at all, and what somebody agreed to."""

    front: Mapping[ResourceKey, ObjectRef] = {}  # part of a front end -> the Ingress named in it
    protected: frozenset[ObjectRef] = frozenset()
    paused: frozenset[ObjectRef] = frozenset()
    deleted: frozenset[ObjectRef] = frozenset()  # those that somebody was seen to delete
    leaving: frozenset[ObjectRef] = frozenset()  # these, and those of another class now
    published: frozenset[ObjectRef] = frozenset()  # those that have an address
    uids: Mapping[ObjectRef, str] = {}  # metadata.uid
    agreed: Mapping[ObjectRef, frozenset[str]] = {}  # codes that an annotation holds

    def code(self, ingress: ObjectRef, loss: str) -> str:
        """Return what agrees to one loss of one Ingress, and to no other."""
        said = f"{self.uids.get(ingress, '')} {loss}"
        return hashlib.sha256(said.encode()).hexdigest()[:CODE]

    def agrees(self, ingress: ObjectRef, loss: str) -> bool:
        """Tell whether somebody has agreed to the loss."""
        return self.code(ingress, loss) in self.agreed.get(ingress, frozenset())
