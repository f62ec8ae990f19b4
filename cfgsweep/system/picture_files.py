"""Decodes picture files. Whatever a damaged file does to Pillow, callers see one exception."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from cfgsweep.system.files import naming
from cfgsweep.system.machine_errors import is_of_machine, is_regular

Pixels = tuple[int, int]  # width and height


class DamagedPicture(OSError):
    """A file that is no whole picture."""

    def __str__(self) -> str:
        """What is wrong alone: that of OSError has an error number, which there is none of, once a path is added."""
        return str(self.args[0]) if self.args else ""


class OtherSize(DamagedPicture):
    """A picture of another size than it must have; its pixels are not decoded."""

    def __init__(self, found: Pixels, size: Pixels):
        self.found = found
        super().__init__(f"a picture of {found[0]}x{found[1]} in the place of {size[0]}x{size[1]}")


class TooManyPixels(DamagedPicture):
    """A picture that claims more pixels than the caller takes; they are not decoded."""

    def __init__(self, found: Pixels, most: int):
        self.found = found
        super().__init__(f"a picture of {found[0]}x{found[1]}, which is more than {most} pixels")


NO_PICTURE = (DamagedPicture, FileNotFoundError)  # what callers catch where a picture may be damaged or missing


@contextmanager
def damage_told(formats: tuple[str, ...] = ("PNG",)) -> Iterator[None]:
    """Raises DamagedPicture for any exception of Pillow's; errors of the machine pass, since the file may be whole."""
    try:
        yield
    except MemoryError:
        raise
    except UnidentifiedImageError:  # its message contains an address in memory
        raise DamagedPicture("not a picture of a kind that is read: " + ", ".join(formats)) from None
    except Exception as error:
        if isinstance(error, DamagedPicture) or (isinstance(error, OSError) and is_of_machine(error)):
            raise
        raise DamagedPicture(f"not a whole picture: {error}") from None


def opened(
    file: Path | BinaryIO,
    formats: tuple[str, ...] = ("PNG",),
    size: Pixels | None = None,
    most_pixels: int | None = None,
) -> Image.Image:
    """A picture, decoded into memory.

    formats: those that Pillow reads itself; for some others it starts programs. size: what it must have, where that is
    known. most_pixels: a bound of width times height. Both are compared before pixels are decoded, so that a file that
    claims to be huge takes no memory.

    Raises FileNotFoundError where it is missing, DamagedPicture where it is not whole (OtherSize where it has another
    size, TooManyPixels beyond most_pixels), OSError where the machine fails.
    """
    with naming_file(file), damage_told(formats), Image.open(file, formats=formats) as image:
        if size is not None and image.size != size:
            raise OtherSize(image.size, size)
        if most_pixels is not None and image.width * image.height > most_pixels:
            raise TooManyPixels(image.size, most_pixels)
        image.load()
        return image


@contextmanager
def naming_file(file: Path | BinaryIO) -> Iterator[None]:
    """Adds a path to errors of the machine. Raises FileNotFoundError for what is no file, such as a pipe."""
    if not isinstance(file, Path):
        yield
        return
    if not is_regular(file):
        raise FileNotFoundError(errno.ENOENT, "no such file", str(file))
    with naming(file):
        yield
