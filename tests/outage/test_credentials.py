"""The token that a file holds expires and is rotated, as the kubelet does with a service account's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from glbc.model.views import VIEWS
from tests.outage.scene import (
    OBJECTS,
    begin,
    broken,
    caught_up,
    meanwhile,
    nothing_is_lost,
    unseen_is_said,
)
from tests.outage.wired import ACCOUNT, TOKEN, Wired, wired


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.fixture
def house(tmp_path, file, logged) -> Iterator[Wired]:
    with wired(tmp_path, *OBJECTS, user={"tokenFile": str(file)}) as made:
        begin(made)
        logged.clear()
        yield made


def test_a_token_that_was_rotated_in_time_is_taken_up(house, file):
    house.kube.authorize("the next one", ACCOUNT)
    file.write_text("the next one\n")
    house.kube.revoke(TOKEN)
    house.kube.close_watches()
    meanwhile(house)
    caught_up(house)


def test_a_token_that_has_expired_is_told_and_replaced_by_the_next_one(house, file, logged):
    with nothing_is_lost(house):
        house.kube.revoke(TOKEN)
        house.kube.close_watches()
        meanwhile(house)
        house.until(lambda: house.unseen() == VIEWS.keys(), "nothing can be seen")
        house.run(900)
        unseen_is_said(house, *VIEWS)
    assert sorted(broken(logged)) == sorted((kind, 401) for kind in VIEWS)
    assert all(
        "check the credentials" in one["error"] for one in logged if one["event"] == "watch_broken"
    )
    assert TOKEN not in str(logged)
    house.kube.authorize("the next one", ACCOUNT)
    file.write_text("the next one")
    caught_up(house)
