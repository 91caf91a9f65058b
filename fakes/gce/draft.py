"""One mutation as it would be stored: what the rules judge."""

from dataclasses import dataclass

from fakes.gce.discovery import Method
from fakes.gce.links import Key
from fakes.gce.store import State
from fakes.gce.wire import Json


@dataclass(frozen=True, slots=True)
class Draft:
    """The resource before and after, and the request that asked for it."""

    method: Method
    key: Key
    request: Json
    old: State | None  # None: an insert
    new: State | None  # None: a deletion

    @property
    def body(self) -> Json:
        """Return the body to be stored ({} for a deletion)."""
        return self.new.body if self.new is not None else {}

    @property
    def hidden(self) -> Json:
        """Return what is to be stored and never shown."""
        return self.new.hidden if self.new is not None else {}

    @property
    def before(self) -> Json:
        """Return the body stored now ({} for an insert)."""
        return self.old.body if self.old is not None else {}
