"""Secrets and pre-shared names to the certificates of an HTTPS proxy.

What cannot be used is named and left out; it never takes away what serves. Everything is checked
before it is uploaded: Compute Engine's own answers do not say which Secret is meant.
"""

import base64
import binascii
import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from glbc.model import compute
from glbc.model.finding import Finding
from glbc.model.graph import Resource, wanted
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.loadbalancer import FrontendNames
from glbc.model.private import Private
from glbc.model.views import Hints, Ingress, Secret, Snapshot
from glbc.naming import Namer, Scheme
from glbc.translate import annotations
from glbc.translate.limits import MOST_CERTIFICATES, MOST_IN_CHAIN
from glbc.translate.reasons import Reason

LEAST_RSA_BITS: Final = 2048
FOREVER: Final = float("inf")
OTHER_NAMES: Final = (b"", b"\n1", b"\n2")  # what is hashed beside the content, one after the other


class BadPairError(ValueError):
    """A Secret cannot be used: `field` of it `str()`; `hint` says what to do."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.field = field
        self.hint = hint


class Pair(msgspec.Struct, frozen=True):
    """A certificate chain and its key, checked."""

    chain: bytes  # PEM, leaf first, as the Secret holds it
    key: Private  # PEM
    begins: float  # seconds since 1970: the leaf is not valid before
    ends: float  # … and not after


class Secured(msgspec.Struct, frozen=True, kw_only=True):
    """What HTTPS comes to for one Ingress."""

    asked: bool = False  # does the Ingress want HTTPS at all?
    certificates: tuple[ResourceKey, ...] = ()  # of the proxy, in order; empty: nothing to serve
    resources: tuple[Resource, ...] = ()  # those that are ours to make
    kept: frozenset[ResourceKey] = frozenset()  # served now, and nobody can say better
    findings: tuple[Finding, ...] = ()
    until: float = FOREVER  # seconds since 1970: when time alone may change this
    looked_up: tuple[tuple[str, str | None], ...] = ()  # our names, and the chain that is there


def secret_names(ingress: Ingress) -> list[str]:
    """Return `namespace/name` of the Secrets that the Ingress names."""
    entries = ingress.spec.tls or ()
    return [f"{ingress.metadata.namespace}/{e.secret_name}" for e in entries if e.secret_name]


def pre_shared(ingress: Ingress) -> list[str]:
    """Return the names of pre-shared certificates, in the user's order."""
    text = annotations.text(ingress.metadata, annotations.PRE_SHARED_CERT)
    return [name for part in text.split(",") if (name := part.strip())]


def secured(  # noqa: PLR0913  # one Ingress, seen from all sides
    ingress: Ingress,
    *,
    names: FrontendNames,
    proxy: ResourceKey,
    scheme: Scheme,
    snapshot: Snapshot,
    hints: Hints,
    namer: Namer,
    now: float,
) -> Secured:
    """Return the certificates of an Ingress: pre-shared ones first, then its Secrets, as upstream.

    Args:
        ingress: whose `spec.tls` and annotations ask for them.
        names: of its front end.
        proxy: key of its HTTPS proxy.
        scheme: names the certificates.
        snapshot: has the Secrets.
        hints: say what is served now, and which certificates there are.
        namer: makes the names.
        now: seconds since 1970.
    """
    managed = annotations.text(ingress.metadata, annotations.MANAGED_CERTIFICATES)
    if not (ingress.spec.tls or pre_shared(ingress) or managed):
        return Secured()
    reader = _Reader(ingress, names, scheme, namer, now, hints.certificates)
    certificates: dict[ResourceKey, Resource | None] = {}
    for name in pre_shared(ingress):
        if name in hints.certificates:
            certificates[msgspec.structs.replace(proxy, kind=Kind.SSL_CERTIFICATE, name=name)] = (
                None
            )
        else:
            reader.miss(
                f"metadata.annotations[{annotations.PRE_SHARED_CERT}]",
                Reason.CERTIFICATE_NOT_FOUND,
                f"there is no certificate {name} in the project",
                "create it, or take it out",
            )
    served = hints.https_proxies.get(proxy, ())
    for resource in reader.uploads(snapshot, proxy.project, {key.name for key in served}):
        certificates[resource.key] = resource
    refused = [key for key in certificates if key in hints.refused and key not in served]
    # They are tried again, and do not hold the others up; the event of the refusal says why.
    parked = [certificates.pop(key) for key in refused]
    ours = [key for key in served if key.name.startswith(names.certificate_prefix)]
    missed = reader.missed or bool(refused)
    last_good = [key for key in ours if key not in certificates] if missed else []
    if (count := len(certificates) + len(last_good)) > MOST_CERTIFICATES:
        # A list cut short would take HTTPS from some hosts: what serves stays, whole (lbc#1144).
        reader.miss(
            "spec.tls",
            Reason.TOO_MANY_CERTIFICATES,
            f"there would be {count} certificates, {count - MOST_CERTIFICATES} over the limit of "
            f"{MOST_CERTIFICATES} of one proxy",
            "put several hosts into one certificate",
        )
        certificates, last_good = dict.fromkeys(served), ours
    return Secured(
        asked=True,
        certificates=(*certificates, *last_good),
        resources=tuple(one for one in (*certificates.values(), *parked) if one),
        kept=frozenset(last_good),
        findings=tuple(dict.fromkeys(reader.findings)),
        until=reader.until,
        looked_up=tuple(reader.looked_up.items()),
    )


