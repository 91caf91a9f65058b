"""What must hold whatever is done to a world."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.clock import VirtualClock
from fakes.kube import World
from fakes.kube import patch as patches
from fakes.kube.allocate import cluster_ip, node_ports

from .conftest import CONFIGMAPS, SERVICES, Door, configmap, service

NAMES = st.sampled_from("abc")
VALUES = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=2)
TYPES = st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"])


def _put(door: Door, name: str, data: dict[str, str]) -> Any:
    answer = door.put(f"{CONFIGMAPS}/{name}", configmap(name, **data))
    return door.post(CONFIGMAPS, configmap(name, **data)) if answer.status == 404 else answer


def _merge(door: Door, name: str, data: dict[str, str]) -> Any:
    return door.patch(f"{CONFIGMAPS}/{name}", {"data": data})


def _apply(door: Door, name: str, data: dict[str, str]) -> Any:
    return door.patch(
        f"{CONFIGMAPS}/{name}", configmap(name, **data), "apply", fieldManager="m", force="true"
    )


def _hold(door: Door, name: str, data: dict[str, str]) -> Any:
    return door.patch(
        f"{CONFIGMAPS}/{name}", {"metadata": {"finalizers": ["a.io/x"] if data else None}}
    )


def _delete(door: Door, name: str, _: dict[str, str]) -> Any:
    return door.delete(f"{CONFIGMAPS}/{name}")


STEPS = st.lists(
    st.tuples(st.sampled_from([_put, _merge, _apply, _hold, _delete]), NAMES, VALUES), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_replaying_the_changes_gives_the_list(steps):
    world = World(clock=VirtualClock())
    since, door = world.resource_version, Door(world)
    for step, name, data in steps:
        assert step(door, name, data).status in {200, 201, 404, 422}
    seen: dict[str, Any] = {}
    versions = []
    for event in world.changes("ConfigMap", since):
        name = event["object"]["metadata"]["name"]
        assert (event["type"] == "ADDED") is (name not in seen)
        versions.append(int(event["object"]["metadata"]["resourceVersion"]))
        if event["type"] == "DELETED":
            seen.pop(name)
        else:
            assert seen.get(name) != event["object"], "an event that says nothing"
            seen[name] = event["object"]
    assert versions == sorted(set(versions))
    assert [seen[name] for name in sorted(seen)] == world.list("ConfigMap")


@settings(max_examples=30, deadline=None)
@given(before=STEPS, after=STEPS)
def test_a_copy_is_equal_and_goes_its_own_way(before, after):
    world = World(clock=VirtualClock())
    for step, name, data in before:
        step(Door(world), name, data)
    twin = copy.deepcopy(world)
    frozen = world.list("ConfigMap")
    for step, name, data in after:
        step(Door(twin), name, data)
    assert world.list("ConfigMap") == frozen
    for step, name, data in after:
        step(Door(world), name, data)
    assert world.list("ConfigMap") == twin.list("ConfigMap")


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(NAMES, TYPES, st.integers(1, 3), st.booleans()), max_size=20))
def test_node_ports_and_addresses_have_one_owner(steps):
    world = World(clock=VirtualClock())
    door = Door(world)
    for name, kind, ports, gone in steps:
        spec = {"type": kind, "ports": [{"name": f"p{n}", "port": n} for n in range(1, ports + 1)]}
        if door.put(f"{SERVICES}/{name}", service(name, **spec)).status == 404:
            door.post(SERVICES, service(name, **spec))
        if gone:
            door.delete(f"{SERVICES}/{name}")
        services = world.list("Service")
        held = [port for one in services for port in node_ports(one)]
        addresses = [cluster_ip(one) for one in services]
        assert (
            len(held)
            == len(set(held))
            == sum(
                len(one["spec"]["ports"]) for one in services if one["spec"]["type"] != "ClusterIP"
            )
        )
        assert len(addresses) == len(set(addresses))


JSON = st.recursive(
    st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    document=st.dictionaries(st.sampled_from("xyz"), JSON),
    patch=st.dictionaries(st.sampled_from("xyz"), JSON),
)
def test_a_merge_patch_is_idempotent_and_changes_nothing_in_place(document, patch):
    before = copy.deepcopy((document, patch))
    once = patches.merge(document, patch)
    assert patches.merge(once, patch) == once
    assert (document, patch) == before
