"""What an answer of Compute Engine says went wrong, as an error of ours.

The class comes from `glbc.errors.MEANING` by status and reason, never from message text. A refusal
arrives at once (the error envelope) or late (an operation that is done and failed); both read alike.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from glbc.errors import ANY, CloudError, meaning

QUOTA: Final = (
    # where a detail of a refusal says which quota it is: the path in it
    ("quotaInfo", "metricName"),  # Operation.error.errors[].errorDetails[]: QuotaExceededInfo
    ("errorInfo", "metadatas", "quota_metric"),  # the same: ErrorInfo
    ("metadata", "quota_metric"),  # google.rpc.ErrorInfo in an error envelope
    ("metricName",),  # QuotaExceededInfo in an error envelope
)


def one_line(text: object) -> str:
    """Return `text` without line breaks and runs of spaces."""
    return " ".join(str(text).split())


def cloud_error(
    what: str, status: int, reasons: Iterable[str], message: str, details: Iterable[Any] = ()
) -> CloudError:
    """Return the error for an answer.

    Args:
        what: the call, `<method> <key>`.
        status: the HTTP status; 0 when the answer does not tell.
        reasons: all reason codes that the answer carries, best first. The first one that says more
            than the status does decides.
        message: the server's words, for people.
        details: what the answer says beside its reasons and words.
    """
    reasons = [reason for reason in reasons if reason] or [ANY]
    plain = meaning(status, ANY)
    reason = next((r for r in reasons if meaning(status, r) is not plain), reasons[0])
    text = one_line(f"{what}: {message or reason or f'HTTP status {status}'}")
    quota = _quota_in(details)
    return meaning(status, reason)(text, reason=reason, status=status, quota=quota)


def _quota_in(details: Iterable[Any]) -> str:
    """Return which quota the details name, "" if they do not."""
    for detail in details:
        for path in QUOTA:
            value: Any = detail
            for step in path:
                value = value.get(step) if isinstance(value, Mapping) else None
            if isinstance(value, str) and value:
                return one_line(value)
    return ""


def refused(
    what: str, status: int, errors: Iterable[Any], details: Iterable[Any], message: str
) -> CloudError:
    """Return the error for an error envelope.

    Args:
        what: the call, `<method> <key>`.
        status: the HTTP status.
        errors: the envelope's `errors`, each with `reason` and `message`.
        details: the envelope's `details`; an ErrorInfo among them has the finest reason.
        message: what to say when `errors` does not.
    """
    told = [entry for entry in errors if isinstance(entry, Mapping)]
    infos = [entry for entry in details if isinstance(entry, Mapping)]
    reasons = [str(entry.get("reason") or "") for entry in (*infos, *told)]
    words = next((entry["message"] for entry in told if entry.get("message")), message)
    return cloud_error(what, status, reasons, words, infos)


def failed(what: str, operation: Mapping[str, Any]) -> CloudError | None:
    """Return the error of an operation that is done, None when it succeeded."""
    status = int(operation.get("httpErrorStatusCode") or 0)
    if "error" not in operation and status < 400:
        return None
    errors = operation.get("error", {}).get("errors", ())
    words = next((entry["message"] for entry in errors if entry.get("message")), "")
    return cloud_error(
        what,
        status,
        [entry.get("code", "") for entry in errors],
        words or operation.get("httpErrorMessage", "") or "the operation failed",
        [detail for entry in errors for detail in entry.get("errorDetails", ())],
    )
