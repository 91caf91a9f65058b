"""The worlds that pages live in: real `kubectl` and `glbc`, and the fakes as processes on loopback.

A world is given a directory of its own and the one that the page's shell stands in, and yields the shell's environment.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlencode

from fakes.build import ingress, ingress_class, service
from fakes.gce import Request
from fakes.stack import BIN, PROJECT, Stack
from glbc.translate.annotations import CONDITIONS
from tests.e2e.world import IDENTITY, READS, World
from tests.scenario import test_takeover as before

ROOT: Final = Path(__file__).parents[2]
PATHS: Final = f"{BIN}:/usr/local/bin:/usr/bin:/bin"
SOURCE: Final = ("glbc", "fakes", "tests", "docs", "deploy")
Environment = Mapping[str, str]
TO_THE_FAKES = """#!/bin/sh
# glbc as a page calls it, pointed at the fakes.
case "$1" in
run) set -- "$@" --http-address 127.0.0.1:0 ;;
plan | explain | graph | gc | config) ;;
*) exec {glbc} "$@" ;;
esac
exec {glbc} "$@" --project {project} --endpoint {endpoint} --anonymous
"""
SHOP: Final = (
    service("shop/web", "80->30081"),
    service("shop/cart", "80->30082"),
    ingress(
        "shop/web", {"shop.example": [("/cart", "cart:80")]}, default="web:80", class_name="gce"
    ),
)


def _against(one: Stack, here: Path) -> Environment:
    """Return the environment in which `glbc` finds the fakes without an option."""
    tools = here / ".tools"
    tools.mkdir()
    glbc = tools / "glbc"
    glbc.write_text(TO_THE_FAKES.format(glbc=BIN / "glbc", project=PROJECT, endpoint=one.gce))
    glbc.chmod(0o755)
    return {**one.environment(), "PATH": f"{tools}:{PATHS}"}


@contextmanager
def none(_: Path, __: Path) -> Iterator[Environment]:
    """No fakes: commands that ask nobody."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    yield {**kept, "PATH": PATHS}


@contextmanager
def source(_: Path, here: Path) -> Iterator[Environment]:
    """The source tree, copied."""
    for name in SOURCE:
        there = here / name
        shutil.copytree(
            ROOT / name,
            there,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*.lock"), ROOT / "pyproject.toml"):
        shutil.copy(path, here)
    yield {**os.environ, "PATH": PATHS, "PYTHONPATH": str(here)}


@contextmanager
def empty(directory: Path, here: Path) -> Iterator[Environment]:
    """A cluster with nodes, a class and an identity, and nothing that is served."""
    with World(directory) as one:
        yield _against(one, here)


@contextmanager
def shop(directory: Path, here: Path) -> Iterator[Environment]:
    """The Ingress shop/web, served by a running glbc."""
    with World(directory) as one:
        one.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, *SHOP)
        one.start_glbc()
        one.until(lambda: _programmed(one), "all of it is there")
        yield _against(one, here)


@contextmanager
def ingress_gce(directory: Path, here: Path) -> Iterator[Environment]:
    """What ingress-gce leaves behind that has served the Ingress shop/web; nothing may be written to the cloud."""
    with Stack(directory) as one:
        one.seed_nodes(
            (("node-1", "us-central1-a", "127.64.0.1"), ("node-2", "us-central1-b", "127.64.0.2"))
        )
        wire = SimpleNamespace(
            gce=SimpleNamespace(handle=lambda request: _sent(one, request)),
            clock=SimpleNamespace(advance=lambda _: None),
        )
        before.converge(wire, "v1")
        rule = one.cloud(f"global/forwardingRules/{before.V1['fw']}")
        _apply(one, *_cluster())
        shown = {"status": {"loadBalancer": {"ingress": [{"ip": rule["IPAddress"]}]}}}
        path = "apis/networking.k8s.io/v1/namespaces/shop/ingresses/web/status"
        one.ask("PATCH", f"{one.kube}/{path}", shown)
        since = one.ask("GET", f"{one.gce}/_fake/calls")["seq"]
        yield _against(one, here)
        calls = one.ask("GET", f"{one.gce}/_fake/calls?since={since}")["items"]
        sent = [call["method"] for call in calls]
        assert "compute.urlMaps.list" in sent
        assert [one for one in sent if one.rpartition(".")[2] not in READS] == []


def _programmed(one: World) -> bool:
    """Tell whether the Ingress says that all of it is there."""
    noted = (one.ingress("shop/web") or {"metadata": {}})["metadata"].get("annotations", {})
    told = json.loads(noted.get(CONDITIONS, "[]"))
    return ("Programmed", "True") in {(row["type"], row["status"]) for row in told}


def _cluster() -> Iterator[dict[str, Any]]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    yield {**IDENTITY, "data": {"uid": before.UID, "provider-uid": before.UID}}
    yield ingress_class("gce")
    yield service("kube-system/default-http-backend", "http=80->30000")
    yield {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": "kube-system", "name": "ingress-gce-lock"},
        "spec": {"holderIdentity": "", "leaseDurationSeconds": 15},
    }
    yield from before.objects("v1")


def _apply(one: Stack, *objects: Mapping[str, Any]) -> None:
    path = one.directory / "apply.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    done = one.run("kubectl", "apply", "-f", str(path))
    assert done.returncode == 0, done.stderr


def _sent(one: Stack, request: Request) -> SimpleNamespace:
    """Send a call to the fake cloud, and wait for what it began."""
    query = f"?{urlencode(request.query)}" if request.query else ""
    body = one.ask(request.method, f"{one.gce}{request.path}{query}", request.body)
    if body.get("kind") == "compute#operation":
        where = f"zones/{body['zone'].rpartition('/')[2]}" if "zone" in body else "global"
        path = f"compute/v1/projects/{PROJECT}/{where}/operations/{body['name']}/wait"
        done = one.ask("POST", f"{one.gce}/{path}")
        assert "error" not in done, done
    return SimpleNamespace(status=200, body=body)


WORLDS: Final[dict[str, Callable[[Path, Path], AbstractContextManager[Environment]]]] = {
    "": none,
    "source": source,
    "empty": empty,
    "shop": shop,
    "ingress-gce": ingress_gce,
}
