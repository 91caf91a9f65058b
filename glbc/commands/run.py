"""`glbc run`: the controller. Wires the adapters to the loop and runs it until told to stop."""

import signal
import threading
import time
from types import FrameType

import structlog

from glbc.commands.connect import Connection
from glbc.config import Config
from glbc.engine.executor import Runner
from glbc.engine.loop import Bell, Loop, run
from glbc.engine.workers import ThreadWorkers
from glbc.ops import logs

log = structlog.get_logger()


class SystemClock:
    """The system's monotonic clock."""

    def monotonic(self) -> float:
        """Return the system's monotonic time, in seconds."""
        return time.monotonic()


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    Raises:
        GlbcError: the cluster or the cloud cannot be reached at the start.
    """
    logs.configure(config.log_format)
    stop, clock = threading.Event(), SystemClock()
    bell = Bell(config, clock)

    def told_to_stop(number: int, _: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        stop.set()
        bell.ring()

    signal.signal(signal.SIGTERM, told_to_stop)
    signal.signal(signal.SIGINT, told_to_stop)
    connection = Connection(config, bell.change, write=True)
    workers = ThreadWorkers(
        Runner(connection.cloud, clock), connection.cluster, config.cloud.workers, bell.ring
    )
    try:
        connection.watch()
        log.info("running", project=config.project, cluster_uid=connection.namer.cluster_uid)
        run(Loop(config, connection.namer, connection.cluster, workers, clock), bell, stop)
    finally:
        workers.stop()
        connection.close()
    log.info("stopped")
    return 0
