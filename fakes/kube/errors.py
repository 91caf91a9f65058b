"""The API server's refusals, worded as the real one words them.

Clients decide by `code` and `reason`, people read `message`, kubectl prints `details.causes`:
all of them live in one Status object, and every refusal of the fake is made here.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

Obj = dict[str, Any]

# type -> (reason of the cause, words before the value, whether the value is shown)
CAUSES = {
    "Required": ("FieldValueRequired", "Required value", False),
    "Invalid": ("FieldValueInvalid", "Invalid value", True),
    "NotSupported": ("FieldValueNotSupported", "Unsupported value", True),
    "Forbidden": ("FieldValueForbidden", "Forbidden", False),
    "Duplicate": ("FieldValueDuplicate", "Duplicate value", True),
    "TooLong": ("FieldValueTooLong", "Too long", False),
    "TypeInvalid": ("FieldValueTypeInvalid", "Invalid value", True),
}


class Verbatim(str):
    """A value that is printed as it stands, because Go prints it in a way of its own."""

    __slots__ = ()


class Cause(NamedTuple):
    """One field that is wrong: where, how, and the value that was found there."""

    field: str
    type: str
    detail: str = ""
    value: Any = None

    @property
    def message(self) -> str:
        """Return `Invalid value: "x": must be …`, as field.Error prints it."""
        _, words, shown = CAUSES[self.type]
        parts = [f"{words}: {quoted(self.value)}" if shown else words]
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)

    def body(self) -> Obj:
        """Return the cause as it stands in a Status."""
        return {"reason": CAUSES[self.type][0], "message": self.message, "field": self.field}


def quoted(value: Any) -> str:
    """Return a value as Go prints it in a field error."""
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "[]string{" + ", ".join(json.dumps(one) for one in value) + "}"
    if value is None:
        return "null"
    return json.dumps(value)


class ApiError(Exception):
    """A refusal: an HTTP code and the Status that goes with it."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Obj | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers or {}

    def status(self) -> Obj:
        """Return the Status object."""
        status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def joined(name: str, group: str) -> str:
    """Return `ingresses.networking.k8s.io`, or just the name for the core group."""
    return f"{name}.{group}" if group else name


def _details(name: str, group: str, kind: str) -> Obj:
    return {
        key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value
    }


def bad_request(message: str) -> ApiError:
    """Return a 400."""
    return ApiError(400, "BadRequest", message)


def not_found(plural: str, group: str, name: str) -> ApiError:
    """Return the 404 of an object."""
    return ApiError(
        404,
        "NotFound",
        f'{joined(plural, group)} "{name}" not found',
        _details(name, group, plural),
    )


def no_such_path() -> ApiError:
    """Return the 404 of a URL that nothing serves."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(plural: str, group: str, name: str) -> ApiError:
    """Return the 409 of a create."""
    return ApiError(
        409,
        "AlreadyExists",
        f'{joined(plural, group)} "{name}" already exists',
        _details(name, group, plural),
    )


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def conflict(plural: str, group: str, name: str, why: str = MODIFIED) -> ApiError:
    """Return the 409 of an update."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {joined(plural, group)} "{name}": {why}',
        _details(name, group, plural),
    )


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """Return the 422 that lists every wrong field."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = _details(name, group, kind) | {"causes": [cause.body() for cause in causes]}
    return ApiError(422, "Invalid", f'{joined(kind, group)} "{name}" is invalid: {text}', details)


def forbidden(
    plural: str, group: str, name: str, why: str, causes: list[Obj] | None = None
) -> ApiError:
    """Return a 403."""
    details = _details(name, group, plural) | ({"causes": causes} if causes else {})
    what = f'{joined(plural, group)} "{name}"' if name else joined(plural, group)
    return ApiError(403, "Forbidden", f"{what} is forbidden: {why}", details)


def unauthorized() -> ApiError:
    """Return the 401 of a token that is nobody's."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def not_allowed() -> ApiError:
    """Return a 405."""
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
    )


def unsupported(message: str) -> ApiError:
    """Return a 415."""
    return ApiError(415, "UnsupportedMediaType", message, {})


def expired(asked: int | str, oldest: int) -> ApiError:
    """Return the 410 of a resourceVersion that has been compacted away."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def expired_continue() -> ApiError:
    """Return the 410 of a continue token whose snapshot has been compacted away."""
    return ApiError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. "
        "You must start a new list without the continue parameter.",
    )
