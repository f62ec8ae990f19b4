"""A drawing as pixels."""

from __future__ import annotations

from PIL import Image, ImageDraw

from cfgsweep.reports.drawing import PAPER, Box, Drawing, Line, Picture, Text


def paint(drawing: Drawing) -> Image.Image:
    """The drawing as a picture.

    Pictures in it are enlarged by a whole number, every pixel a square, in the middle of their rectangles. Larger ones
    than their rectangles are reduced with Lanczos' filter.
    """
    sheet = Image.new("RGB", (drawing.width, drawing.height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for item in drawing.items:
        match item:
            case Text():
                _write(sheet, draw, item)
            case Line():
                draw.line([(item.x + x, item.y + y) for x, y in item.points], item.colour, item.width)
            case Box():
                draw.rectangle((item.x, item.y, item.x + item.width - 1, item.y + item.height - 1), item.colour)
            case Picture():
                _paste(sheet, item)
    return sheet


def _write(sheet: Image.Image, draw: ImageDraw.ImageDraw, text: Text) -> None:
    if not text.face.families:
        draw.text((text.x, text.y), text.text, text.colour, text.face.own, anchor=text.anchor)
        return
    mask, below = text.face.mask(text.text)
    left = text.x - text.part_before * text.face.width(text.text)
    sheet.paste(text.colour, (round(left), round(text.baseline) + below - mask.height), mask)


def _paste(sheet: Image.Image, place: Picture) -> None:
    image = place.load()
    if image is None:
        return
    factor = min(place.width // image.width, place.height // image.height)
    if factor >= 1:
        size, how = (image.width * factor, image.height * factor), Image.Resampling.NEAREST
    else:
        size, how = (place.width, place.height), Image.Resampling.LANCZOS
    left, top = (place.width - size[0]) // 2, (place.height - size[1]) // 2
    sheet.paste(image.resize(size, how), (round(place.x) + left, round(place.y) + top))
