"""An API server whose every answer takes seconds: `glbc run` starts, leads, and catches up, only later."""

import time

from fakes.build import ingress, service
from tests.e2e.world import SHIPPED_LEASE, World

DELAY_SEC = 1.5
SERVICES = (service("default/web", "80->30001"), service("default/api", "80->30002"))


class Patient(World):
    """A world whose Lease is the shipped one: the other tests' lasts too short for such a server."""

    lease = SHIPPED_LEASE


def test_everything_takes_longer_and_nothing_else(tmp_path) -> None:
    with Patient(tmp_path) as one:
        one.apply(*SERVICES, ingress("default/old", default="web:80", class_name="gce"))
        one.trouble_kube(times=-1, delay=DELAY_SEC)
        began = time.monotonic()
        one.start_glbc()
        assert time.monotonic() - began < 45, "a start that asks one by one takes a minute more"
        one.until(lambda: "forwardingRules" in one.ours("-old-"), "it serves")
        seen = one.seq()
        one.ask("POST", f"{one.kube}/_fake/close-watches", {})
        one.apply(ingress("default/new", default="api:80", class_name="gce"))
        one.until(lambda: "forwardingRules" in one.ours("-new-"), "what was added serves")
        one.ask("DELETE", f"{one.kube}/_fake/faults")
        for name in ("old", "new"):
            one.served(f"default/{name}")
        assert one.deletes(seen) == []
        for word in ("lease_lost", "watch_broken"):
            assert word not in one.log("glbc")
        one.assert_sound()
