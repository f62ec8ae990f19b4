"""Merges the shards of a run into one run folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cfgsweep.engine.cut import cut
from cfgsweep.execution.measure import sources_of
from cfgsweep.execution.run import Run
from cfgsweep.execution.run_sweep import write_reports
from cfgsweep.models.device import choose as choose_device
from cfgsweep.pages.write import write_page
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.storage.open_run import sweep_of_run
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_folders import Shards, copy_run, copy_what_is_common, merged_environment
from cfgsweep.storage.verify import repair
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.display import Display, choose
from cfgsweep.system.locks import held
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.system.wording import counted


@dataclass(frozen=True)
class Merged:
    """What was merged: the run, how many pictures were copied, and what is still missing, in words."""

    run: Run
    copied: int
    missing: tuple[str, ...]

    def lines(self) -> list[str]:
        done = sum(1 for _ in self.run)
        first = f"{self.run.folder}: {done:,} of {counted(len(self.run.experiments), 'picture')}, {self.copied:,} new"
        return [first, *self.missing, *map(str, self.run.grid_files)]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def merge(folder: str | os.PathLike[str], *, wait: bool = False, quiet: bool = False) -> Merged:
    """Copy what the shards of a run have into one run folder, measure it, and write its grids and page.

    folder: of the run; its shards are in `shards`, as `run` with `shard` makes them. Shards may be missing or at work:
    merging again adds what has come since. The shards stay as they are.
    Raises UserError where the shards' sweeps, models, batch shapes, versions or kinds of device differ.
    """
    display = choose(quiet)
    try:
        with quiet_libraries():
            return _merge(Path(folder), wait, display)
    finally:
        display.close()


def _merge(folder: Path, wait: bool, display: Display) -> Merged:
    shards, target = Shards.of(folder), RunFolder(folder)
    shards.check_alike(target if target.sweep_file.is_file() else None)
    target.create()
    with held(folder, wait, display.notice):
        target.write_environment(merged_environment(shards))  # first: by this file the folder is known to be a run's
        repair(target, display)
        copied = sum(copy_run(shard, target) for shard in shards.begun.values())
        copy_what_is_common(shards, target)
        run, sweep, experiments = sweep_of_run(folder)
        metrics = RunMetrics(sweep.metrics, experiments, sources_of(experiments), choose_device("auto").device)
        grids = write_reports(run, sweep, experiments, metrics, display)
        write_page(run, sweep, experiments)
    return Merged(Run(run, sweep, experiments, grids), copied, tuple(_missing(shards, run, experiments)))


def _missing(shards: Shards, run: RunFolder, experiments: Sequence[Experiment]) -> Iterator[str]:
    """A line for every shard of which pictures are missing, with the command that makes them."""
    records, begun = run.records_of(experiments), shards.begun
    if len(records) == len(experiments):
        return
    sweep = next(iter(begun.values())).sweep_file
    parts = cut(experiments, shards.count)
    for number, part in enumerate(parts, 1):
        lacking = sum(e.id not in records for e in part.experiments)
        if lacking:
            words = ["cfgsweep", "run", str(sweep), "--shard", f"{number}/{shards.count}", "--out", str(shards.run)]
            state = f"{lacking:,} missing" if number in begun else "not begun"
            yield f"shard {number} of {shards.count}: {state}: {shlex.join(words)}"
