"""Sixty captioned pictures: three shapes, four colours, five sizes; and the shape and colour that a picture shows.

    python -m tests.support.shapes FOLDER

writes them as a folder of pictures in the layout of Hugging Face: 50 in FOLDER/train, 10 in FOLDER/test, each with a
metadata.jsonl of file names and texts such as "a small red circle".
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SHAPES = ("circle", "square", "triangle")
COLOURS = {"red": (220, 40, 40), "green": (40, 160, 60), "blue": (40, 80, 220), "yellow": (240, 200, 30)}
SIZES = {"tiny": 14, "small": 22, "medium": 32, "large": 42, "huge": 54}  # of the bounding box, in pixels
SIDE = 64  # of a picture, in pixels
MOST_SHIFT = 6  # pixels from the middle
HELD_OUT = 10

NOT_WHITE = 60  # distance in RGB
LEAST_OVERLAP = 0.8  # of a shape with the drawn one, as intersection over union
LARGEST_DIFFERENCE = 80  # of a colour from the one that it is called by, distance in RGB


@dataclass(frozen=True)
class Shown:
    """A size, colour and shape by their names."""

    size: str
    colour: str
    shape: str

    @property
    def text(self) -> str:
        return f"a {self.size} {self.colour} {self.shape}"

    @classmethod
    def of(cls, text: str) -> Shown:
        return cls(*text.split()[1:])


def combinations() -> list[Shown]:
    """All 60, once each, since 5, 4 and 3 have no common divisor. Any 12 in a row hold every colour with every shape.

    The first ten are held out: of each size 2, of each colour 2 or 3, of each shape 3 or 4.
    """
    names = [list(SIZES), list(COLOURS), SHAPES]
    return [Shown(*(kind[number % len(kind)] for kind in names)) for number in range(60)]


def write_shapes(folder: Path, seed: int = 0) -> None:
    """Writes the pictures of all combinations, each somewhere near the middle, and their texts."""
    rng = random.Random(seed)
    lines: dict[str, list[str]] = {"test": [], "train": []}
    for number, shown in enumerate(combinations()):
        part = "test" if number < HELD_OUT else "train"
        (folder / part).mkdir(parents=True, exist_ok=True)
        width = SIZES[shown.size]
        most = min(MOST_SHIFT, (SIDE - width) // 2 - 1)
        left, top = ((SIDE - width) // 2 + rng.randint(-most, most) for _ in range(2))
        picture = drawn(shown.shape, COLOURS[shown.colour], (left, top, left + width, top + width))
        picture.save(folder / part / f"{number:02d}.png")
        lines[part].append(json.dumps({"file_name": f"{number:02d}.png", "text": shown.text}) + "\n")
    for part, rows in lines.items():
        (folder / part / "metadata.jsonl").write_text("".join(rows))


def drawn(shape: str, colour: tuple[int, int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """A picture of one shape on white that fills the box (left, top, right, bottom), with smooth edges."""
    fine = 4
    picture = Image.new("RGB", (SIDE * fine, SIDE * fine), "white")
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = (side * fine for side in box)
    match shape:
        case "circle":
            draw.ellipse((left, top, right - 1, bottom - 1), colour)
        case "square":
            draw.rectangle((left, top, right - 1, bottom - 1), colour)
        case "triangle":
            draw.polygon([((left + right) / 2, top), (right - 1, bottom - 1), (left, bottom - 1)], colour)
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def seen(picture: Image.Image) -> tuple[str | None, str | None]:
    """The colour and the shape of the largest thing on white; None for what is none of those drawn here.

    The colour is the nearest to its median colour. The shape is the one whose drawing in the same bounding box has
    the largest intersection over union with it.
    """
    pixels = np.asarray(picture.convert("RGB")).astype(float)
    from_white = np.linalg.norm(255 - pixels, axis=-1)
    parts, count = ndimage.label(from_white > NOT_WHITE)
    if not count:
        return None, None
    largest = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    colour = np.median(pixels[largest], axis=0)
    inside = largest & (from_white > np.linalg.norm(255 - colour) / 2)  # without the lighter half of its edge
    ys, xs = np.nonzero(inside)
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    return _nearest_colour(colour), _best_shape(inside, box)


def _nearest_colour(found: np.ndarray) -> str | None:
    differences = {name: float(np.linalg.norm(np.array(colour) - found)) for name, colour in COLOURS.items()}
    best = min(differences, key=differences.__getitem__)
    return best if differences[best] <= LARGEST_DIFFERENCE else None


def _best_shape(inside: np.ndarray, box: tuple[int, int, int, int]) -> str | None:
    overlaps = {}
    for shape in SHAPES:
        whole = np.asarray(drawn(shape, (0, 0, 0), box).convert("L")) < 128
        overlaps[shape] = (whole & inside).sum() / (whole | inside).sum()
    best = max(overlaps, key=overlaps.__getitem__)
    return best if overlaps[best] >= LEAST_OVERLAP else None


if __name__ == "__main__":
    write_shapes(Path(sys.argv[1]))
