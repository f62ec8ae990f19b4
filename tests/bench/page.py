"""The page of a run with 10,000 and 100,000 cells beside a page of as many `<img>`: `python -m tests.bench.page`.

Both are opened from files in Chromium, one after the other. The table is written to PAGE.md beside this file.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.pages import in_folder, publish
from tests.pages.browser.synthetic import write_run
from tests.support.browser import chromium

FRONT = Path(__file__).parents[2] / "page"
WINDOW = {"width": 1600, "height": 1000}
VIEW = "#rows=guider,seed&columns=value"
RUNS = {"10,000": [40, 25, 10], "100,000": [100, 50, 20]}
COLUMNS = ["visible after, s", "40 px a frame, ms: median", "p95", "200 px a frame, ms: median", "rows as columns, s"]
HEAD = ["page", "cells", *COLUMNS, "cells in the document", "renderer, MiB: first", "most"]

READY = """() => { const seen = [...document.images].filter(one => { const {top, left, bottom, right} =
    one.getBoundingClientRect(); return bottom > 0 && right > 0 && top < innerHeight && left < innerWidth; });
    return seen.length > 20 && seen.every(one => one.complete && one.naturalWidth > 0) }"""
FIRST = f"""{{ const ready = {READY}; const look = () => {{ if (document.body && ready()) window.visibleAfter =
    performance.now(); else setTimeout(look, 10) }}; look() }}"""
VISIBLE = """() => new Promise(done => {
    const look = () => window.visibleAfter ? done(window.visibleAfter / 1000) : setTimeout(look, 20); look() })"""
SCROLL = """pixels => new Promise(done => { const window_ = document.querySelector(".grid-window") ??
    document.scrollingElement; const times = []; let last = performance.now();
    const frame = now => { times.push(now - last); last = now; window_.scrollBy(0, pixels);
        if (times.length < 240) requestAnimationFrame(frame);
        else { times.sort((a, b) => a - b); done([times[120], times[228]]) } };
    requestAnimationFrame(frame) })"""
PIVOT = f"""() => new Promise(done => {{ const ready = {READY}, start = performance.now();
    document.querySelector('[title^="Rows as columns"]').click();
    const look = () => ready() ? done((performance.now() - start) / 1000) : requestAnimationFrame(look);
    requestAnimationFrame(() => requestAnimationFrame(look)) }})"""


def main(folder: Path) -> None:
    lines = [
        "# Pages of many cells",
        "",
        "`python -m tests.bench.page`: headless Chromium without a GPU, 1600 x 1000, thumbnails of 128 px, 2 cores. A",
        "page is visible when all pictures in its window are there. The other page has one `<img>` for each cell.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
    ]
    for cells, sizes in RUNS.items():
        run = folder / cells
        write_run(run, sizes, side=512, each=True)
        subprocess.run(["node", "build.mjs", str(run / "page")], cwd=FRONT, check=True)
        lines.append(row(["cfgsweep page", cells, *measured(run / "page/index.html", VIEW)]))
        if cells == "10,000":
            lines.append(row(["`<img>`", cells, *measured(naive(run / "page", math.prod(sizes), sizes[1]))]))
    publish("PAGE", lines)


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def naive(page: Path, cells: int, columns: int) -> Path:
    """A page with all pictures."""
    pictures = "\n".join(f'<img src="thumbs/{cell:06}.webp" width=128 height=128>' for cell in range(cells))
    style = f"body {{ display: grid; grid-template-columns: repeat({columns}, 132px) }}"
    (page / "naive.html").write_text(f"<!doctype html><style>{style}</style><body>{pictures}")
    return page / "naive.html"


def measured(file: Path, address: str = "") -> list[str]:
    with window() as (page, memory):
        page.goto(file.as_uri() + address, timeout=120_000, wait_until="commit")
        visible, first = page.evaluate(VISIBLE), memory()
        in_document = page.evaluate("document.querySelectorAll('[role=gridcell], body > img').length")
        slow, most = page.evaluate(SCROLL, 40), memory()
        fast, most = page.evaluate(SCROLL, 200), max(most, memory())
        pivot = page.evaluate(PIVOT) if address else None
        most = max(most, memory())
    times = [f"{visible:.2f}", f"{slow[0]:.1f}", f"{slow[1]:.1f}", f"{fast[0]:.1f}", f"{pivot:.2f}" if pivot else "-"]
    return [*times, str(in_document), f"{first:.0f}", f"{most:.0f}"]


@contextmanager
def window() -> Iterator[Any]:
    """A page of a new browser, and a function that gives the memory of its largest renderer in MiB."""
    with chromium() as browser:
        page = browser.new_page(viewport=WINDOW)
        page.add_init_script(FIRST)
        system = browser.new_browser_cdp_session()

        def memory() -> float:
            processes = system.send("SystemInfo.getProcessInfo")["processInfo"]
            return max(resident(one["id"]) for one in processes if one["type"] == "renderer")

        yield page, memory


def resident(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kilobytes) / 1024


if __name__ == "__main__":
    in_folder(main)
