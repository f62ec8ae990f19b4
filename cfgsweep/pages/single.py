"""A page in one file: with all data and the thumbnails inside, which are its pictures."""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models.video import DEFAULT_FPS
from cfgsweep.pages.data import PageData, Script
from cfgsweep.pages.thumbs import animated, thumb_name
from cfgsweep.pages.write import asset
from cfgsweep.storage.page_files import HEAD, INDEX, is_single, script, thumb_file
from cfgsweep.storage.previews import previews_of
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.files import make_folder, open_atomic
from cfgsweep.system.html import content_policy
from cfgsweep.system.picture_files import DamagedPicture

MOST_CELLS = 500  # 8 MB, with the numbers of every step
MOST_FRAMES = 2_000  # of previews, of 3.6 KB each
FRAME = round(1000 / DEFAULT_FPS)  # milliseconds
# `load` of the page finds in it what has come before the page's own script.
ARRIVED = "window.cfgsweepArrived=new Map();window.cfgsweepPage=(name,content)=>{cfgsweepArrived.set(name,content)};"
STYLE_LINK = re.compile(r'<link[^>]*href="app\.css"[^>]*>')
APP_SCRIPT = re.compile(r'<script[^>]*src="app\.js"[^>]*></script>')
POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')
IN_SCRIPT = re.compile(r"</(script)|<!--", re.IGNORECASE)  # what would end a script, or change how its end is found


def write_single(
    run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], others: Sequence[Experiment], path: Path
) -> Path:
    """Write the file. Raises UserError where the experiments are too many, or another file is in its place.

    others: further experiments of the run, that these may be compared with.
    """
    if len(experiments) > MOST_CELLS:
        raise UserError(
            "too many pictures for one file",
            where="--single",
            given=len(experiments),
            allowed=f"at most {MOST_CELLS}",
            hint="choose some with --where, or write a folder with all pictures: --out FOLDER",
        )
    if path.is_dir() or (path.exists() and not is_single(path)):
        raise UserError("not a page in one file", where="--out", given=str(path), hint="name another file")
    make_folder(path.parent)
    text = single_page(run, sweep, experiments, others)
    with open_atomic(path) as file:
        file.write(text.encode())
    return path


def single_page(run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], others: Sequence[Experiment]) -> str:
    """The page as text."""
    with tempfile.TemporaryDirectory() as folder:
        data = PageData.of(run, sweep, experiments, Path(folder), {}, others)
        urls = {name: _data_url(thumb_file(Path(folder), name).read_bytes()) for name in data.colours}
    previews = _previews(data)
    data = replace(data, chosen_previews=previews)
    plan, results = data.plan(), list(data.results())
    head = data.head(plan[0], [found[0][0] for found in results])
    inline = {f"{head['thumbs']}{name}.webp": url for name, url in urls.items()}
    inline |= {f"{head['pictures']}{one.id}.png": urls[thumb_name(one)] for one in data.whole}
    head["inline"] = inline | {f"{head['previews']}{name}.png": url for name, url in previews.items()}
    return _html([plan, *(one for pair in results for one in pair), script(HEAD, head)])


def _previews(data: PageData) -> dict[str, str]:
    """The previews of the pictures as URLs, by ids; none where they have too many frames together."""
    found, frames = dict[str, str](), 0
    for record in data.whole:
        shown: Sequence[Image.Image] = ()
        with suppress(DamagedPicture):
            shown = previews_of(data.run, record.id)
        frames += len(shown)
        if frames > MOST_FRAMES:
            return {}
        if shown:
            found[record.id] = _data_url(animated(shown, FRAME))
    return found


def _data_url(content: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def _html(data: Sequence[Script]) -> str:
    scripts = [ARRIVED, *(content.decode() for _, content in data), _in_script(asset("app.js").decode())]
    policy = content_policy("'unsafe-inline'", scripts, images="data: blob:")
    page = APP_SCRIPT.sub("", asset(INDEX).decode())
    page = POLICY.sub(lambda found: f"{found[1]}{policy}{found[2]}", page)
    page = STYLE_LINK.sub(lambda _: f"<style>{asset('app.css').decode()}</style>", page)
    before, body_ends, after = page.rpartition("</body>")
    return before + "".join(f"<script>{one}</script>\n" for one in scripts) + body_ends + after


def _in_script(code: str) -> str:
    r"""Code that may stand in a `<script>`: in texts and patterns, `<\/script` is the same as what it replaces."""
    return IN_SCRIPT.sub(lambda found: rf"<\/{found[1]}" if found[1] else r"<\!--", code)
