"""Priority and fairness, as far as a caller feels it: who asks too often is told to wait, with 429 and Retry-After.

The real server counts requests that it works on at once; here each is answered at once, so what is counted
is requests a second, per user. As there, administrators are exempt, and so are the Leases of kube-system.
"""

from typing import Final

import msgspec

from fakes.clock import Clock
from fakes.kube.bodies import Target
from fakes.kube.errors import ApiError
from fakes.kube.rbac import ADMIN

_AFTER: Final = 1  # seconds that the real server names
_ELECTION: Final = ("system:serviceaccount:kube-system:", "leases.coordination.k8s.io")


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How often one user may ask."""

    per_second: float = 0.0  # requests of resources; 0: any number
    burst: int = 1  # at once, after a rest


class Fairness:
    """Owned by one World and used under its lock."""

    def __init__(self, clock: Clock) -> None:
        self.limit = Limit()
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # user -> requests left, and when

    def admit(self, user: str, target: Target) -> None:
        """Let a request pass, or raise 429."""
        account, leases = _ELECTION
        elects = user.startswith(account) and target.kind.resource == leases
        if not self.limit.per_second or user == ADMIN or elects:
            return
        now = self._clock.monotonic()
        left, at = self._left.get(user, (float(self.limit.burst), now))
        left = min(float(self.limit.burst), left + (now - at) * self.limit.per_second)
        self._left[user] = (left - 1.0 if left >= 1.0 else left, now)
        if left < 1.0:
            raise ApiError(
                429,
                "TooManyRequests",
                "too many requests, please try again later.",
                {"retryAfterSeconds": _AFTER},
                {"retry-after": str(_AFTER)},
            )
