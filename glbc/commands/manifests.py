"""Kubernetes objects from files, in place of a cluster.

Every `.yaml`, `.yml` and `.json` file below a directory, several documents in one, Lists unpacked. A
document that cannot be used is told with its place and left out, and the rest counts; its kind is then
not completely seen. What the API server would add and nobody can know is told, never guessed. What a
Secret holds is never quoted, not even in what is wrong with it.
"""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from glbc.errors import GlbcError
from glbc.kube.watch import KINDS
from glbc.model.configs import Credential
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.views import VIEWS, Service, Snapshot, decode_hook
from glbc.translate.reasons import Reason

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
TLS: Final = "kubernetes.io/tls"
CLUSTER_WIDE: Final = frozenset({"Node", "IngressClass", "IngressParameters"})
WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
GETS_NODE_PORTS: Final = frozenset({"NodePort", "LoadBalancer"})
OLD_BACKEND_CONFIG: Final = "cloud.google.com/v1beta1"
OLD_INGRESS: Final = frozenset({"extensions/v1beta1", "networking.k8s.io/v1beta1"})


class _Row(msgspec.Struct, frozen=True):
    """Where a kind belongs."""

    version: str  # apiVersion
    field: str  # of Snapshot


def _version(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "api" else "/".join(parts[1:3])


ROWS: Final = {row.kind: _Row(_version(row.path), row.field) for row in KINDS}


class Problem(msgspec.Struct, frozen=True):
    """Why a document is left out."""

    file: str  # below the directory
    document: int  # the first is 1; 0: the file as a whole
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}, document {self.document}" if self.document else self.file
        return f"{place}: {self.what}: {self.remedy}"


class Manifests(msgspec.Struct, frozen=True):
    """What was read."""

    snapshot: Snapshot
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()  # what files leave open


class _Unusable(Exception):
    """A document cannot be used."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


def read(directory: Path) -> Manifests:
    """Read all manifests below a directory, or one file.

    Raises:
        GlbcError: there is nothing to read.
    """
    reading = _Reading()
    for file in _files(directory):
        name = file.name if file == directory else file.relative_to(directory).as_posix()
        reading.file(file, name)
    found = reading.manifests()
    if not found.snapshot.ingresses and not found.problems:
        raise GlbcError(f"{directory}: has no Ingress: give a directory with manifests of one")
    return found


def _files(directory: Path) -> list[Path]:
    if directory.is_file():
        return [directory]
    if not directory.is_dir():
        raise GlbcError(f"{directory}: does not exist: give a directory with manifests")
    found = sorted(path for path in directory.rglob("*") if path.suffix in SUFFIXES)
    files = [path for path in found if path.is_file()]
    if not files:
        raise GlbcError(f"{directory}: has no .yaml, .yml or .json file: give one with manifests")
    return files


class _Reading:
    """All that was found so far."""

    def __init__(self) -> None:
        self._views: dict[str, Any] = {row.field: {} for row in ROWS.values()}
        self._credentials: dict[str, Credential | None] = {}
        self._problems: list[Problem] = []
        self._unseen: set[str] = set()  # kinds of which something could not be read
        self._places: dict[tuple[str, str], str] = {}  # kind, key -> where it was

    def file(self, path: Path, name: str) -> None:
        """Read the documents of a file."""
        number = 0
        try:
            for number, document in enumerate(_documents(path), 1):
                for obj in _unpacked(document):
                    self._take(obj, name, number)
        except _Unusable as problem:  # whatever stands behind it in the file is not known
            at = 0 if isinstance(problem.__cause__, OSError) else number + 1
            self._refuse(Problem(name, at, problem.what, problem.remedy), None)

    def manifests(self) -> Manifests:
        """Return what was read."""
        # Pods are no wants, and a directory has none but those that a workload would make.
        complete = frozenset(VIEWS.keys() - self._unseen) | {"Pod"}
        snapshot = Snapshot(**self._views, credentials=self._credentials, complete=complete)
        return Manifests(snapshot, tuple(self._problems), tuple(sorted(_left_open(snapshot))))

    def _refuse(self, problem: Problem, kind: str | None) -> None:
        self._problems.append(problem)
        self._unseen |= {kind} if kind in VIEWS else VIEWS.keys()

    def _take(self, obj: Any, file: str, number: int) -> None:
        try:
            kind = _kind_of(obj)
            if kind in WORKLOADS:
                obj, kind = _pod_of(obj), "Pod"
            if kind not in ROWS or not _is_meant(kind, obj["apiVersion"]):
                return
            key = self._named(kind, obj)
        except _Unusable as problem:
            self._refuse(Problem(file, number, problem.what, problem.remedy), None)
            return
        if where := self._places.get((kind, key)):
            what = f"{kind.lower()} {key} is in {where} already"
            self._refuse(Problem(file, number, what, "take one of them out"), kind)
            return
        self._places[kind, key] = f"{file}, document {number}"
        try:
            self._decode(kind, key, obj)
        except _Unusable as problem:
            self._refuse(Problem(file, number, problem.what, problem.remedy), kind)

    def _named(self, kind: str, obj: Mapping[str, Any]) -> str:
        meta = obj.get("metadata")
        if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
            raise _Unusable(f"a {kind} without metadata.name", "give it a name")
        if kind in CLUSTER_WIDE:
            meta.pop("namespace", None)
            return str(meta["name"])
        if not isinstance(meta.setdefault("namespace", "default"), str):
            raise _Unusable(f"{kind.lower()} {meta['name']}: metadata.namespace", "give a text")
        return f"{meta['namespace']}/{meta['name']}"

    def _decode(self, kind: str, key: str, obj: dict[str, Any]) -> None:
        is_secret = kind == "Secret"
        if is_secret:
            _take_in_string_data(key, obj)
        try:
            body = msgspec.json.encode(obj)
            view = msgspec.json.decode(body, type=VIEWS[kind], dec_hook=decode_hook)
            if is_secret:
                found = msgspec.json.decode(body, type=Credential, dec_hook=decode_hook)
                self._credentials[key] = found
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            told = "has a value of a wrong type" if is_secret else _mistake(error)
            raise _Unusable(f"{kind.lower()} {key}: {told}", "correct the field") from error
        if not is_secret or obj.get("type") == TLS:
            self._views[ROWS[kind].field][key] = view


def _documents(path: Path) -> Iterator[Any]:
    """Yield the documents of a file that are not empty. Raises _Unusable."""
    try:
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _Unusable(f"cannot be read ({error.strerror})", "give a readable file") from error
    except UnicodeDecodeError as error:
        raise _Unusable("is not UTF-8", "give a YAML or JSON file") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # What is quoted of the file could be a part of a Secret.
        what = (error.problem or "").partition("'")[0].strip()
        raise _Unusable(f"is no YAML{at}: {what}".rstrip(": "), "mend it") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _Unusable("is no YAML", "mend it") from error


def _unpacked(document: Any) -> Iterator[Any]:
    """Yield a document, or what is in it if it is a List."""
    kind = document.get("kind") if isinstance(document, dict) else None
    if isinstance(kind, str) and kind.endswith("List") and isinstance(document.get("items"), list):
        version, of = document.get("apiVersion"), kind.removesuffix("List")
        for item in document["items"]:
            named = isinstance(item, dict) and of
            yield {"apiVersion": version, "kind": of, **item} if named else item
    elif document is not None:
        yield document


def _kind_of(obj: Any) -> str:
    remedy = "give apiVersion, kind and metadata, or keep it out of the directory"
    if not isinstance(obj, dict):
        raise _Unusable("is no Kubernetes object", remedy)
    for field in ("apiVersion", "kind"):
        if not isinstance(obj.get(field), str) or not obj[field]:
            raise _Unusable(f"is no Kubernetes object, it has no {field}", remedy)
    return str(obj["kind"])


def _is_meant(kind: str, version: str) -> bool:
    """Tell whether it is the kind that we know; another group's kind of that name is not ours."""
    known = ROWS[kind].version
    if version == known:
        return True
    if kind == "Ingress" and version in OLD_INGRESS:
        raise _Unusable(
            f"an Ingress of {version}, which no cluster serves any more", f"use {known}"
        )
    group = version.rpartition("/")[0]
    if kind == "BackendConfig" and version == OLD_BACKEND_CONFIG:
        return True  # the same fields
    if "." in group and group != known.rpartition("/")[0]:
        return False
    raise _Unusable(f"a {kind} of apiVersion {version}", f"write {known}")


