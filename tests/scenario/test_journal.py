"""The journal: one line per action, rotated, readable, and never a secret."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.build import ingress, service
from fakes.gce.faults import Error
from glbc.engine.journal import Entry, Result
from glbc.ops.journal import FileJournal
from tests.support import pki
from tests.support.house import House


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


OPEN: list[FileJournal] = []


def shop(path: Path, mib: int = 1) -> House:
    house = House()
    house.journal = FileJournal(str(path), mib, keep=2)
    OPEN.append(house.journal)
    house.start()
    house.apply(service("shop/web", "80->30301"), ingress("shop/web", default="web:80"))
    return house


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def entry(number: int) -> Entry:
    """Return an entry of some 8 KiB."""
    return Entry(
        time="2026-01-01T00:00:00Z",
        op="create",
        resource=f"{number} {'x' * 8192}",
        path="p",
        reason="Missing",
        result=Result.DONE,
        seconds=0.1,
    )


def test_every_action_is_one_line_with_its_reason_and_its_users(tmp_path: Path) -> None:
    house = shop(tmp_path / "journal")
    house.settle()
    made = lines(tmp_path / "journal")
    assert len(made) == len({line["path"] for line in made}) == 8
    rule = next(line for line in made if "/forwardingRules/" in line["path"])
    assert rule["time"].endswith("Z")
    del rule["time"], rule["seconds"]
    name = house.names("forwardingRules")[0]
    assert rule == {
        "op": "create",
        "resource": f"forwardingRules/{name}",
        "path": f"projects/demo/global/forwardingRules/{name}",
        "reason": "Missing",
        "result": "done",
        "for": ["ingress shop/web"],
    }


def test_an_update_says_what_changes(tmp_path: Path) -> None:
    house = shop(tmp_path / "journal")
    house.settle()
    before = len(lines(tmp_path / "journal"))
    house.apply(service("shop/api", "80->30302"), ingress("shop/web", default="api:80"))
    house.settle()
    updates = [line for line in lines(tmp_path / "journal")[before:] if "/urlMaps/" in line["path"]]
    switch = updates[-1]["changes"][0]
    assert updates[-1]["op"] == "update"
    assert switch.startswith("defaultService: backendServices/k8s-be-30301--")


@pytest.mark.parametrize(
    ("status", "reason", "result"),
    [
        pytest.param(403, "quotaExceeded", "failed", id="a quota"),
        pytest.param(400, "invalid", "failed", id="a refusal"),
        pytest.param(503, "backendError", "lost", id="no answer"),
    ],
)
def test_what_fails_is_told_with_the_clouds_words(
    tmp_path: Path, status: int, reason: str, result: str
) -> None:
    house = shop(tmp_path / "journal")
    house.gce.faults.add("compute.urlMaps.insert", Error(status, reason, "not today"), times=1)
    house.settle()
    (failed,) = [line for line in lines(tmp_path / "journal") if line["result"] != "done"]
    assert failed["result"] == result
    assert "not today" in failed["error"]


def test_no_private_key_stands_in_it(tmp_path: Path) -> None:
    house = shop(tmp_path / "journal")
    crt, key = pki.fixed_pair("www.example.com")
    web = ingress("shop/web", default="web:80")
    web["spec"]["tls"] = [{"secretName": "crt"}]
    house.apply(pki.secret("shop/crt", crt, key), web)
    house.settle()
    assert house.names("sslCertificates")
    text = (tmp_path / "journal").read_text()
    assert "sslCertificates" in text
    assert "PRIVATE" not in text
    assert key.decode().splitlines()[1] not in text


def test_a_long_file_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    house = shop(tmp_path / "journal", mib=0)
    assert isinstance(house.journal, FileJournal)
    house.journal.maxBytes = 600
    house.settle()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "journal.1", "journal.2"]
    assert all(lines(path) for path in tmp_path.iterdir())


def test_a_journal_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    house = shop(tmp_path)  # a directory
    house.settle()
    assert house.address("shop/web")


def test_a_journal_of_which_nothing_is_kept_is_begun_anew(tmp_path: Path) -> None:
    journal = FileJournal(str(tmp_path / "journal"), max_mib=1, keep=0)
    OPEN.append(journal)
    for number in range(300):
        journal.note(entry(number))
    assert (tmp_path / "journal").stat().st_size <= 1 << 20
    assert lines(tmp_path / "journal")[-1]["resource"].startswith("299 ")
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]
