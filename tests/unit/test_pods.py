"""Who is in which endpoint group: what a translation takes over from the one before, and what not."""

import msgspec

from fakes.build import endpoint, endpoint_slice, ingress, node, service
from glbc.config import Config
from glbc.model.compute import Endpoint
from glbc.model.graph import Resource
from glbc.model.keys import Kind, ResourceKey, zone
from glbc.model.views import Hints, LiveGroup, Snapshot
from glbc.naming import Namer
from glbc.translate.desired import Desired, translate
from tests.golden.cases import snapshot_of

CONFIG, NAMER = Config(project="demo", node_tags=("node",)), Namer("16f2a1b3c4d5e6f7", "k")
HERE = ResourceKey("demo", Kind.NETWORK_ENDPOINT_GROUP, zone("z-a"), NAMER.neg("shop", "web", 80))
THERE = Endpoint(ip_address="10.8.0.9", port=8080, instance="gone")


def shop(*nodes: str) -> Snapshot:
    """Return a cluster with a pod on each of these nodes, and one on a node that nobody sees."""
    web = service("shop/web", "80", kind="ClusterIP", target=8080)
    web["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
    rows = [endpoint(f"10.8.0.{n}", name) for n, name in enumerate((*nodes, "lost"), 8)]
    pods = endpoint_slice("shop/web-1", "web", rows[:-1], "8080")
    lost = endpoint_slice("shop/web-2", "web", [{**rows[-1], "addresses": ["10.8.0.9"]}], "8080")
    objects = (web, pods, lost, ingress("shop/in", default="web:80"))
    return snapshot_of([*objects, *(node(name, "z-a") for name in nodes)])


def seen(*endpoints: Endpoint) -> Hints:
    """Return the hints of a cloud whose group has these endpoints."""
    return Hints(endpoint_groups={HERE: LiveGroup("shop/web", "80", endpoints)})


def members(desired: Desired) -> list[str]:
    """Return who is wanted in the group."""
    group: Resource = desired.graph[HERE]
    found: tuple[Endpoint, ...] = msgspec.structs.asdict(group.spec)["network_endpoints"]
    return [one.ip_address for one in found]


def test_a_pod_whose_node_nobody_sees_stays_for_as_long_as_it_is_in_the_group() -> None:
    snapshot, before = shop("n1"), seen(THERE)
    first = translate(snapshot, before, NAMER, CONFIG)
    assert members(first) == ["10.8.0.8", "10.8.0.9"]
    assert not first.hints_hold(before, seen(), 0.0)
    assert members(translate(snapshot, seen(), NAMER, CONFIG, first)) == ["10.8.0.8"]


def test_who_is_in_a_group_whose_nodes_are_all_seen_is_not_looked_at() -> None:
    snapshot = shop("n1")
    known = {"shop/web-1": snapshot.endpoint_slices["shop/web-1"]}
    snapshot = msgspec.structs.replace(snapshot, endpoint_slices=known)
    first = translate(snapshot, seen(THERE), NAMER, CONFIG)
    assert first.hints_hold(seen(THERE), seen(), 0.0)


def test_who_is_in_a_group_is_looked_at_while_no_slice_tells_of_it() -> None:
    """The firewall stays open for its port."""
    snapshot = msgspec.structs.replace(shop("n1"), endpoint_slices={})
    first = translate(snapshot, seen(THERE), NAMER, CONFIG)
    assert not first.hints_hold(seen(THERE), seen(), 0.0)


def test_what_is_not_in_the_graph_of_the_cloud_any_more_is_looked_at() -> None:
    first = translate(shop("n1"), seen(), NAMER, CONFIG)
    assert not first.hints_hold(seen(), Hints(), 0.0)


def test_a_pod_whose_node_only_one_of_two_slices_names_is_on_that_node() -> None:
    snapshot = shop("n1")
    slices = dict(snapshot.endpoint_slices)
    (first,) = slices["shop/web-1"].endpoints or ()
    again = msgspec.structs.replace(first, node_name="lost")
    slices["shop/web-2"] = msgspec.structs.replace(slices["shop/web-2"], endpoints=(again,))
    snapshot = msgspec.structs.replace(snapshot, endpoint_slices=slices)
    desired = translate(snapshot, seen(), NAMER, CONFIG)
    assert members(desired) == ["10.8.0.8"]
    assert [one for one in desired.findings if one.reason == "EndpointWithoutNode"] == []
