"""Once the gate is shut, nothing is written any more, whatever was on its way."""

import pytest

from fakes.build import ingress, service
from glbc.engine.gate import Gate
from glbc.engine.term import ALONE
from tests.support.house import House


@pytest.mark.parametrize("writes", [0, 1, 3, 6])
def test_no_write_starts_after_it_is_shut_and_the_next_process_finishes(writes: int) -> None:
    gate = Gate(ALONE)
    house = House(fence=gate)
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))

    def shut_after(_: object) -> None:
        if len(house.cloud.writes) >= writes:
            gate.shut()

    if not writes:
        gate.shut()
    house.cloud.after = shut_after
    for _ in range(200):
        house.loop.step()
        house.clock.advance(5)
    assert len(house.cloud.writes) == writes
    assert house.address("shop/web") == ""

    house.fence = ALONE
    house.start()
    house.settle()
    assert house.address("shop/web")
    assert house.refused() == []
