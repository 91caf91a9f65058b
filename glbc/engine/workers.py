"""Threads that run jobs: pools for the cloud, one for Kubernetes patches, one for events.

They hand outcomes back through queues and ring a bell; they share nothing else with the loop.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from glbc.engine.executor import Runner, moves_endpoints
from glbc.engine.jobs import (
    ActionJob,
    HealthJob,
    Job,
    ListJob,
    OperationsJob,
    Outcome,
    QuotaJob,
)
from glbc.engine.ports import Clock, Cluster, Fence
from glbc.engine.term import ALONE
from glbc.errors import CloudError, ClusterError, NotLeading
from glbc.model.calls import EventNote, Write

log = structlog.get_logger()

CLOUD: Final = "cloud"
CLUSTER: Final = "cluster"

Item = TypeVar("Item")

OBSERVES: Final = (ListJob, HealthJob, OperationsJob, QuotaJob)


class ThreadWorkers:
    """Pools that never wait for each other.

    `cloud-n` for actions and reads, `endpoints-n` for pods that come and go, `observe-n` for lists and
    health, `publish` and `events` for Kubernetes.
    """

    def __init__(
        self,
        runner: Runner,
        cluster: Cluster,
        clock: Clock,
        *,
        threads: int,
        ring: Callable[[], None],
        fence: Fence = ALONE,
    ) -> None:
        self._runner = runner
        self._cluster = cluster
        self._clock = clock
        self._ring = ring
        self._fence = fence
        self._cloud = ThreadPoolExecutor(threads, thread_name_prefix="cloud")
        self._endpoints = ThreadPoolExecutor(threads, thread_name_prefix="endpoints")
        self._observe = ThreadPoolExecutor(4, thread_name_prefix="observe")
        self._publisher = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="events")
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._written: queue.SimpleQueue[tuple[Write, ClusterError | None]] = queue.SimpleQueue()
        self._stopped = False

    def start(self, job: Job) -> None:
        """Run the job as soon as a thread of its pool is free."""
        pool = self._cloud
        if isinstance(job, OBSERVES):
            pool = self._observe
        elif isinstance(job, ActionJob) and moves_endpoints(job.action):
            pool = self._endpoints
        pool.submit(self._run, job)

    def publish(self, write: Write) -> None:
        """Carry out a Kubernetes write, one after the other; an address never waits behind events.

        After `stop` it is left undone: what is due then is found again by whoever follows.
        """
        if self._stopped:
            return
        pool = self._teller if isinstance(write, EventNote) else self._publisher
        pool.submit(self._write, write, self._fence.term())

    def drain(self) -> list[Outcome]:
        """Return the outcomes since the last call."""
        return _drained(self._outcomes)

    def drain_writes(self) -> list[tuple[Write, ClusterError | None]]:
        """Return how the published writes ended."""
        return _drained(self._written)

    def stop(self, seconds: float) -> frozenset[str]:
        """Start nothing more; wait for what is under way, and tell what has not ended."""
        self._stopped = True
        pools = {
            CLOUD: (self._cloud, self._endpoints, self._observe),
            CLUSTER: (self._publisher, self._teller),
        }
        waits = []
        for where, pool in ((where, pool) for where, some in pools.items() for pool in some):
            pool.shutdown(wait=False, cancel_futures=True)
            wait = threading.Thread(target=pool.shutdown, daemon=True)
            wait.start()
            waits.append((where, wait))
        deadline = self._clock.monotonic() + seconds
        for _, wait in waits:
            wait.join(max(0.0, deadline - self._clock.monotonic()))
        return frozenset(where for where, wait in waits if wait.is_alive())

    def _run(self, job: Job) -> None:
        try:
            outcome = self._runner.run(job)
        except Exception as bug:
            # A bug in one job must neither hide nor hold up the others: without an outcome the
            # loop would wait for this one for ever.
            log.exception("job_crashed", job=type(job).__name__)
            now = self._clock.monotonic()
            error = CloudError(f"internal error: {bug!r}")
            outcome = Outcome(job=job, began=now, ended=now, error=error)
        self._outcomes.put(outcome)
        self._ring()

    def _write(self, write: Write, term: int) -> None:
        error: ClusterError | None = None
        try:
            write_in(term, self._fence, self._cluster, write)
        except ClusterError as failure:
            error = failure
        except Exception as bug:
            log.exception("publish_crashed", write=type(write).__name__)
            error = ClusterError(f"internal error: {bug!r}")
        self._written.put((write, error))
        self._ring()


def write_in(term: int, fence: Fence, cluster: Cluster, write: Write) -> None:
    """Carry out a Kubernetes write in the term in which it was decided.

    Raises:
        NotLeading: that term has ended.
        ClusterError: refused or failed.
    """
    if not term or fence.term() != term:
        raise NotLeading("not written: another process may lead")
    cluster.write(write)


def _drained(items: "queue.SimpleQueue[Item]") -> list[Item]:
    found: list[Item] = []
    while True:
        try:
            found.append(items.get_nowait())
        except queue.Empty:
            return found
