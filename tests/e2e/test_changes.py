"""What people do to a running cluster, and what others do to the cloud behind our back."""

import json
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fakes.build import ingress, ingress_class, service
from fakes.stack import PROJECT
from glbc.translate.annotations import WRITTEN
from tests.e2e.world import World, world

SERVICES = (
    service("default/web", "80->30001"),
    service("default/api", "80->30002"),
    service("default/moving", "80->30003"),
)
RESYNC = "resync_sec: 10\n"  # seconds; the least that may be set


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Iterator[World]:
    """One running world; each test has Ingresses of its own in it."""
    first = ingress("default/first", {"": [("/api", "api:80")]}, default="web:80", class_name="gce")
    with world(tmp_path_factory.mktemp("changes"), *SERVICES, first, config=RESYNC) as made:
        made.start_glbc()
        made.served("default/first")
        yield made
        made.assert_sound()


def named(one: World, kind: str) -> set[str]:
    return {body["name"] for body in one.bodies(kind)}


def sizes(one: World) -> dict[str, int]:
    return {body["zone"].rpartition("/")[2]: body["size"] for body in one.bodies("instanceGroups")}


def events(one: World, *words: str) -> list[dict[str, Any]]:
    return json.loads(one.kubectl("get", "events", "-o", "json", *words))["items"]


def patch(one: World, what: str, body: Mapping[str, Any], *words: str) -> None:
    one.kubectl("patch", what, "--type=merge", "-p", json.dumps(body), *words)


def test_a_second_ingress_shares_the_backend_and_leaves_it_when_it_goes(one: World) -> None:
    backends, seen = named(one, "backendServices"), one.seq()
    one.apply(ingress("default/second", {"": [("/api", "api:80")]}, class_name="gce"))
    assert one.served("default/second") != one.address("default/first")
    made = {call["method"].removeprefix("compute.") for call in one.calls(seen)}
    assert "healthChecks.insert" in made  # the cluster's default backend: nobody used it before
    assert len(named(one, "backendServices") - backends) == 1
    one.kubectl("delete", "ingress", "second", "--timeout=60s")
    one.until(lambda: named(one, "backendServices") == backends, "only what the first uses is left")
    assert one.ours("second") == {}
    assert one.routes("default/first") == {"/api": "30002", "/api/*": "30002"}


def test_nodes_come_and_go(one: World) -> None:
    one.until(lambda: sizes(one) == {"us-central1-a": 1, "us-central1-b": 2}, "all are in groups")
    more = (
        ("node-4", "us-central1-a", "127.64.0.4"),
        ("node-5", "us-central1-c", "127.64.0.5"),
    )
    one.seed_nodes(more)
    grown = {"us-central1-a": 2, "us-central1-b": 2, "us-central1-c": 1}
    one.until(lambda: sizes(one) == grown, "the machines are in groups")
    groups = {group["selfLink"] for group in one.bodies("instanceGroups")}

    def used() -> bool:
        return all(
            {backend["group"] for backend in body.get("backends", ())} == groups
            for body in one.bodies("backendServices")
        )

    one.until(used, "every backend uses the group of the new zone")
    one.kubectl("delete", "node", "node-4", "node-5")
    one.until(lambda: sizes(one).get("us-central1-a") == 1, "a machine has left its group")
    one.until(lambda: not sizes(one).get("us-central1-c"), "the other zone is empty")
    assert all(body["backends"] for body in one.bodies("backendServices"))


def test_a_service_moves_to_another_node_port(one: World) -> None:
    one.apply(ingress("default/moved", {"": [("/m", "moving:80")]}, class_name="gce"))
    address = one.served("default/moved")
    one.until(lambda: one.routes("default/moved").get("/m") == "30003", "it is routed")
    one.apply(service("default/moving", "80->30033"))
    one.until(lambda: one.routes("default/moved").get("/m") == "30033", "it is routed anew")
    one.until(lambda: not one.ours("30003"), "the old backend is gone")
    assert {"backendServices", "healthChecks"} == one.ours("30033").keys()
    assert one.address("default/moved") == address


def test_a_service_that_loses_its_node_port_is_told_and_goes_on_being_served(one: World) -> None:
    one.apply(
        service("default/losing", "80->30055"),
        ingress("default/loser", {"": [("/l", "losing:80")]}, class_name="gce"),
    )
    one.served("default/loser")
    one.until(lambda: one.routes("default/loser").get("/l") == "30055", "it is routed")
    spec = {"type": "ClusterIP", "ports": [{"port": 80, "nodePort": None}]}
    patch(one, "service/losing", {"spec": spec})
    about = "involvedObject.name=loser,type=Warning"
    one.until(lambda: events(one, f"--field-selector={about}"), "it is told")
    (event,) = events(one, f"--field-selector={about}")
    assert event["reason"] == "NoNodePort"
    assert "set its type to NodePort" in event["message"]
    assert one.routes("default/loser")["/l"] == "30055"


