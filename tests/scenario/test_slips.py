"""Slips that were found by reading comparable projects, each where it would have been caught here.

Rows that another test covers in full are not repeated: `docs/threads.md` has the whole table.
"""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from fakes.build import ingress, service
from glbc.engine import executor, ports
from glbc.gcp import client, retry
from glbc.model import compute
from glbc.model.graph import Graph, Observed, Ownership, wanted
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, refs_in
from glbc.plan import simulate
from glbc.plan.planner import Op, plan
from tests.scenario.test_stories import SERVICES, edit, shop
from tests.scenario.test_threads_gc import secured
from tests.support import pki
from tests.support.house import PROJECT, House


def key(kind: Kind, name: str) -> ResourceKey:
    return ResourceKey(PROJECT, kind, GLOBAL, name)


def keys_of(house: House) -> set[ResourceKey]:
    return set(house.loop.inventory.graph().keys())


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda h: h.kube.delete("Ingress", "shop/web"), id="all of it goes"),
        pytest.param(
            lambda h: h.apply(ingress("shop/web", default="dflt:http")), id="a part of it goes"
        ),
        pytest.param(
            lambda h: h.apply(ingress("shop/more", default="api:8080")), id="something comes"
        ),
    ],
)
def test_k8scp_action_delete_a_plan_on_paper_comes_to_the_end_that_execution_comes_to(
    step: Callable[[House], Any],
) -> None:
    """`rnode/action_delete.go`: the dry run waited for deletes that nobody did."""
    house = shop(backend_grace_sec=0)
    step(house)
    actual = house.loop.inventory.graph()
    desired = house.loop._desired(house.cluster.snapshot())
    before = house.gce.dump()
    paper = simulate.rehearse(desired.graph, actual, desired.keep)
    assert paper.waves
    assert paper.last.actions == ()
    assert house.gce.dump() == before
    house.settle()
    assert set(paper.end.keys()) == keys_of(house)


def test_k8scp_builder_every_backend_of_a_url_map_is_a_reference() -> None:
    """`rnode/urlmap/builder.go`: those of path rules were not."""
    house = House()
    hosts = {
        "a.example.com": [("/", "front:80"), ("/api", "api:8080")],
        "b.example.com": [("/api", "api:8080")],
    }
    house.apply(*SERVICES, ingress("shop/web", hosts, default="dflt:http"))
    house.settle()
    (live,) = house.loop.inventory.graph().of_kind(Kind.URL_MAP)
    assert {ref.name.split("-")[2] for ref in live.refs} == {"30301", "30302", "30303"}
    assert live.refs == refs_in(live.spec)


def test_k8scp_action_update_what_has_the_name_of_another_kind_is_another_resource() -> None:
    """`rnode/action_update.go`: looked up by name, whatever it was."""
    name = "k8s-be-30301--16f2a1b3c4d5e6f7"
    check, backend = key(Kind.HEALTH_CHECK, name), key(Kind.BACKEND_SERVICE, name)
    spec = compute.BackendService(health_checks=(Ref(check),))
    actual = Graph(
        [
            Observed(key=check, spec=compute.HealthCheck(), ownership=Ownership.OWNED),
            Observed(
                key=backend, spec=spec, ownership=Ownership.OWNED, refs=refs_in(spec), read_at=1.0
            ),
        ]
    )
    kept = plan(Graph([wanted(check, compute.HealthCheck())]), actual)
    assert [(one.op, one.key) for one in kept.actions] == [(Op.DELETE, backend)]


def test_awslb_target_group_two_wishes_for_one_resource_are_a_bug_that_is_told() -> None:
    """`pkg/model/elbv2/target_group.go`: the second was dropped without a word."""
    check = key(Kind.HEALTH_CHECK, "x")
    twice = [wanted(check, compute.HealthCheck()), wanted(check, compute.HealthCheck(type="TCP"))]
    with pytest.raises(ValueError, match="healthChecks/x: wanted twice"):
        Graph(twice)


@pytest.mark.parametrize("part", [executor, ports, client, retry])
def test_lk_generic_client_nothing_that_writes_knows_of_a_dry_run(part: Any) -> None:
    """`core/generic_client.py`: the flag was forgotten on delete. A dry run is a plan that nobody runs."""
    assert "dry" not in inspect.getsource(part).lower()


