"""Captioned pictures: the emoji data set, and any other with a text for every picture."""

from __future__ import annotations

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from cfgsweep.errors import UserError, shorten
from cfgsweep.images import opened
from cfgsweep.training.config import Data
from cfgsweep.training.dataset import Entry, Pictures, to_pixels
from cfgsweep.training.emoji import bare
from cfgsweep.training.sources import as_tensors, read_rows


def read_captioned(data: Data) -> tuple[Pictures, Pictures]:
    """Read the data; return (training, held-out)."""
    if data.name == "emoji":
        return _read_emoji(data)
    rows = read_rows(data, "text")
    for row in rows.all:
        if not isinstance(row.value, str):
            raise UserError("not a text", where=row.where, given=row.value)
    training, held_out = as_tensors(rows, data.size, "RGB")
    return (
        Pictures(training, [Entry(row.value) for row in rows.training]),
        Pictures(held_out, [Entry(row.value) for row in rows.held_out]),
    )


def is_held_out(codepoints: str) -> bool:
    """One glyph in twenty, the same for everybody and in every style."""
    return int(hashlib.sha256(bare(codepoints).encode()).hexdigest(), 16) % 20 == 0


def _read_emoji(data: Data) -> tuple[Pictures, Pictures]:
    rows = [row for row in _emoji_rows(data) if row["group"] not in data.leave_out]
    return (
        _pictures([row for row in rows if not is_held_out(row["codepoints"])]),
        _pictures([row for row in rows if is_held_out(row["codepoints"])]),
    )


def _emoji_rows(data: Data) -> list[dict]:
    columns = ["image", "label", "tags", "style", "group", "codepoints"]
    try:
        return pq.read_table(data.path, columns=columns).to_pylist()
    except FileNotFoundError:
        hint = f"build the emoji data set: python -m cfgsweep.training.emoji {data.path}"
        raise UserError("no such file", where="data.path", given=str(data.path), hint=hint) from None
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(shorten(str(error)), where="data.path", given=str(data.path), allowed=columns) from None


def _pictures(rows: list[dict]) -> Pictures:
    entries = [Entry(row["label"], tuple(row["tags"] or ()), row["style"]) for row in rows]
    images = (opened(io.BytesIO(row["image"]["bytes"])).convert("RGB") for row in rows)
    return Pictures(torch.stack([to_pixels(image) for image in images]), entries)
