"""The page of a run, as a function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.errors import UserError
from cfgsweep.execution.run_api import open_run, opened_run
from cfgsweep.storage.artifacts import PAGE_INDEX
from cfgsweep.storage.page_files import SINGLE
from cfgsweep.system.display import SilentDisplay

if TYPE_CHECKING:
    from cfgsweep.execution.run import Run


def page(
    run: Run | str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    single: bool = False,
    where: Sequence[str] | None = None,
) -> Path:
    """Write the page on which a run is browsed: `page/index.html` in its folder, which opens from its file.

    Only what differs from the page that is there is written.

    out: a folder to write a page into that has its pictures, to be given away; with `single` a file.
    single: write one HTML file with all data inside, `page/single.html` if `out` is not given. Its pictures are the
        thumbnails, of 500 experiments at most.
    where: of `out` and `single`, only pictures for which these conditions hold, as `Run.where` takes them.
    Returns the path of the page. Raises UserError where something else is in its place.
    """
    from cfgsweep.pages.folder import write_page_folder
    from cfgsweep.pages.single import write_single
    from cfgsweep.pages.write import write_page

    opened = opened_run(run, where)
    if opened.chosen and out is None and not single:
        hint = "give --out or --single, too"
        raise UserError("the page in a run's folder is of all of the run", where="--where", hint=hint)
    whole = open_run(opened.folder) if opened.chosen else opened  # what cells are compared with depends on all of it
    others = [*whole.experiments, *whole.controls]
    content = opened.run_folder, opened.sweep, opened.experiments
    if single:
        path = Path(out) if out is not None else opened.run_folder.page / SINGLE
        return write_single(*content, others, path)
    if out is not None:
        return write_page_folder(*content, others, Path(out))
    write_page(*content, is_repaired=True)
    return opened.folder / PAGE_INDEX


def write_page_of(folder: Path) -> None:
    """Write the page of a run that is read for something else, if it is not that of the run already.

    A notice says so where that cannot be done: the folder may be one that nobody may write into.
    """
    from cfgsweep.pages.keep import keep_page

    opened = open_run(folder)
    keep_page(opened.run_folder, opened.sweep, opened.experiments, SilentDisplay().notice)
