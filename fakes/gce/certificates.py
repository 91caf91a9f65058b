"""What Compute Engine looks at in a certificate: its shape, its key and its dates.

Only the PEM shape is demanded; names and expiry are told when the certificate really parses, so
that tests may upload placeholders.
"""

import base64
import binascii
import re
from typing import Final

from fakes.gce.errors import ApiError
from fakes.gce.operations import timestamp
from fakes.gce.wire import Json

LONGEST_CHAIN: Final = 5
BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*(.*?)\s*-----END \1-----", re.DOTALL)


def blocks(text: str) -> list[str]:
    """Return the labels of the PEM blocks of a text; empty if any block is not base64."""
    found = []
    for label, inner in BLOCK.findall(text):
        lines = [line for line in inner.splitlines() if ":" not in line]
        try:
            base64.b64decode("".join(lines).encode(), validate=True)
        except (binascii.Error, ValueError):
            return []
        found.append(label)
    return found


def check(certificate: str, private_key: str) -> None:
    """Check the shape of what was uploaded.

    Raises:
        ApiError: 400, not PEM, too long a chain, or the key belongs to another certificate.
    """
    chain = blocks(certificate)
    if not chain or set(chain) != {"CERTIFICATE"}:
        raise ApiError(
            400, "sslCertificateCouldNotParseCert", "The SSL certificate could not be parsed."
        )
    if len(chain) > LONGEST_CHAIN:
        raise ApiError(
            400,
            "sslCertificateChainTooLong",
            f"The SSL certificate chain is longer than {LONGEST_CHAIN} certificates.",
        )
    keys = [label for label in blocks(private_key) if label.endswith("PRIVATE KEY")]
    if len(keys) != 1:
        raise ApiError(
            400,
            "sslCertificateCouldNotParsePrivateKey",
            "The SSL private key could not be parsed.",
        )
    if not _belongs(certificate, private_key):
        raise ApiError(
            400,
            "sslCertificateKeyMismatch",
            "The SSL certificate and its private key do not match.",
        )


def _belongs(certificate: str, private_key: str) -> bool:
    """Say whether key and certificate match; True if either is only a placeholder."""
    from cryptography import x509  # noqa: PLC0415 - slow to load, seldom needed
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        leaf = x509.load_pem_x509_certificate(certificate.encode())
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
        served = leaf.public_key()
    except (ValueError, TypeError):
        return True
    own = key.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return own.public_bytes(serialization.Encoding.DER, form) == served.public_bytes(
        serialization.Encoding.DER, form
    )


def facts(certificate: str) -> Json:
    """Return the read-only fields that follow from a certificate, none for a placeholder."""
    from cryptography import x509  # noqa: PLC0415 - slow to load, seldom needed

    try:
        leaf = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        return {}
    found: Json = {"expireTime": timestamp(leaf.not_valid_after_utc.timestamp())}
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return found
    dns = names.get_values_for_type(x509.DNSName)
    return found | ({"subjectAlternativeNames": list(dns)} if dns else {})
