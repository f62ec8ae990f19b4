"""Rebuilds the data set emoji-64.parquet from its npm packages: `python scripts/build_emoji.py OUT.parquet`.

Needs npm, and CairoSVG with the cairo library: `pip install cairosvg==2.9.1`. CairoSVG leaves out most SVG filters, so
other libraries draw the fluent-flat pictures differently, often better; but the models were trained on its drawings.

Licences of the pictures: noto Apache-2.0 (Google), twemoji CC-BY-4.0 (Twitter and contributors), fluent-3d and
fluent-flat MIT (Microsoft); of the words: MIT (emojibase).
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.system.files import open_atomic
from cfgsweep.training.data.captioned import bare

Row = dict[str, Any]
Draw = Callable[[bytes], bytes]

SIDE = 64
WORDS = "emojibase-data@17.0.0"
STYLES = {  # the package, and the folder and kind of its pictures
    "noto": ("emoji-datasource-google@16.0.0", "img/google/64", ".png"),
    "twemoji": ("emoji-datasource-twitter@16.0.0", "img/twitter/64", ".png"),
    "fluent-3d": ("@lobehub/fluent-emoji-3d@1.1.0", "assets", ".webp"),
    "fluent-flat": ("@lobehub/fluent-emoji-modern@1.0.0", "assets", ".svg"),
}
UNDRAWABLE = {"2602-fe0f.svg", "2614.svg"}  # two umbrellas: cairo says that it is out of memory
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
TEXTS = {"label": pa.string(), "tags": pa.list_(pa.string()), "style": pa.string(), "group": pa.string()}
SCHEMA = pa.schema({"image": IMAGE, **TEXTS, "codepoints": pa.string()})


def main() -> int:
    """The command line: exit code 1 where --check finds a difference, 2 for a user's error."""
    parser = argparse.ArgumentParser(prog="python scripts/build_emoji.py", description="Rebuild emoji-64.parquet.")
    parser.add_argument("out", type=Path, metavar="OUT.parquet", help="the file to write")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the npm packages here")
    parser.add_argument("--check", type=Path, metavar="OTHER.parquet", help="compare with this file")
    given = parser.parse_args()
    try:
        return rebuild(given.out, given.cache, given.check)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def rebuild(out: Path, cache: Path | None, check: Path | None) -> int:
    """Downloads packages, draws pictures, writes the file and compares it; returns the exit code."""
    draw, expected = svg_drawer(), read_rows(check) if check else None  # first, since they can fail
    with tempfile.TemporaryDirectory() as folder:
        rows = build(cache or Path(folder), draw)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open_atomic(out) as file:
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file, compression="zstd")
    print(f"{out}: {len(rows)} rows")
    return 0 if expected is None or compare(rows, expected) else 1


def svg_drawer() -> Draw:
    """A function that converts SVG to PNG of SIDE x SIDE pixels. Raises UserError where CairoSVG is missing."""
    try:
        cairosvg = importlib.import_module("cairosvg")
    except (ImportError, OSError) as error:  # OSError: no cairo library
        needs = "pip install cairosvg==2.9.1, and the cairo library (apt install libcairo2, brew install cairo)"
        raise UserError(f"the SVG pictures cannot be drawn without CairoSVG: {needs}") from error
    return lambda svg: cairosvg.svg2png(svg, output_width=SIDE, output_height=SIDE)


def build(cache: Path, draw: Draw) -> list[Row]:
    """Rows of all glyphs with labels, in the order of emojibase, and for each glyph in the order of STYLES."""
    words = read_files(download(WORDS, cache), "en", ".json")
    groups = [group["key"].replace("-", " & ") for group in json.loads(words["messages.json"])["groups"]]
    pictures = {style: read_pictures(cache, *where) for style, where in STYLES.items()}
    rows = []
    for glyph in json.loads(words["data.json"]):
        for style in STYLES:
            name, data = pictures[style].get(bare(glyph["hexcode"]), ("", b""))
            if name:
                png = as_png(draw(data) if name.endswith(".svg") else data)
                image = {"bytes": png, "path": f"{style}/{Path(name).stem}.png"}
                rows.append(as_row(glyph, groups, style, image))
    return rows


