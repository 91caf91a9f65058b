"""HTTPS of the pods: a self-signed certificate of this process, and clients that verify none.

A load balancer and a kubelet verify no certificate of a backend, so any will do; the key is made at
the first use, and is on the disk only for as long as OpenSSL reads it.
"""

import datetime as dt
import ssl
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME: Final = "pod.invalid"
VALID: Final = dt.timedelta(days=30)
PEM: Final = serialization.Encoding.PEM


@cache
def server_context() -> ssl.SSLContext:
    """Return what a container serves HTTPS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="fakes-nodes-") as scratch:
        pair = Path(scratch, "pair.pem")
        pair.write_bytes(_pair())
        context.load_cert_chain(pair)
    return context


@cache
def client_context() -> ssl.SSLContext:
    """Return what a kubelet probes HTTPS with: no certificate is verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _pair() -> bytes:
    """Return a new key and its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + VALID)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(PEM, form, serialization.NoEncryption())
    return private + certificate.public_bytes(PEM)
