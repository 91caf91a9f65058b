"""When the engine tries again, and when the loop wakes."""

import threading

from fakes.clock import VirtualClock
from glbc.config import Config
from glbc.engine.backoff import WAITS_SEC, Backoff
from glbc.engine.bell import Bell


def test_each_failure_in_a_row_waits_longer_up_to_the_last() -> None:
    backoff, now, waits = Backoff(), 100.0, []
    for _ in range(len(WAITS_SEC) + 2):
        backoff.failed("key", now)
        waits.append(next(backoff.due(now)) - now)
    assert [*WAITS_SEC, WAITS_SEC[-1], WAITS_SEC[-1]] == waits


def test_a_key_may_be_tried_when_its_time_has_come_and_after_success() -> None:
    backoff = Backoff()
    backoff.failed("key", 100.0, wait=5.0)
    assert not backoff.allows("key", 104.9)
    assert backoff.allows("key", 105.0)
    assert backoff.allows("other", 100.0)
    backoff.cleared("key")
    assert backoff.allows("key", 100.0)
    assert backoff.times("key") == 0


def test_a_lone_change_wakes_the_loop_at_once() -> None:
    bell = Bell(Config(debounce_sec=60.0, debounce_max_sec=60.0), VirtualClock())
    bell.change()
    waiting = threading.Thread(target=bell.wait, args=(60.0,))
    waiting.start()
    waiting.join(10.0)
    assert not waiting.is_alive()


def test_a_burst_is_waited_out() -> None:
    clock = VirtualClock()
    bell = Bell(Config(debounce_sec=60.0, debounce_max_sec=60.0), clock)
    bell.change()
    bell.wait(60.0)
    bell.change()  # the second within the quiet: a burst has begun
    waiting = threading.Thread(target=bell.wait, args=(60.0,), daemon=True)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    bell.ring()  # an outcome does not wait for the burst to end
    waiting.join(10.0)
    assert not waiting.is_alive()


def test_it_is_told_when_the_oldest_change_of_a_burst_came() -> None:
    clock = VirtualClock()
    bell = Bell(Config(debounce_sec=0.0, debounce_max_sec=0.0), clock)
    began = clock.monotonic()
    bell.change()
    clock.advance(2.0)
    bell.change()
    assert bell.wait(0.0) == began
    assert bell.wait(0.0) is None
    bell.ring()
    assert bell.wait(0.0) is None
    bell.change()
    assert bell.wait(0.0) == began + 2.0