def _pod_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod as a Deployment makes it: its readiness probe tells how its health is asked."""
    meta, spec = workload.get("metadata"), workload.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    if not isinstance(meta, dict) or not isinstance(template, dict):
        raise _Unusable(f"a {workload['kind']} without spec.template", "give it one")
    inner = template.get("metadata") or {}
    labels = inner.get("labels") if isinstance(inner, dict) else None
    named = {field: meta[field] for field in ("name", "namespace") if field in meta}
    if isinstance(named.get("name"), str):
        named["name"] = f"{workload['kind'].lower()}-{named['name']}"
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {**named, "labels": labels}}
    return {**made, "spec": template.get("spec") or {}}


def _mistake(error: Exception) -> str:
    """Say what a decoder found: the field first."""
    what, _, place = str(error).partition(" - at `$.")
    return f"{place.rstrip('`')}: {what}" if place else what


def _take_in_string_data(key: str, obj: dict[str, Any]) -> None:
    """Put stringData into data, as the API server does."""
    given = obj.get("stringData")
    if given is None:
        return
    data = obj.get("data") or {}
    whole = isinstance(given, dict) and all(isinstance(text, str) for text in given.values())
    if not whole or not isinstance(data, dict):
        raise _Unusable(f"secret {key}: has a value of a wrong type", "quote it")
    coded = {name: base64.b64encode(text.encode()).decode() for name, text in given.items()}
    obj["data"] = {**data, **coded}


def _left_open(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what only a cluster could tell."""
    for service in snapshot.services.values():
        yield from _open_ports(service)
    if snapshot.ingresses and not snapshot.nodes:
        yield Finding(
            ObjectRef("Node", "", ""),
            Reason.NOT_KNOWN,
            "",
            "there is none in the manifests: instance groups, their members and the tags of the "
            "firewall rule are not known",
            "plan against the cluster, or add its Nodes (kubectl get nodes -o yaml)",
            Severity.NOTE,
        )


def _open_ports(service: Service) -> Iterator[Finding]:
    if service.spec.type not in GETS_NODE_PORTS:
        return
    for at, port in enumerate(service.spec.ports or ()):
        if not port.node_port:
            yield Finding(
                ObjectRef("Service", service.metadata.namespace, service.metadata.name),
                Reason.NOT_KNOWN,
                f"spec.ports[{at}].nodePort",
                f"the cluster chooses the node port for {port.port}, so what serves it is not known",
                "write the node port down, or plan against the cluster",
                Severity.NOTE,
            )
