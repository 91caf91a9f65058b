"""Bad input gets a clear answer: one line on stderr, the right exit code, no traceback."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.world import World, world

CLOSED = "http://127.0.0.1:1"  # port 1 is not served on a loopback of ours


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("bad")) as made:
        kubeconfig = made.kubeconfig.read_text()
        files = {
            "broken": "clusters: [",
            "list": "[]",
            "closed": kubeconfig.replace(made.kube, CLOSED),
            "unknown": "projct: demo\n",
            "type": "resync_sec: soon\n",
            "range": "cloud: {workers: 0}\n",
            "yaml": "a: [\n",
        }
        for name, text in files.items():
            (made.directory / name).write_text(text)
        yield made


CASES = (
    # words that replace the usual ones; exit code; what the line says
    pytest.param(["--kubeconfig", "{d}/broken"], 1, ["{d}/broken", "kubectl config view"],
                 id="a kubeconfig that is no YAML"),
    pytest.param(["--kubeconfig", "{d}/list"], 1, ["{d}/list", "kubectl config view"],
                 id="a kubeconfig that is a list"),
    pytest.param(["--kubeconfig", "{d}/nowhere"], 1, ["{d}/nowhere: no such file"],
                 id="a kubeconfig that does not exist"),
    pytest.param(["--kubeconfig", "{d}/closed"], 1, [CLOSED, "Connection refused", "API server"],
                 id="an API server that is not there"),
    pytest.param(["--endpoint", CLOSED], 1, [f"{CLOSED}: Connection refused: check the endpoint"],
                 id="a cloud that is not there"),
    pytest.param(["--project", "other"], 1, ["project other: does not exist", "check --project"],
                 id="a project that does not exist"),
    pytest.param(["--project", ""], 78, ["project: is not set: give --project"],
                 id="no project"),
    pytest.param(["--project", "UPPER"], 78, ["command line: project", "project id"],
                 id="a project that is no project id"),
    pytest.param(["--config", "{d}/unknown"], 78, ["projct: unknown setting: write project"],
                 id="an unknown setting"),
    pytest.param(["--config", "{d}/type"], 78, ["resync_sec: is 'soon': give seconds"],
                 id="a setting of the wrong type"),
    pytest.param(["--config", "{d}/range"], 78, ["cloud.workers: is 0: give a whole number"],
                 id="a setting out of range"),
    pytest.param(["--config", "{d}/yaml"], 78, ["{d}/yaml: line 2", "not YAML"],
                 id="a configuration that is no YAML"),
    pytest.param(["--config", "{d}"], 78, ["{d}: cannot be read"],
                 id="a configuration that cannot be read"),
    pytest.param(["--config", "{d}/nowhere"], 78, ["{d}/nowhere: cannot be read"],
                 id="a configuration that does not exist"),
    pytest.param(["--nonsense"], 1, ["--nonsense", "--help"], id="an unknown option"),
)  # fmt: skip


@pytest.mark.parametrize(("words", "code", "told"), CASES)
def test_is_told_in_one_line_by_run_and_by_plan(one: World, words, code, told) -> None:
    words = [*one.glbc_options(), *(word.format(d=one.directory) for word in words)]
    with ThreadPoolExecutor() as both:
        for done in both.map(lambda verb: one.run("glbc", verb, *words), ("run", "plan")):
            lines = done.stderr.splitlines()
            assert (done.returncode, done.stdout, len(lines)) == (code, "", 1), done
            assert lines[0].startswith("glbc: ")
            for part in told:
                assert part.format(d=one.directory) in lines[0]


def test_plan_asks_for_an_identity_and_makes_none_up(one: World) -> None:
    one.kubectl("delete", "configmap", "ingress-uid", "-n", "kube-system")
    done = one.run("glbc", "plan", *one.glbc_options())
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "ConfigMap kube-system/ingress-uid: not found" in line
    assert "--cluster-uid" in line
    taken = one.run("glbc", "plan", *one.glbc_options(), "--cluster-uid", "abc")
    assert (taken.returncode, taken.stdout, taken.stderr) == (0, "Nothing to do.\n", "")
    assert "ingress-uid" not in one.kubectl("get", "configmaps", "-A", "-o", "name")