def test_what_we_write_on_an_ingress_is_written_again(one: World) -> None:
    one.apply(ingress("default/wiped", default="web:80", class_name="gce"))
    address = one.served("default/wiped")

    def ours() -> tuple[list[str], set[str]]:
        meta = (one.ingress("default/wiped") or {})["metadata"]
        return meta.get("finalizers", []), meta["annotations"].keys() & set(WRITTEN)

    # the map, the proxy, the rule, how the backends are, and the conditions
    one.until(lambda: len(ours()[1]) == 5, "the annotations are there")
    before, seen = ours(), one.seq()
    assert before[0] == ["networking.gke.io/ingress-finalizer-V2"]
    gone = {"finalizers": None, "annotations": dict.fromkeys(before[1])}
    patch(one, "ingress/wiped", {"metadata": gone})
    status = {"status": {"loadBalancer": {"ingress": None}}}
    patch(one, "ingress/wiped", status, "--subresource=status")
    one.until(lambda: one.address("default/wiped") == address, "the address is told again")
    one.until(lambda: ours() == before, "finalizer and annotations are written again")
    assert one.calls(seen) == []


def test_an_ingress_that_goes_to_another_class_leaves_nothing_of_ours(one: World) -> None:
    one.apply(
        ingress_class("other", "example.com/other"),
        ingress("default/gone", default="web:80", class_name="gce"),
    )
    one.served("default/gone")
    patch(one, "ingress/gone", {"spec": {"ingressClassName": "other"}})
    one.until(lambda: not one.address("default/gone"), "the address is taken back")
    one.until(
        lambda: "finalizers" not in (one.ingress("default/gone") or {})["metadata"],
        "the finalizer is taken off",
    )
    assert one.ours("-gone-") == {}

    def annotations() -> set[str]:
        return set((one.ingress("default/gone") or {})["metadata"].get("annotations", {}))

    one.until(lambda: not annotations() & set(WRITTEN), "what we wrote on it is gone")
    assert one.address("default/first")


def test_what_others_did_behind_our_back_is_put_right_at_the_next_resync(one: World) -> None:
    one.apply(
        ingress("default/robbed", default="web:80", class_name="gce"),
        ingress("default/bent", {"": [("/api", "api:80")]}, class_name="gce"),
    )
    one.served("default/robbed")
    one.served("default/bent")
    first, whole = one.address("default/first"), one.ours("-robbed-")
    routes, body = one.routes("default/bent"), one.url_map("default/bent")
    assert {"forwardingRules", "targetHttpProxies", "urlMaps"} == whole.keys()
    assert routes

    one.send("glbc", signal.SIGSTOP)  # else a resync may come between
    try:
        for kind, names in whole.items():  # from the front: nothing may be deleted that is in use
            for name in names:
                path = f"global/{kind}/{name}"
                one.ask("DELETE", f"{one.gce}/compute/v1/projects/{PROJECT}/{path}")
                one.until(
                    lambda kind=kind, name=name: name not in named(one, kind), f"{name} is gone"
                )
        bent = {"fingerprint": body["fingerprint"], "pathMatchers": [], "hostRules": []}
        one.ask("PUT", body["selfLink"].replace("https://www.googleapis.com", one.gce), body | bent)
        one.until(lambda: not one.routes("default/bent"), "somebody has taken the routes")
    finally:
        one.send("glbc", signal.SIGCONT)

    one.until(lambda: one.ours("-robbed-") == whole, "what was deleted is back")
    (rule,) = (body for body in one.bodies("forwardingRules") if "-robbed-" in body["name"])
    one.until(lambda: one.address("default/robbed") == rule["IPAddress"], "the address is told")
    one.until(lambda: one.routes("default/bent") == routes, "what was changed is back")
    assert one.address("default/first") == first


def test_a_missing_service_is_told_once_and_served_when_it_appears(one: World) -> None:
    one.apply(
        ingress(
            "default/early",
            {"": [("/api", "api:80"), ("/late", "late:80")]},
            default="web:80",
            class_name="gce",
        )
    )
    one.served("default/early")
    assert one.routes("default/early")["/api"] == "30002"
    warnings = "involvedObject.name=early,type=Warning"

    def told() -> list[tuple[str, str]]:
        found = events(one, f"--field-selector={warnings}")
        return [(event["reason"], event["message"]) for event in found]

    one.until(told, "the finding is told")
    ((reason, message),) = told()
    assert reason == "ServiceNotFound"
    assert message.startswith("spec.rules[0].http.paths[1].backend: ")
    assert "default/late" in message
    assert "create it" in message
    shown = one.kubectl("get", "events", f"--field-selector={warnings}")
    assert "ingress/early" in shown
    one.end("glbc")
    one.start_glbc()
    (event,) = events(one, f"--field-selector={warnings}")
    one.until(
        lambda: events(one, f"--field-selector={warnings}")[0]["count"] == 2,
        "the same event is counted",
    )
    assert len(told()) == 1
    assert event["type"] == "Warning"
    one.apply(service("default/late", "80->30044"))
    one.until(lambda: one.routes("default/early").get("/late") == "30044", "it is served")


def test_what_is_applied_together_is_no_reason_to_warn(one: World) -> None:
    """An Ingress may be seen before its Service: each kind has a watch of its own."""
    for n in range(8):
        one.apply(
            service(f"default/pair{n}", "80"),
            ingress(f"default/pair{n}", default=f"pair{n}:80", class_name="gce"),
        )
    one.apply(ingress("default/alone", default="nobody:80", class_name="gce"))

    def warned() -> set[str]:
        return {event["involvedObject"]["name"] for event in events(one, *words)}

    words = ("--field-selector=type=Warning",)
    one.until(lambda: "alone" in warned(), "the one that is wrong is told")
    one.until(lambda: all(one.address(f"default/pair{n}") for n in range(8)), "the others serve")
    assert not any(name.startswith("pair") for name in warned())
