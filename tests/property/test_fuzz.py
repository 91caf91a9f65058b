"""Whatever an API server hands out: no crash, nothing that the cloud refuses, and rest at the end.

GLBC_FUZZ_EXAMPLES multiplies how many clusters are tried (1).
"""

import os
import random
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from fakes.gce.discovery import discovery
from fakes.kube import ApiError
from glbc.model import codec
from glbc.model.keys import Kind
from glbc.model.kinds import MANAGED
from glbc.model.views import Hints, Snapshot
from glbc.naming import Namer
from glbc.translate.desired import Desired, translate
from tests.golden.cases import KUBE_SYSTEM, UID, VIEW_OF, config_of
from tests.property import manifests
from tests.property.drawn import CRDS
from tests.property.manifests import Maker, Manifest, spoilt
from tests.support import pki
from tests.support.house import House

MORE = float(os.environ.get("GLBC_FUZZ_EXAMPLES", "1"))
NAMER = Namer(UID, KUBE_SYSTEM)
CONFIG = config_of()
NOW = pki.START.timestamp() + 86400 * 14
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
SEEDS = st.integers(0, 2**32)
HINTS = Hints(
    certificates={"own-cert": "-----BEGIN CERTIFICATE-----"},
    addresses={"own-ip": "203.0.113.7"},
    policies={kind: frozenset({"policy"}) for kind in (Kind.SECURITY_POLICY, Kind.SSL_POLICY)},
)


LONG_ENOUGH = 1300.0  # seconds: two resyncs, for what waits for one
TRIED = 12


def fuzz(count: int) -> settings:
    """Return how hard to try; a seed cannot be made simpler, so nothing is shrunk."""
    return settings(
        max_examples=max(1, int(count * MORE)),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )


def clusters(*, wild: bool) -> st.SearchStrategy[list[Manifest]]:
    return SEEDS.map(lambda seed: Maker(seed, wild=wild).cluster())


def answered(snapshot: Snapshot, hints: Hints = HINTS) -> Desired:
    return translate(snapshot, hints, NAMER, CONFIG, now=NOW)


def assert_acceptable(desired: Desired) -> None:
    """Check names and bodies of all that is wanted against Google's own document."""
    api = discovery()
    for node in desired.graph:
        assert NAME.fullmatch(node.key.name), node.key
        segments = tuple(node.key.path.split("/")[1:-1])
        found = api.route("POST", segments)
        assert found is not None, segments
        api.check_body(found[0].request, codec.body_of(node.key, node.spec))
    for node in desired.graph.of_kind(Kind.INSTANCE_GROUP):
        late = codec.encode(node.key.kind, node.spec)
        ports = {"namedPorts": late["namedPorts"]}
        api.check_body("InstanceGroupsSetNamedPortsRequest", ports)


@fuzz(150)
@given(clusters(wild=True), SEEDS)
def test_a_spoilt_object_is_read_or_said_to_be_unreadable_and_the_rest_is_answered(
    objects: list[Manifest], seed: int
) -> None:
    rng = random.Random(seed)
    odd = [spoilt(one, rng) if rng.random() < 0.5 else one for one in objects]
    snapshot, unreadable = manifests.read(odd)
    readable = sum(one["kind"] in VIEW_OF for one in odd) - len(unreadable)
    assert sum(len(getattr(snapshot, name)) for name in VIEW_OF.values()) <= readable
    for finding in answered(snapshot).findings:
        assert all((finding.reason, finding.field, finding.message, finding.hint)), finding


@fuzz(150)
@given(clusters(wild=True))
def test_every_cluster_is_answered_in_bodies_that_the_api_accepts(objects: list[Manifest]) -> None:
    snapshot, unreadable = manifests.read(objects)
    assert unreadable == []
    desired = answered(snapshot)
    assert_acceptable(desired)
    for finding in desired.findings:
        assert all((finding.reason, finding.field, finding.message, finding.hint)), finding


@fuzz(100)
@given(clusters(wild=True), st.randoms(use_true_random=False))
def test_the_order_of_the_objects_does_not_matter(
    objects: list[Manifest], rng: random.Random
) -> None:
    other = list(objects)
    rng.shuffle(other)
    first, second = (answered(manifests.read(one)[0]) for one in (objects, other))
    assert list(first.graph) == list(second.graph)
    assert (first.findings, first.keep) == (second.findings, second.keep)
    assert (first.served, first.leaving) == (second.served, second.leaving)


