"""Who holds which permissions, and what became of their calls.

A caller without a name is the owner, as every caller of this fake has always been; one that a world
was told a role of holds that role's permissions and no other. What was demanded and held is
remembered: a test can say that nothing is granted in vain.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fakes.gce.errors import ApiError, forbidden
from fakes.gce.wire import Json


class Iam:
    """The roles of callers, and what became of their calls. Owned by one World."""

    def __init__(self) -> None:
        self.roles: dict[str, frozenset[str]] = {}  # caller -> permissions
        self.used: Counter[str] = Counter()
        self.denied: list[str] = []  # what was refused, in words

    def grant(self, caller: str, permissions: Iterable[str]) -> None:
        """Let a caller hold these permissions from now on, and no others."""
        self.roles[caller] = frozenset(permissions)

    def held(self, caller: str, permissions: Iterable[str]) -> list[str]:
        """Return which of some permissions a caller holds."""
        role = self.roles.get(caller)
        return [one for one in permissions if role is None or one in role]

    def check(self, caller: str, demanded: Iterable[tuple[str, str]]) -> None:
        """Let a call pass that demands these permissions, each for a path.

        Raises:
            ApiError: 403, the caller lacks one; it is named.
        """
        role = self.roles.get(caller)
        if role is None:
            return
        for permission, path in demanded:
            if permission not in role:
                refusal = forbidden(permission, path)
                self.denied.append(refusal.message)
                raise refusal
            self.used[permission] += 1

    def report(self) -> Json:
        """Return the roles, how often each permission was used, and what was denied."""
        roles = {caller: sorted(role) for caller, role in sorted(self.roles.items())}
        return {"roles": roles, "used": dict(sorted(self.used.items())), "denied": self.denied}


def granted(told: Any) -> tuple[str, list[str]]:
    """Read whom a role is given, and the permissions in it.

    Raises:
        ApiError: it is no caller with a list of permissions.
    """
    caller, listed = told.get("caller"), told.get("permissions")
    texts = isinstance(listed, list) and all(isinstance(one, str) for one in listed)
    if not isinstance(caller, str) or not caller or not texts:
        raise ApiError(400, "invalid", "give {caller: who, permissions: [compute.urlMaps.get, …]}")
    return caller, listed
