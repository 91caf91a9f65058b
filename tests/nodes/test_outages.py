"""The API server goes away, comes back, forgets, refuses; the process is stopped and started."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from fakes import kube
from fakes.nodes import Nodes, Settings
from fakes.nodes.slices import claimed
from tests.nodes.house import ROOT, SCALE, WITHIN, House, Load, deployment, web


def serving(home: House, replicas: int = 2) -> set[str]:
    home.apply(deployment(replicas=replicas), web())
    home.until(lambda: len(home.ready()) == replicas, "all are ready")
    home.until(lambda: home.reached(home.base()) == home.ready(), "all answer")
    return home.ready()


def scaled(home: House, replicas: int) -> None:
    home.kube.apply(deployment(replicas=replicas))
    home.until(lambda: len(home.ready()) == replicas, f"{replicas} are ready")
    home.until(lambda: home.reached(home.base(), 20) == home.ready(), "all answer")
    assert len(home.kube.list("Pod")) == replicas


@pytest.mark.parametrize("how", ["ended", "compacted in the stream", "compacted by HTTP"])
def test_watches_that_end_are_opened_again(home: House, how):
    serving(home)
    if how != "ended":
        home.kube.gone_in_stream = how.endswith("stream")
        with home.kube.locked():
            home.kube.close_watches()
            home.kube.apply(deployment(replicas=3))
            home.kube.compact()
        scaled(home, 3)
    else:
        assert home.kube.close_watches() >= 8
    scaled(home, 4)


def test_refused_and_dropped_writes_are_made_again(home: House):
    serving(home)
    for verb, resource, effect in (
        ("create", "pods", {"status": 500}),
        ("create", "pods", {"drop": True}),
        ("patch", "pods", {"status": 503}),
        ("patch", "pods/status", {"drop": True}),
        ("patch", "endpointslices", {"status": 409, "reason": "Conflict"}),
        ("watch", "pods", {"drop": True}),
        ("list", "pods", {"status": 500}),
    ):
        home.kube.fault(verb=verb, resource=resource, **effect)
    home.kube.close_watches()
    home.kube.apply(deployment(replicas=4))
    home.until(lambda: len(home.ready()) == len(home.kube.list("Pod")) == 4, "four are ready")


def test_traffic_goes_on_while_the_api_server_is_away(tmp_path: Path):
    world = kube.World()
    with claimed() as number:
        with kube.running(world) as url:
            port = int(url.rpartition(":")[2])
            nodes = Nodes(Settings(server=url, slice=number, time_scale=SCALE))
            nodes.start()
            home = House(world, None, nodes, url, tmp_path, None)
            try:
                names = serving(home)
            except BaseException:
                nodes.stop()
                raise
        try:
            with Load(home.base()) as load:
                home.until(lambda: load.done > 50, "some requests")
            assert load.failed == []
            assert load.names == names
            with kube.running(world, port=port):
                scaled(home, 3)
                assert names <= home.ready()
        finally:
            nodes.stop()
            home._client.close()


def test_another_cluster_behind_the_address_gets_its_nodes_anew(tmp_path: Path):
    with claimed() as number:
        with kube.running(kube.World()) as url:
            port = int(url.rpartition(":")[2])
            nodes = Nodes(Settings(server=url, slice=number, time_scale=SCALE))
            nodes.start()
        try:
            other = kube.World(seed=7)
            with kube.running(other, port=port):
                home = House(other, None, nodes, url, tmp_path, None)
                home.until(lambda: len(other.list("Node")) == 3, "three nodes")
                serving(home)
                home._client.close()
        finally:
            nodes.stop()


def test_a_stopped_world_leaves_no_thread_and_no_socket(tmp_path: Path):
    def sockets() -> int:
        found = 0
        for one in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                found += "socket" in str(one.readlink())
        return found

    world = kube.World()
    with claimed() as number, kube.running(world) as url:
        settings = Settings(server=url, slice=number, time_scale=SCALE)
        before = sockets()
        with Nodes(settings) as nodes:
            home = House(world, None, nodes, url, tmp_path, None)
            names = serving(home)
            home._client.close()
            assert sockets() > before
        assert not [one for one in threading.enumerate() if one.name == "fakes.nodes"]
        home.until(lambda: sockets() <= before, "the server has noticed, too")
        with Nodes(settings) as nodes:  # the Pods are taken over, names and addresses as they were
            home = House(world, None, nodes, url, tmp_path, None)
            home.until(lambda: home.reached(home.base()) == names, "the same ones answer")
            assert home.ready() == names
            home._client.close()
        home.until(lambda: sockets() <= before, "nothing is left this time either")


def test_the_command_follows_kubeconfig_and_ends_with_0_on_sigterm(tmp_path: Path):
    world = kube.World()
    kubeconfig = tmp_path / "kubeconfig"
    with claimed() as number, kube.running(world) as url:
        context = {"cluster": "fake", "user": "somebody"}
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "fake", "cluster": {"server": url}}],
                    "users": [{"name": "somebody", "user": {"token": "secret"}}],
                    "contexts": [{"name": "fake", "context": context}],
                    "current-context": "fake",
                }
            )
        )
        code = "import sys; from fakes.nodes import main; sys.exit(main(sys.argv[1:]))"
        options = ["--slice", str(number), "--node", "one=europe-west1-b", "--time-scale", "0.02"]
        with subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-c", code, *options],
            cwd=ROOT,
            env=os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert select.select([process.stdout], [], [], WITHIN)[0]
                control = process.stdout.readline().split()[-1]
                house = House(world, None, None, url, tmp_path, None)
                house.until(lambda: world.list("Node"), "its node is registered")
                house.until(lambda: is_ready(control), "its control endpoint says so")
                house.apply(deployment(replicas=1), web())
                house.until(house.ready, "a Pod is ready")
                base = f"http://127.64.{number}.1:{house.node_port()}"
                house.until(lambda: house.who(base), "it answers")
                house._client.close()
                process.send_signal(signal.SIGTERM)
                assert process.wait(WITHIN) == 0
                assert "Traceback" not in process.stderr.read()
            finally:
                process.kill()
        (node,) = world.list("Node")
        assert node["metadata"]["labels"]["topology.kubernetes.io/region"] == "europe-west1"


def is_ready(control: str) -> bool:
    return httpx.get(f"{control}ready", trust_env=False).status_code == 200
