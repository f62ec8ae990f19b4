"""PNG files that carry their record: written whole or not at all, and read back."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, PngImagePlugin

from cfgsweep.engine.diagnostics import Diagnostics
from cfgsweep.errors import UserError
from cfgsweep.models.video import AnyPicture, EncodedPicture, Picture, Video, frames_of
from cfgsweep.storage.decoding import opened_frames, opened_rgb, text_of
from cfgsweep.storage.records import DoneRecord, Record, Spec, parse_record
from cfgsweep.system.files import open_atomic
from cfgsweep.system.fonts import set_fonts
from cfgsweep.system.picture_files import NO_PICTURE, Pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORD = "cfgsweep"  # the text chunk with the record
DIAGNOSTICS = "cfgsweep-diagnostics"  # that with the numbers of guidance
LONG_TEXT = 1000  # characters from which on a text is compressed
HEADER = 8 + 25  # bytes of a PNG's signature and first chunk; texts come after them


def pixels_sha256(picture: Picture) -> str:
    """Hash of the RGB bytes, row by row, frame by frame. It does not depend on how the file is compressed."""
    return _sha256(frame.convert("RGB") for frame in frames_of(picture))


def _sha256(frames: Iterable[Image.Image]) -> str:
    hashed = hashlib.sha256()
    for frame in frames:
        hashed.update(frame.tobytes())
    return hashed.hexdigest()


def encoded(picture: AnyPicture) -> EncodedPicture:
    """The picture as the bytes of a PNG, with the hash of its pixels."""
    if isinstance(picture, EncodedPicture):
        return picture
    return EncodedPicture(png_bytes(picture), *picture.size, len(frames_of(picture)), pixels_sha256(picture))


def save_png(
    picture: AnyPicture,
    path: Path,
    record: DoneRecord | None = None,
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write a PNG atomically. A record goes into text chunks: as JSON, and as the line that A1111's readers know.

    A video becomes an APNG, of which programs that know PNG alone show the first frame. texts: further text chunks.
    """
    info = PngImagePlugin.PngInfo()
    if record is not None:
        info.add_itxt(RECORD, record.line())
        info.add_itxt("parameters", parameters_line(record))
    for name, text in (texts or {}).items():
        info.add_itxt(name, text, zip=len(text) >= LONG_TEXT)
    content = picture.png if isinstance(picture, EncodedPicture) else png_bytes(picture)
    with open_atomic(path) as file:
        file.write(content[:HEADER])
        for kind, data, *_ in info.chunks:
            PngImagePlugin.putchunk(file, kind, data)
        file.write(content[HEADER:])


def png_bytes(picture: Picture) -> bytes:
    """The file without any text in it, so that it does not tell how the picture was made."""
    file = io.BytesIO()
    if isinstance(picture, Video):
        _save_frames(picture, file)
    else:
        picture.save(file, "PNG")
    return file.getvalue()


def _save_frames(video: Video, file: io.BytesIO) -> None:
    """Write an APNG that is played over and over.

    Pillow makes one frame of two equal ones if they are blended alike. How opaque frames are blended makes no other
    difference.
    """
    first, *others = video.frames
    blend = [number % 2 for number in range(len(video.frames))]
    options: dict[str, Any] = {"duration": 1000 / video.fps, "loop": 0, "disposal": 0, "default_image": False}
    first.save(file, "PNG", save_all=True, append_images=others, blend=blend, **options)


def refuse_a_finished_picture(path: Path) -> None:
    """Raises UserError where the file is a picture that a run has made, which must not be drawn over."""
    if record_in(path) is not None:
        raise UserError("a finished picture of a run: nothing is drawn over it", where=str(path))


def record_in(path: Path) -> Record | None:
    """The record inside a picture; None where there is none. No pixels are decoded, so that huge ones take no memory.

    Ours are in front of the pixels; other programs may put them behind.
    """
    try:
        text = text_of(path, RECORD)
    except NO_PICTURE:
        return None
    return parse_record(text) if text is not None else None


def diagnostics_in(path: Path) -> Diagnostics | None:
    """The numbers of guidance inside a picture; None where there are none."""
    try:
        text = text_of(path, DIAGNOSTICS)
    except NO_PICTURE:
        return None
    return Diagnostics.of_text(text) if text is not None else None


def own_record(path: Path) -> DoneRecord | None:
    """The record inside a picture, if it is of this very picture: its id is the file's name, its hash the pixels'."""
    record = record_in(path)
    if not isinstance(record, DoneRecord) or record.id != path.stem:
        return None
    return record if record.pixels_sha256 == hash_of_file(path, record.size, record.frames) else None


def hash_of_file(path: Path, size: Pixels | None = None, frames: int | None = None) -> str | None:
    """`pixels_sha256` of a file; None where it is missing, not a whole picture, or of another size or number of frames.

    One frame is in memory at a time.
    """
    try:
        return _sha256(opened_frames(path, size, frames))
    except NO_PICTURE:
        return None


def as_image(figure: Figure) -> Image.Image:
    """A matplotlib figure as a picture."""
    set_fonts(figure)
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    return opened_rgb(file)


def parameters_line(record: DoneRecord) -> str:
    """The text that A1111 writes into its pictures, and that civitai, exiftool and others read."""
    settings = {
        "Steps": record.steps,
        "Sampler": record.sampler,
        "CFG scale": record.value,
        "Seed": record.seed,
        "Size": f"{record.width}x{record.height}",
        "Model": record.model,
        "Guider": _flat(record.guider),
        "Schedule": _flat(record.schedule),
    }
    last = ", ".join(f"{key}: {value}" for key, value in settings.items())
    if record.label is not None:
        return f"label {record.label}\n{last}"
    return f"{record.prompt}\nNegative prompt: {record.negative_prompt or ''}\n{last}"


def _flat(spec: Spec) -> str:
    return spec if isinstance(spec, str) else json.dumps(spec).replace(",", ";").replace('"', "")
