"""Which custom headers Compute Engine takes of a backend service.

Names, values and what is reserved: as the page "Create custom headers in backend services" has
them for the classic Application Load Balancer.
"""

import re
from collections.abc import Iterator
from typing import Final

MOST: Final = 16  # of each direction (API: backendServices.customRequestHeaders)
NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 7230: token
VALUE: Final = re.compile(r"[\t -~]*")  # RFC 7230: field-value, without its obsolete forms
HOP_BY_HOP: Final = ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
RESERVED: Final = frozenset({*HOP_BY_HOP, "cdn-loop", "x-user-ip"})
RESERVED_PREFIXES: Final = ("x-google", "x-goog-", "x-gfe", "x-amz-")


def problems(headers: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with headers that are each written as `Name: value`."""
    if len(headers) > MOST:
        yield f"{len(headers)} headers, {MOST} are the most"
    seen: set[str] = set()
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon:
            yield f"{header!r} is not `Name: value`"
            continue
        yield from name_problems(name)
        lower = name.lower()
        if lower in RESERVED or lower.startswith(RESERVED_PREFIXES):
            yield f"{name!r} is not for users to set: Compute Engine reserves it"
        if lower in seen:
            yield f"{name!r} stands there twice"
        if not VALUE.fullmatch(value):
            yield f"the value of {name!r} is not all printable ASCII"
        seen.add(lower)


def name_problems(name: str) -> Iterator[str]:
    """Yield what is wrong with the name of a header."""
    if not NAME.fullmatch(name):
        yield f"{name!r} is no name of a header"
