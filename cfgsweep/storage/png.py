"""PNG files that carry their record: written whole or not at all, and read back."""

from __future__ import annotations

import errno
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from cfgsweep.errors import UserError
from cfgsweep.storage.records import Record, record_of
from cfgsweep.system.files import open_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pixels_sha256(image: Image.Image) -> str:
    """Hash of the RGB bytes, row by row: of what is seen, not of how the file is packed."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def save_png(image: Image.Image, path: Path, record: Record | None = None) -> None:
    """Write atomically. With a record, its JSON and the line that A1111's readers know go in as text chunks."""
    info = PngImagePlugin.PngInfo()
    if record is not None:
        info.add_itxt("cfgsweep", json.dumps(record, ensure_ascii=False))
        info.add_itxt("parameters", parameters_line(record))
    with open_atomic(path) as file:
        image.save(file, "PNG", pnginfo=info)


def opened(file: Path | BinaryIO, formats: tuple[str, ...] = ("PNG",)) -> Image.Image:
    """A picture, whole and in memory.

    Raises OSError, whatever is wrong with it. formats: those that Pillow itself reads; for others it starts programs.
    """
    if isinstance(file, Path) and not file.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(file))
    try:
        with Image.open(file, formats=formats) as image:
            image.load()
            return image
    except UnidentifiedImageError:  # whose own words tell an address in memory
        raise OSError("not a picture of a kind that is read: " + ", ".join(formats)) from None
    except (SyntaxError, ValueError, TypeError, KeyError, Image.DecompressionBombError) as error:
        raise OSError(f"not a whole picture: {error}") from None


def refuse_a_finished_picture(path: Path) -> None:
    """Before something is drawn there: a run would have to make it again."""
    if record_in(path) is not None:
        raise UserError("a finished picture of a run: nothing is drawn over it", where=str(path))


def record_in(path: Path) -> Record | None:
    """The record that a picture carries; None where it carries none."""
    try:
        return record_of(opened(path).info.get("cfgsweep", ""))
    except OSError:
        return None


def hash_of_file(path: Path) -> str | None:
    """`pixels_sha256` of a file; None where it is missing or no whole picture."""
    try:
        return pixels_sha256(opened(path))
    except OSError:
        return None


def as_image(figure: Figure) -> Image.Image:
    """A matplotlib figure as a picture."""
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    return opened(file).convert("RGB")


def parameters_line(record: Record) -> str:
    """The text that A1111 writes into its pictures, and civitai, exiftool and others read."""
    settings = {
        "Steps": record["steps"],
        "Sampler": record["sampler"],
        "CFG scale": record["value"],
        "Seed": record["seed"],
        "Size": f"{record['width']}x{record['height']}",
        "Model": record["model"],
        "Guider": _flat(record["guider"]),
        "Schedule": _flat(record["schedule"]),
    }
    last = ", ".join(f"{key}: {value}" for key, value in settings.items())
    if "label" in record:
        return f"label {record['label']}\n{last}"
    return f"{record['prompt']}\nNegative prompt: {record['negative_prompt']}\n{last}"


def _flat(spec: str | dict[str, Any]) -> str:
    return spec if isinstance(spec, str) else json.dumps(spec).replace(",", ";").replace('"', "")
