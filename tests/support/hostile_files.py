"""Files that are dangerous to open."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n%%EOF\n"


def png_of(path: Path, *chunks: tuple[bytes, bytes]) -> None:
    """Write a PNG file of these chunks, each a kind and its content."""
    packed = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def bomb(path: Path) -> None:
    """Write a PNG of a hundred bytes that claims to have more than three gigapixels."""
    png_of(path, header(60000, 60000), (b"IDAT", zlib.compress(b"0")), (b"IEND", b""))


def grey16(path: Path) -> None:
    """Write a whole PNG of 8x8 pixels with 16 bits each."""
    png_of(path, header(8, 8, 16, 0), (b"IDAT", zlib.compress(bytes(17 * 8))), (b"IEND", b""))


def with_chunk(kind: bytes, content: bytes, at: int) -> Callable[[Path], None]:
    """A function that puts a chunk into a PNG file: 33 is behind the header, -12 behind the pixels."""

    def add(path: Path) -> None:
        old = path.read_bytes()
        chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        path.write_bytes(old[:at] + chunk + old[at:])

    return add
