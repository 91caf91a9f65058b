"""What all views of Kubernetes objects have: the base, and the metadata."""

import msgspec


class View(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """Base of all views: frozen, camelCase as on the wire."""


class Meta(View, frozen=True):
    """metadata."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0  # counts changes of the spec
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] | None = None
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
