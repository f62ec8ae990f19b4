"""Reads pictures with labels from any source."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cfgsweep.errors import UserError
from cfgsweep.training.config import Data
from cfgsweep.training.data.dataset import Labelled
from cfgsweep.training.data.rows import GREY, Row, as_tensors
from cfgsweep.training.data.sources import read_rows

UNSEEN = "add pictures of them, or take them out of the held-out part"


def read_labelled(data: Data) -> tuple[Labelled, Labelled]:
    """Reads the data; returns the training part and the held-out part, in one channel if every picture is grey.

    Raises UserError for data that cannot be used.
    """
    rows = read_rows(data, "label")
    names = rows.names or _names(rows.training)
    labels, held_out_labels = (
        torch.tensor([_number(row, names) for row in part]) for part in (rows.training, rows.held_out)
    )
    unseen = set(range(len(names))) - set(labels.tolist())
    if unseen:
        given = [names[number] for number in sorted(unseen)]
        raise UserError("no training picture has these labels", given=given, hint=UNSEEN).at_key("data")
    grey = all(row.image.mode in GREY for row in rows.all)
    training, held_out = as_tensors(rows, data.size, "L" if grey else "RGB")
    return Labelled(training, labels, names), Labelled(held_out, held_out_labels, names)


def _names(rows: Sequence[Row]) -> list[str]:
    """Names of the labels, for sources without a list of names: texts, or numbers from 0 without a gap."""
    for row in rows:
        if not isinstance(row.value, int | str):
            raise UserError("not a label", where=row.where, given=row.value, allowed="a text, or a number")
    values = {row.value for row in rows}
    if values and all(isinstance(value, int) and value >= 0 for value in values):
        if max(values) >= len(values):
            missing = next(number for number in range(len(values)) if number not in values)
            raise UserError("no training picture has these labels", given=[missing], hint=UNSEEN).at_key("data")
        return [str(number) for number in range(len(values))]
    return sorted(map(str, values))


def _number(row: Row, names: list[str]) -> int:
    """The index of a row's label in names. Raises UserError where it is none of them."""
    value = row.value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return value
    if isinstance(value, str) and value in names:
        return names.index(value)
    raise UserError("not a label of this data", where=row.where, given=value, allowed=names)
