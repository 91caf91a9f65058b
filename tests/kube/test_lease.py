"""One of several candidates leads, and whoever does not lead any more writes nothing: whatever sleeps, breaks or is skewed."""

import random
import time

import msgspec
import pytest

from fakes.kube import Fault, World
from glbc.config import LeaseConfig
from glbc.engine.clock import SystemClock
from glbc.kube.lease import Candidacy, Elector, new_identity
from tests.kube.election import DEADLINE, DURATION, RETRY, Process, Site
from tests.kube.support import WITHIN, eventually
from tests.kube.support import api as connected
from tests.support.house import InProcessApi

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
LEASE = f"{LEASES}/glbc"


@pytest.fixture
def pair(site: Site) -> tuple[Process, Process]:
    """A leader, and a candidate that has waited for some time."""
    first, second = site.process("first"), site.process("second", offset=5000.0)
    site.run(20)
    assert first.writes
    return first, second


class TestOneLeads:
    def test_where_nobody_has_led_the_first_look_is_enough(self, site: Site) -> None:
        one = site.process("one")
        one.elector.tick()
        assert one.elector.term() == 1
        spec = site.lease()
        assert spec["holderIdentity"] == "one"
        assert spec["leaseDurationSeconds"] == DURATION
        assert spec["leaseTransitions"] == 0
        assert spec["acquireTime"] == spec["renewTime"] == "2023-11-14T22:13:20.000000Z"

    def test_the_leader_renews_and_a_candidate_only_reads(self, site: Site, pair) -> None:
        first, second = pair
        acquired = site.lease()["acquireTime"]
        renewed = site.lease()["renewTime"]
        site.run(60)
        assert first.elector.term() == 1
        assert second.wire.writes == []
        assert site.lease()["acquireTime"] == acquired
        assert site.lease()["renewTime"] > renewed
        assert 28 <= len(first.wire.writes) <= 46

    def test_a_candidate_says_who_leads(self, pair) -> None:
        said = pair[1].elector.holder()
        assert said.startswith("the Lease kube-system/glbc is held by first, renewed ")
        assert pair[0].elector.holder() == "this process holds the Lease kube-system/glbc"

    def test_a_lease_let_go_is_taken_at_the_next_look(self, site: Site, pair) -> None:
        first, second = pair
        first.asleep = True
        assert first.elector.release()
        assert not first.writes
        spec = site.lease()
        assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("", 1)
        assert site.until(lambda: second.writes) < RETRY
        assert site.lease()["leaseTransitions"] == 1

    def test_nobody_lets_go_what_somebody_else_holds(self, site: Site, pair) -> None:
        assert pair[1].elector.release()
        assert site.lease()["holderIdentity"] == "first"

    @pytest.mark.parametrize("seed", range(20))
    def test_after_a_death_the_next_leads_within_the_duration_and_two_seconds(
        self, seed: int
    ) -> None:
        site = Site(seed)
        first, second = site.process("first"), site.process("second", offset=77.0)
        site.run(20 + seed * 0.13)
        first.asleep = True
        took = site.until(lambda: second.writes)
        assert (
            DURATION - RETRY - 0.1 <= took <= DURATION + 1.6
        )  # the loop's turn fits into the rest

    def test_a_candidate_comes_when_the_lease_runs_out_whatever_its_rhythm(
        self, site: Site, pair
    ) -> None:
        first, second = pair
        first.asleep = True
        site.run(14, 0.05)
        ends = second.elector._sight.expires() - 5000.0
        site.until(lambda: second.writes)
        assert 0.0 <= site.clock.monotonic() - ends <= 0.15

    def test_somebody_elses_words_on_the_lease_stay(self, site: Site, pair) -> None:
        first, _ = pair
        body = {"metadata": {"labels": {"a": "b"}}}
        InProcessApi(site.world).request(
            "PATCH", LEASE, body=body, content_type="application/merge-patch+json"
        )
        site.run(5)
        assert first.elector.term() == 1, "a conflict costs no term"
        lease = site.world.get("Lease", "kube-system/glbc")
        assert lease is not None
        assert lease["metadata"]["labels"] == {"a": "b"}

    def test_a_lease_that_is_deleted_lasts_for_those_who_saw_it(self, site: Site, pair) -> None:
        first, second = pair
        first.asleep = True
        site.world.delete("Lease", "kube-system/glbc")
        assert site.until(lambda: second.writes) > DEADLINE
        assert not first.writes


