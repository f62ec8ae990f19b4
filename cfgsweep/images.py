"""PNG files that carry their record: written whole or not at all, and read back."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, PngImagePlugin, UnidentifiedImageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Record = dict[str, Any]


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


def hash_of_file(path: Path) -> str | None:
    """`pixels_sha256` of a file; None where it is missing or no whole picture."""
    try:
        with Image.open(path) as image:
            image.load()
            return pixels_sha256(image)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError):  # Pillow's words for a damaged PNG
        return None


def as_image(figure: Figure) -> Image.Image:
    """A matplotlib figure as a picture."""
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    with Image.open(file) as image:
        return image.convert("RGB")


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


class open_atomic:
    """A binary file that appears under its name only when it is complete and on disk."""

    def __init__(self, path: Path):
        self.path, self.fresh = path, path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Any:
        self.file = open(self.fresh, "wb")
        return self.file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.file.flush()
            os.fsync(self.file.fileno())
        self.file.close()
        if kind is None:
            os.replace(self.fresh, self.path)
        else:
            self.fresh.unlink(missing_ok=True)
