"""The page of a run, as a function."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.execution.run_api import opened_run
from cfgsweep.storage.page_files import INDEX

if TYPE_CHECKING:
    from cfgsweep.execution.run import Run


def page(run: Run | str | os.PathLike[str]) -> Path:
    """Write the page on which a run is browsed: `page/index.html` in its folder, which opens from its file.

    Only what differs from the page that is there is written. Returns the path of the page.
    """
    from cfgsweep.pages.write import write_page

    opened = opened_run(run)
    write_page(opened.run_folder, opened.sweep, opened.experiments)
    return opened.run_folder.page / INDEX
