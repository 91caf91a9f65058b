"""Whose an identity is: what the cloud proves of a uid, and when another cluster visibly has the same.

Bug 5 (a) of the users' list: contrib#1362, contrib PR#1363, k8s#47565, k8s#52303.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from fakes.build import ingress, node, service
from fakes.gce import World as GceWorld
from glbc.commands.evidence import Evidence
from glbc.errors import GlbcError
from glbc.naming import Namer
from tests.support.house import CLUSTER_UID, KUBE_SYSTEM_UID, House

OTHER_UID = "0123456789abcdef"
OTHER_SYSTEM = "11111111-2222-3333-4444-555555555555"
ZONE = "us-central1-a"
GROUP = f"k8s-ig--{CLUSTER_UID}"


def add_machine(house: House, name: str, *tags: str) -> None:
    house.gce.seed_instance(name=name, zone=ZONE, tags=tags, ip=f"10.1.0.{len(name)}")
    house.kube.apply(node(name, ZONE))


def remove_machine(house: House, name: str, *, keep: bool = False) -> None:
    house.kube.delete("Node", name)
    if not keep:
        house.gce.remove_instance(name, ZONE)


def cluster(
    gce: GceWorld | None = None,
    *,
    uid: str = CLUSTER_UID,
    system: str = KUBE_SYSTEM_UID,
    machines: Iterable[tuple[str, str]] = (("a-1", "gke-a"), ("a-22", "gke-a")),
    name: str = "web",
    **settings: Any,
) -> House:
    """Return a cluster of a project, with machines and tags of its own."""
    house = House(nodes={}, namer=Namer(uid, system), **settings)
    if gce is not None:
        house.gce = gce
        house.start()
    for machine, tag in machines:
        add_machine(house, machine, *([tag] if tag else []))
    house.apply(service(f"shop/{name}", "80->30301"), ingress(f"shop/{name}", default=f"{name}:80"))
    return house


def served(*arguments: Any, **settings: Any) -> House:
    house = cluster(*arguments, **settings)
    house.settle()
    assert house.refused() == []
    return house


def evidence(house: House, **settings: Any) -> Evidence:
    return Evidence(House(gce=house.gce, nodes={}, **settings).config, house.cloud)


def replace_all(house: House, tag: str = "gke-a", *, keep: bool = False) -> None:
    """Replace every node while nobody looks."""
    for name in ("a-1", "a-22"):
        remove_machine(house, name, keep=keep)
    add_machine(house, "a-333", tag)


def forget_address(house: House) -> None:
    """Let the Ingress show nothing, as a restore from a backup does."""
    live = house.ingress("shop/web")
    assert live is not None
    house.kube.apply(live | {"status": {}})
    assert house.address("shop/web") == ""


def nothing(_: House) -> None:
    """Change nothing."""


class TestALostUid:
    """The ConfigMap was deleted while the controller was down (contrib PR#1363)."""

    @pytest.mark.parametrize("scheme", ["v1", "v2"])
    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(nothing, id="as it was"),
            pytest.param(replace_all, id="all nodes were replaced"),
            pytest.param(forget_address, id="the Ingress shows no address"),
        ],
    )
    def test_is_told_by_what_only_this_cluster_has(
        self, scheme: str, change: Callable[[House], None]
    ) -> None:
        house = served(new_ingress_scheme=scheme)
        change(house)
        told = evidence(house).told(house.cluster.snapshot(), KUBE_SYSTEM_UID)
        assert (list(told.uids), told.silent) == ([CLUSTER_UID], ())

    def test_a_neighbour_in_the_project_tells_nothing_of_ours(self) -> None:
        neighbour = served(
            uid=OTHER_UID, system=OTHER_SYSTEM, machines=[("b-1", "gke-b")], name="theirs"
        )
        house = cluster(neighbour.gce)
        told = evidence(house).told(house.cluster.snapshot(), KUBE_SYSTEM_UID)
        assert (told.uids, told.silent) == ({}, ())
        house.settle()
        told = evidence(house).told(house.cluster.snapshot(), KUBE_SYSTEM_UID)
        assert (list(told.uids), told.silent) == ([CLUSTER_UID], ())

    def test_two_proofs_that_contradict_each_other_are_both_told(self) -> None:
        house = served()
        live = house.body("urlMaps", house.names("urlMaps")[0])
        theirs = dict(house.body("backendServices", f"k8s-be-30301--{CLUSTER_UID}"))
        name = f"k8s-be-30301--{OTHER_UID}"
        for field in ("id", "selfLink", "creationTimestamp", "fingerprint", "name", "kind"):
            theirs.pop(field, None)
        house.gce.seed("backendServices", "global", name, theirs)
        link = live["defaultService"].rpartition("/")[0] + f"/{name}"
        house.gce.seed("urlMaps", "global", live["name"], {"defaultService": link})
        told = evidence(house).told(house.cluster.snapshot(), KUBE_SYSTEM_UID)
        assert sorted(told.uids) == [OTHER_UID, CLUSTER_UID]

    def test_a_front_end_of_ours_that_leads_to_no_such_backend_is_silent(self) -> None:
        house = served()
        replace_all(house)
        live = house.body("urlMaps", house.names("urlMaps")[0])
        name = f"k8s1-{CLUSTER_UID[:8]}-shop-web-80-9710d9e6"
        house.gce.seed("backendServices", "global", name, {})
        link = live["defaultService"].rpartition("/")[0] + f"/{name}"
        house.gce.seed("urlMaps", "global", live["name"], {"defaultService": link})
        told = evidence(house).told(house.cluster.snapshot(), KUBE_SYSTEM_UID)
        rule = house.names("forwardingRules")[0]
        assert (told.uids, told.silent) == (
            {},
            (f"forwardingRules/{rule}", f"urlMaps/{live['name']}"),
        )


