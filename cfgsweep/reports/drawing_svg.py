"""A drawing as an SVG file: text as text with its fonts, lines, and pictures with their own pixels."""

from __future__ import annotations

import base64
import io
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from PIL import Image

from cfgsweep.reports.drawing import PAPER, Box, Drawing, Item, Line, Picture, Text
from cfgsweep.system.fonts import Face

OWN_FAMILY = "Aileron"  # of Pillow's own font
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
COMMON_FAMILIES = ("Arial", "Helvetica", "'DejaVu Sans'", "sans-serif")  # for viewers that take no fonts of a file's
ANCHORS = {"l": "start", "m": "middle", "r": "end"}


def write_svg(drawing: Drawing, file: BinaryIO, keywords: str) -> None:
    """Writes the drawing, a picture at a time. The same drawing gives the same bytes. keywords: a text inside it."""
    size = f'width="{drawing.width}" height="{drawing.height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {drawing.width} {drawing.height}">'
    _write(file, '<?xml version="1.0" encoding="UTF-8"?>', head, f"<metadata>{escape(keywords)}</metadata>")
    _write(file, "<style>", *_font_faces(drawing), "text { white-space: pre; unicode-bidi: plaintext }", "</style>")
    _write(file, f'<rect {size} fill="{PAPER}"/>')
    for item in drawing.items:
        _write(file, *_elements(item))
    _write(file, "</svg>")


def _write(file: BinaryIO, *lines: str) -> None:
    file.writelines(f"{line}\n".encode() for line in lines)


def _elements(item: Item) -> Iterator[str]:
    match item:
        case Text():
            yield _text(item)
        case Line():
            points = " ".join(f"{item.x + x:g},{item.y + y:g}" for x, y in item.points)
            yield f'<polyline points="{points}" fill="none" stroke="{item.colour}" stroke-width="{item.width}"/>'
        case Box():
            yield f'<rect {_rectangle(item)} fill="{item.colour}"/>'
        case Picture():
            image = item.load()
            if image is not None:
                how = 'preserveAspectRatio="none" style="image-rendering: pixelated"'
                yield f'<image {_rectangle(item)} {how} href="data:image/png;base64,{_png(image)}"/>'


def _rectangle(item: Box | Picture) -> str:
    return f'x="{item.x:g}" y="{item.y:g}" width="{item.width}" height="{item.height}"'


def _text(text: Text) -> str:
    """A line of text. With another font than ours, a viewer makes it as wide as it is here."""
    families = ", ".join([*(f"'{name}'" for name in text.face.families or (OWN_FAMILY,)), *COMMON_FAMILIES])
    place = f'x="{text.x:g}" y="{text.baseline:g}" textLength="{text.face.width(text.text):g}"'
    look = f'font-size="{text.face.size}" fill="{text.colour}" text-anchor="{ANCHORS[text.anchor[0]]}"'
    adjust, content = 'lengthAdjust="spacingAndGlyphs"', escape(NOT_IN_XML.sub("", text.text))
    return f"<text {place} {adjust} {look} font-family={quoteattr(families)}>{content}</text>"


def _png(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _font_faces(drawing: Drawing) -> Iterator[str]:
    """Every font of the texts, with the characters that are in them."""
    texts: dict[Face, set[str]] = defaultdict(set)
    for item in drawing.items:
        if isinstance(item, Text):
            texts[Face(1, item.face.families)].update(item.text)
    needed: dict[str, set[str]] = defaultdict(set)
    for face, characters in texts.items():
        for family in face.families or (OWN_FAMILY,):
            needed[family] |= characters
    for family, characters in needed.items():
        data = base64.b64encode(Face(1, () if family == OWN_FAMILY else (family,)).subset(characters)).decode()
        yield f"@font-face {{ font-family: '{family}'; src: url(data:font/sfnt;base64,{data}) }}"
