"""Draws titled grids: one image per page."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from cfgsweep.config.absent import AbsentCode
from cfgsweep.reports.grid_layout import (
    COLUMNS,
    Heading,
    Layout,
    Table,
    heading_of,
    parts_of,
    words,
)
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying

WIDTH = 1600  # pixels that a grid may take before its pictures are no longer enlarged


GAP, MARGIN = 6, 16


INK, FAINT, PAPER, MISSING = "#1a1a1a", "#666666", "white", "#eeeeee"


def render(
    name: str,
    experiments: Sequence[Experiment],
    layout: Layout,
    picture: Callable[[Experiment], Image.Image | None],
) -> list[Image.Image]:
    """One image per page. `picture` gives an experiment's picture, or None where it is not done."""
    pages: dict[Heading, list[Experiment]] = {}
    for experiment in experiments:
        pages.setdefault(heading_of(experiment, layout.pages), []).append(experiment)
    return [
        _page(part, layout, _caption(name, experiments, heading), picture)
        for heading, members in pages.items()
        for part in parts_of(members, layout)
    ]


def _page(
    members: Sequence[Experiment],
    layout: Layout,
    caption: str,
    picture: Callable[[Experiment], Image.Image | None],
) -> Image.Image:
    """A table; one wider than COLUMNS is cut into bands that stand below each other."""
    across = list(dict.fromkeys(heading_of(e, layout.columns) for e in members))
    if not layout.rows or len(across) <= COLUMNS:
        return _sheet(members, layout, caption, picture)
    # Bands have pictures of one size, so that columns stand below each other.
    width = -(-len(across) // -(-len(across) // COLUMNS))
    bands = [set(across[start : start + width]) for start in range(0, len(across), width)]
    sheets = [
        _sheet([e for e in members if heading_of(e, layout.columns) in band], layout, said, picture, width)
        for band, said in zip(bands, [""] * (len(bands) - 1) + [caption], strict=True)
    ]
    page = Image.new("RGB", (max(s.width for s in sheets), sum(s.height for s in sheets)), PAPER)
    top = 0
    for sheet in sheets:
        page.paste(sheet, (0, top))
        top += sheet.height
    return page


def _caption(name: str, experiments: Sequence[Experiment], heading: Heading) -> str:
    """The run's name, the page, and every setting that is the same all over."""
    first, differing = experiments[0], varying(list(experiments))
    fields = (
        "label",
        "prompt",
        "negative_prompt",
        "model",
        "guider",
        "schedule",
        "value",
        "sampler",
        "steps",
        "seed",
        "size",
    )
    same = [
        axis_label(field, getattr(first, field))
        for field in fields
        if field not in differing and _worth_saying(first, field)
    ]
    return " · ".join([name, *([words(heading)] if heading else []), *same])


def _worth_saying(experiment: Experiment, field: str) -> bool:
    value = getattr(experiment, field)
    return not (field in ("prompt", "negative_prompt") and not value) and not (
        field in ("size", "label") and value is None
    )


def _sheet(
    experiments: Sequence[Experiment],
    layout: Layout,
    caption: str,
    picture: Callable[[Experiment], Image.Image | None],
    columns: int = 0,
) -> Image.Image:
    """One page: a table of pictures with titled rows and columns above a caption.

    columns: for which to leave room, where there are fewer.
    """
    table = Table.of(experiments, layout)
    pictures = {place: picture(experiment) for place, experiment in table.cells.items()}
    sides = [image.size for image in pictures.values() if image] or [(64, 64)]
    width, height = max(w for w, _ in sides), max(h for _, h in sides)
    scale = max(1, min(4, WIDTH // (width * max(columns, len(table.across)))))
    cell = width * scale, height * scale
    return _Painter(table, cell, scale).paint(pictures, caption)


class _Painter:
    """Measures and draws one sheet."""

    def __init__(self, table: Table, cell: tuple[int, int], scale: int):
        self.table, self.cell, self.scale = table, cell, scale
        self.font, self.small = (ImageFont.load_default(size) for size in (15, 13))
        titled = table.cells if table.wrapped else {}
        self.titles = {p: self._wrap(words(self._title_of(p)), cell[0], self.small, 4) for p in titled}
        self.left = max((self._lines_size(self._row_lines(h))[0] for h in table.down), default=0)
        self.left += GAP * 2 if self.left else 0
        column_lines = [self._column_lines(h) for h in table.across]
        sparks = SPARK[1] + GAP if any(_has_schedule(h) for h in table.across) else 0
        self.top = 0 if table.wrapped else max(self._lines_size(lines)[1] for lines in column_lines) + GAP + sparks
        self.title_height = 18 * max(map(len, self.titles.values()), default=0)

    def _title_of(self, place: tuple[int, int]) -> Heading:
        experiment = self.table.cells[place]
        return tuple((field, getattr(experiment, field)) for field, _ in self.table.across[0])

    def paint(self, pictures: dict[tuple[int, int], Image.Image | None], caption: str) -> Image.Image:
        step = self.cell[0] + GAP, self.cell[1] + GAP + self.title_height
        width = 2 * MARGIN + self.left + step[0] * len(self.table.across)
        width = max(width, 480)
        caption_lines = self._wrap(caption, width - 2 * MARGIN, self.small)
        height = 2 * MARGIN + self.top + step[1] * len(self.table.down) + 18 * len(caption_lines) + GAP
        sheet = Image.new("RGB", (width, height), PAPER)
        draw = ImageDraw.Draw(sheet)
        x0, y0 = MARGIN + self.left, MARGIN + self.top
        for column, heading in enumerate(self.table.across):
            if not self.table.wrapped:
                self._column_title(draw, heading, x0 + column * step[0])
        for row, heading in enumerate(self.table.down):
            self._row_title(draw, heading, y0 + row * step[1])
            for column in range(len(self.table.across)):
                if (row, column) in self.table.cells:
                    corner = x0 + column * step[0], y0 + row * step[1]
                    self._picture(sheet, draw, pictures[row, column], corner, self.titles.get((row, column), []))
        for index, line in enumerate(caption_lines):
            draw.text((MARGIN, y0 + step[1] * len(self.table.down) + GAP + 18 * index), line, FAINT, self.small)
        return sheet

    def _picture(self, sheet: Image.Image, draw: Any, image: Image.Image | None, corner: Any, title: list[str]) -> None:
        x, y = corner
        for index, line in enumerate(title):
            draw.text((x + self.cell[0] / 2, y + 18 * index), line, INK, self.small, anchor="ma")
        y += self.title_height
        if image is None:
            draw.rectangle((x, y, x + self.cell[0] - 1, y + self.cell[1] - 1), MISSING)
            draw.text((x + self.cell[0] / 2, y + self.cell[1] / 2), "not done", FAINT, self.small, anchor="mm")
            return
        size = image.width * self.scale, image.height * self.scale
        sheet.paste(image.resize(size, Image.Resampling.NEAREST), (x, y))

    def _column_title(self, draw: Any, heading: Heading, x: int) -> None:
        lines = self._column_lines(heading)
        top = MARGIN
        for line in lines:
            draw.text((x + self.cell[0] / 2, top), line, INK, self.font, anchor="ma")
            top += 18
        if _has_schedule(heading):
            corner = x + (self.cell[0] - SPARK[0]) // 2, MARGIN + self.top - SPARK[1] - GAP
            _spark(draw, self._scales_of(heading), corner)

    def _row_title(self, draw: Any, heading: Heading, y: int) -> None:
        lines = self._row_lines(heading)
        height = 18 * len(lines) + (SPARK[1] + GAP if _has_schedule(heading) else 0)
        top = y + (self.cell[1] - height) / 2
        for line in lines:
            draw.text((MARGIN + self.left - 2 * GAP, top), line, INK, self.font, anchor="ra")
            top += 18
        if _has_schedule(heading):
            _spark(draw, self._scales_of(heading), (MARGIN + self.left - 2 * GAP - SPARK[0], int(top) + GAP))

    def _scales_of(self, heading: Heading) -> list[float]:
        """Of the first experiment in this row or column."""
        return next(
            e for e in self.table.cells.values() if heading_of(e, [field for field, _ in heading]) == heading
        ).scales()

    def _column_lines(self, heading: Heading) -> list[str]:
        return self._wrap(words(heading), self.cell[0], self.font)

    def _row_lines(self, heading: Heading) -> list[str]:
        most = max(2, self.cell[1] // 18 // max(1, len(heading)))
        return [line for part in heading for line in self._wrap(axis_label(*part), 240, self.font, most)]

    def _wrap(self, text: str, width: float, font: Any, most: int = 12) -> list[str]:
        """At most so many lines no wider than `width`, cut within a word where there is no other way."""
        if not text:
            return []
        for characters in range(max(4, int(width / font.getlength("i"))), 3, -1):
            lines = _TitleWrapper(characters, max_lines=most, placeholder=" …").wrap(text)
            if all(font.getlength(line) <= width for line in lines):
                break
        return lines

    def _lines_size(self, lines: list[str]) -> tuple[int, int]:
        return max((int(self.font.getlength(line)) + 1 for line in lines), default=0), 18 * len(lines)


class _TitleWrapper(textwrap.TextWrapper):
    """Breaks `guidance_rescale=0.7` after `guidance_`, and not anywhere."""

    wordsep_re = re.compile(r"(\s+)|(?<=[_=])")


SPARK = (72, 24)  # pixels of a schedule drawn small


def _has_schedule(heading: Heading) -> bool:
    return any(field == "schedule" and not isinstance(value, AbsentCode) for field, value in heading)


def _spark(draw: Any, scales: Sequence[float], corner: tuple[int, int]) -> None:
    """The guidance scale over the steps, between zero and its extremes."""
    low, high = min(0.0, *scales), max(0.0, *scales)
    x, y = corner
    line = [
        (x + SPARK[0] * i / max(1, len(scales) - 1), y + SPARK[1] * (1 - (scale - low) / ((high - low) or 1.0)))
        for i, scale in enumerate(scales)
    ]
    draw.line([(x, y + SPARK[1]), (x + SPARK[0], y + SPARK[1])], "#cccccc")
    draw.line(line, "#3366aa", 2)
