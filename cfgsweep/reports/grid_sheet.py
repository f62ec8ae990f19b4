"""Measures one sheet of a grid, and says what stands where on it."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence

from PIL import Image

from cfgsweep.config.absent import AbsentCode
from cfgsweep.reports.drawing import Anchor, Box, Drawing, Item, Line, Picture, Text
from cfgsweep.reports.grid_layout import Heading, Table, heading_of, heading_text
from cfgsweep.reports.grid_style import FONT_SIZE, GridStyle
from cfgsweep.system.fonts import Face, face_of

# In pixels, at the usual font size.
GAP, MARGIN = 6, 16
LINE = 18  # height of a line of text
SMALL_FONT, TITLE_FONT = 13, 19
LEAST_WIDTH = 480  # of a sheet, for its caption
ROW_TITLE_WIDTH = 240
SPARK = (72, 24)  # of the small plot of a schedule

INK, FAINT, MISSING = "#1a1a1a", "#666666", "#eeeeee"
SPARK_LINE, SPARK_ZERO = "#3366aa", "#cccccc"

Place = tuple[int, int]  # row, column
Size = tuple[int, int]  # width, height
Lines = tuple[list[str], Face]


class Sheet:
    """A table of pictures with a title for every row and column, and a caption below.

    cell: width and height of a cell. scale: by how much pictures are enlarged; if None they are made to fit the cell.
    sparks: the lowest and the highest guidance scale of the small plots of schedules.
    """

    def __init__(
        self,
        table: Table,
        cell: Size,
        scale: int | None,
        style: GridStyle | None = None,
        sparks: tuple[float, float] = (0.0, 1.0),
    ):
        self.table, self.cell, self.scale = table, cell, scale
        self.style, self.spark_range = style or GridStyle(), sparks
        pixels = self.style.pixels
        self.font, self.small = pixels(FONT_SIZE), pixels(SMALL_FONT)
        self.line, self.gap, self.spark = pixels(LINE), pixels(GAP), (pixels(SPARK[0]), pixels(SPARK[1]))
        titled = table.cells if table.wrapped else {}
        self.titles = {place: wrapped(self._cell_title(place), cell[0], self.small, 4) for place in titled}
        self.left = max((self._lines_width(self._row_lines(h)) for h in table.down), default=0)
        self.left += self.gap * 2 if self.left else 0
        above = self.spark[1] + self.gap if any(has_schedule(h) for h in table.across) else 0
        lines = max((len(self._column_lines(h)[0]) for h in table.across), default=0)
        self.top = 0 if table.wrapped else self.line * lines + self.gap + above
        self.title_height = self.line * max((len(lines) for lines, _ in self.titles.values()), default=0)
        self.step = cell[0] + self.gap, cell[1] + self.gap + self.title_height

    def drawing(
        self, sizes: Mapping[Place, Size | None], load: Callable[[Place], Image.Image | None], caption: str
    ) -> Drawing:
        """The sheet.

        sizes: of the pictures in pixels; None where there is none, which is drawn as an empty cell. load: gives one.
        """
        least = LEAST_WIDTH if self.style.caption else 0
        width = max(least, 2 * MARGIN + self.left + self.step[0] * len(self.table.across))
        lines, face = wrapped(caption, width - 2 * MARGIN, self.small)
        bottom = MARGIN + self.top + self.step[1] * len(self.table.down)
        items = self._titles()
        for place, size in sizes.items():
            items += self._cell(place, size, load)
        items += [Text(MARGIN, bottom + self.gap + self.line * n, line, face, FAINT) for n, line in enumerate(lines)]
        return Drawing(width, bottom + MARGIN + self.line * len(lines) + self.gap, items)

    def _titles(self) -> list[Item]:
        items: list[Item] = []
        if not self.table.wrapped:
            for column, heading in enumerate(self.table.across):
                items += self._column_title(heading, self._corner((0, column))[0])
        for row, heading in enumerate(self.table.down):
            items += self._row_title(heading, self._corner((row, 0))[1])
        return items

    def _corner(self, place: Place) -> tuple[int, int]:
        """x and y of a cell's upper left corner."""
        row, column = place
        return MARGIN + self.left + column * self.step[0], MARGIN + self.top + row * self.step[1]

    def _cell(self, place: Place, size: Size | None, load: Callable[[Place], Image.Image | None]) -> list[Item]:
        x, y = self._corner(place)
        middle = x + self.cell[0] / 2
        items = self._lines(self.titles[place], middle, y, "ma") if place in self.titles else []
        y += self.title_height
        if size is None:
            text, face = face_of("not done", self.small)
            box = Box(x, y, *self.cell, MISSING)
            return [*items, box, Text(middle, y + self.cell[1] / 2, text, face, FAINT, "mm")]
        left, top, width, height = self._placed(size)
        return [*items, Picture(x + left, y + top, width, height, lambda: load(place))]

    def _placed(self, size: Size) -> tuple[int, int, int, int]:
        """Where a picture of this size is in its cell, and how large: x, y, width, height.

        One that is made to fit is in the middle.
        """
        if self.scale is not None:
            return 0, 0, size[0] * self.scale, size[1] * self.scale
        factor = min(self.cell[0] / size[0], self.cell[1] / size[1])
        width, height = (max(1, round(side * factor)) for side in size)
        return (self.cell[0] - width) // 2, (self.cell[1] - height) // 2, width, height

    def _column_title(self, heading: Heading, x: int) -> list[Item]:
        items = self._lines(self._column_lines(heading), x + self.cell[0] / 2, MARGIN, "ma")
        if has_schedule(heading):
            corner = x + (self.cell[0] - self.spark[0]) // 2, MARGIN + self.top - self.spark[1] - self.gap
            items += self._spark(heading, corner)
        return items

    def _row_title(self, heading: Heading, y: int) -> list[Item]:
        parts = self._row_lines(heading)
        height = self.line * sum(len(lines) for lines, _ in parts)
        top = y + (self.cell[1] - height - (self.spark[1] + self.gap if has_schedule(heading) else 0)) / 2
        right = MARGIN + self.left - 2 * self.gap
        items: list[Item] = []
        for lines in parts:
            items += self._lines(lines, right, top + self.line * len(items), "ra")
        if has_schedule(heading):
            items += self._spark(heading, (right - self.spark[0], int(top + height) + self.gap))
        return items

    def _lines(self, lines: Lines, x: float, y: float, anchor: Anchor) -> list[Item]:
        """Lines of text below each other. The usual size is that of titles; those of cells are small."""
        texts, face = lines
        return [Text(x, y + self.line * n, text, face, INK, anchor) for n, text in enumerate(texts)]

    def _spark(self, heading: Heading, corner: tuple[int, int]) -> list[Item]:
        """A small plot of the guidance scale over the steps, in the range of the whole page, and a line at zero."""
        (low, high), (width, height) = self.spark_range, self.spark

        def depth(scale: float) -> float:
            return height * (1 - (scale - low) / ((high - low) or 1.0))

        scales = scales_of(heading, self.table)
        course = [(width * i / max(1, len(scales) - 1), depth(scale)) for i, scale in enumerate(scales)]
        zero = [(0.0, depth(0.0)), (float(width), depth(0.0))]
        return [Line(*corner, zero, SPARK_ZERO, 1), Line(*corner, course, SPARK_LINE, 2)]

    def _cell_title(self, place: Place) -> str:
        fields = [field for field, _ in self.table.across[0]]
        return heading_text(heading_of(self.table.cells[place], fields), self.style.titles)

    def _column_lines(self, heading: Heading) -> Lines:
        return wrapped(heading_text(heading, self.style.titles), self.cell[0], self.font)

    def _row_lines(self, heading: Heading) -> list[Lines]:
        most = max(2, self.cell[1] // self.line // max(1, len(heading)))
        width = self.style.pixels(ROW_TITLE_WIDTH)
        return [wrapped(self.style.titles.of(*part), width, self.font, most) for part in heading]

    def _lines_width(self, parts: Sequence[Lines]) -> int:
        return max((int(face.width(line)) + 1 for lines, face in parts for line in lines), default=0)


def wrapped(text: str, width: float, size: int, most: int = 12) -> Lines:
    """The text in at most `most` lines that are no wider than `width` pixels; long words are cut if necessary."""
    text, face = face_of(text, size)
    lines: list[str] = []
    for characters in range(max(4, int(width / _narrowest(text, face))), 3, -1) if text else ():
        lines = _TitleWrapper(characters, max_lines=most, placeholder=" …").wrap(text)
        if all(_width(line, face) <= width for line in lines):
            break
    return lines, face


def _narrowest(text: str, face: Face) -> float:
    """The width that a character has at least in a text, on average over a word; of Pillow's own font that of an i."""
    i = face.width("i")
    if not face.families:
        return i
    return max(1.0, min((_word_width(word, face) / len(word) for word in text.split()), default=i))


def _width(line: str, face: Face) -> float:
    """The width of a line; where fonts are shaped by matplotlib, which takes long, from those of its words."""
    if not face.families:
        return face.width(line)
    return sum(_word_width(word, face) for word in line.split(" ")) + line.count(" ") * _word_width(" ", face)


@functools.lru_cache(10_000)
def _word_width(word: str, face: Face) -> float:
    return face.width(word) if word else 0.0


class _TitleWrapper(textwrap.TextWrapper):
    """Breaks lines at spaces and after `_` and `=`, as in `guidance_rescale=0.7`, and nowhere else."""

    wordsep_re = re.compile(r"(\s+)|(?<=[_=])")


def has_schedule(heading: Heading) -> bool:
    """Does a row or a column stand for a schedule, of which a small plot can be drawn?"""
    return any(field == "schedule" and not isinstance(value, AbsentCode) for field, value in heading)


def scales_of(heading: Heading, table: Table) -> list[float]:
    """The guidance scale at every step, of the first experiment in this row or column."""
    fields = [field for field, _ in heading]
    return next(e for e in table.cells.values() if heading_of(e, fields) == heading).scales()
