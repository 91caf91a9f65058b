"""The walkthrough of 2016: an echo server, a certificate, an Ingress; then curl.

Curl and openssl are used where they are installed, else httpx and cryptography; each line says which.
"""

import datetime as dt
import shutil
import subprocess
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final, Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from fakes.stack import Stack

HOST: Final = "echo.example.com"
NO_ANSWER: Final = "000"  # as curl reports it


class Answer:
    """One answer of the front end: its code, where it sends one to, and what it says."""

    def __init__(self, code: str, location: str, text: str) -> None:
        self.code = code
        self.location = location
        self.text = text


def make_certificate(directory: Path, serial: int) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key; return their paths."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    crt, pem = directory / f"tls-{serial}.crt", directory / f"tls-{serial}.key"
    crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
    pem.write_bytes(key.private_bytes(*form, serialization.NoEncryption()))
    return crt, pem


def fetch(stack: Stack, url: str, *, follow: bool = False) -> tuple[str, Answer]:
    """Ask a URL without checking its certificate; return the command shown, and the answer."""
    if shutil.which("curl"):
        flags = "-Lks" if follow else "-ks"
        shown = f"curl {flags} {url}"
        form = "\n%{http_code} %{redirect_url}"
        done = stack.run("curl", flags, "--max-time", "5", "-w", form, url)
        text, _, last = done.stdout.rpartition("\n")
        code, _, location = last.partition(" ")
        return shown, Answer(code, location, text)
    shown = f"httpx {url}"
    try:
        with httpx.Client(verify=False, follow_redirects=follow, timeout=5) as client:  # noqa: S501 (curl -k)
            got = client.get(url)
    except httpx.HTTPError as error:
        return shown, Answer(NO_ANSWER, "", str(error))
    return shown, Answer(str(got.status_code), got.headers.get("location", ""), got.text)


def served_serial(stack: Stack, address: str) -> int:
    """Return the serial number of the certificate that the address serves; 0 for none."""
    pem = b""
    if shutil.which("openssl"):
        command = ["openssl", "s_client", "-connect", f"{address}:443", "-servername", HOST]
        done = subprocess.run(
            command,
            input=b"",
            capture_output=True,
            timeout=20,
            check=False,
            env=stack.environment(),
        )
        pem = done.stdout
    else:
        import ssl  # noqa: PLC0415 (only where there is no openssl)

        pem = ssl.get_server_certificate((address, 443)).encode()
    begin = pem.find(b"-----BEGIN CERTIFICATE-----")
    return x509.load_pem_x509_certificate(pem[begin:]).serial_number if begin >= 0 else 0


class Load:
    """Asks a URL again and again, on a connection of its own for each request, until told to stop."""

    MOST: Final = 20_000  # requests; a load is bounded whatever happens

    def __init__(self, url: str, good: Collection[int] = (200,)) -> None:
        """Prepare to ask `url`; an answer with another code than the `good` ones is a failure."""
        self.url = url
        self.good = good
        self.asked = 0
        self.failed: list[str] = []
        self._anything = httpx.create_ssl_context(verify=False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set() and self.asked < self.MOST:
            self.asked += 1
            try:
                with httpx.Client(verify=self._anything, timeout=5, trust_env=False) as client:
                    code = client.get(self.url).status_code
            except httpx.HTTPError as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            else:
                if code not in self.good:
                    self.failed.append(str(code))
            time.sleep(0.005)
