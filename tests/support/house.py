"""The whole controller on the in-process doors of both fakes: no thread, no socket, no sleep.

`House` is what scenarios, crash tests and chaos live in. Jobs run when the loop asks for outcomes,
in an order that a seed decides; time is virtual.
"""

import copy
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from fakes.clock import VirtualClock
from fakes.gce import AnswerLostError
from fakes.gce import Request as GceRequest
from fakes.gce import World as GceWorld
from fakes.kube import ApiError as KubeApiError
from fakes.kube import Request as KubeRequest
from fakes.kube import World as KubeWorld
from glbc.config import Config
from glbc.engine.executor import Runner
from glbc.engine.jobs import Job, Outcome
from glbc.engine.journal import Journal
from glbc.engine.loop import Loop
from glbc.engine.pace import Pace
from glbc.engine.ports import Fence
from glbc.engine.term import ALONE
from glbc.engine.workers import write_in
from glbc.errors import ClusterError, Transient
from glbc.gcp.refusals import failed, refused
from glbc.kube.client import ApiError
from glbc.kube.writer import Writer
from glbc.model.calls import Call, Verb, Write
from glbc.model.configs import Credential
from glbc.model.health import Member
from glbc.model.keys import ResourceKey
from glbc.model.quota import Quota
from glbc.model.views import VIEWS, Snapshot, decode_hook
from glbc.naming import Namer

PROJECT = "demo"
HOST = "host"
CLUSTER_UID = "16f2a1b3c4d5e6f7"
KUBE_SYSTEM_UID = "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11"
NAMER = Namer(CLUSTER_UID, KUBE_SYSTEM_UID)
GROUPS = {
    "frontend_configs": "FrontendConfig",
    "backend_configs": "BackendConfig",
    "secrets": "Secret",
    "ingresses": "Ingress",
    "services": "Service",
    "nodes": "Node",
    "ingress_classes": "IngressClass",
    "ingress_parameters": "IngressParameters",
    "pods": "Pod",
    "endpoint_slices": "EndpointSlice",
    "group_records": "ServiceNetworkEndpointGroup",
}
HTTP = {
    Verb.INSERT: "POST",
    Verb.PATCH: "PATCH",
    Verb.UPDATE: "PUT",
    Verb.DELETE: "DELETE",
}
IRREGULAR = {
    Verb.SET_URL_MAP,
    Verb.SET_SSL_CERTIFICATES,
}  # the API leaves `global/` out of these paths


