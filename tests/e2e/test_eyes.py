"""`explain`, `graph` and `plan --from` as a person runs them, against the fakes and beside `run`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.build import ingress, service
from tests.e2e.world import UID, World, world

SHOP = ingress(
    "default/shop",
    {"shop.example.com": [("/api", "api:80"), ("/", "web:80")]},
    default="web:80",
    class_name="gce",
)
SERVICES = (service("default/web", "80->30001"), service("default/api", "80->30002"))


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Iterator[World]:
    directory: Path = tmp_path_factory.mktemp("eyes")
    with world(directory, *SERVICES, SHOP, config=f"journal: {{path: {directory}/j}}\n") as made:
        made.start_glbc()
        made.served("default/shop")
        made.until(lambda: at_rest(made), "it is programmed")
        yield made


def at_rest(one: World) -> bool:
    """Tell whether the Ingress says that all of it is there."""
    found = one.ingress("default/shop") or {}
    told = found["metadata"].get("annotations", {}).get("glbc.gcp.kubernetes.io/conditions", "[]")
    return ("Programmed", "True") in {(row["type"], row["status"]) for row in json.loads(told)}


def glbc(one: World, *words: str, code: int = 0) -> str:
    done = one.run("glbc", *words, *one.glbc_options())
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout


def test_explain_tells_the_chain_the_conditions_and_the_last_actions(one: World) -> None:
    text = glbc(one, "explain", "default/shop")
    head, *_ = text.splitlines()
    assert head == f"ingress default/shop: at {one.address('default/shop')}"
    for word in ("Conditions, as published", "\n= forwardingRules/", "Last actions"):
        assert word in text
    told = json.loads(glbc(one, "explain", "default/shop", "-o", "json"))
    assert {row["type"]: row["status"] for row in told["conditions"]}["Programmed"] == "True"
    assert {row["verdict"] for row in told["resources"]} == {"right"}
    assert told["journal"]
    assert {(row["op"], row["result"]) for row in told["journal"]} <= {
        ("create", "done"),
        ("update", "done"),
    }


def test_explain_a_url_names_the_rule_the_backend_and_each_instance(one: World) -> None:
    told = json.loads(glbc(one, "explain", "http://shop.example.com/api/v1", "-o", "json"))
    (answer,) = told["answers"]
    assert (told["hasHost"], answer["address"]) == (True, one.address("default/shop"))
    assert (answer["host"], answer["path"]) == ("shop.example.com", "/api/*")
    assert [row["path"] for row in answer["shadowed"]] == ["/*"]
    assert answer["service"] == "service default/api port 80, node port 30002"
    assert [row["instance"] for row in answer["health"]] == ["node-1", "node-2", "node-3"]
    assert all(row["state"] in {"HEALTHY", "UNHEALTHY"} for row in answer["health"])
    assert "No load balancer has the host" in glbc(one, "explain", "http://elsewhere.test/")


def test_graph_has_every_resource_of_ours(one: World) -> None:
    told = json.loads(glbc(one, "graph", "-o", "json"))
    drawn = {(node["kind"], node["name"]) for node in told["nodes"]}
    assert {(kind, name) for kind, names in one.ours().items() for name in names} <= drawn
    assert glbc(one, "graph").count("= forwardingRules/") == 1
    assert glbc(one, "graph", "default/shop", "-o", "dot").startswith("digraph glbc {")


def test_what_does_not_exist_is_one_line(one: World) -> None:
    for verb in ("explain", "graph"):
        done = one.run("glbc", verb, "default/none", *one.glbc_options())
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "glbc: ingress default/none: does not exist: write namespace/name of an Ingress\n"
        )


def test_plan_from_a_directory_compares_it_with_the_cloud(one: World) -> None:
    """The cluster's own objects come to nothing; an edit of them to one update."""
    directory = one.directory / "manifests"
    directory.mkdir()
    for kind in ("ingresses", "ingressclasses", "services", "nodes"):
        listed = one.kubectl("get", kind, "--all-namespaces", "-o", "yaml")
        (directory / f"{kind}.yaml").write_text(listed)
    uid = one.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    words = ("plan", "--from", str(directory), "--kube-system-uid", uid, "--cluster-uid", UID)
    config = one.directory / "from.yaml"
    config.write_text("https_redirect: tls\n")
    options = [*super(World, one).glbc_options(), "--config", str(config)]
    done = one.run("glbc", *words, *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("Nothing to do.\n")
    text = (directory / "ingresses.yaml").read_text()
    (directory / "ingresses.yaml").write_text(text.replace("path: /api", "path: /v2"))
    done = one.run("glbc", *words, "-o", "json", *options)
    assert (done.returncode, done.stderr) == (2, "")
    (wave,) = json.loads(done.stdout)["waves"]
    assert [(action["op"], action["kind"]) for action in wave] == [("update", "urlMaps")]
