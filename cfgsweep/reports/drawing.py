"""What stands where in a drawing. The writers of PNG, PDF and SVG files draw the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from PIL import Image

from cfgsweep.system.fonts import Face

Anchor = Literal["la", "ma", "ra", "mm"]  # Pillow's: left, middle or right; at the ascender, or the middle

PAPER = "white"


@dataclass(frozen=True)
class Text:
    """A line of text at a place that `anchor` names."""

    x: float
    y: float
    text: str
    face: Face
    colour: str
    anchor: Anchor = "la"

    @property
    def baseline(self) -> float:
        """The height of the baseline, from above."""
        ascent, descent = self.face.own.getmetrics()
        return self.y + (ascent if self.anchor[1] == "a" else (ascent - descent) / 2)

    @property
    def part_before(self) -> float:
        """Which part of its width is left of `x`."""
        return {"l": 0.0, "m": 0.5, "r": 1.0}[self.anchor[0]]


@dataclass(frozen=True)
class Line:
    """A line through points; x and y are those of its corner."""

    x: float
    y: float
    points: Sequence[tuple[float, float]]
    colour: str
    width: int


@dataclass(frozen=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: int
    height: int
    colour: str


@dataclass(frozen=True)
class Picture:
    """A picture in a rectangle. load: gives its pixels, or None; it is called when it is drawn."""

    x: float
    y: float
    width: int
    height: int
    load: Callable[[], Image.Image | None]


Item = Text | Line | Box | Picture


@dataclass
class Drawing:
    """Items on white paper, in the order in which they are drawn. Sizes and places are in pixels, y downwards."""

    width: int
    height: int
    items: list[Item] = field(default_factory=list)


def stacked(drawings: Iterable[Drawing]) -> Drawing:
    """The drawings below each other, as one."""
    whole = Drawing(0, 0)
    for drawing in drawings:
        whole.items += [replace(item, y=item.y + whole.height) for item in drawing.items]
        whole.width, whole.height = max(whole.width, drawing.width), whole.height + drawing.height
    return whole
