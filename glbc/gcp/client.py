"""Compute Engine through google-cloud-compute.

What must hold (each found by trying): only `*_unary` methods and our own wait, because the
library's polling ignores the endpoint; `retry=None` everywhere, because `retry.py` is the only
retry; a repeated mutation is the same request; the connection pool fits the threads that call.
Bodies are REST JSON on both sides; proto messages do not leave this module.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from glbc.engine.exchange import OK, Exchange, Heard, unheard
from glbc.engine.ports import Fence
from glbc.engine.term import ALONE
from glbc.errors import (
    CloudError,
    Denied,
    NotFound,
    NotLeading,
    NotReady,
    RateLimited,
    Transient,
)
from glbc.gcp import table
from glbc.gcp.inflight import InFlight
from glbc.gcp.library import Library
from glbc.gcp.limiter import Class, Limiter
from glbc.gcp.refusals import failed, one_line, refused
from glbc.gcp.retry import Retry
from glbc.gcp.table import Mutation, Row, Where
from glbc.model.calls import Call, Verb
from glbc.model.health import UNKNOWN, Member
from glbc.model.keys import ResourceKey
from glbc.model.quota import Quota

SCOPES: Final = ("https://www.googleapis.com/auth/compute",)
PAGE_SIZE: Final = 500  # the API's maximum
WAIT_SEC: Final = 150.0  # `operations.wait` answers after some two minutes at the latest
SPARE_CONNECTIONS: Final = 4  # for lists and commands, beside the workers
ENDPOINTS: Final = frozenset({Verb.ATTACH_ENDPOINTS, Verb.DETACH_ENDPOINTS})
WRITES: Final = frozenset({Class.WRITE, Class.ENDPOINTS})
INCOMPLETE: Final = frozenset({"UNREACHABLE", "PARTIAL_SUCCESS"})  # warnings of lists
UNDONE: Final = "status != DONE"  # as the API's reference writes a filter
LOG_IN: Final = (
    "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, "
    "or give the Pod a Google service account"
)

Body = dict[str, Any]


class GoogleCloud:
    """Compute Engine, as the engine sees it (`glbc.engine.ports.Cloud`).

    Every method may be called from any thread. Nothing changes after construction.

    Args:
        project: the project that lists look at; calls go to the project of their key.
        endpoint: base URL without path or trailing slash; "" is Google's own.
        anonymous: send no credentials (for a fake).
        workers: how many threads call at the same time, and as many more for endpoints.
        call_timeout_sec: limit for one HTTP request.
        operation_timeout_sec: limit for an operation, from the moment it was accepted.
        projects: kinds that live in another project.
        retry: the retry policy; tests pass one that does not sleep.
        limiter: how often each class of calls may be sent; None: as often as it comes.
        fence: whether this process may (still) write.
        heard: told of every request that has ended.

    Raises:
        Denied: there are no credentials.
    """

    def __init__(  # noqa: PLR0913  (each is a setting, given by name)
        self,
        project: str,
        *,
        endpoint: str = "",
        anonymous: bool = False,
        workers: int = 32,
        call_timeout_sec: float = 60.0,
        operation_timeout_sec: float = 600.0,
        projects: Mapping[str, str] | None = None,
        retry: Retry | None = None,
        limiter: Limiter | None = None,
        fence: Fence = ALONE,
        heard: Heard = unheard,
    ) -> None:
        self._heard = heard
        self._limiter = limiter or Limiter({})
        self._project = project
        self._projects = projects or {}
        self._call_timeout_sec = call_timeout_sec
        self._operation_timeout_sec = operation_timeout_sec
        self._retry = retry or Retry()
        self.sending = InFlight()  # what another process must not be let in before
        self._fence = fence
        self._library = Library(table.CLIENTS)
        credentials = self._credentials(anonymous)
        options = {"api_endpoint": endpoint} if endpoint else None
        self._clients: dict[str, Any] = {}
        for name in table.CLIENTS:
            make = self._library.clients[name]
            client = make(credentials=credentials, client_options=options)
            self._widen(client, 2 * workers + SPARE_CONNECTIONS)
            self._clients[name] = client

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.transport.close()

    def list(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Return the bodies of all resources of `kind`, all pages.

        Raises:
            NotFound: there is no such project.
            CloudError: refused; or Transient, when a scope could not be read: a part of the list
                is not the list.
        """
        found: list[Body] = []
        for place, row in table.rows_of(kind).items():
            found.extend(self._listed(kind, place, row))
        return found

    def under_way(self, project: str) -> Sequence[Mapping[str, Any]]:
        """Return the bodies of a project's operations that are not done: one list of all scopes.

        Raises:
            CloudError: as `list` does.
        """
        what = f"list operations of project {project}"
        row = table.OPERATIONS[Where.GLOBAL]
        request = self._message(f"AggregatedList{row.clients}Request")(
            project=project, max_results=PAGE_SIZE, filter=UNDONE
        )
        method = self._clients[row.client].aggregated_list
        found: list[Body] = []
        for page in self._pages(what, method, request, patient=False):
            _refuse_partial(what, page)
            for scope, part in page.get("items", {}).items():
                if scope.partition("/")[0] in table.WRITTEN:
                    _refuse_partial(f"{what}: {scope}", part)
                    found.extend(part.get("operations", ()))
        return [body for body in found if not _is_done(body)]

    def quotas(self, project: str) -> Sequence[Quota]:
        """Return the quotas of a project that count resources. Raises CloudError."""
        request = self._message(f"Get{table.PROJECT.noun}Request")(project=project)
        get = self._clients[table.PROJECT.client].get
        ask = partial(self._send, f"get project {project}", get, request, Class.READ, patient=True)
        return [
            Quota(row["metric"], float(row.get("limit", 0)), float(row.get("usage", 0)))
            for row in self._retry.read(ask).get("quotas", ())
            if row.get("metric")
        ]

    def get(self, key: ResourceKey) -> Mapping[str, Any]:
        """Return the body of `key`. Raises NotFound when it does not exist."""
        row = table.row_of(key)
        request = self._message(f"Get{row.noun}Request")(**table.address(row, key))
        ask = partial(self._send, f"get {key}", self._clients[row.client].get, request)
        return self._retry.read(partial(ask, Class.READ))

    def members(self, group: ResourceKey) -> Sequence[str]:
        """Return the links of the instances of an instance group. Raises NotFound."""
        row = table.row_of(group)
        request = self._message("ListInstancesInstanceGroupsRequest")(
            **table.address(row, group),
            instance_groups_list_instances_request_resource={},
            max_results=PAGE_SIZE,
        )
        method = self._clients[row.client].list_instances
        return [
            item["instance"]
            for page in self._pages(f"listInstances {group}", method, request, patient=False)
            for item in page.get("items", ())
        ]

    def endpoints(self, group: ResourceKey) -> Sequence[Mapping[str, Any]]:
        """Return the endpoints of a network endpoint group as the API writes them. Raises NotFound."""
        row = table.row_of(group)
        request = self._message("ListNetworkEndpointsNetworkEndpointGroupsRequest")(
            **table.address(row, group),
            network_endpoint_groups_list_endpoints_request_resource={},
            max_results=PAGE_SIZE,
        )
        method = self._clients[row.client].list_network_endpoints
        return [
            item["networkEndpoint"]
            for page in self._pages(f"listEndpoints {group}", method, request, patient=False)
            for item in page.get("items", ())
        ]

    def health(self, service: ResourceKey, group: ResourceKey) -> Sequence[Member]:
        """Return the health of each member of a group; asks once, whatever goes wrong."""
        row = table.row_of(service)
        request = self._message("GetHealthBackendServiceRequest")(
            **table.address(row, service),
            resource_group_reference_resource={"group": group.link},
        )
        method = self._clients[row.client].get_health
        what = f"getHealth {service} of {group}"
        answer = self._send(what, method, request, Class.READ, patient=True)
        return [
            Member(
                item.get("instance", ""),
                item.get("healthState", UNKNOWN),
                item.get("ipAddress", ""),
                item.get("port", 0),
            )
            for item in answer.get("healthStatus", ())
        ]

    def call(self, call: Call) -> None:
        """Send one mutation and return when its operation is done.

        Raises:
            CloudError: refused at once, or failed as an operation. NotFound: the resource or
                something that the body refers to. NotReady with the reason `operationTimeout`:
                accepted, but how it ended is not known yet. NotLeading: it would have to be sent
                again, and another process may lead by now.
            ValueError: the call cannot be expressed: the kind has no such verb, a field is unknown
                to the library, or a patch would clear a list (an update without it does).
        """
        row = table.row_of(call.key)
        if call.verb not in row.verbs:
            raise ValueError(f"{call.key}: {call.key.kind} has no {call.verb}")
        mutation = table.MUTATIONS[call.verb]
        what = f"{call.verb} {call.key}"
        request = self._mutation(row, mutation, call)
        method = getattr(self._clients[row.client], mutation.method)
        check = self._in_this_term(what)
        calls = Class.ENDPOINTS if call.verb in ENDPOINTS else Class.WRITE
        send = partial(self._send, what, method, request, calls, check=check)
        operation = self._retry.mutation(send)
        if not _is_done(operation):
            name = operation.get("name", "")
            operation = self._wait(what, call.key, name, patient=calls is Class.WRITE)
        error = failed(what, operation)
        if error is not None:
            raise error

    def _in_this_term(self, what: str) -> Callable[[], None]:
        """Return what raises NotLeading as soon as the term is over in which a call began."""
        term = self._fence.term()

        def check() -> None:
            if not term or self._fence.term() != term:
                raise NotLeading(f"{what}: not sent: another process may lead")

        return check

    def _listed(self, kind: str, place: Where, row: Row) -> Iterator[Body]:
        project = self._projects.get(kind, self._project)
        what = f"list {kind} of project {project}"
        prefix = "AggregatedList" if row.aggregated else "List"
        request = self._message(f"{prefix}{row.clients}Request")(
            project=project, max_results=PAGE_SIZE
        )
        client = self._clients[row.client]
        method = client.aggregated_list if row.aggregated else client.list
        for page in self._pages(what, method, request, patient=True):
            _refuse_partial(what, page)
            if not row.aggregated:
                yield from page.get("items", ())
                continue
            for scope, part in page.get("items", {}).items():
                if scope.partition("/")[0] == place:
                    _refuse_partial(f"{what}: {scope}", part)
                    yield from part.get(kind, ())

    def _wait(self, what: str, key: ResourceKey, operation: str, *, patient: bool) -> Body:
        """Return the operation when it is done; a patient one leaves the reserve to endpoints.

        Whatever goes wrong with the waiting itself says nothing about the resource: it must not
        look like an answer about it.
        """
        row = table.OPERATIONS[table.where(key)]
        request = self._message(f"Wait{row.noun}Request")(
            **table.parent(key), **{row.field: operation}
        )
        wait = self._clients[row.client].wait
        deadline = time.monotonic() + self._operation_timeout_sec

        def ask() -> Body:
            timeout_sec = min(WAIT_SEC, max(1.0, deadline - time.monotonic()))
            told, calls = f"{what}: wait", Class.WAIT
            return self._send(told, wait, request, calls, patient=patient, timeout_sec=timeout_sec)

        try:
            return self._retry.until(ask, _is_done, self._operation_timeout_sec)
        except TimeoutError as error:
            raise NotReady(
                f"{what}: operation {operation} is not known to be done after "
                f"{self._operation_timeout_sec:g} s: {one_line(error.__cause__ or 'still running')}",
                reason="operationTimeout",
            ) from error
        except NotFound as error:
            raise Transient(
                f"{what}: operation {operation} is no longer known: read the resource",
                reason="operationUnknown",
            ) from error

    def _pages(
        self, what: str, method: Callable[..., Any], request: Any, *, patient: bool
    ) -> Iterator[Body]:
        """Yield the pages of a list; each page is a call of its own to the retry policy."""

        def first_page(**arguments: Any) -> Any:
            return next(method(**arguments).pages)

        while True:
            ask = partial(self._send, what, first_page, request, Class.READ, patient=patient)
            page = self._retry.read(ask)
            yield page
            if not page.get("nextPageToken"):
                return
            request.page_token = page["nextPageToken"]

    def _send(  # noqa: PLR0913  (what goes with one request)
        self,
        what: str,
        method: Callable[..., Any],
        request: Any,
        calls: Class,
        *,
        patient: bool = False,
        check: Callable[[], None] = lambda: None,
        timeout_sec: float | None = None,
    ) -> Body:
        """Send one HTTP request, when its class may, and return the answer's REST JSON.

        `check` may refuse it at the last moment: the limiter may have taken a minute.
        """
        library = self._library
        self._limiter.take(calls, patient=patient)
        timeout = timeout_sec or self._call_timeout_sec
        began = time.monotonic()
        try:
            with self.sending if calls in WRITES else nullcontext():
                check()
                answer = method(request=request, retry=None, timeout=timeout)
        except library.failures as error:
            meant = self._cloud_error(what, error)
            self._tell(request, began, meant.status, type(meant).__name__)
            if isinstance(meant, RateLimited):
                self._limiter.refused(calls)
            raise meant from error
        self._tell(request, began, HTTPStatus.OK)
        body: Body = library.json_format.MessageToDict(type(answer).pb(answer))
        return body

    def _tell(self, request: Any, began: float, status: int, result: str = OK) -> None:
        method, seconds = table.method_of(type(request).__name__), time.monotonic() - began
        told = Exchange(api="compute", method=method, status=status, result=result, seconds=seconds)
        self._heard(told)

    def _message(self, name: str) -> Any:
        """Return a message class of the library."""
        return getattr(self._library.messages, name)

    def _mutation(self, row: Row, mutation: Mutation, call: Call) -> Any:
        """Return the request message for `call`, with a request id of its own."""
        message = self._message(mutation.request(row))
        fields = (
            table.parent(call.key) if call.verb is Verb.INSERT else table.address(row, call.key)
        )
        told = {field: call.query[name] for name, field in mutation.query}
        request = message(request_id=str(uuid.uuid4()), **fields, **told)
        field = mutation.body_field(row)
        if field:
            self._fill(getattr(message.pb(request), field), call)
        return request

    def _fill(self, message: Any, call: Call) -> None:
        """Write a REST JSON body into `message`.

        Raises:
            ValueError: the library cannot send what the body says.
        """
        json_format = self._library.json_format
        body = call.body or {}
        message.SetInParent()
        try:
            json_format.ParseDict(body, message)
        except json_format.ParseError as error:
            raise ValueError(f"{call.verb} {call.key}: {one_line(error)}") from error
        if call.verb is Verb.PATCH:
            lost = next(_lost(body, json_format.MessageToDict(message)), None)
            if lost:
                raise ValueError(
                    f"{call.verb} {call.key}: {lost}: a patch cannot clear it, the library "
                    "does not send empty lists, empty maps or null: send an update without it"
                )

    def _cloud_error(self, what: str, error: Exception) -> CloudError:
        library = self._library
        if isinstance(error, library.refusal):
            errors, details = error.errors or (), error.details or ()
            return refused(what, int(error.code or 0), errors, details, error.message)
        passing = getattr(error, "retryable", False) or isinstance(
            error.__cause__, library.auth_unreachable
        )
        if isinstance(error, library.unreachable) or passing:
            return Transient(one_line(f"{what}: {error}"))
        return Denied(one_line(f"{what}: credentials: {error}: {LOG_IN}"))

    def _credentials(self, anonymous: bool) -> Any:
        if anonymous:
            return self._library.anonymous()
        try:
            credentials, _ = self._library.default_credentials(scopes=SCOPES)
        except self._library.auth_failure as error:
            raise self._cloud_error(f"project {self._project}", error) from error
        return credentials

    def _widen(self, client: Any, connections: int) -> None:
        """Let the client keep a connection for each thread."""
        session = client.transport._session  # noqa: SLF001  (the library has no public way to it)
        if session.is_mtls:  # its adapter carries the client certificate
            return
        adapter = self._library.adapter(pool_maxsize=connections)
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)


def _is_done(operation: Body) -> bool:
    return operation.get("status") == "DONE"


def _refuse_partial(what: str, part: Body) -> None:
    """Raise Transient when a list says that it is not all: absent would not mean gone."""
    warning = part.get("warning", {})
    if warning.get("code") in INCOMPLETE:
        words = warning.get("message") or warning["code"]
        raise Transient(one_line(f"{what}: incomplete: {words}"), reason=warning["code"])
    if part.get("unreachables"):
        words = ", ".join(part["unreachables"])
        raise Transient(f"{what}: incomplete: unreachable: {words}", reason="UNREACHABLE")


def _lost(wanted: Mapping[str, Any], sent: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of the fields of `wanted` that are not in `sent`.

    Lists are not entered: a patch replaces a list as a whole, so what is empty inside an element is
    rightly absent.
    """
    for name, value in wanted.items():
        if name not in sent:
            yield f"{path}{name}"
        elif isinstance(value, Mapping):
            yield from _lost(value, sent[name], f"{path}{name}.")
