"""The one door to the Kubernetes API: the only importer of `kubernetes`, which `connect` loads (0.3 s).

The library finds the cluster, the credentials and the TLS settings, and refreshes tokens; bodies pass raw, for its
typed models cost ten times the time and memory and lose a whole list over one odd object. Nothing is retried here.
Every failure leaves as an ApiError of one line; what the library would print as a traceback never gets out.
"""

import os
import re
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import msgspec

from glbc.engine.exchange import OK, UNANSWERED, Exchange, Heard, unheard
from glbc.errors import ClusterError

MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
JSON: Final = "application/json"

_CONNECT_SEC: Final = 5.0
_REQUEST_SEC: Final = 30.0
_UNAUTHORIZED: Final = 401
_IN_CLUSTER: Final = "KUBERNETES_SERVICE_HOST"
_HINTS: Final = {
    0: "check that the API server is up and that its address in the kubeconfig is right",
    401: "check the credentials in the kubeconfig or the service account's token",
    403: "grant it to glbc's service account: deploy/rbac.yaml lists what it needs",
}

_PATH: Final = re.compile(
    r"/(?:api|apis/[^/]+)/[^/]+/(?:namespaces/[^/]+/)?"
    r"(?P<resource>[^/]+)(?P<name>/[^/]+)?(?P<sub>/[^/]+)?"
)
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Query = Mapping[str, str]


class ApiError(ClusterError):
    """A refusal or a failure, with what a caller may decide by."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        causes: tuple[str, ...] = (),
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.reason = reason  # Status.reason: AlreadyExists and Conflict are both 409
        self.causes = causes  # Status.details.causes[].reason


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


class Api:
    """Requests to one API server; any thread may call. `close` ends what is in flight, too."""

    def __init__(
        self, load: Callable[[], Any], *, connections: int, heard: Heard = unheard
    ) -> None:
        """Connect with what `load` returns: a configuration of the library, read anew each time."""
        from kubernetes import client  # noqa: PLC0415 - 0.3 s that only users of a cluster pay

        configuration = load()
        # the pool keeps as many connections as there are callers; every watch holds one
        configuration.connection_pool_maxsize = connections
        self._load = load
        self._configuration = configuration
        self._heard = heard
        self._client: Any = client.ApiClient(configuration)
        self._credentials = threading.Lock()  # refreshing may run a program: once, not per thread
        self._live: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()  # guards _live
        self._closed = False
        self._remember_connections()

    @property
    def host(self) -> str:
        """Where the API server is, for messages."""
        return str(self._configuration.host)

    def fork(self, connections: int) -> "Api":
        """Return a second Api to the same server, with connections of its own to close."""
        return Api(self._load, connections=connections, heard=self._heard)

    def request(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = JSON,
        timeout: float = _REQUEST_SEC,
    ) -> bytes:
        """Send one request and return the body of its answer.

        Args:
            method: GET, POST, PATCH, …
            path: from the root, `/api/v1/nodes`; not yet quoted.
            query: parameters of the URL.
            body: JSON; None as a value stays null.
            content_type: of the body; MERGE_PATCH or STRATEGIC_PATCH for a PATCH.
            timeout: seconds that the server may be silent.

        Raises:
            ApiError: any answer but 2xx, and any failure of the way there (status 0).
        """
        with self._send(method, path, query, body, content_type, timeout) as response:
            return response.read()

    def stream(self, path: str, query: Query | None = None, *, silence: float) -> "Stream":
        """Open a watch; the stream ends with ApiError after `silence` seconds without a byte."""
        return self._send("GET", path, query, None, JSON, silence)

    def close(self) -> None:
        """End all requests in flight, from whatever thread, and refuse new ones."""
        self._closed = True
        with self._lock:
            live = list(self._live)
        for connection in live:
            sock = getattr(connection, "sock", None)
            if sock is not None:
                with suppress(OSError):  # it was closed already
                    sock.shutdown(socket.SHUT_RDWR)
        self._client.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Mapping[str, Any] | None,
        content_type: str,
        timeout: float,
    ) -> "Stream":
        what = f"{method} {self.host}{path}"
        url = self.host + quote(path) + (f"?{urlencode(query)}" if query else "")
        if self._closed:
            raise ApiError(f"{what}: the connection to the API server is closed")
        began = time.monotonic()
        asked = method_of(method, path, query or {})
        try:
            headers = {"Accept": JSON, "User-Agent": "glbc", **self._authorization()}
            if body is not None:
                headers["Content-Type"] = content_type
            answer = self._client.call_api(
                method, url, headers, body, _request_timeout=(min(_CONNECT_SEC, timeout), timeout)
            ).response
        except _failures() as error:
            self._tell(asked, began, UNANSWERED)
            raise _transport_error(what, error) from error
        self._tell(asked, began, answer.status)
        stream = Stream(answer, what)
        if self._closed:  # closed while the answer was on its way: nobody else would end it
            stream.close()
            raise ApiError(f"{what}: the connection to the API server is closed")
        if not 200 <= answer.status < 300:
            if answer.status == _UNAUTHORIZED:
                self._renew(headers.get("Authorization", ""))
            with stream:
                raise _refusal(what, answer.status, answer.headers, stream.read())
        return stream

    def _tell(self, method: str, began: float, status: int) -> None:
        refused = "Refused" if status else "Unreachable"
        result, seconds = OK if 200 <= status < 300 else refused, time.monotonic() - began
        self._heard(
            Exchange(api="kubernetes", method=method, status=status, result=result, seconds=seconds)
        )

    def _authorization(self) -> dict[str, str]:
        """Return the header; the library's hook refreshes the token behind it when it is due."""
        with self._credentials:
            token = self._token()
        return {"Authorization": token} if token else {}

    def _token(self) -> str:
        token = self._configuration.get_api_key_with_prefix("BearerToken", "authorization") or ""
        # a token file that ends in a line break would make every request an invalid header
        return str(token).strip()

    def _renew(self, refused: str) -> None:
        """Read the credentials anew, unless somebody has since: the token in a file is rotated."""
        # the file may be half written: then it is the next refusal that finds it whole
        with self._credentials, suppress(ClusterError, *_failures()):
            if self._token() == refused:
                fresh = self._load()
                self._configuration.api_key = fresh.api_key
                self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook

    def _remember_connections(self) -> None:
        """Keep sight of the sockets: a request that waits for its answer has nothing else to close."""
        pool = self._client.rest_client.pool_manager.connection_from_url(self.host)
        opened: Any = pool.ConnectionCls

        def connection(**settings: Any) -> Any:
            made = opened(**settings)
            with self._lock:
                self._live.add(made)
            return made

        pool.ConnectionCls = connection