class TestTheFenceFalls:
    def test_a_process_that_slept_writes_nothing_when_it_wakes(self, site: Site, pair) -> None:
        first, second = pair
        first.asleep = True
        site.until(lambda: second.writes)
        assert not first.writes
        first.asleep = False
        site.run(120)
        assert second.writes
        assert site.lease()["holderIdentity"] == "second"

    def test_one_that_slept_while_nobody_led_begins_a_new_term(self, site: Site) -> None:
        one = site.process("one")
        site.run(5)
        one.asleep = True
        site.run(100)
        assert not one.writes
        one.asleep = False
        site.run(3)
        assert one.elector.term() == 2, "what was planned before is not carried out"

    def test_cut_off_from_the_api_server_it_stops_before_another_begins(
        self, site: Site, pair
    ) -> None:
        first, second = pair
        first.wire.cut = True
        lost = site.until(lambda: not first.writes)
        assert DEADLINE - RETRY - 0.1 <= lost <= DEADLINE + 0.1
        assert site.until(lambda: second.writes) > 3.0
        first.wire.cut = False
        site.run(60)
        assert second.writes
        assert "held by second" in first.elector.holder()

    def test_a_short_outage_costs_no_term(self, site: Site, pair) -> None:
        first, second = pair
        first.wire.cut = second.wire.cut = True
        site.run(6)
        first.wire.cut = second.wire.cut = False
        site.run(60)
        assert first.elector.term() == 1
        assert second.wire.writes == []

    def test_when_all_are_cut_off_nobody_writes(self, site: Site, pair) -> None:
        for one in pair:
            one.wire.cut = True
        site.run(11)
        assert not any(one.writes for one in pair)
        assert "timed out" in pair[0].elector.holder()
        for one in pair:
            one.wire.cut = False
        assert site.until(lambda: any(one.writes for one in pair)) < DURATION

    def test_an_answer_counts_from_when_it_was_asked_for(self, site: Site) -> None:
        one = site.process("one")
        one.wire.slow = 4.0  # three looks for ingress-gce, one at the Lease, then the write
        one.elector.tick()
        assert one.writes
        site.clock.advance(6.0)  # 10 s after it was sent
        assert not one.writes

    def test_a_write_whose_answer_is_lost_does_not_count(self, site: Site, pair) -> None:
        first, second = pair
        first.wire.deaf = True
        written = len(first.wire.writes)
        assert site.until(lambda: not first.writes) <= DEADLINE + 0.1
        assert len(first.wire.writes) == written + 1, "what was sent may have arrived: read first"
        assert site.until(lambda: second.writes) > 3.0

    def test_a_server_that_refuses_one_call_in_three_costs_no_term(self, site: Site, pair) -> None:
        for number in random.Random(1).sample(range(600), 200):
            site.world.fault(resource="leases", skip=number, status=429, retry_after=1)
        site.run(200)
        assert pair[0].elector.term() == 1
        assert any(call.status == 429 for call in site.world.calls())

    def test_a_server_that_asks_for_patience_is_not_stormed(self, site: Site, pair) -> None:
        first, second = pair
        before = len(site.world.calls())
        site.world.fault(resource="leases", times=-1, status=429, retry_after=8)
        assert site.until(lambda: not first.writes) <= DEADLINE + 0.1, "it is given up in time"
        asked = len(site.world.calls()) - before
        assert 3 <= asked <= 8, "while there is time left it is tried, but seldom"
        assert "429" in first.elector.holder() or "trouble on demand" in first.elector.holder()
        before = len(site.world.calls())
        site.run(80)
        assert len(site.world.calls()) - before <= 2 * 3 * 11, (
            "both wait as long as they are asked to"
        )
        assert not any(one.writes for one in pair)
        site.world.clear_faults()
        assert site.until(lambda: first.writes or second.writes) < DURATION


