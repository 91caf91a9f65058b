"""Findings: bad user input as a value, so that the rest keeps working and nothing is lost."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How much of the object does not work."""

    NOTE = "note"  # works, but probably not as meant
    WARNING = "warning"  # this part does not work; the rest does
    ERROR = "error"  # the object as a whole cannot be programmed


class ObjectRef(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A Kubernetes object, as a person names it."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.namespace}/{self.name}".replace(" /", " ")


class Finding(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """What is wrong with one field of one object, and what to do about it."""

    object: ObjectRef
    reason: str  # CamelCase, stable, listed in docs/reasons.md
    field: str  # path inside the object, `spec.rules[0].http.paths[1].backend`
    message: str
    hint: str
    severity: Severity = Severity.WARNING

    def __str__(self) -> str:
        return f"{self.object}: {self.field}: {self.message}: {self.hint}"