class Stream:
    """An answer whose body still comes. Use it in `with`; leaving closes the connection."""

    def __init__(self, answer: Any, what: str) -> None:
        self._answer = answer
        self._what = what

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield whole lines as they come; what a broken or finished stream leaves over is dropped."""
        rest = b""
        try:
            for chunk in self._answer.stream(None, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
        except _failures() as error:
            raise _transport_error(self._what, error) from error

    def read(self) -> bytes:
        """Return the whole body."""
        try:
            return bytes(self._answer.read(decode_content=True))
        except _failures() as error:
            raise _transport_error(self._what, error) from error

    def close(self) -> None:
        """Close; a body read to its end has given its connection back already."""
        self._answer.close()


def method_of(method: str, path: str, query: Query) -> str:
    """Return what Kubernetes calls a request: `ingresses.watch`, `leases.update`."""
    found = _PATH.fullmatch(path)
    if found is None:
        return "other"
    look = "watch" if "watch" in query else "get" if found["name"] else "list"
    return f"{found['resource']}{found['sub'] or ''}.{_VERBS.get(method, look)}"


def connect(
    kubeconfig: str = "",
    context: str = "",
    *,
    connections: int = 8,
    environ: Mapping[str, str] = os.environ,
    heard: Heard = unheard,
) -> Api:
    """Return the API of the cluster that a kubeconfig, or the pod we run in, points to.

    Args:
        kubeconfig: a path; "" means $KUBECONFIG, else the pod's service account, else ~/.kube/config.
        context: of the kubeconfig; "" means its current one.
        connections: kept open; as many as threads will call at once.
        environ: where KUBECONFIG and KUBERNETES_SERVICE_HOST are looked up.
        heard: told of every request that has ended.

    Raises:
        ClusterError: there is no usable configuration; says where it was looked for.
    """
    named = kubeconfig or environ.get("KUBECONFIG", "")
    in_pod = not named and not context and bool(environ.get(_IN_CLUSTER))
    paths = named or "~/.kube/config"
    if not in_pod and not any(
        Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path
    ):
        raise ClusterError(
            f"kubeconfig {paths}: no such file: pass --kubeconfig, set KUBECONFIG, or run in a cluster"
        )
    where, hint = f"kubeconfig {paths}", "look at it with kubectl config view"
    if in_pod:
        where, hint = "in-cluster service account", "let the pod mount its token"

    def load() -> Any:
        with _configuring(where, hint):
            return _configuration("" if in_pod else paths, context, where)

    with _configuring(where, hint):
        return Api(load, connections=connections, heard=heard)


def _configuration(paths: str, context: str, where: str) -> Any:
    """Return the library's configuration as the files say now; of the pod when no paths are given."""
    import kubernetes  # noqa: PLC0415 - see Api

    config: Any = kubernetes.config
    configuration: Any = kubernetes.client.Configuration()
    configuration.host = ""
    configuration.retries = False
    configuration.keep_alive = True
    if paths:
        config.load_kube_config(
            config_file=paths, context=context or None, client_configuration=configuration
        )
    else:
        config.load_incluster_config(client_configuration=configuration)
    if "://" not in configuration.host:
        raise ClusterError(
            f"{where}: its cluster's server is {configuration.host!r}: make it https://<host>:<port>"
        )
    return configuration


