"""`glbc gc`, over sockets with the real clients: what it finds, what it deletes, what it never touches."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fakes.gce
import fakes.kube
from fakes.build import endpoint, endpoint_slice, ingress, service
from fakes.clock import RealClock, VirtualClock
from fakes.gce import Error
from glbc.commands.gc import Request, main
from glbc.config import Config
from glbc.errors import GlbcError
from glbc.naming import Namer
from glbc.plan.output import CollectedOut
from tests.kube.support import kubeconfig
from tests.support import pki
from tests.support.house import CLUSTER_UID, PROJECT, House

GONE = {"cluster_is_gone": True, "yes": True}
SHARED = {
    "firewalls": [f"k8s-fw-l7--{CLUSTER_UID}"],
    "instanceGroups": [f"k8s-ig--{CLUSTER_UID}"] * 2,
}


class Done:
    """How one call of the command ended."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text

    @property
    def json(self) -> Any:
        return json.loads(self.text)


Gc = Callable[..., Done]


def uid_of(kube: fakes.kube.World) -> str:
    """Return metadata.uid of kube-system, which a front end's v2 names hold a hash of."""
    found = kube.get("Namespace", "kube-system")
    assert found is not None
    return str(found["metadata"]["uid"])


def built(*names: str, tls: bool = False, **settings: Any) -> House:
    """Return worlds in which a controller has made the load balancers of these Ingresses."""
    kube = fakes.kube.World(clock=VirtualClock())
    house = House(kube=kube, namer=Namer(CLUSTER_UID, uid_of(kube)), **settings)
    identity = {"namespace": "kube-system", "name": "ingress-uid"}
    house.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": identity,
            "data": {"uid": CLUSTER_UID, "provider-uid": CLUSTER_UID},
        },
        service("shop/web", "80->30301"),
        pki.secret("shop/tls", *pki.fixed_pair("www.example.com")),
    )
    for number, name in enumerate(names):
        own = f"shop/{name}-svc"
        made = ingress(
            f"shop/{name}", {"a.example.com": [("/", f"{name}-svc:80")]}, default="web:80"
        )
        if tls:
            made["spec"]["tls"] = [{"secretName": "tls"}]
        house.apply(service(own, f"80->{30310 + number}"), made)
    house.settle()
    assert house.refused() == []
    return house


def forget(house: House, name: str) -> None:
    """Let an Ingress vanish, its finalizer taken off by force."""
    house.kube.delete("Ingress", name)
    house.forget_finalizers(name)
    assert house.ingress(name) is None


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Callable[..., Done]]:
    """Serve the worlds of a house and run the command against them."""
    with ExitStack() as stack:

        def run(
            house: House, *, ask: Callable[[str], bool] = lambda _: False, **words: Any
        ) -> Done:
            for world in (house.gce, house.kube):
                world.clock = RealClock()
            gce = stack.enter_context(fakes.gce.running(house.gce))
            kube = stack.enter_context(fakes.kube.running(house.kube))
            config = msgspec.convert(
                {
                    "project": PROJECT,
                    "cluster_uid": words.pop("cluster_uid", CLUSTER_UID),
                    "https_redirect": "tls",
                    "lease": {"duration_sec": 1, "renew_deadline_sec": 0.6, "retry_sec": 0.2},
                    "cloud": {"endpoint": gce, "anonymous": True},
                    "kube": {"kubeconfig": kubeconfig(tmp_path, kube)},
                },
                Config,
            )
            if words.pop("proved", True) and words.get("cluster_is_gone"):
                words["kube_system_uid"] = uid_of(house.kube)
            out = io.StringIO()
            code = main(config, Request(**words), out, ask)
            return Done(code, out.getvalue())

        yield run


