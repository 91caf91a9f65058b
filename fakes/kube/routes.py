"""From a URL to a verb: routing, faults and the record of calls.

Every call of a resource passes `_resource`, so what is counted and what can be spoiled is the same
for both doors. Discovery, health and OpenAPI are neither counted nor spoiled.
"""

import msgspec

from fakes.clock import Clock
from fakes.kube import discovery, openapi
from fakes.kube.bodies import Target
from fakes.kube.door import Request, Response
from fakes.kube.errors import ApiError, no_such_path, not_allowed
from fakes.kube.faults import Call, Fault, Faults, Journal
from fakes.kube.kinds import Kind
from fakes.kube.objects import Objects
from fakes.kube.priority import Fairness
from fakes.kube.rbac import Authorizer
from fakes.kube.store import Store
from fakes.kube.verbs import Verbs
from fakes.kube.watch import Watch

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Router:
    """Owned by one World and used under its lock."""

    def __init__(self, store: Store, clock: Clock, seed: int) -> None:
        self.objects = Objects(store, clock, seed)
        self.authorizer = Authorizer(store)
        self.verbs = Verbs(self.objects, self.authorizer)
        self.faults = Faults()
        self.fairness = Fairness(clock)
        self.journal = Journal()
        self.watches: list[Watch] = []
        self.gone_in_stream = True  # an expired watch: 200 and an ERROR event, or HTTP 410

    def answer(self, request: Request) -> Response:
        """Answer a request; a refusal is an answer too."""
        self.verbs.bodies.warnings = []
        try:
            return self._route(request)
        except ApiError as error:
            return refusal(error)

    def _route(self, request: Request) -> Response:
        parts = [part for part in request.url_path.split("/") if part]
        match parts:
            case ["openapi", "v2"]:  # an empty protobuf document, for `kubectl apply` of a List
                return Response(200, b"", {"content-type": openapi.V2})
            case ["openapi", "v3", *rest]:
                return self._openapi(rest)
            case ["api", "v1", _, *_]:
                return self._resource(request, "v1", parts[2:])
            case ["apis", group, version, _, *_]:
                return self._resource(request, f"{group}/{version}", parts[3:])
        return self._discover(request, parts)

    def _openapi(self, rest: list[str]) -> Response:
        catalog = self.objects.catalog
        if not rest:
            return Response(200, openapi.index(catalog))
        body = openapi.document(catalog, "/".join(rest))
        return Response(200, body, {"content-type": "application/json"})

    def _discover(self, request: Request, parts: list[str]) -> Response:
        if parts and parts[0] in {"healthz", "livez", "readyz"}:
            return Response(200, "ok", {"content-type": "text/plain"})
        kinds = self.objects.catalog.kinds()
        accept = request.header("accept").replace(" ", "")
        if (
            parts in (["api"], ["apis"])
            and "as=APIGroupDiscoveryList" in accept
            and "v=v2" in accept
        ):
            body = discovery.aggregated(kinds, core=parts == ["api"])
            return Response(200, body, {"content-type": discovery.AGGREGATED})
        return Response(200, discovery.legacy(kinds, parts))

    def _resource(self, request: Request, api_version: str, rest: list[str]) -> Response:
        target = self._target(api_version, rest)
        verb = _VERBS.get(request.method, "")
        if request.method == "GET" and (not target.name or "watch" in request.params()):
            watching = request.params().get("watch") in {"true", "1"}
            verb = "watch" if watching else "list" if not target.name else "get"
        elif request.method == "DELETE" and not target.name:
            verb = "deletecollection"
        named = target.name
        if verb == "create":
            named = _named(request)
        fault = self.faults.strike(verb, target.resource, target.namespace, named)
        try:
            self.fairness.admit(self.authorizer.user(request), target)
            self.authorizer.check(request, verb, target)
            if fault is not None and fault.status and not fault.after:
                raise _struck(fault)
            response = self._serve(verb, target, request)
            if fault is not None and fault.status:
                raise _struck(fault)
        except ApiError as error:
            response = refusal(error)
        if fault is not None:
            response.delay, response.dropped, response.cut = fault.delay, fault.drop, fault.cut
            if response.watch is not None:
                response.watch.silent = fault.silent
        status = 0 if response.dropped else response.status
        self.journal.add(
            Call(
                self.journal.next_number(),
                verb,
                target.resource,
                target.namespace,
                named,
                status,
            )
        )
        return response

    def _target(self, api_version: str, rest: list[str]) -> Target:
        catalog = self.objects.catalog
        if rest[0] == "namespaces" and len(rest) > 2 and not self._is_subresource(rest):
            kind = catalog.find(api_version, rest[2])
            if not kind.namespaced or len(rest) > 5:
                raise no_such_path()
            name, sub = ([*rest[3:], "", ""])[:2]
            return Target(kind, rest[1], name, self._sub(kind, sub))
        kind = catalog.find(api_version, rest[0])
        if len(rest) > 3 or (kind.namespaced and len(rest) > 1):
            raise no_such_path()
        name, sub = ([*rest[1:], "", ""])[:2]
        return Target(kind, "", name, self._sub(kind, sub))

    @staticmethod
    def _is_subresource(rest: list[str]) -> bool:
        return len(rest) == 3 and rest[2] == "status"

    @staticmethod
    def _sub(kind: Kind, name: str) -> str:
        if name and not getattr(kind, name, False):
            raise no_such_path()
        return name

    def _serve(self, verb: str, target: Target, request: Request) -> Response:
        collection = verb in {"create", "list", "watch", "deletecollection"}
        if target.subresource == "eviction":
            if verb != "create":
                raise not_allowed()
            return self.verbs.evict(target, request)
        if (
            verb not in target.kind.verbs
            or (target.subresource and verb in {"create", "delete", "watch"})
            or (not collection and not target.name)
            or (verb == "create" and target.name)
        ):
            raise not_allowed()
        if verb != "watch":
            response: Response = getattr(self.verbs, verb)(target, request)
            return response
        response = self.verbs.watch(target, request, in_stream=self.gone_in_stream)
        if response.watch is not None:
            self.watches = [one for one in self.watches if not one.closed]
            self.watches.append(response.watch)
        return response


class _Meta(msgspec.Struct):
    name: str = ""


class _Named(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


def _named(request: Request) -> str:
    """Return the name in a JSON body; empty when there is none to be read."""
    try:
        return msgspec.json.decode(request.raw(), type=_Named).metadata.name
    except msgspec.DecodeError:
        return ""


def refusal(error: ApiError) -> Response:
    """Return an error as a response."""
    return Response(error.code, error.status(), dict(error.headers))


def _struck(fault: Fault) -> ApiError:
    reason = fault.reason or _REASONS.get(fault.status, "Unknown")
    if fault.retry_after is None:
        return ApiError(fault.status, reason, fault.message, {})
    details = {"retryAfterSeconds": fault.retry_after}
    headers = {"retry-after": str(fault.retry_after)}
    return ApiError(fault.status, reason, fault.message, details, headers)
