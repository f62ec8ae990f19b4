"""Thumbnails of a run's pictures, by the hash of their pixels, and the average colours of the pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from cfgsweep.models.video import Picture, Thumbnail, middle_frame
from cfgsweep.storage.page_files import (
    DATA,
    DIGITS,
    RESULTS,
    THUMB_SIDE,
    THUMBS,
    WEBPS,
    content_of,
    is_thumb,
    thumb_file,
)
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.files import make_folder, open_atomic

QUALITY = 75

Colours = dict[str, int]  # 0xRRGGBB by the names of thumbnails


def thumb_name(record: DoneRecord) -> str:
    """The name of the thumbnail's file, without `.webp`."""
    return record.pixels_sha256[:DIGITS]


def make_thumbs(run: RunFolder, records: Iterable[Record], folder: Path, known: Mapping[str, int]) -> Colours:
    """Make the thumbnails that the page in this folder lacks; the colours of all of these pictures.

    Pictures that are missing or damaged have none. A video has that of its middle frame.
    known: colours of thumbnails that are there.
    """
    found: Colours = {}
    for record in records:
        if isinstance(record, DoneRecord) and (name := thumb_name(record)) not in found:
            if name in known:
                found[name] = known[name]
            elif run.is_whole(record):
                thumb = thumbnail(run.load_picture(record))
                write_thumb(folder, name, thumb)
                found[name] = thumb.colour
    return found


def write_thumb(folder: Path, name: str, thumb: Thumbnail) -> None:
    """Write a thumbnail into the page in this folder."""
    make_folder(folder / THUMBS)
    with open_atomic(thumb_file(folder, name)) as file:
        file.write(thumb.webp)


def thumbnail(picture: Picture) -> Thumbnail:
    """That of a picture, or of the middle frame of a video."""
    small, content = thumb_of(middle_frame(picture)), io.BytesIO()
    small.save(content, "WEBP", quality=QUALITY)
    return Thumbnail(content.getvalue(), int.from_bytes(small.resize((1, 1), Image.Resampling.BOX).tobytes()))


def colours_of_page(folder: Path, is_read: bool = False, made: Mapping[str, int] | None = None) -> Colours:
    """The colours of the thumbnails that are there, by an earlier page in the folder.

    is_read: leave out thumbnails that are damaged. made: the colours of others, that have been made since.
    """
    files = (folder / THUMBS).glob(WEBPS)
    found, there = Colours(), {path.stem for path in files if not is_read or is_thumb(path)}
    found |= {name: colour for name, colour in (made or {}).items() if name in there}
    for path in folder.glob(RESULTS):
        results = content_of(path, f"{DATA}/{path.name}")
        if isinstance(results, Mapping):
            pairs = zip(*(_values(results[key], len(results["at"])) for key in ("thumb", "colour")), strict=True)
            found |= {name: colour for name, colour in pairs if name in there}
    return found


def _values(column: Mapping[str, Any], count: int) -> Iterator[Any]:
    if "codes" in column:
        return (column["values"][code] for code in column["codes"])
    return iter(column["each"] if "each" in column else [column["same"]] * count)


def thumb_of(image: Image.Image) -> Image.Image:
    thumb = image.convert("RGB")
    thumb.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)  # never enlarges
    return thumb


def animated(frames: Sequence[Image.Image], milliseconds: int) -> bytes:
    """The frames as small as thumbnails, in one file that is played over and over."""
    first, *others = map(thumb_of, frames)
    content = io.BytesIO()
    first.save(content, "WEBP", quality=QUALITY, save_all=True, append_images=others, duration=milliseconds, loop=0)
    return content.getvalue()