class TestLivingCluster:
    def test_nothing_to_collect_ends_with_0(self, collect: Gc) -> None:
        done = collect(built("web"), yes=True)
        assert (done.code, done.text) == (0, "Nothing to collect.\n")

    def test_a_dry_run_tells_and_deletes_nothing(self, collect: Gc) -> None:
        house = built("web", "old")
        before = house.ours()
        forget(house, "shop/old")
        done = collect(house, dry_run=True)
        assert done.code == 2
        assert house.ours() == before
        assert "Nothing needs 5 resources:" in done.text
        assert "ingress shop/old: gone; billed by the hour" in done.text
        assert "service shop/old-svc: no Ingress asks for it; free" in done.text

    def test_what_is_left_of_one_ingress_goes_and_the_others_stay(self, collect: Gc) -> None:
        house = built("web")
        wanted = house.ours()
        house = built("web", "old")
        forget(house, "shop/old")
        done = collect(house, yes=True)
        assert done.code == 0
        assert done.text.endswith("Deleted 5 resources; nothing is left.\n")
        assert house.ours() == wanted
        assert "(5 of 5)" in done.text

    def test_a_person_is_asked_and_may_say_no(self, collect: Gc, monkeypatch) -> None:
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        house = built("web", "old")
        forget(house, "shop/old")
        before = house.ours()
        asked: list[str] = []
        done = collect(house, ask=lambda text: bool(asked.append(text)))
        assert asked == ["Delete 5 resources?"]
        assert (done.code, house.ours()) == (2, before)
        assert done.text.endswith("Nothing was deleted.\n")

    def test_without_a_terminal_somebody_has_to_say_yes(self, collect: Gc) -> None:
        with pytest.raises(GlbcError, match="--yes to delete, or --dry-run"):
            collect(built("web"))

    def test_what_somebody_else_uses_is_kept_and_named(self, collect: Gc) -> None:
        house = built("web", "old")
        backend = next(
            body for body in house.gce.resources("backendServices") if "30311" in body["name"]
        )
        house.gce.seed("urlMaps", "global", "theirs", {"defaultService": backend["selfLink"]})
        forget(house, "shop/old")
        done = collect(house, yes=True)
        assert done.code == 2
        assert "theirs" in house.names("urlMaps")
        assert "kept: urlMaps/theirs: it goes when nothing refers to it any more" in done.text
        assert "Deleted 3 resources; 2 left:" in done.text

    def test_a_refused_delete_is_told_and_stops_no_other(self, collect: Gc) -> None:
        house = built("web", "old")
        forget(house, "shop/old")
        house.gce.faults.add(
            "compute.forwardingRules.delete", Error(403, "forbidden", "no permission"), times=9
        )
        house.gce.faults.add(
            "compute.globalForwardingRules.delete",
            Error(403, "forbidden", "no permission"),
            times=9,
        )
        done = collect(house, yes=True, as_json=True)
        assert done.code == 2
        assert done.json["left"] == 5
        assert done.json["deleted"] == 0
        (failed,) = done.json["failed"]
        assert "no permission" in failed["error"]

    def test_a_controller_that_leads_is_not_disturbed(self, collect: Gc) -> None:
        house = built("web", "old")
        forget(house, "shop/old")
        before = house.ours()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": "other", "leaseDurationSeconds": 3600, "renewTime": now}
        meta = {"namespace": "kube-system", "name": "glbc"}
        house.kube.apply(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": meta,
                "spec": spec,
            }
        )
        with pytest.raises(GlbcError, match=r"held by other.*stop it first"):
            collect(house, yes=True)
        assert house.ours() == before

    def test_the_lease_is_free_again_afterwards(self, collect: Gc) -> None:
        house = built("web", "old")
        forget(house, "shop/old")
        collect(house, yes=True)
        lease = house.kube.get("Lease", "kube-system/glbc")
        assert lease is not None
        assert not lease["spec"]["holderIdentity"]

    def test_one_of_an_ingress_that_exists_is_refused(self, collect: Gc) -> None:
        with pytest.raises(GlbcError, match="--ingress shop/web: exists"):
            collect(built("web"), ingress="shop/web", yes=True)

    def test_only_what_was_one_ingresss(self, collect: Gc) -> None:
        house = built("web", "old", "older")
        forget(house, "shop/old")
        forget(house, "shop/older")
        done = collect(house, ingress="shop/old", yes=True)
        assert done.code == 0
        assert [name for name in house.names("urlMaps") if "-shop-old-" in name] == []
        assert len([name for name in house.names("urlMaps") if "-shop-older-" in name]) == 1
        assert len(house.names("backendServices")) == 3


class TestLeftBehind:
    def orphan(self) -> House:
        house = built("web", "old")
        note = {"glbc.gcp.kubernetes.io/orphan": "true"}
        made = house.ingress("shop/old")
        assert made is not None
        made["metadata"]["annotations"] = note
        house.apply(made)
        house.kube.delete("Ingress", "shop/old")
        house.settle()
        assert house.ingress("shop/old") is None
        return house

    @pytest.mark.parametrize("how", [{"yes": True}, GONE], ids=["living", "gone"])
    def test_it_is_named_and_kept_until_it_is_asked_for(
        self, collect: Gc, how: dict[str, Any]
    ) -> None:
        house = self.orphan()
        done = collect(house, **how)
        assert "Ingress shop/old left its load balancer behind on purpose" in done.text
        assert [name for name in house.names("urlMaps") if "-shop-old-" in name]
        assert len(house.names("firewalls")) == 1
        done = collect(house, **how, ingress="shop/old")
        assert [name for name in house.names("urlMaps") if "-shop-old-" in name] == []


