"""Writes the pages of the runs in outputs/gallery, and pictures of them for the README into docs/figures.

    python scripts/build_page_pictures.py

Chromium takes the pictures, by Playwright: `pip install -e '.[test]'`. The pages belong to the built front end: whoever
commits another one makes both again.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

import cfgsweep

ROOT = Path(__file__).parents[1]
GALLERY, FIGURES = ROOT / "outputs/gallery", ROOT / "docs/figures"
WIDE, PHONE = (1600, 1000), (400, 800)
TRUE_COLOURS = 90  # quality of WebP at which text stays sharp


@dataclass(frozen=True)
class Shot:
    """A window with the page of a run. address: titles of experiments in `<>` are replaced by their ids."""

    name: str
    run: str
    address: str
    window: tuple[int, int]


COMPARED = "open=<tnorm, value 0.08>&pinned=<tnorm, value 0.05>&compare=wipe"
SHOTS = [
    Shot("page", "scales", "zoom=80&overlay=bar:contrast&plot.x=value&plot.y=contrast&plot.means=1", WIDE),
    Shot("page-large", "tnorm", COMPARED, WIDE),
    Shot("page-phone", "guiders", "", PHONE),
    Shot("page-phone-large", "tnorm", COMPARED, PHONE),
]


def main(gallery: Path = GALLERY, figures: Path = FIGURES) -> None:
    for run in sorted(path.parent for path in gallery.glob("*/sweep.yaml")):
        cfgsweep.page(run)
    with sync_playwright() as playwright:
        program = os.environ.get("CFGSWEEP_TEST_BROWSER") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for shot in SHOTS:
            picture(browser, gallery, shot).save(figures / f"{shot.name}.webp", quality=TRUE_COLOURS, method=6)
        browser.close()


def picture(browser: Any, gallery: Path, shot: Shot) -> Image.Image:
    """What the window shows once all of its pictures are decoded and nothing moves any more."""
    width, height = shot.window
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto((gallery / shot.run / "page/index.html").as_uri() + "#" + address_of(gallery, shot))
    page.locator("dialog .box img" if "open=" in shot.address else ".grid img").first.wait_for()
    previous = b""
    while previous != (shown := page.screenshot()):
        page.evaluate("Promise.all([...document.images].map(one => one.decode().catch(() => null)))")
        page.wait_for_timeout(200)
        previous = shown
    page.close()
    return Image.open(io.BytesIO(shown)).convert("RGB")


def address_of(gallery: Path, shot: Shot) -> str:
    return "".join(parts_of(gallery / shot.run, shot.address))


def parts_of(run: Path, address: str) -> Iterator[str]:
    """The address with the ids of the experiments."""
    ids = {record.title: record.id for record in cfgsweep.open_run(run).records}
    for part in address.split("<"):
        title, end, rest = part.partition(">")
        yield ids[title] + rest if end else part


if __name__ == "__main__":
    main()
