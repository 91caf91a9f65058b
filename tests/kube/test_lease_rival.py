"""glbc and ingress-gce never both write: a living ingress-gce is waited for, and given way to."""

import json
from typing import Any

import pytest

from tests.kube.election import DURATION, Site


def annotated(kind: str, record: dict[str, Any]) -> dict[str, Any]:
    note = {"control-plane.alpha.kubernetes.io/leader": json.dumps(record)}
    meta = {"namespace": "kube-system", "name": "ingress-gce-lock", "annotations": note}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta}


def lock(kind: str, holder: str, renewed: int) -> dict[str, Any]:
    record = {
        "holderIdentity": holder,
        "leaseDurationSeconds": 15,
        "renewTime": f"2023-11-14T22:{renewed // 60:02}:{renewed % 60:02}.000000Z",
    }
    if kind != "Lease":
        return annotated(kind, record)
    meta = {"namespace": "kube-system", "name": "ingress-gce-lock"}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": kind, "metadata": meta, "spec": record}


@pytest.mark.parametrize("kind", ["Lease", "ConfigMap", "Endpoints"])
class TestIngressGce:
    def alive(self, site: Site, kind: str, seconds: int) -> None:
        for second in range(0, seconds, 2):
            site.world.apply(lock(kind, "gce", second))
            site.run(2)

    def test_a_living_one_is_waited_for_and_named(self, site: Site, kind: str) -> None:
        site.world.apply(lock(kind, "gce", 0))
        one = site.process("one")
        self.alive(site, kind, 60)
        assert not one.writes
        assert one.wire.writes == []
        said = one.elector.holder()
        assert said.startswith(
            f"ingress-gce runs: its {kind} kube-system/ingress-gce-lock is held by gce, renewed "
        )
        assert site.until(lambda: one.writes) < DURATION + 5.0

    def test_one_that_has_let_go_is_not_waited_for(self, site: Site, kind: str) -> None:
        site.world.apply(lock(kind, "", 0))
        one = site.process("one")
        one.elector.tick()
        assert one.writes

    def test_one_that_is_long_dead_is_waited_for_once(self, site: Site, kind: str) -> None:
        site.world.apply(lock(kind, "gce", 0))
        one = site.process("one")
        assert DURATION <= site.until(lambda: one.writes) < DURATION + 2.0
        site.run(60)
        assert one.elector.term() == 1

    def test_one_that_starts_later_is_given_way(self, site: Site, kind: str) -> None:
        one = site.process("one")
        site.run(30)
        assert one.writes
        site.world.apply(lock(kind, "gce", 0))
        assert site.until(lambda: not one.writes) < 7.5
        assert site.lease()["holderIdentity"] == ""
        self.alive(site, kind, 60)
        assert not one.writes


def test_a_lock_that_says_nothing_sensible_is_nobodys(site: Site) -> None:
    odd = annotated("ConfigMap", {})
    odd["metadata"]["annotations"]["control-plane.alpha.kubernetes.io/leader"] = "{holder"
    site.world.apply(odd)
    one = site.process("one")
    one.elector.tick()
    assert one.writes
