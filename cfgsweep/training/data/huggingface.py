"""Reads data sets of Hugging Face: folders of pictures, parquet files, or data sets on the hub."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfgsweep.errors import CfgsweepError, UserError, shorten, unknown_name
from cfgsweep.system.picture_files import OtherSize, TooManyPixels, opened
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.training.config import Data
from cfgsweep.training.data.rows import MOST_PIXELS, Row, Rows, reduced, split_rows

ON_THE_HUB = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
LAYOUT = "docs/training.md has the layouts of folders and parquet files"
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


@quiet_libraries("datasets")
def read_dataset(data: Data, column: str) -> Rows:
    """Rows of a folder (of one folder per label, or with a metadata file), of a parquet file, or from the hub.

    column: the column with the labels or texts. Raises UserError for data that cannot be read.
    """
    import datasets

    place = str(data.path or ON_THE_HUB[str(data.name)])
    if data.path is not None and not data.path.exists():
        hint = "it is looked for from the folder in which the command is given"
        raise UserError("no such folder or file", given=place, hint=hint).at_key("data", "path")
    try:
        if data.path is None:
            found = datasets.load_dataset(place, streaming=True)
        elif data.path.is_dir():
            found = datasets.load_dataset("imagefolder", data_dir=place, streaming=True)
        else:
            found = datasets.load_dataset("parquet", data_files=place, streaming=True)
        parts = {name: _rows_of(part, column, place, data.size) for name, part in found.items()}
    except CfgsweepError:
        raise
    except Exception as error:  # damaged files raise many kinds of exceptions
        hint = LAYOUT if data.path else "without a network, give data.path: a folder with its IDX files"
        raise UserError(shorten(str(error), 300), given=place, hint=hint).at_key("data") from None
    names = next((names for _, names in parts.values()), None)
    own = next((parts[name][0] for name in ("test", "validation") if name in parts), None)
    training = parts.get("train", ([], None))[0]
    return Rows(training, own, names) if own is not None else Rows(*split_rows(training, data.held_out), names)


def _rows_of(part: Any, column: str, place: str, size: int | None) -> tuple[list[Row], list[str] | None]:
    """Rows of a part such as train or test, and the names of its labels where the data set has them."""
    import datasets

    features = part.features or {}
    if "image" not in features or column not in features:
        missing = column if "image" in features else "image"
        error = unknown_name("column", missing, list(features)).at_key("data")
        remedy = "data.column names the column with the labels or texts" if "image" in features else LAYOUT
        error.hint = "; ".join(filter(None, (error.hint, remedy)))
        raise error
    feature = features[column]
    names = feature.names if isinstance(feature, datasets.ClassLabel) else None
    return list(_decoded(part.cast_column("image", datasets.Image(decode=False)), column, size)), names


def _decoded(part: Any, column: str, side: int | None) -> Iterator[Row]:
    """Rows with decoded pictures. Raises UserError, with the row, for files that are no pictures of 8 bits.

    side: what each picture is reduced to as soon as it is decoded, so that one at a time is in memory as it is in its
    file. None: a picture of another size than the first is refused before it is decoded.
    """
    size = None
    for number, row in enumerate(part):
        found = row["image"] or {}
        where = f"row {number}" + (f", {found['path']}" if found.get("path") else "")
        content = found.get("bytes")
        try:
            file = Path(found["path"]) if content is None else io.BytesIO(content)
            image = opened(file, FORMATS, size, MOST_PIXELS)
            size = image.size if side is None else None
            if image.mode[0] in "IF":
                raise ValueError(f"more than 8 bits a channel ({image.mode})")
            yield Row(reduced(image, side), row[column], where)
        except OtherSize as error:
            given = f"{error.found[0]}x{error.found[1]}"
            raise UserError("pictures of different sizes", where=where, given=given, hint="give data.size") from None
        except TooManyPixels as error:
            given, most = f"{error.found[0]}x{error.found[1]}", f"up to {MOST_PIXELS} pixels"
            hint = "reduce the picture"
            raise UserError("too large a picture", where=where, given=given, allowed=most, hint=hint) from None
        except (KeyError, TypeError, OSError, ValueError) as error:
            raise UserError(f"not a picture that can be read: {shorten(str(error))}", where=where) from None
