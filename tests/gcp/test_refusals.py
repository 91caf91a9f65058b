"""What refused calls and failed operations become, whatever their shape."""

import pytest

from glbc.errors import (
    AlreadyExists,
    Denied,
    InUse,
    NotFound,
    NotReady,
    QuotaExceeded,
    RateLimited,
    Rejected,
    Transient,
)
from glbc.gcp.refusals import failed, refused

INFO = "type.googleapis.com/google.rpc.ErrorInfo"


@pytest.mark.parametrize(
    ("status", "errors", "details", "cls", "reason"),
    [
        pytest.param(403, [{"reason": "forbidden"}], [], Denied, "forbidden", id="plain"),
        pytest.param(403, [], [], Denied, "", id="no reason at all keeps the status's meaning"),
        pytest.param(
            403,
            [{"reason": "rateLimitExceeded"}],
            [{"@type": INFO, "reason": "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"}],
            RateLimited,
            "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED",
            id="ErrorInfo is finer than the envelope",
        ),
        pytest.param(
            403,
            [{"reason": "rateLimitExceeded"}],
            [{"@type": INFO, "reason": "SOMETHING_NEW"}],
            RateLimited,
            "rateLimitExceeded",
            id="an unknown ErrorInfo does not hide a known reason",
        ),
        pytest.param(
            400,
            [{"reason": "invalid"}, {"reason": "resourceInUseByAnotherResource"}],
            [],
            InUse,
            "resourceInUseByAnotherResource",
            id="the second of two errors may be the one that tells",
        ),
        pytest.param(
            400, ["odd", {"message": "no reason"}], [7], Rejected, "", id="entries of odd shape"
        ),
        pytest.param(502, [], [], Transient, "", id="a gateway's page"),
        pytest.param(418, [{"reason": "teapot"}], [], Rejected, "teapot", id="an unknown 4xx"),
    ],
)
def test_a_refused_call(status, errors, details, cls, reason):
    error = refused("insert urlMaps/x", status, errors, details, "words")
    assert (cls, reason, status) == (type(error), error.reason, error.status)


@pytest.mark.parametrize(
    ("operation", "cls", "reason", "text"),
    [
        pytest.param(
            {"error": {"errors": [{"code": "SOMETHING_NEW", "message": "odd"}]}},
            Transient,
            "SOMETHING_NEW",
            "insert urlMaps/x: odd",
            id="an error without an HTTP status is not a success",
        ),
        pytest.param(
            {"error": {}},
            Transient,
            "",
            "insert urlMaps/x: the operation failed",
            id="an empty error is not a success",
        ),
        pytest.param(
            {"httpErrorStatusCode": 409, "httpErrorMessage": "CONFLICT"},
            AlreadyExists,
            "",
            "insert urlMaps/x: CONFLICT",
            id="a status without an error is not a success",
        ),
        pytest.param(
            {"error": {"errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"}]}},
            InUse,
            "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
            "insert urlMaps/x: the operation failed",
            id="the code alone is enough",
        ),
        pytest.param(
            {
                "error": {"errors": [{"code": "QUOTA_EXCEEDED", "message": "two\n  lines"}]},
                "httpErrorStatusCode": 403,
            },
            QuotaExceeded,
            "QUOTA_EXCEEDED",
            "insert urlMaps/x: two lines",
            id="the message is one line",
        ),
        pytest.param(
            {
                "error": {"errors": [{"code": "RESOURCE_NOT_READY", "message": "m"}]},
                "httpErrorStatusCode": 400,
            },
            NotReady,
            "RESOURCE_NOT_READY",
            "insert urlMaps/x: m",
            id="not ready",
        ),
        pytest.param(
            {
                "error": {"errors": [{"code": "RESOURCE_NOT_FOUND", "message": "m"}]},
                "httpErrorStatusCode": 404,
            },
            NotFound,
            "RESOURCE_NOT_FOUND",
            "insert urlMaps/x: m",
            id="not found",
        ),
    ],
)
def test_a_failed_operation(operation, cls, reason, text):
    error = failed("insert urlMaps/x", {"status": "DONE", **operation})
    assert (cls, reason, text) == (type(error), error.reason, str(error))


METRIC = "compute.googleapis.com/ssl_certificates"


@pytest.mark.parametrize(
    ("detail", "quota"),
    [
        pytest.param({"quotaInfo": {"metricName": METRIC}}, METRIC, id="QuotaExceededInfo"),
        pytest.param(
            {"errorInfo": {"metadatas": {"quota_metric": METRIC}}}, METRIC, id="ErrorInfo"
        ),
        pytest.param({"quotaInfo": {"limitName": "x"}}, "", id="no metric"),
        pytest.param({"quotaInfo": "odd"}, "", id="odd shape"),
        pytest.param("odd", "", id="no detail at all"),
    ],
)
def test_a_failed_operation_names_its_quota_in_a_field(detail, quota):
    errors = [{"code": "QUOTA_EXCEEDED", "message": "m", "errorDetails": [detail]}]
    error = failed("insert x/y", {"error": {"errors": errors}, "httpErrorStatusCode": 403})
    assert (QuotaExceeded, quota) == (type(error), error.quota)


@pytest.mark.parametrize(
    ("detail", "quota"),
    [
        pytest.param({"@type": INFO, "metadata": {"quota_metric": METRIC}}, METRIC, id="ErrorInfo"),
        pytest.param({"metricName": METRIC, "limit": 10}, METRIC, id="QuotaExceededInfo"),
        pytest.param({"@type": INFO, "metadata": {"service": "s"}}, "", id="no metric"),
    ],
)
def test_a_refused_call_names_its_quota_in_a_field(detail, quota):
    error = refused("insert x/y", 403, [{"reason": "quotaExceeded"}], [detail], "words")
    assert (QuotaExceeded, quota) == (type(error), error.quota)


def test_an_operation_without_error_succeeded():
    assert failed("insert urlMaps/x", {"status": "DONE", "progress": 100}) is None
