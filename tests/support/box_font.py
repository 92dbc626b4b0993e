"""A font whose every letter is a black square, so that a picture shows whether it came."""

import struct
from functools import cache

_EM = 1000
_FIRST, _LAST = 0x20, 0x7E


@cache
def box_font() -> bytes:
    """Return it as TrueType, with the tables that Chromium's sanitizer asks for."""
    glyphs = _LAST - _FIRST + 2  # the first stands for what is missing
    glyph = struct.pack(">hhhhh", 1, 0, 0, _EM, _EM)  # one contour, from (0, 0) to (em, em)
    glyph += struct.pack(">HH4B", 3, 0, 1, 1, 1, 1)  # four points, all on the curve
    glyph += struct.pack(">hhhh", 0, 0, _EM, 0) + struct.pack(">hhhh", 0, _EM, 0, -_EM)
    tables = {
        b"OS/2": _os2(),
        b"cmap": _cmap(),
        b"glyf": glyph * glyphs,
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh",
            *(0x10000, 0x10000, 0, 0x5F0F3CF5, 3, _EM, 0, 0),
            *(0, 0, _EM, _EM, 0, 8, 2, 1, 0),
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhh8xhH", 0x10000, _EM, 0, 0, _EM, 0, 0, _EM, 1, 0, 0, 0, glyphs
        ),
        b"hmtx": struct.pack(">Hh", _EM, 0) * glyphs,
        b"loca": struct.pack(f">{glyphs + 1}I", *(len(glyph) * i for i in range(glyphs + 1))),
        b"maxp": struct.pack(">IH13H", 0x10000, glyphs, 4, 1, 0, 0, 2, *(0,) * 8),
        b"name": struct.pack(">HHH", 0, 0, 6),
        b"post": struct.pack(">IIhhIIIII", 0x30000, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    head = struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, 16 * len(tables) - 128)
    body, offset = b"", 12 + 16 * len(tables)
    for tag, table in tables.items():
        padded = table + bytes(-len(table) % 4)
        head += struct.pack(">4sIII", tag, _checksum(padded), offset + len(body), len(table))
        body += padded
    return head + body


def _cmap() -> bytes:
    """Return the map from characters to glyphs: one segment, in format 4."""
    ends, starts = (_LAST, 0xFFFF), (_FIRST, 0xFFFF)
    deltas = (1 - _FIRST) % 0x10000, 1
    segments = struct.pack(">HHHHHHHHH", *ends, 0, *starts, *deltas, 0, 0)
    table = struct.pack(">HHHHHHH", 4, 14 + len(segments), 0, 4, 4, 1, 0) + segments
    return struct.pack(">HHHHI", 0, 1, 3, 1, 12) + table


def _os2() -> bytes:
    return struct.pack(
        ">HhHHH11h10s4I4sHHHhhhHHII",
        *(3, _EM, 400, 5, 0),
        *(0,) * 11,
        bytes(10),
        *(1, 0, 0, 0, b"TEST", 0x40, _FIRST, _LAST, _EM, 0, 0, _EM, 0, 1, 0),
    ) + struct.pack(">hhHHH", _EM, _EM, 0, 0x20, 0)


def _checksum(table: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(table) // 4}I", table)
    return sum(words) % (1 << 32)
