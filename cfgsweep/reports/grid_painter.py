"""Measures and draws one sheet of a grid."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from cfgsweep.config.absent import AbsentCode
from cfgsweep.reports.grid_layout import Heading, Table, heading_of, heading_text
from cfgsweep.sweep.titles import axis_label

# In pixels.
GAP, MARGIN = 6, 16
LINE = 18  # height of a line of text
LEAST_WIDTH = 480  # of a sheet, for its caption
ROW_TITLE_WIDTH = 240
SPARK = (72, 24)  # of the small plot of a schedule

INK, FAINT, PAPER, MISSING = "#1a1a1a", "#666666", "white", "#eeeeee"
SPARK_LINE, SPARK_ZERO = "#3366aa", "#cccccc"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Place = tuple[int, int]  # row, column


class SheetPainter:
    """Draws a table of pictures with a title for every row and column, and a caption below.

    cell: width and height of a cell. scale: by how much pictures are enlarged.
    """

    def __init__(self, table: Table, cell: tuple[int, int], scale: int):
        self.table, self.cell, self.scale = table, cell, scale
        self.font, self.small = (ImageFont.load_default(size) for size in (15, 13))
        titled = table.cells if table.wrapped else {}
        self.titles = {place: self.wrap(self._cell_title(place), cell[0], self.small, 4) for place in titled}
        self.left = max((self._lines_width(self._row_lines(h)) for h in table.down), default=0)
        self.left += GAP * 2 if self.left else 0
        sparks = SPARK[1] + GAP if any(_has_schedule(h) for h in table.across) else 0
        lines = max((len(self._column_lines(h)) for h in table.across), default=0)
        self.top = 0 if table.wrapped else LINE * lines + GAP + sparks
        self.title_height = LINE * max(map(len, self.titles.values()), default=0)
        self.step = cell[0] + GAP, cell[1] + GAP + self.title_height

    def paint(self, pictures: Mapping[Place, Image.Image | None], caption: str) -> Image.Image:
        """The sheet. A picture that is None is drawn as an empty cell."""
        width = max(LEAST_WIDTH, 2 * MARGIN + self.left + self.step[0] * len(self.table.across))
        caption_lines = self.wrap(caption, width - 2 * MARGIN, self.small)
        bottom = MARGIN + self.top + self.step[1] * len(self.table.down)
        sheet = Image.new("RGB", (width, bottom + MARGIN + LINE * len(caption_lines) + GAP), PAPER)
        draw = ImageDraw.Draw(sheet)
        self._draw_titles(draw)
        for place, image in pictures.items():
            self._draw_cell(sheet, draw, place, image)
        for index, line in enumerate(caption_lines):
            draw.text((MARGIN, bottom + GAP + LINE * index), line, FAINT, self.small)
        return sheet

    def _draw_titles(self, draw: ImageDraw.ImageDraw) -> None:
        if not self.table.wrapped:
            for column, heading in enumerate(self.table.across):
                self._draw_column_title(draw, heading, self._corner((0, column))[0])
        for row, heading in enumerate(self.table.down):
            self._draw_row_title(draw, heading, self._corner((row, 0))[1])

    def _corner(self, place: Place) -> tuple[int, int]:
        """x and y of a cell's upper left corner."""
        row, column = place
        return MARGIN + self.left + column * self.step[0], MARGIN + self.top + row * self.step[1]

    def _draw_cell(
        self, sheet: Image.Image, draw: ImageDraw.ImageDraw, place: Place, image: Image.Image | None
    ) -> None:
        x, y = self._corner(place)
        middle = x + self.cell[0] / 2
        for index, line in enumerate(self.titles.get(place, [])):
            draw.text((middle, y + LINE * index), line, INK, self.small, anchor="ma")
        y += self.title_height
        if image is None:
            draw.rectangle((x, y, x + self.cell[0] - 1, y + self.cell[1] - 1), MISSING)
            draw.text((middle, y + self.cell[1] / 2), "not done", FAINT, self.small, anchor="mm")
            return
        size = image.width * self.scale, image.height * self.scale
        sheet.paste(image.resize(size, Image.Resampling.NEAREST), (x, y))

    def _draw_column_title(self, draw: ImageDraw.ImageDraw, heading: Heading, x: int) -> None:
        for index, line in enumerate(self._column_lines(heading)):
            draw.text((x + self.cell[0] / 2, MARGIN + LINE * index), line, INK, self.font, anchor="ma")
        if _has_schedule(heading):
            corner = x + (self.cell[0] - SPARK[0]) // 2, MARGIN + self.top - SPARK[1] - GAP
            _draw_spark(draw, self._scales_of(heading), corner)

    def _draw_row_title(self, draw: ImageDraw.ImageDraw, heading: Heading, y: int) -> None:
        lines = self._row_lines(heading)
        height = LINE * len(lines) + (SPARK[1] + GAP if _has_schedule(heading) else 0)
        top = y + (self.cell[1] - height) / 2
        right = MARGIN + self.left - 2 * GAP
        for index, line in enumerate(lines):
            draw.text((right, top + LINE * index), line, INK, self.font, anchor="ra")
        if _has_schedule(heading):
            _draw_spark(draw, self._scales_of(heading), (right - SPARK[0], int(top + LINE * len(lines)) + GAP))

    def _scales_of(self, heading: Heading) -> list[float]:
        """The guidance scale at every step, of the first experiment in this row or column."""
        fields = [field for field, _ in heading]
        return next(e for e in self.table.cells.values() if heading_of(e, fields) == heading).scales()

    def _cell_title(self, place: Place) -> str:
        fields = [field for field, _ in self.table.across[0]]
        return heading_text(heading_of(self.table.cells[place], fields))

    def _column_lines(self, heading: Heading) -> list[str]:
        return self.wrap(heading_text(heading), self.cell[0], self.font)

    def _row_lines(self, heading: Heading) -> list[str]:
        most = max(2, self.cell[1] // LINE // max(1, len(heading)))
        return [line for part in heading for line in self.wrap(axis_label(*part), ROW_TITLE_WIDTH, self.font, most)]

    def wrap(self, text: str, width: float, font: Font, most: int = 12) -> list[str]:
        """The text in at most `most` lines that are no wider than `width` pixels; long words are cut if necessary."""
        if not text:
            return []
        for characters in range(max(4, int(width / font.getlength("i"))), 3, -1):
            lines = _TitleWrapper(characters, max_lines=most, placeholder=" …").wrap(text)
            if all(font.getlength(line) <= width for line in lines):
                break
        return lines

    def _lines_width(self, lines: Sequence[str]) -> int:
        return max((int(self.font.getlength(line)) + 1 for line in lines), default=0)


class _TitleWrapper(textwrap.TextWrapper):
    """Breaks lines at spaces and after `_` and `=`, as in `guidance_rescale=0.7`, and nowhere else."""

    wordsep_re = re.compile(r"(\s+)|(?<=[_=])")


def _has_schedule(heading: Heading) -> bool:
    return any(field == "schedule" and not isinstance(value, AbsentCode) for field, value in heading)


def _draw_spark(draw: ImageDraw.ImageDraw, scales: Sequence[float], corner: tuple[int, int]) -> None:
    """A small plot of the guidance scale over the steps; its vertical range includes zero."""
    low, high = min(0.0, *scales), max(0.0, *scales)
    x, y = corner
    line = [
        (x + SPARK[0] * i / max(1, len(scales) - 1), y + SPARK[1] * (1 - (scale - low) / ((high - low) or 1.0)))
        for i, scale in enumerate(scales)
    ]
    draw.line([(x, y + SPARK[1]), (x + SPARK[0], y + SPARK[1])], SPARK_ZERO)
    draw.line(line, SPARK_LINE, 2)
