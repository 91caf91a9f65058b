"""A cluster's identity changes under a running controller: it stops, says why, and writes nothing more."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.build import ingress, service
from fakes.kube import World as KubeWorld
from fakes.kube import running
from tests.e2e.world import BASE, UID, WITHIN, World, world

OBJECTS = (
    service("default/web", "80->30001"),
    ingress("default/shop", default="web:80", class_name="gce"),
)
CONFIG_MAP = ("configmap", "ingress-uid", "-n", "kube-system")


def code_of(one: World, seconds: float = WITHIN) -> int:
    """Return the code with which glbc ends by itself."""
    return one._processes.pop("glbc").wait(seconds)


def edited(one: World, key: str, value: str) -> None:
    one.kubectl("patch", *CONFIG_MAP, "--type=merge", "-p", f'{{"data":{{"{key}":"{value}"}}}}')


@pytest.mark.parametrize("key", ["uid", "provider-uid"])
def test_an_edit_while_it_builds_ends_it_with_one_line(tmp_path: Path, key: str) -> None:
    with world(tmp_path, *OBJECTS) as one:
        one.latency(0.4)
        one.start_glbc()
        one.until(lambda: "healthChecks" in one.ours(), "it builds")
        edited(one, key, "0123456789abcdef")
        assert code_of(one) == 1
        (line,) = [row for row in one.log("glbc").splitlines() if "identity_changed" in row]
        for word in (
            "kube-system/ingress-uid",
            f"key {key}",
            UID,
            "0123456789abcdef",
            "start again",
        ):
            assert word in line
        assert "Traceback" not in one.log("glbc")
        assert one.ours("0123456789abcdef") == {}
        last = one.seq()
        one.latency(0.0)
        assert one.calls(last) == []

        edited(one, key, UID)
        one.start_glbc()
        one.served("default/shop")
        one.assert_sound()


def test_a_deleted_config_map_comes_back_and_nothing_else_happens(tmp_path: Path) -> None:
    with world(tmp_path, *OBJECTS) as one:
        one.start_glbc()
        one.served("default/shop")
        last = one.seq()
        one.until(lambda: one.identity_reads() > 3, "the identity was looked at")
        one.kubectl("delete", *CONFIG_MAP)
        one.until(lambda: one.said("identity_written_again"), "it is written again")
        told = one.kubectl("get", *CONFIG_MAP, "-o", "jsonpath={.data.uid} {.data.provider-uid}")
        assert told == f"{UID} {UID}"
        assert one.calls(last) == []
        one.assert_sound()


def test_deleted_while_nobody_ran_it_is_told_by_the_cloud(tmp_path: Path) -> None:
    with world(tmp_path, *OBJECTS) as one:
        one.start_glbc()
        one.served("default/shop")
        one.end("glbc")
        last = one.seq()
        one.kubectl("delete", *CONFIG_MAP)
        assert one.run("glbc", "plan", *one.glbc_options()).stdout == "Nothing to do.\n"
        assert one.run("kubectl", "get", *CONFIG_MAP).returncode == 1
        one.start_glbc()
        told = one.kubectl("get", *CONFIG_MAP, "-o", "jsonpath={.data.uid}")
        assert told == UID
        assert one.said("identity_recovered") == 1
        assert one.calls(last) == []


def test_a_uid_that_another_cluster_uses_is_refused_by_every_command(tmp_path: Path) -> None:
    with ExitStack() as stack, world(tmp_path, *OBJECTS) as one:
        one.start_glbc()
        one.served("default/shop")
        one.end("glbc")
        last = one.seq()
        other = stack.enter_context(running(KubeWorld(seed=7)))  # its kube-system has another uid
        one.kubeconfig.write_text(one.kubeconfig.read_text().replace(one.kube, other))
        one.apply(*BASE, *OBJECTS)
        for verb in (["run"], ["plan"], ["gc", "--yes"]):
            done = one.run("glbc", *verb, *one.glbc_options())
            (line,) = [row for row in done.stderr.splitlines() if row.startswith("glbc: ")]
            assert done.returncode == 1
            assert f"another cluster uses the uid {UID}, too: urlMaps/k8s2-um-" in line
        assert one.calls(last) == []
        one.config = "shared_identity: true\n"
        done = one.run("glbc", "plan", *one.glbc_options())
        assert done.returncode == 2, done.stderr
