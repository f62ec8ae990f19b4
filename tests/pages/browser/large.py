"""A run whose pictures are noise, with a video, previews and hostile texts, for tests of the large view."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.pages.browser.synthetic import FAILED, SIDE, WAITING, write, write_run

SIZES = [2, 4, 3, 2]  # of guider, value, seed and sampler
FIRST, VIDEO = 0, 12
CONTROL = "f" * 16  # a green picture, which is no cell: the control of cell 6; that of cell 14 is cell 2
BOX = "dialog.viewer .box"
MARKUP = "</script><img src=x onerror=document.title='taken'> \u2028 & \u202eright to left\u202c \"'"
LONG = "a long prompt, " * 667  # 10,005 characters
Pixels = npt.NDArray[np.int64]  # (height, width, 3), 0 to 255


def write_large(folder: Path) -> None:
    """FIRST has previews and hostile texts in its record; VIDEO is a video; cells 6 and 14 have controls."""
    count = write_run(folder, SIZES)
    for cell in set(range(count)) - WAITING - FAILED:
        Image.fromarray(pixels_of(cell).astype(np.uint8)).save(picture_file(folder, cell))
    save_frames(picture_file(folder, VIDEO))
    (folder / "previews").mkdir()
    save_frames(folder / f"previews/{id_of(FIRST)}.png")
    page = folder / "page"
    plan = read(page, "data/plan-0.js")
    write(page, "data/plan-0.js", {**plan, "maps": [phase_map()]})
    results = read(page, "data/results-0.js")
    Image.new("RGB", (SIDE, SIDE), "#00ff00").save(folder / f"images/{CONTROL}.png")
    controls = {6: control(CONTROL, "cfg 2.31", None), 14: control(id_of(2), "cfg 1", 2)}
    results["control"] = {"each": [controls.get(cell) for cell in results["at"]]}
    results["fields"]["frames"] = {"each": [2 if cell == VIDEO else 1 for cell in results["at"]]}
    write(page, "data/results-0.js", results)
    details = read(page, "data/details-0.js")
    details[FIRST] |= {"hasPreviews": True, "previewSteps": [10, 20]}
    details[FIRST]["record"] |= {"prompt": MARKUP, "negative_prompt": LONG, "guider": {"apg": {"eta": 0}}}
    details[FIRST]["copies"]["sweep file"] = f"prompt: {MARKUP}\n"
    details[1]["diagnostics"]["cond_norm"] = [5.0] * 19 + [None]
    write(page, "data/details-0.js", details)


def phase_map() -> dict[str, Any]:
    """Over value and seed, of the first guider and sampler: pictures of two kinds, below and above a value of 1.75."""
    points = [
        {"cell": 6 * value + 2 * seed, "x": 1 + value / 2, "y": seed, "kind": int(value > 1)}
        for value in range(SIZES[1])
        for seed in range(SIZES[2])
        if 6 * value + 2 * seed not in WAITING
    ]
    edges = [(1.0, 1.5, 0), (1.5, 2.0, None), (2.0, 2.5, 1)]
    areas = [{"left": left, "right": right, "bottom": 0, "top": 2, "kind": kind} for left, right, kind in edges]
    side = {"tolerance": 0.5, "low": 0, "high": 2}
    across = {**side, "name": "value", "label": "guidance scale", "low": 1, "high": 2.5}
    up = {**side, "name": "seed", "label": "seed"}
    return {"title": "cfg", "across": across, "up": up, "points": points, "areas": areas, "typical": [0, 12]}


def control(name: str, title: str, cell: int | None) -> dict[str, Any]:
    return {"id": name, "thumb": "", "colour": 0, "title": title, "effectiveScale": 2.25, "cell": cell}


def pixels_of(cell: int) -> Pixels:
    """Colours that go over a picture, with noise."""
    random = np.random.default_rng(cell)
    ramp = np.linspace(random.uniform(0, 255, 3), random.uniform(0, 255, 3), SIDE)[None]
    noise = random.normal(0, 20, (SIDE, SIDE, 3))
    return (ramp + noise).clip(0, 255).round().astype(np.int64)


def save_frames(path: Path) -> None:
    """An animation of a red and a blue picture, for 0.2 seconds each."""
    first, second = (Image.new("RGB", (SIDE, SIDE), colour) for colour in ("#ff0000", "#0000ff"))
    first.save(path, format="PNG", save_all=True, append_images=[second], duration=200, loop=0)


def picture_file(folder: Path, cell: int) -> Path:
    return folder / f"images/{id_of(cell)}.png"


def id_of(cell: int) -> str:
    return f"{cell:016x}"


def read(page: Path, name: str) -> Any:
    """The content of a data file."""
    text = (page / name).read_text()
    return json.loads(text[text.index(", ") + 2 : text.rindex(")")])


def screenshot(page: Any, selector: str) -> Pixels:
    """What is on the screen where an element is."""
    png = page.screenshot(clip=page.locator(selector).first.bounding_box())
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(np.int64)


def mean_error(shown: Pixels, expected: Pixels | Sequence[int]) -> float:
    return float(np.abs(shown - np.asarray(expected)).mean())


def colours(page: Any) -> set[tuple[int, ...]]:
    """Those near a corner of the picture at several moments, unevenly spread as a video is even; or the first two."""
    seen: set[tuple[int, ...]] = set()
    for number in range(8):
        if len(seen) < 2:
            seen.add(tuple(screenshot(page, BOX)[20, 20].tolist()))
            page.wait_for_timeout(50 + 30 * number)
    return seen


def open_cell(page: Any) -> int | None:
    found = re.search("open=([0-9a-f]{16})", page.evaluate("location.href"))
    return int(found[1], 16) if found else None


def wait_for(page: Any, cell: int) -> None:
    """Waits until a cell's picture is on the screen."""
    page.locator(f".box img[src$='images/{id_of(cell)}.png']").first.wait_for()


def wait_until(page: Any, holds: Callable[[], bool]) -> None:
    """The page forbids the evaluation of strings, which Playwright's own function for this needs."""
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it did not come")


def wait_for_focus(page: Any, name: str) -> None:
    wait_until(page, lambda: page.evaluate("document.activeElement.getAttribute('aria-label')") == name)
