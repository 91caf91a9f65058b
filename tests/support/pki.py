"""Certificates and keys for tests: made once per process, since keys are slow to make."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

START = datetime(2023, 11, 1, tzinfo=UTC)  # some days before the virtual clock begins


@cache
def pair(host: str, serial: int = 1, days: int = 3650, begins: int = 0) -> tuple[bytes, bytes]:
    """Return (certificate, key) in PEM for a host; another serial is another pair."""
    return _signed(ec.generate_private_key(ec.SECP256R1()), host, serial, days, begins)


@cache
def fixed_pair(host: str) -> tuple[bytes, bytes]:
    """Return (certificate, key) in PEM for a host, the same bytes in every process."""
    key = ec.derive_private_key(int.from_bytes(host.encode()[:31], "big"), ec.SECP256R1())
    return _signed(key, host, 1, 3650, 0)


def _signed(
    key: ec.EllipticCurvePrivateKey, host: str, serial: int, days: int, begins: int
) -> tuple[bytes, bytes]:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    first = START + timedelta(days=begins)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(first)
        .not_valid_after(first + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return certificate.public_bytes(serialization.Encoding.PEM), encoded(key)


def encoded(key: Any, form: Any = serialization.PrivateFormat.PKCS8) -> bytes:
    """Return a key in PEM."""
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def secret(name: str, crt: bytes, key: bytes) -> dict[str, Any]:
    """Return a Secret of type kubernetes.io/tls; `name` is `namespace/name`."""
    namespace, _, own = name.partition("/")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"namespace": namespace, "name": own},
        "data": {
            "tls.crt": base64.b64encode(crt).decode(),
            "tls.key": base64.b64encode(key).decode(),
        },
    }
