"""Pages' data without a run: many cells in little time. The format is that of page/src/data/types.ts."""

from __future__ import annotations

import colorsys
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

HOSTILE = 'a very long <b>name</b> & "quotes" \u202e \u2028 of a guider that needs wrapping in its heading'
GUIDERS = ["cfg", "apg momentum=-0.5 eta=0 norm_threshold=15", "cfg_zero", "tnorm", "fullnorm", HOSTILE]
SAMPLERS = ["euler", "ddim", "heun"]
NAMES = {"guider": "guider", "value": "guidance scale", "seed": "seed", "sampler": "sampler"}
SIDE = 64
SEGMENT = 4096
WAITING, FAILED = {7, 8}, {11}
REASON = "not enough <b>memory</b>"


def write_run(folder: Path, sizes: Sequence[int], side: int = SIDE, each: bool = False) -> int:
    """Writes a run folder with a page's data, without front end; the number of its cells.

    sizes: of the axes guider, value, seed and sampler. Cells 7 and 8 are waiting, cell 11 has failed. Cells have one of
    64 pictures of `side` pixels. each: every cell has a file of its own as its thumbnail, and there are no pictures.
    """
    axes = [axis(name, size) for name, size in zip(NAMES, sizes, strict=False)]
    count = math.prod(sizes)
    codes = {one["name"]: list(codes_of(k, sizes)) for k, one in enumerate(axes)}
    page = folder / "page"
    (page / "data").mkdir(parents=True)
    ids = [f"{cell:016x}" for cell in range(count)]
    write(page, "data/plan-0.js", {"ids": ids, "axes": codes, "described": axes})
    colours = write_pictures(folder, ids, side, each)
    there = [cell for cell in range(count) if cell not in WAITING]
    parts = [there[start : start + SEGMENT] for start in range(0, count, SEGMENT)]
    names = [write_results(page, k, part, axes, codes, Pictures(side, each, colours)) for k, part in enumerate(parts)]
    write(page, "data.js", head(names))
    return count


def head(results: list[str]) -> dict[str, Any]:
    metrics = [{"name": "contrast", "higherIsBetter": None}, {"name": "adherence", "higherIsBetter": True}]
    between = {"axis": "value", "after": 3, "distance": 0.4, "where": {"guider": 0}}
    return {
        **{"format": 1, "name": "synthetic", "state": "done", "poll": 1000, "version": "0.2"},
        **{"pictures": "../images/", "previews": "../previews/", "thumbs": "thumbs/", "plan": "data/plan-0.js"},
        **{"metrics": metrics, "results": results, "transitions": [between]},
    }


def axis(name: str, size: int) -> dict[str, Any]:
    return {"name": name, "label": NAMES[name], "values": [value(name, number) for number in range(size)]}


def value(name: str, number: int) -> dict[str, Any]:
    if name in ("guider", "sampler"):
        words = GUIDERS if name == "guider" else SAMPLERS
        text = words[number % len(words)] + (f" {number}" if number >= len(words) else "")
        return {"title": text, "text": text, "number": None}
    shown = 1 + number / 2 if name == "value" else number
    return {"title": f"{name} {shown:g}", "text": f"{shown:g}", "number": shown}


def codes_of(axis: int, sizes: Sequence[int]) -> Iterator[int]:
    inner = math.prod(sizes[axis + 1 :])
    return ((cell // inner) % sizes[axis] for cell in range(math.prod(sizes)))


@dataclass(frozen=True)
class Pictures:
    side: int
    each: bool
    colours: list[int]

    def thumb(self, cell: int) -> str:
        return f"{cell if self.each else cell % 64:06}"


def write_pictures(folder: Path, ids: Sequence[str], side: int, each: bool) -> list[int]:
    """Thumbnails, and the pictures of the cells; the average colours of the 64 pictures."""
    (folder / "page/thumbs").mkdir()
    (folder / "images").mkdir()
    colours = []
    for number in range(64):
        red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(number / 64, 0.7, 0.9))
        ramp = Image.linear_gradient("L").resize((side, side)).rotate(90 * (number % 4))
        grain = Image.blend(ramp, Image.effect_noise((side // 4, side // 4), 90).resize((side, side)), 0.4)
        bands = [grain.point([p * part // 255 for p in range(256)]) for part in (red, green, blue)]
        picture = Image.merge("RGB", bands)
        small = picture.resize((min(side, 128),) * 2)
        small.save(folder / f"page/thumbs/{number:06}.webp", quality=75)
        colours.append(red // 2 << 16 | green // 2 << 8 | blue // 2)
        cells = range(number, len(ids), 64)
        if each:
            for cell in cells[1:]:
                shutil.copyfile(folder / f"page/thumbs/{number:06}.webp", folder / f"page/thumbs/{cell:06}.webp")
            continue
        picture.save(encoded := BytesIO(), format="PNG")
        for cell in cells:
            if cell not in WAITING | FAILED:
                (folder / f"images/{ids[cell]}.png").write_bytes(encoded.getvalue())
    return colours


def write_results(
    page: Path, number: int, cells: list[int], axes: list[Any], codes: dict[str, list[int]], pictures: Pictures
) -> str:
    def column(of: Callable[[int], Any]) -> dict[str, Any]:
        return {"each": [None if cell in FAILED else of(cell) for cell in cells]}

    details = f"data/details-{number}.js"
    write(page, details, [detail(cell) for cell in cells])
    values = [one["text"] for one in axes[0]["values"]]
    fields = {
        "guider": {"values": values, "codes": [codes["guider"][cell] for cell in cells]},
        "contrast": column(lambda cell: cell * 37 % 100 / 100),
        "adherence": column(lambda cell: cell * 53 % 100 / 100),
        "status": {"each": ["failed" if cell in FAILED else "done" for cell in cells]},
        **{"width": {"same": pictures.side}, "height": {"same": pictures.side}},
        **{"frames": {"same": 1}, "steps": {"same": 20}},
    }
    content = {
        **{"at": cells, "fields": fields, "details": details},
        "thumb": column(pictures.thumb),
        "colour": column(lambda cell: pictures.colours[cell % 64]),
        "reason": {"each": [REASON if cell in FAILED else None for cell in cells]},
    }
    write(page, f"data/results-{number}.js", content)
    return f"data/results-{number}.js"


def detail(cell: int) -> dict[str, Any]:
    steps = range(20)
    return {
        "record": {"title": f"cell {cell}", "status": "done", "prompt": "a cat </script><b>x</b>", "steps": 20},
        "schedule": [1 + math.cos(math.pi * step / 20) for step in steps],
        "diagnostics": {
            "sigma": [14 * (1 - step / 20) for step in steps],
            "cosine": [1 - step / 400 for step in steps],
        },
        "hasPreviews": False,
        "copies": {"sweep file": f"name: cell\nmodel: emoji\nseed: {cell}\n", "A1111": "a cat\nSteps: 20"},
    }


def write(page: Path, name: str, content: Any) -> None:
    text = json.dumps(content, separators=(",", ":"))
    (page / name).write_text(f"cfgsweepPage({json.dumps(name)}, {text});\n")