class _Reader:
    """Reads the Secrets of one Ingress. Used once."""

    def __init__(
        self,
        ingress: Ingress,
        names: FrontendNames,
        scheme: Scheme,
        namer: Namer,
        now: float,
        there: Mapping[str, str],
    ) -> None:
        self.ingress = ingress
        self.names = names
        self.scheme = scheme
        self.namer = namer
        self.now = now
        self.there = there
        self.looked_up: dict[str, str | None] = {}
        self.findings: list[Finding] = []
        self.missed = False  # is something asked for that cannot be served?
        self.until = FOREVER

    def miss(self, field: str, reason: str, problem: str, hint: str) -> None:
        """Tell what is left out."""
        self.missed = True
        message = f"{problem}; what serves HTTPS now goes on"
        self.findings.append(Finding(self.ingress.ref, reason, field, message, hint))

    def uploads(self, snapshot: Snapshot, project: str, served: set[str]) -> Iterator[Resource]:
        """Yield a certificate for each Secret that can be used, in order."""
        meta = self.ingress.metadata
        for index, entry in enumerate(self.ingress.spec.tls or ()):
            field = f"spec.tls[{index}].secretName"
            if not entry.secret_name:
                hint = "name a Secret of type kubernetes.io/tls"
                self.miss(field, Reason.SECRET_NOT_FOUND, "no Secret is named", hint)
                continue
            where = f"{meta.namespace}/{entry.secret_name}"
            secret = snapshot.secrets.get(where)
            if secret is None:
                problem = f"there is no Secret {where} of type kubernetes.io/tls"
                self.miss(field, Reason.SECRET_NOT_FOUND, problem, "create it, or name another one")
                continue
            try:
                pair = pair_of(secret)
                name = self._name_of(pair)
                self._check_time(pair, is_served=name in served)
            except BadPairError as bad:
                problem = f"Secret {where}: {bad.field} {bad}"
                self.miss(field, Reason.BAD_CERTIFICATE, problem, bad.hint)
                continue
            yield wanted(
                ResourceKey(project, Kind.SSL_CERTIFICATE, GLOBAL, name),
                compute.SslCertificate(certificate=pair.chain.decode(), private_key=pair.key),
                origin={"certificate": f"secret {where} data[tls.crt]"},
                wanted_by=(self.ingress.ref,),
            )

    def _name_of(self, pair: Pair) -> str:
        """Return the name of a certificate: another one where something else has it (contrib#2521).

        The name holds a hash of the content, so that this is a stray upload; its content decides.
        """
        meta = self.ingress.metadata
        for other in OTHER_NAMES:
            content = pair.chain + other
            name = self.namer.certificate(self.scheme, meta.namespace, meta.name, content)
            self.looked_up[name] = self.there.get(name)
            if is_same_chain(self.there.get(name), pair.chain):
                return name
        hint = "delete the certificates of these names that nobody uses"
        raise BadPairError("data[tls.crt]", "finds all its names taken in the project", hint)

    def _check_time(self, pair: Pair, *, is_served: bool) -> None:
        """Refuse what is not valid now, unless it is what serves: it is better than nothing."""
        if pair.begins > self.now:
            self.until = min(self.until, pair.begins)
            day = datetime.fromtimestamp(pair.begins, UTC).date()
            raise BadPairError("data[tls.crt]", f"is not valid before {day}", "wait, or replace it")
        if pair.ends > self.now:
            self.until = min(self.until, pair.ends)
        elif not is_served:
            day = datetime.fromtimestamp(pair.ends, UTC).date()
            raise BadPairError("data[tls.crt]", f"has expired on {day}", "renew the certificate")


