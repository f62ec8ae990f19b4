"""Sheets of samples: pictures in rows and columns with titles, by which people judge a training."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from PIL import Image

from cfgsweep.reports.drawing import Drawing, Picture, Text
from cfgsweep.reports.drawing_png import paint
from cfgsweep.system.fonts import face_of
from cfgsweep.training.data.dataset import to_image

# In pixels.
GAP, MARGIN, LINE = 4, 12, 17
LEAST_CELL, LEAST_WIDTH = 64, 560  # smaller pictures are enlarged
SIZE, HEADING_SIZE = 12, 14  # of fonts
LETTER = 8  # about the width of one in the heading
ROW_TITLE = 34  # characters in a line
INK, FAINT = "#1a1a1a", "#666666"


@dataclass(frozen=True)
class SampleRow:
    """A row of a sheet. pictures: uint8 [pictures, 1 or 3, height, width]."""

    title: str
    pictures: torch.Tensor


def draw_sheet(heading: str, columns: Sequence[str], rows: Sequence[SampleRow]) -> Image.Image:
    """The rows below each other, with their titles on their left, a title above each column, and a heading.

    columns: may be empty, or fewer than the pictures in a row.
    """
    height, width = rows[0].pictures.shape[-2:]
    scale = max(1, -(-LEAST_CELL // max(width, height)))
    width, height = width * scale, height * scale
    titles = [textwrap.wrap(row.title, ROW_TITLE)[: max(1, height // LINE)] for row in rows]
    left = MARGIN + max([face_of(line, SIZE)[1].width(line) for lines in titles for line in lines], default=0) + 2 * GAP
    across = max(len(row.pictures) for row in rows) * (width + GAP)
    whole = max(int(left) + across + MARGIN, LEAST_WIDTH)
    lines = textwrap.wrap(heading, (whole - 2 * MARGIN) // LETTER)
    top = MARGIN + LINE * (len(lines) + bool(columns)) + GAP
    sheet = Drawing(whole, top + len(rows) * (height + GAP) + MARGIN)
    sheet.items += _texts(lines, MARGIN, MARGIN, HEADING_SIZE, INK)
    for number, title in enumerate(columns):
        shown, face = face_of(title, SIZE)
        x = left + number * (width + GAP) + width / 2
        sheet.items.append(Text(x, top - LINE, shown, face, FAINT, "ma"))
    for number, row in enumerate(rows):
        y = top + number * (height + GAP)
        sheet.items += _texts(titles[number], MARGIN, y, SIZE, FAINT)
        for column, pixels in enumerate(row.pictures):
            x = left + column * (width + GAP)
            sheet.items.append(Picture(x, y, width, height, partial(to_image, pixels)))
    return paint(sheet)


def _texts(lines: Sequence[str], x: int, y: int, size: int, colour: str) -> Iterator[Text]:
    """Lines of text below each other."""
    for number, line in enumerate(lines):
        shown, face = face_of(line, size)
        yield Text(x, y + LINE * number, shown, face, colour)
