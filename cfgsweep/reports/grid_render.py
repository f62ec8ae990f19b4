"""Arranges titled grids, page by page: what varies is in titles, what does not is in the caption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from cfgsweep.reports.drawing import Drawing, Text, stacked
from cfgsweep.reports.grid_layout import (
    Heading,
    Layout,
    Table,
    heading_of,
    heading_text,
    split_into_bands,
    split_into_sheets,
)
from cfgsweep.reports.grid_names import page_name
from cfgsweep.reports.grid_sheet import (
    INK,
    MARGIN,
    TITLE_FONT,
    Place,
    Sheet,
    has_schedule,
    scales_of,
    wrapped,
)
from cfgsweep.reports.grid_style import GridStyle
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import TitleLabels, varying

WIDTH = 1600  # pixels, up to which pictures are enlarged
LARGEST_SCALE = 4
MISSING_SIZE = (64, 64)  # of the cells of a sheet without any picture
CAPTION_FIELDS = (
    *("label", "prompt", "negative_prompt", "model", "guider", "schedule", "value"),
    *("image", "mask", "strength", "sampler", "steps", "seed", "size", "call", "lora", "cache", "vae", "fork", "start"),
)

LoadPicture = Callable[[Experiment], Image.Image | None]


@dataclass(frozen=True)
class Page:
    """The experiments of one page, its caption, and its name in those of files, which is empty for a first page."""

    experiments: list[Experiment]
    caption: str
    name: str


def pages_of(
    name: str,
    experiments: Sequence[Experiment],
    layout: Layout,
    labels: TitleLabels | None = None,
    hidden: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> list[Page]:
    """What stands on every page; nothing is drawn.

    hidden: axes that vary within cells. notes: what captions say of them.
    """
    labels = labels or TitleLabels()
    settings = [*notes, *_common_settings(experiments, labels, hidden)]
    pages: dict[Heading, list[Experiment]] = {}
    for experiment in experiments:
        pages.setdefault(heading_of(experiment, layout.pages), []).append(experiment)
    alike = Counter(page_name(heading, 1) for heading in pages)  # pictures of one name from several folders
    return [
        Page(
            part,
            " · ".join([name, *([heading_text(heading, labels)] if heading else []), *settings]),
            page_name(heading, n, is_unique=alike[page_name(heading, 1)] == 1),
        )
        for heading, members in pages.items()
        for n, part in enumerate(split_into_sheets(members, layout), 1)
    ]


def _common_settings(experiments: Sequence[Experiment], labels: TitleLabels, hidden: Sequence[str]) -> list[str]:
    """The settings that all experiments share, for the caption; those that are empty or native are left out."""
    first, differing = experiments[0], {*varying(experiments), *hidden}
    fields = [*CAPTION_FIELDS, *(name for name, _ in first.vars)]
    shared = ((field, first.value_of(field)) for field in fields if field not in differing)
    found = {field: labels.of(field, value) for field, value in shared if value not in (None, "", ())}
    if first.template is not None and "prompt" in found:
        found["prompt"] = first.template
    return list(found.values())


def page_drawing(page: Page, layout: Layout, picture: LoadPicture, style: GridStyle | None = None) -> Drawing:
    """One page: a sheet, or the bands of a wide table below each other, the caption below the last.

    picture: an experiment's picture, or None where there is none yet.
    """
    style = style or GridStyle()
    bands = split_into_bands(page.experiments, layout)
    columns = layout.width(len({heading_of(e, layout.columns) for e in page.experiments})) if len(bands) > 1 else 0
    tables = [Table.of(band, layout) for band in bands]
    captions = [""] * (len(bands) - 1) + [page.caption if style.caption else ""]
    sparks = _spark_range(tables)
    sheets = [_sheet(t, text, picture, columns, style, sparks) for t, text in zip(tables, captions, strict=True)]
    return stacked([*_title(style, max(sheet.width for sheet in sheets)), *sheets])


def _title(style: GridStyle, width: int) -> list[Drawing]:
    """The title of a page, above its first sheet."""
    if not style.title:
        return []
    line, (lines, face) = (
        style.pixels(TITLE_FONT * 1.2),
        wrapped(style.title, width - 2 * MARGIN, style.pixels(TITLE_FONT)),
    )
    texts = [Text(MARGIN, MARGIN + line * n, text, face, INK) for n, text in enumerate(lines)]
    return [Drawing(width, MARGIN + line * len(lines), list(texts))]


def _spark_range(tables: Sequence[Table]) -> tuple[float, float]:
    """The lowest and the highest guidance scale of all small plots of a page, so that they can be compared.

    It includes zero.
    """
    plotted = [scales_of(h, t) for t in tables for h in (*t.across, *t.down) if has_schedule(h)]
    return min([0.0, *map(min, plotted)]), max([0.0, *map(max, plotted)])


def _sheet(
    table: Table, caption: str, picture: LoadPicture, columns: int, style: GridStyle, sparks: tuple[float, float]
) -> Drawing:
    """A table of pictures with titled rows and columns above a caption.

    columns: the width of the widest band, so that the pictures of all bands have one size.
    """

    def load(place: Place) -> Image.Image | None:
        return picture(table.cells[place])

    sizes = {place: image.size if (image := load(place)) is not None else None for place in table.cells}
    known = [size for size in sizes.values() if size is not None] or [MISSING_SIZE]
    width, height = max(w for w, _ in known), max(h for _, h in known)
    if style.cell is not None:
        cell, scale = (style.cell, max(1, round(style.cell * height / width))), None
    else:
        scale = max(1, min(LARGEST_SCALE, WIDTH // (width * max(columns, len(table.across)))))
        cell = width * scale, height * scale
    return Sheet(table, cell, scale, style, sparks).drawing(sizes, load, caption)
