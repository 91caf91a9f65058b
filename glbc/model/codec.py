"""Between specs and the REST bodies of the API.

Bodies are ingress-gce's, byte for byte, down to which links are full and which partial
(reference: what GLBC sends). Reading drops every field that we do not manage.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from glbc.model.compute import Spec
from glbc.model.graph import Observed, Ownership
from glbc.model.keys import Kind, Ref, ResourceKey, Scope, parse_link, refs_in
from glbc.model.kinds import ROWS, completed
from glbc.model.private import Private

PARTIAL_LINKS: Final = frozenset(
    {
        # (who refers, to what): upstream writes these without host and project
        (Kind.URL_MAP, Kind.BACKEND_SERVICE),
        (Kind.TARGET_HTTP_PROXY, Kind.URL_MAP),
        (Kind.TARGET_HTTPS_PROXY, Kind.URL_MAP),
    }
)

Body = dict[str, Any]
SpecType = TypeVar("SpecType", bound=Spec)


def encode(kind: str, value: Any) -> Any:
    """Return a field or a spec of a resource of `kind` as JSON values."""

    def link(ref: Any) -> str:
        if isinstance(ref, Private):
            return ref.reveal().decode()
        if not isinstance(ref, Ref):
            raise TypeError(f"cannot encode {type(ref).__name__}")
        return ref.to.partial if (kind, ref.to.kind) in PARTIAL_LINKS else ref.to.link

    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=link))


def body_of(key: ResourceKey, spec: Spec) -> Body:
    """Return the whole body that creates `key`, without what insert does not take."""
    row = ROWS[Kind(key.kind)]
    later = row.after_insert | row.local
    wire = {f.name: f.encode_name for f in msgspec.structs.fields(spec)}
    fields = encode(key.kind, spec)
    return {
        "name": key.name,
        **{k: v for k, v in fields.items() if k not in {wire[n] for n in later}},
    }


def decode(spec_type: type[SpecType], body: Mapping[str, Any], project: str) -> SpecType:
    """Read the fields that we manage.

    Raises:
        msgspec.ValidationError: a field has another type than the API promises; names its path.
    """

    def ref(wanted: type, text: Any) -> Any:
        if wanted is Ref:
            return Ref(parse_link(text, project))
        if wanted is Private:
            return Private(str(text).encode())
        raise NotImplementedError(wanted)

    return msgspec.convert(body, type=spec_type, dec_hook=ref, strict=False)


def key_of(kind: str, body: Mapping[str, Any], project: str) -> ResourceKey:
    """Return the key of a body that was read."""
    for field in ("zone", "region"):
        if field in body:
            place = str(body[field]).rpartition("/")[2]
            return ResourceKey(project, kind, Scope(f"{field}s/{place}"), body["name"])
    return ResourceKey(project, kind, Scope("global"), body["name"])


def observed(
    key: ResourceKey, body: Mapping[str, Any], ownership: Ownership, read_at: float
) -> Observed:
    """Return what a body that was read says of `key`.

    Raises:
        msgspec.ValidationError: a field has another type than the API promises; names its path.
    """
    spec = completed(key.kind, decode(ROWS[Kind(key.kind)].spec, body, key.project))
    return Observed(
        key=key,
        spec=spec,
        ownership=ownership,
        fingerprint=body.get("fingerprint", ""),
        created=body.get("creationTimestamp", ""),
        read_at=read_at,
        refs=refs_in(spec),
    )
