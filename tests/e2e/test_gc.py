"""`glbc gc` as a person runs it: after a controller that is gone, and after a cluster that is gone."""

import json
import signal
from pathlib import Path

from fakes.build import ingress, service
from fakes.stack import PROJECT
from tests.e2e.world import UID, World, world

OBJECTS = (
    service("default/web", "80->30001"),
    service("default/api", "80->30002"),
    ingress("default/shop", default="web:80", class_name="gce"),
    ingress("default/old", default="api:80", class_name="gce"),
)


def uid_of_kube_system(one: World) -> str:
    return one.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")


def cloud_options(one: World, uid: str, kube_system_uid: str) -> list[str]:
    words = ["--project", PROJECT, "--endpoint", one.gce, "--anonymous", "--cluster-is-gone"]
    return [*words, "--cluster-uid", uid, "--kube-system-uid", kube_system_uid]


def test_what_is_left_goes_by_hand_first_with_the_cluster_then_without(tmp_path: Path) -> None:
    with world(tmp_path, *OBJECTS) as one:
        one.start_glbc()
        one.served("default/shop")
        one.served("default/old")
        assert one.end("glbc", signal.SIGTERM) == 0
        one.kubectl("delete", "ingress", "old", "--wait=false")
        one.kubectl(
            *("patch", "ingress", "old", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        )
        before = one.ours()

        looked = one.run("glbc", "gc", "--dry-run", *one.glbc_options())
        assert (looked.returncode, looked.stderr, one.ours()) == (2, "", before)
        assert "ingress default/old: gone; billed by the hour" in looked.stdout

        refused = one.run("glbc", "gc", *one.glbc_options())
        assert (refused.returncode, one.ours()) == (1, before)
        assert "--yes" in refused.stderr

        done = one.run("glbc", "gc", "--yes", *one.glbc_options())
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("nothing is left.\n")
        assert one.ours("-old-") == {}
        assert [name for name in before["urlMaps"] if "-shop-" in name] == one.ours()["urlMaps"]

        gone = cloud_options(one, UID, uid_of_kube_system(one))
        one.end("kube", signal.SIGKILL)
        other = cloud_options(one, "feedfeedfeedfeed", "11111111-2222-3333-4444-555555555555")
        nothing = one.run("glbc", "gc", "--yes", *other)
        assert (nothing.returncode, nothing.stdout) == (0, "Nothing to collect.\n")
        done = one.run("glbc", "gc", "--yes", "-o", "json", *gone)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["left"] == 0
        assert one.ours() == {}
