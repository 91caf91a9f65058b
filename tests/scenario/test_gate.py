"""Once the gate before the cloud is shut, nothing is written any more, whatever was on its way."""

import pytest

from fakes.build import ingress, service
from glbc.engine.executor import Runner
from glbc.engine.gate import Gate
from tests.support.house import House


@pytest.mark.parametrize("writes", [0, 1, 3, 6])
def test_no_write_starts_after_it_is_shut_and_the_next_process_finishes(writes: int) -> None:
    house = House()
    gate = Gate(house.cloud)
    house.workers._runner = Runner(gate, house.clock)
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))

    def shut_after(_: object) -> None:
        if len(house.cloud.writes) >= writes:
            gate.shut("enough")

    if not writes:
        gate.shut("enough")
    house.cloud.after = shut_after
    for _ in range(200):
        house.loop.step()
        house.clock.advance(5)
    assert len(house.cloud.writes) == writes
    assert house.address("shop/web") == ""

    house.start()
    house.settle()
    assert house.address("shop/web")
    assert house.refused() == []
