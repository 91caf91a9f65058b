"""The nodes of one world as something that starts and stops: in a thread, or as the process.

Stopping closes every socket and ends every task; the Node and Pod objects stay, as they do when a
kubelet stops, and the next start takes them over.
"""

import asyncio
import contextlib
import json
import logging
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from fakes.nodes.api import Api
from fakes.nodes.cluster import ClusterChangedError
from fakes.nodes.control import Control
from fakes.nodes.door import listen
from fakes.nodes.instances import Instances
from fakes.nodes.kubelet import Hosts
from fakes.nodes.session import Session
from fakes.nodes.settings import Settings
from fakes.nodes.web import Server

START_SEC: Final = 30.0  # until the nodes are registered
STOP_SEC: Final = 10.0
CLOSING_TURNS: Final = 10  # of the event loop, in which closed connections are told so

log = logging.getLogger(__name__)


class World:
    """The nodes on an event loop; `serve` runs until cancelled."""

    def __init__(self, settings: Settings, started: Callable[[], None]) -> None:
        """Listen for control; `started` is called whenever all nodes are registered."""
        self.settings = settings
        self.listener = listen(settings.control_host, settings.control_port)
        address, port = self.listener.getsockname()
        self.url = f"http://{address}:{port}"
        self._started = started

    async def serve(self) -> None:
        """Serve one cluster after the other."""
        settings = self.settings
        hosts = Hosts(settings)
        instances = Instances(settings.gce)
        control = Control(instances)
        server = Server(control.answer)
        try:
            server.start(self.listener)
            await instances.add(hosts.by_name.values())
            async with Api(settings.server, settings.kubeconfig) as api:
                while True:
                    control.session = Session(api, hosts, self._started)
                    with contextlib.suppress(ClusterChangedError):
                        await control.session.run()
                    log.info("%s: another cluster: starting over", api.host)
        finally:
            server.abort()
            for _ in range(CLOSING_TURNS):
                await asyncio.sleep(0)


class Nodes:
    """The nodes of one world in a thread of their own. Use it in `with`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = ""  # of the control endpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and wait until all nodes are registered.

        Raises:
            RuntimeError: they are not, within START_SEC.
        """
        self._thread = threading.Thread(target=self._run, name="fakes.nodes", daemon=True)
        self._thread.start()
        if not self._started.wait(START_SEC) or self._error is not None:
            self.stop()
            raise RuntimeError(f"the nodes did not start: {self._error!r}")

    def stop(self) -> None:
        """Stop, and wait until every socket is closed."""
        loop, task, thread = self._loop, self._task, self._thread
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)
        if thread is not None:
            thread.join(STOP_SEC)
            self._thread = None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request to the control endpoint (`nodes/node-1`) and return its JSON."""
        return ask(f"{self.url}/_fake/{path}", method, body)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            log.exception("the nodes have ended")
            self._error = error
        finally:
            self._started.set()

    async def _main(self) -> None:
        world = World(self.settings, self._started.set)
        self.url = world.url
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(world.serve())
        await self._task


def ask(url: str, method: str = "GET", body: Any = None) -> Any:
    """Send one request and return the JSON of the answer.

    Raises:
        ValueError: it was refused.
    """
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, method=method)  # noqa: S310 (loopback, http only)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=START_SEC) as answer:
            return json.loads(answer.read())
    except HTTPError as refused:
        with refused:
            said = refused.read().decode()
        raise ValueError(f"{method} {url}: {refused.code}: {said}") from None


async def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    world = World(settings, lambda: log.info("all nodes are registered"))
    serving = asyncio.create_task(world.serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    print(f"nodes: control at {world.url}/_fake/", flush=True)  # noqa: T201 (the port may be any)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
