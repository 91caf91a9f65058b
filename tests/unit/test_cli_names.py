"""`glbc names` as people and programs meet it, and what the command line promises before any verb runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from glbc import cli
from glbc.cli import main
from glbc.commands.options import load_config
from glbc.config import Config, ConfigError
from glbc.errors import GlbcError

UIDS = [
    "--cluster-uid",
    "c90a6bd2f1e34567",
    "--kube-system-uid",
    "0a1b2c3d-1111-2222-3333-444455556666",
]
WEB = ["names", "default/web", *UIDS]
V1 = "default-web--c90a6bd2f1e34567"
V2 = "0svcwfuc-default-web-fnjlgl1w"


@pytest.fixture
def crt(tmp_path: Path) -> str:
    path = tmp_path / "tls.crt"
    path.write_bytes(b"test123")
    return str(path)


def test_json_holds_both_schemes_and_what_is_shared(
    capsys: pytest.CaptureFixture[str], crt: str
) -> None:
    more = ["--provider-uid", "c90a6bd2f1e34567-fw", "--node-port", "30080", "--cert", crt]
    assert main([*WEB, *more, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "v1": {
            "urlMaps": f"k8s-um-{V1}",
            "targetHttpProxies": f"k8s-tp-{V1}",
            "targetHttpsProxies": f"k8s-tps-{V1}",
            "httpForwardingRule": f"k8s-fw-{V1}",
            "httpsForwardingRule": f"k8s-fws-{V1}",
            "addresses": f"k8s-fw-{V1}",
            "sslCertificates": ["k8s-ssl-06b36afec7d7b4a3-ecd71870d1963316--c90a6bd2f1e34567"],
        },
        "v2": {
            "urlMaps": f"k8s2-um-{V2}",
            "redirectUrlMap": f"k8s2-rm-{V2}",
            "targetHttpProxies": f"k8s2-tp-{V2}",
            "targetHttpsProxies": f"k8s2-ts-{V2}",
            "httpForwardingRule": f"k8s2-fr-{V2}",
            "httpsForwardingRule": f"k8s2-fs-{V2}",
            "addresses": f"k8s2-fr-{V2}",
            "sslCertificates": ["k8s2-cr-0svcwfuc-qzc30l6kfqxy5kq4-ecd71870d1963316"],
        },
        "shared": {
            "instanceGroups": "k8s-ig--c90a6bd2f1e34567",
            "firewalls": "k8s-fw-l7--c90a6bd2f1e34567-fw",
            "backendServices": "k8s-be-30080--c90a6bd2f1e34567",
            "healthChecks": "k8s-be-30080--c90a6bd2f1e34567",
        },
    }


def test_without_a_node_port_there_is_no_backend(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WEB, "-o", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["shared"] == {
        "instanceGroups": "k8s-ig--c90a6bd2f1e34567",
        "firewalls": "k8s-fw-l7--c90a6bd2f1e34567",
    }
    assert report["v1"]["sslCertificates"] == report["v2"]["sslCertificates"] == []


def test_several_node_ports_and_certificates_keep_their_order(
    capsys: pytest.CaptureFixture[str], crt: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    other.write_bytes(b"")
    ports = ["--node-port", "30081", "--node-port", "30080"]
    assert main([*WEB, *ports, "--cert", str(other), "--cert", crt, "-o", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    backends = ["k8s-be-30081--c90a6bd2f1e34567", "k8s-be-30080--c90a6bd2f1e34567"]
    assert backends == report["shared"]["backendServices"] == report["shared"]["healthChecks"]
    assert [name[-16:] for name in report["v2"]["sslCertificates"]] == [
        "e3b0c44298fc1c14",
        "ecd71870d1963316",
    ]


def test_endpoint_groups_are_called_like_their_backend_and_its_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = "k8s1-c90a6bd2-default-web-80-9710d9e6"
    assert main([*WEB, "--service", "web:80", "-o", "json"]) == 0
    shared = json.loads(capsys.readouterr().out)["shared"]
    assert shared["networkEndpointGroups"] == [group]
    assert shared["backendServices"] == shared["healthChecks"] == group
    assert main([*WEB, "--node-port", "30080", "--service", "web:80"]) == 0
    told = capsys.readouterr().out
    assert told.endswith(
        f"port 30080      k8s-be-30080--c90a6bd2f1e34567\nweb:80          {group}\n"
    )


@pytest.mark.parametrize("word", ["web", "web:http", "web:0", "web:65536", "Web:80", ":80"])
def test_what_is_no_port_of_a_service_has_no_name(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert main([*WEB, "--service", word]) == 1
    assert "write NAME:NUMBER" in capsys.readouterr().err


def test_text_is_a_table(capsys: pytest.CaptureFixture[str], crt: str) -> None:
    assert main([*WEB, "--node-port", "30080", "--cert", crt]) == 0
    assert (
        capsys.readouterr().out
        == f"""\
