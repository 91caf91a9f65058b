"""The fake project with its in-process door.

`answer` is what both doors call: under one lock it routes, validates, applies the script of
faults and either answers or says `Later` (a long poll). `handle` is the door for callers without
a socket: it waits out `Later`, on a virtual clock by turning it.
"""

import copy
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Self
from urllib.parse import unquote

from fakes.clock import Clock, RealClock, VirtualClock
from fakes.gce import admin, errors, host, mutations, reads
from fakes.gce.answers import READS
from fakes.gce.cloud import EXTERNAL_POOL, Call, Cloud, Logged
from fakes.gce.discovery import PREFIX, Method, discovery
from fakes.gce.errors import ApiError
from fakes.gce.faults import Effect, Error, FailedOperation, Lag, LoseAnswer, Short
from fakes.gce.kinds import VOLATILE
from fakes.gce.links import GLOBAL, Key
from fakes.gce.operations import WAIT_LIMIT, Operation
from fakes.gce.permissions import demanded
from fakes.gce.seeding import DEFAULT_REGIONS, DEFAULT_ZONES, Seeding
from fakes.gce.wire import AnswerLostError, Json, Later, Request, Response, clone

UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TICK: Final = 1e-6  # seconds
NO_UUID: Final = "00000000-0000-0000-0000-000000000000"