class InProcessCloud:
    """The Cloud port on the fake cloud's in-process door."""

    def __init__(self, world: GceWorld) -> None:
        self.world = world
        self.writes: list[Call] = []
        self.before: Callable[[Call], None] = lambda _: None
        self.sent: Callable[[Call], None] = lambda _: None  # taken on, its operation not over
        self.after: Callable[[Call], None] = lambda _: None
        self._requests = 0

    def list(self, kind: str) -> Sequence[Mapping[str, Any]]:
        shared = self.world.host is not None and kind == "firewalls"
        base = f"/compute/v1/projects/{HOST if shared else PROJECT}"
        found: list[Mapping[str, Any]] = []
        query: dict[str, str] = {}
        while True:
            if kind in {"instanceGroups", "networkEndpointGroups", "instances"}:
                page = self._ask("GET", f"{base}/aggregated/{kind}", query=query)
                for scoped in page.get("items", {}).values():
                    found.extend(scoped.get(kind, []))
            else:
                page = self._ask("GET", f"{base}/global/{kind}", query=query)
                found.extend(page.get("items", []))
            if "nextPageToken" not in page:
                return found
            query = {"pageToken": page["nextPageToken"]}

    def under_way(self, project: str) -> Sequence[Mapping[str, Any]]:
        path = f"/compute/v1/projects/{project}/aggregated/operations"
        found: list[Mapping[str, Any]] = []
        query = {"filter": "status != DONE"}
        while True:
            page = self._ask("GET", path, query=query)
            for scoped in page["items"].values():
                found.extend(scoped.get("operations", []))
            if "nextPageToken" not in page:
                return found
            query = query | {"pageToken": page["nextPageToken"]}

    def quotas(self, project: str) -> Sequence[Quota]:
        rows = self._ask("GET", f"/compute/v1/projects/{project}")["quotas"]
        return [Quota(row["metric"], row["limit"], row["usage"]) for row in rows]

    def get(self, key: ResourceKey) -> Mapping[str, Any]:
        return self._ask("GET", f"/compute/v1/{key.path}")

    def members(self, group: ResourceKey) -> Sequence[str]:
        answer = self._ask("POST", f"/compute/v1/{group.path}/listInstances", {})
        return [item["instance"] for item in answer.get("items", [])]

    def endpoints(self, group: ResourceKey) -> Sequence[Mapping[str, Any]]:
        path = f"/compute/v1/{group.path}/listNetworkEndpoints"
        found: list[Mapping[str, Any]] = []
        query: dict[str, str] = {}
        while True:
            page = self._ask("POST", path, {}, query)
            found.extend(item["networkEndpoint"] for item in page.get("items", []))
            if "nextPageToken" not in page:
                return found
            query = {"pageToken": page["nextPageToken"]}

    def health(self, service: ResourceKey, group: ResourceKey) -> Sequence[Member]:
        body = {"group": group.link}
        answer = self._ask("POST", f"/compute/v1/{service.path}/getHealth", body)
        return [
            Member(item["instance"], item["healthState"], item["ipAddress"], item["port"])
            for item in answer.get("healthStatus", [])
        ]

    def call(self, call: Call) -> None:
        self.before(call)
        self.writes.append(call)
        key, verb = call.key, call.verb
        path = f"/compute/v1/{key.path}"
        if verb in HTTP:
            method = HTTP[verb]
            path = path.rpartition("/")[0] if verb is Verb.INSERT else path
        else:
            method, path = "POST", f"{path}/{verb.value}"
            if verb in IRREGULAR:
                path = path.replace("/global/", "/")
        self._requests += 1
        body = dict(call.body) if call.body is not None else None
        operation = self._ask(method, path, body, call.query)
        scope = operation.get("zone", "").rpartition("/projects/")[2].partition("/")[2] or "global"
        name = operation["name"]
        self.sent(call)
        for _ in range(100):
            if operation["status"] == "DONE":
                break
            wait = f"/compute/v1/projects/{key.project}/{scope}/operations/{name}/wait"
            operation = self._ask("POST", wait)
        self.after(call)
        error = failed(f"{verb} {key}", operation)
        if error is not None:
            raise error

    def _ask(
        self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            answer = self.world.handle(GceRequest(method, path, query or {}, body))
        except AnswerLostError as lost:
            raise Transient(f"{method} {path}: {lost}") from lost
        if answer.status >= 400:
            error = answer.body["error"]
            told = (error["errors"], error.get("details", ()), error["message"])
            raise refused(f"{method} {path}", answer.status, *told)
        return answer.body


class InProcessApi:
    """What the real writer needs of the Kubernetes client, on the fake's in-process door."""

    def __init__(self, world: KubeWorld) -> None:
        self.world = world

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        timeout: float = 30.0,  # noqa: ARG002 (no socket, nothing to wait for)
    ) -> bytes:
        headers = {"content-type": content_type}
        sent = msgspec.json.encode(body) if body is not None else None
        answer = self.world.handle(KubeRequest(method, path, query or {}, headers, sent))
        if answer.status >= 400:
            raise ApiError(
                answer.body.get("message", ""),
                status=answer.status,
                reason=answer.body.get("reason", ""),
                retry_after=float(answer.headers.get("retry-after", 0)),
            )
        return answer.encoded()


