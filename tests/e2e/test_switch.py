"""A route goes from one backend to another while requests flow, in a cloud that probes no backend
before a front end leads to it.
"""

from collections.abc import Iterator

import pytest

from fakes.build import ingress
from fakes.demotls import Load
from tests.e2e.test_wire import answers, deployment, served, service
from tests.e2e.world import World

COLD_SEC = 1.5


@pytest.fixture
def cold(tmp_path, request) -> Iterator[World]:
    with World(tmp_path, traffic=True, cold_sec=COLD_SEC) as one:
        one.config = request.param
        one.apply(
            deployment("web"), deployment("api"), service("web", "web"), service("api", "api")
        )
        one.start_glbc()
        yield one


def switched(one: World) -> Load:
    """Switch an Ingress from one backend to another under load, and return what the load saw."""
    with served(one, ingress("default/one", default="web:80", class_name="gce")) as address:
        with Load(f"http://{address}/") as load:
            one.until(lambda: load.asked > 30, "requests flow")
            one.apply(ingress("default/one", default="api:80", class_name="gce"))
            one.until(lambda: answers(address).startswith("api-"), "the new backend answers")
            seen = load.asked
            one.until(lambda: load.asked > seen + 100, "requests flow on")
        assert "glbc.invalid" not in str(one.url_map("default/one"))
    print(f"switch to a cold backend: {load.asked} requests, {len(load.failed)} failed")
    return load


@pytest.mark.parametrize("cold", ["debounce_sec: 0.05"], indirect=True, ids=["as it comes"])
def test_a_switch_to_a_cold_backend_loses_no_request(cold: World) -> None:
    assert switched(cold).failed == []


@pytest.mark.parametrize("cold", ["switch_wait_sec: 0"], indirect=True, ids=["not waiting"])
def test_without_waiting_requests_are_lost(cold: World) -> None:
    failed = switched(cold).failed
    assert failed
    assert set(failed) <= {"502", "503"}
