"""Sets of reference pictures: a folder, with the folders in it, or a parquet file in the layout of Hugging Face."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from cfgsweep.errors import UserError, shorten
from cfgsweep.models.source import local_path
from cfgsweep.system.file_hashes import sha256_of_files
from cfgsweep.system.input_pictures import as_shown
from cfgsweep.system.picture_files import NO_PICTURE, damage_told, naming_file, opened

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MOST_PIXELS = 2**26  # of one picture
BATCH = 32


@dataclass(frozen=True)
class ReferenceSet:
    """Pictures that are read one after the other. files: of the folder, or the parquet file alone."""

    name: str
    files: tuple[Path, ...]
    count: int

    @classmethod
    def of(cls, given: str) -> ReferenceSet:
        """Raises UserError where there are no pictures in that place."""
        path = local_path(given)
        if path.is_dir():
            files = tuple(sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()))
            count = len(files)
        elif path.suffix == ".parquet" and path.is_file():
            files, count = (path,), _rows(path)
        else:
            problem = "no such folder or parquet file" if not path.exists() else "neither a folder nor a parquet file"
            raise UserError(problem, where="reference", given=given)
        if not count:
            raise UserError("no picture in it", where="reference", given=given, allowed=SUFFIXES)
        return cls(given, files, count)

    def require(self, least: int, metric: str) -> None:
        """Raises UserError where there are fewer pictures."""
        if self.count < least:
            problem, given = f"{metric} takes {least} reference pictures or more", f"{self.name}: {self.count}"
            raise UserError(problem, where="reference", given=given)

    def digest(self) -> str:
        """A SHA-256 of the contents, whatever the files are called."""
        return hashlib.sha256("".join(sorted(sha256_of_files(self.files))).encode()).hexdigest()

    def check(self) -> None:
        """Raises UserError for the first file that does not begin as a picture does; no pixels are decoded."""
        for where, file in self._files():
            with _told(where), naming_file(file), damage_told(FORMATS), Image.open(file, formats=FORMATS):
                pass

    def pictures(self) -> Iterator[Image.Image]:
        """The pictures in RGB, on white where they are transparent. Raises UserError where one is damaged."""
        for where, file in self._files():
            with _told(where):
                image = as_shown(opened(file, formats=FORMATS, most_pixels=MOST_PIXELS))
            yield image

    def _files(self) -> Iterator[tuple[str, Any]]:
        if self.files[0].suffix != ".parquet":
            yield from ((str(path), path) for path in self.files)
            return
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.files[0])
        row = 0
        for batch in file.iter_batches(BATCH, columns=[_column(file)]):
            for value in batch.column(0).to_pylist():
                where = f"{self.name}, row {row}"
                content = value.get("bytes") if isinstance(value, dict) else value
                if not isinstance(content, bytes):
                    raise UserError("not a picture", where=where)
                yield where, io.BytesIO(content)
                row += 1

    def features(
        self,
        identity: str,
        features_of: Callable[[Iterable[Sequence[Image.Image]]], Iterator[np.ndarray]],
        folder: Path,
    ) -> np.ndarray:
        """Features of all pictures, float32 [pictures, features]. folder: where they are kept, and read from.

        identity: see `Features`. features_of: gives those of batches of pictures.
        """
        import numpy as np

        from cfgsweep.storage.feature_file import read_features, write_features

        key = hashlib.sha256(f"{self.digest()} {identity}".encode()).hexdigest()[:16]
        path = folder / f"{key}.npy"
        found = read_features(path)
        if found is None:
            found = np.concatenate(list(features_of(_batches(self.pictures()))))
            write_features(found, path)
        return found


@contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except (*NO_PICTURE, ValueError) as error:
        raise UserError(f"not a picture: {shorten(str(error), 200)}", where=where) from None


def _batches(images: Iterator[Image.Image]) -> Iterator[Sequence[Image.Image]]:
    """BATCH pictures at a time."""
    batch: list[Image.Image] = []
    for image in images:
        batch.append(image)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _rows(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        _column(file)
        return int(file.metadata.num_rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"not a parquet file: {shorten(str(error), 200)}", where="reference", given=str(path)) from None


def _column(file: Any) -> str:
    """The column of pictures: `image`, or the only one of bytes."""
    import pyarrow as pa

    schema = file.schema_arrow
    names = [f.name for f in schema if pa.types.is_binary(f.type) or pa.types.is_struct(f.type)]
    if "image" in names or len(names) == 1:
        return "image" if "image" in names else str(names[0])
    raise UserError("no column `image`", where="reference", given=schema.names)
