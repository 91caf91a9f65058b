"""Everything that runs against one cluster: reflectors, controllers, kubelets, kube-proxies.

Three loops, each woken by any change and each looking at all there is: what one of them does is
the next change. A loop that could not finish tries again by itself, at growing intervals.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from fakes.nodes import deployments, endpoints, replicas, schedule, upkeep
from fakes.nodes.api import Api, ApiError
from fakes.nodes.cluster import Cluster, ClusterChangedError
from fakes.nodes.kinds import WATCHED, Kind, Obj
from fakes.nodes.kubelet import Hosts, Kubelets
from fakes.nodes.proxy import Proxy

QUIET_SEC: Final = 0.002  # changes that come together are looked at together
AGAIN_SEC: Final = (0.1, 3.0)  # the first and the longest wait after a failure
AT_ONCE: Final = 8  # writes in flight

log = logging.getLogger(__name__)

CONTROLLERS: Final = (
    deployments.reconcile,
    replicas.reconcile,
    schedule.schedule,
    upkeep.collect,
    endpoints.reconcile,
)


class Work(Protocol):
    """Something to be done in the cluster."""

    def do(self, cluster: Cluster) -> Awaitable[object]:
        """Do it."""
        ...


class Session:
    """One cluster, from the first list until it is another one. Owned by one event loop."""

    def __init__(self, api: Api, hosts: Hosts, registered: Callable[[], None]) -> None:
        self.cluster = Cluster(api, hosts.settings.time_scale)
        self.kubelets = Kubelets(self.cluster, hosts)
        self.proxy = Proxy(self.cluster)
        self.registered = False  # all nodes have been
        self._tell_registered = registered
        self._bells: list[asyncio.Event] = []
        self._limit = asyncio.Semaphore(AT_ONCE)
        self.cluster.listeners.append(self._changed)

    def ring(self) -> None:
        """Let everybody look again."""
        for bell in self._bells:
            bell.set()

    def _changed(self, _kind: Kind, _old: Obj | None, _new: Obj | None) -> None:
        self.ring()

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            ClusterChangedError: the API server holds another cluster now.
        """
        for host in self.kubelets.hosts.by_name.values():
            host.uid = ""
        try:
            async with asyncio.TaskGroup() as group:
                for kind in WATCHED:
                    group.create_task(self.cluster.reflect(kind), name=f"reflect {kind.plural}")
                await self.cluster.synced()
                group.create_task(self._loop(self._host), name="kubelets")
                group.create_task(self._loop(self._control), name="controllers")
                group.create_task(self._loop(self._forward), name="proxies")
        except BaseExceptionGroup as group:
            if group.subgroup(ClusterChangedError) is None:
                raise
            raise ClusterChangedError(self.cluster.api.host) from group
        finally:
            self.proxy.stop()
            await self.kubelets.stop()

    async def _loop(self, turn: Callable[[], Awaitable[bool]]) -> None:
        """Take a turn after every change, and after a while when one did not succeed."""
        bell = asyncio.Event()
        self._bells.append(bell)
        wait: float | None = None
        bell.set()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), wait)
            bell.clear()
            if await turn():
                wait = None
                await asyncio.sleep(QUIET_SEC)
            else:
                wait = min(2 * wait, AGAIN_SEC[1]) if wait else AGAIN_SEC[0]

    async def _host(self) -> bool:
        before = self.kubelets.up()
        done = await self.kubelets.follow()
        if self.kubelets.up() != before:
            self.ring()
        if done and not self.registered:
            self.registered = True
            self._tell_registered()
        return done

    async def _forward(self) -> bool:
        return self.proxy.follow(self.kubelets.up())

    async def _control(self) -> bool:
        works: list[Work] = []
        done = True
        for controller in CONTROLLERS:
            try:
                works += controller(self.cluster)
            except (AttributeError, KeyError, TypeError, ValueError):
                log.exception("an object that nobody expected")  # must not stop all the others
                done = False
        due = self.cluster.available.take_due()
        if due is not None:
            asyncio.get_running_loop().call_later(due, self.ring)
        return all(await asyncio.gather(*map(self._do, works))) and done

    async def _do(self, work: Work) -> bool:
        async with self._limit:
            try:
                await work.do(self.cluster)
            except ApiError as error:
                log.info("%s: %s", type(work).__name__, error)
                return error.status in {404, 409}  # what has changed is seen by watch
        return True
