"""The Kubernetes API, real or fake, over REST: list, watch and writes on one event loop.

`kubernetes` finds the server and the credentials as kubectl does; bodies are plain JSON, for its
typed models lose a whole list over one odd object. Nothing is retried here: who asked decides.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode

from fakes.nodes.kinds import Kind, Obj
from fakes.nodes.wire import Wire

ANSWER_SEC: Final = 30.0
SILENCE_SEC: Final = 330.0  # longer than a watch lasts
WATCH_SEC: Final = 300
AGENT: Final = "fakes.nodes"

_TYPES: Final = {
    "POST": "application/json",
    "PATCH": "application/strategic-merge-patch+json",
    "DELETE": "application/json",
}


class ApiError(Exception):
    """The server refused, or could not be reached (status 0)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason


class Api:
    """Requests to one API server. Owned by one event loop; use it in `async with`."""

    def __init__(self, server: str = "", kubeconfig: Path | None = None) -> None:
        """Find the server.

        Args:
            server: base URL of a server that wants no credentials; else the kubeconfig is read.
            kubeconfig: its path; None: $KUBECONFIG, ~/.kube/config or the service account.
        """
        self._configuration: Any = None if server else _configuration(kubeconfig)
        self.host = server.rstrip("/") or str(getattr(self._configuration, "host", "")).rstrip("/")
        self._wire = Wire(self.host, _context(self._configuration))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._wire.close()

    async def list(self, kind: Kind) -> tuple[int, list[Obj]]:
        """Return all objects of a kind and the version at which they were so."""
        items: list[Obj] = []
        query = {"limit": "500"}
        while True:
            page = await self._ask("GET", kind.path(), query)
            items += page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                return int(page["metadata"]["resourceVersion"]), items
            query = {"limit": "500", "continue": token}

    async def watch(self, kind: Kind, version: int) -> AsyncGenerator[Obj, None]:
        """Yield the events of a kind after a version until the server ends the stream."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": str(version),
            "timeoutSeconds": str(WATCH_SEC),
        }
        path = f"{kind.path()}?{urlencode(query)}"
        lines = self._wire.lines(path, self._headers(), SILENCE_SEC)
        try:
            async for status, line in lines:
                if status >= 300:
                    raise _refusal(status, line)
                if line:
                    yield _event(line)
        except (OSError, TimeoutError) as error:
            raise ApiError(0, "Unreachable", f"{self.host}: {error!r}") from error
        finally:
            await lines.aclose()

    async def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """Return one object."""
        return await self._ask("GET", kind.path(namespace, name))

    async def create(self, kind: Kind, obj: Obj, *, sub: str = "", name: str = "") -> Obj:
        """Create an object (or a subresource of the one that `name` names); return it."""
        path = kind.path(obj["metadata"].get("namespace", ""), name, sub)
        typed = {"apiVersion": kind.api_version, "kind": kind.name} | obj
        return await self._ask("POST", path, body=typed)

    async def patch(self, kind: Kind, obj: Obj, body: Obj, *, sub: str = "") -> Obj:
        """Change an object by a strategic merge patch; return what it became."""
        meta = obj["metadata"]
        path = kind.path(meta.get("namespace", ""), meta["name"], sub)
        return await self._ask("PATCH", path, body=body)

    async def delete(self, kind: Kind, obj: Obj, *, grace: int | None = None) -> Obj:
        """Delete this very object (not its successor); return the answer, a Status when gone."""
        meta = obj["metadata"]
        options: Obj = {"propagationPolicy": "Background"}
        if meta.get("uid"):
            options["preconditions"] = {"uid": meta["uid"]}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        path = kind.path(meta.get("namespace", ""), meta["name"])
        return await self._ask("DELETE", path, body=options)

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Obj | None = None,
    ) -> Obj:
        headers = self._headers()
        if body is not None:
            headers["content-type"] = _TYPES[method]
        content = b"" if body is None else json.dumps(body).encode()
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            async with asyncio.timeout(ANSWER_SEC):
                status, raw = await self._wire.request(method, target, headers, content)
        except (OSError, TimeoutError) as error:
            raise ApiError(0, "Unreachable", f"{self.host}: {error!r}") from error
        if status >= 300:
            raise _refusal(status, raw)
        found: Obj = json.loads(raw)
        return found

    def _headers(self) -> dict[str, str]:
        return {"user-agent": AGENT, "accept": "application/json"} | self._credentials()

    def _credentials(self) -> dict[str, str]:
        """Return the headers that say who we are; tokens are refreshed by the library."""
        if self._configuration is None:
            return {}
        if self._configuration.username:
            basic = self._configuration.get_basic_auth_token()
            return {"authorization": str(basic)} if basic else {}
        token = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return {"authorization": str(token)} if token else {}


def _configuration(kubeconfig: Path | None) -> Any:
    from kubernetes import client, config  # noqa: PLC0415 (0.3 s that a plain URL does not pay)

    load: Any = config  # not typed
    configuration = client.Configuration()
    if kubeconfig is None:
        load.load_config(client_configuration=configuration)
    else:
        load.load_kube_config(str(kubeconfig), client_configuration=configuration)
    return configuration


def _context(configuration: Any) -> ssl.SSLContext | None:
    """Return the TLS settings of a configuration; None where there is no TLS."""
    if configuration is None or not str(configuration.host).startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _refusal(status: int, raw: bytes) -> ApiError:
    try:
        body = json.loads(raw)
        return ApiError(status, str(body.get("reason", "")), str(body.get("message", "")))
    except (ValueError, AttributeError):
        return ApiError(status, "", raw[:200].decode("utf-8", errors="replace"))


def _event(line: bytes) -> Obj:
    """Return one event.

    Raises:
        ApiError: the line is half of one, or the server's error.
    """
    try:
        event: Obj = json.loads(line)
    except ValueError as error:
        raise ApiError(0, "Unreadable", f"not an event: {line[:80]!r}") from error
    if event.get("type") == "ERROR":
        status = event.get("object") or {}
        code = int(status.get("code") or 500)
        raise ApiError(code, str(status.get("reason", "")), str(status.get("message", "")))
    return event
