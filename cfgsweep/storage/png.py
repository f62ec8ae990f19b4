"""PNG files that carry their record: written whole or not at all, and read back."""

from __future__ import annotations

import errno
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from cfgsweep.errors import UserError
from cfgsweep.storage.records import DoneRecord, Record, Spec, parse_record
from cfgsweep.system.files import open_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pixels_sha256(image: Image.Image) -> str:
    """Hash of the RGB bytes, row by row. It does not depend on how the file is compressed."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def save_png(image: Image.Image, path: Path, record: DoneRecord | None = None) -> None:
    """Write a PNG atomically. A record goes into text chunks: as JSON, and as the line that A1111's readers know."""
    info = PngImagePlugin.PngInfo()
    if record is not None:
        info.add_itxt("cfgsweep", record.line())
        info.add_itxt("parameters", parameters_line(record))
    with open_atomic(path) as file:
        image.save(file, "PNG", pnginfo=info)


def opened(file: Path | BinaryIO, formats: tuple[str, ...] = ("PNG",)) -> Image.Image:
    """A picture, decoded into memory.

    formats: those that Pillow reads itself; for some others it starts programs.

    Raises OSError where it is missing or not whole.
    """
    if isinstance(file, Path) and not file.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(file))
    try:
        with Image.open(file, formats=formats) as image:
            image.load()
            return image
    except UnidentifiedImageError:  # its message contains an address in memory
        raise OSError("not a picture of a kind that is read: " + ", ".join(formats)) from None
    except (SyntaxError, ValueError, TypeError, KeyError, Image.DecompressionBombError) as error:
        raise OSError(f"not a whole picture: {error}") from None


def refuse_a_finished_picture(path: Path) -> None:
    """Raises UserError where the file is a picture that a run has made, which must not be drawn over."""
    if record_in(path) is not None:
        raise UserError("a finished picture of a run: nothing is drawn over it", where=str(path))


def record_in(path: Path) -> Record | None:
    """The record inside a picture; None where there is none."""
    try:
        return record_inside(opened(path))
    except OSError:
        return None


def record_inside(image: Image.Image) -> Record | None:
    """The record inside a picture as `opened` returns it; None where there is none."""
    text = image.info.get("cfgsweep")
    return parse_record(text) if isinstance(text, str) else None


def own_record(path: Path) -> DoneRecord | None:
    """The record inside a picture, if it is of this very picture: its id is the file's name, its hash the pixels'."""
    try:
        image = opened(path)
    except OSError:
        return None
    record = record_inside(image)
    if not isinstance(record, DoneRecord) or record.id != path.stem or record.pixels_sha256 != pixels_sha256(image):
        return None
    return record


def hash_of_file(path: Path) -> str | None:
    """`pixels_sha256` of a file; None where it is missing or not a whole picture."""
    try:
        return pixels_sha256(opened(path))
    except OSError:
        return None


def as_image(figure: Figure) -> Image.Image:
    """A matplotlib figure as a picture."""
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    return opened(file).convert("RGB")


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
    return f"{record.prompt}\nNegative prompt: {record.negative_prompt}\n{last}"


def _flat(spec: Spec) -> str:
    return spec if isinstance(spec, str) else json.dumps(spec).replace(",", ";").replace('"', "")
