"""A House whose controller sees and writes the cluster over the wire: real watches, real requests, as deploy/ grants them.

The loop's time is virtual and runs fast; the watches' threads live in real time and are quick. So an
outage of half a second is one of minutes for the loop, and whatever it would give up, it gives up.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from fakes.kube import World as KubeWorld
from fakes.kube import running
from glbc.commands.live import Pulse
from glbc.kube.client import connect
from glbc.kube.cluster import KubeCluster
from glbc.kube.reflector import Timing
from glbc.model.calls import Verb
from glbc.model.views import VIEWS
from glbc.ops.counters import Counters
from tests.support.house import House
from tests.support.observed import metrics_of

DEPLOY = Path(__file__).parents[2] / "deploy"
TOKEN = "token-of-glbc"
ACCOUNT = "system:serviceaccount:kube-system:glbc"
QUICK = Timing(
    grace=0.3,
    backoff_first=0.02,
    backoff_most=0.1,
    between=0.02,
    short_lived=0.2,
    empty_again=0.02,
    absent_again=0.05,
    silence=5.0,
)
BOOKMARK_SEC = 0.15  # real; a watch that is silent for longer than QUICK allows is dead
WITHIN = 60.0  # seconds, real, that anything may take on a slow machine
TURN_SEC = 0.003  # real, between two turns at rest …
LEAP_SEC = 5.0  # … and how much of the loop's time it is at most, while time runs …
STEP_SEC = 0.5  # … and while something is waited for


class Wired(House):
    """Use `wired`, which ends what it starts."""

    def __init__(self, config: Path, timing: Timing, **settings: Any) -> None:
        """Connect as a kubeconfig says, and start the controller."""
        self._kubeconfig, self._timing = config, timing
        super().__init__(**settings)

    def make_cluster(self) -> KubeCluster:
        """Return the real client of the cluster."""
        self.api = connect(str(self._kubeconfig))
        return KubeCluster(self.api, timing=self._timing)

    def start(self) -> None:
        """Start a fresh controller."""
        super().start()
        self.metrics = metrics_of(self, Counters())
        self.pulse = Pulse(self.loop.window, self.config, self.clock)
        self.cluster.start()

    def stop(self) -> None:
        """End the watches."""
        self.cluster.stop()
        self.api.close()

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Take turns until something holds."""
        deadline = time.monotonic() + WITHIN
        while not holds():
            assert time.monotonic() < deadline, f"never: {what}: {self.loop.turn}"
            self.turn(STEP_SEC)

    def run(self, seconds: float) -> None:
        """Take turns until so much of the loop's time has passed."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.turn(LEAP_SEC)

    def turn(self, most: float) -> None:
        """Take one turn; let time pass when there was nothing to do."""
        busy = self.loop.step()
        if not (busy or self.workers.waiting or self.loop.in_flight()):
            time.sleep(TURN_SEC)
            self.clock.advance(min(most, self.loop.wake_in() + 0.001))

    def converge(self, what: str = "the cluster is seen, and nothing is due") -> None:
        """Take turns until everything is seen and nothing is left to do."""

        def at_rest() -> bool:
            turn = self.loop.turn
            seen = self.cluster.snapshot()
            return bool(
                turn is not None
                and seen.complete == VIEWS.keys()
                and not (turn.plan.actions or turn.plan.blocked or self.loop.in_flight())
                and turn.snapshot.complete == VIEWS.keys()
                and turn.snapshot.ingresses == seen.ingresses
            )

        self.until(at_rest, what)

    # What is asked about it ----------------------------------------------------------------------

    def deleted(self) -> list[str]:
        """Return what was deleted of the cloud so far."""
        return [str(call.key) for call in self.cloud.writes if call.verb is Verb.DELETE]

    def unseen(self) -> set[str]:
        """Return the kinds that the metric tells are not completely seen."""
        found = set()
        for line in self.metrics.text().decode().splitlines():
            if line.startswith("glbc_view_complete{") and line.endswith(" 0.0"):
                found.add(line.partition('kind="')[2].partition('"')[0])
        return found

    def readiness(self) -> str:
        """Return what a kubelet reads."""
        return self.pulse.ready().body.decode().strip()

    def calls_of(self, verb: str, resource: str) -> int:
        """Return how often the API server was asked for something."""
        return self.kube.counts().get((verb, resource), 0)

    def withdraw(self, plural: str) -> None:
        """Take list and watch of a resource from the roles of deploy/; end the watches that run."""
        for role in _manifests("ClusterRole"):
            rules = []
            for rule in role["rules"]:
                kept = [one for one in rule["resources"] if one != plural]
                if kept:
                    rules.append(rule | {"resources": kept})
            self.kube.apply(role | {"rules": rules})
        self.kube.close_watches()

    def grant(self) -> None:
        """Give what deploy/ gives."""
        for role in _manifests("ClusterRole"):
            self.kube.apply(role)


def _manifests(kind: str) -> Iterator[dict[str, Any]]:
    for one in yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text()):
        if one["kind"] == kind:
            yield one


def definitions(*plurals: str) -> Iterator[dict[str, Any]]:
    """Yield the CRDs of deploy/: those of some plurals, or all."""
    for path in sorted((DEPLOY / "crds").glob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            if one["kind"] == "CustomResourceDefinition" and (
                not plurals or one["spec"]["names"]["plural"] in plurals
            ):
                yield one


def kubeconfig(url: str, user: Mapping[str, str]) -> str:
    """Return a kubeconfig for one user of one server."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": dict(user)}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


@contextmanager
def wired(
    directory: Path,
    *objects: dict[str, Any],
    crds: bool = True,
    user: Mapping[str, str] | None = None,
    **timing: float,
) -> Iterator[Wired]:
    """Serve a cluster with the roles and kinds of deploy/ and some objects; run a controller on it."""
    world = KubeWorld()
    world.bookmark_every = BOOKMARK_SEC
    with running(world) as url:
        (directory / "kubeconfig").write_text(kubeconfig(url, user or {"token": TOKEN}))
        for one in yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text()):
            world.apply(one)
        for one in definitions() if crds else ():
            world.apply(one)
        world.authorize(TOKEN, ACCOUNT)
        for one in objects:
            world.apply(one)
        house = Wired(
            directory / "kubeconfig", msgspec.structs.replace(QUICK, **timing), kube=world
        )
        try:
            yield house
        finally:
            house.stop()
