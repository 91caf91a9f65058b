"""What a request carries: bytes of JSON, YAML or protobuf, read into the stored version of a kind."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import yaml

from fakes.kube import convert, crd, fields, patch, protobuf
from fakes.kube.catalog import Catalog
from fakes.kube.door import Request
from fakes.kube.errors import Cause, Obj, bad_request, invalid, unsupported
from fakes.kube.kinds import Kind

YAML_TYPES: Final = ("application/yaml", "application/x-yaml", "text/yaml")


@dataclass(frozen=True)
class Target:
    """What a URL names."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def resource(self) -> str:
        """Return the resource as calls are counted: `ingresses/status`."""
        sub = f"/{self.subresource}" if self.subresource else ""
        return self.kind.plural + sub


def media_type(request: Request) -> str:
    """Return the Content-Type without parameters."""
    return request.header("content-type").partition(";")[0].strip().lower()


def decoded(request: Request) -> Any:
    """Return the body as JSON, whatever it is written in."""
    kind = media_type(request)
    if not isinstance(request.body, bytes):
        return fields.copied(request.body)
    raw = request.body
    if kind == protobuf.MEDIA_TYPE or raw.startswith(protobuf.MAGIC):
        return protobuf.decode(raw)
    if kind in YAML_TYPES or kind == patch.APPLY_PATCH:
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return yaml.load(raw, Loader=_Yaml)  # noqa: S506  a SafeLoader
    if kind and "json" not in kind:
        raise unsupported(
            f"the body of the request was in an unknown format - accepted media types include: "
            f"application/json, application/yaml, {protobuf.MEDIA_TYPE}"
        )
    try:
        return msgspec.json.decode(raw) if raw else None
    except msgspec.DecodeError as error:
        raise bad_request(f"couldn't parse the body: {error}") from error


class _Yaml(yaml.SafeLoader):
    """YAML without dates: a timestamp stays text."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rows if tag != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Bodies:
    """Reads bodies and collects the warnings that go with the answer."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.warnings: list[str] = []

    def read(self, target: Target, request: Request, obj: Any, *, patched: bool = False) -> Obj:
        """Return a body in the stored version, checked for unknown and mistyped fields.

        Raises:
            ApiError: 400 (422 for the result of a patch) under `fieldValidation=Strict`.
        """
        kind = target.kind
        if not isinstance(obj, dict):
            raise bad_request(f"the body of the request must be a {kind.kind}")
        self._check_identity(kind, obj)
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        prefix = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
        if kind.custom:
            obj, unknown = crd.pruned(obj, self._catalog.schema(kind))
            meta = fields.read({"metadata": obj.get("metadata") or {}}, "V1PartialObjectMetadata")
            obj, prefix = obj | meta.obj, ""
            unknown, wrong = unknown + meta.unknown, meta.wrong
        else:
            obj, unknown, wrong = fields.read(obj, kind.model)
        if wrong:
            raise bad_request(prefix + wrong[0])
        if unknown:
            self._report(target, request, prefix, unknown, patched=patched)
        obj.setdefault("metadata", {})
        return convert.store(kind, obj)

    def _report(
        self, target: Target, request: Request, prefix: str, unknown: list[str], *, patched: bool
    ) -> None:
        mode = request.params().get("fieldValidation", "Warn")
        if mode == "Strict":
            text = "strict decoding error: " + ", ".join(unknown)
            if patched:
                cause = Cause("patch", "Invalid", text, request.raw().decode(errors="replace"))
                raise invalid(target.kind.kind, target.kind.group, target.name, [cause])
            raise bad_request(prefix + text)
        if mode == "Warn":
            self.warnings += unknown

    @staticmethod
    def _check_identity(kind: Kind, obj: Obj) -> None:
        version = obj.get("apiVersion") or kind.api_version
        if version != kind.api_version:
            raise bad_request(
                f"the API version in the data ({version}) does not match the expected API version "
                f"({kind.api_version})"
            )
        if (obj.get("kind") or kind.kind) != kind.kind:
            raise bad_request(
                f'{obj["kind"]} in version "{kind.version}" cannot be handled as a {kind.kind}: '
                f'no kind "{obj["kind"]}" is registered for this resource'
            )

    def manifest(self, target: Target, obj: Obj) -> Obj:
        """Return a manifest in the stored version; raise 400 for a field that does not exist."""
        return self.read(target, Request("PUT", "", {"fieldValidation": "Strict"}), obj)
