"""A value that never prints, logs or marshals itself, and taking it out of what others say.

A cloud that refuses a value likes to quote it, and what it says goes into logs, Events and statuses.
"""

import re
from collections.abc import Iterable, Iterator
from hmac import compare_digest
from typing import Any, Final, NoReturn

import msgspec
from msgspec import UNSET

HIDDEN: Final = "(not shown)"
LEAST: Final = 6  # characters of a value, or of a line of it, that are looked for
PEM: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL
)


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


def privates_in(value: Any) -> Iterator[Private]:
    """Yield every private value in a struct, or in a tuple of structs."""
    if isinstance(value, Private):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from privates_in(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from privates_in(item)


def veiled(text: str, hidden: Iterable[Private]) -> str:
    """Return a text without these values, a line of one, or the beginning of a line."""
    text = PEM.sub(HIDDEN, text)
    values = (one.reveal().decode(errors="replace") for one in hidden)
    lines = {line for value in values for line in value.splitlines() if "-----" not in line}
    for line in sorted(lines, key=lambda line: (-len(line), line)):
        ends = range(len(line), LEAST - 1, -1)
        part = next((line[:end] for end in ends if line[:end] in text), "")
        text = text.replace(part, HIDDEN) if part else text
    return text


def veil(error: BaseException, hidden: Iterable[Private]) -> None:
    """Take these values out of what an error, and what it came from, says."""
    hidden = tuple(hidden)
    link: BaseException | None = error
    while link is not None:
        link.args = tuple(veiled(arg, hidden) if isinstance(arg, str) else arg for arg in link.args)
        link = link.__cause__ or link.__context__
