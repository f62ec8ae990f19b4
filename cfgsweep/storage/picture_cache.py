"""Decoded pictures of a run folder, so that one command decodes a picture once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from cfgsweep.storage.decoding import NO_PICTURE, Pixels, opened_rgb
from cfgsweep.storage.file_state import Signature, signature
from cfgsweep.storage.png import pixels_sha256

MOST_BYTES = 128 * 2**20  # of RGB pixels: 10,922 pictures of 64x64 pixels, 170 of 512x512

SizeOf = Callable[[Path], Pixels | None]


class PictureCache:
    """Pictures by path, the least recently used ones dropped beyond `most_bytes` of pixels; hashes of all of them.

    A file that has changed on disk is decoded again.
    """

    def __init__(self, size_of: SizeOf = lambda path: None, most_bytes: int = MOST_BYTES):
        """size_of: the width and height that a picture must have, None where they are not known."""
        self.size_of, self.most_bytes, self.bytes = size_of, most_bytes, 0
        self._images: OrderedDict[Path, tuple[Signature, Image.Image]] = OrderedDict()
        self._hashes: dict[Path, tuple[Signature, str]] = {}

    def image(self, path: Path) -> Image.Image:
        """The picture in RGB, not to be changed in place. Raises as `opened` does."""
        found = signature(path)
        known = self._images.get(path)
        if known is not None and known[0] == found:
            self._images.move_to_end(path)
            return known[1]
        image = opened_rgb(path, size=self.size_of(path))
        if found is not None:
            self._keep(path, found, image)
        return image

    def sha256(self, path: Path) -> str | None:
        """`pixels_sha256` of the picture, or None where it is missing or not whole."""
        found = signature(path)
        known = self._hashes.get(path)
        if known is None or known[0] != found:
            try:
                image = self.image(path)
            except NO_PICTURE:
                return None
            return pixels_sha256(image) if found is None else self._hash(path, found, image)
        return known[1]

    def put(self, path: Path, image: Image.Image, sha256: str) -> None:
        """Remember a picture that has just been written."""
        found = signature(path)
        if found is not None:
            self._keep(path, found, image.convert("RGB"))
            self._hashes[path] = found, sha256

    def _hash(self, path: Path, found: Signature, image: Image.Image) -> str:
        self._hashes[path] = found, pixels_sha256(image)
        return self._hashes[path][1]

    def _keep(self, path: Path, found: Signature, image: Image.Image) -> None:
        if path in self._images:
            self.bytes -= _size(self._images.pop(path)[1])
        self._images[path] = found, image
        self.bytes += _size(image)
        while self.bytes > self.most_bytes:
            _, (_, dropped) = self._images.popitem(last=False)
            self.bytes -= _size(dropped)


def _size(image: Image.Image) -> int:
    return 3 * image.width * image.height