Ingress default/web

v2 (finalizer ingress-finalizer-V2)
URL map         k8s2-um-{V2}
redirect map    k8s2-rm-{V2}
HTTP proxy      k8s2-tp-{V2}
HTTPS proxy     k8s2-ts-{V2}
HTTP rule       k8s2-fr-{V2}
HTTPS rule      k8s2-fs-{V2}
address         k8s2-fr-{V2}
certificate     k8s2-cr-0svcwfuc-qzc30l6kfqxy5kq4-ecd71870d1963316

v1 (finalizer ingress-finalizer, or none)
URL map         k8s-um-{V1}
HTTP proxy      k8s-tp-{V1}
HTTPS proxy     k8s-tps-{V1}
HTTP rule       k8s-fw-{V1}
HTTPS rule      k8s-fws-{V1}
address         k8s-fw-{V1}
certificate     k8s-ssl-06b36afec7d7b4a3-ecd71870d1963316--c90a6bd2f1e34567

shared
instance group  k8s-ig--c90a6bd2f1e34567
firewall rule   k8s-fw-l7--c90a6bd2f1e34567
port 30080      k8s-be-30080--c90a6bd2f1e34567
"""
    )


def test_text_of_the_longest_names_fits_80_columns(
    capsys: pytest.CaptureFixture[str], crt: str
) -> None:
    uid = "u" * 52  # more would not leave a valid name for the firewall rule
    ingress = f"{'n' * 63}/{'i' * 253}"
    args = ["names", ingress, "--cluster-uid", uid, "--kube-system-uid", "k", "--cert", crt]
    assert main([*args, "--node-port", "65535"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80


def test_a_legacy_cluster_has_an_empty_uid(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["names", "default/web", "--cluster-uid", "", "--kube-system-uid", "k", "-o", "json"]
    assert main(args) == 0
    assert json.loads(capsys.readouterr().out)["v1"]["urlMaps"] == "k8s-um-default-web"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(
            ["names", "web", *UIDS],
            "'web': names no Ingress: write namespace/name",
            id="no slash",
        ),
        pytest.param(
            ["names", "Shop/web", *UIDS],
            "ingress 'Shop/web': Kubernetes allows no namespace 'Shop': "
            "write namespace/name in a-z, 0-9 and dashes",
            id="capital in the namespace",
        ),
        pytest.param(
            ["names", "a.b/web", *UIDS],
            "ingress 'a.b/web': Kubernetes allows no namespace 'a.b': "
            "write namespace/name in a-z, 0-9 and dashes",
            id="dot in the namespace",
        ),
        pytest.param(
            ["names", "shop/", *UIDS],
            "ingress 'shop/': Kubernetes allows no name '': "
            "write namespace/name in a-z, 0-9 and dashes",
            id="no name",
        ),
        pytest.param(
            ["names", "shop/web/x", *UIDS],
            "ingress 'shop/web/x': Kubernetes allows no name 'web/x': "
            "write namespace/name in a-z, 0-9 and dashes",
            id="two slashes",
        ),
        pytest.param(
            ["names", f"shop/{'a' * 254}", *UIDS],
            f"ingress 'shop/{'a' * 254}': Kubernetes allows no name '{'a' * 254}': "
            "write namespace/name in a-z, 0-9 and dashes",
            id="name too long",
        ),
        pytest.param(
            ["names", "shop/web.v2", *UIDS],
            "ingress shop/web.v2: Compute Engine refuses the URL map name "
            "k8s-um-shop-web.v2--c90a6bd2f1e34567: rename the Ingress with a-z, 0-9 and dashes only",
            id="a dot fails the gate of the URL map",
        ),
        pytest.param(
            [*WEB, "--node-port", "65536"],
            "--node-port 65536: is no port: give a number from 1 to 65535",
            id="port out of range",
        ),
        pytest.param(
            [*WEB, "--cert", "/does/not/exist"],
            "--cert /does/not/exist: cannot be read (No such file or directory): give a readable file",
            id="unreadable certificate",
        ),
        pytest.param(
            ["names", "a/b", "--cluster-uid", "U1", "--kube-system-uid", "k"],
            "--cluster-uid 'U1': Compute Engine refuses the name k8s-ig--U1: "
            "give the value of ConfigMap kube-system/ingress-uid",
            id="uid that no name can end in",
        ),
        pytest.param(
            [*WEB, "--provider-uid", "f" * 60],
            f"--provider-uid '{'f' * 60}': Compute Engine refuses the name "
            f"k8s-fw-l7--{'f' * 58}0: give the value of ConfigMap kube-system/ingress-uid",
            id="firewall name too long",
        ),
        pytest.param(
            ["names", "a/b", "--cluster-uid", "u" * 53, "--kube-system-uid", "k"],
            f"--cluster-uid '{'u' * 53}': Compute Engine refuses the name "
            f"k8s-fw-l7--{'u' * 53}: give the value of ConfigMap kube-system/ingress-uid",
            id="uid too long for the firewall rule",
        ),
        pytest.param(
            ["names", "a/b", "--cluster-uid", "u", "--kube-system-uid", ""],
            "--kube-system-uid: is empty: give metadata.uid of the namespace kube-system",
            id="without a kube-system uid all clusters' v2 names would be equal",
        ),
        pytest.param(
            ["names", "a/b"],
            "usage: Missing option '--cluster-uid': see glbc names --help",
            id="option left out",
        ),
        pytest.param(
            ["--bar"], "usage: No such option: --bar: see glbc --help", id="option unknown"
        ),
        pytest.param(["bar"], "usage: No such command 'bar': see glbc --help", id="verb unknown"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert main(args) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"glbc: {message}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(GlbcError("shop/web: broken: mend it"), 1, id="an error of glbc is 1"),
        pytest.param(
            ConfigError("shop/web", "", "broken", "mend it"), 78, id="a wrong configuration is 78"
        ),
    ],
)
def test_an_exception_becomes_a_line_and_a_code(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: GlbcError,
    code: int,
) -> None:
    def verb(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", verb)
    assert code == main(["verb"])
    assert capsys.readouterr().err == "glbc: shop/web: broken: mend it\n"


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("glbc ")
    for args in (["--help"], ["-h"], []):
        assert main(args) == 0
        assert "names" in capsys.readouterr().out


@pytest.mark.parametrize("args", [["--help"], ["names", "--help"], WEB], ids=lambda args: args[-1])
def test_what_needs_no_cloud_loads_no_client(args: list[str]) -> None:
    script = f"""
