"""Renders titled grids, page by page: what varies is in titles, what does not is in the caption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from cfgsweep.reports.grid_layout import (
    Heading,
    Layout,
    Table,
    even_width,
    heading_of,
    heading_text,
    split_into_bands,
    split_into_sheets,
)
from cfgsweep.reports.grid_names import page_name
from cfgsweep.reports.grid_painter import PAPER, Place, SheetPainter
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying

WIDTH = 1600  # pixels, up to which pictures are enlarged
LARGEST_SCALE = 4
MISSING_SIZE = (64, 64)  # of the cells of a sheet without any picture
CAPTION_FIELDS = (
    *("label", "prompt", "negative_prompt", "model", "guider", "schedule", "value"),
    *("image", "mask", "strength", "sampler", "steps", "seed", "size", "call", "lora", "cache", "vae"),
)

LoadPicture = Callable[[Experiment], Image.Image | None]


@dataclass(frozen=True)
class Page:
    """The experiments of one page, its caption, and its name in those of files, which is empty for a first page."""

    experiments: list[Experiment]
    caption: str
    name: str


def pages_of(name: str, experiments: Sequence[Experiment], layout: Layout) -> list[Page]:
    """What stands on every page; nothing is drawn."""
    settings = _common_settings(experiments)
    pages: dict[Heading, list[Experiment]] = {}
    for experiment in experiments:
        pages.setdefault(heading_of(experiment, layout.pages), []).append(experiment)
    alike = Counter(page_name(heading, 1) for heading in pages)  # pictures of one name from several folders
    return [
        Page(
            part,
            " · ".join([name, *([heading_text(heading)] if heading else []), *settings]),
            page_name(heading, n, is_unique=alike[page_name(heading, 1)] == 1),
        )
        for heading, members in pages.items()
        for n, part in enumerate(split_into_sheets(members, layout), 1)
    ]


def render(page: Page, layout: Layout, picture: LoadPicture) -> Image.Image:
    """One page.

    picture: an experiment's picture, or None where there is none yet.
    """
    return _page(page.experiments, layout, page.caption, picture)


def _common_settings(experiments: Sequence[Experiment]) -> list[str]:
    """The settings that all experiments share, for the caption; those that are empty or native are left out."""
    first, differing = experiments[0], set(varying(experiments))
    shared = ((field, getattr(first, field)) for field in CAPTION_FIELDS if field not in differing)
    return [axis_label(field, value) for field, value in shared if value not in (None, "", ())]


def _page(members: Sequence[Experiment], layout: Layout, caption: str, picture: LoadPicture) -> Image.Image:
    """One sheet, or the bands of a wide table below each other, the caption below the last."""
    bands = split_into_bands(members, layout)
    columns = even_width(len({heading_of(e, layout.columns) for e in members})) if len(bands) > 1 else 0
    captions = [""] * (len(bands) - 1) + [caption]
    sheets = [_sheet(band, layout, text, picture, columns) for band, text in zip(bands, captions, strict=True)]
    if len(sheets) == 1:
        return sheets[0]
    page = Image.new("RGB", (max(s.width for s in sheets), sum(s.height for s in sheets)), PAPER)
    top = 0
    for sheet in sheets:
        page.paste(sheet, (0, top))
        top += sheet.height
    return page


def _sheet(
    experiments: Sequence[Experiment], layout: Layout, caption: str, picture: LoadPicture, columns: int
) -> Image.Image:
    """A table of pictures with titled rows and columns above a caption.

    columns: the width of the widest band, so that the pictures of all bands have one size.
    """
    table = Table.of(experiments, layout)
    pictures = LazyPictures(table, picture)
    sizes = [image.size for image in pictures.values() if image] or [MISSING_SIZE]
    width, height = max(w for w, _ in sizes), max(h for _, h in sizes)
    scale = max(1, min(LARGEST_SCALE, WIDTH // (width * max(columns, len(table.across)))))
    return SheetPainter(table, (width * scale, height * scale), scale).paint(pictures, caption)


class LazyPictures(Mapping[Place, Image.Image | None]):
    """The pictures of a table by their places, loaded whenever they are looked at, so that few are in memory."""

    def __init__(self, table: Table, picture: LoadPicture):
        self.table, self.picture = table, picture

    def __getitem__(self, place: Place) -> Image.Image | None:
        return self.picture(self.table.cells[place])

    def __iter__(self) -> Iterator[Place]:
        return iter(self.table.cells)

    def __len__(self) -> int:
        return len(self.table.cells)
