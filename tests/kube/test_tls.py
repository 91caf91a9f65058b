"""TLS and credentials are the library's work; what is ours is to pass them on and to end cleanly."""

import base64
import json
import ssl
import threading
import time
from urllib.parse import urlsplit

import pytest
import trustme
from kubernetes.config import incluster_config

from glbc.errors import ClusterError
from glbc.kube.client import connect
from glbc.kube.watch import Reflectors
from tests.kube.scripted import Answer, serving
from tests.kube.support import (
    QUICK,
    at,
    event,
    eventually,
    ingress,
    listed,
    refusal,
    rows,
    watch_threads,
)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def trusting(tmp_path, url, authority):
    path = tmp_path / "secure"
    pem = base64.b64encode(authority.cert_pem.bytes()).decode()
    config = {
        "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority-data": pem}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return str(path)


def test_the_kubeconfigs_authority_is_trusted(tmp_path, authority, tls):
    with serving(lambda _: Answer({}), tls) as (url, asked):
        assert connect(trusting(tmp_path, url, authority)).request("GET", "/api") == b"{}"
    assert asked[0].headers["Authorization"] == "Bearer t"


def test_another_authority_is_refused_in_one_line(tmp_path, tls):
    with serving(lambda _: Answer({}), tls) as (url, asked):
        with pytest.raises(ClusterError) as caught:
            connect(trusting(tmp_path, url, trustme.CA())).request("GET", "/api")
        assert asked == []
    assert "certificate verify failed" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pod_uses_its_service_account(tmp_path, authority, tls, monkeypatch):
    (tmp_path / "token").write_text("pod-token\n")
    (tmp_path / "ca.crt").write_bytes(authority.cert_pem.bytes())
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    with serving(lambda _: Answer({}), tls) as (url, asked):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(urlsplit(url).port))
        monkeypatch.delenv("KUBECONFIG", raising=False)
        api = connect()
        api.request("GET", "/api")
    assert api.host == url
    assert asked[0].headers["Authorization"] == "bearer pod-token"


def test_a_pods_token_that_is_refused_is_read_again_at_once(tmp_path, authority, tls, monkeypatch):
    def script(asked):
        good = asked.headers["Authorization"] == "bearer second"
        return Answer({}) if good else Answer(refusal(401, "Unauthorized"), 401)

    (tmp_path / "token").write_text("first")
    (tmp_path / "ca.crt").write_bytes(authority.cert_pem.bytes())
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    with serving(script, tls) as (url, _):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(urlsplit(url).port))
        monkeypatch.delenv("KUBECONFIG", raising=False)
        api = connect()
        for content in ("first", ""):  # the library reads it once a minute
            (tmp_path / "token").write_text(content)
            with pytest.raises(ClusterError, match="401 Unauthorized"):
                api.request("GET", "/api")
        (tmp_path / "token").write_text("second")
        with pytest.raises(ClusterError, match="401 Unauthorized"):
            api.request("GET", "/api")
        assert api.request("GET", "/api") == b"{}"


def test_watches_over_tls_stop_promptly(tmp_path, authority, tls):
    hold = threading.Event()

    def script(asked):
        if asked.watches:
            return Answer(lines=[event("ADDED", at(ingress("ns/a"), 8))], hold=hold)
        return Answer(listed())

    with serving(script, tls) as (url, _):
        api = connect(trusting(tmp_path, url, authority))
        reflectors = Reflectors(api, kinds=rows("Ingress"), timing=QUICK)
        reflectors.start()
        eventually(lambda: "ns/a" in reflectors.snapshot().ingresses)
        before = time.monotonic()
        reflectors.stop()
        assert time.monotonic() - before < 8  # a read that is not cut lasts longer
        assert watch_threads() == []
        hold.set()