def theirs_v1(**settings: Any) -> House:
    """Return our cluster in a project where another one uses our uid, under v1 names."""
    machines = [("b-1", settings.pop("tag", "gke-b"))]
    other = served(system=OTHER_SYSTEM, machines=machines, new_ingress_scheme="v1")
    return cluster(other.gce, **settings)


def theirs_v2(**settings: Any) -> House:
    """Return the same under v2 names: those hold a hash of the other kube-system's uid."""
    other = served(system=OTHER_SYSTEM, machines=[("b-1", settings.pop("tag", "gke-b"))])
    return cluster(other.gce, **settings)


def own(change: Callable[[House], None]) -> Callable[[], House]:
    """Return the maker of a cluster that was served, and has changed since."""

    def make() -> House:
        house = served()
        change(house)
        return house

    return make


class TestOneUidOfTwoClusters:
    """Each takes the other's nodes out and deletes its rules (contrib#1362)."""

    @pytest.mark.parametrize(
        ("make", "seen"),
        [
            pytest.param(
                theirs_v1, f"{GROUP} holds instances/b-1 (us-central1-a), tagged gke-b", id="nodes"
            ),
            pytest.param(theirs_v2, "made by a cluster with another kube-system", id="front ends"),
            pytest.param(
                lambda: theirs_v2(tag="gke-a"),
                f"leads to k8s-be-30301--{CLUSTER_UID}",
                id="front ends, and the tags are alike",
            ),
        ],
    )
    def test_is_refused_and_says_what_shows_it(self, make: Callable[[], House], seen: str) -> None:
        house = make()
        with pytest.raises(GlbcError) as refusal:
            evidence(house).refuse_taken(house.cluster.snapshot(), house.namer)
        line = str(refusal.value)
        assert "\n" not in line
        for word in (seen, "kube-system/ingress-uid", CLUSTER_UID, "shared_identity: true"):
            assert word in line
        meant = evidence(house, shared_identity=True)
        meant.refuse_taken(house.cluster.snapshot(), house.namer)

    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(cluster, id="an empty project"),
            pytest.param(own(nothing), id="what is there is ours"),
            pytest.param(own(replace_all), id="all nodes were replaced while it was down"),
            pytest.param(
                own(lambda house: replace_all(house, "new-tag")), id="by nodes with another tag"
            ),
            pytest.param(
                own(lambda house: replace_all(house, keep=True)),
                id="and the old machines still run",
            ),
            pytest.param(
                lambda: theirs_v1(tag=""), id="their machines have no tags: nobody can say"
            ),
            pytest.param(
                lambda: theirs_v1(machines=[("a-1", "")]), id="ours have no tags: nobody can say"
            ),
            pytest.param(lambda: theirs_v1(machines=[]), id="we have no nodes: nobody can say"),
            pytest.param(lambda: theirs_v1(uid=OTHER_UID), id="the neighbour has a uid of its own"),
            pytest.param(lambda: theirs_v2(uid=OTHER_UID), id="so has one with v2 names"),
        ],
    )
    def test_is_never_seen_where_there_is_one_cluster(self, make: Callable[[], House]) -> None:
        house = make()
        evidence(house).refuse_taken(house.cluster.snapshot(), house.namer)