class TestGoneCluster:
    def test_everything_goes_in_the_order_of_its_references(self, collect: Gc) -> None:
        house = built("web", "old", tls=True)
        done = collect(house, **GONE)
        assert done.code == 0
        assert house.ours() == {}
        assert [call.status for call in house.gce.calls() if call.status >= 400 and call.method.endswith("delete")] == []  # fmt: skip

    def test_a_neighbour_in_the_project_keeps_every_byte(self, collect: Gc) -> None:
        house = built("web")
        for kind, name, body in (
            ("healthChecks", "k8s-be-30301--feedfeedfeedfeed", {"type": "HTTP", "httpHealthCheck": {}}),
            ("firewalls", "k8s-fw-l7--feedfeedfeedfeed", {"allowed": [{"IPProtocol": "tcp"}]}),
            ("addresses", "k8s2-fr-feedfeed-shop-web-aaaaaaaa", {}),
            ("healthChecks", f"k8s-be-30999--{CLUSTER_UID}", {"type": "HTTP", "httpHealthCheck": {}, "description": "mine"}),
        ):  # fmt: skip
            house.gce.seed(kind, "global", name, body)
        theirs = [*house.gce.resources("healthChecks"), *house.gce.resources("firewalls"), *house.gce.resources("addresses")]  # fmt: skip
        done = collect(house, **GONE)
        assert done.code == 0
        left = [*house.gce.resources("healthChecks"), *house.gce.resources("firewalls"), *house.gce.resources("addresses")]  # fmt: skip
        assert len(left) == 4
        assert all(body in theirs for body in left)

    def test_adopt_takes_what_has_our_name_and_another_description(self, collect: Gc) -> None:
        house = built("web")
        body = {"type": "HTTP", "httpHealthCheck": {}, "description": "mine"}
        house.gce.seed("healthChecks", "global", f"k8s-be-30999--{CLUSTER_UID}", body)
        collect(house, **GONE, adopt=True)
        assert house.ours() == {}

    def test_without_the_kube_system_uid_front_ends_stay_and_it_is_said(self, collect: Gc) -> None:
        house = built("web")
        kept = house.ours()
        done = collect(house, **GONE, proved=False)
        assert done.code == 2
        for kind in ("forwardingRules", "targetHttpProxies", "urlMaps", "backendServices"):
            assert house.ours()[kind] == kept[kind]
        assert "--kube-system-uid" in done.text
        assert "kept: urlMaps/k8s2-um-" in done.text

    def test_v1_names_need_no_more_than_the_cluster_uid(self, collect: Gc) -> None:
        house = built("web", new_ingress_scheme="v1")
        assert house.ours()
        done = collect(house, **GONE, proved=False)
        assert (done.code, house.ours()) == (0, {})

    def test_contrib_1362_what_an_edited_uid_leaves_is_collected_under_the_old_one(
        self, collect: Gc
    ) -> None:
        """Front ends have no uid in their names and go on; the nodes were held by the old group."""
        house = built("a", switch_wait_sec=0, backend_grace_sec=0)
        fresh = "0123456789abcdef"
        ids = {body["name"]: body["id"] for body in house.gce.resources("forwardingRules")}
        house.namer = Namer(fresh, uid_of(house.kube))
        house.start()
        house.settle(patience=700)
        backends = house.names("backendServices")
        assert {name.rpartition("--")[2] for name in backends} == {CLUSTER_UID, fresh}

        done = collect(house, cluster_is_gone=True, yes=True, proved=False)
        assert done.code == 0, done.text
        assert not [key for key in house.gce.dump() if CLUSTER_UID in key]
        assert ids == {body["name"]: body["id"] for body in house.gce.resources("forwardingRules")}

        for world in (house.gce, house.kube):
            world.clock = house.clock
        house.start()
        house.settle(patience=1300)
        groups = list(house.gce.resources("instanceGroups"))
        assert {body["name"] for body in groups} == {f"k8s-ig--{fresh}"}
        assert sum(body["size"] for body in groups) == 2

    def test_somebody_has_to_say_which_cluster(self, collect: Gc) -> None:
        with pytest.raises(GlbcError, match="give --cluster-uid"):
            collect(built("web"), cluster_uid="", **GONE)

    def test_one_ingress_of_it(self, collect: Gc) -> None:
        house = built("web", "old")
        done = collect(house, **GONE, ingress="shop/old")
        assert done.code == 0
        assert len(house.names("urlMaps")) == 1
        assert {kind: house.ours()[kind] for kind in SHARED} == SHARED

    def test_json_is_for_programs(self, collect: Gc) -> None:
        house = built("web")
        words = GONE | {"yes": False, "dry_run": True, "as_json": True}
        done = collect(house, **words)
        assert msgspec.json.decode(done.text, type=CollectedOut).left == len(done.json["garbage"])
        rows = done.json["garbage"]
        assert len(rows) == sum(map(len, house.ours().values()))
        rule = next(row for row in rows if row["kind"] == "forwardingRules")
        assert rule.pop("created")
        assert rule == {
            "kind": "forwardingRules",
            "name": house.names("forwardingRules")[0],
            "scope": "global",
            "project": PROJECT,
            "whose": "ingress shop/web",
            "why": "the cluster is gone",
            "cost": "billed by the hour, and it holds an address",
            "blockedBy": "",
            "hint": "",
        }