class InProcessCluster:
    """The Cluster port on the fake API server's in-process door."""

    def __init__(self, world: KubeWorld) -> None:
        self.world = world
        self.complete = frozenset(VIEWS)
        self.broken = False
        self.unreadable: set[str] = set()  # Secrets that no read by name gets
        self._named: frozenset[str] = frozenset()
        api, monotonic = InProcessApi(world), world.clock.monotonic
        self._writer = Writer(api, self._now, monotonic)  # type: ignore[arg-type]
        self._cached: tuple[Any, Snapshot] | None = None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.time(), UTC)

    def want_credentials(self, names: Collection[str]) -> None:
        self._named = frozenset(names)

    def _credential(self, name: str) -> Credential | None:
        found = self.world.get("Secret", name)
        return msgspec.convert(found, Credential, dec_hook=decode_hook) if found else None

    def snapshot(self) -> Snapshot:
        version = (self.world.resource_version, self.complete, self._named)
        if self._cached is None or self._cached[0] != version:
            views = {}
            for field, kind in GROUPS.items():
                views[field] = {
                    _name(obj): msgspec.convert(obj, VIEWS[kind], dec_hook=decode_hook)
                    for obj in self._listed(kind)
                    if kind != "Secret" or obj.get("type") == "kubernetes.io/tls"
                }
            read = {name: self._credential(name) for name in self._named - self.unreadable}
            snapshot = Snapshot(
                **views, credentials=read, complete=self.complete, absent=self._absent()
            )
            self._cached = (version, snapshot)
        return self._cached[1]

    def _absent(self) -> frozenset[str]:
        names = {
            one["spec"]["names"]["kind"] for one in self.world.list("CustomResourceDefinition")
        }
        custom = {"FrontendConfig", "BackendConfig", "IngressParameters"}
        return frozenset((custom | {"ServiceNetworkEndpointGroup"}) - names)

    def _listed(self, kind: str) -> list[dict[str, Any]]:
        try:
            return list(self.world.list(kind))
        except (KubeApiError, KeyError):
            return []  # a custom kind that is not installed

    def write(self, write: Write) -> None:
        if self.broken:
            raise ClusterError("the API server is away", status=0)
        self._writer.write(write)


class InlineWorkers:
    """Runs a job when its outcome is asked for; the seed decides which come first."""

    def __init__(
        self, runner: Runner, cluster: InProcessCluster, seed: int = 0, fence: Fence = ALONE
    ) -> None:
        self._runner = runner
        self._cluster = cluster
        self._fence = fence
        self._random = random.Random(seed)
        self._jobs: list[Job] = []
        self._writes: list[tuple[Write, int]] = []
        self.before: Callable[[Job], None] = lambda _: None

    def start(self, job: Job) -> None:
        self._jobs.append(job)

    def publish(self, write: Write) -> None:
        self._writes.append((write, self._fence.term()))

    def drain(self) -> list[Outcome]:
        jobs, self._jobs = self._jobs, []
        self._random.shuffle(jobs)
        some = jobs[: self._random.randint(1, len(jobs))] if jobs else []
        self._jobs = jobs[len(some) :]
        return [self._run(job) for job in some]

    def drain_writes(self) -> list[tuple[Write, ClusterError | None]]:
        writes, self._writes = self._writes, []
        return [(write, self._carried_out(write, term)) for write, term in writes]

    @property
    def waiting(self) -> int:
        return len(self._jobs) + len(self._writes)

    def _run(self, job: Job) -> Outcome:
        self.before(job)
        return self._runner.run(job)

    def _carried_out(self, write: Write, term: int) -> ClusterError | None:
        try:
            write_in(term, self._fence, self._cluster, write)
        except ClusterError as error:
            return error
        return None


