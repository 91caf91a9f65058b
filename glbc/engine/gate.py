"""A door before the cloud that can be shut for good: then nothing is written any more, whoever asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from glbc.engine.ports import Cloud
from glbc.errors import CloudError
from glbc.model.calls import Call
from glbc.model.health import Member
from glbc.model.keys import ResourceKey


class Gate:
    """A Cloud whose writes are refused once it is shut; reads pass. Any thread may shut it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._why = ""

    def shut(self, why: str) -> None:
        """Let no write start from now on."""
        self._why = why

    def list(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Return the bodies of a kind."""
        return self._cloud.list(kind)

    def get(self, key: ResourceKey) -> Mapping[str, Any]:
        """Return the body of `key`."""
        return self._cloud.get(key)

    def members(self, group: ResourceKey) -> Sequence[str]:
        """Return the members of an instance group."""
        return self._cloud.members(group)

    def health(self, service: ResourceKey, group: ResourceKey) -> Sequence[Member]:
        """Return the health of the members of a group behind a backend service."""
        return self._cloud.health(service, group)

    def call(self, call: Call) -> None:
        """Send one mutation. Raises CloudError, at once when the gate is shut."""
        if self._why:
            raise CloudError(f"{call.verb} {call.key}: not sent: {self._why}")
        self._cloud.call(call)