class World(Seeding):
    """One fake project and the door to it."""

    def __init__(  # noqa: PLR0913 (each by name, each with a default)
        self,
        project: str = "demo",
        clock: Clock | None = None,
        *,
        number: int = 123_456_789_012,
        zones: Iterable[str] = DEFAULT_ZONES,
        regions: Iterable[str] = DEFAULT_REGIONS,
        addresses: str = EXTERNAL_POOL,
        host_project: str = "",
        host_denied: Iterable[str] = (),
    ) -> None:
        """Make a project with nothing in it but its places.

        Args:
            project: its id.
            clock: what it lives by; None: the real one.
            number: of the project.
            zones: that there are.
            regions: that there are beside those of the zones.
            addresses: range that external addresses come from.
            host_project: the project of a shared VPC that has its networks; "": there is none.
            host_denied: what it denies: globs over method ids, as faults have them.
        """
        super().__init__(project, number, clock or RealClock(), addresses)
        self._blank = (tuple(zones), tuple(regions))
        self._blank_addresses = addresses
        self._blank_host = (host_project, tuple(host_denied))
        self._begin()

    def _begin(self) -> None:
        """Make what is there before anybody has done anything."""
        self.seed_places(*self._blank)
        zones, regions = self._blank
        name, self.host_denied = self._blank_host
        self.host: World | None = None
        if name:
            number = self.number + 1
            self.host = World(name, self.clock, number=number, zones=zones, regions=regions)
            host.share(self, self.host)

    # -- the door ---------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer a call; long polls block (a virtual clock is turned instead).

        Raises:
            AnswerLostError: the answer was scripted to be lost.
        """
        begun, waited = self.clock.monotonic(), 0.0
        while True:
            answer = self.answer(request, waited)
            if isinstance(answer, Response):
                return Response(answer.status, clone(answer.body))
            self.pass_time(answer.seconds)
            waited = self.clock.monotonic() - begun

    def pass_time(self, seconds: float) -> None:
        """Let time pass: turn a virtual clock, sleep by a real one."""
        if isinstance(self.clock, VirtualClock):
            with self.lock:
                # At least a tick: the rest of a wait may be too small to move a float.
                self.clock.advance(max(seconds, TICK))
        else:
            time.sleep(seconds)

    def answer(self, request: Request, waited: float = 0.0) -> Response | Later:
        """Answer a call at once, or say when to ask again.

        Args:
            request: the call. The body of the answer must not be changed.
            waited: for how many seconds the caller has been told `Later` already.

        Raises:
            AnswerLostError: the answer was scripted to be lost.
        """
        with self.lock:
            mutations.finish_due(self)
            if request.path.startswith("/_fake/"):
                return admin.answer(self, request, waited)
            try:
                found = self._method(request)
                shared = self.host
                if shared is not None and shared.is_ours(found[1]["project"]):
                    return host.answer(self, shared, request, found, waited)
                call = self._routed(request, *found)
            except ApiError as refusal:
                self.journal.note("", request.path, "", "", refusal.code)
                return Response(refusal.code, refusal.body())
            return self._answered(request, call, waited)

    def _answered(self, request: Request, call: Call, waited: float) -> Response | Later:
        request_id = request.query.get("requestId", "")
        name = call.key.name or _name_in(request.body)
        status, lost = 0, False
        try:
            answer = self._acted(request, call, request_id, waited)
            if isinstance(answer, Later):
                return answer
            status = answer.status
        except ApiError as refusal:
            answer = Response(refusal.code, refusal.body())
            status = refusal.code
        except AnswerLostError:
            lost = True
            raise
        finally:
            if status or lost:
                self.journal.note(call.method.id, request.path, name, request_id, status)
        return answer

    def _acted(
        self, request: Request, call: Call, request_id: str, waited: float
    ) -> Response | Later:
        method = call.method
        effect: Effect | None = None
        if not waited:
            self.rates.take("mutate" if method.mutates else "read", self.clock.time())
            name = call.key.name or _name_in(request.body)
            effect = self.faults.take(method.id, call.key.scope, name)
        if isinstance(effect, Error):
            raise effect.raised()
        if isinstance(effect, LoseAnswer) and not (effect.acted and method.mutates):
            raise AnswerLostError(method.id)
        if method.kind == "projects" and method.verb != "get":
            raise errors.not_implemented(method.id)
        body = self._checked(request, call)
        call = replace(call, body=body)
        if not waited:
            self.iam.check(call.caller, demanded(self, call))
        if method.mutates:
            doom = effect if isinstance(effect, FailedOperation) else None
            operation = self._mutated(call, request_id, doom)
            answer: Response | Later = self._operation(operation)
        elif call.key.kind == "operations" and method.verb in ("get", "wait", "delete"):
            answer = self._about_operation(call, waited)
        else:
            answer = self._shown(call, effect)
        if isinstance(effect, LoseAnswer):
            raise AnswerLostError(method.id)
        return answer

    def _shown(self, call: Call, effect: Effect | None) -> Response:
        """Answer a read: of an earlier moment, or a part of it, if that is the trouble."""
        if isinstance(effect, Short):
            call = replace(call, query={**call.query, "maxResults": str(effect.rows)})
        answer = Response(200, self._read(call, effect.seconds if isinstance(effect, Lag) else 0.0))
        if isinstance(effect, Short) and isinstance(answer.body.get("items"), list):
            answer.body["items"].reverse()
        return answer

    # -- from a request to a call -----------------------------------------------------------

    def _method(self, request: Request) -> tuple[Method, Mapping[str, str]]:
        """Find the method of a path, and what the path says."""
        segments = request.path.strip("/").split("/")
        found = None
        if tuple(segments[:3]) == PREFIX:
            decoded = tuple(unquote(segment) for segment in segments[3:])
            found = discovery().route(request.method, decoded)
        if found is None:
            why = f"The requested URL {request.path} was not found on this server."
            raise ApiError(404, "notFound", why)
        return found

    def _routed(self, request: Request, method: Method, params: Mapping[str, str]) -> Call:
        """Find the resource that a call is about."""
        if not self.is_ours(params["project"]):
            path = f"projects/{params['project']}"
            raise ApiError(404, "notFound", f"The resource '{path}' was not found")
        target = self._target(method, params)
        return Call(method, dict(request.query), target, {}, request.caller)

    def _target(self, method: Method, params: Mapping[str, str]) -> Key:
        scope = GLOBAL
        if method.kind in ("zones", "regions", "projects") and not method.place:
            scope = ""
        elif method.place:
            scope = f"{method.place}/{params[method.place.removesuffix('s')]}"
        name = params[method.name_param] if method.name_param else ""
        if method.collection == "projects":
            name = ""
        return Key(method.kind, scope, name)

    def _checked(self, request: Request, call: Call) -> Json:
        """Check everything that the discovery document says about a call; return its body."""
        method = call.method
        discovery().check_query(method, request.query)
        request_id = request.query.get("requestId", "")
        if request_id and (not UUID.fullmatch(request_id) or request_id == NO_UUID):
            why = "Must be a valid UUID that is not zero."
            raise errors.invalid("requestId", request_id, why)
        spec = method.path.get(method.name_param)
        if spec and spec.pattern and call.key.name and not spec.pattern.fullmatch(call.key.name):
            why = f"Must be a match of regex '{spec.pattern.pattern}'"
            raise errors.invalid(method.name_param, call.key.name, why)
        place, _, where = call.key.scope.partition("/")
        if where and self.store.get(Key(place, "", where)) is None:
            raise errors.not_found(self.path(Key(place, "", where)))
        return discovery().check_body(method.request, request.body) if method.request else {}

    # -- what a call does -------------------------------------------------------------------

    def _mutated(self, call: Call, request_id: str, doom: FailedOperation | None) -> Operation:
        if request_id:
            before = self.operations.repeated(request_id)
            if before is not None:
                return before
        return mutations.begin(self, call, request_id, doom)

    def _operation(self, operation: Operation) -> Response:
        return Response(200, operation.body(self.project, self.clock.monotonic()))

    def _about_operation(self, call: Call, waited: float) -> Response | Later:
        operation = self.operations.get(call.key.scope, call.key.name)
        if operation is None:
            raise errors.not_found(self.path(call.key))
        if call.method.verb == "delete":
            self.operations.forget(operation.name)
            return Response(200, {})
        if call.method.verb == "wait" and not operation.done and waited < WAIT_LIMIT:
            left = operation.ends - self.clock.monotonic()
            return Later(min(max(left, 0.0005), WAIT_LIMIT - waited))
        return self._operation(operation)

    def _read(self, call: Call, lag: float) -> Json:
        verb = call.method.verb
        act = READS.get(f"{call.key.kind}.{verb}") or READS.get(verb)
        if act is None:
            raise errors.not_implemented(call.method.id)
        return act(self, call, lag)

    # -- looking --------------------------------------------------------------------------------

    def resources(self, kind: str, scope: str | None = None) -> list[Json]:
        """Return what exists of a kind as a GET would show it, by scope and name."""
        with self.lock:
            mutations.finish_due(self)
            scopes = sorted(self.store.scopes(kind)) if scope is None else [scope]
            return [clone(body) for where in scopes for body in reads.rows(self, kind, where)]

    def dump(self) -> dict[str, Json]:
        """Return everything that exists by path, without what changes by itself.

        Groups also show their `members` or `endpoints`, backend services the names of their
        signed-URL keys.
        """
        with self.lock:
            mutations.finish_due(self)
            found: dict[str, Json] = {}
            for key, entry in sorted(self.store.entries.items()):
                if entry.state is None:
                    continue
                shown: Json = _steady(reads.show(self, key, entry.state))
                for name in ("members", "endpoints"):
                    if name in entry.state.hidden:
                        rows = entry.state.hidden[name]
                        shown[name] = sorted(rows, key=repr)
                found[key.tail] = shown
            return found

    def counts(self) -> Mapping[str, int]:
        """Return how often each method was called."""
        with self.lock:
            return dict(self.journal.counts)

    def calls(self, since: int = 0) -> list[Logged]:
        """Return the log of calls behind `since`, oldest first."""
        with self.lock:
            return self.journal.since(since)

    # -- copies -----------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget everything, settings included; only the seeded places remain."""
        with self.lock:
            lock = self.lock
            Cloud.__init__(self, self.project, self.number, self.clock, self._blank_addresses)
            self.lock = lock
            self._begin()

    def snapshot(self) -> "World":
        """Return a copy that nobody changes, to `restore` from."""
        return copy.deepcopy(self)

    @classmethod
    def restore(cls, snapshot: "World") -> "World":
        """Return a new world that goes on from a snapshot (with a clock of its own)."""
        return copy.deepcopy(snapshot)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        with self.lock:
            twin = type(self).__new__(type(self))
            memo[id(self)] = twin
            for name, value in vars(self).items():
                twin.__dict__[name] = (
                    threading.RLock() if name == "lock" else copy.deepcopy(value, memo)
                )
            if twin.host is not None:
                host.share(twin, twin.host)
            return twin


def _name_in(body: Any) -> str:
    name = body.get("name") if isinstance(body, dict) else None
    return name if isinstance(name, str) else ""


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _steady(inner) for name, inner in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return [_steady(inner) for inner in value]
    return value