class House:
    """A cloud, a cluster, and a controller that can be stopped and started again."""

    def __init__(
        self,
        *,
        seed: int = 0,
        nodes: Mapping[str, str] | None = None,
        gce: GceWorld | None = None,
        kube: KubeWorld | None = None,
        shared_vpc: bool = False,
        start: float = 1_700_000_000.0,
        namer: Namer | None = None,
        clock: VirtualClock | None = None,
        fence: Fence = ALONE,
        **settings: Any,
    ) -> None:
        """Make the worlds (`nodes`: name → zone) unless they are given, and start the controller.

        With `shared_vpc` the network, and so the firewall rule, is in a project of its own. The clock
        begins at `start` (seconds since 1970).
        """
        self.clock = clock or VirtualClock(start)
        self.fence = fence
        host = HOST if shared_vpc else ""
        self.gce = gce or GceWorld(project=PROJECT, clock=self.clock, host_project=host)
        if shared_vpc:
            settings["network"] = f"projects/{HOST}/global/networks/default"
        self.kube = kube or KubeWorld(clock=self.clock)
        self.seed = seed
        self.namer = namer or NAMER
        self.config = msgspec.convert({"project": PROJECT, **settings}, Config)
        self.journal: Journal | None = None
        self.pace: Pace | None = None
        self._seen: Any = None  # the version of the cluster at the last turn
        if gce is None:
            default = {"node-1": "us-central1-a", "node-2": "us-central1-b"}
            for name, zone in (default if nodes is None else nodes).items():
                self.add_node(name, zone)
        self.start()

    def add_node(self, name: str, zone: str) -> None:
        from fakes.build import node  # noqa: PLC0415

        self.gce.seed_instance(
            name=name,
            zone=zone,
            tags=("node",),
            ip=f"10.0.0.{len(name)}",
            alias_ranges=(f"10.8.{len(self.kube.list('Node'))}.0/24",),  # of its pods
        )
        self.kube.apply(node(name, zone))

    def start(self) -> None:
        """Start a fresh controller: nothing of an earlier one is known to it."""
        self.cloud = InProcessCloud(self.gce)
        self.cluster = self.make_cluster()
        runner = Runner(self.cloud, self.clock, self.fence)
        self.workers = InlineWorkers(runner, self.cluster, self.seed, self.fence)
        self.loop = Loop(
            self.config,
            self.namer,
            self.cluster,
            self.workers,
            self.clock,
            self.journal,
            fence=self.fence,
            pace=self.pace,
        )

    def make_cluster(self) -> Any:
        """Return the Cluster port of a fresh controller."""
        return InProcessCluster(self.kube)

    def twin(self) -> "House":
        """Return a house with copies of the worlds as they are now, and a fresh controller."""
        twin = copy.copy(self)
        twin.clock, twin.gce, twin.kube = copy.deepcopy((self.clock, self.gce, self.kube))
        twin.start()
        return twin

    def apply(self, *objects: dict[str, Any]) -> None:
        for obj in objects:
            self.kube.apply(obj)

    def settle(self, patience: float = 120.0, turns: int = 2000) -> None:
        """Take turns until nothing is in flight and nothing becomes due within `patience` s."""
        waited = 0.0
        for _ in range(turns):
            busy = self.loop.step(self._changed_at())
            if busy or self.workers.waiting or self.loop.in_flight():
                continue
            wait = self.loop.wake_in()
            if waited + wait > patience:
                return
            waited += wait
            self.clock.advance(wait + 0.001)
        raise AssertionError(f"does not come to rest within {turns} turns: {self.loop.turn}")

    def _changed_at(self) -> float | None:
        """Return when the cluster has changed, just now, if it has."""
        before, self._seen = self._seen, self.kube.resource_version
        return self.clock.monotonic() if before != self._seen else None

    def ingress(self, name: str) -> dict[str, Any] | None:
        return self.kube.get("Ingress", name)

    def forget_finalizers(self, name: str) -> None:
        """Take every finalizer off an Ingress, as people do by force."""
        namespace, _, own = name.partition("/")
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/{own}"
        merge = {"content-type": "application/merge-patch+json"}
        body = {"metadata": {"finalizers": None}}
        answer = self.kube.handle(KubeRequest("PATCH", path, {}, merge, body))
        assert answer.status == 200, answer.body

    def address(self, name: str) -> str:
        ingress = self.ingress(name) or {}
        entries = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
        return entries[0].get("ip", "")

    def names(self, kind: str) -> list[str]:
        return sorted(body["name"] for body in self.gce.resources(kind))

    def body(self, kind: str, name: str) -> dict[str, Any]:
        return next(body for body in self.gce.resources(kind) if body["name"] == name)

    def events(self, reason: str = "") -> list[dict[str, Any]]:
        return [e for e in self.kube.list("Event") if not reason or e["reason"] == reason]

    def refused(self) -> list[str]:
        """Return the mutations that the cloud refused; a correct plan asks for nothing impossible."""
        return [
            f"{call.method} {call.name}: {call.status}"
            for call in self.gce.calls()
            if call.status >= 400
            and call.method.rpartition(".")[2] not in {"get", "listInstances", "getHealth"}
        ]

    def ours(self) -> dict[str, list[str]]:
        """Return what of the controller's is in the cloud, by kind."""
        kinds = [
            "forwardingRules",
            "targetHttpProxies",
            "urlMaps",
            "backendServices",
            "healthChecks",
            "instanceGroups",
            "networkEndpointGroups",
            "firewalls",
            "addresses",
            "sslCertificates",
        ]
        return {kind: names for kind in kinds if (names := self.names(kind))}


def _name(obj: Mapping[str, Any]) -> str:
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
