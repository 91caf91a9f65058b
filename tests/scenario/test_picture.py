"""The live picture says how everything stands and why, and gives nothing away."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fakes.build import ingress, service
from glbc.picture.painter import encoded, picture
from glbc.picture.shapes import Drawn, Picture, Standing, State
from tests.support import pki
from tests.support.house import CLUSTER_UID, NAMER, PROJECT, House
from tests.support.scenes import OLD, QUOTA, busy_house, insert

GOLDEN = Path(__file__).parents[1] / "golden" / "picture" / "busy.json"


def drawn(house: House) -> Picture:
    return picture(house.loop.window.scene, NAMER, house.config)


def of(seen: Picture, name: str) -> Drawn:
    return next(one for one in seen.ingresses if f"{one.namespace}/{one.name}" == name)


def states(seen: Picture, name: str) -> dict[str, str]:
    """Return how what serves an Ingress stands: `kind/name`, the name in short -> state."""
    nodes = [seen.nodes[one] for one in of(seen, name).chain]
    return {f"{node.kind} {node.name.partition('--')[0][:12]}": node.state for node in nodes}


@pytest.fixture(scope="module")
def busy() -> House:
    return busy_house()


def test_a_busy_cluster_as_the_page_gets_it(busy: House, update_golden: bool) -> None:
    text = json.dumps(json.loads(encoded(drawn(busy))), indent=1, ensure_ascii=False) + "\n"
    if update_golden:
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text


def test_the_same_turn_is_the_same_picture(busy: House) -> None:
    assert encoded(drawn(busy)) == encoded(drawn(busy))


def test_the_worst_comes_first(busy: House) -> None:
    stands = [(f"{one.namespace}/{one.name}", one.standing) for one in drawn(busy).ingresses]
    assert stands == [
        ("pay/checkout", Standing.PROBLEM),
        ("shop/outlet", Standing.PROBLEM),
        ("blog/web", Standing.FINDING),
        ("shop/sale", Standing.WORKING),
        ("shop/web", Standing.RIGHT),
    ]


def test_what_the_cloud_refused_says_why_and_what_to_do(busy: House) -> None:
    seen = drawn(busy)
    (parked,) = (seen.nodes[one] for one in seen.parked)
    assert (parked.kind, parked.op, parked.state) == ("urlMaps", "create", State.PARKED)
    assert QUOTA in parked.text
    assert parked.hint == "raise the quota, or delete what is not needed"
    assert seen.parked[0] in of(seen, "pay/checkout").chain


def test_what_is_being_made_is_in_flight_and_the_rest_waits_its_turn(busy: House) -> None:
    seen = drawn(busy)
    assert set(seen.flying) <= set(of(seen, "shop/sale").chain)
    assert states(seen, "shop/sale") == {
        "forwardingRules k8s2-fr-aer3": State.CREATE,
        "targetHttpProxies k8s2-tp-aer3": State.CREATE,
        "urlMaps k8s2-um-aer3": State.IN_FLIGHT,
        "backendServices k8s-be-30000": State.RIGHT,
        "backendServices k8s-be-30301": State.RIGHT,
        "healthChecks k8s-be-30000": State.RIGHT,
        "healthChecks k8s-be-30301": State.RIGHT,
    }


def test_who_holds_a_leaving_ingress_is_drawn_beside_what_it_holds(busy: House) -> None:
    seen = drawn(busy)
    assert of(seen, "shop/outlet").leaving
    assert states(seen, "shop/outlet") == {
        "targetHttpProxies migration-20": State.FOREIGN,
        "urlMaps k8s2-um-aer3": State.BLOCKED,
        "urlMaps migration-20": State.FOREIGN,
        "backendServices k8s-be-30303": State.BLOCKED,
        "healthChecks k8s-be-30303": State.BLOCKED,
    }


def test_what_leaves_and_is_nobodys_any_more_is_drawn_with_who_holds_it() -> None:
    house = House()
    house.apply(service("shop/old", "80->30303"), ingress("shop/outlet", default="old:80"))
    house.settle()
    backend = f"projects/{PROJECT}/global/backendServices/{OLD}"
    insert(house, "urlMaps", name="migration-2019", defaultService=backend)
    house.loop.resync()
    house.kube.delete("Ingress", "shop/outlet")
    house.settle()
    assert house.ingress("shop/outlet") is None
    seen = drawn(house)
    assert seen.ingresses == ()
    names = [(seen.nodes[one].name, seen.nodes[one].state) for one in seen.leaving]
    assert names == [
        ("migration-2019", State.FOREIGN),
        (OLD, State.BLOCKED),
        (OLD, State.BLOCKED),
    ]


def test_what_all_share_is_there_once_and_in_no_chain(busy: House) -> None:
    seen = drawn(busy)
    assert [seen.nodes[one].name for one in seen.shared] == [
        f"k8s-ig--{CLUSTER_UID}",
        f"k8s-ig--{CLUSTER_UID}",
        f"k8s-fw-l7--{CLUSTER_UID}",
    ]
    assert not {one for ingress in seen.ingresses for one in ingress.chain} & set(seen.shared)


def test_every_id_that_is_named_is_drawn(busy: House) -> None:
    seen = drawn(busy)
    named = {*seen.shared, *seen.leaving, *seen.flying, *seen.parked}
    for one in seen.ingresses:
        named |= {*one.chain, *one.groups}
        named |= {used for node in one.chain for used in seen.nodes[node].uses}
    assert named <= seen.nodes.keys()


def test_a_backend_that_fails_is_a_problem_though_nothing_is_to_be_done() -> None:
    house = House()
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    house.settle()
    assert of(drawn(house), "shop/web").standing is Standing.RIGHT
    house.gce.health.set("UNHEALTHY", port=30301)
    house.clock.advance(300)
    house.settle()
    assert of(drawn(house), "shop/web").standing is Standing.PROBLEM
    assert "UNHEALTHY" in "".join(node.fact for node in drawn(house).nodes.values())


def test_a_finding_on_a_service_stands_at_the_ingress_that_uses_it() -> None:
    house = House()
    odd: dict[str, Any] = service("shop/web", "80->30301")
    odd["metadata"]["annotations"] = {"cloud.google.com/app-protocols": '{"x": "HTTP"}'}
    house.apply(odd, ingress("shop/web", default="web:80"))
    house.settle()
    told = of(drawn(house), "shop/web").findings
    assert ["'x'" in one.message for one in told] == [True]


def test_no_byte_of_a_key_or_a_certificate_is_in_the_picture(busy: House) -> None:
    text = encoded(drawn(busy)).decode()
    assert "shop.example.com" not in text  # routes are counted, not listed
    for pem in pki.fixed_pair("shop.example.com"):
        lines = [line for line in pem.decode().splitlines() if "-----" not in line]
        assert lines
        assert not [line for line in lines if line in text]
        assert base64.b64encode(pem).decode()[:40] not in text


def test_before_the_first_turn_there_is_nothing_and_that_is_said() -> None:
    house = House()
    assert house.loop.window.scene is None
    assert drawn(house) == Picture(at=0.0)


def test_the_age_of_the_list_is_that_of_the_oldest_kind() -> None:
    house = House(resync_sec=600)
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    house.settle()
    first = drawn(house).listed
    assert first is not None
    house.clock.advance(700)
    house.settle(patience=30)
    assert (drawn(house).listed or 0.0) >= first + 700


def test_a_turn_that_was_shown_does_not_change_any_more() -> None:
    house = House()
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    house.settle()
    scene = house.loop.window.scene
    before = encoded(picture(scene, NAMER, house.config))
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    assert encoded(picture(scene, NAMER, house.config)) == before
    assert drawn(house).ingresses == ()
