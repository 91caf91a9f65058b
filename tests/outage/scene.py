"""What every trouble of the API server is held to: what serves goes on, nothing is deleted, and later all is caught up."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fakes.build import ingress, ingress_class, service
from tests.outage.wired import Wired

PORTS = {"web": 30301, "api": 30302}


def front(name: str, *paths: str) -> dict[str, Any]:
    """Return an Ingress whose paths lead to the Service api, and all else to web."""
    rules = {"": [(path, "api:80") for path in paths]} if paths else None
    return ingress(f"shop/{name}", rules, default="web:80", class_name="gce")


OBJECTS = (
    ingress_class("gce"),
    *(service(f"shop/{name}", f"80->{port}") for name, port in PORTS.items()),
    front("old", "/api"),
    front("leaving"),
)


def begin(house: Wired) -> Wired:
    """Wait until the Ingresses of OBJECTS serve and nothing is left to do."""
    house.until(lambda: house.address("shop/old") and house.address("shop/leaving"), "both serve")
    house.converge()
    return house


def meanwhile(house: Wired) -> None:
    """What people do whether the API server is well or not."""
    house.apply(front("new", "/api"), front("old", "/api", "/more"))
    house.kube.delete("Ingress", "shop/leaving")
    house.kube.delete("Node", "node-2")


def caught_up(house: Wired) -> None:
    """Wait until all of it has happened."""
    house.until(lambda: house.address("shop/new"), "what was added serves")
    house.until(lambda: "/more" in paths(house), "what was edited is")
    house.until(lambda: house.ingress("shop/leaving") is None, "what was deleted is gone")
    house.until(lambda: members(house) == 1, "the node is no member any more")
    house.converge()
    assert not [name for name in house.names("forwardingRules") if "-leaving-" in name]
    assert house.unseen() == set()
    assert house.readiness() == "ok"


def paths(house: Wired) -> set[str]:
    """Return the paths of shop/old as the cloud has them."""
    (url_map,) = [one for one in house.gce.resources("urlMaps") if "-old-" in one["name"]]
    return {
        path
        for matcher in url_map.get("pathMatchers", ())
        for rule in matcher.get("pathRules", ())
        for path in rule["paths"]
    }


def members(house: Wired) -> int:
    return sum(int(one["size"]) for one in house.gce.resources("instanceGroups"))


def serving(house: Wired) -> dict[str, Any]:
    """Return all that may only grow while something cannot be seen."""
    found: dict[str, Any] = {kind: set(names) for kind, names in house.ours().items()}
    return found | {"paths": paths(house), "members": set(range(members(house)))}


@contextmanager
def nothing_is_lost(house: Wired) -> Iterator[None]:
    """Hold that all of the cloud that was there before is there after, and nothing was deleted."""
    before, address, deleted = serving(house), house.address("shop/old"), house.deleted()
    yield
    after = serving(house)
    lost = {what: had - after.get(what, set()) for what, had in before.items()}
    assert not any(lost.values()), lost
    assert house.deleted() == deleted
    assert house.address("shop/old") == address


def unseen_is_said(house: Wired, *kinds: str) -> None:
    """Hold that metric and readiness name the kinds, and that glbc counts as ready all the same."""
    assert house.unseen() == set(kinds)
    assert house.readiness() == f"ok, but not all of {', '.join(sorted(kinds))} can be seen"
    assert house.pulse.ready().status == HTTPStatus.OK


def broken(logged: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Return the kinds whose watch the log tells broken, and by which HTTP status."""
    return [(one["kind"], one["status"]) for one in logged if one["event"] == "watch_broken"]