def is_same_chain(there: str | None, chain: bytes) -> bool:
    """Tell whether a certificate in the cloud is, or may be, the one of a chain.

    Unknown counts as the same, and so do other line breaks: what serves is not replaced for them.
    """
    if not there or there.split() == chain.decode("ascii", "replace").split():
        return True
    try:
        old = x509.load_pem_x509_certificates(there.encode())
        new = x509.load_pem_x509_certificates(chain)
    except ValueError:
        return False
    return old == new


def pair_of(secret: Secret) -> Pair:
    """Return the checked content of a Secret.

    Raises:
        BadPairError: something is missing, unreadable, or does not go together.
    """
    data = secret.data
    if data is None or not data.tls_crt:
        raise BadPairError("data[tls.crt]", "is missing", "put the PEM certificate chain there")
    if data.tls_key is None or not data.tls_key.reveal():
        raise BadPairError("data[tls.key]", "is missing", "put the PEM private key there")
    chain = _decoded(data.tls_crt.encode(), "data[tls.crt]")
    key = _decoded(data.tls_key.reveal(), "data[tls.key]")
    try:
        leaf = _leaf(chain)
        _check_key(leaf, key)
        times = (leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp())
    except BadPairError:
        raise
    except Exception:  # noqa: BLE001 (the parser has many words for "odd", and reads lazily)
        hint = "make the certificate anew, with an RSA or ECDSA key that browsers know"
        raise BadPairError("data[tls.crt]", "has parts that nobody can read", hint) from None
    return Pair(chain, Private(key), *times)


def _decoded(text: bytes, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadPairError(field, "is not base64", "write the Secret anew") from None


def _leaf(chain: bytes) -> x509.Certificate:
    field = "data[tls.crt]"
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        chain.decode("ascii")
    except ValueError:
        hint = "put the certificate there, then its issuers, each in PEM"
        raise BadPairError(field, "is not a chain of PEM certificates", hint) from None
    if len(certificates) > MOST_IN_CHAIN:
        problem = f"holds {len(certificates)} certificates, {MOST_IN_CHAIN} at most are allowed"
        raise BadPairError(field, problem, "leave out the root and what does not belong")
    for lower, upper in itertools.pairwise(certificates):
        if lower.issuer != upper.subject:
            hint = "put the certificate first, then its issuer, then that one's issuer"
            raise BadPairError(field, "is out of order: one does not issue the one before", hint)
    return certificates[0]


def _check_key(leaf: x509.Certificate, pem: bytes) -> None:
    field = "data[tls.key]"
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        hint = "put the certificate's private key there, not encrypted"
        raise BadPairError(field, "is not a PEM private key without a password", hint) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise BadPairError(field, "is neither an RSA nor an ECDSA key", "use one of these")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < LEAST_RSA_BITS:
        problem = f"has {key.key_size} bits, {LEAST_RSA_BITS} are the least"
        raise BadPairError(field, problem, "make a longer key")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        hint = "put the key there that the certificate was made with"
        raise BadPairError(field, "does not belong to the certificate in data[tls.crt]", hint)