import sys
from glbc.cli import main
code = main({args!r})
heavy = {{"google", "kubernetes", "structlog", "tenacity", "cryptography", "prometheus_client"}}
print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "0 []\n"


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "glbc", "names", "web", *UIDS],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (
        done.returncode,
        done.stdout,
        done.stderr,
    ) == (1, "", "glbc: 'web': names no Ingress: write namespace/name\n")


def test_the_configuration_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "glbc.yaml"
    path.write_text("project: p1\ncloud: {workers: 3}\n", encoding="utf-8")
    config = load_config(str(path), {"cloud.workers": 5})
    assert (config.project, config.cloud.workers) == ("p1", 5)
    assert Config() == load_config(None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            None, "cannot be read (No such file or directory): give a readable file", id="no file"
        ),
        pytest.param(b"\xff", "is not UTF-8: give a YAML file", id="not text"),
        pytest.param(b"a: 1", "a: unknown setting: ", id="wrong"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "glbc.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_options_of_run_and_plan_win_over_the_file(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("{ingress_class: of-the-file, resync_sec: 60}")
    seen: list[Config] = []

    def command(config: Config, *_args: object, **_options: object) -> int:
        seen.append(config)
        return 0

    monkeypatch.setattr(f"glbc.commands.{verb}.main", command)
    words = [verb, "--config", str(path), "--project", "p", "--ingress-class", "mine"]
    assert main([*words, "--default-backend-service", ""]) == 0
    assert main([verb, "--config", str(path)]) == 0
    given, plain = seen
    assert (given.ingress_class, given.default_backend_service) == ("mine", "")
    assert (given.project, given.resync_sec) == ("p", 60)
    assert plain.ingress_class == "of-the-file"
    assert plain.default_backend_service == "kube-system/default-http-backend"


def test_a_default_backend_that_is_none_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--default-backend-service", "x"]) == 78
    assert "default_backend_service: is 'x': give namespace/name" in capsys.readouterr().err