class TestEndpointGroups:
    NEG = "k8s1-16f2a1b3-shop-front-80-574984b4"

    @pytest.fixture
    def house(self) -> House:
        """Return worlds in which a Service has groups behind an Ingress, and of a name of its own."""
        house = built("web")
        slices = [
            endpoint_slice(f"shop/{name}-x", name, (endpoint("10.8.0.5", "node-1"),), "8080")
            for name in ("front", "own")
        ]
        wishes = {"front": {"ingress": True}, "own": {"exposed_ports": {"80": {"name": "mine"}}}}
        for name, wish in wishes.items():
            made = service(f"shop/{name}", "80", kind="ClusterIP", target=8080)
            made["metadata"]["annotations"] = {"cloud.google.com/neg": json.dumps(wish)}
            house.apply(made)
        house.apply(*slices, ingress("shop/old", default="front:80"))
        house.settle()
        assert house.names("networkEndpointGroups") == [self.NEG, self.NEG, "mine", "mine"]
        return house

    def test_those_of_a_service_that_is_gone_go(self, collect: Gc, house: House) -> None:
        house.kube.delete("Service", "shop/own")
        forget(house, "shop/old")
        done = collect(house, yes=True)
        assert done.code == 0
        assert "service shop/own: gone; free" in done.text
        assert house.names("networkEndpointGroups") == []

    def test_those_that_a_service_exposes_stay(self, collect: Gc, house: House) -> None:
        forget(house, "shop/old")
        assert collect(house, yes=True).code == 0
        assert house.names("networkEndpointGroups") == ["mine", "mine"]

    def test_those_of_one_ingress_alone_go_with_it(self, collect: Gc, house: House) -> None:
        forget(house, "shop/old")
        assert collect(house, yes=True, ingress="shop/old").code == 0
        assert house.names("networkEndpointGroups") == ["mine", "mine"]

    def test_those_of_a_gone_cluster_go(self, collect: Gc, house: House) -> None:
        done = collect(house, **GONE)
        assert (done.code, house.ours()) == (0, {})

    def test_without_the_uid_of_kube_system_they_stay_and_that_is_said(
        self, collect: Gc, house: House
    ) -> None:
        house.kube.delete("Ingress", "shop/old")
        house.kube.delete("Ingress", "shop/web")
        house.settle()
        done = collect(house, proved=False, **GONE)
        assert house.names("networkEndpointGroups") == ["mine", "mine"]
        assert "--kube-system-uid" in done.text

    def test_what_somebody_else_uses_is_kept_and_named(self, collect: Gc, house: House) -> None:
        link = f"projects/{PROJECT}/zones/us-central1-a/networkEndpointGroups/mine"
        check = {"type": "HTTP", "httpHealthCheck": {"portSpecification": "USE_SERVING_PORT"}}
        house.gce.seed("healthChecks", "global", "theirs", check)
        body = {
            "backends": [{"group": link, "balancingMode": "RATE", "maxRatePerEndpoint": 5}],
            "healthChecks": [f"projects/{PROJECT}/global/healthChecks/theirs"],
        }
        house.gce.seed("backendServices", "global", "theirs", body)
        done = collect(house, **GONE)
        assert done.code == 2
        assert house.names("networkEndpointGroups") == ["mine"]
        assert "kept: backendServices/theirs" in done.text