@contextmanager
def _configuring(where: str, hint: str) -> Iterator[None]:
    """Turn whatever the library makes of a broken configuration into one line."""
    try:
        yield
    except ClusterError:
        raise
    except Exception as error:  # it checks little: a list where a map should be ends as anything
        # the library quotes whole entries, tokens included: nothing from the first brace on
        text = _one_line(error).split("{", 1)[0].removeprefix("Invalid kube-config file. ").strip()
        why = (
            text if type(error).__name__ == "ConfigException" else f"{type(error).__name__}: {text}"
        )
        raise ClusterError(f"{where}: cannot be used: {why}: {hint}") from error


def _failures() -> tuple[type[Exception], ...]:
    """Return what a request may end in; urllib3 and kubernetes are loaded by then."""
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from kubernetes.config import ConfigException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    # ValueError and AttributeError: http.client, when another thread closes its socket
    return (
        HTTPError,
        HTTPException,
        OSError,
        ApiException,
        ConfigException,
        ValueError,
        AttributeError,
    )


def _transport_error(what: str, error: Exception) -> ApiError:
    """Return the error of a way that broke; the system's own words where there are any."""
    link: BaseException | None = error
    words = ""
    while link is not None and not words:
        words = link.strerror or "" if isinstance(link, OSError) else ""
        link = link.__cause__ or link.__context__
    why = words or f"{type(error).__name__}: {_one_line(error)}"
    return ApiError(f"{what}: {why}: {_HINTS[0]}")


def _refusal(what: str, code: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error of an answer that is not 2xx."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except msgspec.MsgspecError:  # a proxy's page, not the API server's word
        status = _Status()
    why = f"{code} {status.reason}".strip() + (f": {status.message}" if status.message else "")
    hint = f": {_HINTS[code]}" if code in _HINTS else ""
    causes = (status.details.causes if status.details else None) or []
    after = headers.get("Retry-After", "")
    return ApiError(
        f"{what}: {why}{hint}",
        status=code,
        reason=status.reason,
        causes=tuple(cause.reason for cause in causes),
        retry_after=float(after) if after.isdecimal() else 0.0,
    )


def error_event(what: str, status: bytes | msgspec.Raw) -> ApiError:
    """Return the error that a watch sends inside its stream."""
    try:
        code = msgspec.json.decode(status, type=_Status).code
    except msgspec.MsgspecError:
        code = 0
    return _refusal(what, code, {}, bytes(status))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
