"""Reads pictures with texts: the emoji data set, and any other with a text for every picture."""

from __future__ import annotations

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from cfgsweep.errors import UserError, shorten
from cfgsweep.storage.decoding import opened_rgb
from cfgsweep.training.config import Data
from cfgsweep.training.data.dataset import Entry, Pictures, to_pixels
from cfgsweep.training.data.rows import MOST_PIXELS, as_tensors
from cfgsweep.training.data.sources import read_rows

Picture = tuple[torch.Tensor, Entry]  # uint8 [3, height, width], and what it shows


def read_captioned(data: Data) -> tuple[Pictures, Pictures]:
    """Reads the data; returns the training part and the held-out part.

    Raises UserError for data that cannot be used.
    """
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


def bare(codepoints: str) -> str:
    """'2764-FE0F' -> '2764': packages of emoji differ in where they put FE0F."""
    return "-".join(part for part in codepoints.split("-") if part != "FE0F")


def is_held_out(codepoints: str) -> bool:
    """Whether a glyph is held out: one in twenty, by a hash, so that it is held out in every style."""
    return int(hashlib.sha256(bare(codepoints).encode()).hexdigest(), 16) % 20 == 0


def _read_emoji(data: Data) -> tuple[Pictures, Pictures]:
    parts: tuple[list[Picture], list[Picture]] = ([], [])  # training, held out
    for number, row in enumerate(_emoji_rows(data)):
        try:
            if row["group"] not in data.leave_out:
                parts[is_held_out(row["codepoints"])].append(_picture(row))
        except (OSError, TypeError, ValueError, AttributeError, KeyError) as error:
            where = f"{data.path}, row {number}"
            raise UserError(f"not a captioned picture: {shorten(str(error))}", where=where) from None
    if not all(parts):
        problem = "there is no picture to train on, or none held out"
        raise UserError(problem, given=str(data.path)).at_key("data", "path")
    training, held_out = (Pictures(torch.stack([p for p, _ in part]), [e for _, e in part]) for part in parts)
    return training, held_out


def _emoji_rows(data: Data) -> list[dict]:
    columns = ["image", "label", "tags", "style", "group", "codepoints"]
    try:
        return pq.read_table(data.path, columns=columns).to_pylist()
    except FileNotFoundError:
        hint = f"build the emoji data set: python scripts/build_emoji.py {data.path}"
        raise UserError("no such file", given=str(data.path), hint=hint).at_key("data", "path") from None
    except (OSError, pa.ArrowInvalid) as error:
        refused = UserError(shorten(str(error)), given=str(data.path), allowed=columns)
        raise refused.at_key("data", "path") from None


def _picture(row: dict) -> Picture:
    entry = Entry(row["label"], tuple(row["tags"] or ()), row["style"])
    return to_pixels(opened_rgb(io.BytesIO(row["image"]["bytes"]), most_pixels=MOST_PIXELS)), entry
