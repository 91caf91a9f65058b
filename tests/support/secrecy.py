"""Secrets that can be recognised wherever they turn up, and looking for them."""

import base64
from collections.abc import Iterator, Mapping

LEAST = 16  # characters of a line that are looked for by themselves


class Secrets:
    """Values that nobody may read: name -> text."""

    def __init__(self, **values: str) -> None:
        self.values: Mapping[str, str] = values

    def found_in(self, text: str) -> list[str]:
        """Return the names of the secrets that a text gives away, in whole or a line of them."""
        return sorted({name for name, needle in self._needles() if needle in text})

    def _needles(self) -> Iterator[tuple[str, str]]:
        for name, value in self.values.items():
            inner = [line for line in value.splitlines() if "-----" not in line]
            for part in {value, value.strip(), *inner}:
                raw = part.encode()
                forms = {
                    part,
                    base64.b64encode(raw).decode(),
                    base64.urlsafe_b64encode(raw).decode(),
                    raw.hex(),
                }
                yield from ((name, form) for form in forms if len(form) >= LEAST)
