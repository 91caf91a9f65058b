"""Taking private values out of what others say."""

import pytest
from msgspec import UNSET

from glbc.model.compute import BackendService, Iap, SignedUrlKey, SslCertificate
from glbc.model.private import Private, privates_in, veil, veiled
from tests.support import pki

PEM = pki.pair("a.example.com")[1].decode()
LINES = [line for line in PEM.splitlines() if "-----" not in line]
HIDDEN = "(not shown)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("field 'x': 's3cret-value'", f"field 'x': '{HIDDEN}'", id="in whole"),
        pytest.param("s3cret-value, s3cret-value", f"{HIDDEN}, {HIDDEN}", id="twice"),
        pytest.param("field 'x': 's3cret-v…'", f"field 'x': '{HIDDEN}…'", id="cut short"),
        pytest.param("nothing of it, not even s3cre", "nothing of it, not even s3cre", id="other"),
        pytest.param(f"bad: {PEM}", f"bad: {HIDDEN}\n", id="a key"),
        pytest.param(f"bad: {' '.join(PEM.split())}!", f"bad: {HIDDEN}!", id="a key on one line"),
        pytest.param(f"bad: {PEM[:90]}", f"bad: {HIDDEN}", id="a key that is cut short"),
        pytest.param(f"bad: {LINES[1]}", f"bad: {HIDDEN}", id="a line of a key"),
        pytest.param(f"bad: {PEM!r}", f"bad: '{HIDDEN}\\n'", id="a key with its line ends escaped"),
    ],
)
def test_a_text_is_told_without_what_is_private(text: str, shown: str) -> None:
    assert veiled(text, [Private(b"s3cret-value"), Private(PEM.encode())]) == shown


def test_somebody_elses_key_is_not_told_either() -> None:
    assert veiled(f"it was {PEM}.", []) == f"it was {HIDDEN}\n."


def test_an_error_says_nothing_private_nor_does_its_cause() -> None:
    error = ValueError("bad: s3cret-value", 7)
    error.__cause__ = cause = KeyError("s3cret-value")
    veil(error, [Private(b"s3cret-value")])
    assert error.args == (f"bad: {HIDDEN}", 7)
    assert cause.args == (HIDDEN,)


def test_every_private_value_of_a_spec_is_found() -> None:
    secret, key, pem = Private(b"one"), Private(b"two"), Private(b"three")
    backend = BackendService(
        iap=Iap(oauth2_client_secret=secret),
        signed_url_keys=(SignedUrlKey(key_name="a", key_value=key), SignedUrlKey(key_name="b")),
    )
    assert list(privates_in(backend)) == [secret, key]
    assert list(privates_in(SslCertificate(private_key=pem))) == [pem]
    assert list(privates_in(SslCertificate(private_key=UNSET))) == []