def accepted(house: House, objects: Sequence[Manifest]) -> list[Manifest]:
    """Put objects into the cluster; return those that the API server takes."""
    taken = []
    for one in objects:
        try:
            house.apply(one)
        except ApiError:
            continue
        taken.append(one)
        place = one["spec"].get("providerID", "") if one["kind"] == "Node" else ""
        _, zone, name = [*place.removeprefix("gce://").split("/"), "", ""][:3]
        if zone and name:
            house.gce.seed_instance(name=name, zone=zone, tags=("n",), ip="10.0.0.9")
    return taken


def house_of(objects: Sequence[Manifest], seed: int) -> House:
    house = House(seed=seed, nodes={}, node_tags=["n"])
    for path in sorted(CRDS.glob("*.yaml")):
        house.apply(yaml.safe_load(path.read_text()))
    crt, key = (part.decode() for part in pki.fixed_pair("own.example.com"))
    for kind, body in (
        ("addresses", {"name": "own-ip"}),
        ("securityPolicies", {"name": "policy"}),
        ("sslPolicies", {"name": "policy"}),
        ("sslCertificates", {"name": "own-cert", "certificate": crt, "privateKey": key}),
    ):
        house.cloud._ask("POST", f"/compute/v1/projects/demo/global/{kind}", body)
    house.clock.advance(60)  # until they are there
    accepted(house, objects)
    return house


@fuzz(30)
@given(clusters(wild=False), SEEDS)
def test_every_cluster_comes_to_rest_unrefused_and_a_fresh_controller_writes_nothing(
    objects: list[Manifest], seed: int
) -> None:
    house = house_of(objects, seed)
    house.settle()
    assert_at_rest(house)


@fuzz(22)
@given(clusters(wild=False), clusters(wild=False), SEEDS)
def test_every_edit_of_a_cluster_comes_to_rest_unrefused(
    before: list[Manifest], after: list[Manifest], seed: int
) -> None:
    house, rng = house_of(before, seed), random.Random(seed)
    house.settle()
    for kind, namespace, name in map(manifests.key_of, before):
        if rng.random() < 0.25:
            with suppress(ApiError):  # it was refused, so it is not there
                house.kube.delete(kind, f"{namespace}/{name}".removeprefix("/"))
    accepted(house, after)
    house.settle(patience=LONG_ENOUGH)
    assert_at_rest(house)


@fuzz(15)
@given(clusters(wild=False), SEEDS)
def test_every_cluster_that_loses_its_ingresses_leaves_nothing(
    objects: list[Manifest], seed: int
) -> None:
    house, rng = house_of(objects, seed), random.Random(seed)
    house.settle()
    for one in objects:
        kind, namespace, name = manifests.key_of(one)
        exposed = "exposed_ports" in str(one["metadata"].get("annotations"))  # needs no Ingress
        goes = kind == "Ingress" or exposed or (kind != "Node" and rng.random() < 0.5)
        with suppress(ApiError):  # it was refused, so it is not there
            if goes:
                house.kube.delete(kind, f"{namespace}/{name}".removeprefix("/"))
    house.settle(patience=LONG_ENOUGH)
    assert house.ours() == {"addresses": ["own-ip"], "sslCertificates": ["own-cert"]}
    held = {tuple(one["metadata"]["finalizers"]) for one in house.kube.list("Ingress")}
    assert held <= {("example.com/hold",)}
    assert house.refused() == []


def assert_at_rest(house: House) -> None:
    """Check that nothing was refused, and that a fresh controller finds nothing to do."""
    assert house.refused() == []
    house.start()
    house.settle()
    assert [str(call) for call in house.cloud.writes] == []
    assert house.refused() == []


@pytest.mark.parametrize("kind", manifests.KINDS)
def test_most_objects_of_a_kind_are_let_in_by_the_api_server(kind: str) -> None:
    """The generators make what a real server hands out, not what it would never let in."""
    make, _ = manifests.KINDS[kind]
    made = [make(Maker(seed)) for seed in range(TRIED)]
    taken = sum(len(accepted(house_of((), 0), [one])) for one in made)
    assert taken > TRIED * 0.7


def test_clusters_are_rich_enough_to_mean_something() -> None:
    snapshots = [manifests.read(Maker(seed).cluster())[0] for seed in range(300)]
    found = Counter(node.key.kind for one in snapshots for node in answered(one).graph)
    told = {finding.reason for one in snapshots for finding in answered(one).findings}
    rare = {kind: found[kind] for kind in MANAGED if found[kind] < 10}
    assert (rare, len(told) > 15) == ({}, True)
