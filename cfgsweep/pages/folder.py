"""A page with all of its pictures in a folder of its own, which can be given away."""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Sequence
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.pages.data import PageData
from cfgsweep.pages.thumbs import colours_of_page
from cfgsweep.pages.write import asset, remove_others, write_assets, write_data
from cfgsweep.storage.artifacts import IMAGES, PREVIEWS
from cfgsweep.storage.page_files import HEAD, INDEX, begins_as_script
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.files import copy_file, make_folder

PICTURES = "[0-9a-f]" * 16 + ".png"


def write_page_folder(
    run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], others: Sequence[Experiment], folder: Path
) -> Path:
    """Write a page of these experiments, their pictures and previews; the path of the page.

    others: further experiments of the run. Pictures of those that these are compared with are copied, too.

    A page that is there is made this one. Raises UserError where the folder holds anything else, or is in the run's.
    """
    _check_folder(folder, run.folder)
    write_assets(folder)
    data = PageData.of(run, sweep, experiments, folder, colours_of_page(folder, is_read=True), others, folder="")
    done = data.whole
    _copy((run.image_path(record.id) for record in done), folder / IMAGES)
    _copy((path for record in done if (path := run.preview_path(record.id)).is_file()), folder / PREVIEWS)
    write_data(data, folder)
    return folder / INDEX


def _check_folder(folder: Path, run: Path) -> None:
    if folder.resolve().is_relative_to(run.resolve()):
        raise UserError("in the run's own folder", where="--out", given=str(folder), hint="name another folder")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError("not a folder", where="--out", given=str(folder), hint="--single writes one file")
    if any(folder.iterdir()) and not _is_page(folder):
        problem = "there is something else than a page here already"
        raise UserError(problem, where="--out", given=str(folder), hint="name an empty folder, or a new one")


def _is_page(folder: Path) -> bool:
    """Is it one of ours, maybe damaged, or one whose writing was stopped?"""
    index = folder / INDEX
    return begins_as_script(folder / HEAD, HEAD) or (index.is_file() and index.read_bytes() == asset(INDEX))


def _copy(files: Iterable[Path], folder: Path) -> None:
    """Copy these files into a folder, and remove other pictures of runs from it."""
    files = list(files)
    if files or folder.exists():
        make_folder(folder)
    for path in files:
        place = folder / path.name
        if not place.is_file() or not filecmp.cmp(path, place, shallow=False):
            copy_file(path, place)
    remove_others(folder, PICTURES, {path.name for path in files})
