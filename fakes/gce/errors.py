"""How Compute Engine says no.

Every refusal is an `ApiError`: HTTP code, reason and message, worded as Google words it where a
source was found. The same refusal can be told at once (the error envelope) or by a failed
operation (`error.errors[].code`, upper snake case).
"""

import re
from http import HTTPStatus
from typing import Final

from fakes.gce.wire import Json

# reasons whose operation code is not simply the reason in upper snake case
OPERATION_CODES: Final = {
    "alreadyExists": "RESOURCE_ALREADY_EXISTS",
    "notFound": "RESOURCE_NOT_FOUND",
    "invalid": "INVALID_FIELD_VALUE",
    "required": "REQUIRED_FIELD_MISSING",
    "backendError": "INTERNAL_ERROR",
    "forbidden": "PERMISSION_DENIED",
}


class ApiError(Exception):
    """A refusal, as the API would answer it."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        location: str = "",
        where: str = "",
        details: tuple[Json, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.location = location
        self.location_type = where
        self.details = details  # as an operation tells them

    def body(self) -> Json:
        """Return the error envelope of a synchronous answer."""
        error: Json = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location:
            error |= {"location": self.location, "locationType": self.location_type}
        return {"error": {"code": self.code, "message": self.message, "errors": [error]}}

    def in_operation(self) -> Json:
        """Return the fields of a DONE operation that failed for this reason."""
        return failed_operation(operation_code(self.reason), self.message, self.code, self.details)


def operation_code(reason: str) -> str:
    """Return the operation error code of a synchronous reason."""
    return OPERATION_CODES.get(reason) or re.sub(r"(?<!^)([A-Z])", r"_\1", reason).upper()


def failed_operation(code: str, message: str, http: int, details: tuple[Json, ...] = ()) -> Json:
    """Return the error fields of an operation that failed with `code`."""
    try:
        phrase = HTTPStatus(http).phrase.upper()
    except ValueError:
        phrase = "ERROR"
    error: Json = {"code": code, "message": message}
    if details:
        error["errorDetails"] = list(details)
    return {
        "error": {"errors": [error]},
        "httpErrorStatusCode": http,
        "httpErrorMessage": phrase,
    }


def invalid(field: str, value: object, why: str) -> ApiError:
    """A value that the API does not accept."""
    return ApiError(400, "invalid", f"Invalid value for field '{field}': '{value}'. {why}")


def required(field: str) -> ApiError:
    """A field that has to be there and is not."""
    return ApiError(400, "required", f"Required field '{field}' not specified")


def not_found(path: str) -> ApiError:
    """There is no such resource."""
    return ApiError(404, "notFound", f"The resource '{path}' was not found")


def already_exists(path: str) -> ApiError:
    """The name is taken."""
    return ApiError(409, "alreadyExists", f"The resource '{path}' already exists")


def forbidden(permission: str, path: str) -> ApiError:
    """The caller lacks a permission."""
    return ApiError(403, "forbidden", f"Required '{permission}' permission for '{path}'")


def not_ready(path: str) -> ApiError:
    """Somebody else's operation on the resource is still running."""
    return ApiError(400, "resourceNotReady", f"The resource '{path}' is not ready")


def in_use(noun: str, path: str, by: str) -> ApiError:
    """Somebody still refers to the resource."""
    return ApiError(
        400,
        "resourceInUseByAnotherResource",
        f"The {noun} resource '{path}' is already being used by '{by}'",
    )


def stale() -> ApiError:
    """The fingerprint sent is not the present one."""
    return ApiError(412, "conditionNotMet", "Invalid fingerprint.")


def stale_labels() -> ApiError:
    """The label fingerprint sent is not the present one."""
    return ApiError(
        412,
        "conditionNotMet",
        "Labels fingerprint either invalid or resource labels have changed",
        location="If-Match",
        where="header",
    )


def not_implemented(method: str) -> ApiError:
    """The fake knows the method from the discovery document only."""
    return ApiError(501, "notImplemented", f"The fake does not implement {method}.")


def over_quota(metric: str, limit: float) -> ApiError:
    """The project may not have more of this kind; an operation tells which quota in a field."""
    info = {
        "metricName": f"compute.googleapis.com/{metric.lower()}",
        "limitName": f"{metric.replace('_', '-')}-per-project",
        "dimensions": {"global": "global"},
        "limit": limit,
    }
    return ApiError(
        403,
        "quotaExceeded",
        f"Quota '{metric}' exceeded.  Limit: {limit:.1f} globally.",
        details=({"quotaInfo": info},),
    )
