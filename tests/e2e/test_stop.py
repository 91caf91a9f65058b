"""However `glbc run` is stopped, the next one comes to the same end, with nothing leaked."""

import signal
import time

from fakes.build import ingress, service
from tests.e2e.world import World, world

SHOP = ingress(
    "default/shop",
    {"shop.example.com": [("/api", "api:80")]},
    default="web:80",
    class_name="gce",
)
OBJECTS = (service("default/web", "80->30001"), service("default/api", "80->30002"), SHOP)
WHOLE = {
    "forwardingRules": 1,
    "targetHttpProxies": 1,
    "urlMaps": 1,
    "backendServices": 2,
    "healthChecks": 2,
    "instanceGroups": 2,
    "firewalls": 1,
}
SOON = 25.0  # seconds; Kubernetes gives 30


def counted(one: World) -> dict[str, int]:
    return {kind: len(names) for kind, names in one.ours().items()}


def end_softly(one: World, number: int = signal.SIGTERM) -> float:
    """End glbc by a signal; return the seconds that it took."""
    began = time.monotonic()
    assert one.end("glbc", number) == 0, one.log("glbc")[-3000:]
    took = time.monotonic() - began
    assert "Traceback" not in one.log("glbc")
    return took


def kill(one: World) -> None:
    """Stop glbc where it stands, and let the cloud finish what it was told."""
    assert one.end("glbc", signal.SIGKILL) == -signal.SIGKILL
    one.latency(0.02)
    one.end_trouble()


def test_kill_9_while_building_and_while_tearing_down(tmp_path) -> None:
    with world(tmp_path, *OBJECTS) as one:
        for kinds, next_step in (
            ({"healthChecks", "firewalls"}, "backendServices.insert"),
            ({"urlMaps"}, "targetHttpProxies.insert"),
        ):
            one.latency(0.3)
            one.trouble(f"compute.{next_step}", error={"code": 503})
            one.start_glbc()
            one.until(lambda kinds=kinds: kinds <= one.ours().keys(), f"{kinds} are there")
            kill(one)
            assert "forwardingRules" not in one.ours()
        one.start_glbc()
        address = one.served("default/shop")
        assert counted(one) == WHOLE
        assert [address] == [rule["IPAddress"] for rule in one.bodies("forwardingRules")]
        assert one.routes("default/shop") == {"/api": "30002", "/api/*": "30002"}
        one.assert_sound()

        one.latency(0.3)
        one.trouble("compute.urlMaps.delete", error={"code": 503})
        one.kubectl("delete", "ingress", "shop", "--wait=false")
        one.until(lambda: "forwardingRules" not in one.ours(), "the rule is gone")
        kill(one)
        assert one.ours()
        assert one.ingress("default/shop")
        one.start_glbc()
        one.kubectl("wait", "--for=delete", "ingress/shop", "--timeout=60s")
        assert one.ours() == {}
        one.assert_sound()


def test_sigterm_at_rest_in_flight_and_at_the_start(tmp_path) -> None:
    with world(tmp_path, *OBJECTS) as one:
        one.start_glbc()
        one.served("default/shop")
        assert end_softly(one, signal.SIGINT) < SOON

        one.latency(600)
        one.apply(ingress("default/more", default="api:80", class_name="gce"))
        seen = one.seq()
        one.start_glbc()
        one.until(lambda: one.calls(seen), "an operation is in flight")
        assert end_softly(one) < SOON

        before, reads = one.log("glbc"), one.identity_reads()
        one.send("gce", signal.SIGSTOP)
        try:
            one.start_glbc(ready=False)
            one.until(lambda: one.identity_reads() > reads, "glbc is on its way")
            assert end_softly(one) < SOON
        finally:
            one.send("gce", signal.SIGCONT)
        assert "glbc: " not in one.log("glbc").removeprefix(before)
