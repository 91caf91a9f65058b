"""`glbc run`: the controller. Wires the adapters to the loop and runs it until told to stop.

The main thread only waits for a signal: a handler runs between any two of its instructions and may
take no lock that the code it interrupts could hold. What is under way in the cloud gets a few
seconds; then the process ends, and whoever starts next plans on what is there. Of several processes
the one that holds the Lease works; the others look on, and one of them follows it.
"""

import os
import queue
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from glbc.commands import certificates, live
from glbc.commands.connect import Connection
from glbc.commands.firststart import decided, remember
from glbc.config import Config, ConfigError
from glbc.engine.bell import Bell
from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.gate import Gate
from glbc.engine.journal import Journals
from glbc.engine.loop import Loop, run
from glbc.engine.pace import Pace
from glbc.engine.ports import Clock
from glbc.engine.workers import CLUSTER, ThreadWorkers
from glbc.errors import GlbcError
from glbc.kube.identity_watch import IdentityChanged
from glbc.kube.lease import Candidacy
from glbc.kube.note import read_note
from glbc.model.views import VIEWS
from glbc.ops import logs
from glbc.ops.counters import Counters
from glbc.ops.journal import FileJournal
from glbc.ops.metrics import Metrics, Sources

log = structlog.get_logger()

STOP_SEC: Final = 3.0  # how long what is under way may take after a signal
MOST_STOP_SEC: Final = 7 * STOP_SEC  # page and loop, workers, Lease (twice), watches
LEAD_SEC: Final = 1.0  # how long a start waits to lead at once; then it goes on as a standby
LOOK_SEC: Final = 1.0  # a signal that the kernel gives to another thread wakes nobody
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Told = signal.Signals | Exception | None
"""What ends the wait of the main thread: a signal, or how the loop ended."""


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    Raises:
        GlbcError: the cluster or the cloud cannot be reached at the start.
    """
    logs.configure(config.log_format)
    for number in SIGNALS:
        signal.signal(number, _leave_the_start)
    stop, clock, counters = threading.Event(), SystemClock(), Counters()
    bell = Bell(config, clock)
    write = not config.guards.read_only
    connection = Connection(config, bell.change, write=write, heard=counters.heard)
    candidacy, fence = connection.candidacy, connection.gate
    workers = ThreadWorkers(
        Runner(connection.cloud, clock, fence),
        connection.cluster,
        clock,
        threads=config.cloud.workers,
        ring=bell.ring,
        fence=fence,
    )
    connection.watch()
    # The snapshot first: whatever it shows was made after, or with, the note that is read then.
    snapshot, note = connection.cluster.snapshot(), read_note(connection.api)
    config = decided(config, note, snapshot)
    journal = _journal(config)
    notes = Journals(counters, *([journal] if journal else []))
    pace, namer = Pace(clock, counters.programmed), connection.namer
    loop = Loop(config, namer, connection.cluster, workers, clock, notes, fence=fence, pace=pace)
    metrics = Metrics(counters, _sources(loop, clock, connection))
    answers = live.routes(loop.window, namer, config, clock, metrics)
    stop_page = live.started(config.http.address, answers)
    if write:
        remember(config, note, connection.api)
    log.info("running", project=config.project, cluster_uid=namer.cluster_uid)
    told: queue.SimpleQueue[Told] = queue.SimpleQueue()  # its put may interrupt itself

    def run_loop() -> None:
        how: Exception | None = None
        try:
            run(loop, bell, stop)
        except Exception as bug:  # noqa: BLE001 (the main thread tells it)
            how = bug
        told.put(how)

    connection.identity.start(partial(_end_for, connection.gate, told))
    for number in SIGNALS:
        signal.signal(number, lambda number, _: told.put(signal.Signals(number)))
    _stand(candidacy)
    thread = threading.Thread(target=run_loop, name="loop", daemon=True)
    thread.start()
    end = _wait_for(told, connection)
    _ignore_signals()
    _tell(end)
    stop.set()
    stop_page()
    bell.ring()
    thread.join(STOP_SEC)
    all_ended = _wind_up(loop, thread, workers, connection)
    connection.close()
    log.info("stopped", all_ended=all_ended)
    if journal is not None:
        journal.close()
    code = 1 if isinstance(end, Exception) else 0
    if not all_ended:  # Python would wait for these threads, perhaps for minutes
        _exit(code)
    return code


def _sources(loop: Loop, clock: Clock, connection: Connection) -> Sources:
    """Return where the numbers come from that are read when somebody asks."""
    candidacy = connection.candidacy
    return Sources(
        window=loop.window,
        pace=loop.pace,
        clock=clock,
        kinds=tuple(VIEWS),
        leads=lambda: connection.gate.term() != 0,
        losses=candidacy.losses if candidacy else lambda: 0,
        expiry=lambda pem: certificates.read(pem).expires,
    )


def _stand(candidacy: Candidacy | None) -> None:
    """Try to lead; where somebody else does, go on as a standby."""
    if candidacy is not None:
        candidacy.start()
        candidacy.acquire(LEAD_SEC)


def _wind_up(
    loop: Loop, thread: threading.Thread, workers: ThreadWorkers, connection: Connection
) -> bool:
    """Finish what ends in time, abandon the rest, and let others lead; tell whether all has ended."""
    busy = workers.stop(STOP_SEC)
    connection.gate.shut()  # whatever is still under way begins no further write
    ended = not thread.is_alive()
    if ended:
        loop.finish()
    if busy:
        log.warning("abandoned", jobs=loop.in_flight())
    _step_down(connection.candidacy, quiet=CLUSTER not in busy and not connection.cloud.sending)
    return ended and not busy


def _step_down(candidacy: Candidacy | None, *, quiet: bool) -> None:
    """Let others lead: at once, or after the Lease's duration while a write may still arrive.

    An operation that runs holds up nobody: whoever follows finds it in the cloud.
    """
    if candidacy is None:
        return
    if quiet:
        led = candidacy.term() != 0
        released = candidacy.release(STOP_SEC)
        if led:
            log.info("stepped_down", lease_released=released)
    else:
        candidacy.end(STOP_SEC)
        log.warning("lease_kept", why="a write is on its way: the Lease lasts its duration")


def _exit(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _journal(config: Config) -> FileJournal | None:
    """Return the journal, where one is asked for.

    Raises:
        ConfigError: its directory is not there.
    """
    settings = config.journal
    if not settings.path:
        return None
    if not Path(settings.path).absolute().parent.is_dir():
        raise ConfigError(
            "configuration", "journal.path", "its directory does not exist", "make it, or change it"
        )
    return FileJournal(settings.path, settings.max_mib, settings.keep)


def _wait_for(told: "queue.SimpleQueue[Told]", connection: Connection) -> Told:
    """Return what ends the process: a signal, the loop's end, or a watch whose thread has died."""
    while True:
        try:
            return told.get(timeout=LOOK_SEC)
        except queue.Empty:
            if not connection.alive():
                return GlbcError("a watch of the cluster has ended by a bug: see the log above")


def _end_for(gate: Gate, told: "queue.SimpleQueue[Told]", changed: IdentityChanged) -> None:
    """Let nothing more be written, and end."""
    gate.shut()
    told.put(changed)


def _tell(end: Told) -> None:
    """Say in the log why the process ends."""
    if isinstance(end, signal.Signals):
        log.info("stopping", signal=end.name)
    elif isinstance(end, IdentityChanged):
        log.error("identity_changed", error=str(end))
    elif isinstance(end, Exception):
        log.error("crashed", exc_info=end)


def _leave_the_start(_number: int, _frame: FrameType | None) -> None:
    """End at once: nothing is under way yet."""
    _ignore_signals()
    raise SystemExit(0)


def _ignore_signals() -> None:
    """Let a second signal change nothing: it would find Python half torn down, and kill it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
