"""A value that never prints, logs or marshals itself."""

from hmac import compare_digest
from typing import Any, NoReturn

import msgspec
from msgspec import UNSET


class Private:
    """Bytes of a key. Only `reveal` gives them away; grep for it to see every place that does."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the value."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Private) and compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Private(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private value is not written anywhere")


def public(value: Any) -> Any:
    """Return a struct as it is read back: every private value in it UNSET."""
    over: dict[str, Any] = {}
    for name in value.__struct_fields__:
        inner = getattr(value, name)
        shown = _shown(inner)
        if shown is not inner:
            over[name] = shown
    return msgspec.structs.replace(value, **over) if over else value


def _shown(value: Any) -> Any:
    if isinstance(value, Private):
        return UNSET
    if isinstance(value, msgspec.Struct):
        return public(value)
    if isinstance(value, tuple):
        shown = tuple(_shown(item) for item in value)
        return value if all(a is b for a, b in zip(value, shown, strict=True)) else shown
    return value
