"""A drawing as a PDF page: text that can be searched, lines, and pictures with their own pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text as PageText
from matplotlib.transforms import Affine2D

from cfgsweep.reports.drawing import PAPER, Box, Drawing, Line, Picture, Text
from cfgsweep.storage.drawings import PDF, SVG
from cfgsweep.system.fonts import set_fonts

POINTS_AN_INCH = 72  # a pixel of a drawing is a point of the page
SETTINGS: Any = {"pdf.fonttype": 42, "pdf.compression": 6, "text.usetex": False, "path.simplify": False}


def write_pdf(drawing: Drawing, file: BinaryIO, keywords: str) -> None:
    """Writes the drawing as one page. The same drawing gives the same bytes. keywords: of its metadata, in ASCII."""
    figure = Figure(
        figsize=(drawing.width / POINTS_AN_INCH, drawing.height / POINTS_AN_INCH), dpi=POINTS_AN_INCH, facecolor=PAPER
    )
    to_page = Affine2D().scale(1, -1).translate(0, drawing.height)
    metadata: Mapping[str, Any] = {"Keywords": keywords, "CreationDate": None}
    with matplotlib.rc_context(SETTINGS), TemporaryDirectory() as folder:
        for item in drawing.items:
            figure.add_artist(_artist(item, figure, to_page, Path(folder)), clip=False)
        FigureCanvasPdf(figure).print_pdf(file, metadata=metadata)


def write_figure(figure: Figure, kind: str, file: BinaryIO, keywords: str) -> None:
    """Writes a figure of matplotlib as PDF or SVG, with text as text. The same figure gives the same bytes."""
    set_fonts(figure)
    settings: Any = {**SETTINGS, "svg.fonttype": "none", "svg.hashsalt": keywords}
    of_kind: Any = {PDF: {"Keywords": keywords, "CreationDate": None}, SVG: {"Keywords": [keywords], "Date": None}}
    with matplotlib.rc_context(settings):
        figure.savefig(file, format=kind, metadata=of_kind[kind])


def _artist(item: Text | Line | Box | Picture, figure: Figure, to_page: Affine2D, folder: Path) -> Artist:
    match item:
        case Text():
            side = {"l": "left", "m": "center", "r": "right"}[item.anchor[0]]
            text = PageText(item.x, item.baseline, item.text, color=item.colour, ha=side, va="baseline")
            text.set(fontproperties=_font(item, folder), parse_math=False, transform=to_page)
            return text
        case Line():
            x, y = zip(*((item.x + x, item.y + y) for x, y in item.points), strict=True)
            return Line2D(x, y, color=item.colour, linewidth=item.width, transform=to_page)
        case Box():
            return Rectangle(
                (item.x, item.y), item.width, item.height, facecolor=item.colour, linewidth=0, transform=to_page
            )
        case Picture():
            return _Pixels(item, to_page)


def _font(text: Text, folder: Path) -> FontProperties:
    """The font of a text. Pillow's own is known to matplotlib by a file alone."""
    if text.face.families:
        return FontProperties(family=list(text.face.families), size=text.face.size)
    file = folder / "own.ttf"
    if not file.exists():
        file.write_bytes(text.face.own.font_bytes)
    return FontProperties(fname=file, size=text.face.size)


class _Pixels(Artist):
    """A picture as it is, which the page shows in a rectangle. matplotlib's own images are sampled anew."""

    def __init__(self, picture: Picture, to_page: Affine2D):
        super().__init__()
        self.picture, self.to_page = picture, to_page

    def draw(self, renderer: Any) -> None:
        place, image = self.picture, self.picture.load()
        if image is None:
            return
        x, y = self.to_page.transform((place.x, place.y + place.height))
        pixels = np.asarray(image.convert("RGBA"))[::-1]  # matplotlib's renderers begin at the bottom
        context = renderer.new_gc()
        renderer.draw_image(context, x, y, pixels, Affine2D().scale(place.width, place.height))
        context.restore()
