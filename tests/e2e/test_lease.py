"""Two processes, one Lease: a standby follows, and whoever was stopped meanwhile writes nothing when it wakes."""

import signal
import time

from fakes.build import ingress, service
from fakes.stack import BIN
from tests.e2e.world import GRACE_SEC, World

OBJECTS = (
    service("default/web", "80->30001"),
    service("default/api", "80->30002"),
    ingress("default/shop", default="web:80", class_name="gce"),
)
MORE = ingress("default/more", default="api:80", class_name="gce")
DURATION = 3.0  # of tests.e2e.world.LEASE


class Replicas(World):
    """A world in which `glbc` leads and `other` looks on."""

    def __enter__(self):
        super().__enter__()
        self.apply(*OBJECTS)
        self.start_glbc()
        self.served("default/shop")
        self.start("other", [str(BIN / "glbc"), "run", *self.glbc_options()])
        self.until(lambda: self.heard("other", "standby"), "the other one looks on")
        return self

    def heard(self, part: str, word: str) -> int:
        return self.log(part).count(f" {word} ")

    def until_at_rest(self) -> None:
        """Wait until nothing was written for so long that nothing is held back any more."""
        last = [self.seq(), time.monotonic()]

        def quiet() -> bool:
            if self.calls(int(last[0])):
                last[:] = self.seq(), time.monotonic()
            return time.monotonic() - last[1] > 3 * GRACE_SEC

        self.until(quiet, "all is at rest")

    def assert_both_are_sound(self) -> None:
        self.assert_sound()
        assert self.is_running("other")
        for word in ("Traceback", "crashed"):
            assert word not in self.log("other"), self.log("other")[-5000:]


def test_a_process_that_was_stopped_while_another_took_over_writes_nothing_after(tmp_path) -> None:
    with Replicas(tmp_path) as one:
        assert not one.heard("other", "leading")
        one.latency(1.0)
        seen = one.seq()
        one.apply(MORE)
        # Two groups and a health check: all that can go at once is sent, the rest waits for it.
        one.until(lambda: len(one.calls(seen)) >= 3, "work is under way")
        one.send("glbc", signal.SIGSTOP)
        try:
            one.until(lambda: one.heard("other", "leading"), "the other one leads")
            one.served("default/more")
            one.latency(0.02)
            one.kubectl("delete", "ingress", "more")
            one.until(lambda: not one.ours("-more-"), "what only it had is gone")
            one.until_at_rest()
            before, seen = one.dump(), one.seq()
        finally:
            one.send("glbc", signal.SIGCONT)
        one.until(lambda: one.heard("glbc", "standby"), "the first one knows")
        assert one.heard("glbc", "lease_lost") == 1
        one.assert_both_are_sound()

        assert one.end("other") == 0  # lets go at once
        one.until(lambda: one.heard("glbc", "leading") == 2, "the first one leads again")
        assert one.calls(seen) == []
        assert one.dump() == before
        one.apply(MORE)
        one.served("default/more")
        one.assert_sound()


def test_after_a_kill_the_standby_writes_when_the_lease_has_run_out(tmp_path) -> None:
    """How soon is printed here, and held in virtual time by tests/scenario/test_lease.py."""
    with Replicas(tmp_path) as one:
        assert one.end("glbc", signal.SIGKILL) == -signal.SIGKILL
        killed, seen = time.monotonic(), one.seq()
        one.apply(MORE)
        one.until(lambda: one.calls(seen), "the other one writes")
        took = time.monotonic() - killed
        print(f"first write {took:.2f} s after the kill; the Lease lasts {DURATION:g} s")
        one.served("default/more")
