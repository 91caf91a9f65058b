"""What must hold of every diff: it is enough, it is done once, and it leaves the rest alone (P5)."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from glbc.model.compute import InstanceGroup, NamedPort
from glbc.model.keys import Kind
from glbc.model.kinds import OUR_PORT
from glbc.plan.diff import Neighbours, applied, diff
from tests.property.paper import equal
from tests.property.test_planner import PROFILE
from tests.property.worlds import a_world, observed

WORLDS = st.integers(0, 2**32).map(random.Random)
NAMES = st.sampled_from(["port30000", "port30001", "http", "grpc"])
PORTS = st.lists(
    st.builds(NamedPort, name=NAMES, port=st.sampled_from([30000, 30001, 80])), max_size=6
)
OUR_PORTS = st.sets(st.sampled_from([30000, 30001])).map(
    lambda ports: tuple(NamedPort(name=f"port{port}", port=port) for port in sorted(ports))
)


@PROFILE
@given(WORLDS)
def test_a_diff_is_enough_and_is_done_once(rng: random.Random) -> None:
    world = a_world(rng)
    for want in world.wishes[0]:
        live = world.truth.get(want.key)
        if live is None:
            continue
        near = Neighbours(owned=lambda _key: True)
        after = applied(live.spec, diff(want.key.kind, want.spec, live.spec, near))
        assert equal(want, observed(want.key, after))
        assert diff(want.key.kind, want.spec, after, near) == ()


@PROFILE
@given(OUR_PORTS, PORTS, st.booleans())
def test_named_ports_of_others_survive_in_their_order(
    wanted: tuple[NamedPort, ...], live: list[NamedPort], unseen: bool
) -> None:
    want, there = InstanceGroup(named_ports=wanted), InstanceGroup(named_ports=tuple(live))
    near = Neighbours(owned=bool, unseen=unseen)
    found = applied(there, diff(Kind.INSTANCE_GROUP, want, there, near))
    assert _theirs(found.named_ports) == _theirs(live)
    assert set(wanted) <= set(found.named_ports)


def _theirs(ports: Any) -> list[NamedPort]:
    return [port for port in ports if not OUR_PORT.fullmatch(port.name)]
