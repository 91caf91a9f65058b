"""What Compute Engine's and Kubernetes' errors mean to us.

One table, most specific row first; nothing here looks at message text, which servers reword at
will. An answer that matches no row keeps the meaning of its HTTP class.
"""

from typing import Final


class GlbcError(Exception):
    """Anything glbc says about itself; `str()` is one line for a person."""


class CloudError(GlbcError):
    """Compute Engine refused or failed a call.

    `reason` is its reason code, `status` its HTTP code, `quota` the quota that is exceeded, where it names one.
    """

    def __init__(self, message: str, *, reason: str = "", status: int = 0, quota: str = "") -> None:
        super().__init__(message)
        self.quota = quota
        self.reason = reason
        self.status = status


class Transient(CloudError):
    """Try again, slower."""


class RateLimited(Transient):
    """Slow this class of calls down, then try again."""


class NotReady(Transient):
    """Something is being made or changed: wait for it, then try again."""


class NotFound(CloudError):
    """The resource does not exist."""


class AlreadyExists(CloudError):
    """The name is taken: read what is there."""


class InUse(CloudError):
    """Somebody still refers to it: plan again."""


class Stale(CloudError):
    """It changed under us: read it again."""


class QuotaExceeded(CloudError):
    """Wait long, and say so on the Ingress."""


class Denied(CloudError):
    """A permission or credential is missing: park, and say which."""


class Rejected(CloudError):
    """The request itself is refused: park until the input changes."""


class ClusterError(GlbcError):
    """The Kubernetes API refused or failed a call."""

    def __init__(self, message: str, *, status: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after  # seconds; 0 when the server named none


class NotLeading(CloudError, ClusterError):
    """Another process may lead: nothing was sent. No answer of anybody, and no fault of the action."""


ANY: Final = ""

MEANING: Final[tuple[tuple[int, str, type[CloudError]], ...]] = (
    # HTTP  reason or operation code            class            what the engine does
    (403, "rateLimitExceeded", RateLimited),  # slow this class of calls down, try again
    (403, "userRateLimitExceeded", RateLimited),
    (403, "quotaExceeded", QuotaExceeded),  # wait long, say so on the Ingress
    (0, "QUOTA_EXCEEDED", QuotaExceeded),
    (0, "RESOURCE_QUOTA_EXCEEDED", QuotaExceeded),
    (0, "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", RateLimited),
    (0, "RATE_LIMIT_EXCEEDED", RateLimited),
    (401, ANY, Denied),
    (403, ANY, Denied),  # park, name the permission that is missing
    (400, "resourceInUseByAnotherResource", InUse),  # somebody still refers to it: plan again
    (0, "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", InUse),
    (400, "resourceNotReady", NotReady),
    (0, "RESOURCE_NOT_READY", NotReady),
    (400, "memberAlreadyExists", Stale),  # the group is not what we took it for
    (0, "MEMBER_ALREADY_EXISTS", Stale),
    (400, "memberNotFound", Stale),
    (0, "MEMBER_NOT_FOUND", Stale),
    (404, ANY, NotFound),
    (0, "RESOURCE_NOT_FOUND", NotFound),
    (409, "alreadyExists", AlreadyExists),
    (0, "RESOURCE_ALREADY_EXISTS", AlreadyExists),
    (409, "operationInProgress", NotReady),
    (409, ANY, AlreadyExists),
    (412, ANY, Stale),  # it changed under us: read it again
    (0, "CONDITION_NOT_MET", Stale),
    (408, ANY, Transient),
    (429, ANY, RateLimited),
    (413, ANY, Rejected),
    (400, ANY, Rejected),  # park until the input changes
)


def meaning(status: int, reason: str) -> type[CloudError]:
    """Return the class of an error answer.

    Args:
        status: the HTTP status, of the answer or of the failed operation; 0 when not told.
        reason: the envelope's `reason`, or the operation's error `code`.
    """
    for row_status, row_reason, cls in MEANING:
        status_fits = row_status in (0, status) if row_reason else row_status == status
        if status_fits and row_reason in (ANY, reason):
            return cls
    return Transient if status == 0 or status >= 500 else Rejected
