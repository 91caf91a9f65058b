"""The verbs of the REST API: each takes a target and a request and returns a response.

They read and show the served version, and leave the life of an object to `objects`.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from fakes.kube import apply as ssa
from fakes.kube import convert, crd, eviction, patch, selectors, tables
from fakes.kube.bodies import Bodies, Target, decoded, media_type
from fakes.kube.door import Request, Response
from fakes.kube.errors import (
    ApiError,
    Cause,
    Obj,
    bad_request,
    conflict,
    expired_continue,
    invalid,
    not_found,
    unsupported,
)
from fakes.kube.kinds import Kind
from fakes.kube.objects import Objects, Options
from fakes.kube.rbac import Authorizer
from fakes.kube.scale import scale_of, with_replicas
from fakes.kube.watch import Scope, Watch


class Verbs:
    """Owned by one World and used under its lock."""

    def __init__(self, objects: Objects, authorizer: Authorizer) -> None:
        self.objects = objects
        self.authorizer = authorizer
        self.store = objects.store
        self.catalog = objects.catalog
        self.bodies = Bodies(self.catalog)

    def show(self, kind: Kind, obj: Obj) -> Obj:
        """Return a stored object in the served version."""
        return convert.show(kind, obj)

    def _answer(self, target: Target, request: Request, obj: Obj, status: int = 200) -> Response:
        shown = self.show(target.kind, obj)
        if asked := tables.asked(request.header("accept")):
            body = self._table(target.kind, [obj], asked, request)
            return Response(status, body, self._warned())
        return Response(status, shown, self._warned())

    def _table(self, kind: Kind, objs: list[Obj], version: str, request: Request) -> Obj:
        include = request.params().get("includeObject", "Metadata")
        definition = self.catalog.definition(kind) if kind.custom else None
        table = tables.Table(kind, definition, self.objects.clock.time(), include, version)
        return table.render(objs)

    def _warned(self) -> dict[str, str]:
        texts, self.bodies.warnings = self.bodies.warnings, []
        return (
            {"warning": ", ".join(f"299 - {json.dumps(text)}" for text in texts)} if texts else {}
        )

    def _options(self, target: Target, request: Request) -> Options:
        params = request.params()
        dry_run = params.get("dryRun", "")
        if dry_run not in {"", "All"}:
            raise bad_request(f'dryRun: Unsupported value: "{dry_run}": supported values: "All"')
        agent = request.header("user-agent").partition("/")[0]
        return Options(
            manager=params.get("fieldManager") or agent or "unknown",
            dry_run=dry_run == "All",
            subresource=target.subresource,
        )

    # --- the verbs ---

    def get(self, target: Target, request: Request) -> Response:
        """Answer GET of one object."""
        obj = self.objects.get(target.kind, target.namespace, target.name)
        if target.subresource == "scale":
            return Response(200, scale_of(obj))
        return self._answer(target, request, obj)

    def _matcher(self, target: Target, request: Request) -> Callable[[Obj], bool]:
        params, kind = request.params(), target.kind
        tests = []
        if text := params.get("labelSelector"):
            tests.append(selectors.labels(text))
        if text := params.get("fieldSelector"):
            extra: frozenset[str] = frozenset()
            if kind.custom:
                found = crd.version_of(self.catalog.definition(kind), kind.version)
                extra = frozenset(
                    one["jsonPath"].removeprefix(".") for one in found.get("selectableFields") or ()
                )
            tests.append(selectors.fields(text, kind.resource, extra))
        if target.name:
            tests.append(lambda obj: obj["metadata"]["name"] == target.name)
        return lambda obj: all(test(obj) for test in tests)

    def list(self, target: Target, request: Request) -> Response:
        """Answer GET of a collection, in pages when asked to."""
        params, kind = request.params(), target.kind
        matches = self._matcher(target, request)
        rv, start = self.store.rv, ("", "")
        if token := params.get("continue"):
            rv, start = _from_token(token)
            try:
                found = self.store.at(kind.resource, target.namespace, rv)
            except ApiError as error:
                raise expired_continue() from error
        else:
            found = self.store.all(kind.resource, target.namespace)
        if "labelSelector" in params or "fieldSelector" in params:
            found = [obj for obj in found if matches(obj)]
        if start != ("", ""):
            found = [obj for obj in found if _place(obj) > start]
        meta: Obj = {"resourceVersion": str(rv)}
        limit = _number(params, "limit")
        if limit and len(found) > limit:
            meta["continue"] = _to_token(rv, _place(found[limit - 1]))
            if "labelSelector" not in params and "fieldSelector" not in params:
                meta["remainingItemCount"] = len(found) - limit
            found = found[:limit]
        if asked := tables.asked(request.header("accept")):
            return Response(200, self._table(kind, found, asked, request) | {"metadata": meta})
        shown = [self.show(kind, obj) for obj in found]
        if not kind.custom:
            shown = [
                {key: value for key, value in obj.items() if key not in {"apiVersion", "kind"}}
                for obj in shown
            ]
        body = {
            "kind": f"{kind.kind}List",
            "apiVersion": kind.api_version,
            "metadata": meta,
            "items": shown,
        }
        return Response(200, body)

    def watch(self, target: Target, request: Request, *, in_stream: bool) -> Response:
        """Answer a watch with a stream; an expired one by HTTP, or in the stream if told so."""
        params, kind = request.params(), target.kind
        asked = tables.asked(request.header("accept"))
        version = params.get("resourceVersion", "")
        initial = params.get("sendInitialEvents") == "true"
        if initial and params.get("resourceVersionMatch") != "NotOlderThan":
            cause = Cause(
                "resourceVersionMatch",
                "Forbidden",
                "sendInitialEvents requires setting NotOlderThan",
            )
            raise invalid("ListOptions", "meta.k8s.io", "", [cause])

        def shown(obj: Obj) -> Obj:
            return self._table(kind, [obj], asked, request) if asked else self.show(kind, obj)

        scope = Scope(
            kind.resource,
            target.namespace,
            self._matcher(target, request),
            shown,
            kind.kind,
            kind.api_version,
        )
        watch = Watch(self.store, scope, bookmarks=params.get("allowWatchBookmarks") == "true")
        watch.timeout = _number(params, "timeoutSeconds") or None
        if version and not version.isdigit():
            raise bad_request(f"invalid resource version {version!r}")
        from_now = None if initial or version in {"", "0"} else int(version)
        try:
            watch.begin(from_now, initial_end=initial)
        except ApiError:
            if not in_stream:
                raise
            watch.rv = int(version)
        return Response(200, watch=watch, headers={"content-type": "application/json"})

    def create(self, target: Target, request: Request) -> Response:
        """Answer POST."""
        kind = target.kind
        obj = self.bodies.read(target, request, decoded(request))
        if kind.virtual:
            return Response(201, self.authorizer.reviewed(kind, request, obj))
        self._place_in(target, obj)
        made = self.objects.create(kind, obj, self._options(target, request))
        return self._answer(target, request, made, 201)

    def _place_in(self, target: Target, obj: Obj) -> None:
        """Put the URL's namespace into an object that names none."""
        named = obj["metadata"].get("namespace", "")
        if not target.kind.namespaced:
            obj["metadata"].pop("namespace", None)
        elif named not in {"", target.namespace}:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        else:
            obj["metadata"]["namespace"] = target.namespace

    def update(self, target: Target, request: Request) -> Response:
        """Answer PUT."""
        kind = target.kind
        if target.subresource == "scale":
            old = self.objects.get(kind, target.namespace, target.name)
            return self._rescaled(target, request, old, decoded(request))
        obj = self.bodies.read(target, request, decoded(request))
        self._place_in(target, obj)
        missing = self.store.get(kind.resource, (target.namespace, target.name)) is None
        if missing and kind.create_on_update:
            obj["metadata"].setdefault("name", target.name)
            made = self.objects.create(kind, obj, self._options(target, request))
            return self._answer(target, request, made, 201)
        old = self.objects.get(kind, target.namespace, target.name)
        new = self.objects.replace(kind, old, obj, self._options(target, request))
        return self._answer(target, request, new)

    def _rescaled(self, target: Target, request: Request, old: Obj, scale: Any) -> Response:
        if not isinstance(scale, dict) or not all(
            isinstance(scale.get(name, {}), dict) for name in ("metadata", "spec")
        ):
            raise bad_request("the body of the request must be a Scale")
        version = (scale.get("metadata") or {}).get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise conflict(target.kind.plural, target.kind.group, target.name)
        options = replace(self._options(target, request), subresource="")
        new = self.objects.replace(target.kind, old, with_replicas(old, scale), options)
        return Response(200, scale_of(new))

    def patch(self, target: Target, request: Request) -> Response:
        """Answer PATCH, whichever of the four kinds of patch it is."""
        kind, how = target.kind, media_type(request)
        if how == patch.APPLY_PATCH:
            return self._apply(target, request)
        old = self.objects.get(kind, target.namespace, target.name)
        change = decoded(request)
        if target.subresource == "scale":
            return self._rescaled(target, request, old, patch.merge(scale_of(old), change))
        shown = self.show(kind, old)
        if how == patch.JSON_PATCH:
            result = patch.json_patch(shown, change)
        elif not isinstance(change, dict):
            raise bad_request("error decoding patch: a merge patch is an object")
        elif how == patch.MERGE_PATCH:
            result = patch.merge(shown, change)
        elif how == patch.STRATEGIC_PATCH and not kind.custom:
            result = patch.strategic(shown, change, self.catalog.schema(kind))
        else:
            known = [patch.JSON_PATCH, patch.MERGE_PATCH, patch.APPLY_PATCH]
            known += [] if kind.custom else [patch.STRATEGIC_PATCH]
            raise unsupported(
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(sorted(known))
            )
        obj = self.bodies.read(target, request, result, patched=True)
        new = self.objects.replace(kind, old, obj, self._options(target, request))
        return self._answer(target, request, new)

    def _apply(self, target: Target, request: Request) -> Response:
        """Answer a server-side apply."""
        kind, params = target.kind, request.params()
        applied = self._applied(target, request)
        key = (target.namespace, target.name)
        old = self.store.get(kind.resource, key)
        if old is None and target.subresource:
            raise not_found(kind.plural, kind.group, target.name)
        version = applied["metadata"].get("resourceVersion")
        if old is not None and version and version != old["metadata"]["resourceVersion"]:
            raise conflict(kind.plural, kind.group, target.name)
        stored = self.catalog.stored(kind)
        who = ssa.entry(
            params["fieldManager"],
            "Apply",
            stored.api_version,
            target.subresource,
            self.objects.now(),
        )
        meta = {name: applied["metadata"].get(name, "") for name in ("name", "namespace")}
        live = old or {"metadata": {name: value for name, value in meta.items() if value}}
        schema = self.catalog.schema(stored)
        result = ssa.apply(live, applied, schema, who, force=params.get("force") == "true")
        options = replace(self._options(target, request), operation="Apply")
        if old is None:
            managed = result["metadata"].pop("managedFields")
            made = self.objects.create(kind, result, options, managed=managed)
            return self._answer(target, request, made, 201)
        result["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        return self._answer(target, request, self.objects.replace(kind, old, result, options))

    def _applied(self, target: Target, request: Request) -> Obj:
        """Return the configuration of an apply, reduced to what its endpoint writes."""
        if not request.params().get("fieldManager"):
            cause = Cause("fieldManager", "Required", "is required for apply patch")
            raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
        applied = self.bodies.read(target, request, decoded(request))
        self._place_in(target, applied)
        applied["metadata"].setdefault("name", target.name)
        if applied["metadata"].pop("managedFields", None):
            raise bad_request("metadata.managedFields must be nil")
        if target.kind.status:
            other = "spec" if target.subresource == "status" else "status"
            applied.pop(other, None)
        return applied

    def delete(self, target: Target, request: Request) -> Response:
        """Answer DELETE of one object."""
        kind = target.kind
        obj = self.objects.get(kind, target.namespace, target.name)
        body = decoded(request) or {}
        wanted = body.get("preconditions") or {}
        for field in ("uid", "resourceVersion"):
            if wanted.get(field) and wanted[field] != obj["metadata"][field]:
                word = "UID" if field == "uid" else "ResourceVersion"
                why = (
                    f"Precondition failed: {word} in precondition: {wanted[field]}, "
                    f"{word} in object meta: {obj['metadata'][field]}"
                )
                raise conflict(kind.plural, kind.group, target.name, why)
        dry_run = request.params().get("dryRun") == "All" or "All" in (body.get("dryRun") or [])
        asked = body.get("gracePeriodSeconds", request.params().get("gracePeriodSeconds"))
        grace = None if asked is None else int(asked)
        left, gone = self.objects.delete(kind, obj, dry_run=dry_run, grace=grace)
        if not gone:
            return self._answer(target, request, left)
        details = {"name": target.name, "group": kind.group, "kind": kind.plural}
        details = {key: value for key, value in details.items() if value}
        return Response(
            200,
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details | {"uid": obj["metadata"]["uid"]},
            },
        )

    def evict(self, target: Target, request: Request) -> Response:
        """Answer POST of an Eviction: the deletion of a Pod, if no budget forbids it."""
        body = decoded(request)
        if not isinstance(body, dict) or body.get("kind", "Eviction") != "Eviction":
            raise bad_request("the body of the request must be an Eviction")
        named = (body.get("metadata") or {}).get("name", target.name)
        if named != target.name:
            raise bad_request(
                f"name in URL does not match name in Eviction object: {target.name} vs {named}"
            )
        pod = self.objects.get(target.kind, target.namespace, target.name)
        eviction.check(self.store, pod)
        options = replace(request, body=body.get("deleteOptions") or {})
        self.delete(replace(target, subresource=""), options)
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return Response(201, success | {"code": 201})

    def deletecollection(self, target: Target, request: Request) -> Response:
        """Answer DELETE of a collection."""
        answer = self.list(target, request)
        matches = self._matcher(target, request)
        for obj in self.store.all(target.kind.resource, target.namespace):
            if matches(obj):
                self.objects.delete(target.kind, obj)
        return answer


def _place(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _number(params: dict[str, str], name: str) -> int:
    text = params.get(name, "") or "0"
    if not text.lstrip("-").isdigit():
        raise bad_request(f"{name}: Invalid value: {json.dumps(text)}: must be an integer")
    return int(text)


def _to_token(rv: int, place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([rv, *place])).decode()


def _from_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        rv, namespace, name = msgspec.json.decode(base64.urlsafe_b64decode(token))
    except (ValueError, msgspec.DecodeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
    return rv, (namespace, name)
