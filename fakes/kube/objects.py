"""The life of an object: what happens to it on its way into the store, and out of it.

Every write, whatever door and verb it came through, ends in `admit`: defaults, allocation,
validation, generation, ownership of fields, the no-op rule, deletion by the last finalizer.
"""

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fakes.clock import Clock
from fakes.kube import apply as ssa
from fakes.kube import crd as crds
from fakes.kube import defaults, validation
from fakes.kube.allocate import Allocator, keep
from fakes.kube.catalog import Catalog
from fakes.kube.errors import (
    ApiError,
    Cause,
    Obj,
    Verbatim,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
)
from fakes.kube.fields import copied
from fakes.kube.ingress import with_default_class
from fakes.kube.kinds import CRDS, INGRESSES, Kind
from fakes.kube.store import Store

NAMESPACES = "namespaces"
PODS = "pods"
KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


@dataclass(frozen=True)
class Options:
    """What the query of a write asks for."""

    manager: str = ""  # owner of the fields that change; empty: nobody
    dry_run: bool = False
    subresource: str = ""
    operation: str = "Update"


class Objects:
    """Owned by one World, which serialises the calls."""

    def __init__(self, store: Store, clock: Clock, seed: int) -> None:
        self.store = store
        self.clock = clock
        self.catalog = Catalog(store)
        self.allocator = Allocator(store)
        self.random = random.Random(seed)

    def now(self) -> str:
        """Return the time as metadata spells it."""
        return datetime.fromtimestamp(self.clock.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def uid(self) -> str:
        """Return a fresh UID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    # --- reading ---

    def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """Return a stored object; raise 404."""
        found = self.store.get(kind.resource, (namespace, name))
        if found is None:
            raise not_found(kind.plural, kind.group, name)
        return found

    # --- writing ---

    def create(
        self, kind: Kind, obj: Obj, options: Options, *, managed: list[Obj] | None = None
    ) -> Obj:
        """Store a new object (in the stored version); return it as stored.

        `managed` is who owns its fields, when an apply has settled that.
        """
        meta = dict(obj["metadata"])
        if meta.get("resourceVersion"):
            raise ApiError(
                500,
                "InternalError",
                "resourceVersion should not be set on objects to be created",
                {},
            )
        if not meta.get("name") and (prefix := meta.get("generateName")):
            letters = "bcdfghjklmnpqrstvwxz2456789"
            meta["name"] = prefix + "".join(self.random.choices(letters, k=5))
        namespace = meta.get("namespace", "")
        if kind.namespaced:
            self._check_namespace(kind, namespace, meta.get("name", ""))
        for name in (*KEPT, "managedFields", "selfLink"):
            meta.pop(name, None)
        meta |= {"uid": self.uid(), "creationTimestamp": self.now()}
        if kind.generation:
            meta["generation"] = 1
        if managed is not None:
            meta["managedFields"] = managed
        new = obj | {"metadata": meta}
        if kind.status and kind.resource != "nodes":
            new.pop("status", None)
        admitted = self._admit(kind, None, new, options)
        if self.store.get(kind.resource, (namespace, meta.get("name", ""))) is not None:
            raise already_exists(kind.plural, kind.group, meta["name"])
        return self._commit(kind, admitted, options)

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        found = self.store.get(NAMESPACES, ("", namespace))
        if found is None:
            raise not_found(NAMESPACES, "", namespace)
        if found["metadata"].get("deletionTimestamp"):
            raise forbidden(
                kind.plural,
                kind.group,
                name,
                f"unable to create new content in namespace {namespace} because it is being "
                "terminated",
                [
                    {
                        "reason": "NamespaceTerminating",
                        "message": f"namespace {namespace} is being terminated",
                        "field": "metadata.namespace",
                    }
                ],
            )

    def replace(self, kind: Kind, old: Obj, obj: Obj, options: Options) -> Obj:
        """Store a new state of an object; return it as stored.

        Raises:
            ApiError: 409 when the state was made from another version, 422 when it is refused.
        """
        meta, was = dict(obj["metadata"]), old["metadata"]
        name = was["name"]
        if meta.get("name") not in (None, "", name):
            raise bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
            )
        version = meta.get("resourceVersion")
        if not version and not kind.unconditional:
            cause = Cause(
                "metadata.resourceVersion",
                "Invalid",
                "must be specified for an update",
                Verbatim("0x0"),
            )
            raise invalid(kind.kind, kind.group, name, [cause])
        if meta.get("uid") and meta["uid"] != was["uid"]:
            why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {was['uid']}"
            raise conflict(kind.plural, kind.group, name, why)
        if version and version != was["resourceVersion"]:
            raise conflict(kind.plural, kind.group, name)
        for field in KEPT:
            meta.pop(field, None)
            if field in was:
                meta[field] = was[field]
        meta |= {"name": name, "resourceVersion": was["resourceVersion"]}
        if kind.namespaced:
            meta["namespace"] = was["namespace"]
        new = self._isolated(kind, old, obj | {"metadata": meta}, options.subresource)
        admitted = self._admit(kind, old, new, options)
        if _same(old, admitted):
            return old
        return self._commit(kind, admitted, options)

    def _isolated(self, kind: Kind, old: Obj, new: Obj, subresource: str) -> Obj:
        """Keep the part of an object that the other endpoint owns."""
        if subresource == "status":
            result = old | ({"status": new["status"]} if "status" in new else {})
            if "status" not in new:
                result.pop("status", None)
            return result if kind.custom else result | {"metadata": new["metadata"]}
        if not kind.status:
            return new
        result = {key: value for key, value in new.items() if key != "status"}
        return result | ({"status": old["status"]} if "status" in old else {})

    def _admit(self, kind: Kind, old: Obj | None, obj: Obj, options: Options) -> Obj:
        """Complete and check a new state; return it ready to be stored."""
        stored = self.catalog.stored(kind)
        new: Obj = copied(obj)
        causes: list[Cause] = []
        if kind.custom:
            schema = self.catalog.schema(kind)
            new = crds.defaulted(new, schema)
            causes += validation.check(kind.resource, new, old)
            causes += crds.check(new, schema)
        else:
            if old is not None and kind.resource == "services":
                keep(old, new)
            defaults.fill(kind.resource, new)
            if old is None and kind.resource == INGRESSES:
                new = with_default_class(new, self.store.all("ingressclasses.networking.k8s.io"))
            causes += validation.check(kind.resource, new, old)
            if kind.resource == "services" and not causes:
                self.allocator.fill(new, causes)
        if causes:
            raise invalid(kind.kind, kind.group, new["metadata"].get("name", ""), causes)
        if kind.resource == CRDS:
            new = crds.established(new, self.now())
        self._own_fields(stored, old, new, options)
        if old is not None and kind.generation and _content(old) != _content(new):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return new

    def _own_fields(self, kind: Kind, old: Obj | None, new: Obj, options: Options) -> None:
        """Write down who owns what, except after an apply, which has done it already."""
        if options.operation == "Apply":
            return
        new["metadata"].pop("managedFields", None)
        if old is not None and "managedFields" in old["metadata"]:
            new["metadata"]["managedFields"] = old["metadata"]["managedFields"]
        if not options.manager or (old is not None and _same(old, new)):
            return
        who = ssa.entry(
            options.manager, "Update", kind.api_version, options.subresource, self.now()
        )
        schema = self.catalog.schema(kind)
        new["metadata"]["managedFields"] = ssa.updated(old, new, schema, who)

    def _commit(self, kind: Kind, obj: Obj, options: Options) -> Obj:
        if options.dry_run:
            version = obj["metadata"].get("resourceVersion")
            return obj if version else obj | {"metadata": obj["metadata"]}
        stored = self.store.put(kind.resource, obj)
        meta = stored["metadata"]
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            return self._remove(kind, stored)
        return stored

    # --- deleting ---

    def delete(
        self, kind: Kind, obj: Obj, *, dry_run: bool = False, grace: int | None = None
    ) -> tuple[Obj, bool]:
        """Delete an object, or mark it when finalizers hold it; return it and whether it is gone.

        Args:
            kind: the object's.
            obj: the object.
            dry_run: only say what would be.
            grace: the seconds that a Pod is given, None: as many as it wants; may be shortened.
        """
        if dry_run:
            return obj, not obj["metadata"].get("finalizers")
        if kind.resource == NAMESPACES:
            return self._delete_namespace(kind, obj)
        if not obj["metadata"].get("finalizers"):
            return self._remove(kind, obj), True
        if obj["metadata"].get("deletionTimestamp"):
            return self._hurried(kind, obj, grace), False
        return self._mark(kind, obj, _grace(kind, obj, grace)), False

    def _hurried(self, kind: Kind, obj: Obj, grace: int | None) -> Obj:
        """Return an object that is being deleted, with less time when less is asked for."""
        meta = obj["metadata"]
        if grace is None or grace >= meta["deletionGracePeriodSeconds"]:
            return obj
        shorter = meta | {"deletionGracePeriodSeconds": grace}
        return self.store.put(kind.resource, obj | {"metadata": shorter})

    def _mark(self, kind: Kind, obj: Obj, grace: int = 0, **more: Any) -> Obj:
        meta = obj["metadata"] | {
            "deletionTimestamp": self.now(),
            "deletionGracePeriodSeconds": grace,
        }
        if kind.generation:
            meta["generation"] = meta.get("generation", 1) + 1
        return self.store.put(kind.resource, obj | {"metadata": meta} | more)

    def _remove(self, kind: Kind, obj: Obj) -> Obj:
        gone = self.store.remove(kind.resource, obj)
        if kind.resource == CRDS:
            spec = gone["spec"]
            resource = f"{spec['names']['plural']}.{spec['group']}"
            for one in self.store.all(resource):
                self.store.remove(resource, one)
        if namespace := obj["metadata"].get("namespace"):
            self._finish_namespace(namespace)
        return gone

    def _delete_namespace(self, kind: Kind, obj: Obj) -> tuple[Obj, bool]:
        """Mark a namespace, then empty it; it goes with its last object."""
        name = obj["metadata"]["name"]
        if name in {"default", "kube-system", "kube-public"}:
            raise forbidden(NAMESPACES, "", name, "this namespace may not be deleted")
        if not obj["metadata"].get("deletionTimestamp"):
            status = (obj.get("status") or {}) | {"phase": "Terminating"}
            self._mark(kind, obj, status=status)
        for row in self.catalog.kinds():
            if not row.namespaced or row.stored_as or row.virtual:
                continue
            for one in self.store.all(row.resource, name):
                self.delete(row, one)
        self._finish_namespace(name)
        left = self.store.get(NAMESPACES, ("", name))
        return (obj, True) if left is None else (left, False)

    def _finish_namespace(self, name: str) -> None:
        namespace = self.store.get(NAMESPACES, ("", name))
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            return
        if not any(self.store.all(resource, name) for resource in self.store.resources()):
            self.store.remove(NAMESPACES, namespace)


def _grace(kind: Kind, obj: Obj, asked: int | None) -> int:
    """Return the seconds that an object has from the wish to delete it: only Pods have any."""
    if kind.resource != PODS:
        return 0
    return obj["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked


def _content(obj: Obj) -> Obj:
    """Return what a generation counts: everything but metadata and status."""
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def _same(old: Obj, new: Obj) -> bool:
    """Say whether a write would change nothing that anybody can see."""
    if _content(old) != _content(new) or old.get("status") != new.get("status"):
        return False
    had = {key: value for key, value in old["metadata"].items() if key != "managedFields"}
    has = {key: value for key, value in new["metadata"].items() if key != "managedFields"}
    if had != has:
        return False
    return _owned(old) == _owned(new)


def _owned(obj: Obj) -> list[Obj]:
    return [{key: value for key, value in one.items() if key != "time"} for one in ssa.owners(obj)]
