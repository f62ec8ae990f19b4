"""Writes the page of a run into its folder. Files that are there already, and right, are not written again."""

from __future__ import annotations

import errno
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cfgsweep.pages.current import MADE_OF
from cfgsweep.pages.data import PageData, Script
from cfgsweep.pages.thumbs import colours_of_page
from cfgsweep.storage.page_files import ASSETS, DATA, HEAD, SCRIPTS, THUMBS, WEBPS, hash_of, script, thumb_file
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.files import make_folder, open_atomic
from cfgsweep.system.locks import held

READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class WrittenPage:
    """What was written. plan, results: the names of files."""

    data: PageData
    plan: str
    results: list[str]


def write_page(
    run: RunFolder,
    sweep: Sweep,
    experiments: Sequence[Experiment],
    made: Mapping[str, int] | None = None,
    is_repaired: bool = False,
) -> WrittenPage:
    """Write `page/` in the run's folder. After a kill at any moment there is the page of before, or the new one.

    made: colours of thumbnails that have been made since the last page. is_repaired: whether thumbnails that are there
    are read, and made again where they are damaged.
    """
    with writing(run.page):
        return write_alone(run, sweep, experiments, made, is_repaired=is_repaired)


def write_alone(
    run: RunFolder,
    sweep: Sweep,
    experiments: Sequence[Experiment],
    made: Mapping[str, int] | None = None,
    is_running: bool = False,
    is_repaired: bool = False,
) -> WrittenPage:
    """The same, by the holder of the lock."""
    known = colours_of_page(run.page, is_repaired, made)
    return write_data(PageData.of(run, sweep, experiments, run.page, known, is_running=is_running), run.page)


@contextmanager
def writing(page: Path) -> Iterator[None]:
    """Hold the lock of a run's page: one command at a time writes it, and removes what it no longer names."""
    with ExitStack() as stack:
        try:
            make_folder(page)
            stack.enter_context(held(page, True, lambda _: None))
        except OSError as error:
            if error.errno not in READ_ONLY:  # there, nobody else writes, and what is right stays as it is
                raise
        yield


def write_data(data: PageData, folder: Path) -> WrittenPage:
    """Write a page without its thumbnails, and remove what it no longer names."""
    write_assets(folder)
    make_folder(folder / DATA)
    plan = data.plan()
    write_scripts([plan], folder)
    kept, results = {plan[0]}, list[str]()
    for written in data.results():
        write_scripts(written, folder)
        kept |= {name for name, _ in written}
        results.append(written[0][0])
    write_head(data, folder, plan[0], results)
    remove_others(folder / DATA, SCRIPTS, {Path(name).name for name in kept})
    remove_others(folder / THUMBS, WEBPS, {thumb_file(folder, name).name for name in data.colours})
    return WrittenPage(data, plan[0], results)


def write_assets(folder: Path) -> None:
    """Write what is the same in all pages, `index.html` first."""
    make_folder(folder)
    for name in ASSETS:
        _write(folder / name, asset(name))


def write_head(data: PageData, folder: Path, plan: str, results: Iterable[str]) -> None:
    """Write data.js, by which the page has what the files contain that it names."""
    made = {} if data.is_running else {MADE_OF: data.made_of}
    head = data.head(plan, results) | {"assets": {name: hash_of(asset(name)) for name in ASSETS}} | made
    _write(folder / HEAD, script(HEAD, head)[1])


def asset(name: str) -> bytes:
    """A file of the built page."""
    return files("cfgsweep.pages").joinpath("dist", name).read_bytes()


def write_scripts(scripts: Iterable[Script], folder: Path) -> None:
    for name, content in scripts:
        _write(folder / name, content)


def _write(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        with open_atomic(path) as file:
            file.write(content)


def remove_others(folder: Path, pattern: str, kept: Container[str]) -> None:
    """Remove the files of the pattern that are none of these."""
    for path in folder.glob(pattern):
        if path.name not in kept:
            path.unlink()