@pytest.mark.parametrize(
    ("kind", "word", "field"),
    [
        pytest.param("targetHttpsProxies", "-ts-", "urlMap", id="the HTTPS proxy's map"),
        pytest.param("targetHttpProxies", "-tp-", "urlMap", id="the HTTP proxy's map"),
    ],
)
def test_igce_l7s_one_protocol_that_is_right_says_nothing_of_the_other(
    kind: str, word: str, field: str
) -> None:
    """`pkg/loadbalancers/l7s.go`: HTTPS was not looked at when HTTP was as it should be."""
    house = House()
    house.apply(*SERVICES, pki.secret("shop/tls", *pki.pair("a.example.com")))
    house.apply(secured("shop/web", "front:80", "tls", default="dflt:http"))
    house.settle()
    (proxy,) = house.gce.resources(kind)
    assert word in proxy["name"]
    right = proxy[field]
    other = next(body for body in house.gce.resources("backendServices"))["selfLink"]
    house.gce.seed("urlMaps", "global", "by-hand", {"defaultService": other})
    wrong = house.body("urlMaps", "by-hand")["selfLink"]
    house.gce.seed(kind, "global", proxy["name"], {**proxy, field: wrong})
    house.clock.advance(1)
    house.loop.resync()
    house.settle()
    assert house.body(kind, proxy["name"])[field] == right


def test_igce_l7s_a_rule_of_one_protocol_that_is_gone_comes_back_beside_the_other() -> None:
    house = House()
    house.apply(*SERVICES, pki.secret("shop/tls", *pki.pair("a.example.com")))
    house.apply(secured("shop/web", "front:80", "tls", default="dflt:http"))
    house.settle()
    for word in ("-fs-", "-fr-"):
        (name,) = [one for one in house.names("forwardingRules") if word in one]
        path = f"/compute/v1/projects/{PROJECT}/global/forwardingRules/{name}"
        house.cloud._ask("DELETE", path)
        house.clock.advance(5)
        house.loop.resync()
        house.settle()
        assert name in house.names("forwardingRules")
        addresses = {rule["IPAddress"] for rule in house.gce.resources("forwardingRules")}
        assert addresses == {house.address("shop/web")}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda live: {"hostRules": [{**live["hostRules"][0], "hosts": ["x.example.com"]}]},
            id="hosts",
        ),
        pytest.param(
            lambda live: {
                "pathMatchers": [
                    {
                        **live["pathMatchers"][0],
                        "pathRules": live["pathMatchers"][0]["pathRules"][:1],
                    }
                ]
            },
            id="paths",
        ),
        pytest.param(
            lambda live: {"defaultService": live["pathMatchers"][0]["pathRules"][0]["service"]},
            id="the default",
        ),
    ],
)
def test_igce_url_maps_every_field_is_compared(change: Callable[[Any], dict[str, Any]]) -> None:
    """`pkg/loadbalancers/url_maps.go`: default and rules were, the rest was not."""
    house = shop()
    (url_map,) = house.names("urlMaps")
    compared = ("hostRules", "pathMatchers", "defaultService")
    live = {field: house.body("urlMaps", url_map)[field] for field in compared}
    edit(house, f"global/urlMaps/{url_map}", change(live))
    house.loop.resync()
    house.settle()
    assert {field: house.body("urlMaps", url_map)[field] for field in compared} == live


def test_igce_utils_what_somebody_else_deletes_a_moment_before_us_is_gone_and_no_error() -> None:
    """`pkg/utils/utils.go`: a wrapped "not found" was none; here it is a class, mapped once."""
    house = House()
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    house.settle()
    (url_map,) = house.names("urlMaps")
    house.kube.delete("Ingress", "shop/web")
    house.cloud.before = lambda call: _gone(house, call, url_map)
    house.settle()
    assert house.ours() == {}
    assert house.ingress("shop/web") is None


def _gone(house: House, call: Any, url_map: str) -> None:
    """Let somebody else delete the map a moment before we do."""
    if call.key.name == url_map and call.key.kind == "urlMaps":
        house.cloud.before = lambda _: None
        house.cloud._ask("DELETE", f"/compute/v1/{call.key.path}")
