"""Writes the page of a run that another command has changed or read, where it is not that of the run already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cfgsweep.errors import CfgsweepError
from cfgsweep.pages.current import is_current
from cfgsweep.pages.write import write_page
from cfgsweep.storage.artifacts import PAGE_INDEX
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.machine_errors import in_words


def keep_page(
    run: RunFolder,
    sweep: Sweep,
    experiments: Sequence[Experiment],
    notice: Callable[[str], None],
    made: Mapping[str, int] | None = None,
) -> Path | None:
    """The path of the page; None, with a notice, where it cannot be written: the command itself has not failed.

    made: colours of thumbnails that have been made since the last page.
    """
    try:
        if not is_current(run):
            write_page(run, sweep, experiments, made=made)
    except (OSError, CfgsweepError) as error:
        notice(not_written(error))
        return None
    return run.folder / PAGE_INDEX


def not_written(error: OSError | CfgsweepError) -> str:
    """Why there is no page, as a notice."""
    return f"no page was written: {in_words(error) if isinstance(error, OSError) else error}"
