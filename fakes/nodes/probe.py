"""Readiness probes, as the kubelet makes them: a real request to a real socket."""

import asyncio
import contextlib
from typing import Final

from fakes.nodes.kinds import Obj
from fakes.nodes.tls import client_context

_DEFAULTS: Final = {
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 3,
}
LEAST_TIMEOUT: Final = 2.0  # seconds: a scaled-down timeout must not fail on a busy machine


class Probe:
    """A probe of one container and how it has gone so far."""

    def __init__(self, spec: Obj, container: Obj, address: str, scale: float) -> None:
        number = {name: spec.get(name) or default for name, default in _DEFAULTS.items()}
        self.delay = number["initialDelaySeconds"] * scale
        self.period = max(number["periodSeconds"] * scale, 0.01)
        self.path = (spec.get("httpGet") or {}).get("path") or "/"
        self.passed = False
        self._timeout = max(number["timeoutSeconds"] * scale, LEAST_TIMEOUT)
        self._needed = {True: number["successThreshold"], False: number["failureThreshold"]}
        self._in_a_row = {True: 0, False: 0}
        self._spec = spec
        self._address = address
        self._port = _port(spec, container)
        self._tls = (spec.get("httpGet") or {}).get("scheme") == "HTTPS"

    async def check(self) -> bool:
        """Probe once; return what the container counts as from now on."""
        good = await self._ask()
        self._in_a_row = {good: self._in_a_row[good] + 1, not good: 0}
        if self._in_a_row[good] >= self._needed[good]:
            self.passed = good
        return self.passed

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._connect()
        except (OSError, TimeoutError, ValueError):
            return False

    async def _connect(self) -> bool:
        if not self._port:
            return True  # exec and gRPC probes have nothing to run here
        reader, writer = await asyncio.open_connection(
            self._address, self._port, ssl=client_context() if self._tls else None
        )
        try:
            if "httpGet" not in self._spec:
                return True
            headers = {"host": f"{self._address}:{self._port}", "user-agent": "kube-probe/1.34"}
            for one in self._spec["httpGet"].get("httpHeaders") or ():
                headers[one["name"].lower()] = one["value"]  # Host, however it is spelled
            lines = [f"GET {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
            writer.write(("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode())
            status = (await reader.readline()).split(b" ")
            return len(status) > 1 and 200 <= int(status[1]) < 400
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _port(spec: Obj, container: Obj) -> int:
    """Return the port that a probe asks, 0 when it asks none."""
    asked = (spec.get("httpGet") or spec.get("tcpSocket") or {}).get("port", 0)
    if isinstance(asked, int):
        return asked
    ports = container.get("ports") or ()
    return next((int(one["containerPort"]) for one in ports if one.get("name") == asked), 0)
