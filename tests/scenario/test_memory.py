"""What has come and gone leaves nothing in memory: a controller runs for months, and previews of a CI by the thousand."""

from typing import Any

from fakes.build import endpoint, endpoint_slice, ingress, service
from fakes.gce import Error
from tests.support.house import House

HOUR = 3600.0
WARM, MORE = 3, 6  # that come and go before the first look, and until the second


def grown(house: House) -> dict[str, int]:
    """Return how much is in each thing that the loop and its parts remember things in."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [("loop", house.loop)]
    while todo:
        path, one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, (dict, set, frozenset, list)):
            found[path] = len(one)
        elif type(one).__module__.startswith("glbc.engine"):
            todo.extend(
                (f"{path}.{name}", part) for name, part in getattr(one, "__dict__", {}).items()
            )
    return found


def preview(house: House, number: int) -> None:
    """One more Ingress with Services of its own, and its end."""
    web, api = f"shop/web-{number}", f"shop/api-{number}"
    exposed = service(api, "80", kind="ClusterIP", target=8080)
    exposed["metadata"]["annotations"] = {"cloud.google.com/neg": '{"exposed_ports": {"80": {}}}'}
    pods = (endpoint(f"10.8.0.{number + 5}", "node-1"),)
    house.apply(service(web, f"80->{30400 + number}"), exposed)
    house.apply(endpoint_slice(f"{api}-x", f"api-{number}", pods, "8080"))
    house.apply(ingress(web, {"a.example.com": [("/", f"web-{number}:80"), ("/no", "none:80")]}))
    house.settle()
    house.kube.delete("Ingress", web)
    for kind, name in (("Service", web), ("Service", api), ("EndpointSlice", f"{api}-x")):
        house.kube.delete(kind, name)
    house.settle()
    house.clock.advance(HOUR)
    house.settle()


def remembered(house: House) -> dict[str, tuple[int, int]]:
    """Return what has grown with what has gone: how much there was, and is."""
    house.apply(service("shop/dflt", "http=80->30303"), ingress("shop/stays", default="dflt:http"))
    for number in range(WARM):
        preview(house, number)
    before = grown(house)
    for number in range(WARM, MORE):
        preview(house, number)
    return {path: (before[path], now) for path, now in grown(house).items() if now != before[path]}


def test_ingresses_and_services_that_have_gone_are_forgotten() -> None:
    house = House(default_backend_service="shop/dflt")
    assert remembered(house) == {}
    assert house.events("Sync")


def test_so_are_those_that_the_cloud_has_refused() -> None:
    house = House(default_backend_service="shop/dflt")
    house.gce.faults.add(
        "compute.targetHttpProxies.insert", Error(403, "quotaExceeded"), times=None
    )
    assert remembered(house) == {}


def test_so_are_those_of_which_no_event_could_be_written() -> None:
    house = House(default_backend_service="shop/dflt")
    house.kube.fault(verb="create", resource="events", status=403, times=-1)
    assert remembered(house) == {}
