"""Sets of TCP ports, as firewall rules write them: `80`, `30000-32767`."""

from collections.abc import Iterable

Span = tuple[int, int]
"""The lowest and the highest port, both meant."""

ALL: Span = (0, 65535)


def spans(ports: Iterable[str]) -> tuple[Span, ...]:
    """Return the ports as spans in order, none touching another; equal sets give equal spans.

    What is no port or range of ports is left out: a rule of somebody else's must never stop us.
    """
    found: list[Span] = []
    for low, high in sorted(filter(None, map(_span, ports))):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def written(found: Iterable[Span]) -> tuple[str, ...]:
    """Return spans as a firewall rule has them."""
    return tuple(str(low) if low == high else f"{low}-{high}" for low, high in found)


def _span(text: str) -> Span | None:
    low, _, high = text.partition("-")
    if not low.isdecimal() or not (high or low).isdecimal():
        return None
    return int(low), int(high or low)
