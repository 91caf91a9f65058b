"""What lists and watches send, as far as it is looked at before an object becomes a view.

An object that no view fits still has a name, and a list that is none has no version.
"""

import msgspec


class Version(msgspec.Struct, rename="camel"):
    """The metadata of a list."""

    resource_version: str  # required: an answer without it is not a list
    next_page: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct):
    """A list, or a part of one."""

    metadata: Version
    items: list[msgspec.Raw] | None = None


class Event(msgspec.Struct):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class Meta(msgspec.Struct, rename="camel"):
    """What names an object, and its version."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class Named(msgspec.Struct):
    """An object of any kind."""

    metadata: Meta

    @property
    def key(self) -> str:
        """Return `namespace/name`, or `name`."""
        meta = self.metadata
        return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
