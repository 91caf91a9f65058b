"""How often a call is repeated, by what its answer meant."""

import pytest

from glbc.errors import Denied, InUse, NotFound, NotReady, RateLimited, Stale, Transient
from glbc.gcp.retry import Retry


class Calls:
    """Fails with the errors given, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.made = 0

    def __call__(self):
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def retry(pauses):
    return Retry(pauses.append)


@pytest.mark.parametrize(
    ("error", "reads", "mutations"),
    [
        pytest.param(Transient, 5, 3, id="a hiccup is ridden out"),
        pytest.param(NotReady, 2, 2, id="not ready is tried once more, then the engine waits"),
        pytest.param(RateLimited, 1, 1, id="a used up quota is not hammered"),
        pytest.param(Denied, 1, 1, id="a refusal is final"),
        pytest.param(InUse, 1, 1, id="in use is final"),
        pytest.param(Stale, 1, 1, id="stale is final"),
        pytest.param(NotFound, 1, 1, id="not found is final"),
    ],
)
def test_attempts(retry, pauses, error, reads, mutations):
    for policy, attempts in ((retry.read, reads), (retry.mutation, mutations)):
        calls = Calls(*(error("no") for _ in range(9)))
        pauses.clear()
        with pytest.raises(error):
            policy(calls)
        assert attempts == calls.made
        assert len(pauses) == attempts - 1


def test_the_answer_after_a_hiccup_is_the_answer(retry):
    assert retry.read(Calls(Transient("no"))) == "answer"
    assert retry.mutation(Calls(Transient("no"), Transient("no"))) == "answer"


def test_the_class_of_the_last_error_decides(retry):
    calls = Calls(Transient("no"), RateLimited("no"), Transient("no"))
    with pytest.raises(RateLimited):
        retry.read(calls)
    assert calls.made == 2


def test_pauses_grow_and_stay_bounded(retry, pauses):
    with pytest.raises(Transient):
        retry.read(Calls(*(Transient("no") for _ in range(9))))
    assert pauses == sorted(pauses)
    assert pauses[0] >= 0.2
    assert sum(pauses) < 5


def test_an_exception_that_is_not_the_clouds_is_not_repeated(retry):
    calls = Calls(KeyError("bug"))
    with pytest.raises(KeyError):
        retry.mutation(calls)
    assert calls.made == 1


def test_asking_until_done_rides_over_hiccups_of_every_kind(retry):
    errors = [RateLimited("no"), NotReady("no"), *(Transient("no") for _ in range(9))]
    assert retry.until(Calls(*errors), lambda a: a == "answer", seconds=60) == "answer"


def test_asking_until_done_ends_and_tells_the_last_error(retry):
    last = Transient("server gone")
    with pytest.raises(TimeoutError) as raised:
        retry.until(Calls(last), bool, seconds=0)
    assert raised.value.__cause__ is last


def test_asking_until_done_ends_when_it_never_is(retry):
    with pytest.raises(TimeoutError) as raised:
        retry.until(Calls(), lambda _: False, seconds=0)
    assert raised.value.__cause__ is None


def test_asking_until_done_does_not_hide_a_refusal(retry):
    with pytest.raises(Denied):
        retry.until(Calls(Denied("no")), bool, seconds=60)
