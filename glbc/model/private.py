"""A value that never prints, logs or marshals itself."""

from hmac import compare_digest
from typing import NoReturn


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
