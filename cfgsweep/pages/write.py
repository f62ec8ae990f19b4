"""Writes the page of a run into its folder. Files that are there already, and right, are not written again."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from cfgsweep.pages.data import PageData
from cfgsweep.pages.thumbs import make_thumbs, thumb_file
from cfgsweep.storage.page_files import ASSETS, DATA, HEAD, THUMBS, hash_of, script
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.files import make_folder, open_atomic


def write_page(run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], is_running: bool = False) -> PageData:
    """Write `page/` in the run's folder: after a kill at any moment, the page that was there or the new one."""
    records = run.records_of(experiments)
    colours = make_thumbs(run, records.values(), run.page)
    data = PageData(run, sweep, experiments, records, colours, is_running=is_running)
    write_data(data, run.page)
    return data


def write_data(data: PageData, folder: Path) -> list[str]:
    """Write a page without its thumbnails, remove what it no longer names, and return the names of its results."""
    write_assets(folder)
    make_folder(folder / DATA)
    plan, kept, results = data.plan(), set[str](), list[str]()
    for written in ((plan,), *data.results()):
        for name, content in written:
            _write(folder / name, content)
            kept.add(name)
        results += [written[0][0]] if len(written) > 1 else []
    write_head(data, folder, plan[0], results)
    remove_others(folder / DATA, "*.js", {Path(name).name for name in kept})
    remove_others(folder / THUMBS, "*.webp", {thumb_file(folder, name).name for name in data.colours})
    return results


def write_assets(folder: Path) -> None:
    """Write what is the same in all pages, `index.html` first."""
    make_folder(folder)
    for name in ASSETS:
        _write(folder / name, asset(name))


def write_head(data: PageData, folder: Path, plan: str, results: Iterable[str]) -> None:
    """Write data.js, by which the page has what the files contain that it names."""
    head = data.head(plan, results) | {"assets": {name: hash_of(asset(name)) for name in ASSETS}}
    _write(folder / HEAD, script(HEAD, head)[1])


def asset(name: str) -> bytes:
    """A file of the built page."""
    return files("cfgsweep").joinpath("page", "dist", name).read_bytes()


def _write(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        with open_atomic(path) as file:
            file.write(content)


def remove_others(folder: Path, pattern: str, kept: Container[str]) -> None:
    """Remove the files of the pattern that are none of these."""
    for path in folder.glob(pattern):
        if path.name not in kept:
            path.unlink()
