"""What the fuzzer found, each as the smallest story that shows it."""

from fakes.build import ingress, service
from tests.support.house import House


def test_a_host_whose_only_path_is_bad_costs_no_write_at_rest() -> None:
    house = House()
    house.apply(
        service("kube-system/default-http-backend", "http=80->30000"),
        ingress("shop/web", {"a.example.com": [("/a/*/*", "web:80", "ImplementationSpecific")]}),
    )
    house.settle()
    (url_map,) = house.gce.resources("urlMaps")
    assert [rule["hosts"] for rule in url_map["hostRules"]] == [["a.example.com"]]
    house.start()
    house.settle()
    assert house.cloud.writes == []
