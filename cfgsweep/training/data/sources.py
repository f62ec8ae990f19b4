"""Finds the source of training data by name or path, and reads its rows.

Errors about a picture or its label name its file or its row.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.training.config import Data
from cfgsweep.training.data.huggingface import read_dataset
from cfgsweep.training.data.idx import read_idx_folder
from cfgsweep.training.data.rows import Row, Rows, split_rows

FASHION = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
DIGITS = [str(digit) for digit in range(10)]


def read_rows(data: Data, column: str) -> Rows:
    """Training rows and held-out rows, which are the source's own test part where it has one.

    column: of folders and parquet files, with the labels or texts, where `data` does not name one. Raises UserError for
    data that cannot be read, or without a picture in one of the parts.
    """
    match data.name:
        case "digits":
            rows = _digits(data.held_out)
        case "mnist" | "fashion-mnist" if data.path is not None:
            rows = read_idx_folder(data.path, DIGITS if data.name == "mnist" else FASHION)
        case _:
            rows = read_dataset(data, data.column or column)
    for name, part in (("training", rows.training), ("held-out", rows.held_out)):
        if not part:
            hint = f"give data.held_out a {'larger' if name == 'held-out' else 'smaller'} share, or more pictures"
            error = UserError(f"there is no {name} picture", given=str(data.path or data.name), hint=hint)
            raise error.at_key("data")
    return rows


def _digits(held_out: float) -> Rows:
    """1797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998, UCI), white on black."""
    from sklearn.datasets import load_digits

    found = load_digits()
    levels = np.rint(found.images * (255 / 16)).astype(np.uint8)
    pairs = zip(levels, found.target.tolist(), strict=True)
    rows = [Row(Image.fromarray(picture), label, f"digits, row {n}") for n, (picture, label) in enumerate(pairs)]
    return Rows(*split_rows(rows, held_out), DIGITS)
