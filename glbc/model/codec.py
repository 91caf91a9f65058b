"""Between specs and the REST bodies of the API.

Bodies are ingress-gce's, byte for byte, down to which links are full and which partial
(reference: what GLBC sends). Reading drops every field that we do not manage.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET

from glbc.model.compute import Spec
from glbc.model.graph import Observed, Ownership
from glbc.model.keys import Kind, Ref, ResourceKey, Scope, parse_link, refs_in
from glbc.model.kinds import ROWS, completed
from glbc.model.private import Private
from glbc.model.record import recorded

PARTIAL_LINKS: Final = frozenset(
    {
        # (who refers, to what): upstream writes these without host and project
        (Kind.URL_MAP, Kind.BACKEND_SERVICE),
        (Kind.TARGET_HTTP_PROXY, Kind.URL_MAP),
        (Kind.TARGET_HTTPS_PROXY, Kind.URL_MAP),
    }
)

OUTPUT_ONLY: Final = frozenset({"oauth2ClientSecretSha256"})  # compared, never sent
ELEMENT_KEYS: Final[Mapping[tuple[str, str], str]] = {
    # (kind, field) -> the member that tells the elements of the list apart
    (Kind.BACKEND_SERVICE, "backends"): "group",
    (Kind.URL_MAP, "hostRules"): "pathMatcher",
    (Kind.URL_MAP, "pathMatchers"): "name",
}

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

    if value is UNSET:
        return None
    return _sendable(msgspec.json.decode(msgspec.json.encode(value, enc_hook=link)))


def _sendable(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _sendable(inner) for name, inner in value.items() if name not in OUTPUT_ONLY}


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


def wire_name(kind: str, field: str) -> str:
    """Return what the API calls a field of a kind's spec."""
    return next(w for w, name in _wire_names(ROWS[Kind(kind)].spec).items() if name == field)


def changed_body(
    kind: str, sent: Mapping[str, tuple[Any, Any]], fresh: Mapping[str, Any] | None, *, whole: bool
) -> Body:
    """Return the body of a PATCH, or with `whole` of an UPDATE.

    Args:
        kind: of the resource.
        sent: by name on the wire, what we know of the field and what it must become (None: gone).
        fresh: the resource as it was read just now; None where that was not needed.
        whole: is the whole resource sent? A PATCH merges all but lists by itself.
    """
    body = dict(fresh or {}) if whole else {}
    for name, (before, after) in sent.items():
        element = ELEMENT_KEYS.get((kind, name), "")
        if after is None:
            body.pop(name, None)
        elif fresh is not None and (whole or element):
            body[name] = overlaid(fresh.get(name), before, after, element)
        else:
            body[name] = after
    return body


def overlaid(there: Any, before: Any, after: Any, key: str = "") -> Any:
    """Return JSON that was read just now with a change laid over it, and all else as it is.

    Args:
        there: the value as the API shows it.
        before: what we know of it.
        after: what it must become; what `before` has and this has not is taken out.
        key: the member that tells the elements of a list apart; "" where the list is one value.
    """
    if isinstance(there, dict) and isinstance(after, dict):
        known = before if isinstance(before, dict) else {}
        kept = {name: value for name, value in there.items() if name in after or name not in known}
        return kept | {
            name: overlaid(there.get(name), known.get(name), value) for name, value in after.items()
        }
    if key and isinstance(there, list) and isinstance(after, list):
        old = {element[key]: element for element in there}
        knew = {element[key]: element for element in before or ()}
        return [
            overlaid(old.get(element[key]), knew.get(element[key]), element) for element in after
        ]
    return after


def loses(before: Any, after: Any) -> bool:
    """Tell whether a change takes something out: a PATCH of the client library cannot say so."""
    if after in (None, [], {}):
        return before not in (None, [], {})
    if isinstance(before, dict) and isinstance(after, dict):
        return any(loses(value, after.get(name)) for name, value in before.items())
    return False


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
    row = ROWS[Kind(key.kind)]
    ours = recorded(body.get("description")) if row.recorded else frozenset()
    if key.kind == Kind.BACKEND_SERVICE:
        body = {**body, "signedUrlKeys": _signed_keys(body, ours)}
    spec = completed(key.kind, decode(row.spec, body, key.project))
    return Observed(
        key=key,
        spec=spec,
        ownership=ownership,
        fingerprint=body.get("fingerprint", ""),
        created=body.get("creationTimestamp", ""),
        number=str(body.get("id", "")),
        read_at=read_at,
        refs=refs_in(spec),
        set_by_us=ours,
        unmanaged=frozenset(_unmanaged(key.kind, body, spec)),
    )


def signed_key_path(name: str, digest: str) -> str:
    """Return how our record tells of a key for signed URLs: a value is never read back."""
    return f"signedUrlKeys.{name}#{digest}"


def _signed_keys(body: Mapping[str, Any], ours: Iterable[str]) -> list[Body]:
    """Return the keys that a backend service has; of ours with the digest of their value."""
    known = dict(
        path.removeprefix("signedUrlKeys.").rpartition("#")[::2]
        for path in ours
        if path.startswith("signedUrlKeys.")
    )
    names = (body.get("cdnPolicy") or {}).get("signedUrlKeyNames") or ()
    return [
        {"keyName": name, **({"digest": known[name]} if name in known else {})} for name in names
    ]


def _unmanaged(kind: str, body: Mapping[str, Any], spec: Spec) -> Iterator[str]:
    """Yield the fields whose list elements hold what their struct does not name."""
    for field in msgspec.structs.fields(spec):
        if (kind, field.encode_name) in ELEMENT_KEYS:
            values = zip(
                getattr(spec, field.name) or (), body.get(field.encode_name) or (), strict=False
            )
            if any(_knows_less(element, raw) for element, raw in values):
                yield field.name


def _knows_less(value: Any, raw: Any) -> bool:
    """Tell whether JSON holds members that the value it was read into has no field for."""
    if isinstance(value, msgspec.Struct) and isinstance(raw, dict):
        names = _wire_names(type(value))
        return not raw.keys() <= names.keys() or any(
            _knows_less(getattr(value, name), raw[wire])
            for wire, name in names.items()
            if wire in raw and isinstance(raw[wire], (dict, list))
        )
    if isinstance(value, tuple) and isinstance(raw, list):
        return any(_knows_less(*pair) for pair in zip(value, raw, strict=False))
    return False


@cache
def _wire_names(struct: Any) -> Mapping[str, str]:
    return {field.encode_name: field.name for field in msgspec.structs.fields(struct)}
