"""Decoded pictures of a run folder, so that one command decodes a picture once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from cfgsweep.models.video import Picture, Video, frames_of
from cfgsweep.storage.decoding import opened_picture
from cfgsweep.storage.file_state import Signature, signature
from cfgsweep.storage.png import pixels_sha256
from cfgsweep.system.picture_files import NO_PICTURE, Pixels

MOST_BYTES = 128 * 2**20  # of RGB pixels: 10,922 pictures of 64x64 pixels, 170 of 512x512

Shape = tuple[Pixels, int]  # width and height, and the number of frames
ShapeOf = Callable[[Path], Shape | None]


class PictureCache:
    """Pictures by path, the least recently used ones dropped beyond `most_bytes` of pixels; hashes of all of them.

    A file that has changed on disk is decoded again.
    """

    def __init__(self, shape_of: ShapeOf = lambda path: None, most_bytes: int = MOST_BYTES):
        """shape_of: what a picture must have, None where that is not known."""
        self.shape_of, self.most_bytes, self.bytes = shape_of, most_bytes, 0
        self._pictures: OrderedDict[Path, tuple[Signature, Picture]] = OrderedDict()
        self._hashes: dict[Path, tuple[Signature, str]] = {}

    def picture(self, path: Path) -> Picture:
        """The picture in RGB, not to be changed in place. Raises as `opened` does."""
        found = signature(path)
        known = self._pictures.get(path)
        if known is not None and known[0] == found:
            self._pictures.move_to_end(path)
            return known[1]
        picture = opened_picture(path, *(self.shape_of(path) or ()))
        if found is not None:
            self._keep(path, found, picture)
        return picture

    def sha256(self, path: Path) -> str | None:
        """`pixels_sha256` of the picture, or None where it is missing or not whole."""
        found = signature(path)
        known = self._hashes.get(path)
        if known is None or known[0] != found:
            try:
                picture = self.picture(path)
            except NO_PICTURE:
                return None
            return pixels_sha256(picture) if found is None else self._hash(path, found, picture)
        return known[1]

    def put(self, path: Path, picture: Picture | None, sha256: str) -> None:
        """Remember a picture that has just been written; its hash alone if it is None."""
        found = signature(path)
        if found is not None and picture is not None:
            self._keep(path, found, picture if isinstance(picture, Video) else picture.convert("RGB"))
        if found is not None:
            self._hashes[path] = found, sha256

    def _hash(self, path: Path, found: Signature, picture: Picture) -> str:
        self._hashes[path] = found, pixels_sha256(picture)
        return self._hashes[path][1]

    def _keep(self, path: Path, found: Signature, picture: Picture) -> None:
        if path in self._pictures:
            self.bytes -= _size(self._pictures.pop(path)[1])
        self._pictures[path] = found, picture
        self.bytes += _size(picture)
        while self.bytes > self.most_bytes:
            _, (_, dropped) = self._pictures.popitem(last=False)
            self.bytes -= _size(dropped)


def _size(picture: Picture) -> int:
    return 3 * picture.width * picture.height * len(frames_of(picture))
