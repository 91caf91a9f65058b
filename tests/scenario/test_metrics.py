"""Metrics: what a scraper reads of a controller at work."""

from prometheus_client.parser import text_string_to_metric_families

from fakes.build import ingress, service
from fakes.gce.faults import Error
from glbc.model.views import VIEWS
from glbc.ops.metrics import ROWS, Metrics
from tests.support.house import House

PAUSE = {"glbc.gcp.kubernetes.io/pause": "true"}


def scraped(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return what prometheus-client's own parser reads: name and labels -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def a_shop() -> tuple[House, Metrics]:
    house = House()
    metrics = Metrics(lambda: house.loop.turn, VIEWS)
    house.journal = metrics
    house.start()
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    return house, metrics


def test_before_the_first_turn_there_is_nothing_to_tell() -> None:
    _, metrics = a_shop()
    found = scraped(metrics)
    assert found["glbc_ingresses", "served"] == 0
    assert found["glbc_view_complete", "Ingress"] == 0


def test_actions_are_counted_by_kind_and_result() -> None:
    house, metrics = a_shop()
    house.gce.faults.add("compute.urlMaps.insert", Error(503, "backendError", "later"), times=1)
    house.settle()
    found = scraped(metrics)
    assert found["glbc_actions_total", "urlMaps", "create", "lost"] == 1
    assert found["glbc_actions_total", "urlMaps", "create", "done"] == 1
    assert found["glbc_action_seconds_count", "urlMaps", "create"] == 2
    assert found["glbc_ingresses", "served"] == 1
    assert found["glbc_plan_actions", "create"] == 0
    assert found["glbc_view_complete", "Ingress"] == 1


def test_what_a_guard_holds_back_is_counted_by_its_reason() -> None:
    house, metrics = a_shop()
    house.settle()
    paused = ingress("shop/web", default="web:80", annotations=PAUSE)
    house.apply(paused)
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    found = scraped(metrics)
    assert found["glbc_held_back", "Paused"] >= 1
    assert found["glbc_ingresses", "leaving"] == 1


def test_a_finding_is_counted_by_its_reason() -> None:
    house, metrics = a_shop()
    house.apply(ingress("shop/web", {"a.example.com": [("/", "gone:80")]}, default="web:80"))
    house.settle()
    assert scraped(metrics)["glbc_findings", "ServiceNotFound"] == 1


def test_every_metric_of_the_table_is_exposed_and_no_other() -> None:
    house, metrics = a_shop()
    house.apply(ingress("shop/web", {"a.example.com": [("/", "gone:80")]}, default="web:80"))
    house.settle()
    families = text_string_to_metric_families(metrics.text().decode())
    exposed = {(one.name, one.type) for one in families if not one.name.endswith("_created")}
    assert exposed == {(row.name.removesuffix("_total"), row.kind) for row in ROWS}