class TestClocks:
    @pytest.mark.parametrize(
        ("offset", "rate"),
        [
            pytest.param(86400.0, 1.0, id="a day ahead"),
            pytest.param(-86400.0, 1.0, id="a day behind"),
            pytest.param(0.0, 1.1, id="a tenth too fast"),
            pytest.param(0.0, 0.9, id="a tenth too slow"),
        ],
    )
    def test_a_skewed_clock_neither_takes_a_living_lease_nor_waits_for_ever(
        self, site: Site, offset: float, rate: float
    ) -> None:
        first, second = site.process("first"), site.process("second", offset, rate)
        site.run(300)
        assert first.elector.term() == 1
        first.asleep = True
        assert site.until(lambda: second.writes) < (DURATION + RETRY) / rate
        first.asleep = False
        site.run(60)
        assert second.elector.term() == 1

    @pytest.mark.parametrize("seed", range(3))
    def test_for_an_hour_of_trouble_two_never_both_write(self, seed: int) -> None:
        site = Site(seed)
        drawn = random.Random(seed)
        pair = [site.process("first", 1e6, 1.03), site.process("second", -500.0, 0.97)]
        led: set[str] = set()
        alone = 0

        def trouble() -> None:
            nonlocal alone
            one = drawn.choice(pair)
            match drawn.randrange(400):
                case 0:
                    one.wire.cut = not one.wire.cut
                case 1:
                    one.wire.deaf = not one.wire.deaf
                case 2:
                    one.asleep = not one.asleep
                case 3:
                    one.wire.cut = one.wire.deaf = one.asleep = False
                case 4:
                    one.elector.release()
            led.update(each.elector.identity for each in pair if each.writes)
            alone += any(each.writes for each in pair)

        site.run(3600, each=trouble)
        assert led == {"first", "second"}
        assert alone > 3600, "somebody led for more than a tenth of the time"
        assert site.lease()["leaseTransitions"] > 10


def test_who_leads_is_logged_once_for_each_change(site: Site, logged) -> None:
    first, second = site.process("first"), site.process("second")
    site.run(60)
    first.asleep = True
    site.until(lambda: second.writes)
    first.asleep = False
    site.run(60)
    assert [line["event"] for line in logged] == [
        "leading",
        "standby",
        "leading",
        "lease_lost",
        "standby",
    ]
    assert (first.elector.losses, second.elector.losses) == (1, 0)


def test_who_lets_go_has_lost_nothing(site: Site) -> None:
    first = site.process("first")
    site.run(60)
    assert first.writes
    first.elector.release()
    assert first.elector.losses == 0


def test_every_process_has_a_name_of_its_own() -> None:
    assert new_identity() != new_identity()


class TestOverSockets:
    QUICK = LeaseConfig(duration_sec=3, renew_deadline_sec=2.5, retry_sec=0.1)

    @pytest.fixture
    def candidacy(self, tmp_path, url, world):  # noqa: ARG002 (an empty one)
        made: list[Candidacy] = []

        def make(name: str) -> Candidacy:
            client = connected(tmp_path, url)
            made.append(
                Candidacy(Elector(client, SystemClock(), self.QUICK, name, random.Random(1).random))
            )
            made[-1].start()
            return made[-1]

        yield make
        for one in made:
            one.end(5)

    def test_one_leads_and_the_next_takes_over_when_it_lets_go(self, candidacy) -> None:
        first = candidacy("first")
        assert first.acquire(WITHIN)
        second = candidacy("second")
        assert not second.acquire(3.5)
        assert second.holder().startswith("the Lease kube-system/glbc is held by first, renewed ")
        assert first.release(5)
        assert not first.term()
        assert second.acquire(WITHIN)

    def test_one_that_ends_without_a_word_is_followed_after_the_duration(
        self, candidacy, world
    ) -> None:
        first = candidacy("first")
        assert first.acquire(WITHIN)
        second = candidacy("second")
        eventually(lambda: "held by first" in second.holder())
        first.end(5)
        assert second.acquire(WITHIN)
        assert not first.term()
        lease = world.get("Lease", "kube-system/glbc")
        assert lease["spec"]["leaseTransitions"] == 1
        assert msgspec.json.encode(lease)

    def test_an_api_server_that_hangs_costs_the_lead_and_gives_it_back(
        self, candidacy, world
    ) -> None:
        one = candidacy("one")
        assert one.acquire(WITHIN)
        world.fault(Fault(resource="leases", times=-1, drop=True))
        eventually(lambda: not one.term())
        world.clear_faults()
        assert one.acquire(WITHIN)
        assert one.term() == 2


def test_a_machine_that_was_suspended_wakes_up_behind_its_fence(monkeypatch):
    """While it sleeps CLOCK_MONOTONIC stands still, and another process takes over."""
    clock, slept = SystemClock(), 0.0
    lasting, still = time.clock_gettime, time.clock_gettime(time.CLOCK_MONOTONIC)

    def told(which):
        return lasting(which) + slept if which == time.CLOCK_BOOTTIME else still

    monkeypatch.setattr(time, "clock_gettime", told)
    monkeypatch.setattr(time, "monotonic", lambda: still)
    elector = Elector(InProcessApi(World()), clock, LeaseConfig(), "me", lambda: 0.5)
    elector.tick()
    assert elector.term() == 1
    slept = 11.0
    assert elector.term() == 0
