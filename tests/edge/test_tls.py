"""HTTPS as the cloud serves it: SNI, the default certificate, TLS versions, rotation under load."""

import socket
import ssl

import httpx
import pytest
import trustme
from cryptography import x509

from tests.edge.site import Site, certificate, load, until

SERVICE = "global/backendServices/"
CERTS = "global/sslCertificates/"


@pytest.fixture(scope="module")
def issuer() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(shared: Site, issuer) -> str:
    """An HTTPS front end with certificates for one.test and *.two.test."""
    shared.service("secured")
    shared.url_map("secured", defaultService=SERVICE + "secured")
    for name, host in (("cert-one", "one.test"), ("cert-two", "*.two.test")):
        shared.put("sslCertificates", name, certificate(host, issuer))
    listed = [CERTS + "cert-one", CERTS + "cert-two"]
    ip = shared.rule("secured", port=443, sslCertificates=listed)
    until("one.test", lambda: _served(shared, ip, "one.test"))
    return ip


def _handshake(site: Site, ip: str, name: str, **versions: ssl.TLSVersion) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for what, version in versions.items():
        setattr(context, what, version)
    raw = socket.create_connection((ip, site.edge.port(443)), timeout=10)
    try:
        return context.wrap_socket(raw, server_hostname=name or None)
    except OSError:
        raw.close()
        raise


def _leaf(site: Site, ip: str, name: str) -> x509.Certificate:
    with _handshake(site, ip, name) as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))


def _served(site: Site, ip: str, name: str) -> str:
    try:
        leaf = _leaf(site, ip, name)
    except OSError as error:
        return type(error).__name__
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)[0]


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        pytest.param("one.test", "one.test", id="the first"),
        pytest.param("a.two.test", "*.two.test", id="the second, by wildcard"),
        pytest.param("a.b.two.test", "one.test", id="a wildcard is one label"),
        pytest.param("other.test", "one.test", id="unknown name: the first"),
        pytest.param("", "one.test", id="no name: the first"),
    ],
)
def test_the_certificate_follows_the_name(shared: Site, secured, asked, served):
    assert _served(shared, secured, asked) == served


def test_a_verifying_client_is_served(shared: Site, secured, issuer):
    context = ssl.create_default_context()
    issuer.configure_trust(context)
    url = f"https://{secured}:{shared.edge.port(443)}/x"
    with httpx.Client(verify=context, trust_env=False) as client:
        answer = client.get(
            url, headers={"host": "one.test"}, extensions={"sni_hostname": "one.test"}
        )
    assert answer.status_code == 200
    assert answer.json()["headers"]["x-forwarded-proto"] == "https"


def test_the_ssl_policy_says_which_versions(shared: Site, secured):
    old = {"maximum_version": ssl.TLSVersion.TLSv1_2}
    with _handshake(shared, secured, "one.test", **old) as secure:
        assert secure.version() == "TLSv1.2"
    shared.put("sslPolicies", "modern", {"minTlsVersion": "TLS_1_3", "profile": "RESTRICTED"})
    listed = [CERTS + "cert-one", CERTS + "cert-two"]
    proxy = {"sslCertificates": listed, "sslPolicy": "global/sslPolicies/modern"}
    shared.rule("secured", port=443, **proxy)

    def answer() -> str:
        try:
            with _handshake(shared, secured, "one.test", **old) as secure:
                return secure.version() or ""
        except (ssl.SSLError, OSError):
            return "refused"

    until("refused", answer)
    with _handshake(shared, secured, "one.test") as secure:
        assert secure.version() == "TLSv1.3"


def test_a_certificate_is_switched_and_added_under_load(shared: Site, issuer):
    shared.service("rotated")
    shared.url_map("rotated", defaultService=SERVICE + "rotated")
    for name in ("old", "new", "more"):
        shared.put("sslCertificates", name, certificate("r.test", issuer))
    ip = shared.rule("rotated", port=443, sslCertificates=[CERTS + "old"])
    url = f"https://{ip}:{shared.edge.port(443)}/"
    until("r.test", lambda: _served(shared, ip, "r.test"))
    until(["HEALTHY"], lambda: shared.health("rotated"))
    serials = {name: _serial(shared, name) for name in ("old", "new", "more")}
    assert _leaf(shared, ip, "").serial_number == serials["old"]

    with load(url, 2, keep=False) as fresh, load(url, 1, keep=True) as kept:
        for listed, served in ((["new"], "new"), (["new", "more"], "new"), (["more"], "more")):
            certificates = [CERTS + name for name in listed]
            shared.rule("rotated", port=443, sslCertificates=certificates)
            until(serials[served], lambda: _leaf(shared, ip, "").serial_number)
            seen = fresh.sent, kept.sent
            until(True, lambda seen=seen: fresh.sent > seen[0] + 20 and kept.sent > seen[1] + 20)
    assert fresh.failures + kept.failures == []


def _serial(site: Site, name: str) -> int:
    text = site.read(CERTS + name)["certificate"]
    return x509.load_pem_x509_certificate(text.encode()).serial_number


def test_a_proxy_without_a_usable_certificate_does_not_listen(shared: Site, issuer):
    shared.service("bare")
    shared.url_map("bare", defaultService=SERVICE + "bare")
    pem = "-----BEGIN {0}-----\nZm9v\n-----END {0}-----\n".format
    broken = {"certificate": pem("CERTIFICATE"), "privateKey": pem("PRIVATE KEY")}
    shared.put("sslCertificates", "broken", broken)
    ip = shared.rule("bare", port=443, sslCertificates=[CERTS + "broken"])
    until(True, lambda: shared.edge.applied >= shared.world.store.seq)
    assert _served(shared, ip, "") == "ConnectionRefusedError"
    shared.put("sslCertificates", "whole", certificate("w.test", issuer))
    shared.rule("bare", port=443, sslCertificates=[CERTS + "broken", CERTS + "whole"])
    until("w.test", lambda: _served(shared, ip, ""))
