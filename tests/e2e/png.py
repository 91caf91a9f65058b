"""PNG files made small: a palette instead of three bytes for each pixel, packed as well as can be.

A screenshot has a few flat colours and the edges of letters, which nobody sees rounded to the
nearest of 256; Chromium packs for speed.
"""

import struct
import zlib
from collections import Counter

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 256


def smaller(png: bytes) -> bytes:
    """Return a screenshot (8 bits for each channel, not interlaced) as a palette image."""
    chunks = dict(_chunks(png))
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, interlaced) == (8, 0)
    step = {2: 3, 6: 4}[kind]
    rows = _rows(zlib.decompress(chunks[b"IDAT"]), width * step, step)
    pixels = [[bytes(row[n : n + 3]) for n in range(0, len(row), step)] for row in rows]
    assert len(pixels) == height
    counts = Counter(pixel for row in pixels for pixel in row)
    palette = [pixel for pixel, _ in counts.most_common(COLOURS)]
    index = {pixel: n for n, pixel in enumerate(palette)}
    for pixel in counts.keys() - index.keys():
        index[pixel] = min(range(len(palette)), key=lambda n: _apart(palette[n], pixel))
    body = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    return SIGNATURE + b"".join(
        _chunk(name, held)
        for name, held in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", b"".join(palette)),
            (b"IDAT", zlib.compress(body, 9)),
            (b"IEND", b""),
        )
    )


def _apart(one: bytes, two: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, two, strict=True))


def _chunk(name: bytes, held: bytes) -> bytes:
    return struct.pack(">I", len(held)) + name + held + struct.pack(">I", zlib.crc32(name + held))


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    assert png.startswith(SIGNATURE)
    found: dict[bytes, bytes] = {}
    at = len(SIGNATURE)
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        name = png[at + 4 : at + 8]
        found[name] = found.get(name, b"") + png[at + 8 : at + 8 + size]
        at += 12 + size
    return list(found.items())


def _rows(data: bytes, length: int, step: int) -> list[bytearray]:
    """Undo the filter of each row (PNG specification, 9.2)."""
    before, rows = bytearray(length), []
    for at in range(0, len(data), length + 1):
        kind, row = data[at], bytearray(data[at + 1 : at + 1 + length])
        for n in range(length):
            left = row[n - step] if n >= step else 0
            above, corner = before[n], before[n - step] if n >= step else 0
            row[n] = (row[n] + _guess(kind, left, above, corner)) & 255
        rows.append(row)
        before = row
    return rows


def _guess(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        guess = left + above - corner
        return min((left, above, corner), key=lambda one: abs(guess - one))
    return (0, left, above, (left + above) // 2)[kind]
