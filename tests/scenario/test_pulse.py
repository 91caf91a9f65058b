"""Life and readiness: what a kubelet is told."""

from fakes.build import ingress, service
from fakes.gce.faults import Error
from glbc.commands.live import Pulse
from tests.support.house import House


def told(house: House) -> tuple[int, int]:
    """Return the codes of life and of readiness."""
    pulse = Pulse(house.loop.window, house.config, house.clock)
    return int(pulse.alive().status), int(pulse.ready().status)


def test_it_is_alive_at_once_and_ready_when_the_cloud_is_listed() -> None:
    house = House()
    assert told(house) == (200, 503)
    house.settle()
    assert told(house) == (200, 200)


def test_a_cloud_that_answers_nothing_is_no_reason_to_restart() -> None:
    house = House()
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    house.settle()
    house.gce.faults.add("*", Error(503, "backendError", "away"), times=None)
    house.apply(ingress("shop/web", {"a.example.com": [("/", "web:80")]}, default="web:80"))
    house.settle(patience=3600)
    assert told(house) == (200, 200)


def test_a_loop_that_takes_no_turn_is_dead() -> None:
    house = House()
    house.settle()
    house.clock.advance(house.config.resync_sec + 30)
    assert told(house)[0] == 200
    house.clock.advance(60)
    assert told(house)[0] == 503