def download(package: str, cache: Path) -> Path:
    """The package's archive in the cache, downloaded with npm if it is not there. Raises UserError where npm fails."""
    archive = cache / (package.lstrip("@").replace("/", "-").replace("@", "-") + ".tgz")
    if archive.exists():
        return archive
    npm = shutil.which("npm")
    if npm is None:
        raise UserError("npm is not on the PATH: install Node.js, which brings it")
    cache.mkdir(parents=True, exist_ok=True)
    print(f"npm pack {package}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=cache) as fresh:  # so that the cache holds complete archives alone
        command = [npm, "pack", package, "--ignore-scripts", "--pack-destination", fresh]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            why = [line for line in done.stderr.splitlines() if "error" in line] or ["no reason given"]
            raise UserError(f"npm pack {package} failed: {'; '.join(why[:2])}")
        (Path(fresh) / archive.name).replace(archive)
    return archive


def read_files(archive: Path, folder: str, suffix: str) -> dict[str, bytes]:
    """Names and contents of the files in one folder of a package."""
    files = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if path.parent == PurePosixPath("package", folder) and path.suffix == suffix and member.isfile():
                    files[path.name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{archive} is damaged; delete it and run again: {error}") from error
    return files


def read_pictures(cache: Path, package: str, folder: str, suffix: str) -> dict[str, tuple[str, bytes]]:
    """Names and contents of the picture files of a package by code points without FE0F."""
    files = read_files(download(package, cache), folder, suffix)
    names = sorted(files.keys() - UNDRAWABLE, key=len)  # the longer name last: with FE0F, where there are both
    return {bare(Path(name).stem.upper()): (name, files[name]) for name in names}


def as_png(data: bytes) -> bytes:
    """Any picture to PNG of SIDE x SIDE pixels, RGB on white."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    png = io.BytesIO()
    white.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(png, "PNG", optimize=True)
    return png.getvalue()


def as_row(glyph: Row, groups: list[str], style: str, image: Row) -> Row:
    """A row of the parquet file."""
    label, tags = glyph["label"].lower(), [tag.lower() for tag in glyph["tags"]]
    words = {"label": label, "tags": tags, "style": style, "group": groups[glyph["group"]]}
    return {"image": image, **words, "codepoints": glyph["hexcode"]}


def read_rows(path: Path) -> list[Row]:
    """The rows of a parquet file of this data set. Raises UserError where it is none."""
    try:
        return pq.read_table(path).cast(SCHEMA).to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read as such a data set: {' '.join(str(error).split())[:200]}") from error


def compare(rows: list[Row], expected: list[Row]) -> bool:
    """Prints a table of differences; returns whether there is none."""
    same = [(row["style"], row["codepoints"]) for row in rows] == [(r["style"], r["codepoints"]) for r in expected]
    print(f"rows: {len(rows)} here, {len(expected)} there; the same keys in the same order: {'yes' if same else 'no'}")
    columns = "{:12}{:>6}{:>7}{:>6}{:>8}{:>6}{:>8}{:>9}{:>5}"
    print(columns.format("style", "here", "there", "both", "labels", "tags", "groups", "mean", "max"))
    for style in STYLES:
        ours, theirs = ({r["codepoints"]: r for r in part if r["style"] == style} for part in (rows, expected))
        pairs = [(ours[key], theirs[key]) for key in ours if key in theirs]
        words = [sum(a[field] != b[field] for a, b in pairs) for field in ("label", "tags", "group")]
        off = np.array([difference(a, b) for a, b in pairs] or [(0, 0)])
        mean, highest = off[:, 0].mean(), int(off[:, 1].max())
        print(columns.format(style, len(ours), len(theirs), len(pairs), *words, f"{mean:.4f}", highest))
        same = same and not any(words) and not highest
    print("labels, tags, groups: rows that differ; mean, max: absolute pixel difference, of 255")
    return same


def difference(a: Row, b: Row) -> tuple[float, int]:
    """Mean and maximum absolute difference of the pixels of two pictures."""
    x, y = (np.array(Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB"), dtype=int) for row in (a, b))
    return abs(x - y).mean(), abs(x - y).max()


if __name__ == "__main__":
    sys.exit(main())
