"""The error table: a status and a reason code have one meaning, and no message text has any."""

import pytest

from glbc.errors import (
    ANY,
    MEANING,
    AlreadyExists,
    CloudError,
    Denied,
    GlbcError,
    InUse,
    NotFound,
    NotReady,
    QuotaExceeded,
    RateLimited,
    Rejected,
    Stale,
    Transient,
    meaning,
)


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        pytest.param(403, "rateLimitExceeded", RateLimited, id="too many calls"),
        pytest.param(403, "userRateLimitExceeded", RateLimited, id="too many calls of one user"),
        pytest.param(429, "", RateLimited, id="too many requests"),
        pytest.param(403, "quotaExceeded", QuotaExceeded, id="quota, in the answer"),
        pytest.param(0, "QUOTA_EXCEEDED", QuotaExceeded, id="quota, in the operation"),
        pytest.param(403, "QUOTA_EXCEEDED", QuotaExceeded, id="quota, in the operation, told 403"),
        pytest.param(0, "RATE_LIMIT_EXCEEDED", RateLimited, id="rate, in the operation"),
        pytest.param(
            403,
            "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED",
            RateLimited,
            id="too many operations at a time passes by itself",
        ),
        pytest.param(403, "forbidden", Denied, id="no permission"),
        pytest.param(403, "accessNotConfigured", Denied, id="the API is switched off"),
        pytest.param(401, "authError", Denied, id="no credentials"),
        pytest.param(400, "resourceInUseByAnotherResource", InUse, id="in use, in the answer"),
        pytest.param(0, "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", InUse, id="in use, operation"),
        pytest.param(400, "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", InUse, id="in use, told 400"),
        pytest.param(400, "resourceNotReady", NotReady, id="not ready, in the answer"),
        pytest.param(0, "RESOURCE_NOT_READY", NotReady, id="not ready, in the operation"),
        pytest.param(404, "notFound", NotFound, id="not there"),
        pytest.param(0, "RESOURCE_NOT_FOUND", NotFound, id="not there, in the operation"),
        pytest.param(409, "alreadyExists", AlreadyExists, id="name taken"),
        pytest.param(409, "conflict", AlreadyExists, id="another conflict is read as a taken name"),
        pytest.param(409, "operationInProgress", NotReady, id="an operation runs"),
        pytest.param(412, "conditionNotMet", Stale, id="fingerprint is old"),
        pytest.param(0, "CONDITION_NOT_MET", Stale, id="fingerprint is old, in the operation"),
        pytest.param(400, "invalid", Rejected, id="bad request"),
        pytest.param(413, "uploadTooLarge", Rejected, id="body too large"),
        pytest.param(418, "teapot", Rejected, id="an unknown 4xx is not worth another try"),
        pytest.param(408, "", Transient, id="request timed out"),
        pytest.param(500, "backendError", Transient, id="server error"),
        pytest.param(503, "", Transient, id="not available"),
        pytest.param(0, "", Transient, id="nothing told"),
        pytest.param(0, "SOMETHING_NEW", Transient, id="an unknown operation code is tried again"),
    ],
)
def test_meaning(status: int, reason: str, expected: type[CloudError]) -> None:
    assert expected is meaning(status, reason)


def test_no_row_is_hidden_by_an_earlier_one() -> None:
    for status, reason, cls in MEANING:
        assert cls is meaning(status, reason), (status, reason)


def test_no_row_is_there_twice() -> None:
    assert len(MEANING) == len({(status, reason) for status, reason, _ in MEANING})


def test_rows_without_a_reason_have_a_status() -> None:
    assert all(status for status, reason, _ in MEANING if reason == ANY)


@pytest.mark.parametrize(
    ("cls", "family"),
    [
        pytest.param(RateLimited, Transient, id="a rate limit passes"),
        pytest.param(NotReady, Transient, id="what is being made passes"),
        pytest.param(Denied, CloudError, id="a denial is the cloud's"),
        pytest.param(CloudError, GlbcError, id="everything is glbc's"),
    ],
)
def test_families(cls: type[Exception], family: type[Exception]) -> None:
    assert issubclass(cls, family)


def test_an_error_keeps_what_the_cloud_said() -> None:
    error = QuotaExceeded("URL_MAPS is 10", reason="quotaExceeded", status=403)
    assert (str(error), error.reason, error.status) == ("URL_MAPS is 10", "quotaExceeded", 403)
