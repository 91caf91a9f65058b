"""How much is allowed: calls per minute, resources per project, things per resource.

Only what a source establishes is on by default; the rest is off (None) and can be set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fakes.gce.errors import ApiError

WINDOW = 60  # seconds; quotas refill on the minute, for everybody at once


@dataclass(slots=True)
class HardLimits:
    """How many things one resource may hold; None: no limit. Change freely."""

    certificates_per_proxy: int | None = 15  # classic certificates; not raisable
    backends_per_service: int | None = 50  # load-balancing quotas page
    endpoints_per_neg: int | None = 10_000  # load-balancing quotas page
    tests_per_url_map: int | None = 100  # load-balancing quotas page
    url_map_bytes: int | None = None  # 64 KiB classic, 1 MiB newer: depends on the scheme
    host_rules_per_url_map: int | None = None  # sources contradict each other
    path_matchers_per_url_map: int | None = None  # sources contradict each other
    path_rules_per_matcher: int | None = None  # sources contradict each other
    signed_url_keys: int | None = 3  # per backend service
    bypass_headers: int | None = 5  # backendServices.cdnPolicy.bypassCacheOnRequestHeaders
    custom_headers: int | None = 16  # of requests and of answers each, per backend service
    source_ranges_per_rule: int | None = 64  # forwardingRules.sourceIpRanges
    named_ports_per_group: int | None = None  # not established
    instances_per_group: int | None = None  # not established
    endpoints_per_call: int | None = 500  # what ingress-gce sends at most; more is not established


@dataclass(slots=True)
class RateLimits:
    """Calls per minute and verb class (`read`, `mutate`); an absent class is not limited."""

    per_minute: dict[str, int] = field(default_factory=dict)
    _window: int = -1
    _used: dict[str, int] = field(default_factory=dict)

    def take(self, verb_class: str, now: float) -> None:
        """Count one call.

        Raises:
            ApiError: the class has used up its minute.
        """
        limit = self.per_minute.get(verb_class)
        if limit is None:
            return
        window = int(now // WINDOW)
        if window != self._window:
            self._window, self._used = window, {}
        used = self._used.get(verb_class, 0)
        if used >= limit:
            group = "ReadGroup" if verb_class == "read" else "QueryGroup"
            raise ApiError(
                403,
                "rateLimitExceeded",
                f"Quota exceeded for quota group '{group}' and limit '{verb_class} requests "
                "per minute' of service 'compute.googleapis.com' for consumer.",
            )
        self._used[verb_class] = used + 1


@dataclass(slots=True)
class Latency:
    """How long an operation takes, in seconds.

    `by` is keyed `urlMaps.insert`, `urlMaps` or `*.insert`; the most specific row wins.
    """

    default: float = 0.02
    by: dict[str, float] = field(default_factory=dict)

    def of(self, kind: str, verb: str) -> float:
        """Return the latency of one kind and verb."""
        if self.by:
            for row in (f"{kind}.{verb}", kind, f"*.{verb}"):
                if row in self.by:
                    return self.by[row]
        return self.default

    def update(self, rows: Mapping[str, float]) -> None:
        """Set several rows; the row `default` is the default."""
        for row, seconds in rows.items():
            if row == "default":
                self.default = float(seconds)
            else:
                self.by[row] = float(seconds)
