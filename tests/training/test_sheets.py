"""Sheets of samples: every picture where its row and column are, titles beside and above, a heading."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from cfgsweep.training.sheet import GAP, LEAST_CELL, SampleRow, draw_sheet


def flat(*greens: int, side: int = 64) -> torch.Tensor:
    """Pictures of red with so much green, which is the colour of no letter."""
    colours = torch.tensor([[255, green, 0] for green in greens], dtype=torch.uint8)
    return colours[:, :, None, None].expand(-1, -1, side, side)


def squares(sheet: Image.Image, green: int) -> tuple[int, int, int, int]:
    """The bounding box of the picture with so much green."""
    ys, xs = np.nonzero((np.asarray(sheet) == (255, green, 0)).all(-1))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_pictures_are_in_their_rows_and_columns() -> None:
    sheet = draw_sheet("heading", ["a", "b"], [SampleRow("first", flat(90, 120)), SampleRow("", flat(150, 180))])
    left, top, right, bottom = squares(sheet, 90)
    assert (right - left, bottom - top) == (64, 64)
    assert squares(sheet, 120) == (left + 64 + GAP, top, right + 64 + GAP, bottom)
    assert squares(sheet, 150) == (left, top + 64 + GAP, right, bottom + 64 + GAP)
    assert squares(sheet, 180) == (left + 64 + GAP, top + 64 + GAP, right + 64 + GAP, bottom + 64 + GAP)


def test_small_pictures_are_enlarged() -> None:
    left, top, right, bottom = squares(draw_sheet("heading", [], [SampleRow("x", flat(90, side=8))]), 90)
    assert (right - left, bottom - top) == (LEAST_CELL, LEAST_CELL)


def test_titles_are_drawn_where_they_belong_in_any_script() -> None:
    plain = draw_sheet("", [], [SampleRow("", flat(90))])
    left, top, right, _ = squares(plain, 90)
    titled = draw_sheet("A heading of one line", ["column"], [SampleRow("кот", flat(90))])
    new_left, new_top, new_right, new_bottom = squares(titled, 90)
    ink = np.asarray(titled.convert("L")) < 160
    ink[new_top:new_bottom, new_left:new_right] = False
    assert ink[new_top:new_bottom, :new_left].any()  # the row's title
    assert ink[:new_top, new_left:new_right].any()  # the column's title or the heading
    assert not ink[new_bottom:].any()
    assert new_top > top
    assert new_left > left
    assert right - left == new_right - new_left


def test_a_long_heading_is_wrapped_and_inside_the_sheet() -> None:
    words = "held-out loss 0.0263, on training pictures 0.0085 (mean squared error of the predicted noise) " * 3
    sheet = draw_sheet(words, [], [SampleRow("", flat(90))])
    ink = np.asarray(sheet.convert("L")) < 100
    ink[squares(sheet, 90)[1] :] = False
    assert ink.any()
    assert not ink[:, -4:].any()
